//! A manifest that cannot be read: the line, the column, and the nearest thing that is known.

use std::fs;
use std::os::unix::fs::symlink;

use super::{refused, refused_saying};
use crate::support::project::Room;

#[test]
fn a_manifest_that_is_broken_toml_is_shown_with_line_and_column() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[project]\nname = \"x\"\n[cache\nbase_dir = \".cache\"\n");
    let ran = refused_saying(&room, &[], &["@/p/modelstrap.toml:3:7: ", "\n  3 | [cache\n    |       ^"]);
    assert!(ran.err.starts_with("error: @/p/modelstrap.toml:3:7: "), "{}", ran.err);
}

#[test]
fn an_unknown_key_in_the_manifest_names_the_nearest_known_one() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[cache]\nbase_dirr = \".cache\"\n");
    refused(
        &room,
        &[],
        "@/p/modelstrap.toml:2:1: unknown key `base_dirr`\n  2 | base_dirr = \".cache\"\n    | ^^^^^^^^^\n  the nearest known key is `base_dir`",
    );
    room.write("modelstrap.toml", "[environment.main]\npath = \".venv\"\n");
    refused_saying(
        &room,
        &[],
        &["modelstrap.toml:1:2: unknown key `environment`", "nearest known key is `environments`"],
    );
}

#[test]
fn a_wrong_type_in_the_manifest_is_shown_where_it_stands() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[cache]\nlibraries = \"torch\"\n");
    refused(
        &room,
        &[],
        "@/p/modelstrap.toml:2:13: invalid type: string \"torch\", expected a sequence\n  2 | libraries = \"torch\"\n    |             ^^^^^^^",
    );
    room.write("modelstrap.toml", "[cache]\nlibraries = [\"tourch\"]\n");
    refused_saying(&room, &[], &["@/p/modelstrap.toml: [cache] libraries: ", "tourch", "torch", "--list-libraries"]);
    room.write("modelstrap.toml", b"[project]\nname = \"\xff\"\n");
    refused(&room, &[], "@/p/modelstrap.toml is not UTF-8 (first bad byte at offset 18)\n  save it as UTF-8");
}

#[test]
fn a_manifest_that_is_a_folder_or_a_dangling_link_is_named() {
    let room = Room::git();
    fs::create_dir(room.place("modelstrap.toml")).unwrap();
    refused(&room, &[], "@/p/modelstrap.toml is not a file\n  a manifest is a TOML file; move this away");
    fs::remove_dir(room.place("modelstrap.toml")).unwrap();
    symlink("nowhere", room.place("modelstrap.toml")).unwrap();
    refused_saying(&room, &[], &["@/p/modelstrap.toml cannot be read: No such file"]);
}
