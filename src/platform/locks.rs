//! Whether somebody holds the lock that a file stands for: by the system's lock on it, or by a soft lock, for which the file is there as
//! long as somebody has it. Python's `filelock` falls back to these where a disk knows no locks.
//!
//! A file that is there says little by itself: those of the system's locks stay after use. So what a soft lock holds is believed: process
//! and host, which filelock writes since 3.22 (`_soft.py`: `PID\nHOST\n`, then when the process began). Where that says nothing, and no
//! lock can be had, a file counts as held while it is young.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::{Duration, SystemTime};

/// A soft lock is believed for so long of who cannot be asked: no download of one file takes longer.
const DAY: Duration = Duration::from_secs(86_400);

/// So long a file counts as held that says nothing, on a disk without locks.
const HOURS: Duration = Duration::from_secs(6 * 3600);

/// No record is longer (`_soft.py`, `_MAX_LOCK_FILE_SIZE`).
const LONGEST: u64 = 1024;

/// How `filelock` marks a process in a container: the host's name, then the number of its namespace.
const NAMESPACE: &str = "?pidns-";

/// The number of the namespace that processes have outside of containers, which is never written.
#[cfg(target_os = "linux")]
const OUTSIDE: u64 = 0xEFFF_FFFC;

/// Whether nobody else holds the lock `name`, which was opened as `file`: then it is ours in common with other readers while the file is
/// open, as far as the disk knows locks.
pub fn is_free(file: &File, name: &OsStr) -> bool {
    let ends = |end: &str| name.as_encoded_bytes().ends_with(end.as_bytes());
    let (is_soft, may_be_soft) = (ends(".soft"), ends(".soft") || ends(".lock"));
    let is_young = |limit: Duration| {
        let age = file.metadata().and_then(|found| found.modified()).map(|then| SystemTime::now().duration_since(then));
        // A time that lies ahead is one of another clock's now.
        !matches!(age, Ok(Ok(age)) if age >= limit)
    };
    if may_be_soft {
        match read(file) {
            Record::Of(holder) => match holder.is_alive() {
                Some(true) => return false,
                Some(false) => {}
                None if is_young(DAY) => return false,
                None => {}
            },
            Record::Given => return true,
            Record::None if is_soft && is_young(DAY) => return false,
            Record::None => {}
        }
    }
    match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        // A disk without locks. Who is known to be gone holds nothing there either.
        Err(TryLockError::Error(_)) => {
            !may_be_soft || is_soft || !matches!(read(file), Record::None) || !is_young(HOURS)
        }
    }
}

/// What a lock's file says.
#[derive(Debug, PartialEq, Eq)]
enum Record {
    Of(Holder),
    /// It was given back, and could not be removed.
    Given,
    /// Nothing that can be understood.
    None,
}

/// Who holds a soft lock.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    process: i32,
    host: String,
    /// When the process began: the last 64 bits of what filelock writes, which on Linux are ticks since the machine began.
    began: Option<u64>,
}

fn read(mut file: &File) -> Record {
    let mut text = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(LONGEST).read_to_string(&mut text));
    if read.is_ok() { parse(&text) } else { Record::None }
}

fn parse(text: &str) -> Record {
    if text.starts_with("filelock/released\n") {
        return Record::Given;
    }
    let lines: Vec<&str> = text.lines().collect();
    let (process, host, began) = match lines[..] {
        [process, host] => (process, host, None),
        [process, host, began] => (process, host, Some(began)),
        _ => return Record::None,
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let last_bits = |text: &str| {
        text.bytes().fold(0_u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))))
    };
    match process.parse().ok().filter(|process| *process > 0 && text.ends_with('\n')) {
        Some(process) if began.is_none_or(is_number) => {
            Record::Of(Holder { process, host: host.to_owned(), began: began.map(last_bits) })
        }
        _ => Record::None,
    }
}

impl Holder {
    /// Whether the process is at work; `None` where that cannot be told.
    fn is_alive(&self) -> Option<bool> {
        let (host, namespace) = match self.host.split_once(NAMESPACE) {
            Some((host, namespace)) => (host, Some(u64::from_str_radix(namespace, 16).ok()?)),
            None => (self.host.as_str(), None),
        };
        if host != own_host()? || (namespace.is_some() && namespace != own_namespace()) {
            return None;
        }
        let is_another = || self.began.zip(began(self.process)).is_some_and(|(then, now)| then != now);
        Some(is_there(self.process)? && !is_another())
    }
}

/// When the process began, in ticks.
#[cfg(target_os = "linux")]
fn began(process: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in brackets, may hold blanks.
    text.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn began(_: i32) -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn own_namespace() -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let number = std::fs::metadata("/proc/self/ns/pid").ok()?.ino();
    (number != OUTSIDE).then_some(number)
}

#[cfg(not(target_os = "linux"))]
fn own_namespace() -> Option<u64> {
    None
}

#[cfg(unix)]
fn is_there(process: i32) -> Option<bool> {
    let process = rustix::process::Pid::from_raw(process)?;
    Some(matches!(rustix::process::test_kill_process(process), Ok(()) | Err(rustix::io::Errno::PERM)))
}

#[cfg(not(unix))]
fn is_there(_: i32) -> Option<bool> {
    None
}

/// The host's name, where it is written as it is.
#[cfg(unix)]
fn own_host() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(not(unix))]
fn own_host() -> Option<String> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// Whether a file of this name, with this content, that was written so long ago counts as free.
    fn free(name: &str, text: &str, age: Duration) -> bool {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join(name);
        std::fs::write(&path, text).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        is_free(&file, OsStr::new(name))
    }

    fn record(process: u32, began: &str) -> String {
        let namespace = own_namespace().map(|number| format!("{NAMESPACE}{number:x}")).unwrap_or_default();
        format!("{process}\n{}{namespace}\n{began}", own_host().unwrap())
    }

    #[test]
    fn a_soft_lock_is_held_while_its_process_lives_and_by_another_host_for_a_day() {
        let me = std::process::id();
        let (now, later) = (Duration::ZERO, DAY * 2);
        assert!(!free("e.lock", &record(me, ""), later), "it lives");
        assert!(free("e.lock", &record(4_000_000, ""), now), "no process has such a number");
        for name in ["e.lock", "e.lock.soft"] {
            assert!(!free(name, "12\nelsewhere\n", now));
            assert!(free(name, "12\nelsewhere\n", later));
            assert!(free(name, "filelock/released\n", now));
        }
        assert!(!free("e.lock.soft", "", now) && free("e.lock.soft", "", later));
        assert!(free("e.lock", "", now), "the file of a lock of the system's stays after use");
        assert!(!free("e.lock", "12\nelsewhere?pidns-1\n", now), "a container's process has another number here");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_has_the_number_of_one_that_is_gone_holds_nothing() {
        let me = std::process::id();
        let began = began(i32::try_from(me).unwrap()).unwrap();
        // filelock writes the boot's number in the bits above.
        let token = |began: u64| format!("{}\n", (u128::from(77_u8) << 64) + u128::from(began));
        assert!(!free("e.lock", &record(me, &token(began)), Duration::ZERO));
        assert!(free("e.lock", &record(me, &token(began + 1)), Duration::ZERO));
    }

    #[test]
    fn what_is_no_record_names_nobody() {
        for text in ["", "12\n", "12\nhost", "0\nhost\n", "-1\nhost\n", "a\nhost\n", "1\nh\nx\n", "1\nh\n2\n3\n"] {
            assert_eq!(parse(text), Record::None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_content_panics(text in ".{0,80}\n.{0,80}\n.{0,40}\n?") {
            let _ = parse(&text);
        }
    }
}
