//! Where the cache root may be, and where it must not: a wrong `base_dir` is found out before anything is written.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::platform::{Os, home};
use crate::support::vars::Vars;
use crate::support::{escape, paths};

/// The word in the manifest for the cache that all projects of a user share.
pub const USER: &str = "user";

/// The absolute cache root that `base_dir` means for the project at `root`.
///
/// # Errors
/// When it is the project, its parent, the home folder, the root of the disk, a file, a link to nowhere, or has `..`.
pub fn resolve(base_dir: &str, root: &Path, home: Option<&Path>, vars: &Vars, os: Os) -> Result<PathBuf> {
    let refuse = |why: &str| -> Result<PathBuf> {
        bail!(
            "the cache root `{}` {why}\n  choose a folder of its own, such as `.cache`: [cache] base_dir in the manifest, or `--cache-dir`",
            escape::printable(base_dir)
        )
    };
    if base_dir == USER {
        // `run` points XDG_CACHE_HOME at the cache root itself; inside it the user's own value is not known.
        let ours = vars.get("XDG_CACHE_HOME").is_some() && vars.get("XDG_CACHE_HOME") == vars.get("PRIMARY_CACHE_PATH");
        let vars = if ours { vars.clone().without("XDG_CACHE_HOME") } else { vars.clone() };
        let Some(base) = home::user_cache_dir(&vars, os) else {
            bail!("the per-user cache cannot be told: HOME is not set\n  set it, or give a folder with `--cache-dir`");
        };
        return Ok(base.join("modelstrap"));
    }
    // A shell reads `~` alone as the home folder, and `~name` as that of another user: nobody means a folder that is called so.
    let in_home = if base_dir == "~" { Some("") } else { base_dir.strip_prefix("~/") };
    let written = match (in_home, home) {
        (Some(rest), Some(home)) => home.join(rest),
        (None, _) if base_dir.starts_with('~') => {
            return refuse("begins with `~` and a name, which is read nowhere but in shells: give the whole path");
        }
        (Some(_), None) => return refuse("begins with `~`, and HOME is not set"),
        (None, _) => PathBuf::from(base_dir),
    };
    if base_dir.trim().is_empty() {
        return refuse("is empty");
    }
    if base_dir.contains(['\0', '\n', '\r']) {
        return refuse("holds a line end or a NUL");
    }
    if paths::has_parent_component(&written) {
        return refuse("leads upwards with `..`");
    }
    let path = paths::absolute(root, &written);
    // Links may lead to one of the refused folders, too.
    for place in [path.clone(), path.canonicalize().unwrap_or_else(|_| path.clone())] {
        let is_or_holds = |other: &Path| {
            let real = other.canonicalize().unwrap_or_else(|_| other.to_path_buf());
            (place == other || place == real, other.starts_with(&place) || real.starts_with(&place))
        };
        if place.parent().is_none() {
            return refuse("is the root of the disk");
        }
        match is_or_holds(root) {
            (true, _) => return refuse("is the project itself"),
            (_, true) => return refuse("holds the project"),
            _ => {}
        }
        match home.map(is_or_holds) {
            Some((true, _)) => return refuse("is the home folder"),
            Some((_, true)) => return refuse("holds the home folder"),
            _ => {}
        }
    }
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() && !path.exists() => {
            refuse("is a symbolic link to something that does not exist (is a disk not mounted?)")
        }
        Ok(found) if !found.is_symlink() && !found.is_dir() => refuse("is a file"),
        _ if path.is_file() => refuse("is a link to a file"),
        _ => Ok(path),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;

    fn why(base_dir: &str, room: &Path) -> String {
        let home = room.join("home");
        let root = home.join("p");
        match resolve(base_dir, &root, Some(&home), &Vars::default(), Os::Linux) {
            Ok(path) => paths::portable(room, &path),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn a_base_dir_that_would_swallow_something_is_refused() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        fs::create_dir_all(room.join("home/p")).unwrap();
        fs::write(room.join("home/p/file"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", room.join("home/p/dangling")).unwrap();
        std::os::unix::fs::symlink("..", room.join("home/p/up")).unwrap();
        let says = |base_dir: &str, words: &str| {
            let message = why(base_dir, &room);
            assert!(message.contains(words), "{base_dir}: {message}");
        };
        says(".", "is the project itself");
        says("", "is empty");
        says("..", "leads upwards");
        says("a/../b", "leads upwards");
        says("/", "is the root of the disk");
        says(room.to_str().unwrap(), "holds the project");
        says(room.join("home").to_str().unwrap(), "holds the project");
        says("~/", "holds the project");
        says("~", "holds the project");
        says("~ada/models", "read nowhere but in shells");
        says("up", "holds the project");
        says("file", "is a file");
        says("dangling", "does not exist");
        assert_eq!(why(".cache", &room), "home/p/.cache");
        assert_eq!(why("./a/./b", &room), "home/p/a/b");
        assert_eq!(why("~/models", &room), "home/models");
        assert_eq!(why("./~ada", &room), "home/p/~ada");
    }
}
