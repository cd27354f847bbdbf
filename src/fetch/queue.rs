//! Who does what next: large files get many threads each, small ones a thread each, and neither waits for all of the other.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::gate::{Stop, lock};
use super::ranged::Ranged;
use super::work::Job;

/// How often an idle thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);

/// Something for a thread to do.
pub(super) enum Step {
    /// Begin with this artifact.
    Begin(usize),
    /// Begin anew with this one: its file changed.
    Again(Arc<Job>),
    /// Help with this large file.
    Join(Arc<Ranged>),
}

/// What is to do, and what is being done.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// How many threads large files may have while small ones wait.
    share: usize,
}

#[derive(Default)]
struct State {
    large: VecDeque<Step>,
    small: VecDeque<Step>,
    open: Vec<Arc<Ranged>>,
    on_large: usize,
    active: usize,
}

impl Queue {
    /// `large` and `small` artifacts for `workers` threads.
    pub(super) fn new(large: Vec<usize>, small: Vec<usize>, workers: usize) -> Self {
        let steps = |indices: Vec<usize>| indices.into_iter().map(Step::Begin).collect();
        let state = State { large: steps(large), small: steps(small), ..State::default() };
        Self { state: Mutex::new(state), changed: Condvar::new(), share: (workers * 3 / 4).max(1) }
    }

    /// The next step, and whether it is one of a large file; `None` when nothing is left.
    pub(super) fn next(&self, stop: Stop) -> Option<(Step, bool)> {
        let mut state = lock(&self.state);
        loop {
            if stop() {
                return None;
            }
            let few = state.on_large < self.share;
            let step =
                if few { state.large().or_else(|| state.small()) } else { state.small().or_else(|| state.large()) };
            if let Some((step, is_large)) = step {
                state.active += 1;
                state.on_large += usize::from(is_large);
                return Some((step, is_large));
            }
            if state.active == 0 {
                return None;
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A step is done.
    pub(super) fn done(&self, is_large: bool) {
        let mut state = lock(&self.state);
        state.active -= 1;
        state.on_large -= usize::from(is_large);
        if state.active == 0 {
            self.changed.notify_all();
        }
    }

    /// Others may help with this file.
    pub(super) fn open(&self, ranged: &Arc<Ranged>) {
        lock(&self.state).open.push(Arc::clone(ranged));
        self.changed.notify_all();
    }

    /// Something is to be done (again), after everything else of its kind.
    pub(super) fn push(&self, step: Step, is_large: bool) {
        let mut state = lock(&self.state);
        if is_large {
            state.large.push_back(step)
        } else {
            state.small.push_back(step)
        }
        self.changed.notify_one();
    }
}

impl State {
    fn large(&mut self) -> Option<(Step, bool)> {
        self.open.retain(|ranged| ranged.is_open());
        let step = match self.open.iter().find(|ranged| ranged.enter()) {
            Some(ranged) => Step::Join(Arc::clone(ranged)),
            None => self.large.pop_front()?,
        };
        Some((step, true))
    }

    fn small(&mut self) -> Option<(Step, bool)> {
        self.small.pop_front().map(|step| (step, false))
    }
}
