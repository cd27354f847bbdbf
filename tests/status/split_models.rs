//! A model in several files (`x-00001-of-00003.gguf`, as llama.cpp cuts them) is one model: one row, and it goes as a whole or not at all.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::project::Room;
use crate::support::terminal::{Terminal, keys};

const FOLDER: &str = "~/.cache/llama.cpp";

fn part(folder: &str, number: usize) -> String {
    format!("{folder}/org_big-Q4_K_M-0000{number}-of-00003.gguf")
}

/// Three parts and another model in llama.cpp's folder, two of three parts in a home of the cache.
fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for number in 1..=3 {
        room.write(&part(FOLDER, number), vec![7_u8; 1_500_000]);
    }
    room.write(&format!("{FOLDER}/org_small-Q4_K_M.gguf"), vec![7_u8; 1_200_000]);
    for number in [1, 3] {
        room.write(&part(".cache/torch", number), vec![8_u8; 2_000_000]);
    }
    room
}

fn files(room: &Room, folder: &str) -> Vec<String> {
    let listed =
        fs::read_dir(room.place(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut listed: Vec<String> = listed.filter(|name| name.ends_with(".gguf")).collect();
    listed.sort();
    listed
}

#[test]
fn all_parts_are_one_row_and_missing_ones_are_told() {
    let room = room();
    let text = room.run(&["status", "--models"]).expect(0).out;
    let rows: Vec<Vec<&str>> =
        text.lines().filter(|line| line.contains(".gguf")).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let row = |name: &str, size: &str, about: &str| {
        let line = text.lines().find(|line| line.contains(name) && line.contains(size));
        assert!(line.is_some_and(|line| line.ends_with(about)), "{name} {size} {about}\n{text}");
    };
    row("org_big-Q4_K_M-00001-of-00003.gguf", "4.50 MB", "3 parts");
    row("org_big-Q4_K_M-00001-of-00003.gguf", "4.00 MB", "1 of 3 parts missing");
    let json = room.run(&["status", "--json", "--models", "--filter", "name=big"]).expect(0).json();
    assert_eq!(json["shown"]["apparent_bytes"], 8_500_000);
    assert_eq!(json["shown"]["files"], 5);
    room.run(&["report", "--output", "page.html"]).expect(0);
    let page = room.text("page.html");
    assert!(page.contains("1 missing part") && !page.contains("00003-of-00003"), "each is one row there, too");
}

#[test]
fn clear_takes_all_parts_by_the_name_or_the_path_of_one() {
    let room = room();
    let name = "org_big-Q4_K_M-00001-of-00003.gguf";
    room.run(&["clear", name, "--yes", "--now", "--grace", "0"]).expect(0);
    assert_eq!(files(&room, ".cache/torch"), Vec::<String>::new());
    let path = room.place(&part(FOLDER, 1));
    room.run(&["clear", path.to_str().unwrap(), "--yes", "--now", "--grace", "0"]).expect(0);
    assert_eq!(files(&room, FOLDER), ["org_small-Q4_K_M.gguf"]);
}

#[test]
fn backup_stores_all_parts_by_the_name_of_one() {
    let room = room();
    let archive = room.path().join("a.tar.zst");
    let name = "torch/org_big-Q4_K_M-00001-of-00003.gguf";
    room.run(&["backup", archive.to_str().unwrap(), name]).expect(0);
    let listed = room.run(&["restore", "--list", "--json", archive.to_str().unwrap()]).expect(0).out;
    for number in [1, 3] {
        assert!(listed.contains(&part("torch", number)), "{listed}");
    }
}

#[test]
fn prune_judges_all_parts_as_one_and_frees_no_half() {
    let room = room();
    room.write(&part(".cache/torch", 2), vec![8_u8; 2_000_000]);
    let age = |number: usize, days: u64| {
        let at = SystemTime::now() - Duration::from_secs(days * 86_400);
        let file = fs::File::options().append(true).open(room.place(&part(".cache/torch", number))).unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(at).set_modified(at)).unwrap();
    };
    [1, 2].into_iter().for_each(|number| age(number, 100));
    let prune = |goal: [&str; 2]| {
        room.run(&[&["prune", "--grace", "0", "--yes", "--now"], &goal[..]].concat()).expect(0);
        files(&room, ".cache/torch").len()
    };
    assert_eq!(prune(["--older-than", "30d"]), 3, "one of them was used today");
    age(3, 90);
    room.write(".cache/torch/other.gguf", vec![9_u8; 1_100_000]);
    assert_eq!(prune(["--max-size", "5MB"]), 1, "one part alone would have been enough");
}

#[test]
fn the_browser_deletes_all_parts_with_their_row() {
    let room = room();
    let mut command = room.command(&["status", "--tui"]);
    let mut terminal = Terminal::open(100, 24, &mut command);
    terminal.screen(&["❯  ~/.cache/llama.cpp/"]);
    terminal.press(keys::ENTER).screen(&["❯  org_big-Q4_K_M-00001-of-00003.gguf", "4.50 MB", "3 files"]);
    terminal.press("d").screen(&["00002-of-00003.gguf", "00003-of-00003.gguf", "y"]);
    terminal.press("y").screen(&["Deleted"]);
    terminal.press(keys::ENTER).screen(&["❯  org_small-Q4_K_M.gguf"]);
    terminal.press("q");
    assert!(terminal.end().status.success());
    assert_eq!(files(&room, FOLDER), ["org_small-Q4_K_M.gguf"]);
}
