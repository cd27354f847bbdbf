//! The cd-hooks in real shells.
//!
//! The program that the hook asks is a stand-in: it runs this very test program, which computes the
//! real transition for the folder that it is started in.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::support::itself;
use crate::support::shells::{HOSTILE, Place, find, only, set};
use modelstrap::catalogue::variables::VariableSet;
use modelstrap::generate::hook::{HookShell, export, hook};
use modelstrap::generate::transition::{STATE, assignments};
use modelstrap::support::vars::Vars;

fn outer() -> VariableSet {
    set(HOSTILE, &["MS_GONE", "MS_NEVER"])
}

fn inner() -> VariableSet {
    set(&[("HF_HOME", "/inner"), ("MS_ONLY_B", "b")], &["MS_PLAIN"])
}

/// Not a test of its own: what the stand-in runs.
#[test]
fn stand_in() {
    let vars = Vars::from_process();
    let (Some(out), Some(root), Some(shell)) = (vars.text("MS_OUT"), vars.text("MS_ROOT"), vars.text("MS_SHELL"))
    else {
        return;
    };
    let here = std::env::current_dir().unwrap();
    let (a, b) = (format!("{root}/a"), format!("{root}/a/b"));
    let (outer, inner) = (outer(), inner());
    let target = if here.starts_with(&b) {
        Some((b.as_str(), &inner))
    } else if here.starts_with(&a) {
        Some((a.as_str(), &outer))
    } else {
        None
    };
    fs::write(out, export(HookShell::parse(shell).unwrap(), &assignments(&vars, target))).unwrap();
}

/// The folders `a`, `a/b`, `a/c` and `other`, and a stand-in for modelstrap that counts its runs.
fn house(shell: HookShell) -> (Place, String) {
    let place = Place::new();
    for folder in ["a/b", "a/c", "other"] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    let exe = itself::program();
    let root = place.path().canonicalize().unwrap();
    let quoted = |path: &Path| modelstrap::generate::shell::Shell::Posix.quote(path.to_str().unwrap());
    let out = place.path().join("out");
    let text = format!(
        "#!/bin/sh\n[ \"$*\" = 'hook {name} --export' ] || {{ echo \"wrong arguments: $*\" >&2; exit 1; }}\n\
         echo run >>{count}\nMS_OUT={out} MS_ROOT={root} MS_SHELL={name} {exe} --exact {test} >/dev/null\ncat {out}\n",
        name = shell.name(),
        count = quoted(&place.path().join("count")),
        out = quoted(&out),
        root = quoted(&root),
        exe = quoted(&exe),
        test = itself::test(module_path!(), "stand_in"),
    );
    let binary = place.program("model strap's", &text);
    (place, binary)
}

fn names() -> Vec<&'static str> {
    HOSTILE.iter().map(|(name, _)| *name).chain(["MS_GONE", "MS_NEVER", "MS_ONLY_B", STATE]).collect()
}

const BEFORE: &[(&str, &str)] = &[
    ("HF_HOME", "it's $HOME \\ !x \"old\"\nhome"),
    ("MS_GONE", "here * before"),
    ("MS_CACHE_PATH", "/one:/two"),
    ("MS_TAB", ""),
];

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// How one shell is started as if at a prompt, and the words that differ.
struct Session {
    shell: HookShell,
    program: &'static str,
    args: &'static [&'static str],
    /// Evaluates the hook in the file at `{}`, twice.
    load: fn(&str) -> String,
    /// Runs `program` with one argument.
    run: fn(&str, &str) -> String,
}

fn q(shell: HookShell, text: &str) -> String {
    shell.shell().quote(text)
}

const SESSIONS: &[Session] = &[
    Session {
        shell: HookShell::Bash,
        program: "bash",
        args: &["--norc", "--noprofile", "-i"],
        load: |file| {
            format!(
                "PROMPT_COMMAND='users=\"${{users-}}$?\"'\neval \"$(cat {file})\"\neval \"$(cat {file})\"\n",
                file = q(HookShell::Bash, file)
            )
        },
        run: |program, arg| format!("{} {}\n", q(HookShell::Bash, program), q(HookShell::Bash, arg)),
    },
    Session {
        shell: HookShell::Zsh,
        program: "zsh",
        args: &["-f", "-i"],
        load: |file| {
            format!(
                "setopt nounset noclobber\neval \"$(cat {file})\"\neval \"$(cat {file})\"\n",
                file = q(HookShell::Zsh, file)
            )
        },
        run: |program, arg| format!("{} {}\n", q(HookShell::Zsh, program), q(HookShell::Zsh, arg)),
    },
    Session {
        shell: HookShell::Fish,
        program: "fish",
        args: &["--no-config"],
        load: |file| format!("source {file}\nsource {file}\n", file = q(HookShell::Fish, file)),
        run: |program, arg| format!("{} {}\n", q(HookShell::Fish, program), q(HookShell::Fish, arg)),
    },
    Session {
        shell: HookShell::Elvish,
        program: "elvish",
        args: &["-norc"],
        load: |file| format!("eval (slurp < {file})\neval (slurp < {file})\n", file = q(HookShell::Elvish, file)),
        run: |program, arg| format!("(external {}) {}\n", q(HookShell::Elvish, program), q(HookShell::Elvish, arg)),
    },
    Session {
        shell: HookShell::Xonsh,
        program: "xonsh",
        args: &["--no-rc"],
        load: |file| {
            format!("execx(open({file}).read())\nexecx(open({file}).read())\n", file = q(HookShell::Xonsh, file))
        },
        run: |program, arg| format!("@({}) @({})\n", q(HookShell::Xonsh, program), q(HookShell::Xonsh, arg)),
    },
    Session {
        shell: HookShell::Nushell,
        program: "nu",
        args: &["--no-config-file"],
        // A script has no prompt: the registered hook is called as the prompt would, and must be one.
        load: |file| {
            format!(
                "source {file}\nsource {file}\ndef --env go [dir] {{\n  cd $dir\n  let hooks = $env.config.hooks.env_change.PWD\n  \
                 if ($hooks | length) != 1 {{ error make {{ msg: 'registered twice' }} }}\n  do --env ($hooks | first).code null $env.PWD\n}}\n",
                file = q(HookShell::Nushell, file)
            )
        },
        run: |program, arg| format!("^{} {}\n", q(HookShell::Nushell, program), q(HookShell::Nushell, arg)),
    },
];

#[test]
fn a_hook_follows_the_folder_nests_and_leaves_what_was_there_before() {
    let mut failed = Vec::new();
    for session in SESSIONS {
        let Some(program) = find(session.program) else { continue };
        let (place, binary) = house(session.shell);
        let file = place.write("hook", &hook(session.shell, &binary).unwrap());
        let cd = |folder: &str| {
            let dir = q(session.shell, &place.at(folder));
            if session.shell == HookShell::Nushell { format!("go {dir}\n") } else { format!("cd {dir}\n") }
        };
        let dump = |name: &str| (session.run)(&place.at("dump"), &place.at(name));
        let steps = [
            dump("0"),
            (session.load)(&file),
            cd("a"),
            dump("1"),
            dump("1"),
            cd("a/c"),
            dump("2"),
            cd("a/b"),
            dump("3"),
            cd("a"),
            dump("4"),
            cd("a/b"),
            cd("other"),
            dump("5"),
        ];
        let script = steps.concat();
        let mut command = place.command(&program, BEFORE);
        command.args(session.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The shells that have prompts without a terminal are given their lines, the others a file.
        if !session.args.contains(&"-i") {
            command.arg(place.write("script", &script));
        }
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !place.path().join("5").exists() {
            eprintln!("{}: {}\n{said}\n{script}", session.program, output.status);
            failed.push(session.program);
            continue;
        }
        let seen = |name: &str| only(&place.dumped(name), &names());
        let before = owned(BEFORE);
        let mut nested = before.clone();
        nested.extend(owned(&[("HF_HOME", "/inner"), ("MS_ONLY_B", "b")]));
        let plain = |mut all: BTreeMap<String, String>| {
            all.remove(STATE);
            all
        };
        let wanted = [before.clone(), owned(HOSTILE), owned(HOSTILE), nested, owned(HOSTILE)];
        for (step, wanted) in wanted.iter().enumerate() {
            let seen = plain(seen(&step.to_string()));
            if seen != *wanted {
                eprintln!("{}: step {step}\n  seen {seen:?}\n  want {wanted:?}\n{said}", session.program);
                failed.push(session.program);
            }
        }
        if seen("5") != before {
            eprintln!("{}: left\n  seen {:?}\n  want {before:?}\n{said}", session.program, seen("5"));
            failed.push(session.program);
        }
        // At most once for each of the folders, and once for the one that the shell started in.
        let runs = fs::read_to_string(place.path().join("count")).unwrap_or_default().lines().count();
        if !(6..=7).contains(&runs) {
            eprintln!("{}: {runs} runs for six changes of folder\n{said}", session.program);
            failed.push(session.program);
        }
    }
    assert_eq!(failed, Vec::<&str>::new(), "each with its own message above");
}

/// What an interactive shell, in a folder with a project `a`, appended to the file `$SAID`.
fn said(shell: HookShell, before: &str, after: &str) -> Option<String> {
    let session = SESSIONS.iter().find(|session| session.shell == shell)?;
    let program = find(session.program)?;
    let (place, binary) = house(shell);
    let file = q(shell, &place.write("hook", &hook(shell, &binary).unwrap()));
    let said = place.write("said", "");
    let mut command = place.command(&program, BEFORE);
    command.env("SAID", &said).args(session.args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let load = format!("eval \"$(cat {file})\"; eval \"$(cat {file})\"\n");
    child.stdin.take().unwrap().write_all(format!("{before}\n{load}{after}").as_bytes()).unwrap();
    child.wait().unwrap();
    Some(fs::read_to_string(said).unwrap())
}

const WALK: &str = "cd a\n(exit 7)\necho \"kept $? $HF_HOME\" >>\"$SAID\"\n";

#[test]
fn the_hook_of_bash_keeps_the_last_status_and_the_users_own_prompt_command() {
    let walk = WALK.to_owned() + "echo \"${PROMPT_COMMAND[*]}\" | grep -o _modelstrap_hook >>\"$SAID\"\nexit\n";
    let string = "PROMPT_COMMAND='echo \"own $?\" >>\"$SAID\"'";
    let array = "PROMPT_COMMAND=('echo \"own $?\" >>\"$SAID\"' 'echo more >>\"$SAID\"')";
    let wanted = "own 0\nown 0\nown 0\nown 7\nkept 7 /new/home of models\nown 0\n_modelstrap_hook\nown 0\n";
    for (before, wanted) in [
        (string.to_owned(), wanted.to_owned()),
        (format!("set -uC; {string}"), wanted.to_owned()),
        (array.to_owned(), wanted.replace("own 0\n", "own 0\nmore\n").replace("own 7\n", "own 7\nmore\n")),
        (String::new(), "kept 7 /new/home of models\n_modelstrap_hook\n".to_owned()),
    ] {
        let Some(said) = said(HookShell::Bash, &before, &walk) else { return };
        assert_eq!(said, wanted, "{before}");
    }
}

#[test]
fn the_hook_of_zsh_keeps_the_last_status_and_the_users_own_functions() {
    let own = "own() { echo \"own $?\" >>\"$SAID\" }; precmd_functions=(own); chpwd_functions=(own)";
    let walk = WALK.to_owned() + "echo $precmd_functions $chpwd_functions >>\"$SAID\"\nexit\n";
    for before in [own.to_owned(), format!("setopt nounset noclobber shwordsplit; {own}")] {
        let Some(said) = said(HookShell::Zsh, &before, &walk) else { return };
        let wanted = "own 0\nown 0\nown 0\nown 0\nown 7\nkept 7 /new/home of models\nown 0\n\
                      _modelstrap_hook own own _modelstrap_hook\nown 0\n";
        assert_eq!(said, wanted, "{before}");
    }
}

#[test]
fn the_hook_is_silent_when_the_program_is_gone() {
    for session in SESSIONS {
        let Some(program) = find(session.program) else { continue };
        let place = Place::new();
        let file = place.write("hook", &hook(session.shell, &place.at("gone")).unwrap());
        let go = format!("cd {}\n", q(session.shell, place.path().to_str().unwrap()));
        let script = place.write("script", &((session.load)(&file) + &go));
        let args = session.args.iter().filter(|arg| **arg != "-i");
        let output = place.command(&program, &[]).args(args).arg(script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {}: {said}", session.program, output.status);
    }
}

#[test]
fn a_hooks_shell_is_known_by_name_or_path() {
    assert_eq!(HookShell::ALL.map(|shell| HookShell::parse(shell.name())), HookShell::ALL.map(Some));
    assert_eq!(HookShell::parse("/usr/bin/zsh"), Some(HookShell::Zsh));
    assert_eq!(HookShell::parse("pwsh.exe"), Some(HookShell::PowerShell));
    assert_eq!(HookShell::parse("tcsh"), None);
}

#[test]
fn a_binary_with_a_line_break_in_its_path_gets_no_hook() {
    let error = hook(HookShell::Bash, "/a\nb").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the path of modelstrap contains a control character, so no shell can be told to run it: \"/a\\nb\"; move the program"
    );
}
