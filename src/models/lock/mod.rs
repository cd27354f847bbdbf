//! `modelstrap.lock`: what every model of the project is, exactly, so that it is the same bytes for everybody.
//!
//! It is TOML, written by the tool and committed: sorted, one file a line, without times, host names or local paths, so that
//! two machines write the same bytes and Git merges what two people added. `render` writes it, `parse` believes nothing in it.

mod parse;
mod pieces;
mod raw;
mod render;
pub mod unseen;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use super::locked::Model;
use super::request::{self, Request};
use crate::fetch::Digest;

pub use parse::Problem;

/// The file's name, beside the manifest.
pub const FILE: &str = "modelstrap.lock";
/// The format that this tool writes and reads.
pub const VERSION: i64 = 1;
/// A lock above this size is not read.
pub const MAX_SIZE: u64 = 64 << 20;
/// A lock with more files than this is not read.
pub const MAX_FILES: usize = 100_000;

/// What every model is, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// What was asked for when it was made: [`request::digest`].
    pub manifest: Digest,
    /// Sorted by name, each name once; a model's files are sorted by path in each part.
    pub models: Vec<Model>,
}

/// How the manifest and a lock disagree about one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disagreement {
    /// The manifest asks for it, the lock has none.
    Missing(String),
    /// The lock has it, the manifest does not ask for it.
    Superfluous(String),
    /// The lock was made for another spec.
    Changed {
        /// Its name.
        name: String,
        /// The spec in the lock.
        locked: String,
        /// The spec in the manifest.
        wanted: String,
    },
    /// Names and specs agree, but patterns, weights or environments have changed somewhere.
    Details,
}

impl Lock {
    /// A lock in its canonical order.
    pub fn new(manifest: Digest, mut models: Vec<Model>) -> Self {
        models.sort_by(|a, b| a.name.cmp(&b.name));
        for part in models.iter_mut().flat_map(|model| &mut model.parts) {
            // To sort them is to copy them where somebody else has them, too.
            if !part.files.is_sorted_by(|a, b| a.path <= b.path) {
                part.files.to_mut().sort_by(|a, b| a.path.cmp(&b.path));
            }
        }
        Self { manifest, models }
    }

    /// Reads a lock's text.
    ///
    /// # Errors
    /// With the line and the reason, for anything that this tool would not have written.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        parse::parse(text)
    }

    /// Whether `text` was a lock of this version before somebody edited or cut it: it can be made anew.
    pub fn is_spoilt(text: &str) -> bool {
        parse::is_spoilt(text)
    }

    /// Its text; the same for the same models, whatever order they came in.
    pub fn render(&self) -> String {
        if self.is_in_order() {
            return render::render(self);
        }
        render::render(&Self::new(self.manifest, self.models.clone()))
    }

    fn is_in_order(&self) -> bool {
        let mut parts = self.models.iter().flat_map(|model| &model.parts);
        self.models.is_sorted_by(|a, b| a.name <= b.name)
            && parts.all(|part| part.files.is_sorted_by(|a, b| a.path <= b.path))
    }

    /// The model of that name.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Its models by their names, for who looks for many.
    pub fn by_name(&self) -> HashMap<&str, &Model> {
        self.models.iter().map(|model| (model.name.as_str(), model)).collect()
    }

    /// Whether a model that it has may be wanted with other patterns, weights or environments than it was made for. Models
    /// that came or went since say nothing of the others, as far as the digest can be told without them.
    pub fn is_behind(&self, requests: &[Request]) -> bool {
        if request::digest(requests) == self.manifest {
            return false;
        }
        let choices = requests.iter().flat_map(|request| &request.choices);
        let wanted: HashSet<(&str, String)> = choices.map(|one| (one.name.as_str(), one.spec.to_string())).collect();
        let fits = |locked: &Model| wanted.contains(&(locked.name.as_str(), locked.spec.clone()));
        let by_name = self.by_name();
        // What the manifest does not name any more had no patterns, as most models have none.
        let gone = self.models.iter().filter(|locked| !fits(locked));
        let gone: Vec<Request> = gone.filter_map(|model| Request::plain(&model.name, &model.spec)).collect();
        let before = |with_needless: bool| {
            let mut before: Vec<Request> = requests.to_vec();
            for request in &mut before {
                let needless = with_needless && request.optional;
                request.choices.retain(|choice| {
                    let locked = by_name.get(choice.name.as_str());
                    locked.map_or(needless, |locked| locked.spec == choice.spec.to_string())
                });
            }
            before.extend(gone.iter().cloned());
            request::digest(&before)
        };
        before(false) != self.manifest && before(true) != self.manifest
    }

    /// How `requests`, all those of the manifest, disagree with it; empty when it is up to date. Sorted by name.
    pub fn disagreements(&self, requests: &[Request]) -> Vec<Disagreement> {
        let wanted: BTreeMap<&str, String> = requests
            .iter()
            .flat_map(|request| &request.choices)
            .map(|choice| (choice.name.as_str(), choice.spec.to_string()))
            .collect();
        // What a project can do without may have no answer from its source, and then it has no place in the lock.
        let needless = requests.iter().filter(|request| request.optional).flat_map(|request| &request.choices);
        let needless: BTreeSet<&str> = needless.map(|choice| choice.name.as_str()).collect();
        let (mut found, mut open) = (BTreeMap::new(), Vec::new());
        let by_name = self.by_name();
        for (name, spec) in &wanted {
            let name = (*name).to_owned();
            match by_name.get(name.as_str()) {
                None if needless.contains(name.as_str()) => {
                    open.push(Disagreement::Missing(name));
                    None
                }
                None => found.insert(name.clone(), Disagreement::Missing(name)),
                Some(model) if model.spec != *spec => {
                    let (locked, wanted) = (model.spec.clone(), spec.clone());
                    found.insert(name.clone(), Disagreement::Changed { name, locked, wanted })
                }
                Some(_) => None,
            };
        }
        for model in self.models.iter().filter(|model| !wanted.contains_key(model.name.as_str())) {
            found.insert(model.name.clone(), Disagreement::Superfluous(model.name.clone()));
        }
        if found.is_empty() && request::digest(requests) != self.manifest {
            return if open.is_empty() { vec![Disagreement::Details] } else { open };
        }
        found.into_values().collect()
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::support::escape::printable;
        match self {
            Self::Missing(name) => write!(f, "{}: not locked yet", printable(name)),
            Self::Superfluous(name) => write!(f, "{}: locked, but the manifest does not name it", printable(name)),
            Self::Changed { name, locked, wanted } => {
                write!(f, "{}: locked as {}, wanted as {}", printable(name), printable(locked), printable(wanted))
            }
            Self::Details => f.write_str("patterns, weights or environments have changed in the manifest"),
        }
    }
}

#[cfg(test)]
mod tests;
