//! A `config/hardware_cache.json` that is no JSON object, or no file of this project.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::{NOTHING_CHANGED, refused, refused_saying};
use crate::support::project::Room;

#[test]
fn a_machine_config_that_is_broken_is_shown_with_its_place() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "{\n  \"version\": \"1.0.0\",\n  \"cache\": {,}\n}\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is not valid JSON: key must be a string at line 3 column 13\n  mend it at that place, or move the file away: setup writes a new one\nnothing was changed",
    );
    room.write("config/hardware_cache.json", "");
    refused_saying(&room, &[], &["hardware_cache.json: is not valid JSON: EOF", NOTHING_CHANGED]);
    room.write("config/hardware_cache.json", b"{\"a\": \"\xe4\"}\n");
    refused_saying(&room, &[], &["is not UTF-8 (first bad byte at offset 7)", NOTHING_CHANGED]);
}

#[test]
fn a_machine_config_with_a_byte_order_mark_is_refused() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "\u{feff}{}\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: begins with a byte order mark, which Python's json module refuses\n  save it as UTF-8 without a byte order mark\nnothing was changed",
    );
}

#[test]
fn a_machine_config_that_is_an_array_is_refused() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "[1, 2]\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is JSON, but not an object\n  move the file away: setup writes a new one\nnothing was changed",
    );
}

#[test]
fn a_machine_config_of_200_megabytes_is_refused_without_being_read() {
    let room = Room::fixture();
    fs::File::create(room.place("config/hardware_cache.json")).unwrap().set_len(200 << 20).unwrap();
    let begun = Instant::now();
    refused_saying(&room, &[], &["@/p/config/hardware_cache.json: is 2", "too large", NOTHING_CHANGED]);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_machine_config_that_is_a_folder_is_refused() {
    let room = Room::git();
    fs::create_dir_all(room.place("config/hardware_cache.json")).unwrap();
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is a folder, and a JSON file belongs there\n  move it away, or leave it out with `--skip machine-config`\nnothing was changed",
    );
    room.setup(&["--skip", "machine-config"]);
}

#[test]
fn a_machine_config_that_is_a_link_out_of_the_project_is_refused() {
    let room = Room::fixture();
    fs::remove_file(room.place("config/hardware_cache.json")).unwrap();
    room.write("~/outside.json", "{}\n");
    symlink("../../h/outside.json", room.place("config/hardware_cache.json")).unwrap();
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: leads out of the project, to @/h/outside.json\n  replace the link by a file, or leave this part out with `--skip`\nnothing was changed",
    );
    // A folder that leads out is the same.
    let room = Room::git();
    symlink("../h", room.place("config")).unwrap();
    refused_saying(&room, &[], &["leads out of the project, to @/h/hardware_cache.json"]);
}
