//! Reading a lock. It comes with a clone, so nothing in it is believed: paths stay below their folder, addresses carry no
//! secret, names and commits have their shape, nothing comes twice, and every refusal names the line.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::render::END;
use super::{Lock, MAX_FILES, MAX_SIZE, VERSION, pieces, raw};
use crate::fetch::Digest;
use crate::models::locked;
use crate::support::{escape, units};

/// Why a text is no lock that this tool reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1; none where the whole file is meant.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    /// To be written after the file's path: `:LINE: MESSAGE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What is wrong, at a place of the text.
pub(super) struct Flaw {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// The version alone: a later format may differ in everything else.
#[derive(Deserialize)]
struct Version {
    version: Option<Spanned<i64>>,
    /// What a later format is to say: the oldest release that reads it.
    needs: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<Lock, Problem> {
    let whole = |message: String| Problem { line: None, message };
    if text.len() as u64 > MAX_SIZE {
        let size = units::bytes(text.len() as u64);
        return Err(whole(format!("is {size}, far too large for a lock")));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = conflict(text) {
        let message = "Git left a conflict here\n  take either side, then run `modelstrap models lock`";
        return Err(Problem { line: Some(at), message: message.to_owned() });
    }
    if let Some(lock) = pieces::read(text).filter(|_| is_whole(text)) {
        return Ok(lock);
    }
    in_whole(text)
}

/// The same for a text in any form, and with the reason where it is none: in memory as a whole.
pub(super) fn in_whole(text: &str) -> Result<Lock, Problem> {
    let whole = |message: String| Problem { line: None, message };
    // The version by itself only where something is wrong: a lock of thousands of files is not to be read twice.
    let lock = match toml::from_str::<raw::Lock>(text) {
        Ok(lock) if lock.version == VERSION => lock,
        Ok(_) => return Err(version(text).err().unwrap_or_else(|| whole("has an unknown version".to_owned()))),
        Err(error) => return Err(version(text).err().unwrap_or_else(|| toml_problem(text, &error))),
    };
    if !is_whole(text) {
        let message =
            format!("was cut: its last line is not `{END}`\n  take it from Git again, or run `modelstrap models lock`");
        return Err(whole(message));
    }
    checked(lock, &mut raw::Part::checked)
        .map_err(|flaw| Problem { line: Some(line_of(text, flaw.at.start)), message: flaw.message })
}

fn is_whole(text: &str) -> bool {
    text.lines().next_back() == Some(END)
}

/// The line of the first mark that Git leaves in a file that it could not merge.
fn conflict(text: &str) -> Option<usize> {
    let mark = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "=======";
    text.lines().position(mark).map(|at| at + 1)
}

/// Whether a text that is no lock can be made anew: a person chooses between the sides of a conflict, and what a newer
/// modelstrap wrote is not overwritten.
pub(super) fn is_spoilt(text: &str) -> bool {
    let of_this_version = |line: &str| {
        let version = line.strip_prefix("version = ").and_then(|version| version.trim().parse::<i64>().ok());
        version.is_none_or(|version| version == VERSION)
    };
    parse(text).is_err() && conflict(text).is_none() && text.lines().all(of_this_version)
}

fn version(text: &str) -> Result<(), Problem> {
    let found: Version = toml::from_str(text).map_err(|error| toml_problem(text, &error))?;
    let Some(version) = found.version else {
        let message = "has no `version`: it is not a lock, or its head was cut off".to_owned();
        return Err(Problem { line: None, message });
    };
    let line = Some(line_of(text, version.span().start));
    match *version.get_ref() {
        VERSION => Ok(()),
        newer if newer > VERSION => {
            let needs = found.needs.map_or_else(
                || "a newer one".to_owned(),
                |needs| format!("{} or newer", escape::printable(&needs.chars().take(20).collect::<String>())),
            );
            let message = format!(
                "has version {newer}, and modelstrap {} reads version {VERSION}\n  this lock needs modelstrap {needs}",
                env!("CARGO_PKG_VERSION")
            );
            Err(Problem { line, message })
        }
        other => Err(Problem { line, message: format!("has version {other}, which there never was") }),
    }
}

/// The lock that `lock` says; `part` makes each part what it says.
pub(super) fn checked(
    lock: raw::Lock,
    part: &mut dyn FnMut(raw::Part) -> Result<locked::Part, Flaw>,
) -> Result<Lock, Flaw> {
    let at = lock.manifest.span();
    let manifest = match lock.manifest.get_ref().parse() {
        Ok(digest @ Digest::Sha256(_)) => digest,
        _ => {
            return Err(Flaw {
                at,
                message: "`manifest` is not a digest: `sha256:` and 64 lower-case digits".to_owned(),
            });
        }
    };
    let mut names = HashSet::new();
    let mut files = 0;
    let mut models = Vec::with_capacity(lock.model.len().min(1024));
    for model in lock.model {
        let at = model.name.span();
        if !names.insert(model.name.get_ref().clone()) {
            let message = format!("the model {} comes twice", escape::printable(model.name.get_ref()));
            return Err(Flaw { at, message });
        }
        files += model.part.iter().map(|part| part.files.len()).sum::<usize>();
        if files > MAX_FILES {
            return Err(Flaw { at, message: format!("the lock has more than {MAX_FILES} files") });
        }
        models.push(model.checked(part)?);
    }
    Ok(Lock::new(manifest, models))
}

fn toml_problem(text: &str, error: &toml::de::Error) -> Problem {
    let message = escape::printable(&error.message().trim_end().replace('\n', ", "));
    let line = error.span().map(|span| line_of(text, span.start));
    let hint = "it was edited or cut: take it from Git again, or run `modelstrap models lock`";
    Problem { line, message: format!("{message}\n  {hint}") }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}
