//! Paths as text: absolute, relative to a project, with `/` in files that travel between machines.

use std::path::{Component, Path, PathBuf};

/// `path` made absolute against `base`, with `.` removed. `..` is kept: only the file system knows what it means.
pub fn absolute(base: &Path, path: &Path) -> PathBuf {
    let joined = if path.is_absolute() { path.to_path_buf() } else { base.join(path) };
    joined.components().filter(|part| *part != Component::CurDir).collect()
}

/// `path` relative to `root`, written with `/`, when it lies inside; otherwise absolute as it stands.
pub fn portable(root: &Path, path: &Path) -> String {
    match path.strip_prefix(root) {
        Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
        Ok(inside) => inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"),
        Err(_) => path.to_string_lossy().into_owned(),
    }
}

/// True when a component of `path` is `..`.
pub fn has_parent_component(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

/// `path` without `..`, as the file system has it now: what is above a link is above what that leads to. As it stands where a folder
/// on the way is not there.
pub fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir {
            plain.push(part);
            continue;
        }
        match plain.is_symlink() {
            true => match plain.canonicalize() {
                Ok(real) => plain = real,
                Err(_) => return path.to_path_buf(),
            },
            false if !plain.is_dir() => return path.to_path_buf(),
            false => {}
        }
        plain.pop();
    }
    plain
}

/// Where `path` really is: its nearest existing ancestor with links followed, and the rest as it stands. `None` when the
/// rest holds a `..` or a link to nowhere: where that leads is decided by what is made in between.
pub fn real_place(path: &Path) -> Option<PathBuf> {
    // To follow each of them that is not there would ask for every folder above it again.
    for ancestor in path.ancestors().filter(|ancestor| ancestor.symlink_metadata().is_ok()) {
        if let Ok(real) = ancestor.canonicalize() {
            let rest = path.strip_prefix(ancestor).unwrap_or_else(|_| Path::new(""));
            let is_plain = !has_parent_component(rest);
            return is_plain.then(|| if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
        if ancestor.is_symlink() {
            return None;
        }
    }
    Some(path.to_path_buf())
}

/// `path` for a person: inside the project relative, inside the home with `~`, else absolute.
pub fn friendly(root: &Path, home: Option<&Path>, path: &Path) -> String {
    if let Ok(inside) = path.strip_prefix(root) {
        // A program that was given `~` as it is has made a folder of that name: it is not the home.
        let is_tilde = inside.as_os_str().as_encoded_bytes().starts_with(b"~");
        let dotted = if is_tilde { Path::new(".").join(inside) } else { inside.to_path_buf() };
        return match inside.to_str() {
            Some(_) if is_tilde => super::quoted::shown(format!("./{}", portable(root, path))),
            Some(_) => super::quoted::shown(portable(root, path)),
            None => super::quoted::shown(dotted),
        };
    }
    match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(inside) => super::escape::path(&Path::new("~").join(inside)),
        None => super::escape::path(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_the_project_are_relative_and_others_stay() {
        assert_eq!(portable(Path::new("/p"), Path::new("/p/.cache/torch")), ".cache/torch");
        assert_eq!(portable(Path::new("/p"), Path::new("/p")), ".");
        assert_eq!(portable(Path::new("/p"), Path::new("/pq/x")), "/pq/x");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_above_a_folder_is_asked_of_the_disk() {
        let room = tempfile::tempdir().unwrap();
        let at = |path: &str| room.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::create_dir_all(at("far/c")).unwrap();
        std::os::unix::fs::symlink(at("far/c"), at("a/link")).unwrap();
        for (given, found) in [
            ("a/b/../../far/x", "far/x"),
            ("a/b/..", "a"),
            ("a/link/../x", "far/x"),
            ("a/link", "a/link"),
            ("none/../a", "none/../a"),
        ] {
            assert_eq!(without_parents(&at(given)), at(found), "{given}");
        }
        assert_eq!(without_parents(Path::new("/../x")), Path::new("/x"));
    }

    #[test]
    fn a_home_is_shortened_for_people_only() {
        let home = Some(Path::new("/home/ada"));
        let shown = friendly(Path::new("/p"), home, Path::new("/home/ada/.bashrc"));
        assert_eq!(shown, if cfg!(windows) { r"~\.bashrc" } else { "~/.bashrc" });
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let odd = Path::new(std::ffi::OsStr::from_bytes(b"/home/ada/caf\xe9.pt"));
            assert_eq!(friendly(Path::new("/p"), home, odd), r"~/$'caf\xe9.pt'", "as a shell takes it");
        }
        assert_eq!(friendly(Path::new("/p"), home, Path::new("/p/.env")), ".env");
        assert_eq!(friendly(Path::new("/p"), home, Path::new("/p/~/.cache")), "./~/.cache");
    }
}
