//! Folders of a project that hold weights outside of the cache: `./models`, what a script with `local_dir=` made, or with `cache_dir=`.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::project::root::MANIFEST;

/// Endings of files that hold weights.
const ENDINGS: [&str; 12] =
    ["safetensors", "gguf", "ggml", "bin", "pt", "pth", "ckpt", "onnx", "h5", "tflite", "nemo", "npz"];

/// Smaller files are test data, in bytes.
const SMALLEST: u64 = 1 << 20;

/// How many names are looked at: a project's data must not make `status` slow.
const LIMIT: usize = 20_000;

/// Where `local_dir=` keeps its notes, below `.cache` of the folder that it filled.
const LOCAL: &str = "huggingface/download";

/// A folder in which such a file lies is a Python environment, or another project, which is for itself.
const FOREIGN: [&str; 2] = ["pyvenv.cfg", MANIFEST];

/// Folders that are somebody else's.
const SKIPPED: [&str; 6] = ["node_modules", "site-packages", "target", "venv", "env", "__pycache__"];

/// What a client that was given `~/.cache` and nobody to expand it has made in the project.
pub(super) const UNEXPANDED: &str = "~";

/// The folder of a project in which people keep models.
const MODELS: &str = "models";

/// The topmost folders below `project` that hold weights themselves, or repositories of the Hub, or what `local_dir=` made; `cache_root`,
/// hidden folders, Python environments and other projects are left out. So is what cannot be read (a database of a container), but where
/// people keep models: what reads those folders says that it cannot.
pub(super) fn folders(project: &Path, cache_root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([project.to_path_buf()]);
    let mut left = LIMIT;
    while let Some(folder) = waiting.pop_front() {
        let is_of_models = folder.starts_with(project.join(MODELS));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                if is_of_models && error.kind() == io::ErrorKind::PermissionDenied {
                    found.push(folder);
                }
                continue;
            }
        };
        let is_project = folder == project;
        let mut below = Vec::new();
        let (mut bears, mut is_foreign) = (false, false);
        for entry in entries.filter_map(Result::ok) {
            let Some(rest) = left.checked_sub(1) else { return found };
            left = rest;
            let (path, name) = (entry.path(), entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    // A script with `cache_dir="."` puts them right there: the project is no place, each of them is.
                    if is_project && is_repository(&name) && path.join("snapshots").is_dir() {
                        found.push(path);
                        continue;
                    }
                    bears |= is_repository(&name) || (name == ".cache" && path.join(LOCAL).is_dir());
                    if path != cache_root && !is_skipped(&name, folder.strip_prefix(project).ok()) {
                        below.push(path);
                    }
                }
                Ok(kind) if kind.is_file() => {
                    bears |= is_weights(&path) && has_size(&entry).unwrap_or(is_of_models);
                    is_foreign |= FOREIGN.iter().any(|mark| name == *mark);
                }
                _ => {}
            }
        }
        if is_foreign && !is_project {
            continue;
        }
        if bears && !is_project {
            found.push(folder);
        } else {
            below.sort_unstable();
            waiting.extend(below);
        }
    }
    found
}

/// `./models` where it is a link to a folder outside of the project and of the cache: that one may have come with a clone.
pub(super) fn linked(project: &Path, cache_root: &Path) -> Option<PathBuf> {
    let models = project.join(MODELS);
    let real = models.is_symlink().then(|| models.canonicalize().ok().filter(|real| real.is_dir())).flatten()?;
    let is_own = |root: &Path| root.canonicalize().is_ok_and(|root| real.starts_with(&root));
    (!is_own(project) && !is_own(cache_root)).then_some(models)
}

fn is_skipped(name: &OsStr, folder: Option<&Path>) -> bool {
    let is_cache = || name == ".cache" && folder == Some(Path::new(UNEXPANDED));
    SKIPPED.iter().any(|skipped| name == *skipped) || (name.as_encoded_bytes().starts_with(b".") && !is_cache())
}

/// As a hub calls the folder of a repository.
fn is_repository(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let mut kinds = [&b"models--"[..], b"datasets--", b"spaces--"].into_iter();
    kinds.any(|kind| name.len() > kind.len() && name.starts_with(kind))
}

fn is_weights(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// `None` where nobody may ask: names of a folder can be read, and nothing else of it.
fn has_size(entry: &fs::DirEntry) -> Option<bool> {
    match entry.metadata() {
        Ok(found) => Some(found.len() >= SMALLEST),
        Err(error) => (error.kind() != io::ErrorKind::PermissionDenied).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_with_real_weights_are_found() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path();
        let put = |path: &str, size: u64| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap().set_len(size).unwrap();
        };
        put("models/big.safetensors", 2 << 20);
        put("models/deeper/too.bin", 2 << 20);
        put("data/a/b/x.gguf", 1 << 20);
        put("tests/tiny.bin", 10);
        put("notes/large.txt", 9 << 20);
        put(".cache/torch/x.pt", 9 << 20);
        put("store/x.pt", 9 << 20);
        put("python/pyvenv.cfg", 1);
        put("python/lib/x.bin", 9 << 20);
        put("top.pt", 9 << 20);
        put("other/modelstrap.toml", 1);
        put("other/models/x.bin", 9 << 20);
        put("hub/models--org--m/refs/main", 40);
        put("models--org--here/snapshots/c/x", 1);
        put("models--none/x", 1);
        put("local/.cache/huggingface/download/x.metadata", 9);
        put("~/.cache/hf/hub/datasets--org--d/refs/main", 40);
        put("~/.config/x.bin", 9 << 20);
        let found = folders(root, &root.join("store"));
        let wanted = ["models--org--here", "hub", "local", "models", "data/a/b", "~/.cache/hf/hub"];
        assert_eq!(found, wanted.map(|path| root.join(path)));
    }
}
