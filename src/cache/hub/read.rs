//! Reads a repository of a hub into memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Blob, BlobKind, File, FileKind, Hub, Reference, Repository, Revision};
use crate::cache::linked;
use crate::cache::stamp::Stamp;
use crate::support::{bounded, quoted};

/// No repository has folders in folders in so many folders.
const DEEPEST: usize = 64;

/// A reference holds 40 digits; this is room to see that it is longer.
const REFERENCE: u64 = 64;

const KINDS: [(&str, &str); 4] =
    [("models--", "model"), ("datasets--", "dataset"), ("spaces--", "space"), ("kernels--", "kernel")];

/// `org/name` and the kind, if a folder of this name is a repository's. Both are written as [`quoted::text`] writes names: one that is no
/// UTF-8 comes from no hub, and two of them are two all the same.
pub(in crate::cache) fn named(folder: &str) -> Option<(String, &'static str)> {
    let (quote, folder) = folder.split_at(if folder.starts_with("$'") { 2 } else { 0 });
    KINDS.iter().find_map(|(prefix, kind)| {
        let rest = folder.strip_prefix(prefix)?;
        (!rest.is_empty()).then(|| (format!("{quote}{}", rest.replace("--", "/")), *kind))
    })
}

/// Who takes the contents and files of a repository, one after the other: there may be a million.
pub trait Reading {
    /// A content. They come before the files.
    fn blob(&mut self, name: OsString, blob: Blob);

    /// Whether a content of this name has come.
    fn has(&self, name: &OsStr) -> bool;

    /// A file of a revision, which is the `revision`th of the repository's.
    fn file(&mut self, revision: usize, file: File);
}

/// All of it, in memory.
#[derive(Default)]
struct Whole {
    blobs: BTreeMap<OsString, Blob>,
    files: Vec<Vec<File>>,
}

impl Reading for Whole {
    fn blob(&mut self, name: OsString, blob: Blob) {
        self.blobs.insert(name, blob);
    }

    fn has(&self, name: &OsStr) -> bool {
        self.blobs.contains_key(name)
    }

    fn file(&mut self, revision: usize, file: File) {
        if self.files.len() <= revision {
            self.files.resize_with(revision + 1, Vec::new);
        }
        self.files[revision].push(file);
    }
}

pub(super) fn repository(folder: &Path, hub: &Hub) -> Repository {
    let mut whole = Whole::default();
    let mut found = read(folder, hub, &mut whole);
    found.blobs = whole.blobs;
    for (revision, mut files) in found.revisions.iter_mut().zip(whole.files) {
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        revision.files = files;
    }
    found
}

/// The repository without what `reading` is given of it.
pub(super) fn read(folder: &Path, hub: &Hub, reading: &mut dyn Reading) -> Repository {
    let name = quoted::text(folder.file_name().unwrap_or_default());
    let (name, kind) = named(&name).unwrap_or((name, "model"));
    let mut found = Repository { folder: folder.to_path_buf(), name, kind, ..Repository::default() };
    let mut lost = HashSet::new();
    let outcome = blobs(&mut found, hub, reading, &mut lost);
    found.note("blobs", outcome);
    let is_shut = found.problems.iter().any(|(path, _)| *path == folder.join("blobs"));
    // Where it cannot be seen what is there, nobody may say that something is not.
    let leads = |reading: &dyn Reading, name: &OsStr| {
        if reading.has(name) { !lost.contains(name) } else { is_shut }
    };
    let outcome = own_folder(&mut found);
    found.note(".modelstrap", outcome);
    let outcome = snapshots(&mut found, reading, &leads);
    found.note("snapshots", outcome);
    let outcome = references(&mut found);
    found.note("refs", outcome);
    found
}

impl Repository {
    fn note(&mut self, part: &str, outcome: io::Result<()>) {
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.problems.push((self.folder.join(part), error));
            }
            _ => {}
        }
    }
}

/// What says whether a link to this content leads to something.
type Leads<'a> = dyn Fn(&dyn Reading, &OsStr) -> bool + 'a;

/// `lost`: those that lead to a payload which is not there.
fn blobs(found: &mut Repository, hub: &Hub, reading: &mut dyn Reading, lost: &mut HashSet<OsString>) -> io::Result<()> {
    let mut shut: Option<PathBuf> = None;
    for entry in linked::list(&found.folder.join("blobs"))? {
        let entry = entry?;
        let stamp = match Stamp::at(&entry.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            stamp => stamp?,
        };
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if kind.is_file() && name.as_encoded_bytes().ends_with(b".incomplete") {
            found.unfinished.push((entry.path(), stamp));
            continue;
        }
        let kind = if kind.is_file() {
            BlobKind::Own
        } else if kind.is_symlink() {
            let leads = fs::read_link(entry.path()).ok().and_then(|target| payload(&target, hub));
            leads.map_or(BlobKind::Foreign, |(path, there)| {
                let there = there.map_err(|error| {
                    let shard = path.parent().map(Path::to_path_buf);
                    if error.kind() == io::ErrorKind::NotFound {
                        lost.insert(name.clone());
                    } else if shard != shut {
                        found.problems.extend(shard.clone().map(|shard| (shard, error)));
                        shut = shard;
                    }
                });
                BlobKind::Shared(path, there.ok())
            })
        } else {
            BlobKind::Foreign
        };
        reading.blob(name, Blob { stamp, kind });
    }
    Ok(())
}

/// Whether `path` is a link to something in `<hub>/blobs`.
pub(super) fn leads_into_store(path: &Path, hub: &Path) -> bool {
    fs::read_link(path).is_ok_and(|target| target.starts_with("../../blobs") || target.starts_with(hub.join("blobs")))
}

/// `../../blobs/XX/NAME`. A store that lost its marker holds what its repositories need as well as before.
fn payload(target: &Path, hub: &Hub) -> Option<(PathBuf, io::Result<Stamp>)> {
    let rest = target.strip_prefix("../../blobs").ok()?;
    let mut parts = rest.components();
    let (Some(Component::Normal(shard)), Some(Component::Normal(name)), None) =
        (parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let path = hub.folder.join("blobs").join(shard).join(name);
    let there = Stamp::at(&path);
    Some((path, there))
}

fn own_folder(found: &mut Repository) -> io::Result<()> {
    for entry in fs::read_dir(found.folder.join(".modelstrap/partials"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            found.unfinished.push((entry.path(), Stamp::at(&entry.path())?));
        }
    }
    Ok(())
}

fn snapshots(found: &mut Repository, reading: &mut dyn Reading, leads: &Leads<'_>) -> io::Result<()> {
    let mut revisions = Vec::new();
    for entry in linked::list(&found.folder.join("snapshots"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            revisions.push(Revision { commit: entry.file_name(), folder: entry.path(), ..Revision::default() });
        }
    }
    revisions.sort_unstable_by(|one, other| one.commit.cmp(&other.commit));
    for (number, revision) in revisions.iter().enumerate() {
        let mut each = |reading: &mut dyn Reading, file| reading.file(number, file);
        if let Err(error) = files(reading, leads, &revision.folder, &mut PathBuf::new(), 0, &mut each) {
            found.problems.push((revision.folder.clone(), error));
        }
    }
    found.revisions = revisions;
    Ok(())
}

fn files(
    reading: &mut dyn Reading,
    leads: &Leads<'_>,
    revision: &Path,
    below: &mut PathBuf,
    depth: usize,
    each: &mut dyn FnMut(&mut dyn Reading, File),
) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(io::Error::other(format!("lies more than {DEEPEST} folders deep")));
    }
    for entry in fs::read_dir(revision.join(&*below))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        below.push(entry.file_name());
        if kind.is_dir() {
            files(reading, leads, revision, below, depth + 1, each)?;
        } else {
            let kind = if kind.is_symlink() {
                link(&|name| leads(reading, name), fs::read_link(entry.path())?, depth)
            } else if kind.is_file() {
                FileKind::Own(Stamp::at(&entry.path())?)
            } else {
                FileKind::Foreign(PathBuf::new())
            };
            each(reading, File { path: below.clone(), kind });
        }
        below.pop();
    }
    Ok(())
}

/// `../../blobs/NAME`, with one `..` more for each folder of the file's path.
fn link(leads: &dyn Fn(&OsStr) -> bool, target: PathBuf, depth: usize) -> FileKind {
    let up: PathBuf = std::iter::repeat_n("..", depth + 2).collect();
    let blob = target.strip_prefix(up.join("blobs")).ok().and_then(|rest| {
        let mut parts = rest.components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) => Some(name.to_owned()),
            _ => None,
        }
    });
    match blob {
        Some(name) if leads(&name) => FileKind::Blob(name),
        Some(name) => FileKind::Dangling(name),
        None => FileKind::Foreign(target),
    }
}

fn references(found: &mut Repository) -> io::Result<()> {
    let root = found.folder.join("refs");
    let mut folders = vec![(root.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in linked::list(&folder)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                let path = entry.path();
                let inside = path.strip_prefix(&root).unwrap_or(&path);
                let name = crate::support::paths::portable(Path::new(""), inside);
                let commit = match entry.file_type()?.is_file().then(|| commit(&path)) {
                    Some(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                        found.problems.push((path.clone(), error));
                        None
                    }
                    read => read.and_then(Result::ok).flatten(),
                };
                found.references.push(Reference { name, path, commit });
            } else if depth < DEEPEST {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    found.references.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let at: HashMap<_, _> =
        found.revisions.iter().enumerate().map(|(at, revision)| (revision.commit.clone(), at)).collect();
    for reference in &found.references {
        let index = reference.commit.as_ref().and_then(|commit| at.get(OsStr::new(commit)));
        if let Some(revision) = index.and_then(|at| found.revisions.get_mut(*at)) {
            revision.references.push(reference.name.clone());
        }
    }
    Ok(())
}

/// What a reference names, as every client reads it: the line's ends do not count.
fn commit(path: &Path) -> io::Result<Option<String>> {
    let bytes = bounded::read(path, REFERENCE)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    Ok((text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_owned()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const COMMIT: &str = "1111111111111111111111111111111111111111";

    fn put(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn every_blob_link_and_reference_is_seen_and_nothing_is_followed() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path();
        put(hub.join("blobs/.huggingface-shared-blobs"), "1\n");
        put(hub.join("blobs/ab/abcd"), "payload");
        let folder = hub.join("models--org--a--b");
        put(folder.join("blobs/one"), "1");
        put(folder.join("blobs/none"), "orphan");
        put(folder.join("blobs/two.ab.incomplete"), "half");
        put(folder.join(".modelstrap/partials/x.part"), "half");
        put(folder.join("refs/refs/pr/1"), COMMIT);
        put(folder.join("refs/main"), "no commit");
        let snapshot = folder.join("snapshots").join(COMMIT);
        put(snapshot.join("copy.txt"), "here");
        fs::create_dir(snapshot.join("sub")).unwrap();
        let link = |target: &str, at: PathBuf| symlink(target, at).unwrap();
        link("../../blobs/ab/abcd", folder.join("blobs/shared"));
        link("../../blobs/ab/gone", folder.join("blobs/lost"));
        link("/etc/passwd", folder.join("blobs/evil"));
        link("../../blobs/one", snapshot.join("one.txt"));
        link("../../../blobs/shared", snapshot.join("sub/shared.bin"));
        link("../../blobs/missing", snapshot.join("missing"));
        link("../../blobs/lost", snapshot.join("lost"));
        link("../../../../secret", snapshot.join("out"));

        let hub = Hub::at(hub);
        assert_eq!(hub.repositories().unwrap(), std::slice::from_ref(&folder));
        let found = Repository::read(&folder, &hub);
        assert_eq!((found.name.as_str(), found.kind), ("org/a/b", "model"));
        let blobs: Vec<_> = found.blobs.iter().map(|(name, blob)| (name.to_str().unwrap(), kind(blob))).collect();
        let kinds_of_blobs =
            vec![("evil", "foreign"), ("lost", "gone"), ("none", "own"), ("one", "own"), ("shared", "shared")];
        assert_eq!(blobs, kinds_of_blobs);
        let revision = &found.revisions[0];
        let kinds: Vec<_> =
            revision.files.iter().map(|file| (file.path.to_str().unwrap(), file_kind(&file.kind))).collect();
        let expected = [
            ("copy.txt", "own".to_owned()),
            ("lost", "dangling lost".to_owned()),
            ("missing", "dangling missing".to_owned()),
            ("one.txt", "blob one".to_owned()),
            ("out", "foreign ../../../../secret".to_owned()),
            ("sub/shared.bin", "blob shared".to_owned()),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(revision.references, ["refs/pr/1"]);
        let references: Vec<_> =
            found.references.iter().map(|one| (one.name.as_str(), one.commit.as_deref())).collect();
        assert_eq!(references, [("main", None), ("refs/pr/1", Some(COMMIT))]);
        let orphans: Vec<_> = found.orphans().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(orphans, ["evil", "none"], "what a revision links to is none, though its payload is gone");
        assert_eq!((found.unfinished.len(), found.problems.len()), (2, 0));
        assert!(hub.links_into_store());

        fs::remove_file(hub.folder.join("blobs/.huggingface-shared-blobs")).unwrap();
        let hub = Hub::at(&hub.folder);
        let without = Repository::read(&folder, &hub);
        let blobs: Vec<_> = without.blobs.iter().map(|(name, blob)| (name.to_str().unwrap(), kind(blob))).collect();
        assert_eq!((&hub.store, blobs), (&None, kinds_of_blobs), "it is the links that count");
        assert!(hub.links_into_store());
        for name in ["shared", "lost"] {
            fs::remove_file(folder.join("blobs").join(name)).unwrap();
        }
        assert!(!hub.links_into_store());
    }

    fn kind(blob: &Blob) -> &'static str {
        match &blob.kind {
            BlobKind::Own => "own",
            BlobKind::Shared(_, Some(_)) => "shared",
            BlobKind::Shared(_, None) => "gone",
            BlobKind::Foreign => "foreign",
        }
    }

    fn file_kind(kind: &FileKind) -> String {
        match kind {
            FileKind::Blob(name) => format!("blob {}", name.display()),
            FileKind::Own(_) => "own".to_owned(),
            FileKind::Dangling(name) => format!("dangling {}", name.display()),
            FileKind::Foreign(target) => format!("foreign {}", target.display()),
        }
    }
}
