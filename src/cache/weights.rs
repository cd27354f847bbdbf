//! Folders of a project that hold weights outside of the cache: `./models`, or what a script with `local_dir=` made.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of files that hold weights.
const ENDINGS: [&str; 12] =
    ["safetensors", "gguf", "ggml", "bin", "pt", "pth", "ckpt", "onnx", "h5", "tflite", "nemo", "npz"];

/// Smaller files are test data, in bytes.
const SMALLEST: u64 = 1 << 20;

/// How many names are looked at: a project's data must not make `status` slow.
const LIMIT: usize = 20_000;

/// Folders that are somebody else's.
const SKIPPED: [&str; 6] = ["node_modules", "site-packages", "target", "venv", "env", "__pycache__"];

/// The topmost folders below `project` that hold weights themselves; `cache_root`, hidden folders and Python environments are
/// left out.
pub(super) fn folders(project: &Path, cache_root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([project.to_path_buf()]);
    let mut left = LIMIT;
    while let Some(folder) = waiting.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut below = Vec::new();
        let mut bears = false;
        for entry in entries.filter_map(Result::ok) {
            let Some(rest) = left.checked_sub(1) else { return found };
            left = rest;
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_foreign(&path, cache_root) => below.push(path),
                Ok(kind) if kind.is_file() => bears |= is_weights(&path) && has_size(&entry),
                _ => {}
            }
        }
        if bears && folder != project {
            found.push(folder);
        } else {
            below.sort_unstable();
            waiting.extend(below);
        }
    }
    found
}

fn is_foreign(path: &Path, cache_root: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || SKIPPED.contains(&&*name) || path == cache_root || path.join("pyvenv.cfg").exists()
}

fn is_weights(path: &Path) -> bool {
    path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

fn has_size(entry: &fs::DirEntry) -> bool {
    entry.metadata().is_ok_and(|found| found.len() >= SMALLEST)
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
        let found = folders(root, &root.join("store"));
        assert_eq!(found, [root.join("models"), root.join("data/a/b")]);
    }
}
