//! `modelstrap run`, black box: the command stands in modelstrap's place, with the variables.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use crate::support::python::{BINARY, House, both, good};
use crate::support::{programs, python};

/// The environment of a command that `run` started.
fn environment(house: &House, arguments: &[&str], before: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all = vec!["run"];
    all.extend(arguments);
    all.extend(["--", "env", "-0"]);
    let text = good(house.modelstrap(&all).envs(before.iter().copied()));
    text.split('\0').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

#[test]
fn the_command_takes_the_place_of_modelstrap() {
    let house = House::bare("p");
    let mut child =
        house.modelstrap(&["run", "sh", "-c", "echo $$; exec sleep 60"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), child.id().to_string(), "the same process");
    good(std::process::Command::new("sh").args(["-c", "kill -TERM \"$0\"", line.trim()]));
    assert_eq!(child.wait().unwrap().signal(), Some(15), "the signal was the command's own");
}

#[test]
fn exit_codes_are_the_commands_own_and_as_a_shell_says_them() {
    let house = House::bare("p");
    let code = |arguments: &[&str]| {
        let output = house.modelstrap(arguments).output().unwrap();
        (output.status.code(), both(&output))
    };
    assert_eq!(code(&["run", "sh", "-c", "exit 7"]), (Some(7), String::new()));
    assert_eq!(code(&["run", "--", "sh", "-c", "exit 3"]), (Some(3), String::new()));
    let (found, said) = code(&["run", "--", "no-such-program"]);
    assert_eq!(found, Some(127));
    assert_eq!(said, "error: `no-such-program` could not be started: No such file or directory (os error 2)\n");
    let script = house.at("not-runnable");
    fs::write(&script, "text").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    let (found, said) = code(&["run", "--", script.to_str().unwrap()]);
    assert_eq!(found, Some(126), "{said}");
    let (found, said) = code(&["run"]);
    assert_eq!(found, Some(2), "{said}");
}

#[test]
fn a_commands_flags_are_its_own() {
    let house = House::bare("p");
    assert_eq!(good(&mut house.modelstrap(&["run", "echo", "--json", "-e", "x", "--", "y"])), "--json -e x -- y\n");
}

#[test]
fn openai_whisper_is_led_into_the_cache_and_the_users_own_caches_stay_where_they_are() {
    let house = House::bare("p");
    let seen = environment(&house, &[], &[]);
    let home = |path: &str| house.at("home").join(path).to_str().unwrap().to_owned();
    assert_eq!(seen["XDG_CACHE_HOME"], house.project.join(".cache").to_str().unwrap());
    assert_eq!(seen["PIP_CACHE_DIR"], home(".cache/pip"));
    assert_eq!(seen["UV_CACHE_DIR"], home(".cache/uv"));
    assert_eq!(seen["CCACHE_DIR"], home(".cache/ccache"));
    assert_eq!(seen["HF_HOME"], house.project.join(".cache/huggingface").to_str().unwrap());

    let moved = environment(&house, &[], &[("XDG_CACHE_HOME", "/elsewhere"), ("PIP_CACHE_DIR", "/my/pip")]);
    assert_eq!((moved["PIP_CACHE_DIR"].as_str(), moved["UV_CACHE_DIR"].as_str()), ("/my/pip", "/elsewhere/uv"));
    // Neither is exported to whoever does not ask for `run`.
    assert!(!house.variables().contains_key("XDG_CACHE_HOME") && !house.variables().contains_key("PIP_CACHE_DIR"));
}

#[test]
fn what_is_not_the_librarys_own_cache_is_handed_on_untouched() {
    let house = House::bare("p");
    let seen = environment(&house, &[], &[("HF_TOKEN", "hf_secret"), ("MINE", "  a\nb ")]);
    assert_eq!((seen["HF_TOKEN"].as_str(), seen["MINE"].as_str()), ("hf_secret", "  a\nb "));
}

#[test]
fn variables_that_would_lead_elsewhere_are_unset() {
    let house = House::bare("p");
    fs::write(house.project.join("modelstrap.toml"), "[cache]\ntransformers_cache = false\n").unwrap();
    let seen = environment(&house, &[], &[("TRANSFORMERS_CACHE", "/old"), ("PYTORCH_PRETRAINED_BERT_CACHE", "/older")]);
    assert_eq!(seen.get("TRANSFORMERS_CACHE"), None);
}

#[test]
fn an_environment_of_the_manifest_is_activated() {
    let house = House::bare("p");
    fs::write(house.project.join("modelstrap.toml"), "[environments.asr]\npath = \"venv/asr\"\n").unwrap();
    let missing = house.modelstrap(&["run", "-e", "asr", "--", "true"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(both(&missing).contains("venv/asr does not exist\n  create it first"), "{}", both(&missing));

    let bin = house.project.join("venv/asr/bin");
    programs::script(&bin.join("only-here"), "#!/bin/sh\necho \"$VIRTUAL_ENV|${PYTHONHOME-unset}|$TORCH_HOME\"\n");
    let wanted = format!(
        "{}|unset|{}\n",
        house.project.join("venv/asr").display(),
        house.project.join(".cache/torch").display()
    );
    let mut command = house.modelstrap(&["run", "-e", "asr", "--", "only-here"]);
    assert_eq!(good(command.env("PYTHONHOME", "/usr")), wanted);
    let mut command = house.modelstrap(&["run", "--", "only-here"]);
    assert_eq!(good(command.env("MODELSTRAP_ENVIRONMENT", "asr")), wanted);

    let unknown = house.modelstrap(&["run", "-e", "tts", "--", "true"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(both(&unknown), "error: `--environment tts`: there is no such environment; the manifest names asr\n");
}

#[test]
fn the_terminal_is_the_commands_own() {
    let house = House::bare("p");
    let script = format!("{BINARY} run -- sh -c 'test -t 0 && test -t 1 && test -t 2 && echo all three'");
    let found = house.command("script").args(["-qec", &script, "/dev/null"]).stdin(Stdio::null()).output();
    let Ok(output) = found else { return python::skipped("script is not installed") };
    assert!(both(&output).contains("all three"), "{}", both(&output));
}

#[test]
fn a_project_is_found_from_within_and_by_name() {
    let house = House::bare("p");
    fs::write(house.project.join("modelstrap.toml"), "").unwrap();
    fs::create_dir_all(house.project.join("src/deep")).unwrap();
    let wanted = format!("{}\n", house.project.join(".cache").display());
    let print = ["sh", "-c", "echo $PRIMARY_CACHE_PATH; pwd"];
    let deep = house.project.join("src/deep");
    let text = good(house.modelstrap(&["run"]).args(print).current_dir(&deep));
    assert_eq!(text, format!("{wanted}{}\n", deep.display()), "the working folder stays");
    let text = good(house.modelstrap(&["-C", "../p", "run"]).args(print).current_dir(house.at("home")));
    assert_eq!(text, format!("{wanted}{}\n", house.at("home").display()));
}
