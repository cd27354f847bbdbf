//! Which paths of a listing, an archive or a lock may become paths here. One grammar for all of them, so that what one room
//! accepts no other refuses later.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use super::Flaw;
use crate::platform::Os;

/// The longest path inside a part, in bytes. With a cache's own folders it stays below Linux' 4,096.
const LONGEST_PATH: usize = 1024;

/// The longest name of a folder or file that common file systems take, in bytes.
const LONGEST_PART: usize = 255;

/// Names of devices on Windows, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The path of a file in a part, as a listing or a lock has it. It must stay below its folder on every system, whichever
/// wrote it: a name with `\`, a drive or a control character is refused on Linux too.
///
/// # Errors
/// The rule that is broken.
pub fn file_path(text: &str) -> Result<(), Flaw> {
    if text.is_empty() || text.len() > LONGEST_PATH {
        return Err("is empty or longer than 1024 bytes");
    }
    if text.contains(char::is_control) {
        return Err("holds a control character");
    }
    if text.contains('\\') {
        return Err("holds a `\\`, which parts folders on Windows");
    }
    if text.starts_with('/') {
        return Err("is absolute");
    }
    text.split('/').try_for_each(|part| match part {
        ".." => Err("leads upwards with `..`"),
        "" | "." => Err("has a part that is empty or `.`"),
        _ if part.len() > LONGEST_PART => Err("has a part longer than 255 bytes"),
        _ if part.as_bytes().get(1) == Some(&b':') && part.as_bytes()[0].is_ascii_alphabetic() => {
            Err("has a part that names a drive")
        }
        _ => Ok(()),
    })
}

/// As [`file_path`], and storable on every system: for sources whose files are read by name from a folder of their own.
///
/// # Errors
/// The rule that is broken.
pub fn everywhere(path: &str) -> Result<(), Flaw> {
    file_path(path)?;
    storable(path, Os::Windows)
}

/// Checks what only `os` cannot store: on Windows device names, some characters, and parts that end in a dot or space.
///
/// # Errors
/// Why this system cannot store it.
pub fn storable(path: &str, os: Os) -> Result<(), Flaw> {
    if os != Os::Windows {
        return Ok(());
    }
    if path.contains(['<', '>', ':', '"', '|', '?', '*', '\\']) {
        return Err("holds a character that Windows does not allow in names");
    }
    for part in path.split('/') {
        if part.ends_with(['.', ' ']) {
            return Err("has a part that ends in a dot or a space, which Windows does not keep");
        }
        if is_device(part) {
            return Err("has a part that is a device on Windows");
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
pub fn differing_only_by_case<'a>(paths: impl Iterator<Item = &'a str> + Clone) -> Vec<Vec<&'a str>> {
    // First by a number of each lowered path, since nearly always there is no such group: a listing may have 100,000 paths.
    let keys = RandomState::new();
    let number = |path: &str| {
        let mut hasher = keys.build_hasher();
        hasher.write(path.to_lowercase().as_bytes());
        hasher.finish()
    };
    let mut numbers: Vec<u64> = paths.clone().map(number).collect();
    numbers.sort_unstable();
    let twice: HashSet<u64> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let mut seen: HashMap<String, Vec<&str>> = HashMap::new();
    for path in paths.filter(|path| twice.contains(&number(path))) {
        seen.entry(path.to_lowercase()).or_default().push(path);
    }
    let mut groups: Vec<_> = seen.into_values().filter(|group| group.len() > 1).collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_folder_on_every_system() {
        for good in ["a", "a/b.c", "dir/C:", "~/.ssh", "sub/…/x", "a:b/c"] {
            let expected =
                if good == "dir/C:" || good.starts_with("a:") { Err("has a part that names a drive") } else { Ok(()) };
            assert_eq!(file_path(good), expected, "{good}");
        }
        for (bad, flaw) in [
            ("", "is empty or longer than 1024 bytes"),
            ("../x", "leads upwards with `..`"),
            ("a/../x", "leads upwards with `..`"),
            ("/etc/passwd", "is absolute"),
            ("C:/x", "has a part that names a drive"),
            ("a/C:x", "has a part that names a drive"),
            ("\\\\host\\share", "holds a `\\`, which parts folders on Windows"),
            ("a\0b", "holds a control character"),
            ("a//b", "has a part that is empty or `.`"),
            ("./a", "has a part that is empty or `.`"),
        ] {
            assert_eq!(file_path(bad), Err(flaw), "{bad}");
        }
        assert!(file_path(&"x".repeat(4000)).is_err());
    }

    #[test]
    fn windows_devices_and_trailing_dots_are_refused_on_windows_only() {
        for bad in ["nul", "a/CON.txt", "com1.bin", "LPT³", "x.", "x /y", "a:b", "a\\b", "q?.txt", "aux .tar.gz"] {
            assert!(storable(bad, Os::Windows).is_err(), "{bad}");
            assert_eq!(storable(bad, Os::Linux), Ok(()));
        }
        for good in ["nullable", "com0", "com10", "config.json", "a/b.c"] {
            assert_eq!(storable(good, Os::Windows), Ok(()), "{good}");
        }
    }

    #[test]
    fn names_that_differ_only_by_case_are_found() {
        let paths = ["a/B", "config.json", "A/b", "Config.json", "CONFIG.JSON", "other"];
        let expected = vec![vec!["A/b", "a/B"], vec!["CONFIG.JSON", "Config.json", "config.json"]];
        assert_eq!(differing_only_by_case(paths.into_iter()), expected);
    }

    proptest::proptest! {
        #[test]
        fn an_accepted_path_stays_below_its_folder(path in "\\PC{0,40}|([a-z.]{0,4}[/\\\\]){0,5}[a-z.]{0,4}|.{0,300}") {
            if file_path(&path).is_ok() {
                let base = std::path::Path::new("base");
                let joined = path.split('/').fold(base.to_path_buf(), |base, part| base.join(part));
                proptest::prop_assert!(joined.starts_with(base) && joined != base);
                proptest::prop_assert!(!crate::support::paths::has_parent_component(&joined));
            }
        }
    }
}
