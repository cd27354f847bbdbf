//! Foreign names of these sources, before they become paths: the grammar of [`crate::models::names`], with errors that say
//! what was to be named.
//!
//! The rules are the same on every system, so that a lock that was made on one holds on all: what Windows would take for a
//! device, a stream or a shorter name is refused everywhere.

use std::path::{Path, PathBuf};

use super::Error;
use crate::models::names::{self, Flaw};

/// `path`, a path with `/` inside a part, joined to `home`, if every name in it is a plain one.
pub(super) fn below(home: &Path, path: &str) -> Result<PathBuf, Error> {
    plain_path(path)?;
    let mut joined = home.to_path_buf();
    joined.extend(path.split('/'));
    Ok(joined)
}

/// That `path` leads downwards, on every system, by plain names.
pub(super) fn plain_path(path: &str) -> Result<(), Error> {
    named("the path", path, names::everywhere(path))
}

/// That `name` is one plain name. `what` says what it names.
pub(super) fn plain_name(what: &'static str, name: &str) -> Result<(), Error> {
    named(what, name, if name.contains('/') { Err("holds a `/`") } else { names::everywhere(name) })
}

/// That `owner` can own repositories on GitHub.
pub(super) fn github_owner(owner: &str) -> Result<(), Error> {
    named("the owner", owner, names::github_owner(owner))
}

/// That `repo` can be a repository on GitHub.
pub(super) fn github_repo(repo: &str) -> Result<(), Error> {
    named("the repository", repo, names::github_repo(repo))
}

fn named(what: &'static str, name: &str, checked: Result<(), Flaw>) -> Result<(), Error> {
    checked.map_err(|why| Error::Name { what, name: shortened(name), why })
}

/// Enough of a name to know it again: an error is read by a person.
fn shortened(name: &str) -> String {
    if name.chars().count() <= 120 { name.to_owned() } else { name.chars().take(120).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
