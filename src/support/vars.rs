//! The process environment as a value, so that detection and decisions can be handed another one.
//!
//! An empty variable counts as unset: most programs treat it so, and the ML libraries that do not
//! (`HF_HOME=` means a relative `hub`) are exactly the trap that this tool closes.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A snapshot of environment variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vars(BTreeMap<OsString, OsString>);

impl Vars {
    /// The environment that this process was started with.
    pub fn from_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The value of `name`, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The value of `name`, if it is set, not empty, and valid UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// The value of `name` as it stands, empty or not.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// True when `name` is set to something that is neither empty, `0`, `false`, `no` nor `off`.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
    }

    /// Every variable, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// This environment with `name` set to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// This environment without `name`.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(OsStr::new(name));
        self
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Vars {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let vars: Vars = [("A", ""), ("B", "b")].into_iter().collect();
        assert_eq!(vars.get("A"), None);
        assert_eq!(vars.raw("A"), Some(OsStr::new("")));
        assert_eq!(vars.text("B"), Some("b"));
    }

    #[test]
    fn a_flag_is_anything_but_the_words_for_no() {
        let vars: Vars = [("CI", "true"), ("X", "0"), ("Y", "False")].into_iter().collect();
        assert!(vars.flag("CI"));
        assert!(!vars.flag("X") && !vars.flag("Y") && !vars.flag("Z"));
    }
}
