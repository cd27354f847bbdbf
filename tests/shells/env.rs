//! `modelstrap env`, black box: every format holds the same variables, and whoever reads them takes them over.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::python;
use crate::support::python::{House, both, good};

/// The variables of a bare project with the default libraries, as `NAME=value` in their order.
fn expected(house: &House) -> Vec<(&'static str, String)> {
    let cache = |path: &str| house.project.join(path).to_str().unwrap().to_owned();
    vec![
        ("PRIMARY_CACHE_PATH", cache(".cache")),
        ("HF_HOME", cache(".cache/huggingface")),
        ("HF_HUB_CACHE", cache(".cache/huggingface/hub")),
        ("HUGGINGFACE_HUB_CACHE", cache(".cache/huggingface/hub")),
        ("HF_TOKEN_PATH", house.at("home/.cache/huggingface/token").to_str().unwrap().to_owned()),
        ("HF_XET_CACHE", cache(".cache/huggingface/xet")),
        ("HF_DATASETS_CACHE", cache(".cache/huggingface/datasets")),
        ("TRANSFORMERS_CACHE", cache(".cache/huggingface/hub")),
        ("PYANNOTE_CACHE", cache(".cache/huggingface/hub")),
        ("TORCH_HOME", cache(".cache/torch")),
        ("MLX_CACHE_DIR", cache(".cache/mlx")),
    ]
}

fn lines(house: &House, line: impl Fn(&str, &str) -> String) -> String {
    expected(house).iter().map(|(name, value)| line(name, value)).collect()
}

#[test]
fn each_format_is_what_its_reader_takes() {
    let house = House::bare("p");
    let says = |arguments: &[&str]| good(house.modelstrap(&["env"]).args(arguments));
    let pairs: serde_json::Map<String, serde_json::Value> =
        expected(&house).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let json = format!("{:#}\n", serde_json::Value::Object(pairs));
    assert_eq!(says(&["--format", "json"]), json);
    assert_eq!(says(&["--json"]), json);
    assert_eq!(says(&["--format", "dotenv"]), lines(&house, |name, value| format!("{name}={value}\n")));
    assert_eq!(says(&["--format", "docker"]), lines(&house, |name, value| format!("{name}={value}\n")));
    assert_eq!(
        says(&["--format", "github"]),
        lines(&house, |name, value| format!("{name}<<MODELSTRAP\n{value}\nMODELSTRAP\n"))
    );
    assert_eq!(good(house.modelstrap(&["env"]).env("MODELSTRAP_FORMAT", "json")), json);
}

#[test]
fn every_shell_has_its_own_statements_and_the_users_shell_is_the_default() {
    let house = House::bare("p");
    let says = |shell: &str| good(&mut house.modelstrap(&["env", "--shell", shell]));
    let mut by_shell = BTreeMap::new();
    for shell in ["sh", "bash", "zsh", "fish", "powershell", "nu", "tcsh", "xonsh", "elvish", "cmd"] {
        let text = says(shell);
        let home = house.project.join(".cache/huggingface");
        assert!(text.contains("HF_HOME") && text.contains(home.to_str().unwrap()), "{shell}: {text}");
        by_shell.insert(shell, text);
    }
    assert_eq!(by_shell["sh"], by_shell["bash"]);
    assert_ne!(by_shell["sh"], by_shell["fish"]);
    let usual = good(house.modelstrap(&["env"]).env("SHELL", "/usr/bin/fish"));
    assert_eq!(usual, says("fish"));
    let usual = good(house.modelstrap(&["env"]).env("SHELL", "/opt/unheard-of"));
    assert_eq!(usual, says("sh"));
}

#[test]
fn what_is_evaluated_in_sh_is_what_json_says() {
    let house = House::bare("it's a $HOME `p`");
    let script = "eval \"$(\"$0\" env --shell sh)\"; exec \"$0\" run -- env";
    let text = good(house.command("sh").args(["-c", script, python::BINARY]));
    let seen: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    for (name, value) in expected(&house) {
        assert_eq!(seen.get(name), Some(&value.as_str()), "{name}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let house = House::bare("p");
    for format in ["json", "dotenv"] {
        let mut child = house
            .modelstrap(&["env", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Closed before anything was read: the first write already fails.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {}", output.status, both(&output));
    }
    let script = "\"$0\" env --list-libraries | head -1";
    let first = good(house.command("bash").args(["-o", "pipefail", "-c", script, python::BINARY]));
    assert_eq!(BufReader::new(first.as_bytes()).lines().count(), 1);
}

#[test]
fn an_unknown_shell_format_or_library_says_what_there_is() {
    let house = House::bare("p");
    let fails = |arguments: &[&str]| {
        let output = house.modelstrap(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), both(&output))
    };
    let (code, out, said) = fails(&["env", "--shell", "rc"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(said.contains("`--shell rc`: not a shell that is known") && said.contains("fish"), "{said}");
    let (code, _, said) = fails(&["env", "--format", "yaml"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("possible values: dotenv, json, github, docker"), "{said}");
    assert_eq!(fails(&["env", "--format", "json", "--shell", "sh"]).0, Some(2));

    fs::write(house.project.join("modelstrap.toml"), "[cache]\nlibraries = [\"huggingfase\"]\n").unwrap();
    let (code, out, said) = fails(&["env"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        said.contains("modelstrap.toml") && said.contains("huggingface") && said.contains("--list-libraries"),
        "{said}"
    );
}

#[test]
fn a_line_break_in_a_path_is_an_error_where_the_format_has_no_way_to_write_it() {
    let house = House::bare("two\nlines");
    let output = house.modelstrap(&["env", "--format", "docker"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    assert!(both(&output).contains("PRIMARY_CACHE_PATH contains a line break"), "{}", both(&output));
    assert_eq!(house.variables()["TORCH_HOME"], house.project.join(".cache/torch").to_str().unwrap());
}

#[test]
fn every_library_that_is_listed_can_be_named() {
    let house = House::bare("p");
    let listed = good(&mut house.modelstrap(&["env", "--list-libraries"]));
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(ids.len() > 20 && ids.contains(&"huggingface"), "{listed}");
    let named: Vec<String> = ids.iter().map(|id| format!("{id:?}")).collect();
    fs::write(house.project.join("modelstrap.toml"), format!("[cache]\nlibraries = [{}]\n", named.join(", "))).unwrap();
    assert!(house.variables().len() > expected(&house).len());
}
