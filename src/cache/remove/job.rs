//! One victim on its way. There may be hundreds of thousands, so that each holds what it alone has: what those in one folder have in
//! common is there once, and what the journal says of it is made when it is asked for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::journal::{Mark, Move};
use super::{Role, Victim};
use crate::cache::stamp::Stamp;

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

/// One victim on its way.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) role: Role,
    pub(super) state: State,
    /// Of a reference that has gone: the commit that it named.
    pub(super) commit: Option<Box<OsStr>>,
    /// Of a tree: a file of it went before all else, to make room.
    pub(super) is_thinned: bool,
    /// Its number among the renames.
    number: u32,
    above: Rc<Above>,
    name: Box<OsStr>,
    was: Was,
}

/// The folder that victims lie in.
#[derive(Debug)]
pub(super) struct Above {
    /// The place, by number.
    pub(super) place: usize,
    /// The trash, by number.
    pub(super) trash: usize,
    /// As the plan calls it.
    pub(super) shown: PathBuf,
    /// Below the place.
    pub(super) inside: PathBuf,
    /// When it was changed last before the run, in nanoseconds since 1970.
    pub(super) changed: Option<i64>,
}

/// Where a victim is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    /// In the trash.
    Gone,
    /// Unlinked where it was, which freed so much.
    Freed(u64),
    /// Where it was, for this reason.
    Stays(String),
}

/// What of a stamp is compared again.
#[derive(Debug, Clone, Copy)]
struct Was {
    id: (u64, u64),
    size: u64,
    disk: u64,
    /// When it was changed last, in seconds since 1970, and nanoseconds in the next one.
    modified: i64,
    within: u32,
    /// Whether it has other names.
    is_shared: bool,
}

impl Job {
    /// `victim`, which lies in `above`.
    pub(super) fn of(victim: &Victim, above: Rc<Above>) -> Self {
        let mut job = Self {
            role: victim.role,
            state: State::Waiting,
            commit: None,
            is_thinned: false,
            number: 0,
            above,
            name: victim.path.file_name().unwrap_or_default().into(),
            was: Was { id: (0, 0), size: 0, disk: 0, modified: 0, within: 0, is_shared: false },
        };
        job.is_now(&victim.stamp);
        job
    }

    /// Gives it its place among the jobs: it and its list have a number each.
    pub(super) fn count(&mut self, place: usize) {
        self.number = u32::try_from(place).unwrap_or(u32::MAX);
    }

    /// What it is from now on.
    pub(super) fn is_now(&mut self, stamp: &Stamp) {
        let Stamp { id, size, disk, names, modified, .. } = *stamp;
        let within = u32::try_from(modified.rem_euclid(SECOND)).unwrap_or(u32::MAX);
        let modified = i64::try_from(modified.div_euclid(SECOND)).unwrap_or(i64::MAX);
        self.was = Was { id, size, disk, modified, within, is_shared: names > 1 };
    }

    /// What it was when it was chosen, but for `mode`, `changed` and `accessed`; of its names, whether there were several.
    pub(super) fn stamp(&self) -> Stamp {
        let Was { id, size, disk, modified, within, is_shared } = self.was;
        let modified = i128::from(modified) * SECOND + i128::from(within);
        Stamp { id, size, disk, names: 1 + u64::from(is_shared), modified, ..Stamp::default() }
    }

    /// The place that it lies in, by number.
    pub(super) fn place(&self) -> usize {
        self.above.place
    }

    /// Its trash, by number.
    pub(super) fn trash(&self) -> usize {
        self.above.trash
    }

    /// Below its place.
    pub(super) fn path(&self) -> PathBuf {
        self.above.inside.join(&*self.name)
    }

    /// As the plan calls it.
    pub(super) fn shown(&self) -> PathBuf {
        self.above.shown.join(&*self.name)
    }

    /// The folder above it, as the plan calls it.
    pub(super) fn shown_above(&self) -> &Path {
        &self.above.shown
    }

    /// Its last name, and the folder above it below the place.
    pub(super) fn split(&self) -> (&Path, &OsStr) {
        (&self.above.inside, &self.name)
    }

    /// Its name in the trash.
    pub(super) fn number(&self) -> OsString {
        (u64::from(self.number) * 2).to_string().into()
    }

    /// Its rename.
    pub(super) fn one(&self) -> Move {
        self.moved(self.path(), u64::from(self.number) * 2, Mark::of(&self.stamp()), false)
    }

    /// Beside a payload: that of its list of users.
    pub(super) fn list(&self) -> Option<Move> {
        (self.role == Role::Payload).then(|| {
            let mut name = self.name.to_os_string();
            name.push(".refs");
            self.moved(self.above.inside.join(name), u64::from(self.number) * 2 + 1, Mark::default(), true)
        })
    }

    /// What is renamed for it, in this order.
    pub(super) fn moves(&self) -> impl Iterator<Item = Move> + use<> {
        std::iter::once(self.one()).chain(self.list())
    }

    fn moved(&self, path: PathBuf, number: u64, mark: Mark, is_list: bool) -> Move {
        let Above { place, trash, changed, .. } = *self.above;
        Move { place, path, trash, name: number.to_string(), mark, role: self.role, is_list, above: changed }
    }
}
