//! The lock's text. Written by hand: each file is one line, so that a diff shows files and Git merges them, and what every
//! release writes stays the same byte for byte whatever a TOML library prefers.

use std::fmt::Write as _;

use super::{Lock, VERSION};
use crate::models::locked::{File, FilesHome, Model, Part, Place, RepoType};
use crate::support::toml_text::quoted;

/// The first lines of every lock.
pub(super) const HEADER: &str = "\
# What every model of this project is, exactly: written by `modelstrap models lock`, to be committed and not edited.
# After a merge conflict: take either side, then run `modelstrap models lock`.
";

/// The last line. Without it the file was cut, which TOML alone cannot tell.
pub(super) const END: &str = "# the end of modelstrap.lock";

/// The text of a lock that is in its canonical order.
pub(super) fn render(lock: &Lock) -> String {
    let mut out = String::with_capacity(expected_length(lock));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{HEADER}\nversion = {VERSION}\nmanifest = {}", quoted(&lock.manifest.to_string()));
    for model in &lock.models {
        render_model(&mut out, model);
    }
    out.push('\n');
    out.push_str(END);
    out.push('\n');
    out
}

/// A little more than the text will be long: a text that grows is in memory twice while it does.
fn expected_length(lock: &Lock) -> usize {
    const REST: usize = 512;
    let parts = lock.models.iter().flat_map(|model| &model.parts);
    let files =
        parts.flat_map(|part| &part.files).map(|file| file.path.len() + file.url.as_ref().map_or(0, String::len) + 128);
    files.sum::<usize>() + lock.models.len() * REST + REST
}

fn render_model(out: &mut String, model: &Model) {
    out.push_str("\n[[model]]\n");
    line(out, "name", &model.name);
    line(out, "spec", &model.spec);
    for part in &model.parts {
        render_part(out, part);
    }
}

fn render_part(out: &mut String, part: &Part) {
    out.push_str("\n[[model.part]]\n");
    match &part.place {
        Place::Hub(place) => {
            line(out, "place", "hub");
            line(out, "type", repo_type(place.repo_type));
            line(out, "repo", &place.repo);
            line(out, "requested", &place.requested);
            line(out, "commit", &place.commit);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "complete = {}", place.complete);
        }
        Place::Files { home } => {
            line(out, "place", "files");
            line(out, "home", files_home(*home));
        }
        Place::TorchHub { owner, repo, reference, commit } => {
            line(out, "place", "torch-hub");
            line(out, "owner", owner);
            line(out, "repo", repo);
            line(out, "reference", reference);
            line(out, "commit", commit);
        }
        Place::Wheel { environment } => {
            line(out, "place", "wheel");
            if let Some(environment) = environment {
                line(out, "environment", environment);
            }
        }
    }
    if part.files.is_empty() {
        out.push_str("files = []\n");
        return;
    }
    out.push_str("files = [\n");
    for file in &part.files {
        render_file(out, file);
    }
    out.push_str("]\n");
}

fn render_file(out: &mut String, file: &File) {
    let _ = write!(out, "  {{ path = {}", quoted(&file.path));
    if let Some(size) = file.size {
        let _ = write!(out, ", size = {size}");
    }
    if let Some(digest) = file.digest {
        let _ = write!(out, ", digest = \"{digest}\"");
    }
    if let Some(url) = &file.url {
        let _ = write!(out, ", url = {}", quoted(url));
    }
    out.push_str(" },\n");
}

pub(super) fn repo_type(repo_type: RepoType) -> &'static str {
    match repo_type {
        RepoType::Model => "model",
        RepoType::Dataset => "dataset",
    }
}

pub(super) fn files_home(home: FilesHome) -> &'static str {
    match home {
        FilesHome::Whisper => "whisper",
        FilesHome::TorchCheckpoints => "torch-checkpoints",
        FilesHome::TorchaudioAssets => "torchaudio-assets",
        FilesHome::Files => "files",
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {}", quoted(value));
}
