//! The laws of the house, held by reading its source: who may import whom, who may write, who may ask the
//! machine, who may delete. A law that only stands in a document is broken within a month.
//!
//! `violations` is a pure function of a path and a text, so each law is also shown to fail.

mod docs;
mod files;
mod layers;
mod reach;
mod rules;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use rules::violations;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file and folder below `folder`, as sorted paths from the repository's root, with `/`.
fn below(folder: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder of the repository is readable") {
            let entry = entry.expect("an entry of a folder is readable");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let is_folder = entry.file_type().expect("an entry has a type").is_dir();
            if is_folder {
                waiting.push(path.clone());
            }
            found.push((path, is_folder));
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Asserts what the laws say to `body`, put below a header (so its first line is line 2).
#[track_caller]
fn says(path: &str, body: &str, expected: &[&str]) {
    assert_eq!(violations(path, &format!("//! Header.\n{body}")), expected, "in {path}:\n{body}");
}
