//! What a plan removes, in the order in which it goes, each by its number: who carries it out asks for one after the other, and a
//! million of them are never written down.

use std::ffi::OsString;

use super::Line;
use crate::cache::remove::{Role, Supply, Victim};
use crate::cache::stamp::Stamp;

/// The victims of some lines.
#[derive(Debug)]
pub struct Queue<'a> {
    lines: &'a [Line<'a>],
    parts: Vec<Part>,
    len: usize,
}

/// Victims that follow each other, of one list of a line.
#[derive(Debug)]
struct Part {
    /// The number of the first.
    begin: usize,
    line: usize,
    list: usize,
}

impl<'a> Queue<'a> {
    pub(super) fn of(lines: &'a [Line<'a>]) -> Self {
        let mut queue = Self { lines, parts: Vec::new(), len: 0 };
        for rank in 0..=Role::Payload.rank() {
            for (line, one) in lines.iter().enumerate() {
                for (list, count) in one.victims.of_rank(rank) {
                    queue.parts.push(Part { begin: queue.len, line, list });
                    queue.len += count;
                }
            }
        }
        queue
    }

    /// The line, the list in it and the place in that list.
    fn find(&self, at: usize) -> Option<(&'a Line<'a>, usize, usize)> {
        let after = self.parts.partition_point(|part| part.begin <= at);
        let part = self.parts.get(after.checked_sub(1)?)?;
        Some((self.lines.get(part.line)?, part.list, at - part.begin))
    }
}

impl Supply for Queue<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn victim(&self, at: usize) -> Option<Victim> {
        let (line, list, at) = self.find(at)?;
        let mut victim = line.victims.of_list(list, at)?;
        victim.bytes = if (list, at) == (0, 0) { line.frees } else { 0 };
        Some(victim)
    }

    fn named(&self, at: usize) -> Option<(OsString, Stamp)> {
        let (line, list, at) = self.find(at)?;
        line.victims.named(list, at)
    }
}
