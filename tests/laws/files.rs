//! Every file of the source keeps the laws: here they meet the disk. A header, a room and a length are what a file needs.

use super::rules::violations;
use super::{below, read, root};

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
