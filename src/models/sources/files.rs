//! Places files with URLs of their own into the folder of the library that reads them.
//!
//! None of these libraries wants a record beside the file: its name is all. torch takes a checkpoint that exists without a look
//! at its bytes, openai-whisper hashes its own at every load; so the proof before the final name is what counts.

use std::path::PathBuf;

use super::{Error, FileState, PARTIALS, names, state_of};
use crate::fetch::Artifact;
use crate::models::homes::Homes;
use crate::models::locked::{File, FilesHome};
use crate::support::digest;

/// The artifact that brings `file`.
///
/// # Errors
/// When its path is no plain one, or it has no URL.
pub fn artifact(home: FilesHome, file: &File, group: usize, homes: &Homes) -> Result<Artifact, Error> {
    let destination = visible(home, file, homes)?;
    Ok(Artifact {
        label: file.path.clone(),
        group,
        url: url_of(file)?,
        size: file.size,
        digest: file.digest,
        destination,
        partials: folder(home, homes).join(PARTIALS).into(),
        credential: None,
        key: 0,
    })
}

/// The path under which the library finds `file`.
///
/// # Errors
/// When its path is no plain one.
pub fn visible(home: FilesHome, file: &File, homes: &Homes) -> Result<PathBuf, Error> {
    let folder = folder(home, homes);
    match home {
        FilesHome::Whisper | FilesHome::TorchCheckpoints | FilesHome::TorchaudioAssets => {
            names::below(&folder, &file.path)
        }
        // Many projects call their file `model.pt`: each URL has a folder of its own.
        FilesHome::Files => {
            let digits = digest::sha256(url_of(file)?.as_bytes());
            names::below(&folder.join(&digits[..16]), &file.path)
        }
    }
}

/// What is there of `file`.
///
/// # Errors
/// When its path is no plain one.
pub fn state(home: FilesHome, file: &File, homes: &Homes) -> Result<FileState, Error> {
    Ok(state_of(&visible(home, file, homes)?, file.size))
}

fn folder(home: FilesHome, homes: &Homes) -> PathBuf {
    match home {
        FilesHome::Whisper => homes.whisper.clone(),
        FilesHome::TorchCheckpoints => homes.torch_hub.join("checkpoints"),
        FilesHome::TorchaudioAssets => homes.torch_hub.join("torchaudio"),
        FilesHome::Files => homes.files.clone(),
    }
}

pub(super) fn url_of(file: &File) -> Result<String, Error> {
    file.url.clone().ok_or_else(|| Error::Name { what: "the file", name: file.path.clone(), why: "has no URL" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn file(path: &str, url: &str) -> File {
        File { path: path.to_owned(), size: Some(3), digest: None, url: Some(url.to_owned()) }
    }

    #[test]
    fn each_home_has_its_folder_and_partials_beside_it() {
        let homes = Homes::under(Path::new("c"));
        let place = |home| {
            let made = artifact(home, &file("m.pt", "https://example.org/m.pt"), 4, &homes).unwrap();
            (made.destination, made.partials, made.group)
        };
        assert_eq!(
            place(FilesHome::Whisper),
            (Path::new("c/whisper/m.pt").into(), Path::new("c/whisper/.modelstrap/partials").into(), 4)
        );
        assert_eq!(place(FilesHome::TorchCheckpoints).0, Path::new("c/torch/hub/checkpoints/m.pt"));
        assert_eq!(place(FilesHome::TorchaudioAssets).0, Path::new("c/torch/hub/torchaudio/m.pt"));
        assert_eq!(place(FilesHome::Files).0, Path::new("c/files/5dc387683a8d1a6f/m.pt"));
    }

    #[test]
    fn two_urls_with_one_file_name_do_not_meet() {
        let homes = Homes::under(Path::new("c"));
        let one = visible(FilesHome::Files, &file("m.pt", "https://example.org/1/m.pt"), &homes).unwrap();
        let other = visible(FilesHome::Files, &file("m.pt", "https://example.org/2/m.pt"), &homes).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_path_of_an_edited_lock_does_not_leave_the_folder() {
        let homes = Homes::under(Path::new("c"));
        for path in ["../m.pt", "/m.pt", r"..\m.pt", "C:m.pt", ""] {
            assert!(
                artifact(FilesHome::Whisper, &file(path, "https://example.org/m.pt"), 0, &homes).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn a_file_is_here_missing_or_changed() {
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(room.path());
        let file = file("m.pt", "https://example.org/m.pt");
        let seen = || state(FilesHome::Whisper, &file, &homes).unwrap();
        assert_eq!(seen(), FileState::Missing);
        std::fs::create_dir(&homes.whisper).unwrap();
        std::fs::write(homes.whisper.join("m.pt"), "1234").unwrap();
        assert_eq!(seen(), FileState::Changed);
        std::fs::write(homes.whisper.join("m.pt"), "123").unwrap();
        assert_eq!(seen(), FileState::Here);
    }
}
