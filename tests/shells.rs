//! The snippets and the plain exports, proven by the shells themselves: what arrives in a child process.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

mod support;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use modelstrap::generate::dotenv;
use modelstrap::generate::hook::{HookShell, hook};
use modelstrap::generate::rc;
use modelstrap::generate::shell::{Assignment, Shell, exports, snippet};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use support::shells::{HOSTILE, Place, find, only, python_with, set};

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
    fn run(&self, place: &Place, path: &Path, script: &str, before: &[(&str, &str)]) {
        let file = place.write("script", script);
        let output = place.command(path, before).args(self.args).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {}\n{said}\n{script}", self.name, output.status);
    }
}

fn for_each_program(test: impl Fn(&Program, &Path)) {
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
    assignments.push(Assignment::Unset("MS_NEVER".into()));
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

#[test]
fn three_hundred_variables_are_no_trouble() {
    let names: Vec<String> = (0..300).map(|number| format!("MS_{number}")).collect();
    let value = "/a rather long path/to the cache/of a library/".repeat(3);
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let variables = set(&pairs, &[]);
    for_each_program(|program, path| {
        let place = Place::new();
        let file = place.write(program.shell.file_name(), &snippet(program.shell, &variables));
        let steps = [
            program.strict.to_owned(),
            program.enter(&file),
            program.enter(&file),
            program.dump(&place, "1"),
            program.leave().to_owned(),
            program.dump(&place, "2"),
        ];
        program.run(&place, path, &steps.concat(), &[("MS_7", "seven")]);
        let seen = |name: &str| only(&place.dumped(name), &pairs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(seen("1"), owned(&pairs), "{}", program.name);
        assert_eq!(seen("2"), owned(&[("MS_7", "seven")]), "{}", program.name);
    });
}

#[test]
fn random_values_arrive_in_every_shell() {
    let mut runner = TestRunner::deterministic();
    let special = "[ '\"\\\\$`!%#~;*?&|<>(){}\\[\\]=^@,:\n\r\t\u{1}\u{7f}xn0-]{0,9}";
    let values: Vec<String> = [special, "\\PC{0,9}", "[^\0]{0,9}"]
        .iter()
        .flat_map(|pattern| [*pattern; 100])
        .map(|pattern| proptest::string::string_regex(pattern).unwrap().new_tree(&mut runner).unwrap().current())
        .collect();
    let names: Vec<String> = (0..values.len()).map(|number| format!("MS_{number}")).collect();
    let pairs: Vec<_> = names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
    let assignments: Vec<_> =
        pairs.iter().map(|(name, value)| Assignment::Set((*name).into(), (*value).into())).collect();
    for_each_program(|program, path| {
        let place = Place::new();
        let script = exports(program.shell, &assignments) + &program.dump(&place, "1");
        program.run(&place, path, &(program.strict.to_owned() + &script), &[]);
        let seen = place.dumped("1");
        let wrong: Vec<_> = pairs
            .iter()
            .filter(|(name, value)| seen.get(*name).map(String::as_str) != Some(*value))
            .map(|(name, value)| (value, seen.get(*name)))
            .collect();
        assert_eq!(wrong, [], "{}", program.name);
    });
}

/// Runs `program` on a file with this text, which must accept it without a word.
fn accepted(program: &str, args: &[&str], name: &str, text: &str) {
    let Some(path) = find(program) else { return };
    let place = Place::new();
    let file = place.write(name, text);
    let output = place.command(&path, &[]).args(args).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{program}: {}\n{said}", output.status);
}

#[test]
fn the_checkers_accept_the_files() {
    let variables = set(HOSTILE, &["MS_GONE"]);
    let text = |shell| snippet(shell, &variables);
    for program in ["sh", "dash", "bash", "zsh", "ksh93", "mksh", "yash"] {
        accepted(program, &["-n"], "env.sh", &text(Shell::Posix));
    }
    accepted("fish", &["--no-execute"], "env.fish", &text(Shell::Fish));
    accepted("elvish", &["-compileonly"], "env.elv", &text(Shell::Elvish));
    accepted("shellcheck", &[], "env.sh", &text(Shell::Posix));
    let hook = hook(HookShell::Bash, "/opt/model strap/bin/modelstrap").unwrap();
    accepted("bash", &["-n"], "hook", &hook);
    accepted("shellcheck", &["-s", "bash"], "hook", &hook);
}

#[test]
fn powershell_is_only_parsed_because_it_cannot_be_run_here() {
    let Some(python) = python_with("tree_sitter_powershell") else { return };
    eprintln!("note: PowerShell is not run: its files are parsed with tree-sitter");
    let place = Place::new();
    let checker = place.write(
        "check.py",
        "import sys, tree_sitter, tree_sitter_powershell\n\
         parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))\n\
         sys.exit(parser.parse(open(sys.argv[1], 'rb').read()).root_node.has_error)\n",
    );
    let assignments = [Assignment::Set("A".into(), "it's ‘é🤗’\n".into()), Assignment::Unset("B".into())];
    let sound = |text: &str| {
        let file = place.write("file.ps1", text);
        place.command(&python, &[]).arg(&checker).arg(file).output().unwrap().status.success()
    };
    for text in [
        snippet(Shell::PowerShell, &set(HOSTILE, &["MS_GONE"])),
        exports(Shell::PowerShell, &assignments),
        rc::lines(Shell::PowerShell, "/it's é/env.ps1"),
        hook(HookShell::PowerShell, "C:\\it's é\\modelstrap.exe").unwrap(),
    ] {
        assert!(sound(&text), "{text}");
        assert!(text.is_ascii(), "{text}");
    }
    assert!(!sound("$env:A = 'open\n"), "the parser must be able to refuse");
}

#[test]
fn the_file_for_cmd_doubles_percents_and_names_what_it_cannot_hold() {
    // cmd itself is not run here: this holds the text that its documented rules ask for.
    let pairs = [("A", "100% & \"x & y\" ^ !"), ("B", "one\ntwo")];
    let text = snippet(Shell::Cmd, &set(&pairs, &["C"]));
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    let lines: Vec<_> = text.lines().skip(4).collect();
    assert_eq!(
        lines,
        [
            "@if /i \"%~1\"==\"deactivate\" goto modelstrap_leave",
            "@if defined __MODELSTRAP_ACTIVE call \"%__MODELSTRAP_ACTIVE%\" deactivate",
            "@set \"__MODELSTRAP_ACTIVE=%~f0\"",
            "@doskey modelstrap_deactivate=call \"%~f0\" deactivate",
            "@set \"__MODELSTRAP_WAS_A=%A%\"",
            "@set \"__MODELSTRAP_WAS_C=%C%\"",
            "@set \"A=100%% & \"x ^& y\" ^ !\"",
            "@rem B is left out: cmd cannot hold a line break in a value.",
            "@set \"C=\"",
            "@exit /b 0",
            "",
            ":modelstrap_leave",
            "@if not defined __MODELSTRAP_ACTIVE exit /b 0",
            "@set \"A=%__MODELSTRAP_WAS_A%\"",
            "@set \"__MODELSTRAP_WAS_A=\"",
            "@set \"C=%__MODELSTRAP_WAS_C%\"",
            "@set \"__MODELSTRAP_WAS_C=\"",
            "@set \"__MODELSTRAP_ACTIVE=\"",
            "@doskey modelstrap_deactivate=",
            "@exit /b 0",
        ]
    );
    assert!(snippet(Shell::Cmd, &set(&[("A", "é")], &[])).contains("@chcp 65001 >nul\r\n@set \"A=é\"\r\n"));
}

#[test]
fn a_name_that_is_no_name_never_becomes_code() {
    let evil = set(&[("A;touch x", "1"), ("", "1"), ("1A", "1"), ("É", "1"), ("GOOD", "1")], &["$(B)", "GOOD"]);
    let good = set(&[("GOOD", "1")], &[]);
    for shell in Shell::ALL {
        assert_eq!(snippet(shell, &evil), snippet(shell, &good), "{shell:?}");
        assert_eq!(exports(shell, &[Assignment::Set("A;B".into(), "1".into()), Assignment::Unset("a b".into())]), "");
    }
}

#[test]
fn a_shell_is_known_by_its_exact_name_or_its_programs_path() {
    for (name, shell) in [
        ("bash", Some(Shell::Posix)),
        ("/usr/bin/zsh", Some(Shell::Posix)),
        ("-zsh", Some(Shell::Posix)),
        ("/opt/nu/bin/fish", Some(Shell::Fish)),
        (r"C:\Program Files\PowerShell\7\PWSH.EXE", Some(Shell::PowerShell)),
        ("nu", Some(Shell::Nushell)),
        ("csh", Some(Shell::Tcsh)),
        ("cmd.exe", Some(Shell::Cmd)),
        ("/gnu/store/x/bin/nubash", None),
        ("zsh-5.9", None),
        ("", None),
    ] {
        assert_eq!(Shell::parse(name), shell, "{name}");
    }
}

#[test]
fn python_dotenv_reads_every_value_as_it_is() {
    let Some(python) = python_with("dotenv") else { return };
    let mut pairs = HOSTILE.to_vec();
    pairs.extend([("MS_EMPTY", ""), ("MS_END", "a\\"), ("MS_TWO", "\\\\x'y"), ("MS_BOTH", "\r\\ \"'$x\n")]);
    let place = Place::new();
    let file = place.write(".env", &(dotenv::lines(&set(&pairs, &[])).join("\n") + "\n"));
    let code = "import dotenv, os, sys\ndotenv.load_dotenv(sys.argv[1])\nos.execv(sys.argv[2], sys.argv[2:])";
    let output =
        place.command(&python, &[]).args(["-c", code, &file, &place.at("dump"), &place.at("1")]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let names: Vec<_> = pairs.iter().map(|(name, _)| *name).collect();
    assert_eq!(only(&place.dumped("1"), &names), owned(&pairs));
}

#[test]
fn the_lines_for_an_rc_file_only_source_our_file() {
    let lines = |shell| rc::lines(shell, "/it's/env");
    assert_eq!(
        Shell::ALL.map(lines),
        [
            r"if [ -f '/it'\''s/env' ]; then . '/it'\''s/env'; fi",
            r"if test -f '/it\'s/env'; source '/it\'s/env'; end",
            "if (Test-Path -LiteralPath '/it''s/env') { . '/it''s/env' }",
            r#"source (if ("/it's/env" | path exists) { "/it's/env" } else { null })"#,
            r"if ( -f '/it'\''s/env' ) source '/it'\''s/env'",
            "if __import__(\"os\").path.isfile(\"/it's/env\"):\n    source @(\"/it's/env\")",
            "use path\nif (path:is-regular &follow-symlink=$true '/it''s/env') { eval (slurp < '/it''s/env') }",
            "@if exist \"/it's/env\" call \"/it's/env\"",
        ]
    );
}
