//! What can be held without running a shell: checkers and parsers, exact texts, names that never become code.

use modelstrap::generate::hook::{HookShell, hook};
use modelstrap::generate::shell::{Assignment, Shell, exports, snippet};
use modelstrap::generate::{dotenv, rc};

use super::programs::owned;
use crate::support::shells::{HOSTILE, Place, find, only, python_with, set};

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
