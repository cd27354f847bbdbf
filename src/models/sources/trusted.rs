//! torch's `trusted_list`: a repository that is not in it is asked about at the terminal, or refused.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Error;
use crate::support::bounded;

/// Adds `owner_repo` to the list in `hub`, once.
///
/// The line is appended by one write, not by replacing the file: torch appends too, from any process and without a lock, and a
/// replaced file would lose its line.
pub(super) fn add(hub: &Path, owner: &str, repo: &str) -> Result<(), Error> {
    let list = hub.join("trusted_list");
    let wanted = format!("{owner}_{repo}");
    let text = read(&list)?;
    if lists(&text, &wanted) {
        return Ok(());
    }
    let gap = if text.is_empty() || text.ends_with(b"\n") { "" } else { "\n" };
    let mut file = OpenOptions::new().append(true).create(true).open(&list).map_err(Error::disk(&list))?;
    file.write_all(format!("{gap}{wanted}\n").as_bytes()).map_err(Error::disk(&list))
}

/// Whether the list in `hub` has `owner_repo`.
pub(super) fn has(hub: &Path, owner: &str, repo: &str) -> Result<bool, Error> {
    Ok(lists(&read(&hub.join("trusted_list"))?, &format!("{owner}_{repo}")))
}

fn lists(text: &[u8], wanted: &str) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == wanted.as_bytes())
}

fn read(list: &Path) -> Result<Vec<u8>, Error> {
    match bounded::read(list, bounded::CONFIGURATION) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(Error::disk(list)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_once_and_others_stay() {
        let room = tempfile::tempdir().unwrap();
        let list = room.path().join("trusted_list");
        let text = || std::fs::read_to_string(&list).unwrap();
        add(room.path(), "snakers4", "silero-vad").unwrap();
        add(room.path(), "snakers4", "silero-vad").unwrap();
        assert_eq!(text(), "snakers4_silero-vad\n");
        std::fs::write(&list, "one_repo\r\nlast_without_end").unwrap();
        add(room.path(), "one", "repo").unwrap();
        add(room.path(), "two", "repo").unwrap();
        assert_eq!(text(), "one_repo\r\nlast_without_end\ntwo_repo\n");
    }
}
