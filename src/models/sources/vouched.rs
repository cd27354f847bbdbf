//! Which wheels this machine has fetched itself. The cache may lie in a project from somebody else, and a wheel in it may have come
//! with the project: what is installed into an environment runs there, so only what was fetched from spaCy's own releases is.
//!
//! The note lies with the wheels. Each line carries the seal of the folder that it lies in, which nothing that was cloned, copied
//! or unpacked has, and which nobody knows beforehand.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::fetch::{self, Digest};
use crate::models::homes::Homes;
use crate::support::{bounded, seal};

/// The note's name, in the tool's own folder among the wheels.
const FILE: &str = "fetched";

/// Where unfinished wheels lie: by a name that nobody could give to a folder before, since what is in it is gone on from.
pub(super) fn partials(homes: &Homes) -> PathBuf {
    let own = own(homes);
    own.join("partials").join(seal::of(&own).map_or_else(|| "new".to_owned(), |seal| seal.chars().take(32).collect()))
}

/// Makes the folder that the note lies in, and its seal with it.
///
/// # Errors
/// What the disk says.
pub(super) fn prepare(homes: &Homes) -> io::Result<()> {
    fs::create_dir_all(own(homes))
}

/// Notes that bytes with this digest were fetched by this machine.
///
/// # Errors
/// When the note cannot be written, or its folder is none of ours.
pub(super) fn note(homes: &Homes, digest: &Digest) -> io::Result<()> {
    let own = own(homes);
    let path = own.join(FILE);
    for path in [&own, &path] {
        if path.is_symlink() {
            return Err(io::Error::other(format!("{} is a link: remove it", path.display())));
        }
    }
    prepare(homes)?;
    let seal = seal::of(&own).filter(|seal| seal::holds(seal, &own));
    let seal = seal.ok_or_else(|| io::Error::other(format!("{} belongs to somebody else", own.display())))?;
    // One write at the end of the file: several runs may note at once. Whatever was there may end in the middle of a line.
    let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
    file.write_all(format!("\n{seal} {digest}\n").as_bytes())
}

/// Whether the file at `path` is what this machine has fetched, or what the catalogue knows.
///
/// # Errors
/// When it cannot be read.
pub(super) fn is_vouched(homes: &Homes, path: &Path) -> io::Result<bool> {
    let proof = fetch::hash_file(path, &Digest::Sha256([0; 32]), &mut vec![0; fetch::BLOCK], &|_| ())?;
    let Some(proof) = proof else { return Err(io::ErrorKind::Interrupted.into()) };
    let digest = proof.digest.to_string();
    Ok(crate::catalogue::models::has_file(&digest) || is_noted(homes, &digest))
}

fn is_noted(homes: &Homes, digest: &str) -> bool {
    let own = own(homes);
    let Some(seal) = seal::of(&own).filter(|seal| seal::holds(seal, &own)) else { return false };
    let path = own.join(FILE);
    if path.is_symlink() {
        return false;
    }
    let bytes = bounded::read(&path, bounded::CONFIGURATION).unwrap_or_default();
    let wanted = format!("{seal} {digest}");
    bytes.split(|byte| *byte == b'\n').any(|line| line == wanted.as_bytes())
}

fn own(homes: &Homes) -> PathBuf {
    homes.wheels.join(".modelstrap")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_fetched_here_is_known_and_a_copy_of_the_note_vouches_for_nothing() {
        let room = tempfile::tempdir().unwrap();
        let homes = Homes::under(room.path());
        let wheel = homes.wheels.join("x.whl");
        let digest = Digest::from_hex(&crate::support::digest::sha256(b"abc")).unwrap();
        fs::create_dir_all(&homes.wheels).unwrap();
        fs::write(&wheel, "abc").unwrap();
        assert!(!is_vouched(&homes, &wheel).unwrap());
        note(&homes, &digest).unwrap();
        assert!(is_vouched(&homes, &wheel).unwrap());
        fs::write(&wheel, "abd").unwrap();
        assert!(!is_vouched(&homes, &wheel).unwrap());
        fs::write(&wheel, "abc").unwrap();

        // As a clone has it: the same files in a folder that was made anew.
        let text = fs::read(own(&homes).join(FILE)).unwrap();
        let before = partials(&homes);
        fs::rename(own(&homes), room.path().join("kept")).unwrap();
        fs::create_dir(own(&homes)).unwrap();
        fs::write(own(&homes).join(FILE), text).unwrap();
        assert!(!is_vouched(&homes, &wheel).unwrap());
        assert_ne!(partials(&homes), before);
    }
}
