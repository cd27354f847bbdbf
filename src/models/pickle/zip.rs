//! A zip's members, read strictly from its central directory: only an archive that every reader understands in the same
//! way is understood here. Nothing is unpacked; [`Member::content`] says where its bytes are.

use std::io::{self, Read};

use flate2::read::DeflateDecoder;

use super::bytes::{Bytes, Window};

/// A central directory of 16 MiB names some 150,000 members.
const LONGEST_DIRECTORY: u64 = 16 << 20;
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const LONGEST_COMMENT: usize = 65_535;
const ENTRY: usize = 46;
const LOCAL: usize = 30;

/// One file of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name, as foreign as the archive.
    pub(super) name: String,
    header: u64,
    packed: u64,
    /// Its length once it is unpacked, as the archive claims.
    pub(super) size: u64,
    method: u16,
    encrypted: bool,
}

/// How a member's bytes can be had.
pub(super) enum Content<'a> {
    /// They lie in the archive as they are.
    Stored(Window<'a>),
    /// They are deflated.
    Deflated(Window<'a>),
}

/// Reads a window from its first byte on.
pub(super) struct Reading<'a>(pub(super) Window<'a>, pub(super) u64);

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(self.1, buffer)?;
        self.1 += read as u64;
        Ok(read)
    }
}

/// The members of the archive in `bytes`.
///
/// # Errors
/// When it cannot be read, or is no sound archive: `InvalidData`, with the reason.
pub(super) fn members(bytes: &dyn Bytes) -> io::Result<Vec<Member>> {
    let Directory { start, length, count } = directory(bytes)?;
    if length > LONGEST_DIRECTORY {
        return Err(wrong("its directory is too long to be looked through"));
    }
    let directory = bytes.up_to(start, usize::try_from(length).unwrap_or_default())?;
    let mut members = Vec::new();
    let mut rest = directory.as_slice();
    while !rest.is_empty() {
        let (member, after) = entry(rest).ok_or_else(|| wrong("its directory is damaged"))?;
        members.push(member);
        rest = after;
    }
    if members.len() as u64 != count {
        return Err(wrong("its directory does not have the length that it says"));
    }
    Ok(members)
}

impl Member {
    /// Where its bytes are.
    ///
    /// # Errors
    /// When it is encrypted, packed in a way that is not known, or described differently in its two places.
    pub(super) fn content<'a>(&self, bytes: &'a dyn Bytes) -> io::Result<Content<'a>> {
        if self.encrypted {
            return Err(wrong("is encrypted"));
        }
        let local = bytes.up_to(self.header, LOCAL)?;
        if local.len() < LOCAL || !local.starts_with(b"PK\x03\x04") {
            return Err(wrong("is not where the archive's directory says"));
        }
        if u16_at(&local, 8) != self.method {
            return Err(wrong("is packed in two ways, says the archive"));
        }
        let start = self.header + (LOCAL + usize::from(u16_at(&local, 26)) + usize::from(u16_at(&local, 28))) as u64;
        if start.checked_add(self.packed).is_none_or(|end| end > bytes.len()) {
            return Err(wrong("reaches beyond the archive's end"));
        }
        match self.method {
            0 if self.packed != self.size => Err(wrong("has two lengths, says the archive")),
            0 => Ok(Content::Stored(Window::new(bytes, start, self.packed))),
            8 => Ok(Content::Deflated(Window::new(bytes, start, self.packed))),
            other => Err(wrong(&format!("is packed by method {other}, which cannot be looked into"))),
        }
    }
}

/// Unpacks what is deflated.
pub(super) fn inflate(window: Window<'_>) -> impl Read + '_ {
    DeflateDecoder::new(Reading(window, 0))
}

struct Directory {
    start: u64,
    length: u64,
    count: u64,
}

/// The directory, from the record at the archive's end.
fn directory(bytes: &dyn Bytes) -> io::Result<Directory> {
    let tail_length = bytes.len().min((END_LENGTH + LONGEST_COMMENT) as u64);
    let tail_start = bytes.len() - tail_length;
    let tail = bytes.up_to(tail_start, END_LENGTH + LONGEST_COMMENT)?;
    let is_end = |at: &usize| {
        tail[*at..].starts_with(END) && at + END_LENGTH + usize::from(u16_at(&tail, at + 20)) == tail.len()
    };
    let at = (0..=tail.len().checked_sub(END_LENGTH).ok_or_else(no_end)?).rev().find(is_end).ok_or_else(no_end)?;
    let end = tail_start + at as u64;
    let small = Directory {
        start: u64::from(u32_at(&tail, at + 16)),
        length: u64::from(u32_at(&tail, at + 12)),
        count: u64::from(u16_at(&tail, at + 10)),
    };
    let large = match end.checked_sub(20) {
        Some(locator) => large_directory(bytes, locator)?,
        None => None,
    };
    let (found, before) = large.unwrap_or((small, end));
    if found.start.checked_add(found.length) != Some(before) {
        return Err(wrong("its directory is not where it says"));
    }
    Ok(found)
}

/// The zip64 directory, and where its record begins, if there is a locator for it.
fn large_directory(bytes: &dyn Bytes, locator: u64) -> io::Result<Option<(Directory, u64)>> {
    let found = bytes.up_to(locator, 20)?;
    if found.len() < 20 || !found.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let at = u64_at(&found, 8);
    let record = bytes.up_to(at, 56)?;
    if record.len() < 56 || !record.starts_with(b"PK\x06\x06") || at.checked_add(56) != Some(locator) {
        return Err(wrong("its large directory is not where it says"));
    }
    let directory = Directory { start: u64_at(&record, 48), length: u64_at(&record, 40), count: u64_at(&record, 32) };
    Ok(Some((directory, at)))
}

/// The first entry of a directory, and what follows it.
fn entry(rest: &[u8]) -> Option<(Member, &[u8])> {
    if rest.len() < ENTRY || !rest.starts_with(b"PK\x01\x02") {
        return None;
    }
    let name_end = ENTRY + usize::from(u16_at(rest, 28));
    let extra_end = name_end + usize::from(u16_at(rest, 30));
    let end = extra_end + usize::from(u16_at(rest, 32));
    let (name, extra, after) = (rest.get(ENTRY..name_end)?, rest.get(name_end..extra_end)?, rest.get(end..)?);
    let mut large = large_fields(extra);
    // Zip64: a field that is too small for its number is full of ones, and the number follows in `extra`.
    let mut number = |small: u32| if small == u32::MAX { large.next() } else { Some(u64::from(small)) };
    let size = number(u32_at(rest, 24))?;
    let packed = number(u32_at(rest, 20))?;
    let header = number(u32_at(rest, 42))?;
    let name = String::from_utf8_lossy(name).into_owned();
    let (method, encrypted) = (u16_at(rest, 10), u16_at(rest, 8) & 1 == 1);
    Some((Member { name, header, packed, size, method, encrypted }, after))
}

/// The numbers in the zip64 field of `extra`.
fn large_fields(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers: &[u8] = &[];
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(field) = extra.get(4..4 + length) else { break };
        if id == 1 {
            numbers = field;
            break;
        }
        extra = &extra[4 + length..];
    }
    numbers.chunks_exact(8).map(|number| u64_at(number, 0))
}

fn no_end() -> io::Error {
    wrong("it has no end")
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The little-endian number at `at`; missing bytes count as 0, and whoever calls has checked that none are missing.
fn number_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|found| found.try_into().ok()).unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(number_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(number_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(number_at(bytes, at))
}
