//! Any file may be looked through for pickles: it gets a verdict that can be shown, soon; never a panic.
//!
//! The bytes are also read as a pickle in a frame of known opcodes, so that the search does not stop at the first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::models::pickle::{Verdict, scan_bytes};

fuzz_target!(|bytes: &[u8]| {
    let report = scan_bytes(bytes).expect("memory can be read");
    assert!(!report.to_string().is_empty());
    if let Verdict::Imports(imports) = &report.verdict {
        assert!(!imports.is_empty());
    }
    let framed = [&b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94("[..], bytes].concat();
    let _ = scan_bytes(&framed).expect("memory can be read").to_string();
    // What ran before the bytes is named, whatever the bytes are.
    let after = [&b"\x80\x02cos\nsystem\n)R"[..], bytes].concat();
    let report = scan_bytes(&after).expect("memory can be read");
    assert!(matches!(report.verdict, Verdict::Imports(_)), "{report}");
});
