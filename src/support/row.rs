//! Names in one long row of bytes, each with its length before it: a million of them are a million lengths and their letters, and not
//! a million pieces of the heap.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};

use crate::support::letters;

/// The row.
#[derive(Debug, Default)]
pub struct Row(Vec<u8>);

/// How many bytes say how long a name is.
const LENGTH: usize = 2;

/// The bit of a length that says: the name is hexadecimal digits, and each byte is two of them. Blobs are called so.
const DIGITS: u16 = 1 << 15;

/// Names of so many digits or more are worth it.
const WORTH: usize = 16;

/// A name as it stands in the row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stored<'a> {
    Letters(&'a [u8]),
    Digits(&'a [u8]),
}

impl Row {
    /// `name` at the end of the row: where it begins. `None` where the row has no room.
    pub fn add(&mut self, name: &OsStr) -> Option<u32> {
        let begin = u32::try_from(self.0.len()).ok()?;
        let bytes = letters::bytes(name);
        let length = u16::try_from(bytes.len()).ok().filter(|length| length & DIGITS == 0)?;
        if bytes.len() >= WORTH && bytes.len().is_multiple_of(2) && bytes.iter().all(|letter| digit(*letter).is_some())
        {
            self.0.extend_from_slice(&((length / 2) | DIGITS).to_le_bytes());
            let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
            self.0.extend(bytes.chunks_exact(2).filter_map(pair));
        } else {
            self.0.extend_from_slice(&length.to_le_bytes());
            self.0.extend_from_slice(&bytes);
        }
        Some(begin)
    }

    /// The name that begins there.
    pub fn name(&self, begin: u32) -> Cow<'_, OsStr> {
        match self.stored(begin) {
            Stored::Letters(bytes) => letters::name(bytes),
            digits => Cow::Owned(OsString::from(digits.letters().map(char::from).collect::<String>())),
        }
    }

    /// The number that the name is, if it is one of 64 hexadecimal digits.
    pub fn number(&self, begin: u32) -> Option<&[u8; 32]> {
        match self.stored(begin) {
            Stored::Digits(bytes) => bytes.try_into().ok(),
            Stored::Letters(_) => None,
        }
    }

    /// Which of two names comes first.
    pub fn compare(&self, one: u32, other: u32) -> Ordering {
        match (self.stored(one), self.stored(other)) {
            (Stored::Letters(one), Stored::Letters(other)) | (Stored::Digits(one), Stored::Digits(other)) => {
                one.cmp(other)
            }
            (one, other) => one.letters().cmp(other.letters()),
        }
    }

    /// Gives back the room that nothing needs any more.
    pub fn settle(&mut self) {
        self.0.shrink_to_fit();
    }

    fn stored(&self, begin: u32) -> Stored<'_> {
        let begin = begin as usize;
        let length = u16::from_le_bytes([self.0[begin], self.0[begin + 1]]);
        let bytes = &self.0[begin + LENGTH..][..usize::from(length & !DIGITS)];
        if length & DIGITS == 0 { Stored::Letters(bytes) } else { Stored::Digits(bytes) }
    }
}

impl<'a> Stored<'a> {
    fn letters(self) -> impl Iterator<Item = u8> + 'a {
        let (bytes, digits): (&[u8], &[u8]) = match self {
            Self::Letters(bytes) => (bytes, &[]),
            Self::Digits(bytes) => (&[], bytes),
        };
        let letter = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        bytes.iter().copied().chain(digits.iter().flat_map(move |byte| [letter(byte >> 4), letter(byte & 15)]))
    }
}

const fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_take_half_the_room_and_letters_their_own() {
        let mut row = Row::default();
        let digest = "0123456789abcdef".repeat(4);
        for (name, takes) in [(digest.as_str(), 34), ("0123456789ABCDEF", 18), ("0123456789abcde", 17), ("", 2)] {
            let before = row.0.len();
            let at = row.add(OsStr::new(name)).unwrap();
            assert_eq!((&*row.name(at), row.0.len() - before), (OsStr::new(name), takes));
        }
        assert_eq!(row.number(0).map(|number| number[..2].to_vec()), Some(vec![0x01, 0x23]));
    }

    proptest! {
        #[test]
        fn names_come_back_and_keep_their_order(one in "[0-9a-g]{14,18}|.{0,8}", other in "[0-9a-f]{14,18}|.{0,8}") {
            let mut row = Row::default();
            let [first, second] = [&one, &other].map(|name| row.add(OsStr::new(name)).unwrap());
            prop_assert_eq!(&*row.name(first), OsStr::new(&one));
            prop_assert_eq!(&*row.name(second), OsStr::new(&other));
            #[cfg(unix)]
            prop_assert_eq!(row.compare(first, second), one.cmp(&other));
        }
    }
}
