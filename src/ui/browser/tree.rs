//! What the browser walks through: everything in the caches as a tree whose lower branches are read when somebody opens them.

use std::path::PathBuf;

use crate::cache::Sizes;
use crate::ui::table::Tone;

/// The number of a node; the root's is [`Tree::ROOT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(usize);

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// All places.
    Root,
    /// A library's home, an application cache, a stray.
    Place,
    /// A repository of the Hub.
    Repository,
    /// A commit of it.
    Revision,
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A link: it is shown and never followed.
    Link,
    /// Small files beside the models of a place.
    Rest,
    /// Unfinished downloads of a repository.
    Unfinished,
    /// Blobs of a repository that no revision has.
    Orphans,
}

/// Something that is shown as a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is called; foreign text, as it is.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// How large it is.
    pub sizes: Sizes,
    /// When it was used last, in seconds since 1970.
    pub used: Option<i64>,
    /// What else is to be said; foreign text.
    pub about: String,
    /// Whether something is wrong with it.
    pub tone: Tone,
    /// Why it cannot be marked; `None` if it can.
    pub stays: Option<&'static str>,
}

/// A node, and what is below it: what a reader hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The node.
    pub node: Node,
    /// What is below it.
    pub below: Below,
}

/// What a reader knows of what is below a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Below {
    /// It is a leaf.
    Nothing,
    /// There may be something, and nobody has looked.
    Unread,
    /// This.
    Here(Vec<Branch>),
}

/// What the tree knows of what is below a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Children {
    Nothing,
    Unread,
    /// Somebody reads it.
    Reading,
    Here(Vec<Id>),
    /// It could not be read: why.
    Failed(String),
}

/// A node that stays the same when everything is read again.
pub type Key = (PathBuf, Kind, String);

#[derive(Debug)]
struct Slot {
    node: Node,
    parent: Id,
    children: Children,
}

/// The tree.
#[derive(Debug)]
pub struct Tree {
    slots: Vec<Slot>,
}

impl Tree {
    /// The number of the root.
    pub const ROOT: Id = Id(0);

    /// A tree that begins with `root`.
    pub fn new(root: Branch) -> Self {
        let mut tree = Self { slots: Vec::new() };
        tree.grow(Self::ROOT, root);
        tree
    }

    fn grow(&mut self, parent: Id, branch: Branch) -> Id {
        let id = Id(self.slots.len());
        self.slots.push(Slot { node: branch.node, parent, children: Children::Nothing });
        let children = match branch.below {
            Below::Nothing => Children::Nothing,
            Below::Unread => Children::Unread,
            Below::Here(below) => Children::Here(below.into_iter().map(|branch| self.grow(id, branch)).collect()),
        };
        self.set(id, children);
        id
    }

    /// Puts what was read below `id`.
    pub(super) fn fill(&mut self, id: Id, read: Result<Vec<Branch>, String>) {
        if self.children(id) != &Children::Reading {
            return;
        }
        let children = match read {
            Ok(branches) => Children::Here(branches.into_iter().map(|branch| self.grow(id, branch)).collect()),
            Err(why) => Children::Failed(why),
        };
        self.set(id, children);
    }

    pub(super) fn set(&mut self, id: Id, children: Children) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.children = children;
        }
    }

    fn slot(&self, id: Id) -> &Slot {
        // Every number was given by this tree, which never loses a slot.
        self.slots.get(id.0).unwrap_or(&self.slots[0])
    }

    /// The node with this number.
    pub fn node(&self, id: Id) -> &Node {
        &self.slot(id).node
    }

    pub(super) fn children(&self, id: Id) -> &Children {
        &self.slot(id).children
    }

    /// What is below it, as far as it was read.
    pub fn below(&self, id: Id) -> &[Id] {
        match self.children(id) {
            Children::Here(ids) => ids,
            _ => &[],
        }
    }

    /// The node above.
    pub fn parent(&self, id: Id) -> Option<Id> {
        (id != Self::ROOT).then(|| self.slot(id).parent)
    }

    /// The nodes above, the nearest first, without the root.
    pub fn above(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.parent(id), |id| self.parent(*id)).filter(|id| *id != Self::ROOT)
    }

    /// By what it is found again in another tree.
    pub fn key(&self, id: Id) -> Key {
        let node = self.node(id);
        (node.path.clone(), node.kind, node.name.clone())
    }

    /// The place that it lies in.
    pub fn place(&self, id: Id) -> Id {
        self.above(id).last().unwrap_or(id)
    }
}
