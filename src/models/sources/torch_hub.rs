//! Repositories of code on GitHub, as `torch.hub.load` keeps them: `OWNER_REPO_REF`, the archive of a branch or tag.
//!
//! torch takes the folder when it exists, whatever is in it. So files come into a folder beside it, and the whole gets its name
//! by one rename, with a marker in it that says which commit it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, FileState, PARTIALS, forks, github, names, state_of, trusted};
use crate::fetch::{Artifact, Credential};
use crate::models::documents::Documents;
use crate::models::homes::Homes;
use crate::models::locked::{File, Part, Place};
use crate::models::names::{is_commit, quoted_path};
use crate::support::{atomic, bounded, delete, lock::Lock};

/// Where the files of a commit are.
const RAW: &str = "https://raw.githubusercontent.com";
/// The file in the folder that says its commit.
pub const MARKER: &str = ".modelstrap-commit";
/// What is ours beside torch's folders.
const OWN: &str = ".modelstrap";
/// Renaming takes no time; another process that holds the lock for longer is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A repository at one commit, under the name that torch gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repo<'a> {
    owner: &'a str,
    repo: &'a str,
    reference: &'a str,
    commit: &'a str,
}

/// What `owner/repo` is at `reference`; without one at `main`, else at `master`, as torch chooses.
///
/// # Errors
/// When there is none, its listing is incomplete, or a name in it may not become a path.
pub fn resolve(
    client: &dyn Documents,
    owner: &str,
    repo: &str,
    reference: Option<&str>,
    github: Option<&Credential>,
) -> Result<Part, Error> {
    names::github_owner(owner)?;
    names::github_repo(repo)?;
    let server = github::Repository { client, credential: github, owner, name: repo };
    let candidates = match reference {
        Some(reference) => vec![reference],
        None => vec!["main", "master"],
    };
    for candidate in &candidates {
        check_reference(candidate)?;
        if let Some(commit) = own_commit(&server, candidate, reference.is_some())? {
            let files = checked(server.blobs(&commit)?)?.into();
            let (owner, repo) = (owner.to_owned(), repo.to_owned());
            let place = Place::TorchHub { owner, repo, reference: candidate.replace('/', "_"), commit };
            return Ok(Part { place, files });
        }
    }
    let asked = candidates.join("` or `");
    Err(Error::NotThere(format!(
        "GitHub has no public repository {owner}/{repo} with a branch, tag or commit `{asked}`"
    )))
}

/// What `reference` is: a branch, and where a person `named` it a tag or a commit, which must be the repository's own.
fn own_commit(server: &github::Repository<'_>, reference: &str, named: bool) -> Result<Option<String>, Error> {
    if is_commit(reference) {
        // Nobody can give a branch or a tag such a name on GitHub.
        let found = server.commit(reference)?;
        return found.map(|commit| forks::check(server, &commit, None).map(|()| commit)).transpose();
    }
    if let Some(commit) = server.branch(reference)? {
        return Ok(Some(commit));
    }
    if !named {
        return Ok(None);
    }
    if let Some(commit) = server.tag(reference)? {
        return Ok(Some(commit));
    }
    // The first digits of a commit, or one of Git's many other ways to say one.
    let found = server.commit(reference)?;
    found.map(|commit| forks::check(server, &commit, None).map(|()| commit)).transpose()
}

/// Whether the commit of `place` is the repository's own, as the server says now. Its files are served by their commit alone, and
/// the commit comes from a lock that may be a stranger's.
///
/// # Errors
/// When it is not, the server cannot be asked, or a name in the place is no plain one.
pub fn check_commit(
    client: &dyn Documents,
    place: &Place,
    reference: Option<&str>,
    github: Option<&Credential>,
) -> Result<(), Error> {
    let Repo { owner, repo, reference: folder, commit } = Repo::of(place)?;
    let server = github::Repository { client, credential: github, owner, name: repo };
    let branch = reference.unwrap_or(folder);
    check_reference(branch)?;
    forks::check(&server, commit, Some(branch).filter(|branch| !is_commit(branch)))
}

impl<'a> Repo<'a> {
    /// The repository of `place`, its names checked: a lock may have been edited.
    ///
    /// # Errors
    /// When `place` is no repository of code, or a name in it is no plain one.
    pub fn of(place: &'a Place) -> Result<Self, Error> {
        let Place::TorchHub { owner, repo, reference, commit } = place else {
            return Err(Error::NotThere("the part is no repository of torch.hub".to_owned()));
        };
        names::github_owner(owner)?;
        names::github_repo(repo)?;
        check_reference(reference)?;
        if !is_commit(commit) {
            let why = "is not 40 lower-case hexadecimal digits";
            return Err(Error::Name { what: "the commit", name: commit.clone(), why });
        }
        let found = Self { owner, repo, reference, commit };
        names::plain_name("the folder", &found.folder())?;
        Ok(found)
    }

    /// The name of its folder in `torch/hub`.
    pub fn folder(&self) -> String {
        format!("{}_{}_{}", self.owner, self.repo, self.reference.replace('/', "_"))
    }

    fn home(&self, homes: &Homes) -> PathBuf {
        homes.torch_hub.join(self.folder())
    }

    /// Where its files come together before they get their place.
    fn staging(&self, homes: &Homes) -> PathBuf {
        homes.torch_hub.join(OWN).join("unfinished").join(format!("{}-{}", self.folder(), &self.commit[..12]))
    }

    fn is_placed(&self, homes: &Homes) -> bool {
        marked(&self.home(homes)).as_deref() == Some(self.commit)
    }
}

/// The artifact that brings `file`: into the folder, if that is this commit's already, else beside it.
///
/// # Errors
/// When its path is no plain one.
pub fn artifact(repo: &Repo<'_>, file: &File, group: usize, homes: &Homes) -> Result<Artifact, Error> {
    let folder = if repo.is_placed(homes) { repo.home(homes) } else { repo.staging(homes) };
    let Repo { owner, repo: name, commit, .. } = repo;
    Ok(Artifact {
        label: file.path.clone(),
        group,
        url: format!("{RAW}/{owner}/{name}/{commit}/{}", quoted_path(&file.path)),
        size: file.size,
        digest: file.digest,
        destination: names::below(&folder, &file.path)?,
        partials: homes.torch_hub.join(PARTIALS).into(),
        credential: None,
        key: 0,
    })
}

/// The path under which torch finds `file`.
///
/// # Errors
/// When its path is no plain one.
pub fn visible(repo: &Repo<'_>, file: &File, homes: &Homes) -> Result<PathBuf, Error> {
    names::below(&repo.home(homes), &file.path)
}

/// What is there of `file`. In a folder that is not this commit's, it is missing: torch would take another one.
///
/// # Errors
/// When its path is no plain one.
pub fn state(repo: &Repo<'_>, file: &File, homes: &Homes) -> Result<FileState, Error> {
    let path = visible(repo, file, homes)?;
    Ok(if repo.is_placed(homes) { state_of(&path, file.size) } else { FileState::Missing })
}

/// Gives the folder its name, once all `files` are in it, and makes torch trust it. What had that name before is deleted when it
/// was ours or the same; anything else is kept in `torch/hub/.modelstrap/replaced`.
///
/// # Errors
/// When a file is missing, or what the disk says.
pub fn finish(repo: &Repo<'_>, files: &[File], homes: &Homes) -> Result<(), Error> {
    // With nothing to do, a cache is as good that nobody can write to.
    if repo.is_placed(homes) && trusted::has(&homes.torch_hub, repo.owner, repo.repo)? {
        return Ok(());
    }
    let own = homes.torch_hub.join(OWN);
    fs::create_dir_all(&own).map_err(Error::disk(&own))?;
    let lock = own.join("lock");
    let _held = Lock::acquire(&lock, PATIENCE, || {}).map_err(Error::disk(&lock))?;
    if !repo.is_placed(homes) {
        let staging = repo.staging(homes);
        for file in files {
            let path = names::below(&staging, &file.path)?;
            fs::metadata(&path).map_err(Error::disk(&path))?;
        }
        // A repository without files is none that torch could load, but it has a folder.
        fs::create_dir_all(&staging).map_err(Error::disk(&staging))?;
        let marker = staging.join(MARKER);
        atomic::replace(&marker, format!("{}\n", repo.commit).as_bytes(), None, "new").map_err(Error::disk(&marker))?;
        let home = repo.home(homes);
        clear_away(&home, &staging, &own)?;
        fs::rename(&staging, &home).map_err(Error::disk(&home))?;
        atomic::sync_directory(&homes.torch_hub);
        sweep(repo, &own);
    }
    trusted::add(&homes.torch_hub, repo.owner, repo.repo)
}

/// Removes what came together for other commits under this name and was overtaken. What cannot be removed does no harm.
fn sweep(repo: &Repo<'_>, own: &Path) {
    let start = format!("{}-", repo.folder());
    for entry in fs::read_dir(own.join("unfinished")).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let commit = name.to_str().and_then(|name| name.strip_prefix(&start));
        // Twelve digits and no more: a repository's own name may go on after ours.
        if commit.is_some_and(|commit| commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            let _ = delete::tree(&entry.path(), own);
        }
    }
}

/// Takes what has the name `home` out of the way. It is deleted when it carries our marker, or has nothing that `staging` has not.
fn clear_away(home: &Path, staging: &Path, own: &Path) -> Result<(), Error> {
    if fs::symlink_metadata(home).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(());
    }
    let dispensable = !home.is_symlink() && (marked(home).is_some() || has_nothing_of_its_own(home, staging));
    let replaced = own.join("replaced");
    fs::create_dir_all(&replaced).map_err(Error::disk(&replaced))?;
    let name = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names = (1_u32..).map(|number| replaced.join(format!("{name}-{number}")));
    let aside = names.find(|path| path.symlink_metadata().is_err()).unwrap_or_else(|| replaced.join(name));
    fs::rename(home, &aside).map_err(Error::disk(home))?;
    if dispensable {
        delete::tree(&aside, own).map_err(Error::disk(&aside))?;
    }
    Ok(())
}

/// Whether each file below `folder` is below `other` too, with the same bytes; what Python compiled does not count. Whatever
/// cannot be read is taken for something of its own.
fn has_nothing_of_its_own(folder: &Path, other: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.into_iter().all(|entry| {
        let Ok(entry) = entry else { return false };
        let twin = other.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                entry.file_name() == "__pycache__" || has_nothing_of_its_own(&entry.path(), &twin)
            }
            Ok(kind) if kind.is_file() => same_bytes(&entry.path(), &twin).unwrap_or(false),
            _ => false,
        }
    })
}

fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (fs::File::open(one)?, fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..read])?;
        if left[..read] != right[..read] {
            return Ok(false);
        }
    }
}

/// The commit in the marker of `folder`.
fn marked(folder: &Path) -> Option<String> {
    let bytes = bounded::read(&folder.join(MARKER), 64).ok()?;
    let text = String::from_utf8(bytes).ok()?.trim().to_owned();
    is_commit(&text).then_some(text)
}

/// A branch, tag or commit that may stand in a URL and, with `_` for `/`, in a folder's name.
pub(super) fn check_reference(reference: &str) -> Result<(), Error> {
    names::plain_path(reference)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'+' | b'@');
    if reference.bytes().all(good) && !reference.starts_with('-') && !reference.contains("..") {
        return Ok(());
    }
    let why = "has more than letters, digits and `._-/+@`";
    Err(Error::Name { what: "the branch, tag or commit", name: reference.to_owned(), why })
}

/// The files, each with a plain path, sorted, each path once.
fn checked(blobs: Vec<github::Blob>) -> Result<Vec<File>, Error> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for blob in blobs {
        names::plain_path(&blob.path)?;
        let clash = !seen.insert(blob.path.to_lowercase());
        if clash || blob.path == MARKER {
            let why =
                if clash { "is the same as another but for letter case" } else { "is a name that modelstrap needs" };
            return Err(Error::Name { what: "the path", name: blob.path, why });
        }
        files.push(File { path: blob.path, size: Some(blob.size), digest: Some(blob.digest), url: None });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

#[cfg(test)]
mod tests;
