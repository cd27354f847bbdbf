//! What cannot be read to its end is refused, and nothing that is read takes long.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use modelstrap::models::pickle::scan;

use super::packed::{gzipped, tar};
use super::{PLAIN, SYSTEM, joined, of, told};
use crate::support::zip::zip;

#[test]
fn what_cannot_be_read_to_its_end_is_refused_and_says_why() {
    let sound = zip(&[("a/data.pkl", PLAIN)]);
    let mut prefixed = b"PK\x03\x04 and more".to_vec();
    prefixed.extend_from_slice(&sound);
    let mut encrypted = sound.clone();
    let entry = encrypted.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    encrypted[entry + 8] |= 1;
    for (bytes, expected) in [
        (PLAIN[..10].to_vec(), "unreadable: it breaks off at byte 9: it ends in the middle"),
        (sound[..sound.len() - 5].to_vec(), "unreadable: it is no sound zip: it has no end"),
        (prefixed, "unreadable: it is no sound zip: its directory is not where it says"),
        (encrypted, "unreadable: a/data.pkl is encrypted"),
        (b"\xfd7zXZ\0abc".to_vec(), "unreadable: it is compressed with xz, which cannot be looked into"),
        (zip(&[("a/data.pkl", &PLAIN[..10])]), "unreadable: a/data.pkl breaks off at byte 9: it ends in the middle"),
        (
            joined(&[b"\x80\x02", &b"N".repeat(600_000), b"cos\nsystem\n."]),
            "unreadable: it breaks off at byte 524290: it holds more values at once than can be followed",
        ),
        (
            joined(&[&b"N".repeat(600_000), &b"0".repeat(600_000), b"cos\nsystem\n(S'id'\ntR."]),
            "unreadable: it breaks off at byte 524288: it holds more values at once than can be followed",
        ),
        (
            tar(&[("pickle", &joined(&[&b"(".repeat(600_000), b"cos\nsystem\n)R."]))]),
            "unreadable: pickle breaks off at byte 524288: it nests deeper than can be followed",
        ),
        (tar(&[("a", PLAIN)])[..520].to_vec(), "unreadable: it is no sound tar: it ends in the middle"),
    ] {
        assert_eq!(told(&bytes), expected);
    }
    let hidden = gzipped(&joined(&[b"T\0\0\0\x02", &vec![b' '; 0x200_0000], b"cos\nsystem\n)R."]));
    assert_eq!(told(&hidden), "os.system (dangerous)", "beyond a packed value that is passed over");
    let both = joined(&[&SYSTEM[..SYSTEM.len() - 1], b"\xff"]);
    assert_eq!(
        of(&both).to_string(),
        "a pickle that would import os.system (dangerous) when it is loaded; it breaks off at byte 22: it has a byte that is no opcode"
    );
}

#[test]
fn hostile_files_end_soon() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"\x80\x02").unwrap();
        (0..64).for_each(|_| encoder.write_all(&b"N0".repeat(1 << 17)).unwrap());
        encoder.finish().unwrap()
    };
    for (what, bytes) in [
        ("a stack", joined(&[b"\x80\x02", &b"N".repeat(4 << 20)])),
        ("marks", joined(&[b"\x80\x02", &b"(".repeat(4 << 20)])),
        ("a line without end", joined(&[b"\x80\x02c", &b"a".repeat(4 << 20)])),
        ("a length beyond everything", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffcos\nsystem\n".to_vec()),
        ("pickles without end", b"N.".repeat(2 << 20)),
        ("a packed stream", joined(&[&gzipped(b""), &gzipped(&b"N0".repeat(2 << 20))])),
        ("a directory of one file many times", zip(&vec![("a", SYSTEM); 60_000])),
        ("deflate without a zip", bomb),
    ] {
        let start = Instant::now();
        let path = dir.path().join("hostile");
        fs::write(&path, bytes).unwrap();
        let _ = scan(&path).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{what}: {:?}", start.elapsed());
    }
}

#[test]
fn what_is_no_file_is_an_error() {
    assert_eq!(scan(Path::new("/dev/zero")).unwrap_err().to_string(), "is not a regular file");
    assert_eq!(scan(Path::new("/nonexistent")).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}
