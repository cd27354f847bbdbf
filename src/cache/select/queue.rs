//! What a plan removes, in the order in which it goes, each by its number: who carries it out asks for one after the other, and a
//! million of them are never written down.

use std::ffi::OsString;

use super::lines::{Lines, Part as Lot};
use crate::cache::remove::{Role, Supply, Victim};
use crate::cache::stamp::Stamp;

/// The victims of some lines.
#[derive(Debug)]
pub struct Queue<'a> {
    lines: &'a Lines<'a>,
    parts: Vec<Part>,
    len: usize,
}

/// Victims that follow each other, of one list of a line, or of the lines of many files.
#[derive(Debug)]
struct Part {
    /// The number of the first.
    begin: usize,
    lot: usize,
    list: usize,
}

impl<'a> Queue<'a> {
    pub(super) fn of(lines: &'a Lines<'a>) -> Self {
        let mut queue = Self { lines, parts: Vec::new(), len: 0 };
        for rank in 0..=Role::Payload.rank() {
            for (lot, one) in lines.parts().iter().enumerate() {
                match one {
                    Lot::One(line) => {
                        line.victims.of_rank(rank).for_each(|(list, count)| queue.push(lot, list, count));
                    }
                    Lot::Files(files) if rank == Role::File.rank() => queue.push(lot, 0, files.len()),
                    Lot::Files(_) => {}
                }
            }
        }
        queue
    }

    fn push(&mut self, lot: usize, list: usize, count: usize) {
        self.parts.push(Part { begin: self.len, lot, list });
        self.len += count;
    }

    /// The lines, the list of the line and the place in that list.
    fn find(&self, at: usize) -> Option<(&'a Lot<'a>, usize, usize)> {
        let after = self.parts.partition_point(|part| part.begin <= at);
        let part = self.parts.get(after.checked_sub(1)?)?;
        Some((self.lines.parts().get(part.lot)?, part.list, at - part.begin))
    }
}

impl Supply for Queue<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn victim(&self, at: usize) -> Option<Victim> {
        match self.find(at)? {
            (Lot::One(line), list, at) => {
                let mut victim = line.victims.of_list(list, at)?;
                victim.bytes = if (list, at) == (0, 0) { line.frees } else { 0 };
                Some(victim)
            }
            (Lot::Files(files), _, at) => files.victim(at),
        }
    }

    fn named(&self, at: usize) -> Option<(OsString, Stamp)> {
        match self.find(at)? {
            (Lot::One(line), list, at) => line.victims.named(list, at),
            (Lot::Files(files), _, at) => {
                let thing = files.at(at)?;
                Some((thing.name().into_owned(), thing.first()?.stamp))
            }
        }
    }
}
