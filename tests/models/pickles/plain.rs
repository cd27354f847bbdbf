//! What is no pickle, or one that only holds data, is let through, and tensors are not even read.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use modelstrap::models::pickle::{Kind, Verdict, scan};

use super::{PLAIN, joined, of};
use crate::support::python::skipped;
use crate::support::zip::zip;

#[test]
fn data_is_let_through() {
    let mut tensors = 56_u64.to_le_bytes().to_vec();
    tensors.extend_from_slice(b"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}\0\0\0\0\0\0");
    for (bytes, kind, verdict) in [
        (&b""[..], Kind::Other, Verdict::NotAPickle),
        (&tensors, Kind::Safetensors, Verdict::NotAPickle),
        (b"GGUF\x03\0\0\0 and so on", Kind::Gguf, Verdict::NotAPickle),
        (b"\x08\x07\x12\x07pytorch", Kind::Onnx, Verdict::NotAPickle),
        (b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0", Kind::CTranslate2, Verdict::NotAPickle),
        (b"{\"model_type\": \"whisper\"}", Kind::Text, Verdict::NotAPickle),
        (b"consider\nthis\nlist of words\n", Kind::Text, Verdict::NotAPickle),
        (b"cat\ndog\nios\nRust\n(in\nthe\n", Kind::Text, Verdict::NotAPickle),
        (b"\x80\x02\xff\xfe random", Kind::Other, Verdict::NotAPickle),
        (PLAIN, Kind::Pickle, Verdict::Plain),
        (b"(dp0\nS'a'\np1\nI1\ns.", Kind::Pickle, Verdict::Plain),
        (&zip(&[("x/data.pkl", PLAIN), ("x/data/0", b"\x80\x02N\x01")]), Kind::TorchZip, Verdict::Plain),
        // Numbers of a quantised tensor that are opcodes, and zeros after the beginning of a line.
        (&zip(&[("x/data.pkl", PLAIN), ("x/data/0", &[0x88; 1 << 20])]), Kind::TorchZip, Verdict::Plain),
        (&zip(&[("x/data.pkl", PLAIN), ("x/data/0", &joined(&[b"I", &[0; 2 << 20]]))]), Kind::TorchZip, Verdict::Plain),
        (&zip(&[("a.txt", b"text"), ("b/", b"")]), Kind::Zip, Verdict::NotAPickle),
        (&zip(&[]), Kind::Zip, Verdict::NotAPickle),
        (
            &zip(&[
                ("m/data.pkl", b"\x80\x02c__torch__.m\nNet\n)\x81."),
                ("m/constants.pkl", b"\x80\x02)."),
                ("m/code/__torch__.py", b"class Net"),
            ]),
            Kind::TorchScript,
            Verdict::Plain,
        ),
    ] {
        let found = of(bytes);
        assert_eq!((found.kind, found.verdict), (kind, verdict), "{bytes:?}");
    }
}

#[test]
fn tensors_are_not_read() {
    // 8 GiB of nothing: to read it would take seconds.
    let mut file = tempfile::tempfile_in("/tmp").or_else(|_| tempfile::tempfile()).unwrap();
    let header = b"{\"a\":{\"dtype\":\"U8\",\"shape\":[8589934592],\"data_offsets\":[0,8589934592]}}";
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header).unwrap();
    if file.seek(SeekFrom::Start(8 << 30)).is_err() || file.write_all(b"\0").is_err() {
        return skipped("this disk takes no file of 8 GiB with a hole");
    }
    let link = Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&file).to_string());
    if !link.exists() {
        return skipped("this system has no /proc/self/fd");
    }
    let start = Instant::now();
    let report = scan(&link).unwrap();
    assert_eq!((report.kind, report.verdict), (Kind::Safetensors, Verdict::NotAPickle));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}
