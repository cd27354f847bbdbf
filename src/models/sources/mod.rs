//! The sources other than the Hub: what their models are, and where their files go.
//!
//! Resolving asks servers (through [`Documents`](super::documents::Documents)) or the catalogue, and gives a [`Part`](super::locked::Part). Placing needs the
//! part alone: [`artifact`], [`state`] and [`finish`] choose by its place. A source whose models lie on the Hub only says
//! which repositories those are ([`expand`]).

pub mod expand;
pub mod files;
mod forks;
pub mod github;
pub mod home_ground;
mod names;
pub mod openai_whisper;
mod record;
mod refusal;
pub mod spacy;
pub mod torch_hub;
pub mod torchaudio;
mod trusted;
mod unpack;
pub mod url;
mod vouched;
pub mod wheel;

use std::io;
use std::path::{Path, PathBuf};

use super::homes::Homes;
use super::locked::{File, Part, Place, RepoType};
use crate::fetch::{Artifact, Digest};
pub use refusal::Error;

/// Where unfinished bytes lie, below each home.
const PARTIALS: &str = ".modelstrap/partials";

/// A repository of the Hub that a model is made of, and what its library reads of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubPart {
    /// What kind of repository it is.
    pub repo_type: RepoType,
    /// `owner/name`, in the letter case that the library asks for.
    pub repo: String,
    /// The branch, tag or commit; the repository's main branch, if there is none.
    pub revision: Option<String>,
    /// The patterns of what is read; everything, if there are none.
    pub include: Option<Vec<String>>,
    /// The patterns of what is never read.
    pub exclude: Vec<String>,
    /// Whether the Hub gives it only to who accepted its conditions, as far as the catalogue knows.
    pub gated: bool,
    /// Whether some versions of the library do without it, so that it may be missing.
    pub optional: bool,
}

/// What is on the disk under a file's name. Its bytes are not read: `verify` does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// A file of the right size, or of any size where none is known.
    Here,
    /// Nothing.
    Missing,
    /// Something else than a file of that size.
    Changed,
}

/// The artifact that brings `file`; `None` for a part of the Hub, which is placed by `models::hub`.
///
/// # Errors
/// When a name in the part is no plain name, or the file has no URL.
pub fn artifact(place: &Place, file: &File, group: usize, homes: &Homes) -> Result<Option<Artifact>, Error> {
    match place {
        Place::Hub(_) => Ok(None),
        Place::Files { home } => files::artifact(*home, file, group, homes).map(Some),
        Place::TorchHub { .. } => torch_hub::artifact(&torch_hub::Repo::of(place)?, file, group, homes).map(Some),
        Place::Wheel { .. } => wheel::artifact(file, group, homes).map(Some),
    }
}

/// The path under which a program finds `file`, whether it is there or not; `None` for a part of the Hub.
///
/// # Errors
/// When a name in the part is no plain name.
pub fn visible(place: &Place, file: &File, homes: &Homes) -> Result<Option<PathBuf>, Error> {
    match place {
        Place::Hub(_) => Ok(None),
        Place::Files { home } => files::visible(*home, file, homes).map(Some),
        Place::TorchHub { .. } => torch_hub::visible(&torch_hub::Repo::of(place)?, file, homes).map(Some),
        Place::Wheel { .. } => wheel::visible(file, homes).map(Some),
    }
}

/// What is there of `file`; `None` for a part of the Hub.
///
/// # Errors
/// When a name in the part is no plain name.
pub fn state(place: &Place, file: &File, homes: &Homes) -> Result<Option<FileState>, Error> {
    match place {
        Place::TorchHub { .. } => torch_hub::state(&torch_hub::Repo::of(place)?, file, homes).map(Some),
        _ => Ok(visible(place, file, homes)?.map(|path| state_of(&path, file.size))),
    }
}

/// Makes ready what a part needs before its first byte comes.
///
/// # Errors
/// What the disk says.
pub fn prepare(place: &Place, homes: &Homes) -> io::Result<()> {
    if matches!(place, Place::Wheel { .. }) { vouched::prepare(homes) } else { Ok(()) }
}

/// Notes, of what must not be believed when it only lies there, that it was fetched, before it gets its name.
///
/// # Errors
/// What the disk says.
pub fn admit(place: &Place, homes: &Homes, digest: &Digest) -> io::Result<()> {
    match (place, digest) {
        (Place::Wheel { .. }, Digest::Sha256(_)) => vouched::note(homes, digest),
        (Place::Wheel { .. }, Digest::Git(_)) => {
            Err(io::Error::other("a wheel needs a SHA-256, and the lock has another digest"))
        }
        _ => Ok(()),
    }
}

/// Does what is left once every file of `part` is here. A wheel is not installed by this: [`wheel::install`] is.
///
/// # Errors
/// What the disk says.
pub fn finish(part: &Part, homes: &Homes) -> Result<(), Error> {
    match &part.place {
        Place::TorchHub { .. } => torch_hub::finish(&torch_hub::Repo::of(&part.place)?, &part.files, homes),
        Place::Hub(_) | Place::Files { .. } | Place::Wheel { .. } => Ok(()),
    }
}

fn state_of(path: &Path, size: Option<u64>) -> FileState {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() && size.is_none_or(|size| size == found.len()) => FileState::Here,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Missing,
        _ => FileState::Changed,
    }
}
