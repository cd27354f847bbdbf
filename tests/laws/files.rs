//! Every file of the source keeps the laws: here they meet the disk. A header, a room and a length are what a file needs.

use super::rules::violations;
use super::{below, read, root};

/// The files of the tests, `tests/main.rs` first.
fn of_the_tests() -> Vec<String> {
    let files = below("tests").into_iter().filter(|(path, folder)| !folder && path.ends_with(".rs"));
    files.map(|(path, _)| path).filter(|path| !path.starts_with("tests/fixtures/")).collect()
}

/// Those of `files` that no `mod` brings into the program of the tests, as `text` gives the files that have these lines.
fn forgotten(files: &[String], text: impl Fn(&str) -> String) -> Vec<String> {
    let is_forgotten = |file: &&String| {
        let (folder, name) = file.rsplit_once('/').expect("a path in tests");
        let (holder, name) = match (folder, name) {
            (_, "main.rs") => return false,
            (_, "mod.rs") => folder.rsplit_once('/').expect("a folder in tests"),
            _ => (folder, name.trim_end_matches(".rs")),
        };
        let holder = if holder == "tests" { "tests/main.rs".to_owned() } else { format!("{holder}/mod.rs") };
        let declares = |line: &str| line.trim_start_matches("pub(crate) ") == format!("mod {name};");
        !text(&holder).lines().any(declares)
    };
    files.iter().filter(is_forgotten).cloned().collect()
}

#[test]
fn every_file_of_the_tests_is_run() {
    let found = forgotten(&of_the_tests(), |file| read(&root().join(file)));
    assert_eq!(found, Vec::<String>::new(), "no `mod` names them");
}

#[test]
fn a_file_of_the_tests_that_nobody_runs_is_found() {
    let files = ["tests/main.rs", "tests/a/mod.rs", "tests/a/b.rs", "tests/a/c.rs", "tests/d/mod.rs", "tests/e.rs"];
    let text = |file: &str| match file {
        "tests/main.rs" => "mod a;\n".to_owned(),
        "tests/a/mod.rs" => "//! mod c;\n#[cfg(unix)]\npub(crate) mod b;\n".to_owned(),
        other => panic!("{other}"),
    };
    assert_eq!(forgotten(&files.map(String::from), text), ["tests/a/c.rs", "tests/d/mod.rs", "tests/e.rs"]);
}

#[test]
fn the_tests_have_a_header_and_a_length_too_and_unsafe_code_in_one_file() {
    for path in of_the_tests() {
        let text = read(&root().join(&path));
        assert!(text.starts_with("//! "), "{path}: does not say why it exists");
        assert!(text.lines().count() <= 450, "{path}: longer than 450 lines");
        let lifts = |line: &str| line.trim_start().starts_with('#') && line.contains("(unsafe_code");
        let is_unsafe = text.lines().any(lifts);
        assert_eq!(is_unsafe, path == "tests/support/traced.rs", "{path}: unsafe code");
    }
}

#[test]
fn the_source_keeps_the_laws() {
    let files: Vec<String> = below("src")
        .into_iter()
        .filter(|(path, folder)| !folder && path.ends_with(".rs"))
        .map(|(path, _)| path)
        .collect();
    assert!(files.contains(&String::from("src/support/vars.rs")), "the walk over src finds what is there: {files:?}");
    let found: Vec<String> = files.iter().flat_map(|path| violations(path, &read(&root().join(path)))).collect();
    assert!(found.is_empty(), "the laws are broken:\n{}", found.join("\n"));
}

#[test]
fn a_file_without_header_too_long_or_in_no_room_is_found() {
    assert_eq!(
        violations("src/ui/table.rs", "// Tables.\n"),
        ["src/ui/table.rs:1: does not start with a `//!` header that says why the file exists"]
    );
    assert_eq!(
        violations("src/ui/table.rs", &format!("//! Tables.\n{}", "\n".repeat(450))),
        ["src/ui/table.rs:451: longer than 450 lines: a file holds one concept"]
    );
    assert_eq!(violations("src/ui/table.rs", &format!("//! Tables.\n{}", "\n".repeat(449))), Vec::<String>::new());
    assert_eq!(
        violations("src/helpers.rs", "//! Helpers.\n"),
        ["src/helpers.rs:1: in no known room: name it in DESIGN and in ROOMS, at its level"]
    );
}
