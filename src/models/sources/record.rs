//! `RECORD`: the list that a wheel has of its own files, and that an installed package keeps, by
//! [PyPA's rules](https://packaging.python.org/en/latest/specifications/recording-installed-packages/).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::names;
use crate::fetch::{self, Digest};
use crate::support::bounded;

/// The list's own name, in the `.dist-info`.
const FILE: &str = "RECORD";

/// A line of it.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    path: String,
    /// The SHA-256 as the list writes it; other algorithms are not looked at.
    sha256: Option<String>,
    size: Option<u64>,
}

/// Whether the files below `root` are just those that the list in `info` names, each as it says.
///
/// # Errors
/// The first that is not; what the disk says.
pub(super) fn compare(root: &Path, info: &str) -> io::Result<()> {
    let mut unlisted = Vec::new();
    walk(root, &mut unlisted)?;
    let own = root.join(info).join(FILE);
    unlisted.retain(|path| *path != own);
    let mut buffer = vec![0; fetch::BLOCK];
    for listed in read(root, info)? {
        let path = place(root, &listed.path)?;
        let good = path == own || is_as_listed(&path, &listed, &mut buffer)?;
        if !good {
            return Err(wrong(&format!("{:?} is not what its list of files says", listed.path)));
        }
        unlisted.retain(|found| *found != path);
    }
    match unlisted.first() {
        None => Ok(()),
        Some(path) => {
            let path = path.strip_prefix(root).unwrap_or(path);
            Err(wrong(&format!("its list of files does not name {:?}", path.to_string_lossy())))
        }
    }
}

/// Whether every file that the list in `info` names is below `root`, with its size. Its bytes are not read.
pub(super) fn is_whole(root: &Path, info: &str) -> bool {
    let here = |listed: &Listed| {
        let found = place(root, &listed.path).ok().and_then(|path| fs::metadata(path).ok());
        let sized = |found: &fs::Metadata| listed.size.is_none_or(|size| size == found.len());
        found.is_some_and(|found| found.is_file() && (listed.path.ends_with(FILE) || sized(&found)))
    };
    read(root, info).is_ok_and(|all| all.iter().all(here))
}

/// Adds `more` to the list in `info`, a file whose content it does not say.
///
/// # Errors
/// What the disk says.
pub(super) fn add(root: &Path, info: &str, more: &str) -> io::Result<()> {
    let path = root.join(info).join(FILE);
    let mut listed = bounded::read(&path, bounded::CONFIGURATION)?;
    if !listed.ends_with(b"\n") {
        listed.push(b'\n');
    }
    listed.extend_from_slice(format!("{info}/{more},,\n").as_bytes());
    fs::write(path, listed)
}

fn read(root: &Path, info: &str) -> io::Result<Vec<Listed>> {
    let bytes = bounded::read(&root.join(info).join(FILE), bounded::CONFIGURATION)
        .map_err(|error| wrong(&format!("its list of files cannot be read: {error}")))?;
    parse(std::str::from_utf8(&bytes).map_err(|_| wrong("its list of files is not UTF-8"))?)
}

/// `path,algorithm=digest,size`, the last two maybe empty, and the path quoted where it has a comma.
fn parse(text: &str) -> io::Result<Vec<Listed>> {
    let line = |line: &str| {
        let mut fields = line.rsplitn(3, ',');
        let (size, digest, path) = (fields.next()?, fields.next()?, fields.next()?);
        let quoted = path.strip_prefix('"').and_then(|path| path.strip_suffix('"'));
        Some(Listed {
            path: quoted.map_or_else(|| path.to_owned(), |path| path.replace("\"\"", "\"")),
            sha256: digest.strip_prefix("sha256=").map(|digest| digest.trim_end_matches('=').to_owned()),
            size: if size.is_empty() { None } else { Some(size.parse().ok()?) },
        })
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|text| line(text).ok_or_else(|| wrong("its list of files is none"))).collect()
}

fn is_as_listed(path: &Path, listed: &Listed, buffer: &mut [u8]) -> io::Result<bool> {
    let Some(found) = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file) else { return Ok(false) };
    if listed.size.is_some_and(|size| size != found.len()) {
        return Ok(false);
    }
    let Some(expected) = &listed.sha256 else { return Ok(true) };
    let proof = fetch::hash_file(path, &Digest::Sha256([0; 32]), buffer, &|_| ())?;
    Ok(proof.is_some_and(|proof| matches!(proof.digest, Digest::Sha256(bytes) if base64(&bytes) == *expected)))
}

fn place(root: &Path, path: &str) -> io::Result<PathBuf> {
    names::below(root, path).map_err(|error| wrong(&error.to_string()))
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), into)?;
        } else {
            into.push(entry.path());
        }
    }
    Ok(())
}

/// Base64 as the lists have it: for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(DIGITS[(group >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INFO: &str = "x-1.dist-info";

    fn compared(list: &str) -> Result<(), String> {
        let room = tempfile::tempdir().unwrap();
        for (name, bytes) in [("x/a.py", "abc"), ("x-1.dist-info/RECORD", list)] {
            let path = room.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        compare(room.path(), INFO).map_err(|error| error.to_string())
    }

    #[test]
    fn each_file_is_as_the_list_says_and_no_other_is_there() {
        let hash = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        for good in [
            "x/a.py,,".to_owned(),
            format!("x/a.py,sha256={hash},3\nx-1.dist-info/RECORD,,\n"),
            format!("\"x/a.py\",sha256={hash}=,3\r\n"),
            "x/a.py,sha512=unknown,3".to_owned(),
        ] {
            assert_eq!(compared(&good), Ok(()), "{good}");
        }
        let other = r#""x/a.py" is not what its list of files says"#;
        let missing = r#""x/b.py" is not what its list of files says"#;
        let unlisted = r#"its list of files does not name "x/a.py""#;
        for (bad, why) in [
            ("", unlisted),
            ("x-1.dist-info/RECORD,,", unlisted),
            ("x/a.py,,4", other),
            ("x/a.py,sha256=AAAA,3", other),
            ("x/a.py,,\nx/b.py,,", missing),
            ("x/a.py", "its list of files is none"),
            ("x/a.py,,many", "its list of files is none"),
        ] {
            assert_eq!(compared(bad), Err(why.to_owned()), "{bad}");
        }
        assert!(compared("../x/a.py,,").is_err());
    }

    proptest! {
        #[test]
        fn no_list_panics(text in "(\\PC|[,\"\n=]){0,60}") {
            let _ = (parse(&text), compared(&text));
        }
    }
}
