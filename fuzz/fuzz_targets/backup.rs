//! Archives of `backup` that are damaged in any way are read to an end, or refused with a reason; never a panic, and never a member
//! that the index does not name.
//!
//! The index has a digest of itself, which stops a fuzzer soon: so the bytes are lines that get a digest that fits, and damage done
//! to what follows.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use modelstrap::cache::archive::frames;
use modelstrap::cache::archive::index;
use modelstrap::cache::archive::read::{Archive, Taker};
use modelstrap::cache::archive::tar::{Kind, Member, header, padding};
use modelstrap::cache::archive::unpack::Input;
use modelstrap::platform::Os;
use modelstrap::support::digest::sha256;

const HEAD: &str = r#"{"schema":"modelstrap.archive/1","tool":"","created_at":"","entries":2,"bytes":3}
{"file":"torch/a","size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
{"link":"torch/b","to":"a"}
"#;

struct Bounded(u64);

impl Taker for Bounded {
    fn wants(&mut self, _: usize) -> bool {
        true
    }

    fn bytes(&mut self, _: usize, bytes: &[u8]) -> anyhow::Result<()> {
        self.0 += bytes.len() as u64;
        Ok(())
    }

    fn over(&mut self, _: usize) -> anyhow::Result<()> {
        Ok(())
    }
}

fn member(name: &str, to: &str, kind: Kind, bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len() as u64;
    let mut out = header(&Member { name: name.into(), to: to.into(), kind, size, mode: 0o644, mtime: 0 });
    out.extend_from_slice(bytes);
    out.resize(out.len() + padding(size), 0);
    out
}

fuzz_target!(|input: (bool, Option<String>, Vec<(u16, u8)>, Vec<u8>)| {
    let (packed, lines, damage, tail) = input;
    let mut text = lines.unwrap_or_else(|| HEAD.to_owned());
    text.push_str(&format!("{{\"end\":\"{}\"}}\n", sha256(text.as_bytes())));
    let mut bytes = member(index::NAME, "", Kind::File, text.as_bytes());
    let fixed = bytes.len();
    bytes.extend(member("torch/a", "", Kind::File, b"abc"));
    bytes.extend(member("torch/b", "a", Kind::Link, b""));
    for (at, byte) in damage {
        let at = fixed + usize::from(at) % (bytes.len() - fixed);
        bytes[at] = byte;
    }
    bytes.extend_from_slice(&tail);
    bytes.extend_from_slice(&[0; 1024]);
    if packed {
        let mut frames = Vec::new();
        bytes.chunks(1000).for_each(|chunk| frames::stored(chunk, &mut frames));
        bytes = frames;
    }
    let Ok(mut archive) = Archive::open(Input::Pipe(Box::new(Cursor::new(bytes))), Os::Linux) else { return };
    let promised = archive.index.head.bytes;
    let mut taker = Bounded(0);
    if archive.read(&mut taker).is_ok() {
        assert_eq!(taker.0, promised, "what came is what was promised");
    }
    assert!(taker.0 <= promised);
});
