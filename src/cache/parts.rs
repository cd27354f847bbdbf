//! Models in several files, as `llama-gguf-split` and the Hub's libraries cut them: `x-00001-of-00003.gguf`. All of them are one model, and
//! none is any good without the others.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What is cut so.
const ENDINGS: [&[u8]; 3] = [b".gguf", b".safetensors", b".bin"];

/// So many digits each number has (llama.cpp, `llama_split_path`: `%s-%05d-of-%05d.gguf`).
const DIGITS: usize = 5;

/// A file that is a part of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// What all parts begin with.
    pub stem: &'a [u8],
    /// And end with.
    pub ending: &'static [u8],
    /// Which one it is, from 1 on.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

impl<'a> Part<'a> {
    /// By the file's name.
    pub fn of(name: &'a OsStr) -> Option<Self> {
        let name = name.as_encoded_bytes();
        let ending = ENDINGS.into_iter().find(|ending| name.ends_with(ending))?;
        let rest = name.strip_suffix(ending)?;
        let (rest, of) = number(rest)?;
        let (rest, number) = number(rest.strip_suffix(b"-of")?)?;
        (!rest.is_empty() && (1..=of).contains(&number)).then_some(Self { stem: rest, ending, number, of })
    }

    /// Whether both are parts of one model, if they lie in one folder.
    pub fn goes_with(&self, other: &Part<'_>) -> bool {
        (self.stem, self.ending, self.of) == (other.stem, other.ending, other.of)
    }
}

/// The other parts of the model of which the file at `path` is one.
pub fn beside(path: &Path) -> Vec<PathBuf> {
    let Some((part, folder)) = path.file_name().and_then(Part::of).zip(path.parent()) else { return Vec::new() };
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let is_its = |name: &OsStr| Part::of(name).is_some_and(|other| other.goes_with(&part) && other != part);
    let mut found: Vec<PathBuf> =
        entries.filter(|entry| is_its(&entry.file_name())).map(|entry| entry.path()).collect();
    found.sort_unstable();
    found
}

/// The number at the end, after a hyphen, and what stands before that.
fn number(text: &[u8]) -> Option<(&[u8], u64)> {
    let (rest, digits) = text.split_at_checked(text.len().checked_sub(DIGITS)?)?;
    let number = digits
        .iter()
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))?;
    Some((rest.strip_suffix(b"-")?, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_by_its_name_and_nothing_else_is() {
        let of = |name: &'static str| Part::of(OsStr::new(name));
        let part = of("Q4/x-1-00002-of-00003.gguf").unwrap();
        assert_eq!((part.stem, part.number, part.of), (&b"Q4/x-1"[..], 2, 3));
        assert!(part.goes_with(&of("Q4/x-1-00003-of-00003.gguf").unwrap()));
        for other in ["Q4/x-1-00003-of-00004.gguf", "Q4/x-00003-of-00003.gguf", "Q4/x-1-00003-of-00003.bin"] {
            assert!(!part.goes_with(&of(other).unwrap()), "{other}");
        }
        for none in [
            "x.gguf",
            "x-1-of-3.gguf",
            "-00001-of-00003.gguf",
            "x-00004-of-00003.gguf",
            "x-00000-of-00003.gguf",
            "x-00001-of-00003.gguf.downloadInProgress",
            "x-00001-of-00003.txt",
            "",
            "x-0000a-of-00003.gguf",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
