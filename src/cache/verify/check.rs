//! Reads the contents, all cores at once, and compares them with what is said of them.

use super::{Claim, Content, Expected};
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

/// Reads `contents`, `workers` at once; the verdicts come in their order. `progress` gets the number of bytes of each step, from the
/// threads that read.
pub fn check(contents: &[Content], workers: usize, progress: &(dyn Fn(u64) + Sync)) -> Vec<Verdict> {
    let mut items = Vec::with_capacity(contents.len());
    let mut whose = Vec::with_capacity(contents.len());
    for (at, content) in contents.iter().enumerate() {
        for digest in kinds(content) {
            // Compared here and not there: several claims of one content may be of several sizes.
            items.push(Item { path: content.path().to_path_buf(), size: sure_size(content), digest: Some(digest) });
            whose.push(at);
        }
    }
    let findings = rehash::verify(&items, workers, &|_, bytes| progress(bytes));
    let mut verdicts: Vec<Verdict> = contents.iter().map(|_| Verdict::Good).collect();
    for ((at, item), finding) in whose.into_iter().zip(&items).zip(findings) {
        let (Some(verdict), Some(content)) = (verdicts.get_mut(at), contents.get(at)) else { continue };
        if *verdict == Verdict::Good {
            *verdict = judge(content, item, finding);
        }
    }
    verdicts
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
            claim.map(|claim| Damage { claim: claim.clone(), found: Found::Size(found) })
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
        Expected::Begins(digits) => matches!(found, Digest::Sha256(_)) && !found.hex().starts_with(digits),
    })?;
    Some(Damage { claim: broken.clone(), found: Found::Digest(found) })
}

/// Whether it is still what was found: a file that a program writes just now is not damaged.
fn is_unchanged(content: &Content) -> bool {
    Stamp::at(content.path()).is_ok_and(|now| now.is_same_content(&content.stamp))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cache::verify::By;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    /// `printf abc | git hash-object --stdin`
    const ABC_GIT: &str = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f";

    fn whole(hex: &str, size: Option<u64>) -> Claim {
        Claim { expected: Expected::Whole(Digest::from_hex(hex).unwrap()), size, by: By::Name }
    }

    fn begins(digits: &str) -> Claim {
        Claim { expected: Expected::Begins(digits.to_owned()), size: None, by: By::Name }
    }

    #[test]
    fn every_claim_must_hold() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("x");
        fs::write(&path, "abc").unwrap();
        let stamp = Stamp::at(&path).unwrap();
        let content = |claims: Vec<Claim>| Content {
            paths: vec![path.clone()],
            unnamed: Vec::new(),
            stamp,
            claims,
            owners: Vec::new(),
        };
        let other = "0".repeat(64);
        let contents = [
            content(vec![whole(ABC, Some(3)), whole(ABC_GIT, None), begins("ba7816bf")]),
            content(vec![whole(ABC, None), whole(&other, None)]),
            content(vec![begins("ba7816be")]),
            content(vec![whole(ABC, Some(4))]),
            content(vec![whole(&"0".repeat(40), None)]),
        ];
        let found = check(&contents, 2, &|_| ());
        assert_eq!(found[0], Verdict::Good);
        let damage = |at: usize| match &found[at] {
            Verdict::Damaged(damage) => (damage.claim.clone(), damage.found),
            other => panic!("{other:?}"),
        };
        let sha = Found::Digest(Digest::from_hex(ABC).unwrap());
        assert_eq!(damage(1), (whole(&other, None), sha));
        assert_eq!(damage(2), (begins("ba7816be"), sha));
        assert_eq!(damage(3), (whole(ABC, Some(4)), Found::Size(3)));
        assert_eq!(damage(4).1, Found::Digest(Digest::from_hex(ABC_GIT).unwrap()));
        assert_eq!((contents[0].digest(), contents[1].digest()), (Digest::from_hex(ABC), None));
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_not_called_damaged() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("x");
        fs::write(&path, "half").unwrap();
        let stamp = Stamp::at(&path).unwrap();
        fs::write(&path, "still growing").unwrap();
        let changed = Content {
            paths: vec![path],
            unnamed: Vec::new(),
            stamp,
            claims: vec![whole(ABC, None)],
            owners: Vec::new(),
        };
        let gone =
            Content { paths: vec![room.path().join("gone")], claims: vec![whole(ABC, None)], ..changed_like(stamp) };
        assert_eq!(check(&[changed, gone], 1, &|_| ()), [Verdict::Changed, Verdict::Changed]);
    }

    fn changed_like(stamp: Stamp) -> Content {
        Content { paths: Vec::new(), unnamed: Vec::new(), stamp, claims: Vec::new(), owners: Vec::new() }
    }
}
