//! Git, asked as little as possible: where the work tree begins, and which paths are tracked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the work tree that holds `start`: a folder with a `.git` in it, which is a file in a worktree or submodule.
pub fn work_tree(start: &Path) -> Option<PathBuf> {
    start.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()).map(Path::to_path_buf)
}

/// Which of `paths` (inside the work tree at `root`) Git tracks anything of. `None` when Git cannot be asked.
///
/// This runs `git ls-files`: the index has four versions and optional extensions, and Git reads them best.
pub fn tracked(root: &Path, paths: &[PathBuf]) -> Option<Vec<PathBuf>> {
    let mut tracked = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(root).ok()?;
        if !listed(root, relative)?.is_empty() {
            tracked.push(path.clone());
        }
    }
    Some(tracked)
}

/// The files below `folder` (inside the work tree at `root`) that Git tracks. `None` when Git cannot be asked.
#[cfg(unix)]
pub fn tracked_files(root: &Path, folder: &Path) -> Option<HashSet<PathBuf>> {
    use std::os::unix::ffi::OsStrExt as _;
    let names = listed(root, folder.strip_prefix(root).ok()?)?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Some(names.map(|name| root.join(std::ffi::OsStr::from_bytes(name))).collect())
}

/// The files below `folder` (inside the work tree at `root`) that Git tracks. `None` when Git cannot be asked.
#[cfg(not(unix))]
pub fn tracked_files(root: &Path, folder: &Path) -> Option<HashSet<PathBuf>> {
    let names = listed(root, folder.strip_prefix(root).ok()?)?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Some(names.map(|name| root.join(String::from_utf8_lossy(name).as_ref())).collect())
}

/// What `git ls-files -z` says of `relative`.
fn listed(root: &Path, relative: &Path) -> Option<Vec<u8>> {
    let output = Command::new("git")
        // A repository's configuration can name programs; listing the index needs none of them.
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--literal-pathspecs"])
        .arg("-C")
        .arg(root)
        .args(["ls-files", "--cached", "-z", "--"])
        // An empty word is refused: then nothing would be known of the work tree as a whole.
        .arg(if relative.as_os_str().is_empty() { Path::new(".") } else { relative })
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}
