//! A tar's members, as windows on its bytes: `.nemo` models are tars of torch files, and so was torch's first format.

use std::io;

use super::bytes::{Bytes, Window};

const BLOCK: u64 = 512;
/// More members than this, and the archive is given up: it is a data set.
const MOST_MEMBERS: usize = 1 << 20;
const LONGEST_NOTE: usize = 64 << 10;

/// Walks the members of a tar.
pub(super) struct Members<'a> {
    bytes: &'a dyn Bytes,
    at: u64,
    seen: usize,
    /// From the notes before a member: its whole name, and its real size.
    name: Option<String>,
    size: Option<u64>,
}

/// Whether this block begins a tar: its checksum is right.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..512) else { return false };
    let Some(sum) = octal(&block[148..156]) else { return false };
    let counted: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let field: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    // The checksum's own field counts as eight blanks; a block of zeros is an end, no header.
    counted - field + 8 * 32 == sum && counted != field
}

impl<'a> Members<'a> {
    /// The members of the tar in `bytes`.
    pub(super) fn of(bytes: &'a dyn Bytes) -> Self {
        Self { bytes, at: 0, seen: 0, name: None, size: None }
    }

    /// The next member with its bytes.
    pub(super) fn next(&mut self) -> io::Result<Option<(String, Window<'a>)>> {
        loop {
            let block = self.bytes.up_to(self.at, 512)?;
            if block.is_empty() || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !is_header(&block) {
                return Err(wrong("a member's header is damaged"));
            }
            self.seen += 1;
            if self.seen > MOST_MEMBERS {
                return Err(wrong("it has too many members to look at each"));
            }
            let kind = block[156];
            let named = size(&block[124..136]).ok_or_else(|| wrong("a member's size is damaged"))?;
            let is_note = matches!(kind, b'L' | b'K' | b'x' | b'g');
            let length = if is_note { named } else { self.size.take().unwrap_or(named) };
            let start = self.at + BLOCK;
            let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
            let end = end.ok_or_else(|| wrong("it ends in the middle"))?;
            self.at = end.next_multiple_of(BLOCK);
            match kind {
                b'L' => self.name = Some(text(&self.bytes.up_to(start, most(length))?)),
                b'x' | b'g' => self.note(&self.bytes.up_to(start, most(length))?),
                b'K' => {}
                // Old and new regular files, and contiguous ones, which everybody reads as regular.
                0 | b'0' | b'7' => {
                    let name = self.name.take().unwrap_or_else(|| text(&block[..100]));
                    return Ok(Some((name, Window::new(self.bytes, start, length))));
                }
                // Links, folders and devices hold nothing.
                b'1'..=b'6' => self.name = None,
                _ => return Err(wrong("it has a member of an unknown kind")),
            }
        }
    }

    /// Lines of the form `LENGTH KEY=VALUE`, of which two matter.
    fn note(&mut self, note: &[u8]) {
        for line in note.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let Some((key, value)) = line.split_once(' ').and_then(|(_, pair)| pair.split_once('=')) else { continue };
            match key {
                "path" => self.name = Some(value.to_owned()),
                "size" => self.size = value.parse().ok(),
                _ => {}
            }
        }
    }
}

fn most(length: u64) -> usize {
    usize::try_from(length).unwrap_or(LONGEST_NOTE).min(LONGEST_NOTE)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn octal(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_matches(|c| c == ' ' || c == '\0');
    u64::from_str_radix(digits, 8).ok()
}

/// Octal digits, or, with the first bit set, a number in binary.
fn size(field: &[u8]) -> Option<u64> {
    match field.first() {
        Some(0x80) => {
            let number = field[1..].iter().try_fold(0_u64, |number, byte| {
                number.checked_mul(256).and_then(|number| number.checked_add(u64::from(*byte)))
            })?;
            Some(number)
        }
        _ => octal(field),
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
