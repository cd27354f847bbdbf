//! The catalogue's files: every kind of mistake stops the build, and what is there holds together.

#[path = "../../build/catalogue.rs"]
mod build;

use super::texts;
use modelstrap::catalogue::{Policy, libraries, library};
use std::path::Path;

const GOOD: &str = r#"
[[library]]
id = "one"
name = "One"
homes = ["one"]
integrity = "None."
offline = "Yes."
read = "1.0"
evidence = ["one 1.0 a.py:1"]
[[library.env]]
name = "ONE_HOME"
value = "{cache}/one"
policy = "export"
note = "Its home."
"#;

const OTHER: &str = r#"
[[library]]
id = "other"
name = "Other"
inherits = ["one"]
integrity = "None."
offline = "Yes."
read = "1.0"
evidence = ["other 1.0 a.py:1"]
[[library.env]]
name = "ONE_HOME"
value = "{cache}/one"
policy = "mirror"
note = "The same home."
"#;

/// What the build says about [`GOOD`] and [`OTHER`] after `from` became `to`.
fn complaint(from: &str, to: &str) -> String {
    let text = format!("{GOOD}{OTHER}");
    assert!(text.contains(from), "{from} is not in the example");
    build::parse(&[("test".to_owned(), text.replacen(from, to, 1))]).expect_err("the mistake is found")
}

#[test]
fn two_good_entries_are_written_down_as_rust() {
    let libraries = build::parse(&[("test".to_owned(), format!("{GOOD}{OTHER}"))]).unwrap();
    let text = build::render(&libraries);
    assert!(text.contains(r#"Library { id: "one", name: "One", aliases: &[], group: "test","#), "{text}");
    assert!(text.contains(r#"Env { name: "ONE_HOME", value: Some("{cache}/one"), policy: Policy::Export,"#), "{text}");
}

#[test]
fn each_mistake_is_named_with_its_file_library_and_variable() {
    let cases = [
        (
            "id = \"other\"",
            "id = \"one\"",
            "the id or alias \"one\" is there twice\ncatalogue/test.toml: one: inherits itself",
        ),
        ("id = \"other\"", "id = \"\"", ": has an empty value"),
        ("name = \"One\"", "name = \"One\"\naliases = [\"other\"]", "the id or alias \"other\" is there twice"),
        (
            "policy = \"export\"",
            "policy = \"exprot\"",
            "one: ONE_HOME: unknown policy \"exprot\"; known: export, mirror, export-scoped, protect, unset, optional, \
             ignored, warn, respect, run-switch, secret, ask, side-effect",
        ),
        ("inherits = [\"one\"]", "inherits = [\"two\"]", "other: inherits \"two\", which is no id of the catalogue"),
        ("inherits = [\"one\"]", "inherits = [\"other\"]", "other: inherits itself"),
        (
            "\"{cache}/one\"",
            "\"{cahce}/one\"",
            "one: ONE_HOME: unknown template variable {cahce} in \"{cahce}/one\"\n\
             catalogue/test.toml: other: ONE_HOME is Some(\"{cache}/one\") here and Some(\"{cahce}/one\") in one",
        ),
        (
            "value = \"{cache}/one\"\npolicy = \"mirror\"",
            "value = \"{cache}/two\"\npolicy = \"mirror\"",
            "other: ONE_HOME is Some(\"{cache}/two\") here and Some(\"{cache}/one\") in one",
        ),
        (
            "value = \"{cache}/one\"\npolicy = \"mirror\"",
            "policy = \"unset\"",
            "other: ONE_HOME is None here and Some(\"{cache}/one\") in one",
        ),
        (
            "value = \"{cache}/one\"\npolicy = \"mirror\"",
            "policy = \"mirror\"",
            "other: ONE_HOME: the policy \"mirror\" needs a value\n\
             catalogue/test.toml: other: ONE_HOME is None here and Some(\"{cache}/one\") in one",
        ),
        ("note = \"Its home.\"", "note = \" \"", "one: ONE_HOME: has an empty value"),
        ("evidence = [\"one 1.0 a.py:1\"]", "evidence = []", "one: has no evidence"),
        (
            "homes = [\"one\"]",
            "homes = [\"../one\"]",
            "one: the home \"../one\" is not a plain folder under the cache root",
        ),
        (
            "homes = [\"one\"]",
            "protects = [\"PIP_CACHE_DIR\"]",
            "one: protects \"PIP_CACHE_DIR\", which no entry has with the policy `protect`",
        ),
        (
            "homes = [\"one\"]",
            "platforms = [\"plan9\"]",
            "one: unknown platform \"plan9\"; known: linux, macos, windows",
        ),
        (
            "note = \"Its home.\"",
            "note = \"Its home.\"\nwhen = \"never\"",
            "one: ONE_HOME: unknown switch \"never\"; known: transformers-cache, old-huggingface-hub",
        ),
    ];
    for (from, to, message) in cases {
        assert_eq!(complaint(from, to), format!("catalogue/test.toml: {message}"), "{from} -> {to}");
    }
}

#[test]
fn an_unknown_field_and_broken_toml_are_shown_with_their_line() {
    for (from, to) in [("name = \"One\"", "nmae = \"One\""), ("name = \"One\"", "name = \"One")] {
        let message = complaint(from, to);
        assert!(message.starts_with("catalogue/test.toml: TOML parse error at line 4"), "{message}");
    }
}

#[test]
fn the_files_of_the_repository_are_what_the_program_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/catalogue");
    let text = build::render(&build::parse(&texts::read(&folder).unwrap()).unwrap());
    for library in libraries() {
        assert!(text.contains(&format!("id: {:?}, name: {:?}", library.id, library.name)), "{}", library.id);
    }
    assert_eq!(text.matches("Library {").count(), libraries().len());
}

#[test]
fn every_library_that_has_a_home_is_led_there_or_says_that_it_cannot_be() {
    // No variable leads these: a link does.
    let by_link = ["deepfilternet", "descript-audio-codec", "facexlib-basicsr", "insightface", "openai-clip"];
    for library in libraries().iter().filter(|library| !library.homes.is_empty()) {
        let leads = |env: &modelstrap::catalogue::Env| env.value.is_some() && env.policy != Policy::RunSwitch;
        let led = library.env.iter().any(leads) || !library.inherits.is_empty();
        assert_eq!(led, !by_link.contains(&library.id), "{}", library.id);
    }
}

#[test]
fn the_ids_of_the_default_homes_have_kept_their_older_names() {
    for (alias, id) in [("huggingface-hub", "huggingface"), ("torch-hub", "torch")] {
        assert_eq!(library(alias).map(|library| library.id), Some(id));
    }
}
