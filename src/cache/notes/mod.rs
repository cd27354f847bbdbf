//! What the projects of a cache note in the cache itself, in `.modelstrap/` of its root: who they are and what they need, when
//! they used what, and how large it was.
//!
//! A cache may be shared by several people and machines, so all of it is foreign input: read with bounds, never followed where a
//! link leads, and no path in it is ever written to or deleted. And none of it is needed: a cache that cannot be written to works
//! as well without.

pub(in crate::cache) mod file;
pub mod history;
pub mod projects;
pub mod uses;

use std::path::{Path, PathBuf};

use crate::platform::ci;
use crate::support::digest;
use crate::support::vars::Vars;

/// The folder of the notes in a cache root.
pub const FOLDER: &str = ".modelstrap";

/// A day, in seconds.
const DAY: i64 = 86_400;

/// Who notes something: this machine, and the person at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The machine's name; `container` for one that has a new name each time.
    pub host: String,
    /// The person's name, or their number.
    pub user: String,
    /// Whether the machine has a new name each time: a container, a CI runner.
    pub passing: bool,
}

impl Who {
    /// Of this process. Nothing in the environment needs to be set.
    pub fn of(vars: &Vars) -> Self {
        let name = host(vars);
        // What Docker and Podman call a container that nobody gave a name.
        let nameless = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let passing = nameless || ci::ci(vars).is_some() || vars.get("KUBERNETES_SERVICE_HOST").is_some();
        let host = if passing { "container".to_owned() } else { name };
        Self { host, user: user(vars), passing }
    }

    /// A short name for files of theirs alone.
    fn tag(&self) -> String {
        short(&["modelstrap.who", &self.host, &self.user])
    }
}

/// The notes' folder of `cache_root`.
fn folder(cache_root: &Path) -> PathBuf {
    cache_root.join(FOLDER)
}

/// 16 hexadecimal digits that stand for `words`.
fn short(words: &[&str]) -> String {
    let mut digest = digest::sha256(words.join("\0").as_bytes());
    digest.truncate(16);
    digest
}

#[cfg(unix)]
fn host(_: &Vars) -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host(vars: &Vars) -> String {
    vars.text("COMPUTERNAME").unwrap_or("unknown").to_owned()
}

#[cfg(unix)]
fn user(vars: &Vars) -> String {
    let number = rustix::process::geteuid().as_raw();
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| vars.text(name));
    name.map_or_else(|| number.to_string(), str::to_owned)
}

#[cfg(not(unix))]
fn user(vars: &Vars) -> String {
    vars.text("USERNAME").unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_environment_names_somebody_and_a_ci_runner_is_passing() {
        let nobody = Who::of(&Vars::default());
        assert!(!nobody.user.is_empty() && !nobody.host.is_empty());
        let ci = Who::of(&[("CI", "1"), ("USER", "ada"), ("USERNAME", "ada")].into_iter().collect());
        assert_eq!(ci, Who { host: "container".into(), user: "ada".into(), passing: true });
        assert_ne!(nobody.tag(), ci.tag());
    }
}
