//! Names from the Hub, and which of them may become a path or part of a URL.
//!
//! The rules are those of `huggingface_hub` 2.4.0 (`utils/_validators.py`, `_local_folder.py`), and a few that protect the
//! disk beyond them. They hold on every system, so that a lock file is good on all of them.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::models::locked::RepoType;
use crate::platform::Os;

/// The longest name of a folder or file that common file systems take.
const LONGEST_PART: usize = 255;

/// The longest path in a repository that is accepted; with a cache's own folders it stays below Linux' 4,096.
const LONGEST_PATH: usize = 2048;

/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

impl RepoType {
    /// `models` or `datasets`: in API addresses, and in the names of folders.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }

    /// `model` or `dataset`.
    pub const fn singular(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }

    /// What stands before the repository in the address of a page or a file.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Model => "",
            Self::Dataset => "datasets/",
        }
    }
}

/// Checks the name of a repository.
///
/// # Errors
/// The rule that it breaks.
pub fn check_repo(repo: &str) -> Result<(), &'static str> {
    if repo.split('/').count() > 2 {
        return Err("it has more than one `/`");
    }
    if repo.contains("--") || repo.contains("..") {
        return Err("`--` and `..` do not occur in names");
    }
    if repo.ends_with(".git") {
        return Err("a name does not end in `.git`");
    }
    repo.split('/').try_for_each(check_repo_part)
}

fn check_repo_part(part: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if part.is_empty() || part.len() > 96 {
        return Err("owner and name have 1 to 96 characters each");
    }
    if !part.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-')) {
        return Err("only letters, digits, `_`, `.` and `-` occur in names");
    }
    let ends = [part.bytes().next(), part.bytes().last()];
    if ends.into_iter().flatten().all(word) {
        Ok(())
    } else {
        Err("a name begins and ends with a letter, a digit or `_`")
    }
}

/// The folder of a repository in the cache: the name as it is typed, whatever its letter case.
pub fn repo_folder(repo_type: RepoType, repo: &str) -> String {
    format!("{}--{}", repo_type.plural(), repo.replace('/', "--"))
}

/// True for a whole commit: 40 lower-case hexadecimal digits.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks a branch, tag or commit: it becomes a file below `refs/`, and part of an address.
///
/// # Errors
/// Why it cannot.
pub fn check_revision(revision: &str) -> Result<(), &'static str> {
    if revision.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("it has an empty part");
    }
    // Git's own rules (git-check-ref-format) exclude these, so nothing real is lost.
    if revision.contains(['\\', ':', '*', '?', '~', '^', '[', ' ']) || revision.contains("..") {
        return Err("it has characters that no branch or tag can have");
    }
    check_file(revision)
}

/// Checks the path of a file in a repository.
///
/// Refused are all forms that lead out of the folder on any system (a `..` part, with `\` as a separator too; absolute;
/// a drive; UNC), control characters, and parts too long for a file system.
///
/// # Errors
/// Why it is refused.
pub fn check_file(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    if path.len() > LONGEST_PATH {
        return Err("it is longer than a path can be");
    }
    if path.chars().any(char::is_control) {
        return Err("it holds control characters");
    }
    if path.starts_with(['/', '\\']) {
        return Err("it is absolute");
    }
    path.split(['/', '\\']).try_for_each(check_file_part)?;
    if path.ends_with(['/', '\\']) || path.split('/').all(|part| part.is_empty() || part == ".") {
        return Err("it names no file");
    }
    Ok(())
}

fn check_file_part(part: &str) -> Result<(), &'static str> {
    let drive = part.len() >= 2 && part.as_bytes()[1] == b':' && part.as_bytes()[0].is_ascii_alphabetic();
    if part == ".." {
        Err("it leads out of its folder")
    } else if drive {
        Err("it names a drive")
    } else if part.len() > LONGEST_PART {
        Err("a part of it is longer than a file's name can be")
    } else {
        Ok(())
    }
}

/// Checks what only `os` cannot store: on Windows device names, some characters, and parts that end in a dot or space.
///
/// # Errors
/// Why this system cannot store it.
pub fn check_storable(path: &str, os: Os) -> Result<(), &'static str> {
    if os != Os::Windows {
        return Ok(());
    }
    if path.contains(['<', '>', ':', '"', '|', '?', '*', '\\']) {
        return Err("Windows does not allow some of its characters in names");
    }
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part.ends_with(['.', ' ']) {
            return Err("Windows does not keep a dot or a space at the end of a name");
        }
        if is_device(part) {
            return Err("it is the name of a device on Windows");
        }
    }
    Ok(())
}

fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
    let numbered = |prefix| {
        let rest = stem.strip_prefix(prefix).map(|rest: &str| rest.chars().collect::<Vec<_>>());
        matches!(rest.as_deref(), Some(['1'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

/// Groups of paths that become one file where letter case does not count (Windows, macOS).
pub fn differing_only_by_case<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<Vec<&'a str>> {
    let mut seen: HashMap<String, Vec<&str>> = HashMap::new();
    for path in paths {
        seen.entry(path.to_lowercase()).or_default().push(path);
    }
    let mut groups: Vec<_> = seen.into_values().filter(|group| group.len() > 1).collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    groups
}

/// A revision as part of an address: everything but letters, digits and `_.-~` is percent-encoded, the slash too.
pub fn quoted_revision(revision: &str) -> String {
    quoted(revision, false)
}

/// A file's path as part of an address: as a revision, but slashes stay.
pub fn quoted_path(path: &str) -> String {
    quoted(path, true)
}

fn quoted(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The blob's name in an `ETag` or `X-Linked-Etag` header: without the mark for weak ones, without quotes.
pub fn normalised_etag(etag: &str) -> &str {
    etag.trim_start_matches(['W', '/']).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_named_by_the_hubs_rules() {
        for good in ["gpt2", "org/name", "_a", "a_/b", "O.r-g/N_a.m-e", &format!("{}/b", "a".repeat(96))] {
            assert_eq!(check_repo(good), Ok(()), "{good}");
        }
        let long = "a".repeat(97);
        for bad in ["", "/", "a/", "/a", "a/b/c", "a--b", "a..b", "a.git", "-a", "a.", "a b", "ä", "a/b\n", &long] {
            assert!(check_repo(bad).is_err(), "{bad}");
        }
        assert_eq!(repo_folder(RepoType::Dataset, "org/name"), "datasets--org--name");
        assert_eq!(repo_folder(RepoType::Model, "gpt2"), "models--gpt2");
    }

    #[test]
    fn a_file_name_that_leads_out_is_refused_on_every_system() {
        for good in ["a", "a/b", "a\\b", "a//b", "./a", "~/.ssh", "we ird #1%+é.txt", "...", "a..b", "aa:b", "模型/x"]
        {
            assert_eq!(check_file(good), Ok(()), "{good}");
        }
        let (long_part, long_path) = ("x".repeat(256), "x/".repeat(2000));
        for bad in [
            "",
            ".",
            "./",
            "a/",
            "..",
            "../x",
            "a/../b",
            "a\\..\\b",
            "..\\x",
            "/x",
            "\\x",
            "\\\\server\\share",
            "//server/x",
            "C:\\x",
            "C:/x",
            "D:foo",
            "a/C:/b",
            "a\\C:b",
            "a\0b",
            "a\nb",
            "a\u{85}b",
            &long_part,
            &long_path,
        ] {
            assert!(check_file(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_devices_and_trailing_dots_are_refused_on_windows_only() {
        for bad in ["nul", "a/CON.txt", "com1.bin", "LPT³", "x.", "x /y", "a:b", "a\\b", "q?.txt", "aux .tar.gz"] {
            assert!(check_storable(bad, Os::Windows).is_err(), "{bad}");
            assert_eq!(check_storable(bad, Os::Linux), Ok(()));
        }
        for good in ["nullable", "com0", "com10", "config.json", "a/./b.c"] {
            assert_eq!(check_storable(good, Os::Windows), Ok(()), "{good}");
        }
    }

    #[test]
    fn revisions_become_paths_only_if_git_could_have_them() {
        for good in ["main", "refs/pr/1", "feat/x", "v1.0", "0a"] {
            assert_eq!(check_revision(good), Ok(()), "{good}");
        }
        for bad in ["", "..", "a/../b", "/a", "a//b", "./a", "a b", "a\\b", "C:x", "a:b", "a\n", "a/"] {
            assert!(check_revision(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_differ_only_by_case_are_found() {
        let paths = ["a/B", "config.json", "A/b", "Config.json", "CONFIG.JSON", "other"];
        let expected = vec![vec!["A/b", "a/B"], vec!["CONFIG.JSON", "Config.json", "config.json"]];
        assert_eq!(differing_only_by_case(paths.into_iter()), expected);
    }

    #[test]
    fn addresses_are_quoted_as_the_official_client_quotes() {
        assert_eq!(quoted_revision("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(quoted_path("a b/c#%+é&=?.bin"), "a%20b/c%23%25%2B%C3%A9%26%3D%3F.bin");
        assert_eq!(quoted_path("it's(1)!*~.txt"), "it%27s%281%29%21%2A~.txt");
    }

    #[test]
    fn etags_are_normalised_as_the_official_client_does() {
        for (etag, name) in [
            ("\"abc\"", "abc"),
            ("W/\"abc\"", "abc"),
            ("\"W/x\"", "W/x"),
            ("WWW\"a\"", "a"),
            ("\"abc-gzip\"", "abc-gzip"),
        ] {
            assert_eq!(normalised_etag(etag), name);
        }
    }

    #[test]
    fn a_commit_is_forty_lower_case_digits() {
        assert!(is_commit(&"0a".repeat(20)));
        assert!(!is_commit(&"0A".repeat(20)) && !is_commit("0a") && !is_commit(&format!("{}\n", "0a".repeat(20))));
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_name_stays_below_its_folder(path in ".{0,300}") {
            if check_file(&path).is_ok() {
                let base = std::path::Path::new("base");
                let parts = path.split('/').fold(base.to_path_buf(), |base, part| base.join(part));
                proptest::prop_assert!(parts.starts_with(base));
                proptest::prop_assert!(!crate::support::paths::has_parent_component(&parts));
            }
        }
    }
}
