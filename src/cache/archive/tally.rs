//! What a merge comes to: how much comes, is there already, stays, or is left out.

use super::index::Index;
use super::members::Entry;
use super::merge::{Merge, Step, comes};
use super::names::{Name, Role};
use super::table::Kind;

impl Merge {
    /// How many bytes come, and how many contents.
    pub fn coming(&self, index: &Index) -> (u64, usize) {
        let sizes = self.wanted.contents().filter_map(|(holder, _)| index.members.content(holder));
        sizes.fold((0, 0), |(bytes, count), (_, size)| (bytes + size, count + 1))
    }

    /// How many bytes of contents are there already.
    pub fn here(&self, index: &Index) -> u64 {
        self.bytes_of(index, &|at| self.steps[at] == Step::Here || self.twins.get(at).is_some())
    }

    /// How many bytes of contents do not come since they are damaged.
    pub fn left_out_bytes(&self, index: &Index) -> u64 {
        self.bytes_of(index, &|at| self.steps[at] == Step::LeftOut)
    }

    /// The damaged contents that do not come, and the links to them.
    pub fn left_out<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = Entry> + 'a {
        let all = self.steps.iter().enumerate().filter(|(_, step)| **step == Step::LeftOut);
        all.map(|(at, _)| index.members.get(at))
    }

    /// The bytes of the contents that do not come and have such a member, each content counted once.
    fn bytes_of(&self, index: &Index, is: &dyn Fn(usize) -> bool) -> u64 {
        let (stores, members) = (index.stores(), &index.members);
        let content = |at: usize| match members.kind(at) {
            // A blob that is a link stands for its payload; other links may lead to nothing.
            Kind::Link if members.name(at).role(&stores) == Role::Blob => members.content(members.led_to(at)?),
            _ => members.content(at),
        };
        let mut counted = vec![false; members.contents()];
        let mut bytes = 0;
        for (holder, size) in (0..members.len()).filter(|at| is(*at)).filter_map(content) {
            let first = members.number(holder).is_some_and(|number| !std::mem::replace(&mut counted[number], true));
            if first && !self.wanted.contains(holder) {
                bytes += size;
            }
        }
        bytes
    }

    /// Whether nothing is to be done.
    pub fn is_done(&self) -> bool {
        !self.steps.iter().any(comes)
    }

    /// The members whose place is taken, and why what is there stays.
    pub fn kept<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = (Name, &'a str)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| match step {
            Step::Keep(why) => Some((index.members.name(at), self.reasons.get(*why as usize)?.as_str())),
            _ => None,
        })
    }

    /// The members that come in place of a file with another content; branches and damaged blobs are not among them.
    pub fn replaced<'a>(&'a self, index: &'a Index) -> impl Iterator<Item = Name> + 'a {
        let all = self.steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Replace(_)));
        let names = all.map(|(at, _)| index.members.name(at));
        names.filter(|name| matches!(name.role(&[]), Role::Plain | Role::Snapshot))
    }
}
