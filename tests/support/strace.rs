//! Programs that strace strikes with a signal at one of their system calls: what a kill, Ctrl-C or a crash does at the worst moment.

#![allow(clippy::print_stderr, reason = "a test that leaves something out says so")]
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The calls that give a file another name. strace counts each name of a set by itself; which of them is used depends on the
/// processor, and `?` lets strace pass over those that it has not.
pub(crate) const RENAME: &str = "?rename,?renameat,?renameat2";

/// Whether nothing can be struck here; that is said.
pub(crate) fn strace_is_missing() -> bool {
    let probe = Command::new("strace").args(["-f", "-e", "trace=none", "true"]).output();
    let missing = !probe.is_ok_and(|output| output.status.success());
    if missing {
        eprintln!("skipped: strace is not installed, or may not trace");
    }
    missing
}

/// `strace`, which is yet to be told the program, sends `signal` at the program's `nth` call of `calls`.
pub(crate) fn aim<'c>(strace: &'c mut Command, signal: &str, calls: &str, nth: usize) -> &'c mut Command {
    // Only a call that is traced can be struck.
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={calls}"));
    strace.arg("-e").arg(format!("inject={calls}:signal={signal}:when={nth}"))
}

/// The same for a signal that the program only notes, in a thread of its own, which the scheduler may keep waiting until the program
/// is done: each of `slowed` takes 5 ms longer, so that there is time.
pub(crate) fn aim_slowed<'c>(
    strace: &'c mut Command,
    signal: &str,
    calls: &str,
    nth: usize,
    slowed: &str,
) -> &'c mut Command {
    aim(strace, signal, calls, nth).args(["-e", &format!("trace={calls},{slowed}")]);
    strace.args(["-e", &format!("inject={slowed}:delay_exit=5000")])
}

/// For each of `calls`, strikes with 1, 2, 3 … until `strike` says that its run came to its end, on as many threads as there are
/// processors; each makes what it works on with `make` first. Gives the number of points.
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
        let own = make();
        loop {
            let (index, nth) = take();
            let Some(call) = calls.get(index) else { return };
            if !strike(&own, call, nth) {
                points.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let mut next = next.lock().unwrap();
            if next.0 == index {
                *next = (index + 1, 1);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    points.into_inner()
}

/// The `nth` call of this name.
pub(crate) type Step = (String, usize);

/// What a run of the program under `strace`, whose words this is given to before the program's, does to the disk: each of `calls` that
/// succeeds. One that fails changes nothing: a kill before it is the kill before the next.
pub(crate) fn steps(calls: &[&str], strace: &mut Command, run: impl FnOnce(&mut Command)) -> Vec<Step> {
    let log = tempfile::NamedTempFile::new().unwrap();
    run(strace.args(["-f", "-qq", "-o"]).arg(log.path()).args(["-e", &format!("trace={}", calls.join(","))]));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in String::from_utf8_lossy(&std::fs::read(log.path()).unwrap()).lines() {
        // `PID NAME(…) = …`, or in two lines, of which the second begins with `<...`.
        let Some((name, rest)) = line.split_once(' ').and_then(|(_, call)| call.trim_start().split_once('(')) else {
            continue;
        };
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        let count = counts.entry(name.to_owned()).or_default();
        *count += 1;
        if !rest.contains(") = -1 ") {
            steps.push((name.to_owned(), *count));
        }
    }
    steps
}

/// Strikes at each of `steps`, on as many threads as there are processors. Gives how many runs came to their end all the same.
pub(crate) fn at_each(steps: &[Step], strike: impl Fn(&Step) -> bool + Sync) -> usize {
    let (next, missed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(step) = steps.get(next.fetch_add(1, Ordering::SeqCst)) {
            missed.fetch_add(usize::from(strike(step)), Ordering::SeqCst);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    missed.into_inner()
}
