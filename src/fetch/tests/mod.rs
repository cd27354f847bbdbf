//! The engine against a server that misbehaves in every way that was thought of: the right bytes come, or a clear error and
//! nothing under the final name.

mod faults;
mod large_files;
mod requests;
mod server;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::support::vars::Vars;

/// A steward that wants everything.
struct Anything;

impl Steward for Anything {}

/// A folder to download into.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn artifact(&self, url: &str, content: &[u8]) -> Artifact {
        Artifact {
            label: "file".to_owned(),
            group: 0,
            url: url.to_owned(),
            size: Some(content.len() as u64),
            digest: Some(Digest::Sha256(Sha256::digest(content).into())),
            destination: self.folder.path().join("deep/er/file"),
            partials: self.folder.path().join("partials").into(),
            credential: None,
            key: 0,
        }
    }

    /// Names in the folder of unfinished downloads.
    fn left(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("partials")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("deep/er/file")
    }
}

fn client() -> Client {
    Client::new(Network::from_vars(&Vars::default(), false).unwrap()).unwrap()
}

fn quick() -> Options {
    Options { stall: Duration::from_millis(400), pause: Duration::from_millis(20), ..Options::default() }
}

fn get(artifact: &Artifact) -> Outcome {
    fetch(&client(), std::slice::from_ref(artifact), &Anything, &quick(), &|_| {}).remove(0)
}

/// Fetches, and also tells which kinds of events there were.
fn told(artifact: &Artifact, options: &Options) -> (Outcome, Vec<&'static str>) {
    let events = Mutex::new(Vec::new());
    let note = |event: Event| {
        events.lock().unwrap().push(match event {
            Event::Started { .. } => "started",
            Event::Progress { .. } => "progress",
            Event::Restarted { .. } => "restarted",
            Event::Retry { .. } => "retry",
            Event::Verifying { .. } => "verifying",
            Event::Done { .. } => "done",
            Event::Failed { .. } => "failed",
        });
    };
    let outcome = fetch(&client(), std::slice::from_ref(artifact), &Anything, options, &note).remove(0);
    (outcome, events.into_inner().unwrap())
}

/// Bytes that repeat nowhere near.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}

/// Asserts that `outcome` is a success and that the file holds `content`, with nothing left over.
fn assert_here(room: &Room, outcome: &Outcome, content: &[u8]) {
    assert!(matches!(outcome.result, Ok(Some(_))), "{:?}", outcome.result);
    assert!(fs::read(room.file()).unwrap() == content, "the bytes are the right ones");
    assert_eq!(room.left(), Vec::<String>::new(), "nothing is left of the download");
}

/// Asserts that there is no file, and gives the error's text.
fn refusal(room: &Room, outcome: Outcome) -> String {
    assert!(!room.file().exists(), "nothing stands under the final name");
    outcome.result.unwrap_err().to_string()
}
