//! What a line of a plan removes, by where it stands in the stock: a path, a place and a reason each are written when somebody asks for
//! them. The victims of a million files take as much memory as numbers do, until they go.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::picks::At;
use super::stock::{HubStock, Seen, Stock};
use super::{Role, Victim};
use crate::cache::stamp::Stamp;

/// What is removed for a line, in this order.
#[derive(Debug, Clone, Default)]
pub struct Victims<'a> {
    stock: Option<&'a Stock>,
    items: Vec<Item>,
    why: String,
}

/// Victims that follow each other, or where they stand: each its own number there.
#[derive(Debug, Clone)]
enum Item {
    Whole(Box<(PathBuf, PathBuf, Stamp, Role)>),
    /// Contents of a repository: the hub's number, the repository's.
    Blobs(u32, u32, Vec<u32>),
    /// Payloads of a hub.
    Payloads(u32, Vec<u32>),
    /// Things that are files, in this place.
    Things(Rc<Path>, Vec<u32>),
    /// Files in a thing.
    Inside(u32, Vec<u32>),
    /// Entries of an application cache that go as this.
    Application(u32, Role, Vec<u32>),
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Whole(_) => 1,
            Self::Blobs(.., list)
            | Self::Payloads(_, list)
            | Self::Things(_, list)
            | Self::Inside(_, list)
            | Self::Application(.., list) => list.len(),
        }
    }

    const fn role(&self) -> Role {
        match self {
            Self::Whole(one) => one.3,
            Self::Blobs(..) => Role::Blob,
            Self::Payloads(..) => Role::Payload,
            Self::Things(..) | Self::Inside(..) => Role::File,
            Self::Application(_, role, _) => *role,
        }
    }

    /// Takes those of `other` after its own, where they stand in the same list; else gives it back.
    fn join(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Blobs(hub, repository, list), Self::Blobs(a, b, more)) if (a, b) == (*hub, *repository) => {
                list.extend(more)
            }
            (Self::Payloads(hub, list), Self::Payloads(other, more)) if other == *hub => list.extend(more),
            (Self::Things(root, list), Self::Things(other, more)) if other == *root => list.extend(more),
            (Self::Inside(thing, list), Self::Inside(other, more)) if other == *thing => list.extend(more),
            (Self::Application(cache, role, list), Self::Application(a, b, more)) if (a, b) == (*cache, *role) => {
                list.extend(more);
            }
            (_, other) => return Some(other),
        }
        None
    }

    /// Leaves out those that are not `kept`. Whether any is left.
    fn retain(&mut self, kept: &[bool]) -> bool {
        let mut kept = kept.iter().copied();
        let mut next = || kept.next().unwrap_or(false);
        match self {
            Self::Whole(_) => next(),
            Self::Blobs(.., list)
            | Self::Payloads(_, list)
            | Self::Things(_, list)
            | Self::Inside(_, list)
            | Self::Application(.., list) => {
                list.retain(|_| next());
                !list.is_empty()
            }
        }
    }
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

    fn push(&mut self, item: Item) {
        let rest = match self.items.last_mut() {
            Some(last) => last.join(item),
            None => Some(item),
        };
        self.items.extend(rest.filter(|item| item.len() > 0));
    }

    /// One that stands nowhere in a list.
    pub(super) fn add(&mut self, path: PathBuf, root: &Path, stamp: Stamp, role: Role) {
        self.push(Item::Whole(Box::new((path, root.to_path_buf(), stamp, role))));
    }

    /// Contents of a repository.
    pub(super) fn add_blobs(&mut self, at: At, blobs: &[usize]) {
        self.push(Item::Blobs(short(at.hub), short(at.repository), blobs.iter().copied().map(short).collect()));
    }

    /// Payloads of a hub.
    pub(super) fn add_payloads(&mut self, hub: usize, payloads: &[usize]) {
        self.push(Item::Payloads(short(hub), payloads.iter().copied().map(short).collect()));
    }

    /// A thing that is a file.
    pub(super) fn add_thing(&mut self, index: usize, root: &Path) {
        self.push(Item::Things(root.into(), vec![short(index)]));
    }

    /// A file of a thing, by its entry's place.
    pub(super) fn add_inside(&mut self, thing: usize, entry: usize) {
        self.push(Item::Inside(short(thing), vec![short(entry)]));
    }

    /// A file or folder of an application cache.
    pub(super) fn add_application(&mut self, cache: usize, entry: &Seen<'_>) {
        self.push(Item::Application(short(cache), role(entry), vec![short(entry.place().1)]));
    }

    /// Those of `other` go after these.
    pub(super) fn append(&mut self, other: Self) {
        other.items.into_iter().for_each(|item| self.push(item));
    }

    /// Leaves out what lies in the folder of the repository `at`.
    pub(super) fn leave_out(&mut self, at: At, folder: &Path) {
        self.items.retain(|item| match item {
            Item::Whole(one) => !one.0.starts_with(folder),
            Item::Blobs(hub, repository, _) => (*hub, *repository) != (short(at.hub), short(at.repository)),
            Item::Payloads(..) | Item::Things(..) | Item::Inside(..) | Item::Application(..) => true,
        });
    }

    /// Leaves out those that `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&Path) -> bool) {
        let mut items = std::mem::take(&mut self.items);
        items.retain_mut(|item| {
            let kept: Vec<bool> = self.each(item).map(|victim| keep(&victim.path)).collect();
            item.retain(&kept)
        });
        self.items = items;
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.items.iter().map(Item::len).sum()
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
        self.items.iter().flat_map(|item| self.each(item))
    }

    fn each<'s>(&'s self, item: &'s Item) -> impl Iterator<Item = Victim> + 's {
        (0..item.len()).filter_map(|at| self.victim(item, at))
    }

    /// Those of a rank that stand in one list: which list, and how many there are.
    pub(super) fn of_rank(&self, rank: u8) -> impl Iterator<Item = (usize, usize)> {
        let lists = self.items.iter().enumerate().filter(move |(_, item)| item.role().rank() == rank);
        lists.map(|(list, item)| (list, item.len()))
    }

    /// The one at `at` of a list.
    pub(super) fn of_list(&self, list: usize, at: usize) -> Option<Victim> {
        self.victim(self.items.get(list)?, at)
    }

    /// Its name, and what it was.
    pub(super) fn named(&self, list: usize, at: usize) -> Option<(OsString, Stamp)> {
        match self.items.get(list)? {
            Item::Whole(one) => Some((one.0.file_name()?.to_os_string(), one.2)),
            item => self.entry(item, at).map(|entry| (entry.name().into_owned(), entry.stamp)),
        }
    }

    fn victim(&self, item: &Item, at: usize) -> Option<Victim> {
        let root = self.root(item)?.to_path_buf();
        let (why, bytes) = (self.why.clone(), 0);
        Some(match item {
            Item::Whole(one) => Victim { path: one.0.clone(), root, stamp: one.2, role: one.3, bytes, why },
            item => {
                let entry = self.entry(item, at)?;
                Victim { path: entry.path(), root, stamp: entry.stamp, role: item.role(), bytes, why }
            }
        })
    }

    fn hub(&self, hub: u32) -> Option<&'a HubStock> {
        self.stock?.hubs.get(long(hub))
    }

    fn root<'s>(&'s self, item: &'s Item) -> Option<&'s Path> {
        Some(match item {
            Item::Whole(one) => &one.1,
            Item::Blobs(hub, ..) | Item::Payloads(hub, _) => &self.hub(*hub)?.root,
            Item::Things(root, _) => root,
            Item::Inside(thing, _) => &self.stock?.things.get(long(*thing))?.lot.root,
            Item::Application(cache, ..) => &self.stock?.applications.get(long(*cache))?.path,
        })
    }

    /// What stands in the list at `at`.
    fn entry(&self, item: &Item, at: usize) -> Option<Seen<'a>> {
        let place = |list: &Vec<u32>| list.get(at).copied().map(long);
        match item {
            Item::Whole(_) => None,
            Item::Blobs(hub, repository, list) => {
                self.hub(*hub)?.repositories.get(long(*repository))?.blob(place(list)?)
            }
            Item::Payloads(hub, list) => Some(self.hub(*hub)?.payloads.get(place(list)?)?.entry),
            Item::Things(_, list) => self.stock?.things.get(place(list)?)?.first(),
            Item::Inside(thing, list) => self.stock?.things.get(long(*thing))?.entry(place(list)?),
            Item::Application(cache, _, list) => self.stock?.applications.get(long(*cache))?.entries.get(place(list)?),
        }
    }
}

/// A folder goes with all that is in it.
pub(super) fn role(entry: &Seen<'_>) -> Role {
    if entry.is_folder() { Role::Tree } else { Role::File }
}
