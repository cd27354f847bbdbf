//! A page to look at: one self-contained HTML file that says where the bytes are, what could go, and by which command.
//!
//! It loads nothing and its policy allows nothing but its own style and script, by their digests. Every number of a picture is in
//! a table, and without the script the pictures stand still. The same input gives the same bytes.

mod contents;
mod findings;
mod growth;
mod html;
mod needs;
mod page;
mod payloads;
mod picture;
mod squarify;
mod table;
mod tree;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::inventory::Inventory;
use super::notes::history::Moment;
use super::notes::projects::Known;

pub use contents::{Contents, Duplicate, Leaf, read};
pub use needs::Needs;
pub use page::render;

/// By which a page of ours is known: it stands in its first bytes.
pub const MARK: &str = "<!DOCTYPE html>\n<!-- A report of modelstrap";

/// Something that could go or move, as the command that does it would say now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is.
    pub what: String,
    /// How many there are.
    pub count: u64,
    /// What that frees or brings, in bytes.
    pub bytes: u64,
    /// How far that can be believed, as it stands before a size: nothing, `up to `, `about `.
    pub bound: &'static str,
    /// The command.
    pub command: String,
    /// What is to be known before.
    pub note: String,
}

/// What a page is made of.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The project's folder.
    pub root: &'a Path,
    /// The user's home folder, which is written `~`.
    pub home: Option<&'a Path>,
    /// The cache root.
    pub cache_root: &'a Path,
    /// What was found.
    pub inventory: &'a Inventory,
    /// The files of the largest models, and what lies there twice.
    pub contents: &'a Contents,
    /// What could go, and by which command.
    pub claims: &'a [Claim],
    /// Why `prune` takes nothing, if so.
    pub refused: Option<&'a str>,
    /// Whether this is no project: then no verb removes or moves anything here.
    pub no_project: bool,
    /// The projects that are registered in the cache.
    pub known: &'a [Known],
    /// What they need.
    pub needs: &'a Needs,
    /// When what was used last, by paths relative to the cache root.
    pub uses: &'a HashMap<PathBuf, i64>,
    /// How large the cache was.
    pub history: &'a [Moment],
    /// What the manifest allows the cache, in bytes.
    pub budget: Option<u64>,
    /// Bytes that are free on the cache's disk.
    pub free: Option<u64>,
    /// Now, in seconds since 1970.
    pub now: i64,
}

#[cfg(test)]
mod tests;
