//! A cache that is written here, seen by the real `huggingface_hub`, old and new, with the network off.
//!
//! `MODELSTRAP_TEST_PYTHON` names an interpreter with huggingface_hub 2.4.0, `MODELSTRAP_TEST_PYTHON_OLD` one with 0.36.0.
#![cfg(unix)]

mod client;
mod layout;
mod loaded;
mod shared;
mod written;

use std::path::PathBuf;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn room() -> (tempfile::TempDir, PathBuf) {
    let room = tempfile::tempdir().unwrap();
    let hub = room.path().canonicalize().unwrap().join("hub");
    (room, hub)
}
