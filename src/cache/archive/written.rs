//! How an archive's names are written: for people, in documents, in the index, and as this system's paths.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::support::quoted;

/// `bytes` for a person.
pub fn shown(bytes: &[u8]) -> String {
    quoted::shown(to_path(bytes))
}

/// `bytes` as a document of JSON has them: the text of no other name.
pub fn text(bytes: &[u8]) -> String {
    quoted::text(to_path(bytes))
}

/// As the index has a name, or where a link leads.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character == '%' { text.push_str("%25") } else { text.push(character) }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
    }
    text
}

/// The opposite of [`encode`].
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Some(bytes)
}

/// The bytes of `text`, as a name has them. `None` for what other systems could not read.
#[cfg(unix)]
pub fn of_text(text: &OsStr) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(text.as_bytes().to_vec())
}

/// The bytes of `text`, as a name has them. `None` for what other systems could not read.
#[cfg(not(unix))]
pub fn of_text(text: &OsStr) -> Option<Vec<u8>> {
    text.to_str().map(|text| text.replace('\\', "/").into_bytes())
}

/// `path`, a relative one, as a name has it.
pub fn of_path(path: &Path) -> Option<Vec<u8>> {
    let parts: Option<Vec<Vec<u8>>> = path.components().map(|part| of_text(part.as_os_str())).collect();
    parts.map(|parts| parts.join(&b'/'))
}

/// `bytes`, those of a name or of a link's target, as this system's paths have them.
#[cfg(unix)]
pub fn to_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// `bytes`, those of a name or of a link's target, as this system's paths have them.
#[cfg(not(unix))]
pub fn to_path(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).split('/').collect()
}
