//! The shells as programs: how each starts a file, enters a project, leaves it, and shows what a child sees.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use modelstrap::generate::shell::Shell;

use crate::support::shells::{HOSTILE, Place, find};

/// A shell as a program: how it starts a file, what a careful user sets first, and how it says things.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) shell: Shell,
    /// Before the script's path.
    pub(crate) args: &'static [&'static str],
    pub(crate) strict: &'static str,
}

pub(crate) const fn posix(name: &'static str, args: &'static [&'static str]) -> Program {
    Program { name, shell: Shell::Posix, args, strict: "set -euC\n" }
}

pub(crate) const PROGRAMS: &[Program] = &[
    posix("sh", &[]),
    posix("dash", &[]),
    posix("bash", &[]),
    posix("ksh93", &[]),
    posix("mksh", &[]),
    posix("yash", &[]),
    posix("busybox", &["sh"]),
    Program { strict: "setopt errexit nounset noclobber rcquotes\n", ..posix("zsh", &["-f"]) },
    Program { name: "fish", shell: Shell::Fish, args: &["--no-config"], strict: "" },
    Program { name: "tcsh", shell: Shell::Tcsh, args: &["-f"], strict: "" },
    Program { name: "nu", shell: Shell::Nushell, args: &["--no-config-file"], strict: "" },
    Program {
        name: "xonsh",
        shell: Shell::Xonsh,
        args: &["--no-rc"],
        strict: "$XONSH_SUBPROC_CMD_RAISE_ERROR = True\n",
    },
    Program { name: "elvish", shell: Shell::Elvish, args: &["-norc"], strict: "var leave = $nop~\n" },
];

impl Program {
    pub(crate) fn enter(&self, path: &str) -> String {
        let file = self.shell.quote(path);
        match self.shell {
            Shell::Posix => format!(". {file}\n"),
            Shell::Fish => format!("source {file}; or exit 9\n"),
            Shell::Tcsh => format!("source {file}\nif ( $status ) exit 9\n"),
            Shell::Nushell => format!("source {file}\n"),
            Shell::Xonsh => format!("source @({file})\n"),
            Shell::Elvish => {
                format!("eval &on-end={{|made| set leave = $made[modelstrap_deactivate~] }} (slurp < {file})\n")
            }
            Shell::PowerShell | Shell::Cmd => unreachable!("not run here"),
        }
    }

    pub(crate) fn leave(&self) -> &'static str {
        if self.shell == Shell::Elvish { "$leave\n" } else { "modelstrap_deactivate\n" }
    }

    pub(crate) fn dump(&self, place: &Place, name: &str) -> String {
        let (program, file) = (self.shell.quote(&place.at("dump")), self.shell.quote(&place.at(name)));
        match self.shell {
            Shell::Nushell => format!("^{program} {file}\n"),
            Shell::Xonsh => format!("@({program}) @({file})\n"),
            Shell::Elvish => format!("(external {program}) {file}\n"),
            _ => format!("{program} {file}\n"),
        }
    }

    /// Runs the script, which must succeed and say nothing.
    pub(crate) fn run(&self, place: &Place, path: &Path, script: &str, before: &[(&str, &str)]) {
        let file = place.write("script", script);
        let output = place.command(path, before).args(self.args).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {}\n{said}\n{script}", self.name, output.status);
    }
}

pub(crate) fn for_each_program(test: impl Fn(&Program, &Path)) {
    let mut failed = Vec::new();
    for program in PROGRAMS {
        let Some(path) = find(program.name) else { continue };
        // One shell's failure must not hide the others'.
        if catch_unwind(AssertUnwindSafe(|| test(program, &path))).is_err() {
            failed.push(program.name);
        }
    }
    assert_eq!(failed, Vec::<&str>::new(), "shells that failed, each with its own message above");
}

pub(crate) fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Set before anything is sourced: hostile, empty, a list of folders, one that a project unsets.
pub(crate) const BEFORE: &[(&str, &str)] = &[
    ("HF_HOME", "it's $HOME \\ !x \"old\"\nhome"),
    ("MS_EMPTY", ""),
    ("MS_CACHE_PATH", "/one:/two"),
    ("MS_GONE", "here * before"),
    ("MS_BACKSLASH", "\\"),
];

pub(crate) fn names() -> Vec<&'static str> {
    HOSTILE.iter().map(|(name, _)| *name).chain(["MS_EMPTY", "MS_GONE", "MS_NEVER", "MS_ONLY_B"]).collect()
}
