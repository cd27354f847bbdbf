//! Two files alone of one size whose parts are equal: compared, not hashed, where no hash would be kept. The same bytes are read,
//! and comparing costs a third of what hashing does (957 MiB in the page cache, two cores: 8 ms against 25, beside 40 for reading).

use std::fs;
use std::io;

use super::compare::{self, Two};
use super::files::File;
use super::hash;

/// So many pairs are open at a time: systems let a program have 256 files, or 1,024.
const OPEN: usize = 48;

/// Two files of one size.
pub(super) type Pair<'a> = [File<'a>; 2];

/// Whether two are equal, or with which of them something went wrong: its number.
pub(super) type Answer = Result<bool, (u32, io::Error)>;

/// Compares each pair.
pub(super) fn compare<'a>(pairs: impl Iterator<Item = Pair<'a>>, mut answer: impl FnMut(Pair<'a>, Answer)) {
    let mut pairs = pairs.peekable();
    while pairs.peek().is_some() {
        let some: Vec<Pair<'_>> = pairs.by_ref().take(OPEN).collect();
        let answers = together(&some);
        some.into_iter().zip(answers).for_each(|(pair, said)| answer(pair, said));
    }
}

fn together(pairs: &[Pair<'_>]) -> Vec<Answer> {
    let open: Vec<_> = pairs.iter().map(|[one, other]| Ok((open(*one)?, open(*other)?))).collect();
    let ready = pairs.iter().zip(&open).filter_map(|([file, _], open)| {
        let (one, other) = open.as_ref().ok()?;
        Some(Two { one, other, size: file.size() })
    });
    let mut equal = compare::equal(&ready.collect::<Vec<_>>(), &|_| {}).into_iter();
    let answer = |([one, other], open): (&Pair<'_>, Opened)| {
        let (first, second) = open?;
        let equal = equal.next().unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()));
        let equal = equal.map_err(|error| (one.at(), error))?;
        still(*one, &first)?;
        still(*other, &second)?;
        Ok(equal)
    };
    pairs.iter().zip(open).map(answer).collect()
}

type Opened = Result<(fs::File, fs::File), (u32, io::Error)>;

fn open(file: File<'_>) -> Result<fs::File, (u32, io::Error)> {
    hash::open(file).map_err(|error| (file.at(), error))
}

/// That it is still what was found: bytes that changed while they were read are no answer.
fn still(file: File<'_>, open: &fs::File) -> Result<(), (u32, io::Error)> {
    hash::unchanged(file, open).map_err(|error| (file.at(), error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cache::Stamp;
    use crate::cache::duplicates::files::Role;
    use crate::cache::duplicates::files::made::{self, Made};

    fn found(folder: &Path, name: &str, bytes: &[u8]) -> Made {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        let stamp = Stamp::of(&fs::symlink_metadata(&path).unwrap());
        Made { stamp, owner: (0, 0), place: 0, role: Role::Plain, path }
    }

    #[test]
    fn more_pairs_than_may_be_open_are_compared_each_with_its_own_answer() {
        let room = tempfile::tempdir().unwrap();
        let made = (0..2 * OPEN + 3).flat_map(|number| {
            let make = |side: &str, byte: u8| found(room.path(), &format!("{number}-{side}"), &[1, 2, byte]);
            [make("one", 3), make("other", if number % 3 == 0 { 4 } else { 3 })]
        });
        let files = made::list(&made.collect::<Vec<_>>());
        fs::remove_file(room.path().join("7-other")).unwrap();
        fs::write(room.path().join("8-one"), "longer than it was").unwrap();
        let pairs = (0..files.len()).step_by(2).map(|at| [files.file(at), files.file(at + 1)]);
        let mut count = 0;
        compare(pairs, |_, answer| {
            match (count, answer) {
                (7, Err((15, error))) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                (8, Err((16, error))) => assert_eq!(error.to_string(), "was changed while it was looked at"),
                (_, answer) => assert_eq!(answer.unwrap(), count % 3 != 0, "{count}"),
            }
            count += 1;
        });
        assert_eq!(count, 2 * OPEN + 3);
    }
}
