//! Two files alone of one size whose parts are equal: compared, not hashed, where no hash would be kept. The same bytes are read,
//! and comparing costs a third of what hashing does (957 MiB in the page cache, two cores: 8 ms against 25, beside 40 for reading).

use std::fs;
use std::io;

use super::compare::{self, Two};
use super::file::File;
use super::hash;

/// So many pairs are open at a time: systems let a program have 256 files, or 1,024.
const OPEN: usize = 48;

/// A file, and the number by which the caller knows it.
pub(super) type Member<'a> = (usize, &'a File);

/// Whether two are equal, or with which of them something went wrong.
pub(super) type Answer = Result<bool, (usize, io::Error)>;

/// Compares each pair; both of one have one size.
pub(super) fn compare(pairs: &[[Member<'_>; 2]]) -> Vec<Answer> {
    pairs.chunks(OPEN).flat_map(together).collect()
}

fn together(pairs: &[[Member<'_>; 2]]) -> Vec<Answer> {
    let open: Vec<_> = pairs.iter().map(|[one, other]| Ok((open(one)?, open(other)?))).collect();
    let ready = pairs.iter().zip(&open).filter_map(|([(_, file), _], open)| {
        let (one, other) = open.as_ref().ok()?;
        Some(Two { one, other, size: file.stamp.size })
    });
    let mut equal = compare::equal(&ready.collect::<Vec<_>>(), &|_| {}).into_iter();
    let answer = |([one, other], open): (&[Member<'_>; 2], Answers)| {
        let (first, second) = open?;
        let equal = equal.next().unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()));
        let equal = equal.map_err(|error| (one.0, error))?;
        still(one, &first)?;
        still(other, &second)?;
        Ok(equal)
    };
    pairs.iter().zip(open).map(answer).collect()
}

type Answers = Result<(fs::File, fs::File), (usize, io::Error)>;

fn open((number, file): &Member<'_>) -> Result<fs::File, (usize, io::Error)> {
    hash::open(file).map_err(|error| (*number, error))
}

/// That it is still what was found: bytes that changed while they were read are no answer.
fn still((number, file): &Member<'_>, open: &fs::File) -> Result<(), (usize, io::Error)> {
    hash::unchanged(file, open).map_err(|error| (*number, error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::cache::Stamp;
    use crate::cache::duplicates::{Name, Role};

    fn found(folder: &Path, name: &str, bytes: &[u8]) -> File {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
        let name = Name { place: 0, folder: Arc::from(folder), file: name.into(), role: Role::Plain, local: None };
        File { stamp, owner: (0, 0), names: vec![name], known: None }
    }

    #[test]
    fn more_pairs_than_may_be_open_are_compared_each_with_its_own_answer() {
        let room = tempfile::tempdir().unwrap();
        let files: Vec<[File; 2]> = (0..2 * OPEN + 3)
            .map(|number| {
                let make = |side: &str, byte: u8| found(room.path(), &format!("{number}-{side}"), &[1, 2, byte]);
                [make("one", 3), make("other", if number % 3 == 0 { 4 } else { 3 })]
            })
            .collect();
        fs::remove_file(room.path().join("7-other")).unwrap();
        fs::write(room.path().join("8-one"), "longer than it was").unwrap();
        let pairs: Vec<_> =
            files.iter().enumerate().map(|(at, [one, other])| [(2 * at, one), (2 * at + 1, other)]).collect();
        for (number, answer) in compare(&pairs).into_iter().enumerate() {
            match (number, answer) {
                (7, Err((15, error))) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                (8, Err((16, error))) => assert_eq!(error.to_string(), "was changed while it was looked at"),
                (_, answer) => assert_eq!(answer.unwrap(), number % 3 != 0, "{number}"),
            }
        }
    }
}
