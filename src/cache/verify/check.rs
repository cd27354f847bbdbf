//! Reads the contents, all cores at once, and compares them with what is said of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Claim, Content, Contents, Expected};
use crate::cache::stamp::Stamp;
use crate::fetch::Digest;
use crate::models::rehash::{self, Finding, Item};

/// What a content turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// What everybody says.
    Good,
    /// Something else.
    Damaged(Damage),
    /// It changed while this ran, so that what was read says nothing.
    Changed,
    /// The disk does not give it: why.
    Unreadable(String),
    /// The person stopped the run first.
    Stopped,
}

/// What is wrong with a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What does not hold.
    pub claim: Claim,
    /// What there is.
    pub found: Found,
}

/// What there is in place of what should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Another number of bytes; they were not read.
    Size(u64),
    /// Other bytes.
    Digest(Digest),
}

/// What all contents turned out to be. Only what is not good is kept: of a million contents that is little.
#[derive(Debug, Default)]
pub struct Verdicts {
    others: BTreeMap<u32, Verdict>,
    is_stopped: bool,
}

impl Verdicts {
    /// Whether the person stopped the run before everything was read.
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The contents that are not good, by number, and what they are.
    pub fn others(&self) -> impl Iterator<Item = (u32, &Verdict)> {
        self.others.iter().map(|(at, verdict)| (*at, verdict))
    }

    /// Whether the content with this number is good.
    pub fn is_good(&self, at: u32) -> bool {
        !self.is_stopped && !self.others.contains_key(&at)
    }

    fn note(&mut self, at: u32, verdict: Verdict) {
        match verdict {
            Verdict::Good => {}
            Verdict::Stopped => self.is_stopped = true,
            other => drop(self.others.insert(at, other)),
        }
    }
}

/// Reads those of `contents` that are meant, `workers` at once, the largest first. `progress` gets the number of bytes of each step,
/// from the threads that read.
pub fn check(contents: &Contents, workers: usize, progress: &(dyn Fn(u64) + Sync)) -> Verdicts {
    let mut order: Vec<u32> = contents.meant().collect();
    order.sort_unstable_by_key(|at| (Reverse(contents.size(*at)), *at));
    let found = Mutex::new(Verdicts::default());
    rehash::each(&order, workers, &|at, buffer| {
        let Some(content) = contents.get(at) else { return };
        let verdict = read(&content, buffer, &|bytes| progress(bytes));
        if verdict != Verdict::Good {
            found.lock().unwrap_or_else(PoisonError::into_inner).note(at, verdict);
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read(content: &Content, buffer: &mut [u8], progress: &dyn Fn(u64)) -> Verdict {
    let mut verdict = Verdict::Good;
    for digest in kinds(content) {
        // Compared here and not there: several claims of one content may be of several sizes.
        let item = Item { path: content.path().to_path_buf(), size: sure_size(content), digest: Some(digest) };
        let finding = rehash::check(&item, buffer, progress);
        if verdict == Verdict::Good {
            verdict = judge(content, &item, finding);
        }
    }
    verdict
}

/// The size that all who say one agree on.
fn sure_size(content: &Content) -> Option<u64> {
    let mut sizes = content.claims.iter().filter_map(|claim| claim.size);
    let first = sizes.next()?;
    sizes.all(|size| size == first).then_some(first)
}

/// One digest of each kind that is needed: mostly one.
fn kinds(content: &Content) -> Vec<Digest> {
    const ANY: Digest = Digest::Sha256([0; 32]);
    let mut kinds: Vec<Digest> = Vec::with_capacity(1);
    for claim in &content.claims {
        let digest = match claim.expected {
            Expected::Whole(digest) => digest,
            Expected::Begins(_) => ANY,
        };
        if !kinds.iter().any(|kind| std::mem::discriminant(kind) == std::mem::discriminant(&digest)) {
            kinds.push(digest);
        }
    }
    kinds
}

fn judge(content: &Content, item: &Item, finding: Finding) -> Verdict {
    let damage = match finding {
        Finding::Good => breach(content, item.digest),
        Finding::Content { found, .. } => breach(content, Some(found)),
        Finding::Size { found, .. } => {
            let claim = content.claims.iter().find(|claim| claim.size.is_some_and(|size| size != found));
            claim.map(|claim| Damage { claim: *claim, found: Found::Size(found) })
        }
        Finding::Stopped => return Verdict::Stopped,
        Finding::Missing => return Verdict::Changed,
        Finding::Unproven => None,
        Finding::Unreadable(error) => {
            return if is_unchanged(content) { Verdict::Unreadable(error.to_string()) } else { Verdict::Changed };
        }
    };
    match damage {
        None => Verdict::Good,
        Some(_) if !is_unchanged(content) => Verdict::Changed,
        Some(damage) => Verdict::Damaged(damage),
    }
}

/// The claim that does not hold for a content with this digest, among those of its kind.
fn breach(content: &Content, found: Option<Digest>) -> Option<Damage> {
    let found = found?;
    let broken = content.claims.iter().find(|claim| match &claim.expected {
        Expected::Whole(digest) => std::mem::discriminant(digest) == std::mem::discriminant(&found) && *digest != found,
        Expected::Begins(digits) => matches!(found, Digest::Sha256(_)) && !digits.begin(&found),
    })?;
    Some(Damage { claim: *broken, found: Found::Digest(found) })
}

/// Whether it is still what was found: a file that a program writes just now is not damaged.
fn is_unchanged(content: &Content) -> bool {
    Stamp::at(content.path()).is_ok_and(|now| now.is_same_content(&content.stamp))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::cache::verify::{By, Digits, Owner};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    /// `printf abc | git hash-object --stdin`
    const ABC_GIT: &str = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";

    fn whole(hex: &str, size: Option<u64>) -> Claim {
        Claim { expected: Expected::Whole(Digest::from_hex(hex).unwrap()), size, by: By::Name }
    }

    fn begins(digits: &str) -> Claim {
        Claim { expected: Expected::Begins(Digits::of(digits).unwrap()), size: None, by: By::Name }
    }

    fn of(files: &[(&Path, Stamp, &[Claim])]) -> Contents {
        let mut contents = Contents::default();
        for (path, stamp, claims) in files {
            for claim in *claims {
                contents.claim(path, stamp, *claim, Owner::Checkpoint);
            }
        }
        contents
    }

    #[test]
    fn every_claim_must_hold() {
        let room = tempfile::tempdir().unwrap();
        let other = "0".repeat(64);
        let claims = [
            vec![whole(ABC, Some(3)), whole(ABC_GIT, None), begins("ba7816bf")],
            vec![whole(ABC, None), whole(&other, None)],
            vec![begins("ba7816be")],
            vec![whole(ABC, Some(4))],
            vec![whole(&"0".repeat(40), None)],
        ];
        let paths: Vec<PathBuf> = (0..claims.len()).map(|at| room.path().join(at.to_string())).collect();
        paths.iter().for_each(|path| fs::write(path, "abc").unwrap());
        let files: Vec<_> =
            paths.iter().zip(&claims).map(|(path, claims)| (&**path, Stamp::at(path).unwrap(), &**claims)).collect();
        let contents = of(&files);
        let found = check(&contents, 2, &|_| ());
        let sha = Found::Digest(Digest::from_hex(ABC).unwrap());
        let git = Found::Digest(Digest::from_hex(ABC_GIT).unwrap());
        let damage = |claim, found| Verdict::Damaged(Damage { claim, found });
        let expected = [
            (1, &damage(whole(&other, None), sha)),
            (2, &damage(begins("ba7816be"), sha)),
            (3, &damage(whole(ABC, Some(4)), Found::Size(3))),
            (4, &damage(whole(&"0".repeat(40), None), git)),
        ];
        assert_eq!(found.others().collect::<Vec<_>>(), expected);
        assert!(found.is_good(0) && !found.is_good(1) && !found.is_stopped());
        let digest = |at| contents.get(at).unwrap().digest();
        assert_eq!((digest(0), digest(1)), (Digest::from_hex(ABC), None));
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_not_called_damaged() {
        let room = tempfile::tempdir().unwrap();
        let [path, gone] = ["x", "gone"].map(|name| room.path().join(name));
        let stamp = |path| {
            fs::write(path, "half").unwrap();
            Stamp::at(path).unwrap()
        };
        let claim = [whole(ABC, None)];
        let contents = of(&[(&path, stamp(&path), &claim), (&gone, stamp(&gone), &claim)]);
        fs::write(&path, "still growing").unwrap();
        fs::remove_file(&gone).unwrap();
        let found = check(&contents, 1, &|_| ());
        assert_eq!(found.others().collect::<Vec<_>>(), [(0, &Verdict::Changed), (1, &Verdict::Changed)]);
    }
}
