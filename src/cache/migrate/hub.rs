//! One hub into another: repository by repository, in an order that keeps both good at every moment. First the target gets
//! contents, listings, links and references; only then the source loses its references, its links and its contents.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::contents::small;
use super::dir::{Dir, Kind};
use super::repository::Merge;
use super::tree::is_across;
use super::work::{PREFIX, Stop, Tally, To, Work, check, sweep};
use crate::cache::hub::{BlobKind, FileKind, Hub, Repository};
use crate::platform::locks::is_free;
use crate::support::lock::Lock;
use crate::support::quoted;

/// What changed less than so many seconds ago may still be growing.
const GRACE: i64 = 3600;

/// The name of a backup program's mark.
const TAG: &str = "CACHEDIR.TAG";

/// Where transformers 4.22 to 4.40 noted the version of the layout.
const VERSION: &str = "version.txt";

/// Two hubs.
pub(super) struct Hubs {
    pub(super) source: Hub,
    pub(super) target: Hub,
    pub(super) from: Dir,
    pub(super) to: To,
}

impl Work<'_> {
    /// Moves the repositories of the hub `from` into the hub `to`, or `only` one of them.
    pub(super) fn hub(&mut self, from: Dir, to: To, only: Option<&OsStr>) -> Result<(), Stop> {
        self.links = false;
        let done = self.merge_hubs(from, to, only);
        self.links = self.options.link_back;
        done
    }

    fn merge_hubs(&mut self, from: Dir, to: To, only: Option<&OsStr>) -> Result<(), Stop> {
        let (source, target) = (Hub::at(&from.path), Hub::at(&to.path));
        let Some(folders) = self.heed(&from.path, source.repositories())? else { return Ok(()) };
        if self.act() {
            sweep(&from);
        }
        let hubs = Hubs { source, target, from, to };
        for folder in folders.iter().filter(|folder| only.is_none_or(|only| folder.file_name() == Some(only))) {
            check()?;
            let before = self.out.tally;
            self.repository(&hubs, folder.file_name().unwrap_or_default())?;
            let after = self.out.tally;
            let tally = Tally {
                files: after.files - before.files,
                bytes: after.bytes - before.bytes,
                copied: after.copied - before.copied,
                same: after.same - before.same,
            };
            if tally.files > 0 {
                self.out.models.push((quoted::text(folder.file_name().unwrap_or_default()), tally));
            }
        }
        if only.is_none() {
            self.linked(&hubs)?;
            if self.act() {
                self.tidy(&hubs)?;
            }
        }
        Ok(())
    }

    fn repository(&mut self, hubs: &Hubs, name: &OsStr) -> Result<(), Stop> {
        let path = hubs.from.path.join(name);
        let from = Repository::read(&path, &hubs.source);
        if let Some((path, error)) = from.problems.first() {
            self.fail(path.clone(), error.to_string());
            return Ok(());
        }
        if let Some(why) = self.busy(hubs, name, &from) {
            if self.options.link_back {
                self.out.notes.push(format!("{}: it stays, and no link is left: {why}", quoted::shown(&path)));
            }
            self.stay(path, why);
            return Ok(());
        }
        let there = self.heed(&path, hubs.to.look(name))?.flatten();
        if there.is_some_and(|there| there.kind != Kind::Folder) {
            self.fail(
                path,
                format!("something that is no folder stands at {}", quoted::shown(hubs.to.path.join(name))),
            );
            return Ok(());
        }
        if there.is_none() && self.whole(hubs, name, &from)? {
            return Ok(());
        }
        let into = Repository::read(&hubs.to.path.join(name), &hubs.target);
        if let Some((path, error)) = into.problems.first() {
            self.fail(path.clone(), error.to_string());
            return Ok(());
        }
        let opened = hubs.from.sub(name).and_then(|dir| Ok((dir, hubs.to.sub(name, self.act())?)));
        let Some((s, t)) = self.heed(&path, opened)? else { return Ok(()) };
        if self.is_one(&t, &s) {
            return Ok(());
        }
        for (path, _) in &from.unfinished {
            self.stay(path.clone(), "is an unfinished download");
        }
        self.no_link(&from);
        Merge::new(self, hubs, from, into, s, t).run()?;
        if self.act() {
            self.end_of_repository(hubs, name);
        }
        Ok(())
    }

    /// Says beforehand that no link can stand where a repository's folder stays.
    fn no_link(&mut self, from: &Repository) {
        let Some((first, _)) = from.unfinished.first().filter(|_| self.options.link_back) else { return };
        let more = match from.unfinished.len() - 1 {
            0 => String::new(),
            more => format!(", as {more} more do"),
        };
        self.out.notes.push(format!(
            "{}: no link is left, since an unfinished download stays in it{more}; `modelstrap clear {}` removes it",
            quoted::shown(&from.folder),
            quoted::word(first)
        ));
    }

    /// The repository's folder goes, if nothing is left in it.
    fn end_of_repository(&mut self, hubs: &Hubs, name: &OsStr) {
        let target = hubs.to.path.join(name);
        if let Ok(parent) = hubs.to.dir() {
            // One that was made for nothing.
            if hubs.to.sub(name, false).ok().and_then(|to| to.dir).is_some_and(|dir| dir.names_or_none().is_empty()) {
                parent.remove_if_empty(name);
            }
        }
        let empty = hubs.from.sub(name).is_ok_and(|dir| dir.names().is_ok_and(|names| names.is_empty()));
        if !empty {
            return;
        }
        drop_locks(&hubs.from, name);
        if self.options.link_back && hubs.source.store.is_some() {
            // A client would make links through it into a store that is not there.
            self.unlinked.push(hubs.from.path.join(name));
            hubs.from.remove_if_empty(name);
        } else {
            self.collapse(&hubs.from, name, &target);
        }
    }

    /// Names the repositories of a store for which nothing leads from their old paths: a link to the whole hub, if there is one, does.
    pub(super) fn tell_of_unlinked(&mut self) {
        for path in std::mem::take(&mut self.unlinked).into_iter().filter(|path| !path.exists()) {
            let why = "no link is left, since its hub keeps its contents in one store for all repositories";
            self.out.notes.push(format!("{}: {why}", quoted::shown(path)));
        }
    }

    /// Why a download may be at work in the repository.
    fn busy(&self, hubs: &Hubs, name: &OsStr, from: &Repository) -> Option<&'static str> {
        if held_locks(&hubs.from, name) {
            return Some("a download holds one of its locks");
        }
        let young = |touched: i64| self.options.now.saturating_sub(touched) < GRACE;
        if from.unfinished.iter().any(|(_, stamp)| young(stamp.touched())) {
            return Some("has a download that went on less than an hour ago");
        }
        let writers = &self.options.writers;
        let open = from.blobs.values().any(|blob| writers.contains(&blob.stamp.id));
        (open || from.unfinished.iter().any(|(_, stamp)| writers.contains(&stamp.id)))
            .then_some("a file of it is open for writing")
    }

    /// A repository that the target does not have, and that is whole in itself, moves as one: one rename, at no moment half.
    fn whole(&mut self, hubs: &Hubs, name: &OsStr, from: &Repository) -> Result<bool, Stop> {
        let commits: Vec<_> = from.revisions.iter().map(|revision| revision.commit.to_string_lossy()).collect();
        let good_refs = from
            .references
            .iter()
            .all(|one| one.commit.as_ref().is_some_and(|commit| commits.contains(&commit.as_str().into())));
        let plain = from.blobs.values().all(|blob| blob.kind == BlobKind::Own)
            && from
                .revisions
                .iter()
                .flat_map(|revision| &revision.files)
                .all(|file| matches!(file.kind, FileKind::Blob(_) | FileKind::Own(_)));
        let known = hubs.from.sub(name).and_then(|dir| dir.names()).is_ok_and(|names| {
            names.iter().all(|name| {
                ["blobs", "refs", "snapshots", "trees", ".no_exist", ".modelstrap"].iter().any(|known| name == known)
            })
        });
        let tracked = self.options.tracked.iter().any(|path| path.starts_with(&from.folder));
        if self.options.link_back
            || from.revisions.is_empty()
            || !from.unfinished.is_empty()
            || !plain
            || !good_refs
            || !known
            || tracked
            // Links to it are led to the new place before the old one goes.
            || self.needed.leads_below(&from.folder)
            || is_across(&hubs.from, &hubs.to.path)
        {
            return Ok(false);
        }
        if self.act() {
            let moved = hubs.to.dir().and_then(|to| hubs.from.rename(name, to, name));
            if moved.is_err() {
                // The slow way finds out what is in the way, and says so.
                return Ok(false);
            }
            drop_locks(&hubs.from, name);
        }
        let own = from.revisions.iter().flat_map(|revision| &revision.files).filter_map(|file| match &file.kind {
            FileKind::Own(stamp) => Some(stamp.size),
            _ => None,
        });
        for size in from.blobs.values().map(|blob| blob.stamp.size).chain(own) {
            self.out.tally += Tally { files: 1, bytes: size, ..Tally::default() };
        }
        Ok(true)
    }

    /// Names what else looks like a repository, or is a link of an earlier run.
    fn linked(&mut self, hubs: &Hubs) -> Result<(), Stop> {
        let Some(names) = self.heed(&hubs.from.path, hubs.from.names())? else { return Ok(()) };
        for name in names {
            let kind = hubs.from.look(&name).ok().flatten().map(|look| look.kind);
            let text = name.to_string_lossy();
            if kind == Some(Kind::Link)
                && text.contains("--")
                && !self.is_ours(&hubs.from, &name, &hubs.to.path.join(&name))
            {
                self.stay(hubs.from.path.join(&name), "is a link that leads out of this folder");
            }
        }
        Ok(())
    }

    /// What a hub without repositories leaves: its mark, empty folders of locks, the mark of an empty store.
    fn tidy(&mut self, hubs: &Hubs) -> Result<(), Stop> {
        let from = &hubs.from;
        if let Ok(locks) = from.sub(OsStr::new(".locks")) {
            for name in locks.names_or_none() {
                if from.look(&name).is_ok_and(|look| look.is_none_or(|look| look.kind == Kind::Link)) {
                    drop_locks(from, &name);
                }
                locks.remove_if_empty(&name);
            }
            drop(locks);
            from.remove_if_empty(OsStr::new(".locks"));
        }
        self.tidy_store(hubs)?;
        let left: Vec<_> = from.names_or_none();
        let links = |name: &OsStr| self.is_ours(from, name, &hubs.to.path.join(name));
        let mark = OsStr::new(TAG);
        let only_marks = left.iter().all(|name| {
            name == mark || name == VERSION || name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) || links(name)
        });
        if !only_marks {
            return Ok(());
        }
        if left.iter().any(|name| name == mark) && is_signed(from) {
            match (hubs.to.look(mark).ok().flatten(), from.look(mark).ok().flatten()) {
                (Some(_), _) => {
                    self.heed(&from.path.join(mark), from.unlink(mark))?;
                }
                (None, Some(look)) => {
                    let tally = self.out.tally;
                    self.bring((from, mark), &look, &hubs.to, mark)?;
                    self.out.tally = tally;
                }
                (None, None) => {}
            }
        }
        if has_version(from) {
            let _ = from.unlink(OsStr::new(VERSION));
        }
        Ok(())
    }
}

/// Whether the mark of a backup program in `hub` is one.
fn is_signed(hub: &Dir) -> bool {
    small(hub, OsStr::new(TAG), 4096)
        .is_ok_and(|bytes| bytes.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55"))
}

/// Whether `hub` has the version of its layout, which is one digit.
fn has_version(hub: &Dir) -> bool {
    small(hub, OsStr::new(VERSION), 16).is_ok_and(|bytes| bytes.trim_ascii() == b"1")
}

/// Removes the marks of a hub in which nothing else is left: a run that was killed did not come to them.
pub(super) fn drop_marks(dir: &Dir) {
    let names = dir.names_or_none();
    if !names.is_empty()
        && names.iter().all(|name| name == TAG && is_signed(dir) || name == VERSION && has_version(dir))
    {
        names.iter().for_each(|name| drop(dir.unlink(name)));
    }
}

/// Whether a process holds a lock of the repository `name`.
fn held_locks(hub: &Dir, name: &OsStr) -> bool {
    let Ok(Some(locks)) = hub.below(&Path::new(".locks").join(name)) else { return false };
    locks.names_or_none().iter().any(|lock| locks.file(lock).is_ok_and(|file| !is_free(&file, lock)))
}

/// Removes the files of locks that nobody holds: they are empty, and locks of a repository that is gone.
fn drop_locks(hub: &Dir, name: &OsStr) {
    let Ok(Some(locks)) = hub.below(&Path::new(".locks").join(name)) else { return };
    for lock in locks.names_or_none() {
        let empty =
            locks.look(&lock).ok().flatten().is_some_and(|look| look.kind == Kind::File && look.stamp.size == 0);
        let held = if empty { Lock::acquire(&locks.path.join(&lock), Duration::ZERO, || {}).ok() } else { None };
        if held.is_some() {
            let _ = locks.unlink(&lock);
        }
    }
    drop(locks);
    if let Ok(all) = hub.sub(OsStr::new(".locks")) {
        all.remove_if_empty(name);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::super::{Copies, Options, Part, Shape, carry_out, look};

    #[test]
    fn an_unfinished_download_that_stays_is_named_beforehand_where_a_link_is_wanted() {
        let room = tempfile::tempdir().unwrap();
        let room = room.path().canonicalize().unwrap();
        let (from, root) = (room.join("h/hub"), room.join("p/.cache"));
        let repository = from.join("models--o--n");
        let revision = repository.join("snapshots").join("1".repeat(40));
        fs::create_dir_all(repository.join("blobs")).unwrap();
        fs::create_dir_all(&revision).unwrap();
        fs::create_dir_all(&root).unwrap();
        fs::write(repository.join("blobs/aa"), "whole").unwrap();
        let half = repository.join("blobs/ff.1a.incomplete");
        fs::write(&half, "half").unwrap();
        std::os::unix::fs::symlink("../../blobs/aa", revision.join("x")).unwrap();
        let part = Part::found(&from, root.join("huggingface/hub"), Shape::Hub, &from, &root);
        let mut options = Options {
            act: true,
            link_back: true,
            project: room.join("p"),
            tracked: Default::default(),
            writers: Default::default(),
            known: Default::default(),
            links: Vec::new(),
            now: crate::support::time::seconds(),
            progress: None,
        };
        let at = repository.display();
        let young = format!("{at}: it stays, and no link is left: has a download that went on less than an hour ago");
        assert_eq!(look(&part, &options, &mut Copies::default()).unwrap().notes, [young]);
        options.now += 7200;
        let old = format!(
            "{at}: no link is left, since an unfinished download stays in it; `modelstrap clear {}` removes it",
            half.display()
        );
        assert_eq!(look(&part, &options, &mut Copies::default()).unwrap().notes, vec![old.clone()]);
        let (outcome, stop) = carry_out(&part, &options, &mut Copies::of(&root, &room));
        assert!(stop.is_none() && half.exists() && !repository.join("blobs/aa").exists());
        assert_eq!((outcome.notes, outcome.links.len()), (vec![old], 0));
        assert!(root.join("huggingface/hub/models--o--n/blobs/aa").exists());
    }
}
