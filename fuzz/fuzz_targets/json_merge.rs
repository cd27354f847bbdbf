//! Setting a member of any JSON text gives JSON with that member, whatever else the text holds; removing it takes it out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::plan::json;
use serde::de::IgnoredAny;
use serde_json::json;

fuzz_target!(|input: (&str, Vec<String>, i64)| {
    let (text, mut pointer, number) = input;
    pointer.truncate(4);
    let value = json!({"number": number, "list": ["a", null]});
    let Ok(set) = json::set(text, &pointer, &value, Some("version")) else { return };
    if pointer.is_empty() {
        assert_eq!(set, text);
        return;
    }
    assert_eq!(json::get(&set, &pointer).expect("what was written is JSON"), Some(value.clone()));
    // A second time changes nothing.
    assert_eq!(json::set(&set, &pointer, &value, Some("version")).expect("it was JSON"), set);
    let removed = json::remove(&set, &pointer).expect("it was JSON");
    // Not read as a `Value`, which refuses numbers that JSON allows: 1e999.
    serde_json::from_str::<IgnoredAny>(&removed).expect("what is left is JSON");
});
