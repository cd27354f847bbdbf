//! A program under ptrace, which a filter of seccomp stops at the system calls that are looked at and at no others.
//!
//! strace cannot send signals where it filters like this, and without the filter a run takes 460 ms in the place of 30; the tests
//! strike some thousand times. What is said here of the kernel is in ptrace(2) and seccomp(2).
#![allow(unsafe_code, reason = "neither ptrace nor seccomp has a safe wrapper")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::ptr::null_mut;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use libc::{c_int, c_long, pid_t, sock_filter};

#[cfg(target_env = "musl")]
type Request = c_int;
#[cfg(not(target_env = "musl"))]
type Request = libc::c_uint;

/// How long a run may take. None takes a tenth of it, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often threads are looked after while one of them is kept waiting.
const POLL: Duration = Duration::from_micros(500);

/// The calls that can be looked at. Younger processors lack those that take no folder.
const CALLS: &[(&str, c_long)] = &[
    #[cfg(target_arch = "x86_64")]
    ("rename", libc::SYS_rename),
    #[cfg(target_arch = "x86_64")]
    ("link", libc::SYS_link),
    #[cfg(target_arch = "x86_64")]
    ("symlink", libc::SYS_symlink),
    #[cfg(target_arch = "x86_64")]
    ("unlink", libc::SYS_unlink),
    #[cfg(target_arch = "x86_64")]
    ("mkdir", libc::SYS_mkdir),
    #[cfg(target_arch = "x86_64")]
    ("rmdir", libc::SYS_rmdir),
    ("renameat", libc::SYS_renameat),
    ("renameat2", libc::SYS_renameat2),
    ("linkat", libc::SYS_linkat),
    ("symlinkat", libc::SYS_symlinkat),
    ("unlinkat", libc::SYS_unlinkat),
    ("mkdirat", libc::SYS_mkdirat),
    ("openat", libc::SYS_openat),
    ("write", libc::SYS_write),
    ("fchmod", libc::SYS_fchmod),
    ("fsync", libc::SYS_fsync),
    ("fdatasync", libc::SYS_fdatasync),
    ("exit_group", libc::SYS_exit_group),
];

/// What younger processors may lack.
const OLDER: [&str; 6] = ["rename", "link", "symlink", "unlink", "mkdir", "rmdir"];

/// A program that stands still at one of its calls.
pub(crate) struct Moment {
    call: &'static str,
    failed: Option<bool>,
    program: pid_t,
    delay: Cell<Duration>,
}

impl Moment {
    pub(crate) fn call(&self) -> &'static str {
        self.call
    }

    /// Whether the call failed; none before the call.
    pub(crate) fn failed(&self) -> Option<bool> {
        self.failed
    }

    /// The number of the program's process.
    pub(crate) fn program(&self) -> u32 {
        self.program.unsigned_abs()
    }

    /// Sends the program a signal, which comes before the call.
    pub(crate) fn send(&self, signal: c_int) {
        // SAFETY: no memory is touched. Nobody has waited for the program's end yet, so its number is still its own.
        unsafe { libc::kill(self.program, signal) };
    }

    /// The thread makes its call so much later; the others go on meanwhile.
    pub(crate) fn delay(&self, time: Duration) {
        self.delay.set(time);
    }
}

/// The calls that are named, divided by commas, as far as this processor has them.
pub(crate) fn named(calls: &str) -> impl Iterator<Item = &'static str> {
    calls.split(',').filter_map(|call| {
        let known = CALLS.iter().find(|(name, _)| *name == call).map(|(name, _)| *name);
        assert!(known.is_some() || OLDER.contains(&call), "nobody looks at {call}");
        known
    })
}

/// Runs `command` to its end, and everything that it starts, and calls `at` before each of `calls`, and after it where `after` says so;
/// each of `refused` fails with EPERM. An error means that nothing can be traced, or that there is no such program.
///
/// # Panics
/// If the program has not ended after [`PATIENCE`]; it is killed then.
pub(crate) fn traced(
    command: &mut Command,
    calls: &[&'static str],
    refused: &[&'static str],
    after: bool,
    at: impl FnMut(&Moment) + Send,
) -> io::Result<Output> {
    let filter = filter(calls, refused);
    let prepare = move || stop_at(&filter);
    // SAFETY: after the fork it only makes system calls; the filter is memory of its own, made before.
    unsafe { command.pre_exec(prepare) };
    // In a group of its own, so that it can be killed with all that it started.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // What is traced belongs to a thread, and this one has no other children.
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let mut child = command.spawn()?;
                let (out, err) = (child.stdout.take(), child.stderr.take());
                let (out, err) = (scope.spawn(move || all_of(out)), scope.spawn(move || all_of(err)));
                let program = pid_t::try_from(child.id()).unwrap();
                let (done, watched) = channel::<()>();
                let watch = scope.spawn(move || {
                    let is_late = watched.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
                    if is_late {
                        // SAFETY: no memory is touched.
                        unsafe { libc::kill(-program, libc::SIGKILL) };
                    }
                    is_late
                });
                let status = Tracer {
                    program,
                    after,
                    at,
                    ended: None,
                    inside: BTreeMap::new(),
                    known: BTreeSet::new(),
                    kept: Vec::new(),
                }
                .follow();
                drop(done);
                let output = Output { status: status?, stdout: out.join().unwrap(), stderr: err.join().unwrap() };
                assert!(!watch.join().unwrap(), "not done after {PATIENCE:?}: {output:?}");
                Ok(output)
            })
            .join()
            .unwrap()
    })
}

fn all_of(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A program for the kernel, which gives each of `calls` its place in [`CALLS`].
fn filter(calls: &[&'static str], refused: &[&'static str]) -> Vec<sock_filter> {
    let word = |code: u32, k: u32| sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf: 0, k };
    // The number of a call is the first thing that the kernel gives.
    let mut all = vec![word(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for (place, (name, number)) in CALLS.iter().enumerate() {
        let answer = if refused.contains(name) {
            libc::SECCOMP_RET_ERRNO | u32::try_from(libc::EPERM).unwrap()
        } else if calls.contains(name) {
            libc::SECCOMP_RET_TRACE | u32::try_from(place).unwrap()
        } else {
            continue;
        };
        let number = u32::try_from(*number).unwrap();
        all.push(sock_filter { jf: 1, ..word(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number) });
        all.push(word(libc::BPF_RET | libc::BPF_K, answer));
    }
    all.push(word(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    all
}

/// In the child: it is traced from now on, and stops where the filter says.
fn stop_at(filter: &[sock_filter]) -> io::Result<()> {
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_ptr().cast_mut() };
    // SAFETY: plain system calls; the kernel copies the filter, which is there until the call is over.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::ptrace(libc::PTRACE_TRACEME, 0, null_mut::<c_void>(), null_mut::<c_void>()) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

struct Tracer<A> {
    program: pid_t,
    after: bool,
    at: A,
    ended: Option<ExitStatus>,
    /// The threads that are inside a call that is looked at.
    inside: BTreeMap<pid_t, &'static str>,
    /// The threads that have stopped before: a new one begins with a stop that means nothing.
    known: BTreeSet<pid_t>,
    /// The threads that are kept waiting, until when.
    kept: Vec<(Instant, pid_t, Request)>,
}

impl<A: FnMut(&Moment)> Tracer<A> {
    /// Follows the program and what it starts until all of it has ended.
    fn follow(mut self) -> io::Result<ExitStatus> {
        loop {
            let now = Instant::now();
            let (due, kept) = std::mem::take(&mut self.kept).into_iter().partition(|(until, ..)| *until <= now);
            self.kept = kept;
            for (_, thread, how) in due {
                ptrace(how, thread, 0);
            }
            let mut status = 0;
            let at_once = if self.kept.is_empty() { 0 } else { libc::WNOHANG };
            // SAFETY: the number is written to memory of ours.
            let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD | at_once) };
            if thread < 0 {
                let error = io::Error::last_os_error();
                match error.raw_os_error() {
                    Some(libc::EINTR) => {}
                    Some(libc::ECHILD) => return self.ended.ok_or(error),
                    _ => return Err(error),
                }
            } else if thread == 0 {
                thread::sleep(POLL);
            } else if libc::WIFSTOPPED(status) {
                self.stopped(thread, status);
            } else {
                // Its number may be another thread's from now on.
                self.known.remove(&thread);
                self.inside.remove(&thread);
                self.kept.retain(|(_, kept, _)| *kept != thread);
                if thread == self.program {
                    self.ended = Some(ExitStatus::from_raw(status));
                }
            }
        }
    }

    /// Lets a thread that has stopped go on.
    fn stopped(&mut self, thread: pid_t, status: c_int) {
        let (how, signal, delay) = self.next(thread, status);
        if delay > Duration::ZERO {
            self.kept.push((Instant::now() + delay, thread, how));
        } else {
            // Who was killed meanwhile is not there any more, and says so to `waitpid`.
            ptrace(how, thread, usize::try_from(signal).unwrap());
        }
    }

    fn look(&mut self, call: &'static str, failed: Option<bool>) -> Duration {
        // What it started may live longer than the program.
        if self.ended.is_some() {
            return Duration::ZERO;
        }
        let moment = Moment { call, failed, program: self.program, delay: Cell::default() };
        (self.at)(&moment);
        moment.delay.get()
    }

    /// How a thread that has stopped goes on, the signal that it gets, and how much later that is.
    fn next(&mut self, thread: pid_t, status: c_int) -> (Request, c_int, Duration) {
        let (signal, event) = (libc::WSTOPSIG(status), status >> 16);
        let is_new = self.known.insert(thread);
        if event == libc::PTRACE_EVENT_SECCOMP {
            let call = CALLS[message(thread)].0;
            let delay = self.look(call, None);
            if self.after {
                self.inside.insert(thread, call);
                return (libc::PTRACE_SYSCALL, 0, delay);
            }
            return (libc::PTRACE_CONT, 0, delay);
        }
        if signal == libc::SIGTRAP | 0x80 {
            if let Some(call) = self.inside.remove(&thread) {
                self.look(call, Some(has_failed(thread)));
            }
        } else if is_new && thread == self.program {
            // It has just become the program.
            let options = libc::PTRACE_O_TRACESECCOMP
                | libc::PTRACE_O_TRACESYSGOOD
                | libc::PTRACE_O_TRACECLONE
                | libc::PTRACE_O_TRACEFORK
                | libc::PTRACE_O_TRACEVFORK
                | libc::PTRACE_O_TRACEEXEC
                | libc::PTRACE_O_EXITKILL;
            ptrace(libc::PTRACE_SETOPTIONS, thread, usize::try_from(options).unwrap());
        } else if event == 0 && !(is_new && signal == libc::SIGSTOP) {
            return (libc::PTRACE_CONT, signal, Duration::ZERO);
        }
        (libc::PTRACE_CONT, 0, Duration::ZERO)
    }
}

fn ptrace(request: Request, thread: pid_t, data: usize) -> c_long {
    // SAFETY: the requests that come here take numbers, or write to memory whose address is handed in and which is large enough.
    unsafe { libc::ptrace(request, thread, null_mut::<c_void>(), data) }
}

/// What the filter gave for the call: its place in [`CALLS`].
fn message(thread: pid_t) -> usize {
    let mut message: libc::c_ulong = 0;
    ptrace(libc::PTRACE_GETEVENTMSG, thread, &raw mut message as usize);
    usize::try_from(message).unwrap()
}

/// Whether the call that the thread comes from has failed.
fn has_failed(thread: pid_t) -> bool {
    const PTRACE_GET_SYSCALL_INFO: Request = 0x420e;
    // The head of `struct ptrace_syscall_info`: four numbers of different sizes in 24 bytes, then the result, then whether it is an error.
    let mut info = [0_u64; 11];
    let size = size_of_val(&info);
    // SAFETY: the kernel writes no more than `size` bytes, which are there.
    unsafe { libc::ptrace(PTRACE_GET_SYSCALL_INFO, thread, size, info.as_mut_ptr()) };
    info[4].to_ne_bytes()[0] != 0
}
