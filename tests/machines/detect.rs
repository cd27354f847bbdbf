//! `modelstrap detect`, black box: the document, recorded machines, and a record of this one with nothing personal in it.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::python::{House, both, good};
use serde_json::{Value, json};

fn json_of(house: &House, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(house.modelstrap(&["detect", "--json"]).args(arguments))).unwrap()
}

fn machines() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/machines");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn the_document_names_its_schema_and_holds_facts_and_settings_with_reasons() {
    let house = House::bare("p");
    let document = json_of(&house, &[]);
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["schema", "facts", "recommended_settings"]);
    assert_eq!(document["schema"], "modelstrap.detect/1");
    for part in ["host", "cpu", "memory", "disk", "accelerators", "pythons"] {
        assert!(!document["facts"][part].is_null(), "{part}: {document:#}");
    }
    let settings = &document["recommended_settings"];
    for setting in ["device", "torch_backend", "compute_type", "batch_size", "whisper_model"] {
        let reason = settings[setting]["reason"].as_str().unwrap_or_default();
        assert!(!settings[setting]["value"].is_null() && reason.len() > 3, "{setting}: {settings:#}");
    }
    assert!(!house.project.join(".modelstrap").exists(), "looking leaves nothing behind");
}

#[test]
fn every_recorded_machine_gives_its_facts_and_its_card() {
    let house = House::bare("p");
    let all = machines();
    assert!(all.len() >= 12, "{all:?}");
    for machine in all {
        let from = machine.to_str().unwrap();
        let document = json_of(&house, &["--from", from]);
        let mut recorded: Value = serde_json::from_slice(&fs::read(machine.join("facts.json")).unwrap()).unwrap();
        // A recorded machine has no disk for the project in which this is asked; the snapshot was taken with one.
        recorded["facts"]["disk"] = Value::Null;
        assert_eq!(document["facts"], recorded["facts"], "{from}");
        assert_eq!(document["recommended_settings"], recorded["recommended_settings"], "{from}");
        let card = good(&mut house.modelstrap(&["detect", "--from", from]));
        let wanted = fs::read_to_string(machine.join("card.txt")).unwrap();
        let wanted: Vec<&str> = wanted.lines().filter(|line| !line.starts_with("  Disk ")).collect();
        assert_eq!(card.lines().collect::<Vec<_>>(), wanted, "{from}");
        let by_variable = good(house.modelstrap(&["detect"]).env("MODELSTRAP_DETECT_FROM", from));
        assert_eq!(by_variable, card, "{from}");
    }
}

/// What a machine is, without what changes from one moment to the next or is not recorded.
fn stable(document: &Value) -> Value {
    let facts = &document["facts"];
    let without_sources = |value: &Value| -> Value { value.get("value").cloned().unwrap_or(Value::Null) };
    json!({
        "os": without_sources(&facts["host"]["name"]),
        "machine": without_sources(&facts["host"]["machine"]),
        "kernel": without_sources(&facts["host"]["kernel"]),
        "libc": facts["host"]["libc"],
        "container": facts["host"]["container"],
        "model": without_sources(&facts["cpu"]["model"]),
        "features": facts["cpu"]["features"],
        "cores": [without_sources(&facts["cpu"]["physical"]), without_sources(&facts["cpu"]["logical"])],
        "total": without_sources(&facts["memory"]["total"]),
        "limit": facts["memory"]["limit"],
        "accelerators": facts["accelerators"].as_array().map(Vec::len),
        "device": document["recommended_settings"]["device"]["value"],
        "backend": document["recommended_settings"]["torch_backend"]["value"],
        "compute": document["recommended_settings"]["compute_type"]["value"],
    })
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), found),
            false => found.push(entry.path()),
        }
    }
}

#[test]
fn a_dump_of_this_machine_is_read_again_and_holds_nothing_personal() {
    let house = House::bare("p");
    let dump = house.at("dump of a machine");
    let said = house
        .modelstrap(&["detect", "--dump", dump.to_str().unwrap()])
        .env("USER", "mira-of-the-tests")
        .env("LOGNAME", "mira-of-the-tests")
        .env("HF_TOKEN", "hf_secret_of_the_tests")
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", both(&said));
    assert!(said.stdout.is_empty() && both(&said).contains("Look through it before you share it"), "{}", both(&said));
    let live = json_of(&house, &[]);
    let again = json_of(&house, &["--from", dump.to_str().unwrap()]);
    assert_eq!(stable(&again), stable(&live));

    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let home = house.at("home");
    let mut secrets = vec!["mira-of-the-tests", "hf_secret_of_the_tests", home.to_str().unwrap()];
    // A name such as `vm` stands in other words, too.
    secrets.extend(Some(host.trim()).filter(|name| name.len() > 5 && *name != "localhost"));
    let mut all = Vec::new();
    files(&dump, &mut all);
    assert!(all.len() > 3, "{all:?}");
    for file in all {
        let bytes = fs::read(&file).unwrap();
        let text = format!("{}\n{}", file.strip_prefix(&dump).unwrap().display(), String::from_utf8_lossy(&bytes));
        for secret in &secrets {
            assert!(!text.contains(secret), "{}: {secret:?}", file.display());
        }
    }
}

#[test]
fn a_folder_that_is_no_dump_is_an_error_that_says_so() {
    let house = House::bare("p");
    let output = house.modelstrap(&["detect", "--from", "nowhere"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), b"".as_slice()));
    let said = both(&output);
    let wanted = format!("error: {} is no folder that `detect --dump` made", house.project.join("nowhere").display());
    assert!(said.starts_with(&wanted), "{said}");
    assert_eq!(house.modelstrap(&["detect", "--from", "a", "--dump", "b"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn colour_comes_where_it_is_wanted_and_nowhere_else() {
    let house = House::bare("p");
    let machine = machines().remove(0);
    let coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = house.modelstrap(&["detect", "--from", machine.to_str().unwrap()]);
        good(command.args(arguments).envs(variables.iter().copied())).contains('\x1b')
    };
    assert!(!coloured(&[], &[]), "a pipe");
    assert!(coloured(&["--color", "always"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "what was asked for last wins");
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(coloured(&[], &[("MODELSTRAP_COLOR", "always")]));
    assert!(!coloured(&["--json"], &[("CLICOLOR_FORCE", "1")]), "JSON is never coloured");
}
