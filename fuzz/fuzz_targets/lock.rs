//! Any text is a lock that is written and read as the same, or an error that can be shown; what is accepted stays in its folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::models::lock::Lock;

fuzz_target!(|text: &str| {
    match Lock::parse(text) {
        Ok(lock) => {
            for file in lock.models.iter().flat_map(|model| &model.parts).flat_map(|part| &part.files) {
                assert!(!file.path.starts_with('/') && file.path.split(['/', '\\']).all(|part| part != ".."));
            }
            assert_eq!(Lock::parse(&lock.render()).expect("what was written is a lock"), lock);
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
});
