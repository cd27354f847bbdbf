//! Branches and tags in the cache: files that hold a commit, 40 bytes and nothing more.
//!
//! A line end, or upper case, breaks every offline lookup of Python and hides the repository from `hf cache ls`. One ref of
//! ours, `refs/refs/modelstrap/ID`, keeps `hf cache prune` from removing a commit that no branch names.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::layout::Repository;
use super::symlinks::unique;
use crate::models::names;
use crate::support::bounded;

/// What our own refs begin with.
pub(super) const OURS: &str = "refs/modelstrap/";

/// What the one ends with that protects a commit while it is fetched.
const COMING: &str = "-coming";

/// The revision that protects a commit for `id`.
pub fn protecting(id: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let mut name: String = id.chars().map(safe).take(100).collect();
    if name.is_empty() {
        name.push('-');
    }
    format!("{OURS}{name}")
}

/// The revision that protects a commit for `id` while it is fetched; the one of [`protecting`] names the last whole one.
pub fn awaiting(id: &str) -> String {
    format!("{}{COMING}", protecting(id))
}

/// The commit of `revision`, if the file is exactly one.
pub fn read(repository: &Repository, revision: &str) -> Option<String> {
    let bytes = bounded::read(&repository.reference(revision), 64).ok()?;
    String::from_utf8(bytes).ok().filter(|text| names::is_commit(text))
}

/// Writes that `revision` is `commit`: by a rename, and only when it is not written already.
///
/// # Errors
/// What the disk says; a revision or commit that is none.
pub fn write(repository: &Repository, revision: &str, commit: &str) -> io::Result<()> {
    names::revision(revision).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    if !names::is_commit(commit) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the commit is not 40 hexadecimal digits"));
    }
    if read(repository, revision).as_deref() == Some(commit) {
        return Ok(());
    }
    replace(repository, &repository.reference(revision), commit.as_bytes())
}

/// Gives `path` this content in one step; the unfinished file lies where no scanner looks.
pub(super) fn replace(repository: &Repository, path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(repository, path, |file| file.write_all(bytes))
}

/// The same for what `write` writes, piece by piece.
pub(super) fn replace_with(
    repository: &Repository,
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    fs::create_dir_all(repository.private())?;
    let temporary = repository.private().join(unique("write"));
    let written = fs::File::create(&temporary).and_then(|mut file| write(&mut file));
    let done = written.and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// Every ref of the repository with its commit, sorted; files that are no refs are passed over.
pub fn all(repository: &Repository) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![(repository.refs(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let revision = format!("{prefix}{name}");
            match entry.file_type() {
                // A link to a folder is not followed: it may lead into a circle.
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), format!("{revision}/"))),
                _ => found.extend(read(repository, &revision).map(|commit| (revision, commit))),
            }
        }
    }
    found.sort_unstable();
    found
}

/// True for a ref that protects a commit for a project.
pub fn is_ours(revision: &str) -> bool {
    revision.starts_with(OURS)
}

/// For whom the ref protects a commit, fetched or still coming.
pub fn holder(revision: &str) -> Option<&str> {
    let id = revision.strip_prefix(OURS)?;
    Some(id.strip_suffix(COMING).unwrap_or(id))
}

/// Removes the ref that is named after its commit, unless a project holds the commit: it would keep `hf cache prune` away.
///
/// # Errors
/// What the disk says.
pub fn unname(repository: &Repository, commit: &str) -> io::Result<()> {
    let itself = read(repository, commit).as_deref() == Some(commit);
    if !itself || all(repository).iter().any(|(name, held)| is_ours(name) && held == commit) {
        return Ok(());
    }
    remove(repository, commit)
}

/// Removes the ref, and the folders that it leaves empty.
///
/// # Errors
/// What the disk says.
pub fn remove(repository: &Repository, revision: &str) -> io::Result<()> {
    names::revision(revision).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    let path = repository.reference(revision);
    // A disk that nobody can write to refuses to remove even what is not there.
    if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let top = repository.refs();
    let mut folder: Option<PathBuf> = path.parent().map(Path::to_path_buf);
    while let Some(empty) = folder.filter(|folder| *folder != top && folder.starts_with(&top)) {
        if fs::remove_dir(&empty).is_err() {
            break;
        }
        folder = empty.parent().map(Path::to_path_buf);
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::models::locked::RepoType;

    #[test]
    fn a_ref_is_forty_bytes_and_is_left_alone_when_it_is_right() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let (first, second) = ("a".repeat(40), "b".repeat(40));
        write(&repository, "refs/pr/1", &first).unwrap();
        let path = room.path().join("models--o--n/refs/refs/pr/1");
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
        let inode = fs::metadata(&path).unwrap().ino();
        write(&repository, "refs/pr/1", &first).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        fs::write(&path, format!("{second}\n")).unwrap();
        assert_eq!(read(&repository, "refs/pr/1"), None, "Python would not find it either");
        write(&repository, "refs/pr/1", &second).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), second);
        assert_eq!(fs::read_dir(repository.private()).unwrap().count(), 0);
    }

    #[test]
    fn refs_are_listed_and_removed_with_their_empty_folders() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let commit = "a".repeat(40);
        let ours = protecting("proj é/../x");
        assert_eq!(ours, "refs/modelstrap/proj------x");
        assert_eq!([holder(&ours), holder(&awaiting("p")), holder("main")], [Some("proj------x"), Some("p"), None]);
        for revision in ["main", "feat/x", &ours] {
            write(&repository, revision, &commit).unwrap();
        }
        fs::write(repository.refs().join("junk"), "x").unwrap();
        let names: Vec<String> = all(&repository).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["feat/x", "main", &ours]);
        remove(&repository, &ours).unwrap();
        remove(&repository, "feat/x").unwrap();
        remove(&repository, "never").unwrap();
        let mut left: Vec<_> = fs::read_dir(repository.refs()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["junk", "main"]);
        assert!(remove(&repository, "../blobs").is_err());
        assert!(write(&repository, "main", "short").is_err());
    }
}
