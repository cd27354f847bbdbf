//! Why a text is no spec, in words that say what would be one.

use std::fmt;

use super::KINDS;
use crate::fetch;
use crate::models::{names, web};
use crate::support::escape::printable;
use crate::support::nearest::nearest;

/// Why a text is no spec. Foreign text in it is escaped when shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no such kind of source.
    UnknownKind {
        /// The whole text.
        text: String,
        /// The part before the colon.
        kind: String,
        /// A kind that looks like it.
        nearest: Option<&'static str>,
    },
    /// A name without a kind, and the catalogue does not know it.
    UnknownName {
        /// The name.
        name: String,
        /// A well-known name that looks like it: see [`Error::with_nearest`].
        nearest: Option<String>,
    },
    /// The kind is known and what follows is not of its shape.
    Malformed {
        /// The whole text.
        text: String,
        /// The kind.
        kind: &'static str,
        /// The rule that is broken.
        why: String,
    },
}

impl Error {
    /// The same error, with the well-known name that `nearest` finds for one that is unknown.
    #[must_use]
    pub fn with_nearest(self, nearest: impl FnOnce(&str) -> Option<String>) -> Self {
        match self {
            Self::UnknownName { name, nearest: None } => Self::UnknownName { nearest: nearest(&name), name },
            other => other,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind { text, kind, nearest } => {
                write!(f, "{}: there is no source called `{}`", printable(text), printable(kind))?;
                if let Some(repo) = web::hub_page(text) {
                    return write!(f, "\n  write `hf:{repo}`");
                }
                match nearest {
                    Some(nearest) => write!(f, "\n  the nearest one is `{nearest}`"),
                    None if matches!(kind.as_str(), "http" | "https") => {
                        write!(f, "\n  for a file, write `url:` before it, and `#sha256=…` after it")
                    }
                    None => write!(f, "\n  there are {}", kinds()),
                }
            }
            Self::UnknownName { name, nearest } => {
                write!(f, "`{}` is not the name of a well-known model", printable(name))?;
                match nearest {
                    Some(nearest) => write!(f, "\n  the nearest one is `{}`", printable(nearest)),
                    None if name.contains('/') && names::hub_repo(name).is_ok() => {
                        write!(f, "\n  for a repository of the Hub, write `hf:{name}`")
                    }
                    None => write!(f, "\n  name its source: {}", kinds()),
                }
            }
            Self::Malformed { text, kind, why } => {
                let shape = KINDS.iter().find(|(name, _)| name == kind).map_or("", |(_, shape)| shape);
                let shown = match text.split_once(':') {
                    // An address may hold what nobody else should see.
                    Some(("url", address)) => format!("url:{}", fetch::redact(address)),
                    _ => printable(text),
                };
                write!(f, "{shown}: it {}\n  the form is `{kind}:{shape}`", printable(why))
            }
        }
    }
}

fn kinds() -> String {
    KINDS.map(|(kind, _)| format!("`{kind}:`")).join(", ")
}

/// The kind that somebody may have meant who wrote `kind`.
pub(super) fn nearest_kind(kind: &str) -> Option<&'static str> {
    let lower = kind.to_ascii_lowercase().replace('_', "-");
    let same = match lower.as_str() {
        "huggingface" | "hub" | "hf-hub" => Some("hf"),
        "whisper" | "openai" => Some("openai-whisper"),
        "torch" | "torch.hub" | "github" => Some("torch-hub"),
        "sbert" => Some("sentence-transformers"),
        // A URL's scheme is near `hf` and `url` for the eye of a distance only.
        "http" | "https" => return None,
        _ => None,
    };
    same.or_else(|| nearest(&lower, KINDS.map(|(known, _)| known)))
}
