//! The snippets and the plain exports, proven by the shells themselves: what arrives in a child process.
#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use modelstrap::generate::rc;
use modelstrap::generate::shell::{Assignment, Shell, exports, snippet};
use support::shells::{HOSTILE, Place, find, only, set};

/// A shell as a program: how it starts a file, what a careful user sets first, and how it says things.
struct Program {
    name: &'static str,
    shell: Shell,
    /// Before the script's path.
    args: &'static [&'static str],
    strict: &'static str,
}

const fn posix(name: &'static str, args: &'static [&'static str]) -> Program {
    Program { name, shell: Shell::Posix, args, strict: "set -euC\n" }
}

const PROGRAMS: &[Program] = &[
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
    fn enter(&self, path: &str) -> String {
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

    fn leave(&self) -> &'static str {
        if self.shell == Shell::Elvish { "$leave\n" } else { "modelstrap_deactivate\n" }
    }

    fn dump(&self, place: &Place, name: &str) -> String {
        let (program, file) = (self.shell.quote(&place.at("dump")), self.shell.quote(&place.at(name)));
        match self.shell {
            Shell::Nushell => format!("^{program} {file}\n"),
            Shell::Xonsh => format!("@({program}) @({file})\n"),
            Shell::Elvish => format!("(external {program}) {file}\n"),
            _ => format!("{program} {file}\n"),
        }
    }

    /// Runs the script, which must succeed and say nothing.
    fn run(&self, place: &Place, path: &PathBuf, script: &str, before: &[(&str, &str)]) {
        let file = place.write("script", script);
        let output = place.command(path, before).args(self.args).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {}\n{said}\n{script}", self.name, output.status);
    }
}

fn for_each_program(test: impl Fn(&Program, &PathBuf)) {
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

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Set before anything is sourced: hostile, empty, a list of folders, one that a project unsets.
const BEFORE: &[(&str, &str)] = &[
    ("HF_HOME", "it's $HOME \\ !x \"old\"\nhome"),
    ("MS_EMPTY", ""),
    ("MS_CACHE_PATH", "/one:/two"),
    ("MS_GONE", "here * before"),
    ("MS_BACKSLASH", "\\"),
];

fn names() -> Vec<&'static str> {
    HOSTILE.iter().map(|(name, _)| *name).chain(["MS_EMPTY", "MS_GONE", "MS_NEVER", "MS_ONLY_B"]).collect()
}

#[test]
fn every_shell_enters_twice_changes_project_and_leaves_without_a_trace() {
    let mut pairs = HOSTILE.to_vec();
    pairs.push(("MS_EMPTY", "full"));
    let first = set(&pairs, &["MS_GONE", "MS_NEVER"]);
    let second_pairs = [("HF_HOME", "/second"), ("MS_ONLY_B", "b"), ("MS_CACHE_PATH", "/b")];
    let second = set(&second_pairs, &["MS_EMPTY"]);
    for_each_program(|program, path| {
        let place = Place::new();
        let a = place.write(&format!("a-{}", program.shell.file_name()), &snippet(program.shell, &first));
        let b = place.write(&format!("b-{}", program.shell.file_name()), &snippet(program.shell, &second));
        let steps = [
            program.strict.to_owned(),
            program.dump(&place, "0"),
            program.enter(&a),
            program.dump(&place, "1"),
            program.enter(&a),
            program.dump(&place, "2"),
            program.enter(&b),
            program.dump(&place, "3"),
            program.leave().to_owned(),
            program.dump(&place, "4"),
            program.enter(&a),
            program.leave().to_owned(),
            program.dump(&place, "5"),
        ];
        program.run(&place, path, &steps.concat(), BEFORE);

        let seen = |name: &str| only(&place.dumped(name), &names());
        let before = owned(BEFORE);
        assert_eq!(seen("0"), before, "{}: the start", program.name);
        assert_eq!(seen("1"), owned(&pairs), "{}: entered", program.name);
        assert_eq!(seen("2"), owned(&pairs), "{}: entered again", program.name);
        let mut other = before.clone();
        other.extend(owned(&second_pairs));
        other.remove("MS_EMPTY");
        assert_eq!(seen("3"), other, "{}: another project", program.name);
        assert_eq!(seen("4"), before, "{}: left", program.name);
        // Nothing but what was there, whatever its name: no helper is left behind in the environment.
        let noise = ["_", "OLDPWD", "PWD", "SHLVL", "LAST_EXIT_CODE"];
        let whole = |name: &str| {
            let mut all = place.dumped(name);
            all.retain(|name, _| !noise.contains(&name.as_str()));
            all
        };
        assert_eq!(whole("4"), whole("0"), "{}: left", program.name);
        assert_eq!(whole("5"), whole("0"), "{}: left again", program.name);
    });
}

#[test]
fn every_shell_evaluates_the_plain_exports() {
    let mut assignments: Vec<Assignment> =
        HOSTILE.iter().map(|(name, value)| Assignment::Set((*name).into(), (*value).into())).collect();
    assignments.push(Assignment::Set("MS_EMPTY".into(), String::new()));
    assignments.push(Assignment::Unset("MS_GONE".into()));
    let mut wanted = owned(HOSTILE);
    wanted.insert("MS_EMPTY".into(), String::new());
    for_each_program(|program, path| {
        let place = Place::new();
        let script = exports(program.shell, &assignments) + &program.dump(&place, "1");
        program.run(&place, path, &(program.strict.to_owned() + &script), BEFORE);
        assert_eq!(only(&place.dumped("1"), &names()), wanted, "{}", program.name);
    });
}

#[test]
fn an_rc_block_sources_a_file_that_is_there_and_ignores_one_that_is_gone() {
    let variables = set(&[("HF_HOME", "/in the project")], &[]);
    for_each_program(|program, path| {
        let place = Place::new();
        let here = place.write(program.shell.file_name(), &snippet(program.shell, &variables));
        let gone = rc::lines(program.shell, &place.at("gone"));
        let there = rc::lines(program.shell, &here);
        let script =
            [program.strict, &gone, "\n", &program.dump(&place, "0"), &there, "\n", &program.dump(&place, "1")];
        program.run(&place, path, &script.concat(), &[]);
        assert_eq!(place.dumped("0").get("HF_HOME"), None, "{}", program.name);
        assert_eq!(place.dumped("1").get("HF_HOME").map(String::as_str), Some("/in the project"), "{}", program.name);
        program.run(&place, path, &format!("{}{gone}\n", program.strict), &[]);
    });
}
