//! One gate for all threads: who was told to wait makes everybody wait who asks the same server. And how long one waits
//! who was told nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Error, Origin};

/// The longest a server is obeyed: the Hub's windows are five minutes. Who wants more gets the last word as an error.
pub(super) const LONGEST: Duration = Duration::from_secs(330);

/// The longest pause between two tries that nobody asked for.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How often a waiting thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// Asks whether the work should stop.
pub(super) type Stop = fn() -> bool;

/// Until when each server wants no further request.
#[derive(Debug, Default)]
pub(super) struct Gate {
    shut: Mutex<HashMap<Origin, Instant>>,
    opened: Condvar,
}

impl Gate {
    /// Nobody asks `origin` before `wait` is over.
    pub(super) fn shut(&self, origin: &Origin, wait: Duration) {
        let until = Instant::now() + wait.min(LONGEST);
        let mut shut = lock(&self.shut);
        let known = shut.entry(origin.clone()).or_insert(until);
        *known = until.max(*known);
    }

    /// Returns when `origin` may be asked; a little after, differently for each thread, so that they do not all come at once.
    pub(super) fn pass(&self, origin: &Origin, stop: Stop) -> Result<(), Error> {
        let mut waited = false;
        loop {
            if stop() {
                return Err(Error::Interrupted);
            }
            let shut = lock(&self.shut);
            let left = shut.get(origin).map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                None | Some(Duration::ZERO) => break,
                Some(left) => {
                    waited = true;
                    let _ = self.opened.wait_timeout(shut, left.min(LOOK));
                }
            }
        }
        if waited { sleep(jittered(Duration::from_millis(200)), stop) } else { Ok(()) }
    }
}

/// The pause before try number `failures` + 1: it doubles, and is anything from nothing to that ("full jitter": many clients
/// that failed together come back apart).
pub(super) fn pause(first: Duration, failures: u32) -> Duration {
    jittered(first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE))
}

/// Sleeps, and wakes up when the work should stop.
pub(super) fn sleep(time: Duration, stop: Stop) -> Result<(), Error> {
    let end = Instant::now() + time;
    loop {
        if stop() {
            return Err(Error::Interrupted);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(LOOK));
    }
}

/// Anything from nothing to `most`. The standard library's hash keys are the one source of chance that needs no crate.
fn jittered(most: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish();
    most.mul_f64((chance >> 11) as f64 / (1_u64 << 53) as f64)
}

/// The lock, also after a thread died with it: what it guards is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(port: u16) -> Origin {
        Origin { scheme: "http".to_owned(), host: "h".to_owned(), port }
    }

    #[test]
    fn who_is_told_to_wait_makes_everybody_wait_at_that_server_only() {
        let gate = Gate::default();
        let start = Instant::now();
        gate.shut(&origin(1), Duration::from_millis(300));
        gate.shut(&origin(1), Duration::from_millis(1));
        gate.pass(&origin(2), || false).unwrap();
        assert!(start.elapsed() < Duration::from_millis(200));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    gate.pass(&origin(1), || false).unwrap();
                    assert!(start.elapsed() >= Duration::from_millis(300));
                });
            }
        });
    }

    #[test]
    fn a_wait_ends_when_the_work_should_stop() {
        let gate = Gate::default();
        gate.shut(&origin(1), Duration::from_secs(100));
        assert!(matches!(gate.pass(&origin(1), || true), Err(Error::Interrupted)));
        assert!(matches!(sleep(Duration::from_secs(100), || true), Err(Error::Interrupted)));
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for failures in 1..100 {
            let most = Duration::from_millis(500).saturating_mul(1 << (failures - 1).min(10)).min(LONGEST_PAUSE);
            assert!(pause(Duration::from_millis(500), failures) <= most);
        }
    }
}
