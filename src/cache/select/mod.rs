//! What `clear` and `prune` would take, and what it would free: decisions over data, none of which touches the disk.
//!
//! `stock` says what there is, file by file; `needs` what must stay. [`clear`] and [`prune`] choose models; `settle` makes
//! victims of what they chose, in the order in which they may go, and counts what each frees after those before it.

mod accounts;
pub mod clear;
mod downloads;
mod ledger;
mod lines;
mod linked;
mod listed;
pub mod locked;
pub mod needs;
pub mod picks;
pub mod prune;
mod queue;
mod settle;
mod shared;
pub mod stock;
mod tracked;
pub mod used;
mod victims;
pub mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::remove::{Role, Supply as _, Victim};
pub use lines::{Lines, Stays};
pub use listed::Listed;
pub use needs::Needs;
pub use queue::Queue;
pub use stock::Stock;
pub use used::{Clock, UseLog, Used};
pub use victims::Victims;

/// What would go, and what stays although somebody asked for it.
#[derive(Debug, Default)]
pub struct Selection<'a> {
    /// What would go, in order.
    pub lines: Lines<'a>,
    /// What would have gone, and why it stays.
    pub kept: Stays<'a>,
    /// Goals that cannot be reached, in words.
    pub short: Vec<String>,
}

/// One thing that would go.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    /// What it is called.
    pub name: String,
    /// What kind of thing it is: `repository`, `revision`, `file` …
    pub kind: &'static str,
    /// Where it is.
    pub path: PathBuf,
    /// Why it goes.
    pub why: String,
    /// When it was used last.
    pub used: Option<Used>,
    /// What this frees when the lines before have gone, in bytes.
    pub frees: u64,
    /// How many things these are.
    pub count: usize,
    /// What is removed for it, in this order; nothing, where it goes with the folder around it, which another line has.
    pub victims: Victims<'a>,
}

/// Something that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it stays.
    pub why: String,
}

impl Selection<'_> {
    /// What all of it frees, in bytes.
    pub fn frees(&self) -> u64 {
        self.lines.frees()
    }

    /// What is removed, one after the other, in the order in which it goes: who removes has nothing to sort then.
    pub fn victims(&self) -> impl Iterator<Item = Victim> {
        let queue = self.queue();
        (0..queue.len()).filter_map(move |at| queue.victim(at))
    }

    /// The same, each by its number.
    pub fn queue(&self) -> Queue<'_> {
        Queue::of(&self.lines)
    }

    /// The places that something is removed from.
    pub fn roots(&self) -> BTreeSet<&Path> {
        self.lines.roots()
    }

    #[cfg(test)]
    fn into_victims(self) -> Vec<Victim> {
        self.victims().collect()
    }
}

#[cfg(test)]
mod tests;
