//! Any text is a spec whose canonical form reads as itself, or an error that cannot drive a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::models::spec::Spec;

fuzz_target!(|text: &str| {
    match Spec::parse(text, &|_| None) {
        Ok(spec) => {
            let canonical = spec.to_string();
            assert!(!canonical.contains(char::is_control));
            assert_eq!(Spec::parse(&canonical, &|_| None).expect("the canonical form is a spec"), spec);
        }
        Err(error) => assert!(!error.to_string().contains(|sign: char| sign.is_control() && sign != '\n')),
    }
});
