//! The main promise: after `setup --yes`, a Python process of the project has the right variables, however it was started.
//!
//! Five ways lead to it: `modelstrap run`, the project's own manager, a sourced snippet, the cd-hook, and `.env`.
//! All must agree with `modelstrap env`, in every kind of folder.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::python::{House, fixture, good};
use crate::support::shells::find;
use crate::support::{programs, python};
use modelstrap::generate::hook::HookShell;
use modelstrap::generate::shell::Shell;

type Seen = BTreeMap<String, Option<String>>;

/// What every way must lead to, and what shows it: a program that has the fixture's stage print the variables into a file.
struct Proof<'a> {
    house: &'a House,
    wanted: BTreeMap<String, String>,
    show: String,
    failures: Vec<String>,
}

impl<'a> Proof<'a> {
    /// Sets the project up. None where there is no Python.
    fn begin(house: &'a House) -> Option<Self> {
        let python = python::python()?;
        house.set_up();
        let wanted = house.variables();
        let show = house.at("show");
        let q = |text: &str| Shell::Posix.quote(text);
        let names: Vec<&str> = wanted.keys().map(String::as_str).collect();
        let stage = fixture().join("stages/print_environment.py");
        let text = format!(
            "#!/bin/sh\nexec {} {} {} >\"$1\"\n",
            q(python.to_str().unwrap()),
            q(stage.to_str().unwrap()),
            names.join(" ")
        );
        programs::script(Path::new(&show), &text);
        Some(Self { house, wanted, show: show.to_str().unwrap().to_owned(), failures: Vec::new() })
    }

    fn check(&mut self, way: &str, seen: &Seen, wanted: &BTreeMap<String, String>) {
        let wanted: Seen = wanted.iter().map(|(name, value)| (name.clone(), Some(value.clone()))).collect();
        if *seen != wanted {
            self.failures.push(format!("{way}\n  seen {seen:?}\n  want {wanted:?}"));
        }
    }

    /// Takes what `show` wrote into `name`.
    fn shown(&mut self, way: &str, name: &str, said: &str) -> Option<Seen> {
        let file = self.house.at(name);
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
        let seen = serde_json::from_str(&text).ok();
        if seen.is_none() {
            self.failures.push(format!("{way}: nothing was shown, but\n{said}"));
        }
        seen
    }

    fn run(&mut self) {
        let names: Vec<&str> = self.wanted.keys().map(String::as_str).collect();
        let stage = fixture().join("stages/print_environment.py");
        let mut arguments = vec!["run", "--", "python3", stage.to_str().unwrap()];
        arguments.extend(&names);
        let seen = serde_json::from_str(&good(&mut self.house.modelstrap(&arguments))).unwrap();
        self.check("modelstrap run", &seen, &self.wanted.clone());
    }

    /// The manager sets what it reads in the machine config; the rest it hands on.
    fn manager(&mut self) {
        let manager = ["shared/environment_manager.py", "run", "print_environment"];
        if !self.house.project.join(manager[0]).is_file() {
            return;
        }
        let own: BTreeMap<String, String> =
            serde_json::from_str(&good(self.house.command("python3").args([manager[0], "variables"]))).unwrap();
        let homes = ["PRIMARY_CACHE_PATH", "HF_HOME", "HF_HUB_CACHE", "PYANNOTE_CACHE", "TORCH_HOME", "MLX_CACHE_DIR"];
        assert!(homes.iter().all(|name| own.contains_key(*name)), "{own:?}");
        let wanted: BTreeMap<String, String> = self
            .wanted
            .iter()
            .filter(|(name, _)| own.contains_key(*name))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let seen =
            serde_json::from_str(&good(self.house.command("python3").args(manager).args(wanted.keys()))).unwrap();
        self.check("the project's manager", &seen, &wanted);

        let mut arguments = vec!["run", "--", "python3"];
        arguments.extend(manager);
        arguments.extend(self.wanted.keys().map(String::as_str));
        let seen = serde_json::from_str(&good(&mut self.house.modelstrap(&arguments))).unwrap();
        self.check("the project's manager within modelstrap run", &seen, &self.wanted.clone());
    }

    fn snippets(&mut self) {
        for (name, arguments, shell) in SHELLS {
            let Some(program) = find(name) else { continue };
            let file = self.house.project.join(".modelstrap").join(shell.file_name());
            let script = enter(*shell, file.to_str().unwrap()) + &self.call(*shell, "snippet");
            let output = script_in(self.house.command(program), self.house, arguments, &script);
            let way = format!("a snippet in {name}");
            if let Some(seen) = self.shown(&way, "snippet", &(output + &script)) {
                self.check(&way, &seen, &self.wanted.clone());
            }
        }
    }

    /// Enters and leaves the project: `before` stands in the shell's environment, and again after.
    fn hooks(&mut self) {
        for (name, arguments, hook) in HOOKS {
            let Some(program) = find(name) else { continue };
            let text = good(&mut self.house.modelstrap(&["hook", hook.name()]));
            let file = self.house.at("hook");
            fs::write(&file, text).unwrap();
            let shell = hook.shell();
            let q = |text: &str| shell.quote(text);
            let cd = |folder: &Path| match hook {
                HookShell::Nushell => format!("go {}\n", q(folder.to_str().unwrap())),
                // Its own quotes expand `$` where a command's words stand.
                HookShell::Xonsh => format!("cd @({})\n", q(folder.to_str().unwrap())),
                _ => format!("cd {}\n", q(folder.to_str().unwrap())),
            };
            let script = load(*hook, file.to_str().unwrap())
                + &cd(&self.house.project)
                + &self.call(shell, "inside")
                + &cd(&self.house.at("home"))
                + &self.call(shell, "left");
            let mut command = self.house.command(program);
            command.current_dir(self.house.at("home")).env("TORCH_HOME", "/before");
            let output = script_in(command, self.house, arguments, &script);
            let way = format!("the hook of {name}");
            if let Some(seen) = self.shown(&way, "inside", &format!("{output}{script}")) {
                self.check(&way, &seen, &self.wanted.clone());
            }
            let mut before: Seen = self.wanted.keys().map(|name| (name.clone(), None)).collect();
            before.insert("TORCH_HOME".into(), Some("/before".into()));
            if let Some(seen) = self.shown(&way, "left", &output)
                && seen != before
            {
                self.failures.push(format!("{way}, after leaving\n  seen {seen:?}\n  want {before:?}"));
            }
        }
    }

    fn dotenv(&mut self) {
        let Some(python) = python::python_with("MODELSTRAP_TEST_PYTHON", "dotenv") else { return };
        let code =
            "import dotenv, subprocess, sys; dotenv.load_dotenv(sys.argv[1]); subprocess.check_call(sys.argv[2:])";
        let output = self.house.at("dotenv");
        good(self.house.command(python).args(["-c", code, ".env", &self.show]).arg(&output));
        if let Some(seen) = self.shown("python-dotenv", "dotenv", "") {
            self.check("python-dotenv", &seen, &self.wanted.clone());
        }
    }

    fn all(mut self) {
        self.run();
        self.manager();
        self.snippets();
        self.hooks();
        self.dotenv();
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
    }

    /// A line that runs `show NAME`.
    fn call(&self, shell: Shell, name: &str) -> String {
        let (program, file) = (shell.quote(&self.show), shell.quote(self.house.at(name).to_str().unwrap()));
        match shell {
            Shell::Nushell => format!("^{program} {file}\n"),
            Shell::Xonsh => format!("@({program}) @({file})\n"),
            Shell::Elvish => format!("(external {program}) {file}\n"),
            _ => format!("{program} {file}\n"),
        }
    }
}

/// Program, arguments before the script, language.
const SHELLS: &[(&str, &[&str], Shell)] = &[
    ("sh", &[], Shell::Posix),
    ("dash", &[], Shell::Posix),
    ("bash", &["--norc"], Shell::Posix),
    ("zsh", &["-f"], Shell::Posix),
    ("ksh93", &[], Shell::Posix),
    ("mksh", &[], Shell::Posix),
    ("yash", &[], Shell::Posix),
    ("busybox", &["sh"], Shell::Posix),
    ("fish", &["--no-config"], Shell::Fish),
    ("tcsh", &["-f"], Shell::Tcsh),
    ("elvish", &["-norc"], Shell::Elvish),
    ("nu", &["--no-config-file"], Shell::Nushell),
    ("xonsh", &["--no-rc"], Shell::Xonsh),
];

/// Those with prompts that need no terminal are interactive (`-i`) and get their lines on stdin.
const HOOKS: &[(&str, &[&str], HookShell)] = &[
    ("bash", &["--norc", "--noprofile", "-i"], HookShell::Bash),
    ("zsh", &["-f", "-i"], HookShell::Zsh),
    ("fish", &["--no-config"], HookShell::Fish),
    ("elvish", &["-norc"], HookShell::Elvish),
    ("nu", &["--no-config-file"], HookShell::Nushell),
    ("xonsh", &["--no-rc"], HookShell::Xonsh),
];

fn enter(shell: Shell, path: &str) -> String {
    let file = shell.quote(path);
    match shell {
        Shell::Posix => format!(". {file}\n"),
        Shell::Xonsh => format!("source @({file})\n"),
        Shell::Elvish => format!("eval (slurp < {file})\n"),
        _ => format!("source {file}\n"),
    }
}

fn load(hook: HookShell, path: &str) -> String {
    let file = hook.shell().quote(path);
    match hook {
        HookShell::Bash | HookShell::Zsh => format!("eval \"$(cat {file})\"\n"),
        HookShell::Elvish => format!("eval (slurp < {file})\n"),
        HookShell::Xonsh => format!("execx(open({file}).read())\n"),
        // A script has no prompt: the registered hook is called as the prompt would.
        HookShell::Nushell => format!(
            "source {file}\ndef --env go [dir] {{\n  cd $dir\n  do --env ($env.config.hooks.env_change.PWD | first).code null $env.PWD\n}}\n"
        ),
        _ => format!("source {file}\n"),
    }
}

/// Runs a script and gives what was said.
fn script_in(mut command: Command, house: &House, arguments: &[&str], script: &str) -> String {
    use std::io::Write as _;
    let file = house.at("script");
    fs::write(&file, script).unwrap();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !arguments.contains(&"-i") {
        command.arg(&file);
    }
    let mut child = command.spawn().unwrap();
    // A shell that ended early has closed its end; its output says why.
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    python::both(&child.wait_with_output().unwrap())
}

fn git(folder: &Path, arguments: &[&str]) {
    let fixed = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always"];
    let null = "/dev/null";
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(fixed)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", null)
        .env("GIT_CONFIG_SYSTEM", null);
    good(&mut command);
}

fn committed(house: &House) {
    git(&house.project, &["init", "-q"]);
    git(&house.project, &["add", "-A"]);
    git(&house.project, &["commit", "-qm", "all"]);
}

#[test]
fn five_ways_agree_in_a_cloned_project() {
    let house = House::pipeline("speech-pipeline");
    committed(&house);
    if let Some(proof) = Proof::begin(&house) {
        proof.all();
    }
}

#[test]
fn five_ways_agree_in_a_folder_without_git_whose_name_breaks_naive_quoting() {
    let house = House::pipeline("it's a \"p\" $HOME ${X} `y` Größe 模型 #1");
    if let Some(proof) = Proof::begin(&house) {
        proof.all();
    }
}

#[test]
fn five_ways_agree_in_a_bare_folder() {
    let house = House::bare("bare");
    if let Some(proof) = Proof::begin(&house) {
        proof.all();
    }
}

#[test]
fn five_ways_agree_in_a_git_worktree_and_leave_the_main_one_alone() {
    let mut house = House::pipeline("main");
    committed(&house);
    git(&house.project, &["worktree", "add", "-q", "../tree"]);
    let tree = house.at("tree");
    let main = std::mem::replace(&mut house.project, tree);
    if let Some(proof) = Proof::begin(&house) {
        let cache = house.project.join(".cache");
        assert_eq!(proof.wanted["PRIMARY_CACHE_PATH"], cache.to_str().unwrap());
        proof.all();
        assert!(cache.is_dir() && !main.join(".cache").exists() && !main.join(".modelstrap").exists());
    }
}

#[test]
fn five_ways_agree_in_a_submodule_and_leave_the_outer_project_alone() {
    let mut house = House::pipeline("inner");
    committed(&house);
    let outer = house.at("outer");
    fs::create_dir(&outer).unwrap();
    git(&outer, &["init", "-q"]);
    git(&outer, &["submodule", "--quiet", "add", "../inner", "pipeline"]);
    house.project = outer.join("pipeline");
    if let Some(proof) = Proof::begin(&house) {
        let cache = house.project.join(".cache");
        assert_eq!(proof.wanted["PRIMARY_CACHE_PATH"], cache.to_str().unwrap());
        proof.all();
        assert!(cache.is_dir() && !outer.join(".cache").exists() && !outer.join(".modelstrap").exists());
    }
}
