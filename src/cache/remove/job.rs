//! The victims on their way. There may be a million, so that of each only its way is written: what it is and where, whoever chose it
//! knows, and is asked again. What those in one folder have in common is there once, and what the journal says is made when it is asked
//! for.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::journal::{Mark, Move};
use super::{Role, Supply, Victim};
use crate::cache::stamp::Stamp;

/// All of them, by number.
pub(super) struct Jobs<'v> {
    supply: Box<dyn Supply + 'v>,
    /// Those that are not as they were handed in: after them by number.
    others: Vec<Victim>,
    slips: Vec<Slip>,
    folders: Vec<Rc<Above>>,
    reasons: Vec<String>,
    /// Of those that went from where they lay, what that freed.
    freed: HashMap<usize, u64>,
    /// Of references that have gone, the commits that they named.
    commits: HashMap<usize, Box<OsStr>>,
    /// Trees of which a file went before all else, to make room: what they are since.
    thinned: HashMap<usize, Stamp>,
}

/// The way of one.
#[derive(Debug, Clone, Copy)]
struct Slip {
    victim: u32,
    folder: u32,
    /// Of one that stays, its reason.
    why: u32,
    role: Role,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Waiting,
    Gone,
    Freed,
    Stays,
}

/// One victim on its way, as it is when it is asked for.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) role: Role,
    /// Of a tree: a file of it went before all else, to make room.
    pub(super) is_thinned: bool,
    /// Its number among the renames.
    number: usize,
    above: Rc<Above>,
    name: OsString,
    /// What it was when it was chosen.
    pub(super) stamp: Stamp,
}

/// The folder that victims lie in.
#[derive(Debug, Default)]
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

impl<'v> Jobs<'v> {
    /// None yet, of what `supply` has.
    pub(super) fn of(supply: Box<dyn Supply + 'v>) -> Self {
        Self {
            supply,
            others: Vec::new(),
            slips: Vec::new(),
            folders: Vec::new(),
            reasons: Vec::new(),
            freed: HashMap::new(),
            commits: HashMap::new(),
            thinned: HashMap::new(),
        }
    }

    /// How many were handed in.
    pub(super) fn handed_in(&self) -> usize {
        self.supply.len()
    }

    /// The one that was handed in with this number.
    pub(super) fn victim(&self, at: usize) -> Option<Victim> {
        self.supply.victim(at)
    }

    /// A folder that victims lie in; its number.
    pub(super) fn folder(&mut self, above: Above) -> u32 {
        self.folders.push(Rc::new(above));
        short(self.folders.len() - 1)
    }

    /// The one that was handed in as `victim`, or another one, goes from that folder.
    pub(super) fn push(&mut self, handed_in: usize, other: Option<Victim>, role: Role, folder: u32) {
        let victim = match other {
            Some(other) => {
                self.others.push(other);
                self.supply.len() + self.others.len() - 1
            }
            None => handed_in,
        };
        self.slips.push(Slip { victim: short(victim), folder, why: 0, role, step: Step::Waiting });
    }

    /// In the order in which they go. What lies in a tree that goes, goes with it, and has no way of its own.
    pub(super) fn settle(&mut self) {
        let whole = |slip: &&Slip| matches!(slip.role, Role::Tree | Role::Snapshot);
        let trees: Vec<Slip> = self.slips.iter().filter(whole).copied().collect();
        let trees: HashSet<PathBuf> = trees.into_iter().map(|slip| self.shown(&slip)).collect();
        let goes = |above: &Rc<Above>| above.shown.ancestors().any(|above| trees.contains(above));
        let gone: Vec<bool> = self.folders.iter().map(goes).collect();
        self.slips.retain(|slip| !gone.get(long(slip.folder)).copied().unwrap_or(false));
        self.slips.shrink_to_fit();
        self.slips.sort_by_key(|slip| slip.role.rank());
    }

    fn shown(&self, slip: &Slip) -> PathBuf {
        self.above(slip).shown.join(self.named(slip).0)
    }

    fn above(&self, slip: &Slip) -> Rc<Above> {
        self.folders.get(long(slip.folder)).map(Rc::clone).unwrap_or_default()
    }

    fn named(&self, slip: &Slip) -> (OsString, Stamp) {
        let at = long(slip.victim);
        match at.checked_sub(self.supply.len()) {
            None => self.supply.named(at).unwrap_or_default(),
            Some(at) => {
                let other = self.others.get(at);
                other.map(|one| (one.path.file_name().unwrap_or_default().into(), one.stamp)).unwrap_or_default()
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slips.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.slips.is_empty()
    }

    /// The one at `at`, which is below [`Self::len`].
    pub(super) fn get(&self, at: usize) -> Job {
        let slip = &self.slips[at];
        let (name, stamp) = self.named(slip);
        let thinned = self.thinned.get(&at).copied();
        Job {
            role: slip.role,
            is_thinned: thinned.is_some(),
            number: at,
            above: self.above(slip),
            name,
            stamp: thinned.unwrap_or(stamp),
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Job> {
        (0..self.slips.len()).map(|at| self.get(at))
    }

    /// The numbers of those with this role that are so far.
    pub(super) fn which(&self, role: Role, state: &State) -> Vec<usize> {
        (0..self.slips.len()).filter(|at| self.slips[*at].role == role && self.is(*at, state)).collect()
    }

    /// What it is.
    pub(super) fn role(&self, at: usize) -> Role {
        self.slips[at].role
    }

    /// Whether it waits, or has gone.
    pub(super) fn is(&self, at: usize, state: &State) -> bool {
        match (self.slips[at].step, state) {
            (Step::Waiting, State::Waiting) | (Step::Gone, State::Gone) => true,
            (Step::Freed | Step::Stays, state) => self.state(at) == *state,
            _ => false,
        }
    }

    /// How far it is.
    pub(super) fn state(&self, at: usize) -> State {
        let slip = self.slips[at];
        match slip.step {
            Step::Waiting => State::Waiting,
            Step::Gone => State::Gone,
            Step::Freed => State::Freed(self.freed.get(&at).copied().unwrap_or(0)),
            Step::Stays => State::Stays(self.reasons.get(long(slip.why)).cloned().unwrap_or_default()),
        }
    }

    /// It is so far now.
    pub(super) fn set(&mut self, at: usize, state: State) {
        let (step, why) = match state {
            State::Waiting => (Step::Waiting, 0),
            State::Gone => (Step::Gone, 0),
            State::Freed(bytes) => {
                self.freed.insert(at, bytes);
                (Step::Freed, 0)
            }
            State::Stays(why) => {
                // Many stay for one reason.
                if self.reasons.last() != Some(&why) {
                    self.reasons.push(why);
                }
                (Step::Stays, self.reasons.len() - 1)
            }
        };
        let slip = &mut self.slips[at];
        (slip.step, slip.why) = (step, short(why));
    }

    /// The commit that a reference named which has gone.
    pub(super) fn commit(&self, at: usize) -> Option<&OsStr> {
        self.commits.get(&at).map(|commit| &**commit)
    }

    /// It named this one.
    pub(super) fn named_commit(&mut self, at: usize, commit: Option<OsString>) {
        self.commits.extend(commit.map(|commit| (at, commit.into_boxed_os_str())));
    }

    /// A file of this tree went: `now` it is this, if that is known.
    pub(super) fn is_thinned(&mut self, at: usize, now: Option<Stamp>) {
        let now = now.unwrap_or_else(|| self.get(at).stamp);
        self.thinned.insert(at, now);
    }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn long(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl std::fmt::Debug for Jobs<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_list().entries(self.iter()).finish()
    }
}

impl Job {
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
        self.above.inside.join(&self.name)
    }

    /// As the plan calls it.
    pub(super) fn shown(&self) -> PathBuf {
        self.above.shown.join(&self.name)
    }

    /// Its last name, and the folder above it below the place.
    pub(super) fn split(&self) -> (&Path, &OsStr) {
        (&self.above.inside, &self.name)
    }

    /// Its name in the trash.
    pub(super) fn number(&self) -> OsString {
        (self.number * 2).to_string().into()
    }

    /// Its rename.
    pub(super) fn one(&self) -> Move {
        self.moved(self.path(), self.number * 2, Mark::of(&self.stamp), false)
    }

    /// Beside a payload: that of its list of users.
    pub(super) fn list(&self) -> Option<Move> {
        (self.role == Role::Payload).then(|| {
            let mut name = self.name.clone();
            name.push(".refs");
            self.moved(self.above.inside.join(name), self.number * 2 + 1, Mark::default(), true)
        })
    }

    /// What is renamed for it, in this order.
    pub(super) fn moves(&self) -> impl Iterator<Item = Move> + use<> {
        std::iter::once(self.one()).chain(self.list())
    }

    fn moved(&self, path: PathBuf, number: usize, mark: Mark, is_list: bool) -> Move {
        let Above { place, trash, changed, .. } = *self.above;
        Move { place, path, trash, name: number.to_string(), mark, role: self.role, is_list, above: changed }
    }
}
