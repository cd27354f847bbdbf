//! What a line of a plan removes, by where it stands in the stock: a path, a place and a reason each are written when somebody asks for
//! them. The victims of a million files take as much memory as numbers do, until they go.

use std::path::{Path, PathBuf};

use super::picks::At;
use super::stock::{HubStock, Seen, Stock};
use super::{Role, Victim};
use crate::cache::stamp::Stamp;

/// What is removed for a line, in this order.
#[derive(Debug, Default)]
pub struct Victims<'a> {
    stock: Option<&'a Stock>,
    items: Vec<Item>,
    why: String,
    /// What they free, in bytes.
    frees: u64,
}

/// A victim, or where it stands.
#[derive(Debug, Clone)]
enum Item {
    Whole(Box<(PathBuf, PathBuf, Stamp, Role)>),
    /// A content of a repository: the hub's number, the repository's, its own.
    Blob(u32, u32, u32),
    /// A payload of a hub.
    Payload(u32, u32),
    /// A file in a thing.
    Inside(u32, u32),
    /// An entry of an application cache.
    Application(u32, u32),
}

/// The number of something in a list. None has more: its entries are numbered so as well.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn long(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<'a> Victims<'a> {
    /// None yet; those to come go for this reason.
    pub(super) fn of(stock: &'a Stock, why: &str) -> Self {
        Self { stock: Some(stock), why: why.to_owned(), ..Self::default() }
    }

    /// One that stands nowhere in a list.
    pub(super) fn add(&mut self, path: PathBuf, root: &Path, stamp: Stamp, role: Role) {
        self.items.push(Item::Whole(Box::new((path, root.to_path_buf(), stamp, role))));
    }

    /// Contents of a repository.
    pub(super) fn add_blobs(&mut self, at: At, blobs: &[usize]) {
        let (hub, repository) = (short(at.hub), short(at.repository));
        self.items.extend(blobs.iter().map(|blob| Item::Blob(hub, repository, short(*blob))));
    }

    /// Payloads of a hub.
    pub(super) fn add_payloads(&mut self, hub: usize, payloads: &[usize]) {
        self.items.extend(payloads.iter().map(|payload| Item::Payload(short(hub), short(*payload))));
    }

    /// A file of a thing, by its entry's place.
    pub(super) fn add_inside(&mut self, thing: usize, entry: usize) {
        self.items.push(Item::Inside(short(thing), short(entry)));
    }

    /// A file or folder of an application cache.
    pub(super) fn add_application(&mut self, cache: usize, entry: usize) {
        self.items.push(Item::Application(short(cache), short(entry)));
    }

    /// What the line frees: one number, since what each of them frees alone says little of a content that several have.
    pub(super) fn free(&mut self, bytes: u64) {
        self.frees = bytes;
    }

    /// Those of `other` go after these.
    pub(super) fn append(&mut self, other: Self) {
        self.items.extend(other.items);
    }

    /// Leaves out what lies in the folder of the repository `at`.
    pub(super) fn leave_out(&mut self, at: At, folder: &Path) {
        self.items.retain(|item| match item {
            Item::Whole(one) => !one.0.starts_with(folder),
            Item::Blob(hub, repository, _) => (*hub, *repository) != (short(at.hub), short(at.repository)),
            Item::Payload(..) | Item::Inside(..) | Item::Application(..) => true,
        });
    }

    /// Leaves out those that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        let kept: Vec<bool> = self.iter().map(|victim| keep(&victim.path)).collect();
        let mut kept = kept.into_iter();
        self.items.retain(|_| kept.next().unwrap_or(false));
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The places that they lie in.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.items.iter().filter_map(|item| self.root(item))
    }

    /// All of them, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Victim> {
        self.items().filter_map(|(number, item)| self.victim(number, item))
    }

    /// Those of a rank.
    pub(super) fn of_rank(&self, rank: u8) -> impl Iterator<Item = Victim> {
        let asked = self.items().filter(move |(_, item)| self.rank(item) == Some(rank));
        asked.filter_map(|(number, item)| self.victim(number, item))
    }

    fn items(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.items.iter().enumerate()
    }

    fn rank(&self, item: &Item) -> Option<u8> {
        Some(match item {
            Item::Blob(..) => Role::Blob.rank(),
            Item::Payload(..) => Role::Payload.rank(),
            Item::Whole(one) => one.3.rank(),
            Item::Inside(..) | Item::Application(..) => self.look(item)?.2.rank(),
        })
    }

    fn victim(&self, number: usize, item: &Item) -> Option<Victim> {
        let (path, stamp, role) = self.look(item)?;
        let bytes = if number == 0 { self.frees } else { 0 };
        Some(Victim { path, root: self.root(item)?.to_path_buf(), stamp, role, bytes, why: self.why.clone() })
    }

    /// The same, of who needs the stock no more.
    pub fn into_owned(self) -> Victims<'static> {
        let whole = self.iter().map(|one| Item::Whole(Box::new((one.path, one.root, one.stamp, one.role))));
        Victims { stock: None, items: whole.collect(), why: self.why.clone(), frees: self.frees }
    }

    fn hub(&self, hub: u32) -> Option<&'a HubStock> {
        self.stock?.hubs.get(long(hub))
    }

    fn root<'s>(&'s self, item: &'s Item) -> Option<&'s Path> {
        Some(match item {
            Item::Whole(one) => &one.1,
            Item::Blob(hub, ..) | Item::Payload(hub, _) => &self.hub(*hub)?.root,
            Item::Inside(thing, _) => &self.stock?.things.get(long(*thing))?.root,
            Item::Application(cache, _) => &self.stock?.applications.get(long(*cache))?.path,
        })
    }

    fn look(&self, item: &Item) -> Option<(PathBuf, Stamp, Role)> {
        let (entry, role) = match item {
            Item::Whole(one) => return Some((one.0.clone(), one.2, one.3)),
            Item::Blob(hub, repository, blob) => {
                let holding = self.hub(*hub)?.repositories.get(long(*repository))?;
                (holding.blob(long(*blob))?, Role::Blob)
            }
            Item::Payload(hub, index) => (self.hub(*hub)?.payloads.get(long(*index))?.entry, Role::Payload),
            Item::Inside(thing, entry) => {
                (self.stock?.things.get(long(*thing))?.entries.get(long(*entry))?, Role::File)
            }
            Item::Application(cache, entry) => {
                let entry = self.stock?.applications.get(long(*cache))?.entries.get(long(*entry))?;
                (entry, role(&entry))
            }
        };
        Some((entry.path(), entry.stamp, role))
    }
}

/// A folder goes with all that is in it.
pub(super) fn role(entry: &Seen<'_>) -> Role {
    if entry.is_folder() { Role::Tree } else { Role::File }
}
