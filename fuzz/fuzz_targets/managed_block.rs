//! A block goes into any file and out again, and leaves the file as it was, byte for byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::plan::block;

fuzz_target!(|input: (&[u8], Vec<String>)| {
    let (file, lines) = input;
    let line = |line: &String| {
        !line.contains(['\r', '\n']) && !line.contains("modelstrap <<<") && !line.contains(">>> modelstrap")
    };
    if lines.is_empty() || !lines.iter().all(line) {
        // Any bytes may be searched, whatever they hold.
        let _ = block::find(file);
        return;
    }
    let Ok(there) = block::find(file) else { return };
    let written = block::set(file, &lines).expect("the markers were sound");
    let found = block::find(&written).expect("what was written is sound").expect("a block was written");
    assert_eq!(found.body, block::body(&lines));
    assert_eq!(block::set(&written, &lines).expect("sound"), written, "a second time changes nothing");
    if there.is_none() {
        assert_eq!(block::remove(&written, file).expect("sound"), file, "taking it out restores the file");
    }
});
