//! What a merge comes to: how much comes, is there already, stays, or is left out.

use std::collections::HashMap;

use super::index::{Entry, Index, What};
use super::merge::{Merge, Step, comes};
use super::names::{self, Role};

impl Merge {
    /// How many bytes come, and how many contents.
    pub fn coming(&self, index: &Index) -> (u64, usize) {
        (self.wanted.keys().filter_map(|holder| index.content(*holder)).map(|(_, size)| size).sum(), self.wanted.len())
    }

    /// How many bytes of contents are there already.
    pub fn here(&self, index: &Index) -> u64 {
        self.bytes_of(index, &|at| self.steps[at] == Step::Here || self.twins.contains_key(&at))
    }

    /// How many bytes of contents do not come since they are damaged.
    pub fn left_out_bytes(&self, index: &Index) -> u64 {
        self.bytes_of(index, &|at| self.steps[at] == Step::LeftOut)
    }

    /// The damaged contents that do not come, and the links to them.
    pub fn left_out<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = &'a Entry> {
        index.entries.iter().zip(&self.steps).filter(|(_, step)| **step == Step::LeftOut).map(|(entry, _)| entry)
    }

    /// The bytes of the contents that do not come and have such a member, each content counted once.
    fn bytes_of(&self, index: &Index, is: &dyn Fn(usize) -> bool) -> u64 {
        let stores = index.stores();
        let content = |at: usize| match &index.entries[at].what {
            // A blob that is a link stands for its payload; other links may lead to nothing.
            What::Link { to } if index.entries[at].name.role(&stores) == Role::Blob => {
                let to = names::resolve(index.entries[at].name.folder(), to)?;
                index.content(index.find(&to)?)
            }
            _ => index.content(at),
        };
        let found = (0..index.entries.len()).filter(|at| is(*at)).filter_map(content);
        let found: HashMap<usize, u64> = found.filter(|(holder, _)| !self.wanted.contains_key(holder)).collect();
        found.values().sum()
    }

    /// Whether nothing is to be done.
    pub fn is_done(&self) -> bool {
        !self.steps.iter().any(comes)
    }

    /// The members whose place is taken, and why what is there stays.
    pub fn kept<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = (&'a names::Name, &'a str)> {
        index.entries.iter().zip(&self.steps).filter_map(|(entry, step)| match step {
            Step::Keep(why) => Some((&entry.name, why.as_str())),
            _ => None,
        })
    }

    /// The members that come in place of a file with another content; branches and damaged blobs are not among them.
    pub fn replaced<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = &'a names::Name> {
        index.entries.iter().zip(&self.steps).filter_map(|(entry, step)| {
            let plain = matches!(entry.name.role(&[]), Role::Plain | Role::Snapshot);
            (plain && matches!(step, Step::Replace(_))).then_some(&entry.name)
        })
    }
}
