//! Why a source could not say what a model is, or could not place it.

use std::path::PathBuf;

use crate::fetch;
use crate::support::escape::{path as shown, printable};

/// Why a source could not say what a model is, or could not place it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source has no model of this name.
    #[error("{source_name} has no model `{}`{}", printable(name), nearest.as_ref().map(|known| format!("; did you mean `{}`?", printable(known))).unwrap_or_default())]
    Unknown {
        /// The source's name.
        source_name: &'static str,
        /// What was asked for.
        name: String,
        /// The known name that resembles it most.
        nearest: Option<String>,
    },
    /// A foreign name that may not become a path or a part of a URL.
    #[error("{what} {:?} is refused: it {why}", printable(name))]
    Name {
        /// What it should be.
        what: &'static str,
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something that the server does not have.
    #[error("{}", printable(.0))]
    NotThere(String),
    /// An answer that is not what it should be.
    #[error("{}: {why}", printable(url))]
    Answer {
        /// Where, without query.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A server's refusal, and what to do about it.
    #[error("{0}")]
    Refused(String),
    /// A server could not be asked.
    #[error(transparent)]
    Fetch(#[from] fetch::Error),
    /// The disk did not do what it should.
    #[error("{}: {source}", shown(path))]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A wheel that lies in the cache, and that this machine has not fetched.
    #[error("{} may have come with the project: this machine did not fetch it, so it is not installed\n  run this again with the network, and it is fetched from spaCy's own releases; or, if you know who made it, install it yourself with `pip install --no-deps`", shown(.0))]
    Unproven(PathBuf),
    /// A wheel could not be installed.
    #[error(transparent)]
    Install(#[from] crate::environments::packages::Error),
}

impl Error {
    /// What the disk said about `path`, for `map_err`.
    pub(super) fn disk(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Disk { path, source }
    }
}
