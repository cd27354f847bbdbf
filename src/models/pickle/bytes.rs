//! Bytes that can be read at any place: a file, a part of it, or memory; and a reader over them that counts, skips
//! without reading where it can, and holds 64 KiB at most.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::support::interrupt;

/// Enough to tell most contents apart: what one look at a member costs.
const FIRST_LOOK: usize = 512;
const BUFFER: usize = 64 << 10;
/// What it costs to look at an unpacked byte; to pass over it costs 1.
const LOOK: u64 = 16;

/// Whether the bytes are to blame for this error, and not the disk: they cannot be unpacked.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

/// Bytes of a known length, readable at any place.
pub(super) trait Bytes {
    /// How many there are.
    fn len(&self) -> u64;

    /// Reads from `at` into `buffer`, as much as there is; 0 at the end.
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Up to `most` bytes from `at`.
    fn up_to(&self, at: u64, most: usize) -> io::Result<Vec<u8>> {
        let there = self.len().saturating_sub(at).min(most as u64);
        let mut found = vec![0; usize::try_from(there).unwrap_or(most)];
        let mut filled = 0;
        while filled < found.len() {
            match self.read_at(at + filled as u64, &mut found[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        found.truncate(filled);
        Ok(found)
    }
}

/// A file; one thread reads it, so that its position is nobody else's.
pub(super) struct Whole<'a> {
    pub(super) file: &'a File,
    pub(super) len: u64,
}

impl Bytes for Whole<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file;
        file.seek(SeekFrom::Start(at))?;
        loop {
            match file.read(buffer) {
                // A signal came; whether it was meant for us is asked in `fill`.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl Bytes for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl Bytes for &[u8] {
    fn len(&self) -> u64 {
        Bytes::len(*self)
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(at, buffer)
    }
}

impl Bytes for Vec<u8> {
    fn len(&self) -> u64 {
        Bytes::len(self.as_slice())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(at, buffer)
    }
}

/// A part of other bytes: a member that is stored as it is.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    bytes: &'a dyn Bytes,
    start: u64,
    len: u64,
}

impl<'a> Window<'a> {
    /// `len` bytes of `bytes` from `start`, cut at their end.
    pub(super) fn new(bytes: &'a dyn Bytes, start: u64, len: u64) -> Self {
        let start = start.min(bytes.len());
        Self { bytes, start, len: len.min(bytes.len() - start) }
    }
}

impl Bytes for Window<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if count == 0 { Ok(0) } else { self.bytes.read_at(self.start + at, &mut buffer[..count]) }
    }
}

/// Where a reader's bytes come from.
enum Source<'a> {
    Plain(&'a dyn Bytes),
    Packed { stream: Box<dyn Read + 'a>, length: u64, left: &'a Cell<u64> },
}

/// Reads bytes one after the other.
pub(super) struct Input<'a> {
    source: Source<'a>,
    buffer: Vec<u8>,
    used: usize,
    /// How many bytes lie before `buffer`.
    before: u64,
}

impl<'a> Input<'a> {
    /// From the first of `bytes`.
    pub(super) fn plain(bytes: &'a dyn Bytes) -> Self {
        Self { source: Source::Plain(bytes), buffer: Vec::new(), used: 0, before: 0 }
    }

    /// The `length` bytes that `stream` unpacks (`u64::MAX` where nobody says it), as long as `left` allows: all members of
    /// an archive share it. A byte that is passed over costs 1, one that is looked at [`LOOK`].
    pub(super) fn packed(stream: Box<dyn Read + 'a>, length: u64, left: &'a Cell<u64>) -> Self {
        let stream: Box<dyn Read + 'a> = if length == u64::MAX { stream } else { Box::new(stream.take(length)) };
        Self { source: Source::Packed { stream, length, left }, buffer: Vec::new(), used: 0, before: 0 }
    }

    /// How many bytes were taken.
    pub(super) fn position(&self) -> u64 {
        self.before + self.used as u64
    }

    /// The bytes that come next, without taking them: at least one, unless there are none.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            self.fill(LOOK)?;
        }
        Ok(&self.buffer[self.used..])
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> io::Result<Option<u8>> {
        let next = self.peek()?.first().copied();
        self.used += usize::from(next.is_some());
        Ok(next)
    }

    /// The next `N` bytes; `None` if there are fewer.
    pub(super) fn array<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let mut array = [0; N];
        for slot in &mut array {
            match self.byte()? {
                Some(byte) => *slot = byte,
                None => return Ok(None),
            }
        }
        Ok(Some(array))
    }

    /// Takes `count` bytes and gives the first `keep` of them; `None` if there are fewer than `count`.
    pub(super) fn take(&mut self, count: u64, keep: usize) -> io::Result<Option<Vec<u8>>> {
        let mut kept = Vec::new();
        let mut left = count;
        while left > 0 && kept.len() < keep {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(keep - kept.len());
            let next = self.peek()?;
            if next.is_empty() {
                return Ok(None);
            }
            let count = next.len().min(wanted);
            kept.extend_from_slice(&next[..count]);
            self.used += count;
            left -= count as u64;
        }
        Ok(self.skip(left)?.then_some(kept))
    }

    /// Takes a line with its end, and gives the first `keep` bytes of it, without its end, and whether that is all of it.
    /// `None` without an end; an error of kind `FileTooLarge` when it is longer than `longest`.
    pub(super) fn line(&mut self, keep: usize, longest: u64) -> io::Result<Option<(Vec<u8>, bool)>> {
        let mut kept = Vec::new();
        let mut whole = true;
        let start = self.position();
        loop {
            if self.position() - start > longest {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let next = self.peek()?;
            if next.is_empty() {
                return Ok(None);
            }
            let end = next.iter().position(|byte| *byte == b'\n');
            let line = &next[..end.unwrap_or(next.len())];
            let room = line.len().min(keep - kept.len());
            kept.extend_from_slice(&line[..room]);
            whole &= room == line.len();
            self.used += line.len() + usize::from(end.is_some());
            if end.is_some() {
                return Ok(Some((kept, whole)));
            }
        }
    }

    /// Passes over `count` bytes; false if there are fewer.
    pub(super) fn skip(&mut self, count: u64) -> io::Result<bool> {
        let mut left = count;
        loop {
            let here = (self.buffer.len() - self.used) as u64;
            if left <= here {
                self.used += usize::try_from(left).unwrap_or_default();
                return Ok(true);
            }
            left -= here;
            self.used = self.buffer.len();
            let end = match &self.source {
                Source::Plain(bytes) => bytes.len(),
                Source::Packed { length, .. } => *length,
            };
            let Some(target) = self.position().checked_add(left).filter(|target| *target <= end) else {
                return Ok(false);
            };
            if let Source::Plain(_) = self.source {
                (self.before, self.used) = (target, 0);
                self.buffer.clear();
                return Ok(true);
            }
            self.fill(1)?;
            if self.buffer.is_empty() {
                return Ok(false);
            }
        }
    }

    fn fill(&mut self, cost: u64) -> io::Result<()> {
        if interrupt::requested() {
            // Not `Interrupted`: readers of the standard library would try again.
            return Err(io::Error::other(interrupt::Interrupted("stopped".into())));
        }
        self.before += self.buffer.len() as u64;
        let size = if self.before == 0 { FIRST_LOOK } else { BUFFER };
        self.used = 0;
        self.buffer.clear();
        match &mut self.source {
            Source::Plain(bytes) => self.buffer = bytes.up_to(self.before, size)?,
            Source::Packed { stream, left, .. } => {
                let room = (left.get() / cost).min(size as u64);
                if room == 0 {
                    return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "unpacks to more than can be looked at"));
                }
                stream.by_ref().take(room).read_to_end(&mut self.buffer)?;
                left.set(left.get().saturating_sub(cost * self.buffer.len() as u64));
            }
        }
        Ok(())
    }
}
