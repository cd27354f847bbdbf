//! The terminal's keys on Unix: bytes are waited for, so that a terminal that is gone is an error at once, and put together to keys.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::state::Key;
use super::terminal::Input;

/// How the terminal was before.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Escape by itself is a key; what begins a longer one comes with the rest of it, over a slow line a little later.
const REST: Duration = Duration::from_millis(40);

/// Keys that are not told apart yet.
#[derive(Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
}

/// Keys come one by one, and are not echoed.
pub(super) fn begin() -> io::Result<()> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &raw)?;
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    Ok(())
}

/// Everything as it was.
pub(super) fn end() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Reads what there is within `wait`; false where there is nothing.
fn read(bytes: &mut Vec<u8>, wait: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut waited = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec { tv_sec: wait.as_secs().try_into().unwrap_or(1), tv_nsec: wait.subsec_nanos().into() };
    match poll(&mut waited, Some(&time)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
        answer => answer?,
    };
    let mut room = [0; 256];
    match rustix::io::read(&stdin, &mut room) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone")),
        Ok(count) => {
            bytes.extend_from_slice(&room[..count]);
            Ok(true)
        }
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Keys {
    /// What a person does within `wait`.
    pub(super) fn next(&mut self, wait: Duration) -> io::Result<Option<Input>> {
        if self.bytes.is_empty() && !read(&mut self.bytes, wait)? {
            return Ok(None);
        }
        if is_begun(&self.bytes) {
            read(&mut self.bytes, REST)?;
        }
        let (used, input) = first(&self.bytes);
        self.bytes.drain(..used.clamp(1, self.bytes.len().max(1)).min(self.bytes.len()));
        Ok(input)
    }
}

/// Whether the rest of a longer key may still come.
fn is_begun(bytes: &[u8]) -> bool {
    match bytes {
        [0x1b] | [0x1b, b'[' | b'O'] => true,
        [0x1b, b'[', rest @ ..] => rest.iter().all(|byte| (0x20..0x40).contains(byte)),
        [first, ..] => *first >= 0xc0 && bytes.len() < length(*first),
        [] => false,
    }
}

/// How many bytes a character has that begins so.
const fn length(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0..0xf0 => 3,
        0xc0..0xe0 => 2,
        _ => 1,
    }
}

/// The first key in `bytes`, if it is one that means anything, and how many bytes it takes.
fn first(bytes: &[u8]) -> (usize, Option<Input>) {
    let key = match bytes {
        [] => return (0, None),
        [0x1b, b'O', end, ..] => return (3, named(b"", *end).map(Input::Key)),
        [0x1b, b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| (0x40..0x7f).contains(byte)) else {
                return (bytes.len(), None);
            };
            return (end + 3, named(&rest[..end], rest[end]).map(Input::Key));
        }
        [0x1b] | [0x1b, 0x1b, ..] => Key::Escape,
        // Alt with a key.
        [0x1b, ..] => return (2, None),
        [0x0c, ..] => return (1, Some(Input::Redraw)),
        [0x03, ..] => Key::Interrupt,
        [0x7f | 0x08, ..] => Key::Backspace,
        [b'\r' | b'\n', ..] => Key::Enter,
        [byte @ 0x20..0x7f, ..] => Key::Char(char::from(*byte)),
        [byte, ..] => {
            let piece = &bytes[..length(*byte).min(bytes.len())];
            let letter = std::str::from_utf8(piece).ok().and_then(|text| text.chars().next());
            return match letter.filter(|letter| !letter.is_control()) {
                Some(letter) => (piece.len(), Some(Input::Key(Key::Char(letter)))),
                None => (1, None),
            };
        }
    };
    (1, Some(Input::Key(key)))
}

/// The key of `ESC [ NUMBER LETTER`, as xterm, rxvt, the Linux console and tmux send them.
fn named(number: &[u8], end: u8) -> Option<Key> {
    Some(match (number, end) {
        (_, b'A') => Key::Up,
        (_, b'B') => Key::Down,
        (_, b'C') => Key::Right,
        (_, b'D') => Key::Left,
        (_, b'H') | (b"1" | b"7", b'~') => Key::Home,
        (_, b'F') | (b"4" | b"8", b'~') => Key::End,
        (b"3", b'~') => Key::Delete,
        (b"5", b'~') => Key::PageUp,
        (b"6", b'~') => Key::PageDown,
        (_, b'M') => Key::Enter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(mut bytes: &[u8]) -> Vec<Input> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (used, input) = first(bytes);
            found.extend(input);
            bytes = &bytes[used.clamp(1, bytes.len())..];
        }
        found
    }

    #[test]
    fn bytes_are_the_keys_that_a_person_pressed() {
        let keys = |keys: &[Key]| keys.iter().map(|key| Input::Key(*key)).collect::<Vec<_>>();
        assert_eq!(all(b"\x1b[A\x1bOB\x1b[C\x1b[D"), keys(&[Key::Up, Key::Down, Key::Right, Key::Left]));
        assert_eq!(all(b"\x1b[5~\x1b[6~\x1b[3~"), keys(&[Key::PageUp, Key::PageDown, Key::Delete]));
        assert_eq!(all(b"\x1b[H\x1b[1~\x1bOF\x1b[8~"), keys(&[Key::Home, Key::Home, Key::End, Key::End]));
        assert_eq!(all(b"\x03\x7f\x08\r"), keys(&[Key::Interrupt, Key::Backspace, Key::Backspace, Key::Enter]));
        assert_eq!(all("q 模é".as_bytes()), keys(&[Key::Char('q'), Key::Char(' '), Key::Char('模'), Key::Char('é')]));
        assert_eq!(
            all(b"\x1b\x1b[15;2~\x1bx\x0c\x1b"),
            [Input::Key(Key::Escape), Input::Redraw, Input::Key(Key::Escape)]
        );
    }

    #[test]
    fn what_is_begun_is_waited_for() {
        assert!([&b"\x1b"[..], b"\x1b[", b"\x1b[1;", b"\xe6\xa8"].iter().all(|bytes| is_begun(bytes)));
        assert!(![&b"q"[..], b"\x1b[A", b"\xe6\xa8\xa1", b""].iter().any(|bytes| is_begun(bytes)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_stand_still(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(all(&bytes).len() <= bytes.len());
        }
    }
}
