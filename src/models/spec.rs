//! What a person writes to mean a model: `hf:OWNER/NAME@REVISION`, `openai-whisper:large-v3`, `url:https://…#sha256=…`.
//!
//! A spec says what is meant; what that is exactly, a source finds out and the lock keeps. Its text has one canonical form.

mod error;

use std::fmt;

use super::locked::RepoType;
use super::{names, web};
use crate::fetch::Digest;

pub use error::Error;
use error::nearest_kind;

/// A spec longer than this is not one; a URL takes the most.
const MAX_LENGTH: usize = 2_400;

/// What is meant by a model's spec. `Display` gives its canonical form, which reads as the same spec.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Spec {
    /// `hf:OWNER/NAME[@REVISION]`, `hf:datasets/OWNER/NAME[@REVISION]`
    Hub {
        /// Model or dataset.
        repo_type: RepoType,
        /// `OWNER/NAME`, as it was written; a few old ones have no owner.
        repo: String,
        /// The branch, tag or commit; `main` where none is named.
        revision: Option<String>,
    },
    /// `openai-whisper:NAME`
    OpenaiWhisper(String),
    /// `faster-whisper:NAME`
    FasterWhisper(String),
    /// `mlx-whisper:NAME`
    MlxWhisper(String),
    /// `torch-hub:OWNER/REPO[:REF]`
    TorchHub {
        /// The owner on GitHub.
        owner: String,
        /// The repository.
        repo: String,
        /// The branch or tag; the repository's default branch where none is named.
        reference: Option<String>,
    },
    /// `torchaudio:NAME`
    Torchaudio(String),
    /// `pyannote:NAME`
    Pyannote(String),
    /// `spacy:NAME[@VERSION]`
    Spacy {
        /// The package.
        name: String,
        /// Its version; the one that fits the library where none is named.
        version: Option<String>,
    },
    /// `sentence-transformers:NAME` or `sentence-transformers:OWNER/NAME`
    SentenceTransformers(String),
    /// `url:https://…[#sha256=…]`
    Url {
        /// Without the fragment.
        url: String,
        /// What its bytes must be.
        digest: Option<Digest>,
    },
}

/// Every kind of spec, with the shape of what follows its colon.
pub const KINDS: [(&str, &str); 10] = [
    ("hf", "OWNER/NAME[@REVISION]"),
    ("openai-whisper", "NAME"),
    ("faster-whisper", "NAME"),
    ("mlx-whisper", "NAME"),
    ("torch-hub", "OWNER/REPO[:REF]"),
    ("torchaudio", "NAME"),
    ("pyannote", "NAME"),
    ("spacy", "NAME[@VERSION]"),
    ("sentence-transformers", "NAME"),
    ("url", "https://…#sha256=…"),
];

impl Spec {
    /// Reads a spec. A text without a kind is looked up with `known`, which gives the spec of a well-known name.
    ///
    /// # Errors
    /// With the nearest kind, or the rule that is broken.
    pub fn parse(text: &str, known: &dyn Fn(&str) -> Option<&'static str>) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > MAX_LENGTH {
            let name = text.chars().take(60).chain("…".chars()).collect();
            return Err(Error::UnknownName { name, nearest: None });
        }
        let Some((kind, rest)) = text.split_once(':') else {
            return match known(text) {
                // An alias of the catalogue names a kind; looked up once, so that data cannot make a loop.
                Some(spec) => Self::parse(spec, &|_| None),
                None => Err(Error::UnknownName { name: text.to_owned(), nearest: None }),
            };
        };
        match KINDS.iter().find(|(name, _)| *name == kind) {
            Some((kind, _)) => {
                Self::of_kind(kind, rest).map_err(|why| Error::Malformed { text: text.to_owned(), kind, why })
            }
            None => {
                Err(Error::UnknownKind { text: text.to_owned(), kind: kind.to_owned(), nearest: nearest_kind(kind) })
            }
        }
    }

    /// The kind, as it stands before the colon.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Hub { .. } => "hf",
            Self::OpenaiWhisper(_) => "openai-whisper",
            Self::FasterWhisper(_) => "faster-whisper",
            Self::MlxWhisper(_) => "mlx-whisper",
            Self::TorchHub { .. } => "torch-hub",
            Self::Torchaudio(_) => "torchaudio",
            Self::Pyannote(_) => "pyannote",
            Self::Spacy { .. } => "spacy",
            Self::SentenceTransformers(_) => "sentence-transformers",
            Self::Url { .. } => "url",
        }
    }

    /// The last word of what it names, for a model that has no key of its own: `large-v3`, `silero-vad`.
    pub fn short_name(&self) -> &str {
        match self {
            Self::Hub { repo: name, .. } | Self::SentenceTransformers(name) => last(name),
            Self::OpenaiWhisper(name) | Self::FasterWhisper(name) | Self::MlxWhisper(name) => name,
            Self::Torchaudio(name) | Self::Pyannote(name) | Self::Spacy { name, .. } => name,
            Self::TorchHub { repo, .. } => repo,
            Self::Url { url, .. } => last(url.split('?').next().unwrap_or(url)),
        }
    }

    /// The same spec at another revision, reference or version, as a manifest's `revision` says it.
    ///
    /// # Errors
    /// Why not: the kind has none, the spec names one already, or it is no name for one.
    pub fn at(mut self, revision: &str) -> Result<Self, String> {
        type Check = fn(&str) -> Result<(), names::Flaw>;
        let (slot, check): (_, Check) = match &mut self {
            Self::Hub { revision, .. } => (revision, names::revision),
            Self::TorchHub { reference, .. } => (reference, names::revision),
            Self::Spacy { version, .. } => (version, names::version),
            other => return Err(format!("`{}` has no revisions", other.kind())),
        };
        if slot.is_some() {
            return Err("the source names a revision already; say it once".to_owned());
        }
        check(revision).map_err(|flaw| format!("{revision:?} {flaw}"))?;
        *slot = Some(revision.to_owned());
        Ok(self)
    }

    fn of_kind(kind: &str, rest: &str) -> Result<Self, String> {
        let plain = |make: fn(String) -> Self| -> Result<Self, String> {
            names::plain(rest)?;
            Ok(make(rest.to_owned()))
        };
        match kind {
            "openai-whisper" => plain(Self::OpenaiWhisper),
            "faster-whisper" => plain(Self::FasterWhisper),
            "mlx-whisper" => plain(Self::MlxWhisper),
            "torchaudio" => plain(Self::Torchaudio),
            "pyannote" => plain(Self::Pyannote),
            "torch-hub" => torch_hub(rest),
            "sentence-transformers" => {
                names::hub_repo(rest)?;
                Ok(Self::SentenceTransformers(rest.to_owned()))
            }
            "spacy" => {
                let (name, version) = parted(rest, '@');
                names::package(name)?;
                version.map_or(Ok(()), names::version)?;
                Ok(Self::Spacy { name: name.to_owned(), version: version.map(str::to_owned) })
            }
            "url" => {
                let (url, digest) = web::parse(rest)?;
                Ok(Self::Url { url, digest })
            }
            _ => hub(rest),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (middle, tail) = match self {
            Self::Hub { repo_type, repo, revision } => {
                let folder = if *repo_type == RepoType::Dataset { "datasets/" } else { "" };
                (format!("{folder}{repo}"), revision.as_ref().map(|revision| format!("@{revision}")))
            }
            Self::TorchHub { owner, repo, reference } => {
                (format!("{owner}/{repo}"), reference.as_ref().map(|reference| format!(":{reference}")))
            }
            Self::Spacy { name, version } => (name.clone(), version.as_ref().map(|version| format!("@{version}"))),
            Self::Url { url, digest } => {
                (url.clone(), digest.map(|digest| format!("#{}", digest.to_string().replace(':', "="))))
            }
            Self::OpenaiWhisper(name) | Self::FasterWhisper(name) | Self::MlxWhisper(name) => (name.clone(), None),
            Self::Torchaudio(name) | Self::Pyannote(name) | Self::SentenceTransformers(name) => (name.clone(), None),
        };
        write!(f, "{}:{middle}{}", self.kind(), tail.unwrap_or_default())
    }
}

/// What follows `hf:`; `hf://` is how other tools write it.
fn hub(rest: &str) -> Result<Spec, String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (repo, revision) = parted(rest, '@');
    let (repo_type, repo) = match repo.split_once('/') {
        Some(("datasets", repo)) => (RepoType::Dataset, repo),
        Some(("models", repo)) => (RepoType::Model, repo),
        Some(("spaces", _)) => return Err("names a Space, which is a program and no model".to_owned()),
        _ => (RepoType::Model, repo),
    };
    names::hub_repo(repo)?;
    // What is written after a folder's name would be read as another repository, so it is not taken here either.
    if matches!(repo.split('/').next(), Some("datasets" | "models" | "spaces")) {
        return Err("has an owner that is the name of a kind of repository".to_owned());
    }
    revision.map_or(Ok(()), names::revision)?;
    Ok(Spec::Hub { repo_type, repo: repo.to_owned(), revision: revision.map(str::to_owned) })
}

/// What follows `torch-hub:`.
fn torch_hub(rest: &str) -> Result<Spec, String> {
    let (name, reference) = parted(rest, ':');
    let (owner, repo) = name.split_once('/').ok_or("names no repository")?;
    names::github_owner(owner)?;
    names::github_repo(repo)?;
    reference.map_or(Ok(()), names::revision)?;
    Ok(Spec::TorchHub { owner: owner.to_owned(), repo: repo.to_owned(), reference: reference.map(str::to_owned) })
}

/// `text` up to `sign`, and what follows it.
fn parted(text: &str, sign: char) -> (&str, Option<&str>) {
    text.split_once(sign).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
