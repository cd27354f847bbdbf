//! A repository as decisions need it: what each revision has is written by numbers, and of each content there is one entry.

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::{Entries, HubStock, Payloads, Seen};
use crate::cache::hub::{self, BlobKind, Hub, Reading, Reference};
use crate::cache::stamp::Stamp;
use crate::support::quoted;

/// A repository, and everything in its folder.
#[derive(Debug)]
pub struct Holding {
    /// What the layout says.
    pub repository: Repository,
    /// Where it leads, if it is a link out of all places: then nothing else is known of it, and it stays.
    pub leads: Option<PathBuf>,
    /// The folder itself and everything below it, sorted by path.
    pub entries: Entries,
    /// Its contents, sorted by name.
    blobs: Vec<Blob>,
    /// Payloads that are in no list of the hub, or have changed since that was read.
    elsewhere: Vec<(PathBuf, Option<Stamp>)>,
}

/// What the layout of a repository says, without its contents.
#[derive(Debug, Default)]
pub struct Repository {
    /// Its folder, `…/models--org--name`.
    pub folder: PathBuf,
    /// `org/name`.
    pub name: String,
    /// `model`, `dataset`, `space` or `kernel`.
    pub kind: &'static str,
    /// Its revisions, by commit.
    pub revisions: Vec<Revision>,
    /// Its branches and tags, and what they name, by name.
    pub references: Vec<Reference>,
    /// Files of unfinished downloads, of every client, with this tool's own.
    pub unfinished: Vec<(PathBuf, Stamp)>,
    /// What could not be read.
    pub problems: Vec<(PathBuf, io::Error)>,
}

/// A commit in the cache.
#[derive(Debug, Default)]
pub struct Revision {
    /// As the folder is called.
    pub commit: OsString,
    /// Its folder.
    pub folder: PathBuf,
    /// The branches and tags that name it.
    pub references: Vec<String>,
    /// Which contents of the repository it has, each once, sorted.
    blobs: Vec<u32>,
}

#[derive(Debug)]
struct Blob {
    /// Which entry of the repository it is.
    entry: u32,
    leads: Leads,
}

#[derive(Debug, Clone, Copy)]
enum Leads {
    /// It is the bytes.
    Own,
    /// To that payload of the hub.
    Listed(u32),
    /// To a payload that stands beside.
    Elsewhere(u32),
    /// To nothing that any client makes.
    Foreign,
}

/// What stands at `blobs/NAME`.
#[derive(Debug, Clone)]
pub enum Content<'a> {
    /// The bytes.
    Own,
    /// A link to that payload of the hub's list.
    Listed(usize),
    /// A link to a payload that is in no list, or has changed since: where, and what is there.
    Elsewhere(&'a Path, Option<Stamp>),
    /// A link to somewhere else, a folder, a device.
    Foreign,
}

/// A repository that is being read: what it holds is known by the walk before.
struct Taking<'a> {
    entries: Entries,
    payloads: &'a Payloads,
    /// What stands in its `blobs`, sorted by name; what was there in the walk alone leads nowhere.
    blobs: Vec<(u32, Option<Leads>)>,
    elsewhere: Vec<(PathBuf, Option<Stamp>)>,
    /// Which of the blobs each revision has.
    revisions: Vec<Vec<u32>>,
}

impl<'a> Taking<'a> {
    /// The repository in `folder`, of which nothing was read yet.
    fn of(folder: &Path, entries: Entries, payloads: &'a Payloads) -> Self {
        let at = folder.join("blobs");
        let direct = entries.below(&at).filter(|entry| entry.folder() == at);
        let blobs = direct.filter_map(|entry| Some((u32::try_from(entry.place().1).ok()?, None))).collect();
        Self { entries, payloads, blobs, elsewhere: Vec::new(), revisions: Vec::new() }
    }

    fn find(&self, name: &OsStr) -> Option<usize> {
        let entry = |at: u32| usize::try_from(at).ok().and_then(|at| self.entries.get(at));
        let compared =
            |(at, _): &(u32, Option<Leads>)| entry(*at).map_or(Ordering::Greater, |entry| (*entry.name()).cmp(name));
        self.blobs.binary_search_by(compared).ok()
    }
}

impl Reading for Taking<'_> {
    fn blob(&mut self, name: OsString, blob: hub::Blob) {
        let Some(at) = self.find(&name) else { return };
        self.blobs[at].1 = Some(leads(blob.kind, self.payloads, &mut self.elsewhere));
    }

    fn has(&self, name: &OsStr) -> bool {
        self.find(name).is_some_and(|at| self.blobs[at].1.is_some())
    }

    fn file(&mut self, revision: usize, file: hub::File) {
        // A blob whose payload is gone is the revision's all the same.
        let Some(name) = file.kind.blob() else { return };
        if self.revisions.len() <= revision {
            self.revisions.resize_with(revision + 1, Vec::new);
        }
        let number = self.find(name).and_then(|at| u32::try_from(at).ok());
        self.revisions[revision].extend(number);
    }
}

impl Holding {
    /// The repository in `folder` of `hub`, whose `entries` are sorted, without what no decision needs. Of what was read twice, the
    /// entries count, which were read before: what has changed since is seen to have.
    pub fn read(folder: &Path, hub: &Hub, entries: Entries, payloads: &Payloads) -> Self {
        let mut taking = Taking::of(folder, entries, payloads);
        let read = hub::Repository::read_into(folder, hub, &mut taking);
        Self::of(read, taking)
    }

    fn of(read: hub::Repository, taking: Taking<'_>) -> Self {
        let Taking { entries, blobs: seen, elsewhere, revisions, .. } = taking;
        let (mut blobs, mut numbers) = (Vec::with_capacity(seen.len()), Vec::new());
        let is_whole = seen.iter().all(|(_, leads)| leads.is_some());
        for (entry, leads) in seen {
            // What is gone by now takes no number.
            numbers.extend((!is_whole).then(|| u32::try_from(blobs.len()).unwrap_or(u32::MAX)));
            blobs.extend(leads.map(|leads| Blob { entry, leads }));
        }
        let number = |at: u32| usize::try_from(at).ok().and_then(|at| numbers.get(at)).copied().unwrap_or(at);
        let mut revisions = revisions.into_iter();
        let revision = |one: hub::Revision| {
            let mut blobs: Vec<u32> = revisions.next().unwrap_or_default().into_iter().map(number).collect();
            blobs.sort_unstable();
            blobs.dedup();
            blobs.shrink_to_fit();
            Revision { commit: one.commit, folder: one.folder, references: one.references, blobs }
        };
        let repository = Repository {
            folder: read.folder,
            name: read.name,
            kind: read.kind,
            revisions: read.revisions.into_iter().map(revision).collect(),
            references: read.references,
            unfinished: read.unfinished,
            problems: read.problems,
        };
        Self { repository, leads: None, entries, blobs, elsewhere }
    }

    /// The repository at `path`, which is a link to `leads`.
    pub fn linked(path: &Path, leads: &Path) -> Self {
        let name = quoted::text(path.file_name().unwrap_or_default());
        let (name, kind) = hub::named(&name).unwrap_or((name, "model"));
        Self {
            repository: Repository { folder: path.to_path_buf(), name, kind, ..Repository::default() },
            leads: Some(leads.to_path_buf()),
            entries: Entries::default(),
            blobs: Vec::new(),
            elsewhere: Vec::new(),
        }
    }

    /// Why it stays, where it is a link.
    pub fn stays_as_link(&self) -> Option<String> {
        let leads = crate::support::escape::path(self.leads.as_deref()?);
        Some(format!("it is a link to {leads}: what is there is left alone, and so is the link"))
    }

    /// What was read as a whole.
    #[cfg(test)]
    pub fn made(read: hub::Repository, entries: Entries, payloads: &Payloads) -> Self {
        let mut taking = Taking::of(&read.folder, entries, payloads);
        read.blobs.iter().for_each(|(name, blob)| taking.blob(name.clone(), blob.clone()));
        for (number, revision) in read.revisions.iter().enumerate() {
            revision.files.iter().for_each(|file| taking.file(number, file.clone()));
        }
        Self::of(read, taking)
    }

    /// The name of its folder, `models--org--name`.
    pub fn folder_name(&self) -> String {
        quoted::text(self.repository.folder.file_name().unwrap_or_default())
    }

    /// What it is called when its kind has to be told: `org/name`, `datasets/org/name`.
    pub fn full_name(&self) -> String {
        match self.repository.kind {
            "model" => self.repository.name.clone(),
            kind => format!("{kind}s/{}", self.repository.name),
        }
    }

    /// What lies below `folder`, with the folder.
    pub fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = Seen<'a>> {
        self.entries.below(folder)
    }

    /// The entry at `path`.
    pub fn entry(&self, path: &Path) -> Option<Seen<'_>> {
        self.entries.find(path)
    }

    /// How many contents it has.
    pub const fn contents(&self) -> usize {
        self.blobs.len()
    }

    /// The entry of a content.
    pub fn blob(&self, blob: usize) -> Option<Seen<'_>> {
        self.entries.get(usize::try_from(self.blobs.get(blob)?.entry).ok()?)
    }

    /// What a content is.
    pub fn content(&self, blob: usize) -> Content<'_> {
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        match self.blobs.get(blob).map(|blob| blob.leads) {
            Some(Leads::Own) => Content::Own,
            Some(Leads::Listed(at)) => Content::Listed(place(at)),
            Some(Leads::Elsewhere(at)) => match self.elsewhere.get(place(at)) {
                Some((path, there)) => Content::Elsewhere(path, *there),
                None => Content::Foreign,
            },
            Some(Leads::Foreign) | None => Content::Foreign,
        }
    }

    /// How many of its revisions have each content.
    pub fn users(&self) -> Vec<u32> {
        self.users_among(|_| true)
    }

    /// How many of the revisions that `counts`, by their number, have each content.
    pub fn users_among(&self, counts: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut users = vec![0_u32; self.blobs.len()];
        let revisions = self.repository.revisions.iter().enumerate().filter(|(index, _)| counts(*index));
        for blob in revisions.flat_map(|(_, revision)| revision.blobs()) {
            if let Some(users) = users.get_mut(blob) {
                *users += 1;
            }
        }
        users
    }

    /// The contents that no revision has.
    pub fn orphans(&self) -> impl Iterator<Item = usize> {
        self.users().into_iter().enumerate().filter(|(_, users)| *users == 0).map(|(blob, _)| blob)
    }

    /// Where the payload of the shared store lies that a content of it leads to, in `hub`.
    pub fn payload(&self, hub: &HubStock, blob: usize) -> Option<PathBuf> {
        match self.content(blob) {
            Content::Listed(at) => Some(hub.payloads.get(at)?.entry.path()),
            Content::Elsewhere(path, _) => Some(path.to_path_buf()),
            Content::Own | Content::Foreign => None,
        }
    }

    /// What the bytes of a content are, wherever they lie in `hub`.
    pub fn bytes(&self, hub: &HubStock, blob: usize) -> Option<Stamp> {
        match self.content(blob) {
            Content::Own => Some(self.blob(blob)?.stamp),
            Content::Listed(at) => Some(hub.payloads.get(at)?.entry.stamp),
            Content::Elsewhere(_, there) => there,
            Content::Foreign => None,
        }
    }
}

fn leads(kind: BlobKind, payloads: &Payloads, elsewhere: &mut Vec<(PathBuf, Option<Stamp>)>) -> Leads {
    match kind {
        BlobKind::Own => Leads::Own,
        BlobKind::Foreign => Leads::Foreign,
        BlobKind::Shared(path, there) => {
            let listed = payloads.find(&path).filter(|at| payloads.get(*at).map(|one| one.entry.stamp) == there);
            match (listed.map(u32::try_from), u32::try_from(elsewhere.len())) {
                (Some(Ok(at)), _) => Leads::Listed(at),
                (_, Ok(at)) => {
                    elsewhere.push((path, there));
                    Leads::Elsewhere(at)
                }
                _ => Leads::Foreign,
            }
        }
    }
}

impl Repository {
    /// `blobs/NAME`.
    pub fn blob(&self, name: &OsStr) -> PathBuf {
        self.folder.join("blobs").join(name)
    }
}

impl Revision {
    /// The contents that it has, each once.
    pub fn blobs(&self) -> impl Iterator<Item = usize> {
        self.blobs.iter().filter_map(|blob| usize::try_from(*blob).ok())
    }
}
