//! One content as it is kept, in 120 bytes and mostly nothing else: what is added here is added a million times.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

use super::{By, Claim, Expected};

/// One content.
#[derive(Debug)]
pub(super) struct Slot {
    /// `None` where it is the digest.
    pub(super) name: Option<Box<OsStr>>,
    pub(super) more: Option<Box<More>>,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) modified: Moment,
    pub(super) changed: Moment,
    pub(super) device: u32,
    pub(super) folder: u32,
    pub(super) names: u32,
    pub(super) owner: u32,
    pub(super) expected: Expected,
    pub(super) by: By,
    pub(super) said: Said,
    pub(super) is_meant: bool,
}

/// What the first claim says of the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// The size that was found.
    AsFound,
    /// Another one, which lies aside.
    Other,
}

/// What few contents have.
#[derive(Debug, Default)]
pub(super) struct More {
    pub(super) size: Option<u64>,
    pub(super) paths: Vec<Name>,
    pub(super) unnamed: Vec<Name>,
    pub(super) claims: Vec<Claim>,
    pub(super) owners: Vec<u32>,
}

/// A path: the folder's number, and the name in it.
pub(super) type Name = (u32, Box<OsStr>);

/// Nanoseconds since 1970, as seconds and the rest: all that a disk can tell, in 12 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The seconds, their upper half first: a number of eight bytes would be padded to sixteen with the rest.
    seconds: [u32; 2],
    rest: u32,
}

const SECOND: i128 = 1_000_000_000;

impl Moment {
    pub(super) fn of(time: i128) -> Self {
        let seconds = i64::try_from(time.div_euclid(SECOND)).unwrap_or(i64::MAX);
        let rest = u32::try_from(time.rem_euclid(SECOND)).unwrap_or(0);
        Self { seconds: [(seconds >> 32) as u32, seconds as u32], rest }
    }

    pub(super) fn time(self) -> i128 {
        let [upper, lower] = self.seconds.map(u64::from);
        i128::from((upper << 32 | lower) as i64) * SECOND + i128::from(self.rest)
    }
}

impl Slot {
    /// What a blob is called that is what it is expected to be.
    pub(super) fn named_by(expected: &Expected) -> Option<OsString> {
        match expected {
            Expected::Whole(digest) => Some(digest.hex().into()),
            Expected::Begins(_) => None,
        }
    }

    pub(super) fn name(&self) -> Cow<'_, OsStr> {
        match &self.name {
            Some(name) => name.as_ref().into(),
            None => Self::named_by(&self.expected).unwrap_or_default().into(),
        }
    }

    /// Whether this is one of its paths.
    pub(super) fn has(&self, (folder, name): (u32, &OsStr)) -> bool {
        let is = |(other, own): &Name| *other == folder && **own == *name;
        (self.folder == folder && self.name() == name) || self.more.iter().flat_map(|more| &more.paths).any(is)
    }

    pub(super) fn claim(&self) -> Claim {
        let size = match self.said {
            Said::Nothing => None,
            Said::AsFound => Some(self.size),
            Said::Other => self.more.as_ref().and_then(|more| more.size),
        };
        Claim { expected: self.expected, size, by: self.by }
    }

    pub(super) fn set_size(&mut self, size: Option<u64>) {
        self.said = match size {
            None => Said::Nothing,
            Some(size) if size == self.size => Said::AsFound,
            Some(_) => Said::Other,
        };
        if self.said == Said::Other {
            self.aside().size = size;
        }
    }

    pub(super) fn aside(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }
}

/// Adds to a list that mostly stays as short as it is.
pub(super) fn push<T>(list: &mut Vec<T>, one: T) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
    list.push(one);
}
