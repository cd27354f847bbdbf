//! Where a locked model lies, as a scan of the cache names it: a repository's folder, or the files themselves.

use std::path::PathBuf;

use super::homes::Homes;
use super::hub::layout;
use super::locked::{Model, Place};
use super::sources::{self, torch_hub};

/// The folders and files of `model`, whether they are there or not. What has no plain name lies nowhere.
pub fn paths(model: &Model, homes: &Homes) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in &model.parts {
        match &part.place {
            Place::Hub(place) => found.push(layout::Repository::of(place, &homes.hub).root()),
            Place::TorchHub { .. } => {
                let folder = torch_hub::Repo::of(&part.place).map(|repo| homes.torch_hub.join(repo.folder()));
                found.extend(folder.ok());
            }
            other => {
                let files = part.files.iter();
                found.extend(files.filter_map(|file| sources::visible(other, file, homes).ok().flatten()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::models::locked::{File, FilesHome, HubPlace, Part, RepoType};

    #[test]
    fn a_repository_is_a_folder_and_plain_files_are_themselves() {
        let file = |path: &str| File { path: path.to_owned(), size: Some(1), digest: None, url: None };
        let hub = Place::Hub(HubPlace {
            repo_type: RepoType::Model,
            repo: "a/b".to_owned(),
            requested: "main".to_owned(),
            commit: "0a".repeat(20),
            complete: true,
        });
        let torch = Place::TorchHub {
            owner: "o".to_owned(),
            repo: "r".to_owned(),
            reference: "master".to_owned(),
            commit: "0b".repeat(20),
        };
        let part = |place, files: &[&str]| Part { place, files: files.iter().map(|path| file(path)).collect() };
        let parts = vec![
            part(hub, &["x", "y"]),
            part(torch, &["hubconf.py"]),
            part(Place::Files { home: FilesHome::Whisper }, &["base.pt"]),
        ];
        let model = Model { name: "m".to_owned(), spec: "hf:a/b".to_owned(), parts };
        let root = Path::new("cache");
        let expected = ["huggingface/hub/models--a--b", "torch/hub/o_r_master", "whisper/base.pt"];
        assert_eq!(paths(&model, &Homes::under(root)), expected.map(|path| root.join(path)));
    }
}
