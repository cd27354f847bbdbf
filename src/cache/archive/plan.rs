//! What is to be written: the index, which names every content before the first is written, and where the bytes of each are.

use std::io;
use std::path::PathBuf;

use super::found::Found;
use super::gather::{Gathered, Root};
use super::index::{Head, Index, SCHEMA};
use super::names;
use super::sorting::{Known, Sorted, Sorting};
use super::things::{self, Source};
use super::users::Lists;
use crate::support::interrupt::Interrupted;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Plan {
    /// The archive's index.
    pub index: Index,
    /// What could not be read, and why.
    pub problems: Vec<(PathBuf, io::Error)>,
    /// Of each content, as they are numbered: where its bytes are, and how its digest is known.
    sources: Vec<Source>,
    known: Vec<Known>,
    roots: Vec<Root>,
    stores: Vec<Vec<u8>>,
    lists: Lists,
}

/// Where the bytes of a member are.
pub(super) enum Bytes {
    /// In this file.
    Disk {
        path: PathBuf,
        /// As it was.
        found: Found,
        /// Whether its digest was read; else its name says it.
        was_read: bool,
    },
    /// Here: what is made for the archive.
    Made(Vec<u8>),
}

/// What an index says of the archive, besides its members.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The tool's version.
    pub tool: String,
    /// Now, in RFC 3339.
    pub now: String,
    /// Whether the names of blobs are taken for their digests.
    pub trust_names: bool,
}

impl Plan {
    /// Where the bytes of the member `at` are, if it holds a content.
    pub(super) fn bytes(&self, at: usize) -> Option<Bytes> {
        let members = &self.index.members;
        let number = members.number(at)?;
        let was_read = self.known.get(number) == Some(&Known::Read);
        Some(match *self.sources.get(number)? {
            Source::Disk(found) => Bytes::Disk { path: things::place(&self.roots, &members.name(at)), found, was_read },
            Source::Made(_) => Bytes::Made(self.lists.text(at, &self.stores, |at| members.name(at))),
        })
    }
}

/// Puts what was gathered in order.
///
/// # Errors
/// When the person asked to stop.
pub fn plan(gathered: Gathered, about: &About, progress: &(dyn Fn(u64) + Sync)) -> Result<Plan, Interrupted> {
    let sorting = Sorting::of(gathered, about.trust_names, progress)?;
    let Sorted { members, sources, known, lists, roots, stores, problems } = sorting.end();
    let head = Head {
        schema: SCHEMA.to_owned(),
        tool: about.tool.clone(),
        created_at: about.now.clone(),
        stores: stores.iter().map(|hub| names::encode(hub)).collect(),
        entries: members.len() as u64,
        bytes: members.bytes(),
    };
    Ok(Plan { index: Index { head, members }, problems, sources, known, roots, stores, lists })
}
