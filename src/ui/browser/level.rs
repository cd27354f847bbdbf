//! One level of the walk: which node is open, which of its children are shown and in which order, and where the cursor stands.

use std::cmp::Reverse;

use super::tree::{Id, Node, Tree};

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// What takes most on the disk first.
    #[default]
    Size,
    /// What frees most first.
    Frees,
    /// By name.
    Name,
    /// What was not used for the longest time first.
    Used,
}

/// An open node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) node: Id,
    /// The row of the cursor.
    pub(super) cursor: usize,
    /// The first row on the screen.
    pub(super) top: usize,
    /// Only what has this in its name is shown, or in a name below it.
    pub(super) filter: String,
    /// What is shown, in order.
    pub(super) rows: Vec<Id>,
}

impl Order {
    /// The next one, round and round.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Size => Self::Frees,
            Self::Frees => Self::Name,
            Self::Name => Self::Used,
            Self::Used => Self::Size,
        }
    }

    /// For a person: the order by …
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Size => "size on disk",
            Self::Frees => "what it frees",
            Self::Name => "name",
            Self::Used => "last use, oldest first",
        }
    }

    fn sort(self, tree: &Tree, rows: &mut [Id]) {
        let node = |id: &Id| tree.node(*id);
        rows.sort_by(|one, other| node(one).name.cmp(&node(other).name));
        match self {
            Self::Size => rows.sort_by_key(|id| Reverse(node(id).sizes.disk)),
            Self::Frees => rows.sort_by_key(|id| Reverse(node(id).sizes.exclusive)),
            Self::Name => {}
            // What nobody knows the use of says nothing: it goes last.
            Self::Used => rows.sort_by_key(|id| node(id).used.unwrap_or(i64::MAX)),
        }
    }
}

/// Whether a name has these letters, in lower case.
fn is_like(node: &Node, wanted: &str) -> bool {
    node.name.to_lowercase().contains(wanted)
}

/// Whether its name has these letters, or one below it that has been read.
fn holds(tree: &Tree, id: Id, wanted: &str) -> bool {
    is_like(tree.node(id), wanted) || tree.below(id).iter().any(|below| holds(tree, *below, wanted))
}

impl Level {
    /// The node `node`, opened.
    pub(super) fn open(tree: &Tree, node: Id, order: Order) -> Self {
        let mut level = Self { node, cursor: 0, top: 0, filter: String::new(), rows: Vec::new() };
        level.arrange(tree, order);
        level
    }

    /// Whether what is looked for stands in the node's own name.
    pub(super) fn names(&self, tree: &Tree, node: Id) -> bool {
        is_like(tree.node(node), &self.filter.to_lowercase())
    }

    /// The node `node` below this one, opened. What is shown only for what lies below it shows only that.
    pub(super) fn below(&self, tree: &Tree, node: Id, order: Order) -> Self {
        let mut level = Self::open(tree, node, order);
        if !self.names(tree, node) {
            level.filter.clone_from(&self.filter);
            level.arrange(tree, order);
        }
        level
    }

    /// Puts the rows in order anew. The cursor stays on what it was on, or near it.
    pub(super) fn arrange(&mut self, tree: &Tree, order: Order) {
        let before = self.current();
        let wanted = self.filter.to_lowercase();
        let admits = |id: &Id| wanted.is_empty() || holds(tree, *id, &wanted);
        self.rows = tree.below(self.node).iter().copied().filter(admits).collect();
        order.sort(tree, &mut self.rows);
        let found = before.and_then(|before| self.rows.iter().position(|id| *id == before));
        self.go(found.unwrap_or(self.cursor));
    }

    /// What the cursor is on.
    pub(super) fn current(&self) -> Option<Id> {
        self.rows.get(self.cursor).copied()
    }

    /// Puts the cursor on a row, or the nearest there is.
    pub(super) fn go(&mut self, row: usize) {
        self.cursor = row.min(self.rows.len().saturating_sub(1));
    }

    /// Puts the cursor on `id`, if it is shown.
    pub(super) fn go_to(&mut self, id: Id) {
        if let Some(row) = self.rows.iter().position(|row| *row == id) {
            self.cursor = row;
        }
    }

    /// Moves the rows so that the cursor is among `height` of them, and no room is wasted.
    pub(super) fn fit(&mut self, height: usize) {
        let height = height.max(1);
        let last = self.rows.len().saturating_sub(height);
        let lowest = self.cursor.saturating_sub(height - 1);
        self.top = self.top.clamp(lowest, self.cursor).min(last);
    }
}
