//! Foreign names, before they become paths or parts of a URL.
//!
//! The rules are the same on every system, so that a lock that was made on one holds on all: what Windows would take for a
//! device, a stream or a shorter name is refused everywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Error;

/// The longest name of a file that every file system takes, in bytes.
const LONGEST_NAME: usize = 255;
/// The longest path inside a part. Windows' own limit for a whole path is 260 unless long paths are switched on.
const LONGEST_PATH: usize = 1024;

/// Windows takes these for devices, whatever follows a dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// `path`, a path with `/` inside a part, joined to `home`, if every name in it is a plain one.
pub(super) fn below(home: &Path, path: &str) -> Result<PathBuf, Error> {
    plain_path(path)?;
    let mut joined = home.to_path_buf();
    joined.extend(path.split('/'));
    Ok(joined)
}

/// That `path` leads downwards, on every system, by plain names.
pub(super) fn plain_path(path: &str) -> Result<(), Error> {
    let refuse = |why| Error::Name { what: "the path", name: shortened(path), why };
    if path.len() > LONGEST_PATH {
        return Err(refuse("it is too long"));
    }
    path.split('/').try_for_each(|name| wrong_with(name).map_or(Ok(()), |why| Err(refuse(why))))
}

/// That `name` is one plain name. `what` says what it names.
pub(super) fn plain_name(what: &'static str, name: &str) -> Result<(), Error> {
    let why = if name.contains('/') { Some("it holds a `/`") } else { wrong_with(name) };
    why.map_or(Ok(()), |why| Err(Error::Name { what, name: shortened(name), why }))
}

/// That `name` is what GitHub calls an owner or a repository: letters, digits, `-`, `_` and dots.
pub(super) fn of_github(what: &'static str, name: &str) -> Result<(), Error> {
    plain_name(what, name)?;
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() <= 100 && name.bytes().all(good) {
        return Ok(());
    }
    Err(Error::Name { what, name: shortened(name), why: "it has letters, digits, `-`, `_` and dots, at most 100" })
}

/// `text` for a path in a URL: everything but letters, digits and `-._~/` is escaped.
pub(super) fn escaped(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

fn wrong_with(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |kind: &str| {
        stem.strip_prefix(kind)
            .is_some_and(|rest| matches!(rest, "¹" | "²" | "³") || matches!(rest.as_bytes(), [b'0'..=b'9']))
    };
    match name {
        "" => Some("a name in it is empty"),
        "." | ".." => Some("it holds `.` or `..`"),
        _ if name.len() > LONGEST_NAME => Some("a name in it is too long"),
        _ if name.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*')) => {
            Some("it holds a character that some system does not allow in a name")
        }
        _ if name.ends_with(['.', ' ']) => Some("a name in it ends with a dot or a space"),
        _ if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") => {
            Some("a name in it is a device on Windows")
        }
        _ => None,
    }
}

/// Enough of a name to know it again: an error is read by a person.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 120 { name.to_owned() } else { name.chars().take(120).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_paths_are_refused_and_ordinary_ones_are_not() {
        for good in ["a", "a/b.c", ".github/x.yml", "naïve/模型.bin", "a b/c", "console.py", "common/com.py"] {
            assert!(plain_path(good).is_ok(), "{good}");
        }
        let long = "x".repeat(4000);
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "C:/x",
            "C:x",
            r"a\b",
            r"\\host\share",
            "a\0b",
            "a\nb",
            "a:stream",
            "nul",
            "aux.txt",
            "dir/COM1",
            "lpt9.log",
            "a.",
            "a ",
            "a*",
            long.as_str(),
        ] {
            assert!(plain_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_about_a_hostile_name_is_harmless_to_print() {
        let error = plain_path("a\u{1b}[31m").unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
        assert!(plain_path(&"y".repeat(4000)).unwrap_err().to_string().len() < 400);
    }

    #[test]
    fn a_name_of_github_is_narrow() {
        assert!(of_github("the owner", "snakers4").is_ok() && of_github("the repository", "silero-vad.x_1").is_ok());
        for bad in ["", "..", "a/b", "a b", "é", "a?b", "a#b", &"x".repeat(101)] {
            assert!(of_github("the owner", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_inside(path in "\\PC{0,40}|([a-z.]{0,4}[/\\\\]){0,5}[a-z.]{0,4}") {
            if let Ok(joined) = below(Path::new("home"), &path) {
                prop_assert!(joined.starts_with("home") && !crate::support::paths::has_parent_component(&joined));
                prop_assert!(joined != Path::new("home"));
            }
        }
    }
}
