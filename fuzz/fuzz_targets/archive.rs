//! Zips and tars that are damaged in any way are looked through, or refused with a reason; never a panic.
//!
//! Checksums and signatures stop a fuzzer soon, so the bytes are damage done to sound archives: where, and what instead.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelstrap::models::pickle::scan_bytes;

/// `a/data.pkl` with a small pickle, stored, and `b` with `os.system`, stored.
const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x0a\0\0\0a/data.pkl\x80\x02}.\
PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x10\0\0\0\x01\0\0\0b\x80\x02cos\nsystem\n)R.\
PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x04\0\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a/data.pkl\
PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x10\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x2c\0\0\0b\
PK\x05\x06\0\0\0\0\x02\0\x02\0\x67\0\0\0\x5b\0\0\0\0\0";

fn tar() -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[0] = b'a';
    bytes[124..136].copy_from_slice(b"00000000004\0");
    bytes[156] = b'0';
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.extend_from_slice(b"\x80\x02}.");
    bytes.resize(2048, 0);
    bytes
}

fuzz_target!(|damage: (bool, Vec<(u16, u8)>, Vec<u8>)| {
    let (zip, changes, tail) = damage;
    let mut bytes = if zip { ZIP.to_vec() } else { tar() };
    for (at, byte) in changes {
        let at = usize::from(at) % bytes.len();
        bytes[at] = byte;
    }
    bytes.extend_from_slice(&tail);
    let _ = scan_bytes(&bytes).expect("memory can be read").to_string();
});
