//! The threads of a scan: one heap of work, the newest first, so that few folders are open at a time.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::folder::{Folder, Mounted, ROOM};
use super::key::Keys;
use super::link_room::LinkRoom;
use super::state::State;
use super::twice::Twice;
use super::{Work, ollama, store, tree};
use crate::cache::places::Place;
use crate::support::interrupt;

/// Work that waits, and what came of the work that is done.
pub(super) struct Pool {
    pub(super) places: Vec<Place>,
    pub(super) keys: Keys,
    /// What symbolic links take.
    pub(super) link_room: LinkRoom,
    /// Seconds since 1970.
    pub(super) now: i64,
    heap: Mutex<Heap>,
    wake: Condvar,
    state: Mutex<State>,
    hubs: AtomicU32,
    /// Pieces of work that are done.
    done: Arc<AtomicU64>,
    /// Places within others, which are counted apart.
    apart: HashSet<PathBuf>,
    /// What is mounted within the places.
    twice: Twice,
}

#[derive(Default)]
struct Heap {
    work: Vec<Work>,
    /// What is mounted within the places, the first by its path last: it is read one after the other, when nothing else is left.
    mounts: Vec<Work>,
    /// Pieces that a thread has in hand: each may bring more.
    in_hand: usize,
    /// Threads that wait.
    idle: usize,
}

impl Pool {
    pub(super) fn new(places: Vec<Place>, mounts: &[PathBuf], now: i64, done: Arc<AtomicU64>) -> Self {
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        let within =
            |inner: &&Place| places.iter().any(|outer| outer.real != inner.real && inner.real.starts_with(&outer.real));
        let apart = places.iter().filter(within).map(|place| place.real.clone()).collect();
        let twice = Twice::of(&places, mounts);
        let work = (0..count).rev().map(Work::Place).collect();
        Self {
            places,
            keys: Keys::default(),
            link_room: LinkRoom::default(),
            now,
            heap: Mutex::new(Heap { work, ..Heap::default() }),
            wake: Condvar::new(),
            state: Mutex::default(),
            hubs: AtomicU32::new(0),
            done,
            apart,
            twice,
        }
    }

    /// Works until nothing is left, or the person stops it.
    pub(super) fn run(&self, workers: usize) {
        thread::scope(|scope| {
            for _ in 1..workers {
                // A thread that cannot be had is one fewer; this one works in any case.
                let _ = thread::Builder::new().name("scan".into()).spawn_scoped(scope, || self.work());
            }
            self.work();
        });
    }

    /// What was found so far.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything, when nobody works any more.
    pub(super) fn into_parts(self) -> (Vec<Place>, State) {
        (self.places, self.state.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the folder `child` at `path` in this place is a place of its own.
    pub(super) fn is_apart(&self, place: u32, path: &Path, child: &OsStr) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        let Some(place) = self.places.get(place as usize) else { return false };
        path.strip_prefix(&place.path).is_ok_and(|inside| self.apart.contains(&place.real.join(inside).join(child)))
    }

    /// A number for a hub.
    pub(super) fn hub(&self) -> u32 {
        self.hubs.fetch_add(1, Ordering::Relaxed)
    }

    /// More work, for whoever is free.
    pub(super) fn give(&self, work: impl IntoIterator<Item = Work>) {
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heap.work.len();
        let (late, work) = work.into_iter().partition::<Vec<_>, _>(|work| self.is_late(work));
        heap.work.extend(work);
        if !late.is_empty() {
            heap.mounts.extend(late);
            heap.mounts.sort_by(|one, other| other.path().cmp(&one.path()));
        }
        let wanted = (heap.work.len() - before).min(heap.idle);
        drop(heap);
        (0..wanted).for_each(|_| self.wake.notify_one());
    }

    /// Files and folders to which more paths lead than names.
    pub(super) fn mounted(&self) -> Option<&Arc<Mounted>> {
        self.twice.mounted()
    }

    fn is_late(&self, work: &Work) -> bool {
        work.path().is_some_and(|path| self.twice.is_mount(path))
    }

    /// Remembers the folders right in `folder`, which are read with it: one of them may be mounted elsewhere.
    pub(super) fn note_parts(&self, folder: &Path) {
        self.twice.note_parts(folder);
    }

    /// Whether `folder`, which lies at `path`, was read by another path.
    pub(super) fn was_met(&self, folder: &Folder, path: &Path) -> bool {
        let first = (!self.twice.is_empty()).then(|| self.twice.before(folder.own().id, path)).flatten();
        let twin = first.map(|first| (path.to_path_buf(), first));
        let was_met = twin.is_some();
        if was_met {
            self.state().twins.extend(twin);
        }
        was_met
    }

    /// Says that `path` could not be read.
    pub(super) fn problem(&self, path: PathBuf, why: &std::io::Error) {
        self.state().problem(path, why.to_string());
    }

    fn take(&self) -> Option<Work> {
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if interrupt::requested() {
                heap.work.clear();
                heap.mounts.clear();
            }
            let is_rest = heap.work.is_empty() && heap.in_hand == 0;
            if let Some(work) = if is_rest { heap.mounts.pop() } else { heap.work.pop() } {
                heap.in_hand += 1;
                return Some(work);
            }
            if heap.in_hand == 0 {
                self.wake.notify_all();
                return None;
            }
            heap.idle += 1;
            heap = self.wake.wait(heap).unwrap_or_else(PoisonError::into_inner);
            heap.idle -= 1;
        }
    }

    fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let mut heap = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        heap.in_hand -= 1;
        if heap.in_hand == 0 && heap.work.is_empty() {
            self.wake.notify_all();
        }
    }

    fn work(&self) {
        let mut room = Vec::with_capacity(ROOM);
        while let Some(work) = self.take() {
            // Also when it panics: the others must not wait for ever.
            let _in_hand = InHand(self);
            match work {
                Work::Place(place) => tree::place(self, place, &mut room),
                Work::Folder(piece) => tree::folder(self, piece, &mut room),
                Work::Repository { piece, hub } => tree::repository(self, &piece, hub),
                Work::Store { piece, hub } => store::read(self, &piece, hub, &mut room),
                Work::Ollama { piece, hub } => ollama::read(self, &piece, hub, &mut room),
            }
        }
    }
}

/// A piece of work that a thread has in hand.
struct InHand<'a>(&'a Pool);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.done();
    }
}
