//! Stocks that are made up.

use std::path::{Path, PathBuf};

use super::{DAY, HUB, NOW, commit};
use crate::cache::hub::{Blob, BlobKind, File, FileKind, Reference, Repository, Revision};
use crate::cache::select::Needs;
use crate::cache::select::stock::{
    Entry, EntryKind, Holding, HubStock, Lot, Payload, Payloads, Stock, ThingKind, Whole, entry,
};
use crate::cache::stamp::Stamp;
use crate::fetch::Digest;
use crate::models::homes::Homes;
use crate::models::lock::Lock;
use crate::models::locked::{self, FilesHome, HubPlace, Model, Part, Place, RepoType};

/// A repository in the making; what is put into it was read and written so many days ago.
pub(super) struct Making {
    repository: Repository,
    entries: Vec<Entry>,
    inode: u64,
}

impl Making {
    pub(super) fn of(name: &str, inode: u64) -> Self {
        let folder = PathBuf::from(format!("{HUB}/models--{}", name.replace('/', "--")));
        let repository =
            Repository { folder: folder.clone(), name: name.to_owned(), kind: "model", ..Repository::default() };
        let mut made = Self { repository, entries: Vec::new(), inode };
        made.folder(&folder, 400);
        made
    }

    pub(super) fn put(&mut self, path: PathBuf, disk: u64, days: i64) -> Stamp {
        self.inode += 1;
        let at = NOW - days * DAY;
        let entry = entry(path.to_str().unwrap(), self.inode, disk, at, at);
        self.entries.push(entry.clone());
        entry.stamp
    }

    pub(super) fn folder(&mut self, path: &Path, days: i64) {
        let stamp = self.put(path.to_path_buf(), 0, days);
        let entry = self.entries.last_mut().unwrap();
        entry.stamp = Stamp { mode: 0o040_755, names: 9, ..stamp };
        entry.kind = EntryKind::Folder;
    }

    pub(super) fn blob(mut self, name: &str, disk: u64, days: i64) -> Self {
        let stamp = self.put(self.repository.blob(name.as_ref()), disk, days);
        self.repository.blobs.insert(name.into(), Blob { stamp, kind: BlobKind::Own });
        self
    }

    /// A listing beside the revisions, which takes so much.
    pub(super) fn noted(mut self, disk: u64) -> Self {
        self.put(self.repository.folder.join("trees/x.json"), disk, 90);
        self
    }

    /// A link to a payload of the shared store.
    pub(super) fn shared(mut self, name: &str, payload: &Payload) -> Self {
        let stamp = self.put(self.repository.blob(name.as_ref()), 0, 400);
        let stamp = Stamp { mode: 0o120_777, ..stamp };
        let kind = BlobKind::Shared(payload.entry.path.clone(), Some(payload.entry.stamp));
        self.repository.blobs.insert(name.into(), Blob { stamp, kind });
        self
    }

    /// A revision whose folder came so many days ago.
    pub(super) fn revision(mut self, digit: char, blobs: &[&str], days: i64) -> Self {
        let folder = self.repository.folder.join("snapshots").join(commit(digit));
        self.folder(&folder, days);
        let files = blobs.iter().map(|name| File { path: name.into(), kind: FileKind::Blob(name.into()) }).collect();
        let commit = commit(digit).into();
        self.repository.revisions.push(Revision { commit, folder, references: Vec::new(), files });
        self
    }

    pub(super) fn reference(mut self, name: &str, digit: char, days: i64) -> Self {
        let path = self.repository.folder.join("refs").join(name);
        self.put(path.clone(), 0, days);
        let named = commit(digit);
        for revision in &mut self.repository.revisions {
            if revision.commit.to_str() == Some(&named) {
                revision.references.push(name.to_owned());
            }
        }
        self.repository.references.push(Reference { name: name.to_owned(), path, commit: Some(named) });
        self
    }

    pub(super) fn unfinished(mut self, name: &str, disk: u64, days: i64) -> Self {
        let path = self.repository.blob(name.as_ref());
        let stamp = self.put(path.clone(), disk, days);
        self.repository.unfinished.push((path, stamp));
        self
    }

    pub(super) fn done(mut self) -> Holding {
        self.entries.sort_by(|one, other| one.path.cmp(&other.path));
        Holding::made(self.repository, self.entries.into(), &Payloads::default())
    }
}

pub(super) fn hub(repositories: Vec<Holding>) -> Stock {
    let hub = HubStock {
        folder: HUB.into(),
        root: "/c/huggingface".into(),
        home: true,
        repositories,
        payloads: Payloads::default(),
    };
    Stock { hubs: vec![hub], ..Stock::default() }
}

pub(super) fn payload(name: &str, inode: u64, disk: u64) -> Payload {
    let path = format!("{HUB}/blobs/{}/{name}", &name[..2]);
    Payload {
        entry: entry(&path, inode, disk, NOW - 400 * DAY, NOW - 400 * DAY),
        beside: vec![entry(&format!("{path}.refs"), inode + 50_000, 0, NOW - 400 * DAY, NOW - 400 * DAY)],
        listed: true,
        used: true,
    }
}

pub(super) fn thing(path: &str, inode: u64, disk: u64, days: i64) -> Whole {
    let at = NOW - days * DAY;
    Whole {
        name: Path::new(path).file_name().unwrap().to_owned(),
        path: path.into(),
        lot: Lot {
            root: Path::new(path).parent().unwrap().to_path_buf(),
            place: "whisper".into(),
            kind: ThingKind::File,
            home: true,
        },
        entries: vec![entry(path, inode, disk, at, at)].into(),
        obscure: false,
        git: None,
    }
}

/// The lock of a project that needs a commit of `org/a`, and whisper's `base.pt`.
pub(super) fn lock(digit: char) -> Lock {
    let hub = Place::Hub(HubPlace {
        repo_type: RepoType::Model,
        repo: "org/a".into(),
        requested: "main".into(),
        commit: commit(digit),
        complete: true,
    });
    let file = |path: &str| locked::File {
        path: path.into(),
        size: Some(1),
        digest: None,
        url: Some("https://x/base.pt".into()),
    };
    let model = |name: &str, place: Place, path: &str| Model {
        name: name.into(),
        spec: format!("spec of {name}"),
        parts: vec![Part { place, files: vec![file(path)].into() }],
    };
    let whisper = Place::Files { home: FilesHome::Whisper };
    Lock::new(Digest::Git([0; 20]), vec![model("asr", hub, "one"), model("base", whisper, "base.pt")])
}

pub(super) fn needing(digit: char, own: bool) -> Needs {
    let mut needs = Needs::default();
    needs.add_lock(&lock(digit), "/home/ada/p", own, &Homes::under(Path::new("/c")));
    needs
}
