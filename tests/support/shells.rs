//! Finds the shells that are really here, and runs scripts in them with a known environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs;
use modelstrap::catalogue::variables::{Variable, VariableSet};
use modelstrap::support::vars::Vars;

/// Values that break naive quoting, each in its own variable.
pub(crate) const HOSTILE: &[(&str, &str)] = &[
    ("MS_SPACES", "  two  spaces at both ends  "),
    ("MS_QUOTES", "it's a \"quote\" ''twice'' \"\""),
    ("MS_DOLLAR", "$HOME ${HOME} $(echo no) $1 $$"),
    ("MS_BACKTICK", "`echo no`"),
    ("MS_BACKSLASH", r"\ \\ \n \x41 \u0041 \' C:\models\"),
    ("MS_NEWLINE", "one\ntwo\n\nfour\n"),
    ("MS_SLASH_NEWLINE", "a\\\nb"),
    ("MS_BANG", r"!! !x \! !"),
    ("MS_PERCENT", "%PATH% %% %s 100%"),
    ("MS_HASH", "# no comment # here"),
    ("MS_TILDE", "~/x:~ ~root"),
    ("MS_GLOB", "* ? [a] {a,b} ;&|<>()^=ls"),
    ("MS_LETTERS", "Grüße/模型/модели"),
    ("MS_EMOJI", "🤗 ‘curly’ “quotes”"),
    ("MS_DASH", "-n --help"),
    ("MS_TAB", "tab\there"),
    ("MS_RETURN", "a\rb\r\nc"),
    ("MS_BRACES", "{{name}} {{each set}} @(x) r#'raw'#"),
    ("MS_PLAIN", "/srv/cache/hub"),
    ("MS_CACHE_PATH", "/a b:/$HOME/x:~/c"),
    ("HF_HOME", "/new/home of models"),
];

/// A set of variables from pairs.
pub(crate) fn set(pairs: &[(&str, &str)], unset: &[&str]) -> VariableSet {
    let variable = |(name, value): &(&str, &str)| Variable {
        name: (*name).into(),
        value: (*value).into(),
        library: "modelstrap".into(),
        note: String::new(),
    };
    VariableSet {
        set: pairs.iter().map(variable).collect(),
        unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        scoped: Vec::new(),
    }
}

/// The path of `program`, from MODELSTRAP_TEST_SHELLS (extra folders) and PATH.
///
/// `None` is said aloud, and is a failure where MODELSTRAP_TEST_REQUIRE_SHELLS is set.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let vars = Vars::from_process();
    let folders = ["MODELSTRAP_TEST_SHELLS", "PATH"].iter().filter_map(|name| vars.raw(name));
    let found = folders.flat_map(std::env::split_paths).map(|dir| dir.join(program)).find(|path| path.is_file());
    if found.is_none() {
        assert!(
            !vars.flag("MODELSTRAP_TEST_REQUIRE_SHELLS"),
            "{program} is not installed, and every shell is required"
        );
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A Python that has `module`; where there is none, says `skipped`, or fails as [`find`] does.
pub(crate) fn python_with(module: &str) -> Option<PathBuf> {
    let python = find("python3")?;
    let there = Command::new(&python).args(["-c", &format!("import {module}")]).output().unwrap().status.success();
    if there {
        return Some(python);
    }
    let required = Vars::from_process().flag("MODELSTRAP_TEST_REQUIRE_SHELLS");
    assert!(!required, "Python's {module} is not installed, and everything is required");
    eprintln!("skipped: Python's {module} is not installed");
    None
}

/// A folder for one test, with a program that writes its whole environment to a file.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("ms shell's").tempdir().unwrap();
        let place = Self { dir };
        place.program("dump", "#!/bin/sh\nexec env -0 > \"$1\"\n");
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The path of `name` in this folder.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path().join(name), text).unwrap();
        self.at(name)
    }

    /// A file that can be run.
    pub(crate) fn program(&self, name: &str, text: &str) -> String {
        programs::script(&self.path().join(name), text);
        self.at(name)
    }

    /// What a child process saw when it was told to write to `name`.
    pub(crate) fn dumped(&self, name: &str) -> BTreeMap<String, String> {
        let bytes = fs::read(self.path().join(name)).unwrap_or_else(|error| panic!("{name} was not written: {error}"));
        bytes
            .split(|byte| *byte == 0)
            .filter_map(|entry| std::str::from_utf8(entry).ok()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// A command with a small, known environment and this folder as home.
    pub(crate) fn command(&self, program: &Path, before: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        let path = Vars::from_process().raw("PATH").map_or_else(OsString::new, OsString::from);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path())
            .env("LC_ALL", "C.UTF-8");
        command.envs(before.iter().copied());
        command
    }
}

/// Only the variables in `names`, so that two environments can be compared.
pub(crate) fn only(all: &BTreeMap<String, String>, names: &[&str]) -> BTreeMap<String, String> {
    all.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect()
}
