//! How long the machine runs, by a clock that nobody sets: two times since one start can be compared, whatever happened to the date
//! in between.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::support::bounded;

/// A moment, counted from a start of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Which start it was.
    pub boot: String,
    /// Seconds since, time asleep counted.
    pub seconds: i64,
}

/// How long the machine whose `/proc` is below `root` runs; `None` where the system does not say.
pub fn uptime(root: &Path) -> Option<Uptime> {
    let read = |path: &str| bounded::read(&root.join(path), 256).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let boot = read("proc/sys/kernel/random/boot_id")?;
    // `12345.67 23456.78`: since the start, and idle.
    let seconds = read("proc/uptime")?.split('.').next()?.parse().ok()?;
    let boot = boot.trim().chars().take(16).collect();
    Some(Uptime { boot, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_says_nothing_or_nonsense_has_no_uptime() {
        let room = tempfile::tempdir().unwrap();
        assert_eq!(uptime(room.path()), None);
        std::fs::create_dir_all(room.path().join("proc/sys/kernel/random")).unwrap();
        std::fs::write(room.path().join("proc/sys/kernel/random/boot_id"), "01234567-89ab-cdef-0123-456789abcdef\n")
            .unwrap();
        for (text, seconds) in [("", None), ("x.1 2", None), ("5183.42 1.0\n", Some(5183))] {
            std::fs::write(room.path().join("proc/uptime"), text).unwrap();
            let expected = seconds.map(|seconds| Uptime { boot: "01234567-89ab-cd".to_owned(), seconds });
            assert_eq!(uptime(room.path()), expected, "{text:?}");
        }
    }
}
