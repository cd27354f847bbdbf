//! A repository as a download leaves it in the cache, and what lies there then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use modelstrap::fetch::Digest;
use modelstrap::models::homes::Homes;
use modelstrap::models::hub::{Settings, place};
use modelstrap::models::locked::{File, HubPlace, RepoType};
use modelstrap::platform::Os;
use modelstrap::support::vars::Vars;
use sha2::Digest as _;

use super::COMMIT;

/// Path, content, whether it lies outside Git.
pub(crate) const FILES: [(&str, &str, bool); 5] = [
    ("config.json", "{\"model_type\": \"bert\"}\n", false),
    ("empty.txt", "", false),
    ("model.safetensors", "not really weights", true),
    ("nested/dir/vocab.txt", "a\nb\n", false),
    ("we ird #1%+é.txt", "odd", false),
];

pub(crate) fn digest(content: &str, outside: bool) -> Digest {
    if outside {
        return Digest::Sha256(sha2::Sha256::digest(content).into());
    }
    let header = format!("blob {}\0", content.len());
    Digest::Git(sha1::Sha1::new().chain_update(header).chain_update(content).finalize().into())
}

pub(crate) fn files() -> Vec<File> {
    let file = |&(path, content, outside): &(&str, &str, bool)| File {
        path: path.to_owned(),
        size: Some(content.len() as u64),
        digest: Some(digest(content, outside)),
        url: None,
    };
    FILES.iter().map(file).collect()
}

pub(crate) fn whole() -> HubPlace {
    HubPlace {
        repo_type: RepoType::Model,
        repo: "org/name".to_owned(),
        requested: "main".to_owned(),
        commit: COMMIT.to_owned(),
        complete: true,
    }
}

pub(crate) fn homes(hub: &Path) -> Homes {
    let unused = PathBuf::from("/unused");
    Homes {
        root: unused.clone(),
        hub: hub.to_path_buf(),
        whisper: unused.clone(),
        torch_hub: unused.clone(),
        wheels: unused.clone(),
        files: unused,
    }
}

pub(crate) fn settings(symlinks_wanted: bool) -> Settings {
    let vars: Vars = [("HOME", "/nowhere")].into_iter().collect();
    Settings { symlinks_wanted, ..Settings::of(&vars, Os::current(), None) }
}

/// What a download does: the bytes under their names, the pointers, the refs.
pub(crate) fn install(place: &HubPlace, files: &[File], hub: &Path, symlinks: bool) {
    let (homes, settings) = (homes(hub), settings(symlinks));
    for file in files {
        let artifact = place::artifact(place, file, &homes, &settings, None).unwrap();
        let content = FILES.iter().find(|(path, _, _)| *path == file.path).unwrap().1;
        fs::create_dir_all(artifact.destination.parent().unwrap()).unwrap();
        if !artifact.destination.exists() {
            fs::write(&artifact.destination, content).unwrap();
        }
        place::settle(place, file, &homes, &settings).unwrap();
    }
    place::finish(place, files, &homes, Some("project-1")).unwrap();
}

/// Every file below `root` with its content, every link with what it says.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            match fs::read_link(&path) {
                Ok(target) => drop(found.insert(name, format!("-> {}", target.display()))),
                Err(_) if path.is_dir() => folders.push(path),
                Err(_) => drop(found.insert(name, fs::read_to_string(&path).unwrap())),
            }
        }
    }
    found
}
