//! Each way to write an import, and each thing to hide it in.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use modelstrap::models::pickle::Kind;

use super::packed::{gzipped, tar};
use super::{PLAIN, SYSTEM, joined, of, told};
use crate::support::zip::zip;

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
fn a_program_of_torchscript_may_not_bring_pythons_imports_along() {
    let bytes = zip(&[("m/data.pkl", SYSTEM), ("m/constants.pkl", b"\x80\x02)."), ("m/code/a.py", b"")]);
    assert_eq!(told(&bytes), "os.system (dangerous) in m/data.pkl");
}
