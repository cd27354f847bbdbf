//! The user's home and per-user cache folder, from an environment rather than from the process.

use std::path::PathBuf;

use super::Os;
use crate::support::vars::Vars;

/// The home folder: `HOME`, or `USERPROFILE` on Windows. A relative one is no home.
pub fn home_dir(vars: &Vars, os: Os) -> Option<PathBuf> {
    absolute(vars, if os == Os::Windows { "USERPROFILE" } else { "HOME" }, os)
}

/// The per-user cache folder of the platform.
pub fn user_cache_dir(vars: &Vars, os: Os) -> Option<PathBuf> {
    let found = match os {
        Os::Windows => absolute(vars, "LOCALAPPDATA", os),
        Os::Macos => home_dir(vars, os).map(|home| home.join("Library/Caches")),
        // The XDG specification: a relative value is to be ignored.
        Os::Linux | Os::Other => {
            absolute(vars, "XDG_CACHE_HOME", os).or_else(|| home_dir(vars, os).map(|home| home.join(".cache")))
        }
    };
    // With nothing in the environment the system's user database may still know.
    found.or_else(|| {
        (os == Os::current()).then(|| directories::BaseDirs::new().map(|dirs| dirs.cache_dir().to_path_buf())).flatten()
    })
}

fn absolute(vars: &Vars, name: &str, os: Os) -> Option<PathBuf> {
    let path = PathBuf::from(vars.get(name)?);
    let text = path.to_string_lossy();
    // `Path::is_absolute` follows the system that we run on, not the one that is looked at.
    let rooted = if os == Os::Windows {
        text.starts_with(r"\\")
            || (text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
                && matches!(text.get(1..3), Some(r":\" | ":/")))
    } else {
        text.starts_with('/')
    };
    rooted.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_each_platforms_rule() {
        let cache = |os, pairs: &[(&str, &str)]| user_cache_dir(&pairs.iter().copied().collect(), os);
        assert_eq!(
            cache(Os::Linux, &[("HOME", "/h"), ("XDG_CACHE_HOME", "relative")]),
            Some(PathBuf::from("/h/.cache"))
        );
        assert_eq!(cache(Os::Linux, &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some(PathBuf::from("/x")));
        assert_eq!(cache(Os::Macos, &[("HOME", "/Users/a")]), Some(PathBuf::from("/Users/a/Library/Caches")));
        assert_eq!(
            cache(Os::Windows, &[("LOCALAPPDATA", r"C:\Users\a\AppData\Local")]),
            Some(PathBuf::from(r"C:\Users\a\AppData\Local"))
        );
    }

    #[test]
    fn a_relative_home_is_no_home() {
        assert_eq!(home_dir(&[("HOME", "h")].into_iter().collect(), Os::Linux), None);
        assert_eq!(home_dir(&[("USERPROFILE", r"C:x")].into_iter().collect(), Os::Windows), None);
    }
}
