//! Any text is a manifest or an error that can be shown; never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::project::Manifest;

fuzz_target!(|text: &str| {
    if let Err(problem) = Manifest::parse(text) {
        assert!(!problem.to_string().is_empty());
    }
});
