//! What is marked, and what deleting all of it together would free.
//!
//! A mark covers what is below it. What marks free together is no sum: two revisions free what they share only when both go. So it
//! is weighed anew, by whoever knows the disk, each time that the marks change.

use std::collections::BTreeSet;

use super::tree::{Id, Kind, Tree};

/// What deleting all that is marked would free.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Weight {
    /// Nothing is marked.
    #[default]
    Nothing,
    /// It is being weighed.
    Weighing,
    /// So many bytes.
    Frees(u64),
    /// Nobody can tell: why.
    Unknown(String),
}

/// The marks.
#[derive(Debug, Default)]
pub(super) struct Marks {
    ids: BTreeSet<Id>,
}

impl Marks {
    pub(super) fn ids(&self) -> Vec<Id> {
        self.ids.iter().copied().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.ids.contains(&id)
    }

    /// What is marked above it, so that it goes too.
    pub(super) fn covered(&self, tree: &Tree, id: Id) -> Option<Id> {
        tree.above(id).find(|above| self.has(*above))
    }

    /// Whether something below it is marked.
    pub(super) fn within(&self, tree: &Tree, id: Id) -> bool {
        self.ids.iter().any(|marked| tree.above(*marked).any(|above| above == id))
    }

    /// Marks it, or takes the mark back.
    ///
    /// # Errors
    /// Why it cannot be marked, for a person.
    pub(super) fn toggle(&mut self, tree: &Tree, id: Id) -> Result<(), String> {
        if self.ids.remove(&id) {
            return Ok(());
        }
        if let Some(above) = self.covered(tree, id) {
            return Err(format!("it goes with {}, which is marked", tree.node(above).name));
        }
        if let Some(why) = tree.node(id).stays {
            return Err(why.to_owned());
        }
        let below: Vec<Id> =
            self.ids.iter().copied().filter(|marked| tree.above(*marked).any(|above| above == id)).collect();
        below.iter().for_each(|marked| {
            self.ids.remove(marked);
        });
        self.ids.insert(id);
        Ok(())
    }

    /// The same nodes in a tree that was read anew; how many are not there any more.
    pub(super) fn carry(&mut self, from: &Tree, to: &Tree) -> usize {
        let before = self.ids.len();
        self.ids = self.ids.iter().filter_map(|id| find(from, to, *id)).collect();
        before - self.ids.len()
    }
}

/// The node of another tree that is the same, as far as that tree has been read.
pub(super) fn find(from: &Tree, to: &Tree, id: Id) -> Option<Id> {
    let mut at = Tree::ROOT;
    let mut way: Vec<Id> = from.above(id).collect();
    way.reverse();
    way.push(id);
    for step in way.into_iter().filter(|step| from.node(*step).kind != Kind::Root) {
        let key = from.key(step);
        at = to.below(at).iter().copied().find(|id| to.key(*id) == key)?;
    }
    Some(at)
}
