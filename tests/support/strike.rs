//! The program under test, struck with a signal at one of its system calls: what a kill, Ctrl-C or a crash does at the worst moment.

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::memory::in_memory;
#[cfg(target_os = "linux")]
use super::traced::{named, traced};
#[cfg(not(target_os = "linux"))]
use super::untraced::{named, traced};

/// The calls that give a file another name. Which of them a program uses depends on the processor and on its libraries.
pub(crate) const RENAME: &str = "rename,renameat,renameat2";

/// Whether nothing can be struck here; that is said.
pub(crate) fn nothing_can_be_struck() -> bool {
    let missing = traced(&mut Command::new("true"), &[], &[], false, |_| ()).is_err();
    if missing {
        eprintln!("skipped: nothing may be traced here");
    }
    missing
}

/// A signal at a call.
pub(crate) struct Strike {
    signal: i32,
    calls: Vec<&'static str>,
    nth: usize,
    slowed: Vec<&'static str>,
    refused: Vec<&'static str>,
}

/// `signal` (`KILL`, `INT`, `TERM`) when the program enters its `nth` call of `calls`, which are divided by commas.
pub(crate) fn aim(signal: &str, calls: &str, nth: usize) -> Strike {
    let signal = match signal {
        "KILL" => libc::SIGKILL,
        "INT" => libc::SIGINT,
        "TERM" => libc::SIGTERM,
        other => panic!("{other}"),
    };
    Strike { signal, calls: named(calls).collect(), nth, slowed: Vec::new(), refused: Vec::new() }
}

impl Strike {
    /// For a signal that the program only notes, in a thread of its own, which the scheduler may keep waiting until the program is
    /// done: each of `calls` comes 5 ms later, so that there is time.
    pub(crate) fn slowing(self, calls: &str) -> Self {
        Self { slowed: named(calls).collect(), ..self }
    }

    /// Each of `calls` fails with EPERM, as on a disk that has no such thing.
    pub(crate) fn refusing(self, calls: &str) -> Self {
        Self { refused: named(calls).collect(), ..self }
    }

    /// Runs `command` to its end, or to that of the strike.
    pub(crate) fn output(&self, command: &mut Command) -> Output {
        let all: Vec<&'static str> = self.calls.iter().chain(&self.slowed).copied().collect();
        let mut count = 0;
        let output = traced(command, &all, &self.refused, false, |moment| {
            if self.calls.contains(&moment.call()) {
                count += 1;
                if count == self.nth {
                    moment.send(self.signal);
                }
            }
            if self.slowed.contains(&moment.call()) {
                moment.delay(Duration::from_millis(5));
            }
        });
        output.unwrap()
    }
}

/// Runs `command` to its end, and does `meanwhile` while it stands still before its `nth` call of `calls`.
pub(crate) fn interrupted(command: &mut Command, calls: &str, nth: usize, meanwhile: impl FnOnce() + Send) -> Output {
    let mut count = 0;
    let mut meanwhile = Some(meanwhile);
    let output = traced(command, &named(calls).collect::<Vec<_>>(), &[], false, |_| {
        count += 1;
        if count == nth {
            meanwhile.take().unwrap()();
        }
    });
    assert!(meanwhile.is_none(), "the call was never made");
    output.unwrap()
}

/// The `nth` call of this name.
pub(crate) type Step = (&'static str, usize);

/// What a run of `command`, which must succeed, does to the disk: each of `calls` that succeeds. One that fails changes nothing: a
/// kill before it is the kill before the next.
pub(crate) fn steps(command: &mut Command, calls: &[&str]) -> Vec<Step> {
    let all: Vec<&'static str> = calls.iter().flat_map(|calls| named(calls)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    let output = traced(command, &all, &[], true, |moment| match moment.failed() {
        None => *counts.entry(moment.call()).or_default() += 1,
        // Only one thread changes the disk, so the call that ends is the last that began.
        Some(false) => steps.push((moment.call(), counts[moment.call()])),
        Some(true) => {}
    })
    .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    steps
}

/// For each of `calls`, strikes with 1, 2, 3 … until `strike` says that its run came to its end, on several
/// threads; each makes what it works on with `make` first. Rooms are made in memory. Gives the number of points.
pub(crate) fn everywhere<W>(
    calls: &[&str],
    make: impl Fn() -> W + Sync,
    strike: impl Fn(&W, &str, usize) -> bool + Sync,
) -> usize {
    let next = Mutex::new((0, 1));
    let points = AtomicUsize::new(0);
    let take = || {
        let mut next = next.lock().unwrap();
        let now = *next;
        next.1 += 1;
        now
    };
    let work = || {
        let own = in_memory(&make);
        loop {
            let (index, nth) = take();
            let Some(call) = calls.get(index) else { return };
            if !in_memory(|| strike(&own, call, nth)) {
                points.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let mut next = next.lock().unwrap();
            if next.0 == index {
                *next = (index + 1, 1);
            }
        }
    };
    side_by_side(work);
    points.into_inner()
}

/// Strikes at each of `steps`, side by side. Gives how many runs came to their end all the same.
pub(crate) fn at_each(steps: &[Step], strike: impl Fn(&Step) -> bool + Sync) -> usize {
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(step) = steps.get(next.fetch_add(1, Ordering::SeqCst)) {
            missed.fetch_add(usize::from(strike(step)), Ordering::SeqCst);
        }
    };
    side_by_side(work);
    missed.into_inner()
}

/// Does `work` in as many threads as there are processors, as far as one process can have the files of all of them: other tests do the
/// same meanwhile.
fn side_by_side(work: impl Fn() + Sync) {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(&work))));
}
