//! The members of an archive: what its index says of each, in some 80 bytes. With a box for each name it was 300, and a cache of a
//! million names had no room to be restored in.

use std::fmt::Write as _;

use super::names::{self, Name};
use super::table::{Full, Kind, Table};

/// A SHA-256.
pub type Sum = [u8; 32];

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// When it was changed last, in seconds since 1970; 0 of links and folders.
    pub mtime: i64,
    /// Its mode, of the nine bits that say who may do what; `0o644` of links and folders.
    pub mode: u16,
    /// What it is.
    pub what: What,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A content under its first name.
    File {
        /// Its size in bytes.
        size: u64,
        /// Its SHA-256.
        sum: Sum,
    },
    /// Another name for a content.
    Same {
        /// The number of the member that has it.
        of: usize,
        /// The number of the member with which it was one file: a hard link. Its own, where it was a file of its own.
        with: usize,
    },
    /// A symbolic link, which leads to another member, or to a folder of one.
    Link {
        /// What it says.
        to: Box<[u8]>,
    },
    /// A folder with nothing in it.
    Folder,
}

/// What is said of a content besides its digest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Detail {
    pub(super) size: u64,
    pub(super) mtime: i64,
    pub(super) mode: u16,
}

/// What is said of a second name. The numbers are those of members.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second {
    pub(super) of: u32,
    pub(super) with: u32,
    pub(super) mtime: i64,
    pub(super) mode: u16,
}

/// The members of an archive, sorted by name.
#[derive(Debug, Default)]
pub struct Members {
    table: Table,
    /// Of each content; the next list has the rest.
    sums: Vec<Sum>,
    details: Vec<Detail>,
    seconds: Vec<Second>,
}

impl Members {
    /// Those of `table`: the numbers of its files are places in `sums` and `details`, those of second names in `seconds`.
    pub(super) fn of(table: Table, sums: Vec<Sum>, details: Vec<Detail>, seconds: Vec<Second>) -> Self {
        Self { table, sums, details, seconds }
    }

    /// One more, which comes after all others.
    ///
    /// # Errors
    /// When there is no room for its number.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Full> {
        let folder = self.table.folder(entry.name.folder())?;
        let &Entry { mtime, mode, .. } = entry;
        // A number that there cannot be is one that is refused.
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (kind, number) = match &entry.what {
            What::File { size, sum } => {
                self.sums.push(*sum);
                self.details.push(Detail { size: *size, mtime, mode });
                (Kind::File, self.sums.len() - 1)
            }
            What::Same { of, with } => {
                self.seconds.push(Second { of: number(*of), with: number(*with), mtime, mode });
                (Kind::Same, self.seconds.len() - 1)
            }
            What::Link { to } => (Kind::Link, self.table.target(to)?),
            What::Folder => (Kind::Folder, 0),
        };
        self.table.push(folder, entry.name.last(), kind, number)
    }

    /// Gives back the room that nothing needs once all are there.
    pub(super) fn settle(&mut self) {
        self.table.settle();
        self.sums.shrink_to_fit();
        self.details.shrink_to_fit();
        self.seconds.shrink_to_fit();
    }

    /// How many they are.
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The member `at`.
    pub fn get(&self, at: usize) -> Entry {
        let (mtime, mode) = match self.table.kind(at) {
            (Kind::File, number) => (self.details[number].mtime, self.details[number].mode),
            (Kind::Same, number) => (self.seconds[number].mtime, self.seconds[number].mode),
            (Kind::Link | Kind::Folder, _) => (0, 0o644),
        };
        Entry { name: self.name(at), mtime, mode, what: self.what(at) }
    }

    /// The name of the member `at`.
    pub fn name(&self, at: usize) -> Name {
        self.table.name(at)
    }

    /// The number of the folder that the member `at` lies in: those in one folder have the same.
    pub fn folder_of(&self, at: usize) -> u32 {
        self.table.folder_of(at)
    }

    /// What the member `at` is, without more of it.
    pub fn kind(&self, at: usize) -> Kind {
        self.table.kind(at).0
    }

    /// What the member `at` is.
    pub fn what(&self, at: usize) -> What {
        match self.table.kind(at) {
            (Kind::File, number) => What::File { size: self.details[number].size, sum: self.sums[number] },
            (Kind::Same, number) => {
                let Second { of, with, .. } = self.seconds[number];
                What::Same { of: of as usize, with: with as usize }
            }
            (Kind::Link, number) => What::Link { to: self.table.said(number).into() },
            (Kind::Folder, _) => What::Folder,
        }
    }

    /// The content of the member `at`, if it has one: the number of the member that holds it, and its size.
    pub fn content(&self, at: usize) -> Option<(usize, u64)> {
        if at >= self.len() {
            return None;
        }
        match self.table.kind(at) {
            (Kind::File, number) => Some((at, self.details[number].size)),
            (Kind::Same, number) => {
                let of = self.seconds[number].of as usize;
                if of < at { self.content(of) } else { None }
            }
            (Kind::Link | Kind::Folder, _) => None,
        }
    }

    /// The sum of all contents, in bytes, each counted once.
    pub fn bytes(&self) -> u64 {
        self.details.iter().fold(0, |sum, detail| sum.saturating_add(detail.size))
    }

    /// Whether there is nothing but folders, as a setup leaves them: no file and no link.
    pub fn is_hollow(&self) -> bool {
        (0..self.len()).all(|at| self.kind(at) == Kind::Folder)
    }

    /// How many contents there are.
    pub const fn contents(&self) -> usize {
        self.sums.len()
    }

    /// The digest of the content that the member `holder` holds.
    pub fn sum(&self, holder: usize) -> Option<Sum> {
        let (kind, number) = (holder < self.len()).then(|| self.table.kind(holder))?;
        (kind == Kind::File).then(|| self.sums[number])
    }

    /// The number of the content that the member `holder` holds, as they were added.
    pub(super) fn number(&self, holder: usize) -> Option<usize> {
        let (kind, number) = (holder < self.len()).then(|| self.table.kind(holder))?;
        (kind == Kind::File).then_some(number)
    }

    /// The number of the member called `name`.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.table.find(name)
    }

    /// The number of the member to which the link `at` leads.
    pub fn led_to(&self, at: usize) -> Option<usize> {
        let What::Link { to } = self.what(at) else { return None };
        self.find(&names::resolve(self.name(at).folder(), &to)?)
    }

    /// Whether a member is called `name`, or lies in a folder of that name.
    pub fn leads(&self, name: &[u8]) -> bool {
        self.table.leads(name)
    }
}

/// `sum` as text.
pub fn hex(sum: &Sum) -> String {
    let mut text = String::with_capacity(64);
    for byte in sum {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The digest that `text` is, in lower-case hexadecimal digits.
pub fn unhex(text: &str) -> Option<Sum> {
    let mut sum = [0; 32];
    if !names::is_hex(text.as_bytes(), 64) {
        return None;
    }
    for (at, byte) in sum.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(sum)
}
