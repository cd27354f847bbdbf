//! What loading a file would import is found, whatever the file is called and whatever it is packed in; what torch writes
//! for weights is let through; and no file, however hostile, is executed, hangs the scan or brings it down.
//!
//! `MODELSTRAP_TEST_PYTHON_TORCH` names an interpreter with torch.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/python.rs"]
mod python;
#[path = "support/zip.rs"]
mod zip;

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use modelstrap::models::pickle::{Kind, Report, Verdict, scan, scan_bytes};
use proptest::prelude::*;
use python::{good, python_with, skipped};
use zip::zip;

/// `os.system('id')`, protocol 2.
const SYSTEM: &[u8] = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.";
/// `{'a': 1}`, protocol 2.
const PLAIN: &[u8] = b"\x80\x02}X\x01\x00\x00\x00aK\x01s.";

fn of(bytes: &[u8]) -> Report {
    scan_bytes(bytes).unwrap()
}

/// The names that a file would import, with the members that do it; or the verdict in a word.
fn told(bytes: &[u8]) -> String {
    match of(bytes).verdict {
        Verdict::NotAPickle => "no pickle".to_owned(),
        Verdict::Plain => "plain".to_owned(),
        Verdict::Unreadable(why) => format!("unreadable: {why}"),
        Verdict::Imports(imports) => imports
            .iter()
            .map(|import| match &import.member {
                Some(member) => format!("{import} in {member}"),
                None => import.to_string(),
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in members {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = b'0';
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn an_import_is_found_however_it_is_written() {
    for (what, bytes) in [
        ("protocol 0", &b"cos\nsystem\n(S'id'\ntR."[..]),
        ("GLOBAL", SYSTEM),
        ("STACK_GLOBAL", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
        (
            "in a frame",
            b"\x80\x04\x95\x14\0\0\0\0\0\0\0\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
        ),
        ("names from the memo", b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94N00h\0h\x01\x93\x8c\x02id\x85R."),
        ("names from a far key", b"\x80\x02X\x02\0\0\0osr\0\0\x01\x000X\x06\0\0\0systemp7\n0j\0\0\x01\0g7\n\x93)R."),
        ("a name that was doubled", b"\x80\x04\x8c\x02os\x8c\x06systemN20000\x8c\x02os\x8c\x06system\x93)R."),
        ("old texts", b"U\x02osT\x06\0\0\0system\x93S'id'\n\x85R."),
        ("eight-byte lengths", b"\x80\x04\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93)R."),
        ("escapes", b"S'\\x6f\\163'\nV\\u0073ystem\n\x93S'id'\n\x85R."),
        ("INST", b"(S'id'\nios\nsystem\n."),
        ("OBJ", b"(cos\nsystem\nS'id'\no."),
        ("NEWOBJ", b"\x80\x02cos\nsystem\n)\x81."),
        ("NEWOBJ_EX", b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92."),
        ("without a call", b"\x80\x02cos\nsystem\n."),
        ("cut before its end", b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R"),
        ("with a broken end", b"cos\nsystem\n(S'id'\ntR\xff\xff\xff"),
        ("after another pickle", &joined(&[PLAIN, SYSTEM])),
        (
            "beyond a value that is passed over",
            &joined(&[b"\x80\x04\x8e\0\0\x02\0\0\0\0\0", &[b'.'; 0x2_0000], &SYSTEM[2..]]),
        ),
    ] {
        assert_eq!(told(bytes), "os.system (dangerous)", "{what}");
    }
}

#[test]
fn other_things_that_nobody_allows_are_named_too() {
    for (bytes, expected) in [
        (&b"\x80\x02c__builtin__\neval\nX\x01\0\0\x001\x85R."[..], "__builtin__.eval (dangerous)"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "builtins.eval (dangerous)"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x17OrderedDict.__globals__\x93.", "collections.OrderedDict.__globals__"),
        (b"\x80\x02\x82\x05)R.", "copyreg.extension 5 (dangerous)"),
        (b"\x80\x02\x83\x01\x02)R.", "copyreg.extension 513 (dangerous)"),
        (b"\x80\x02\x84\x01\x02\0\0)R.", "copyreg.extension 513 (dangerous)"),
        (b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.", "torch.nn.modules.linear.Linear"),
        // A text that only running the stream would tell: the result of a call, a value from outside, a long one.
        (b"\x80\x02X\x02\0\0\0osc_codecs\nencode\n)R\x93.", "os.(a name that cannot be told) (dangerous)"),
        (b"\x80\x02Pos\nX\x06\0\0\0system\x93.", "(a name that cannot be told).system"),
        (b"\x80\x02ctorch\nTensor\n}b.", "torch.Tensor (changed in place)"),
        // A key that Python reads as a number, and this does not.
        (b"X\x02\0\0\0osp1_0\n0X\x06\0\0\0systemp11\n0g10\ng11\n\x93S'id'\n\x85R.", UNTOLD),
    ] {
        assert_eq!(told(bytes), expected);
    }
}

const UNTOLD: &str = "(a name that cannot be told).(a name that cannot be told)";

#[test]
fn an_import_is_found_whatever_the_file_is_packed_in() {
    let inner = zip(&[("archive/data.pkl", PLAIN), ("archive/readme.txt", SYSTEM)]);
    let mut numpy = b"\x93NUMPY\x01\0\x46\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".to_vec();
    numpy.resize(0x46 + 10, b' ');
    numpy.extend_from_slice(SYSTEM);
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(SYSTEM).unwrap();
    let zlib = zlib.finish().unwrap();
    for (kind, bytes, members) in [
        (Kind::TorchZip, inner.clone(), " in archive/readme.txt"),
        (Kind::Zip, zip(&[("xz", SYSTEM)]), " in xz"),
        (Kind::Zip, zip(&[("inner", &inner)]), " in inner > archive/readme.txt"),
        (Kind::Zip, zip(&[("innerz", &inner)]), " in innerz > archive/readme.txt"),
        (Kind::Tar, tar(&[("a.ckpt", &inner), ("b", b"text")]), " in a.ckpt > archive/readme.txt"),
        (Kind::Tar, tar(&[("pickle", SYSTEM)]), " in pickle"),
        (Kind::Compressed, gzipped(&tar(&[("a.ckpt", &inner)])), " in a.ckpt > archive/readme.txt"),
        (Kind::Compressed, gzipped(SYSTEM), ""),
        (Kind::Compressed, zlib, ""),
        (Kind::Numpy, numpy.clone(), ""),
        (Kind::Zip, zip(&[("arr_0.npyz", &numpy)]), " in arr_0.npyz"),
        (Kind::Zip, zip(&[("arr_0.npy", &numpy)]), " in arr_0.npy"),
    ] {
        assert_eq!((of(&bytes).kind, told(&bytes)), (kind, format!("os.system (dangerous){members}")));
    }
}

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
fn a_program_of_torchscript_may_not_bring_pythons_imports_along() {
    let bytes = zip(&[("m/data.pkl", SYSTEM), ("m/constants.pkl", b"\x80\x02)."), ("m/code/a.py", b"")]);
    assert_eq!(told(&bytes), "os.system (dangerous) in m/data.pkl");
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

#[test]
fn what_is_no_file_is_an_error() {
    assert_eq!(scan(Path::new("/dev/zero")).unwrap_err().to_string(), "is not a regular file");
    assert_eq!(scan(Path::new("/nonexistent")).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

/// Runs `code` in a folder of its own, and gives the folder.
fn made_by(python: &Path, code: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    good(Command::new(python).current_dir(dir.path()).args(["-W", "ignore", "-c", code]));
    dir
}

#[test]
fn pythons_own_pickler_is_read_in_all_its_protocols() {
    let Some(python) = python::python() else { return };
    let code = "
import collections, os, pickle
class Evil:
    def __reduce__(self):
        return (os.system, ('id',))
data = {'a': [1, 2.5, None, True, 'x' * 300, b'y' * 300], 'o': collections.OrderedDict(z=(1, 2, 3, 4)), 's': {1, 2},
        'big': 1 << 4000, 'c': 1 + 2j, 'ba': bytearray(b'hello'), 'n': -5, 'many': list(range(5000)),
        'words': [str(n) for n in range(100000)]}
for protocol in range(6):
    open(f'plain{protocol}', 'wb').write(pickle.dumps(data, protocol))
    open(f'evil{protocol}', 'wb').write(pickle.dumps([data, Evil()], protocol))
";
    let dir = made_by(&python, code);
    for protocol in 0..6 {
        let read = |name: &str| told(&fs::read(dir.path().join(format!("{name}{protocol}"))).unwrap());
        assert_eq!(read("plain"), "plain", "protocol {protocol}");
        assert_eq!(read("evil"), "posix.system (dangerous)", "protocol {protocol}");
    }
}

#[test]
fn torchs_weights_are_plain_and_whole_modules_are_refused_with_their_class() {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") else { return };
    let code = "
import torch
net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Embedding(10, 4))
weights = net.state_dict()
weights.update(half=torch.zeros(3, dtype=torch.bfloat16), sparse=torch.eye(3).to_sparse(), dtype=torch.float16,
               quantised=torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), size=torch.Size([1, 2]),
               parameter=torch.nn.Parameter(torch.ones(2)), bytes=torch.randint(0, 255, (500, 500), dtype=torch.uint8))
weights.update({f'layer{n}': torch.randn(50) for n in range(1000)})
for name, old in ('zip', False), ('legacy', True):
    torch.save(weights, name, _use_new_zipfile_serialization=not old)
    torch.save(net, 'module-' + name, _use_new_zipfile_serialization=not old)
torch.jit.script(net[:2]).save('script')
";
    let dir = made_by(&python, code);
    let report = |name: &str| scan(&dir.path().join(name)).unwrap();
    for (name, kind) in [("zip", Kind::TorchZip), ("legacy", Kind::TorchLegacy), ("script", Kind::TorchScript)] {
        let found = report(name);
        assert_eq!((found.kind, found.verdict), (kind, Verdict::Plain), "{name}");
    }
    for name in ["module-zip", "module-legacy"] {
        let sentence = report(name).to_string();
        assert!(sentence.contains("torch.nn.modules.container.Sequential"), "{sentence}");
        assert!(!report(name).is_acceptable());
    }
}

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
