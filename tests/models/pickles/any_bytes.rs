//! No bytes bring the scan down, and none before an import hide it.

use modelstrap::models::pickle::scan_bytes;
use proptest::prelude::*;

use super::packed::{gzipped, tar};
use super::{PLAIN, SYSTEM, joined, told};
use crate::support::zip::zip;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_bring_the_scan_down(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        scan_bytes(&bytes).unwrap();
    }

    #[test]
    fn no_opcodes_bring_the_scan_down(opcodes in proptest::collection::vec(opcode(), 0..60)) {
        let bytes = joined(&[b"\x80\x04", &opcodes.concat()]);
        scan_bytes(&bytes).unwrap();
    }

    #[test]
    fn no_damaged_archive_brings_the_scan_down(which in 0..3_usize, damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8), cut in any::<usize>()) {
        let mut bytes = match which {
            0 => zip(&[("archive/data.pkl", SYSTEM), ("bz", PLAIN)]),
            1 => tar(&[("a", SYSTEM), ("b", PLAIN)]),
            _ => gzipped(&zip(&[("a", SYSTEM)])),
        };
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut % (2 * bytes.len()) + 1);
        scan_bytes(&bytes).unwrap();
    }

    /// What comes before an import may push, mark and remember as it likes: the import is found.
    #[test]
    fn no_data_before_it_hides_an_import(values in proptest::collection::vec(value(), 0..40)) {
        let bytes = joined(&[b"\x80\x04", &values.concat(), b"cos\nsystem\n."]);
        prop_assert_eq!(told(&bytes), "os.system (dangerous)");
    }
}

/// An opcode with an argument that fits, or any byte.
fn opcode() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        value(),
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(&b"0123abdelostuR\x81\x85\x86\x87\x90\x91\x92\x93\x94\x97\x98Q."[..])
            .prop_map(|op| vec![op]),
        Just(b"cos\nsystem\n".to_vec()),
        Just(b"h\0".to_vec()),
        Just(b"g1\n".to_vec()),
        Just(b"p1\n".to_vec()),
    ]
}

/// What pushes one value and takes nothing.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::sample::select(&b"N)]}\x88\x89\x8f("[..]).prop_map(|op| vec![op]),
        any::<u8>().prop_map(|byte| vec![b'K', byte]),
        any::<[u8; 8]>().prop_map(|bytes| [&b"G"[..], &bytes].concat()),
        "[a-z.]{0,20}".prop_map(|text| [&[0x8c, text.len() as u8][..], text.as_bytes(), b"\x94"].concat()),
        proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| [&[b'C', bytes.len() as u8][..], &bytes].concat()),
        any::<i32>().prop_map(|number| format!("I{number}\n").into_bytes()),
    ]
}
