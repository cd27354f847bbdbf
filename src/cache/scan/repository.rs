//! One repository of a hub: three flat listings (blobs, refs, snapshots), and of a link only where it leads, since the base
//! name of its target says which blob it is. Nothing is asked twice, no link is followed.
//!
//! The layout is that of huggingface_hub 0.36 to 2.4; `blobs/ETAG` may be a link into the store that repositories share
//! (≥ 1.32).

use std::io;
use std::path::Path;

use super::blob::{Blob, Content, MANY, NONE, blob, is_digest, is_part, is_unfinished, payload};
use super::folder::{Folder, Kind, Look, Name, NameBuf, ROOM, text};
use super::key::{Key, Keys};
use super::link_room::{LinkRoom, Taken};
use super::state::Tally;
pub(super) use crate::cache::hub::named;
use crate::cache::inventory::{Repository, Revision};
use crate::cache::sizes::Sizes;
use crate::support::interrupt;

/// The longest content of a reference that is one: 40 digits, and room to see that it is longer.
const REFERENCE: usize = 64;

/// No repository has folders in folders in so many folders.
const DEEPEST: usize = 64;

/// A repository that was read.
pub(super) struct Read {
    pub(super) repository: Repository,
    pub(super) tally: Tally,
    /// Payloads of the shared store, and the revision that has each; [`NONE`] for one that no revision has.
    pub(super) via: Vec<(Key, u32)>,
    /// What could not be read in it.
    pub(super) problems: Vec<(std::path::PathBuf, io::Error)>,
}

/// Reads the repository in `folder`, which lies at `path` in the hub with this number. `full` takes over files with several names
/// when there are many.
pub(super) fn read(
    folder: &Folder,
    path: &Path,
    hub: u32,
    (keys, links): (&Keys, &LinkRoom),
    full: &dyn Fn(&mut Vec<Look>),
) -> Read {
    let mut reader = Reader {
        full,
        keys,
        hub,
        room: Vec::with_capacity(ROOM),
        blobs: Vec::new(),
        links: Taken::of(links),
        shut: Shut::default(),
        ways: 0,
        found: Read {
            repository: Repository::default(),
            tally: Tally::default(),
            via: Vec::new(),
            problems: Vec::new(),
        },
    };
    reader.all(folder, path);
    reader.found
}

struct Reader<'a> {
    full: &'a dyn Fn(&mut Vec<Look>),
    keys: &'a Keys,
    hub: u32,
    room: Vec<u8>,
    /// In the order of their keys: a map takes twice the room.
    blobs: Vec<Blob>,
    links: Taken<'a>,
    shut: Shut,
    /// What the folders and links of revisions take, in bytes: it goes with each.
    ways: u64,
    found: Read,
}

/// Which parts of it cannot be read.
#[derive(Default)]
struct Shut {
    blobs: bool,
    snapshots: bool,
}

impl Reader<'_> {
    fn all(&mut self, folder: &Folder, path: &Path) {
        self.found.tally.folder(folder);
        let mut rest: Vec<NameBuf> = Vec::new();
        let mut files: Vec<NameBuf> = Vec::new();
        let listed = folder.each(&mut self.room, |name, kind| {
            match (kind, text(name).as_encoded_bytes()) {
                (Kind::Folder, b"blobs" | b"refs" | b"snapshots") => {}
                (Kind::Folder, _) => rest.push(name.to_owned()),
                _ => files.push(name.to_owned()),
            }
            Ok(())
        });
        self.note(path, listed);
        let outcome = self.blobs_of(folder);
        self.shut.blobs = is_shut(&outcome);
        self.part(path, "blobs", outcome);
        let contents = self.blobs.iter().map(Blob::disk).fold(0, u64::saturating_add);
        let outcome = self.snapshots_of(folder, path);
        self.shut.snapshots = is_shut(&outcome);
        self.part(path, "snapshots", outcome);
        let outcome = self.references_of(folder);
        self.part(path, "refs", outcome);
        self.sum_up();
        for name in files {
            self.count(folder, &name);
        }
        for name in rest {
            let outcome = self.others(folder, &name, 0);
            self.note(&path.join(text(&name)), outcome);
        }
        let Read { repository, tally, .. } = &mut self.found;
        let others = contents.saturating_add(self.ways).saturating_add(tally.partial.bytes);
        repository.beside = tally.sizes.disk.saturating_sub(others);
    }

    fn part(&mut self, path: &Path, name: &str, outcome: io::Result<()>) {
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => self.note(&path.join(name), outcome),
        }
    }

    fn note(&mut self, path: &Path, outcome: io::Result<()>) {
        if let Err(error) = outcome {
            self.found.problems.push((path.to_path_buf(), error));
        }
    }

    fn blobs_of(&mut self, repository: &Folder) -> io::Result<()> {
        let folder = enter(repository, "blobs")?;
        let device = self.found.tally.folder(&folder);
        let Self { full, keys, hub, room, blobs, links, found, .. } = self;
        let mut target = [0; 512];
        let listed = folder.each(room, |name, kind| {
            let bytes = text(name).as_encoded_bytes();
            match kind {
                Kind::File => {
                    let Some(look) = there(folder.look(name))? else { return Ok(()) };
                    if is_unfinished(bytes) {
                        found.tally.unfinished(&look);
                        return Ok(());
                    }
                    found.tally.count(&look, None);
                    if found.tally.is_full() {
                        full(&mut found.tally.linked);
                    }
                    blobs.push(Blob::plain(keys.of(*hub, bytes), &look));
                }
                Kind::Link => {
                    let Some(leads) = there(folder.target(name, &mut target))? else { return Ok(()) };
                    let taken = links.by(&folder, device, name, leads.len());
                    found.tally.link(taken);
                    match payload(leads) {
                        Some(payload) => {
                            found.tally.sizes.files += 1;
                            blobs.push(Blob::elsewhere(keys.of(*hub, bytes), keys.of(*hub, payload), taken));
                        }
                        None => found.repository.foreign += 1,
                    }
                }
                // Nothing puts a folder here; what is in it is not counted as a blob.
                Kind::Folder | Kind::Other => found.repository.foreign += 1,
            }
            Ok(())
        });
        blobs.sort_unstable_by_key(|blob| blob.key);
        listed
    }

    fn snapshots_of(&mut self, repository: &Folder, path: &Path) -> io::Result<()> {
        let folder = enter(repository, "snapshots")?;
        self.found.tally.folder(&folder);
        let mut commits = Vec::new();
        folder.each(&mut self.room, |name, kind| {
            if kind == Kind::Folder {
                commits.push(name.to_owned());
            }
            Ok(())
        })?;
        commits.sort_unstable();
        for commit in commits {
            let index = u32::try_from(self.found.repository.revisions.len()).unwrap_or(MANY - 1);
            let revision = Revision { commit: text(&commit).to_owned(), ..Revision::default() };
            self.found.repository.revisions.push(revision);
            if interrupt::requested() {
                break;
            }
            let outcome = folder.enter(&commit).and_then(|folder| self.snapshot(&folder, index, 0));
            self.part(&path.join("snapshots"), &text(&commit).to_string_lossy(), outcome);
        }
        Ok(())
    }

    /// One folder of a snapshot, `depth` below it.
    fn snapshot(&mut self, folder: &Folder, index: u32, depth: usize) -> io::Result<()> {
        let mut folders = Vec::new();
        let mut target = [0; 512];
        let device = self.found.tally.folder(folder);
        self.way(index, folder.own().disk);
        let mut linked = 0_u64;
        {
            let Self { full, keys, hub, room, blobs, links, shut: Shut { blobs: shut, .. }, found, .. } = self;
            let Read { repository, tally, via, .. } = found;
            folder.each(room, |name, kind| {
                let Some(revision) = repository.revisions.get_mut(index as usize) else { return Ok(()) };
                match kind {
                    Kind::Link => {
                        let Some(leads) = there(folder.target(name, &mut target))? else { return Ok(()) };
                        let disk = links.by(folder, device, name, leads.len());
                        tally.link(disk);
                        linked = linked.saturating_add(disk);
                        let Some(blob) = blob(leads, depth) else {
                            repository.foreign += 1;
                            return Ok(());
                        };
                        let key = keys.of(*hub, blob);
                        match blobs.binary_search_by_key(&key, |blob| blob.key).ok().and_then(|at| blobs.get_mut(at)) {
                            Some(blob) => blob.belongs_to(index, revision, via),
                            None if *shut => {}
                            None => {
                                repository.dangling += 1;
                                repository.lost += u64::from(is_digest(blob));
                            }
                        }
                    }
                    Kind::File => {
                        let Some(look) = there(folder.look(name))? else { return Ok(()) };
                        tally.count(&look, None);
                        if tally.is_full() {
                            full(&mut tally.linked);
                        }
                        let (apparent, disk, exclusive) = (look.size, look.disk, look.alone());
                        revision.sizes += Sizes { apparent, disk, exclusive, files: 1 };
                        revision.used = revision.used.max(Some(look.used));
                    }
                    Kind::Folder => folders.push(name.to_owned()),
                    Kind::Other => repository.foreign += 1,
                }
                Ok(())
            })?;
        }
        self.way(index, linked);
        for name in folders {
            not_too_deep(depth)?;
            self.snapshot(&folder.enter(&name)?, index, depth + 1)?;
        }
        Ok(())
    }

    /// A folder of a revision, or its links, take so much themselves.
    fn way(&mut self, index: u32, disk: u64) {
        self.ways = self.ways.saturating_add(disk);
        if let Some(revision) = self.found.repository.revisions.get_mut(index as usize) {
            revision.sizes += Sizes { disk, exclusive: disk, ..Sizes::default() };
        }
    }

    fn references_of(&mut self, repository: &Folder) -> io::Result<()> {
        let folder = enter(repository, "refs")?;
        let mut references = Vec::new();
        self.references(&folder, "", 0, &mut references)?;
        references.sort_unstable();
        for (name, commit) in references {
            // They were pushed in the order of their names.
            let revisions = &mut self.found.repository.revisions;
            let known = commit.and_then(|commit| {
                let at = revisions.binary_search_by(|one| one.commit.as_encoded_bytes().cmp(commit.as_bytes())).ok()?;
                revisions.get_mut(at)
            });
            match known {
                Some(revision) => revision.refs.push(name),
                None if self.shut.snapshots => {}
                None => self.found.repository.broken_refs.push(name),
            }
        }
        Ok(())
    }

    fn references(
        &mut self,
        folder: &Folder,
        prefix: &str,
        depth: usize,
        references: &mut Vec<(String, Option<String>)>,
    ) -> io::Result<()> {
        let mut folders = Vec::new();
        let tally = &mut self.found.tally;
        tally.folder(folder);
        folder.each(&mut self.room, |name, kind| {
            let full = format!("{prefix}{}", text(name).to_string_lossy());
            match kind {
                Kind::File => {
                    let Some(look) = there(folder.look(name))? else { return Ok(()) };
                    tally.aside(&look);
                    let mut content = [0; REFERENCE];
                    let Some(read) = there(folder.read(name, &mut content))? else { return Ok(()) };
                    references.push((full, commit(read)));
                }
                Kind::Folder => folders.push((name.to_owned(), full)),
                Kind::Link | Kind::Other => {
                    let Some(look) = there(folder.look(name))? else { return Ok(()) };
                    tally.aside(&look);
                    references.push((full, None));
                }
            }
            Ok(())
        })?;
        for (name, full) in folders {
            not_too_deep(depth)?;
            self.references(&folder.enter(&name)?, &format!("{full}/"), depth + 1, references)?;
        }
        Ok(())
    }

    /// Which blobs belong to one revision alone, and which to none.
    fn sum_up(&mut self) {
        let Read { repository: Repository { revisions, orphans, .. }, via, .. } = &mut self.found;
        for blob in &self.blobs {
            match blob.revision {
                NONE => {
                    orphans.add(blob.disk());
                    // The payload has a user all the same.
                    if let Content::Payload(payload, _) = blob.content {
                        via.push((payload, NONE));
                    }
                }
                MANY => {}
                index => {
                    if let Some(revision) = revisions.get_mut(index as usize) {
                        revision.sizes += Sizes { exclusive: blob.disk(), ..Sizes::default() };
                    }
                }
            }
        }
        self.blobs = Vec::new();
        // It is kept until everything is read.
        via.shrink_to_fit();
    }

    /// Counts the files of a folder that is none of the layout's three.
    fn others(&mut self, parent: &Folder, name: &Name, depth: usize) -> io::Result<()> {
        let folder = parent.enter(name)?;
        let mut folders = Vec::new();
        let tally = &mut self.found.tally;
        tally.folder(&folder);
        folder.each(&mut self.room, |name, kind| {
            if kind == Kind::Folder {
                folders.push(name.to_owned());
            } else if let Some(look) = there(folder.look(name))? {
                if is_part(text(name).as_encoded_bytes()) { tally.unfinished(&look) } else { tally.aside(&look) }
            }
            Ok(())
        })?;
        for name in folders {
            not_too_deep(depth)?;
            self.others(&folder, &name, depth + 1)?;
        }
        Ok(())
    }

    fn count(&mut self, folder: &Folder, name: &Name) {
        if let Ok(look) = folder.look(name) {
            self.found.tally.aside(&look);
        }
    }
}

/// Whether there is something that cannot be read. What it holds nobody knows, and nothing in it may be called missing.
fn is_shut(outcome: &io::Result<()>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
}

fn enter(folder: &Folder, name: &str) -> io::Result<Folder> {
    folder.enter(&super::folder::name(name))
}

/// Deeper than any repository: a loop of mounts, or an attack. It is told, or a budget could be evaded.
fn not_too_deep(depth: usize) -> io::Result<()> {
    if interrupt::requested() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    if depth < DEEPEST { Ok(()) } else { Err(io::Error::other(format!("lies more than {DEEPEST} folders deep"))) }
}

/// `None` for what somebody took away since the folder was listed.
fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The commit in a reference, if it is one and nothing else: the official client refuses even a line's end.
fn commit(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    crate::models::names::is_commit(text).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_names_its_repository() {
        assert_eq!(named("models--org--a-b"), Some(("org/a-b".to_owned(), "model")));
        assert_eq!(named("models--gpt2"), Some(("gpt2".to_owned(), "model")));
        assert_eq!(named("datasets--o--n"), Some(("o/n".to_owned(), "dataset")));
        for other in ["models--", "models", "model--a", "version.txt", ".locks"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
