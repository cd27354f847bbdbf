//! `modelstrap hook SHELL --export`, black box: what the hook is told at a prompt, and in bash what a person sees.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::python;
use crate::support::python::{BINARY, House, both, good};
use modelstrap::generate::transition::STATE;
use serde_json::Value;

/// What the hook of nushell, which reads JSON, is told in `folder`: name to value, null to remove.
fn told(house: &House, folder: &Path, before: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let mut command = house.modelstrap(&["hook", "nushell", "--export"]);
    let text = good(command.current_dir(folder).envs(before.iter().copied()));
    if text.is_empty() { BTreeMap::new() } else { serde_json::from_str(&text).unwrap() }
}

fn without_state(mut told: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    told.remove(STATE);
    told
}

fn state(told: &BTreeMap<String, Value>) -> String {
    told[STATE].as_str().unwrap().to_owned()
}

fn as_values(variables: BTreeMap<String, String>) -> BTreeMap<String, Value> {
    variables.into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[test]
fn a_folder_that_setup_did_not_make_ready_changes_nothing() {
    let house = House::pipeline("p");
    assert_eq!(told(&house, &house.project, &[]), BTreeMap::new());
    assert_eq!(told(&house, Path::new("/"), &[]), BTreeMap::new());
}

#[test]
fn entering_sets_what_env_says_and_leaving_brings_back_what_was_there() {
    let house = House::pipeline("p");
    house.set_up();
    let entered = told(&house, &house.project.join("stages"), &[("TORCH_HOME", "/mine")]);
    assert_eq!(without_state(entered.clone()), as_values(house.variables()));

    // Inside, nothing more is said.
    let mut inside: Vec<(String, String)> =
        entered.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    inside.sort();
    let inside: Vec<(&str, &str)> = inside.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(told(&house, &house.project, &inside), BTreeMap::new());

    let left = told(&house, &house.at("home"), &inside);
    let mut wanted: BTreeMap<String, Value> = entered.keys().map(|name| (name.clone(), Value::Null)).collect();
    wanted.insert("TORCH_HOME".into(), "/mine".into());
    assert_eq!(left, wanted);
}

#[test]
fn a_project_in_a_project_takes_over_and_gives_back() {
    let mut house = House::bare("outer");
    let outer = house.project.clone();
    let inner = outer.join("inner");
    fs::create_dir(&inner).unwrap();
    for folder in [&outer, &inner] {
        fs::write(folder.join("modelstrap.toml"), "").unwrap();
        house.project.clone_from(folder);
        house.set_up();
    }
    let entered = told(&house, &outer, &[("TORCH_HOME", "/mine")]);
    let saved = state(&entered);
    let values: Vec<(String, String)> =
        entered.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let nested = told(&house, &inner, &values);
    assert_eq!(nested["TORCH_HOME"], inner.join(".cache/torch").to_str().unwrap());
    assert_ne!(state(&nested), saved);
    // From the inner one straight out: what stood there before the outer one.
    let mut now: BTreeMap<&str, &str> = values.iter().copied().collect();
    now.extend(nested.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));
    let now: Vec<(&str, &str)> = now.into_iter().collect();
    let left = told(&house, &house.at("home"), &now);
    assert_eq!((&left["TORCH_HOME"], &left["HF_HOME"], &left[STATE]), (&"/mine".into(), &Value::Null, &Value::Null));
    // And back into the outer one.
    assert_eq!(told(&house, &outer, &now)["TORCH_HOME"], outer.join(".cache/torch").to_str().unwrap());
}

#[test]
fn a_folder_that_another_user_made_ready_does_not_decide() {
    let house = House::bare("p");
    house.set_up();
    if std::os::unix::fs::chown(house.project.join(".modelstrap"), Some(12345), None).is_err() {
        return python::skipped("another user's folder cannot be made without being root");
    }
    assert_eq!(told(&house, &house.project, &[]), BTreeMap::new());
}

/// Runs lines in an interactive bash that has the hook, and gives stdout and stderr.
fn bash(house: &House, script: &str) -> (String, String) {
    let mut command = house.command("bash");
    command.args(["--norc", "--noprofile", "-i"]).current_dir(house.at("home")).env("PS1", "");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let load = format!("eval \"$('{BINARY}' hook bash)\"\n");
    child.stdin.take().unwrap().write_all((load + script).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_manifest_that_breaks_is_said_once_and_the_prompt_goes_on_without_its_variables() {
    let house = House::pipeline("p");
    house.set_up();
    fs::write(house.project.join("modelstrap.toml"), "[cache\n").unwrap();
    let script = "cd ../p\necho one ${HF_HOME-unset} $?\necho two ${HF_HOME-unset}\ncd ../home\necho three ${HF_HOME-unset}\nexit\n";
    let (out, said) = bash(&house, script);
    assert_eq!(out, "one unset 0\ntwo unset\nthree unset\n", "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");

    // Broken while inside: the variables are left, not kept half.
    fs::write(house.project.join("modelstrap.toml"), "").unwrap();
    let script = "cd ../p\necho one ${HF_HOME-unset}\necho '[cache' >modelstrap.toml\ncd stages\necho two ${HF_HOME-unset}\nexit\n";
    let (out, said) = bash(&house, script);
    assert_eq!(out, format!("one {}\ntwo unset\n", house.project.join(".cache/huggingface").display()), "{said}");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
}

#[test]
fn a_project_that_cannot_be_read_is_left_in_every_shell() {
    let house = House::pipeline("p");
    house.set_up();
    let entered = told(&house, &house.project, &[]);
    let inside: Vec<(&str, &str)> =
        entered.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    fs::write(house.project.join("modelstrap.toml"), "[cache]\nbase_dirr = \".cache\"\n").unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "nushell", "elvish", "xonsh"] {
        let mut command = house.modelstrap(&["hook", shell, "--export"]);
        let output = command.envs(inside.iter().copied()).output().unwrap();
        // Elvish and nushell drop what a command printed that failed.
        assert!(output.status.success(), "{shell}: {}", output.status);
        let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(out.contains("TORCH_HOME") && !out.contains(".cache/torch"), "{shell}: {out}");
        assert!(said.starts_with("error: ") && said.contains("base_dir"), "{shell}: {said}");
    }
}

#[test]
fn an_unchanged_prompt_starts_no_program() {
    let Ok(version) = Command::new("strace").arg("-V").output() else {
        return python::skipped("strace is not installed: processes were not counted");
    };
    assert!(version.status.success());
    let house = House::pipeline("p");
    house.set_up();
    let trace = house.at("trace");
    let hook = house.at("hook.sh");
    fs::write(&hook, good(&mut house.modelstrap(&["hook", "bash"]))).unwrap();
    let mut command = house.command("strace");
    command.args(["-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o"]).arg(&trace);
    command
        .args(["bash", "--norc", "--noprofile", "-i"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let script = format!("source '{}'\ntrue\n:\ntrue\ncd stages\n:\ntrue\nexit\n", hook.display());
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait().unwrap();
    let trace = fs::read_to_string(trace).unwrap();
    let started = trace.lines().filter(|line| line.contains("modelstrap\", [")).count();
    assert_eq!(started, 2, "once at the start, once after `cd`:\n{trace}");
}

#[test]
fn every_shell_with_a_hook_gets_code_that_names_this_program() {
    let house = House::bare("p");
    for shell in ["bash", "zsh", "fish", "powershell", "pwsh", "nushell", "nu", "elvish", "xonsh"] {
        let code = good(&mut house.modelstrap(&["hook", shell]));
        assert!(code.contains(BINARY), "{shell}: {code}");
    }
    let output = house.modelstrap(&["hook", "tcsh"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
    assert_eq!(
        both(&output),
        "error: `tcsh`: no hook for this shell\n  there is one for bash, zsh, fish, powershell, nushell, elvish and xonsh\n"
    );
}
