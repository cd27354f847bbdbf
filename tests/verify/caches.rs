//! The caches that are verified, and the line that says what came of it.

use std::fs;
use std::path::PathBuf;

use crate::support::bytes::{git, sha256};
use crate::support::project::{Ran, Room};

pub(crate) const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A cache in which every kind of digest occurs: the Hub's blobs, a listing, Ollama's layers, a checkpoint of torch, the marks of a
/// `local_dir` download, and a file of which nobody knows anything.
pub(crate) fn every_kind() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(
        &room,
        ".cache/huggingface/hub/models--org--asr",
        &[("config.json", b"{}"), ("model.bin", b"weights"), ("again.bin", b"weights")],
    );
    let layer = sha256(b"a layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), "a layer");
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b",
        format!(r#"{{"layers":[{{"digest":"sha256:{layer}","size":7}}]}}"#),
    );
    room.write(&format!(".cache/torch/hub/checkpoints/net-{}.pth", &sha256(b"a net")[..8]), "a net");
    room.write(".cache/torch/hub/checkpoints/other.pth", "who knows");
    room.write("models/copy/weights.safetensors", vec![7; 1 << 20]);
    let mark = format!("{COMMIT}\n{}\n{}\n", sha256(&vec![7; 1 << 20]), 4_000_000_000_u64);
    room.write("models/copy/.cache/huggingface/download/weights.safetensors.metadata", mark);
    room
}

/// A revision with these files, each a link to its blob, as a client of the Hub makes it.
pub(crate) fn repository(room: &Room, folder: &str, files: &[(&str, &[u8])]) {
    for (path, bytes) in files {
        let name = if path.ends_with(".json") { git(bytes) } else { sha256(bytes) };
        room.write(&format!("{folder}/blobs/{name}"), bytes);
        room.link(&format!("{folder}/snapshots/{COMMIT}/{path}"), &format!("../../blobs/{name}"));
    }
    room.write(&format!("{folder}/refs/main"), COMMIT);
}

pub(crate) fn blob(room: &Room, bytes: &[u8]) -> PathBuf {
    room.place(&format!(".cache/huggingface/hub/models--org--asr/blobs/{}", sha256(bytes)))
}

/// The files of `org/tiny`, which no lock names, where a program opens them.
pub(crate) fn strange(room: &Room) -> PathBuf {
    room.run(&["models", "download", "hf:org/tiny", "--weights", "all"]).expect(0);
    let snapshots = room.place(".cache/huggingface/hub/models--org--tiny/snapshots");
    fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path()
}

/// The last line, without what differs from run to run.
pub(crate) fn summary(ran: &Ran) -> String {
    let line = ran.err.lines().find(|line| line.contains(" read in ")).unwrap();
    let (read, rest) = line.split_once(" read in ").unwrap();
    format!("{read}: {}", rest.split_once("): ").unwrap().1)
}
