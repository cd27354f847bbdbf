//! The Hub's checklist, 36: patterns as Python's `fnmatch` has them; and one test that no number is missing from the checklist.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::python::python_with;
use serde_json::json;

/// The files of the golden vectors, as far as they can be names in a repository.
const FILES: [&str; 13] = [
    "config.json",
    "sub/config.json",
    "zx.json",
    "^x.json",
    "dir",
    "folder/x",
    "folder/a/b.txt",
    "a[",
    "]x",
    ".hidden",
    "UPPER.JSON",
    "x.{json,txt}",
    "-x",
];

/// Pattern, and what of [`FILES`] it takes.
const VECTORS: [(&str, &[&str]); 14] = [
    ("*.json", &["config.json", "sub/config.json", "zx.json", "^x.json"]),
    ("**/*.json", &["sub/config.json"]),
    ("dir", &["dir"]),
    ("folder/", &["folder/x", "folder/a/b.txt"]),
    ("folder", &[]),
    ("[^a-c]*.json", &["config.json", "^x.json"]),
    ("[!a-c]*.json", &["sub/config.json", "zx.json", "^x.json"]),
    ("*.{json,txt}", &["x.{json,txt}"]),
    ("CONFIG.json", &[]),
    ("\\*.json", &[]),
    ("a[", &["a["]),
    ("[]]x", &["]x"]),
    ("[z-a]x", &[]),
    ("?hidden", &[".hidden"]),
];

fn desk_with(include: &str) -> Desk {
    let desk = Desk::with("");
    desk.room.write("modelstrap.toml", format!("[models.odd]\nsource = \"hf:org/odd\"\ninclude = {include}\n"));
    let draft = FILES.iter().fold(desk.model("org/odd"), |draft, path| draft.file(path, *path));
    draft.commit();
    desk
}

/// Point 36.
#[test]
fn every_golden_vector_takes_the_files_that_python_takes() {
    let python = python_with(CLIENTS[0], "huggingface_hub");
    for (pattern, wanted) in VECTORS {
        let desk = desk_with(&json!([pattern]).to_string());
        let ran = desk.models(&["lock"]);
        if wanted.is_empty() {
            assert!(ran.code == 1 && ran.err.contains("no file of org/odd is wanted"), "{pattern}: {ran:?}");
        } else {
            let lock: toml::Table = ran_lock(&desk, pattern, ran.code);
            let found: BTreeSet<_> = paths(&toml::Value::Table(lock));
            assert_eq!(found, wanted.iter().map(|path| (*path).to_owned()).collect(), "{pattern}");
        }
        let Some(python) = &python else { continue };
        let code = format!(
            "from huggingface_hub.utils import filter_repo_objects\nsaid = sorted(filter_repo_objects({}, allow_patterns=[{}]))",
            json!(FILES),
            json!(pattern)
        );
        let mut sorted = wanted.to_vec();
        sorted.sort_unstable();
        assert_eq!(desk.python(python, &[], &code), json!(sorted), "{pattern}, in Python");
    }
}

fn ran_lock(desk: &Desk, pattern: &str, code: i32) -> toml::Table {
    assert_eq!(code, 0, "{pattern}");
    desk.room.text("modelstrap.lock").parse().unwrap()
}

/// Every `path` in the lock.
fn paths(value: &toml::Value) -> BTreeSet<String> {
    match value {
        toml::Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| match value {
                toml::Value::String(text) if key == "path" => BTreeSet::from([text.clone()]),
                other => paths(other),
            })
            .collect(),
        toml::Value::Array(values) => values.iter().flat_map(paths).collect(),
        _ => BTreeSet::new(),
    }
}

/// Point 36: nothing wanted is a mistake and no success.
#[test]
fn an_empty_list_of_patterns_is_an_error_that_says_so() {
    for include in ["[]", "[\"*.nothing\"]"] {
        let desk = desk_with(include);
        let ran = desk.models(&["download"]);
        assert!([1, 2].contains(&ran.code), "{include}: {ran:?}");
        assert!(!ran.err.is_empty() && !desk.room.exists("modelstrap.lock"), "{include}: {ran:?}");
        assert!(desk.requests_to("GET", "*/resolve/*").is_empty());
    }
}

/// Point 36: what is left out stays out.
#[test]
fn what_is_excluded_is_not_fetched_and_the_exclusion_wins() {
    let desk = desk_with("[\"*.json\"]\nexclude = [\"sub/\", \"z?.json\"]");
    desk.download();
    let asked: BTreeSet<_> = desk.requests_to("GET", "*/resolve/*").iter().map(|seen| seen.path.clone()).collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked.iter().any(|path| path.ends_with("/config.json")) && asked.iter().any(|path| path.ends_with("/^x.json"))
    );
}

/// Every point of the checklist is said to be proven somewhere, in the words `/// Point N` above a test.
#[test]
fn no_point_of_the_checklist_is_without_a_test() {
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests", "src/models/hub"] {
        points(&root.join(folder), &mut found);
    }
    let missing: Vec<u32> = (1..=45).filter(|point| !found.contains(point)).collect();
    assert_eq!(missing, [0; 0], "points without a test");
    assert_eq!(found.into_iter().filter(|point| !(1..=45).contains(point)).collect::<Vec<_>>(), [0; 0]);
}

fn points(folder: &Path, found: &mut BTreeSet<u32>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            points(&entry.path(), found);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(entry.path()).unwrap();
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            for (at, line) in lines.iter().enumerate() {
                let Some(rest) = line.strip_prefix("/// Point ") else { continue };
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let is_test = lines[at..].iter().take(6).any(|line| *line == "#[test]");
                if is_test && !number.is_empty() {
                    found.insert(number.parse().unwrap());
                }
            }
        }
    }
}
