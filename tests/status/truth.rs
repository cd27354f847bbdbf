//! What `modelstrap status` says could go is what the verbs then say themselves, to the byte.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::lived::{HUB, MAIN, PINNED, lived_in, repository};
use crate::support::project::{Ran, Room};
use serde_json::Value;

/// A clock that is two hours ahead: what came less than an hour ago stays, and when a file came only the disk says.
const LATER: &str = "
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    int done = syscall(SYS_clock_gettime, id, at);
    if (done == 0 && id == CLOCK_REALTIME) at->tv_sec += 7200;
    return done;
}
";

/// Runs it as if two hours had gone by; `None` where no such clock can be made.
fn later(room: &Room, arguments: &[&str]) -> Option<Ran> {
    let (source, clock) = (room.path().join("clock.c"), room.path().join("clock.so"));
    if !clock.exists() {
        fs::write(&source, LATER).unwrap();
        let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&clock).arg(&source).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no C compiler, and no time goes by");
            return None;
        }
    }
    Some(room.ran(room.command(arguments).env("LD_PRELOAD", &clock)))
}

fn told(status: &Value, command: &str) -> Vec<Value> {
    let all = status["reclaimable"].as_array().unwrap();
    all.iter().filter(|one| one["command"] == command).cloned().collect()
}

fn bytes(all: &[Value]) -> u64 {
    all.iter().map(|one| one["bytes"].as_u64().unwrap()).sum()
}

/// `status`, and what the verbs plan: they must say the same.
fn agree(run: &dyn Fn(&[&str]) -> Option<Ran>) -> Option<Value> {
    let json = |arguments: &[&str]| Some(run(arguments)?.expect(0).json());
    let status = json(&["status", "--json"])?;
    let prune = json(&["prune", "--dry-run", "--json"])?;
    let claims = told(&status, "modelstrap prune");
    assert_eq!(bytes(&claims), prune["exclusive_bytes"], "{claims:#?}\n{prune:#}");
    assert!(claims.iter().all(|claim| claim["bound"] == "exact"), "{claims:#?}");
    let trash = json(&["prune", "--now", "--dry-run", "--json"])?;
    assert_eq!(bytes(&told(&status, "modelstrap clear trash")), trash["trash_bytes"]);
    let migrate = json(&["migrate", "--dry-run", "--json"])?;
    let claims = told(&status, "modelstrap migrate");
    assert_eq!(bytes(&claims), migrate["total"]["bytes"], "{claims:#?}\n{migrate:#}");
    assert!(claims.iter().all(|claim| claim["bound"] == "exact" && claim["count"] == migrate["total"]["files"]));
    sums(&status);
    same_page(&status, &run(&["report", "-o", "-"])?.expect(0).out);
    Some(status)
}

/// The rows of the page's "What could go": command, how much in words, how many.
fn rows(page: &str) -> Vec<(String, String, String)> {
    let table = page.split_once("What could go, and how</caption>").map_or("", |(_, rest)| rest);
    let table =
        table.split_once("<tbody>").and_then(|(_, rest)| rest.split_once("</tbody>")).map_or("", |(all, _)| all);
    let bare = |cell: &str| {
        let cell = cell.split_once("</td>").map_or(cell, |(cell, _)| cell);
        let text: String = cell.split('<').map(|piece| piece.split_once('>').map_or("", |(_, text)| text)).collect();
        text
    };
    let row = |row: &str| {
        let cells: Vec<String> = row.split("<td").skip(1).map(|cell| bare(&format!("<td{cell}"))).collect();
        let [much, count, command] = &cells[..] else { panic!("{row}") };
        (command.clone(), much.clone(), count.clone())
    };
    // What is old, only who asks `prune --older-than` for it is told.
    table.split("<tr").skip(1).filter(|row| !row.contains("not used for 90 days")).map(row).collect()
}

/// What `report` says could go is what `status` says, to the byte and with the same words.
fn same_page(status: &Value, page: &str) {
    let mut found = rows(page);
    found.retain(|(command, _, _)| command != "modelstrap dedupe");
    let claims = status["reclaimable"].as_array().unwrap();
    let mut wanted: Vec<(String, String, String)> = claims
        .iter()
        .map(|one| {
            let (bytes, count) = (one["bytes"].as_u64().unwrap(), one["count"].as_u64().unwrap());
            let bound = match one["bound"].as_str().unwrap() {
                "exact" => "",
                "up_to" => "up to ",
                _ => "about ",
            };
            let much =
                if bytes > 0 { format!("{bound}{}", modelstrap::support::units::bytes(bytes)) } else { "–".into() };
            let count = if count > 0 { count.to_string() } else { "–".into() };
            (one["command"].as_str().unwrap().to_owned(), much, count)
        })
        .collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// The rows add up to the total, and the text has the same rows.
pub(super) fn sums(status: &Value) {
    let rows = status["places"].as_array().unwrap().iter().map(|place| &place["sizes"]).chain([&status["trash"]]);
    for member in ["apparent_bytes", "disk_bytes", "exclusive_bytes", "files"] {
        let sum: u64 = rows.clone().map(|sizes| sizes[member].as_u64().unwrap()).sum();
        assert_eq!(sum, status["total"][member], "{member}: {status:#}");
    }
}

/// Everything that the verbs may take, or bring.
fn all_kinds() -> Room {
    let room = lived_in();
    room.append("modelstrap.toml", "[legacy]\npaths = [\"old\"]\n");
    room.write("old/whisper/tiny.pt", vec![7; 1_300_000]);
    room.write("old/unknown.bin", vec![7; 2_000_000]);
    // A revision that its branch left behind, another beside it with which it shares a content, and one that a lock would name.
    let (one, two) = ("3".repeat(40), "4".repeat(40));
    let shared = ("one", 300);
    repository(&room, "org/moved", &[(&one, &[shared, ("two", 200)]), (&two, &[shared]), (MAIN, &[("three", 100)])]);
    room.write(&format!("{HUB}/models--org--moved/refs/main"), MAIN);
    room.write(&format!("{HUB}/models--org--moved/refs/gone"), PINNED);
    room.write(&format!("{HUB}/models--org--empty/refs/main"), MAIN);
    let then = SystemTime::now() - Duration::from_secs(100 * 86_400);
    fs::File::options().write(true).open(room.place("out/tmdb/film.json")).unwrap().set_modified(then).unwrap();
    room
}

#[test]
fn what_status_says_could_go_is_what_the_verbs_say() {
    let room = all_kinds();
    // Of what came a moment ago, nothing goes.
    let status = agree(&|arguments| Some(room.run(arguments))).unwrap();
    assert_eq!(told(&status, "modelstrap prune"), [Value::Null; 0]);
    let Some(status) = agree(&|arguments| later(&room, arguments)) else { return };
    let claims = told(&status, "modelstrap prune");
    let what: Vec<(&str, u64)> =
        claims.iter().map(|one| (one["what"].as_str().unwrap(), one["count"].as_u64().unwrap())).collect();
    assert_eq!(
        what,
        [
            ("unfinished_downloads", 3),
            ("orphan_blobs", 1),
            ("empty_repositories", 1),
            ("broken_refs", 1),
            ("expired_files", 1),
            ("unreferenced_revisions", 3),
        ]
    );
    // What no library is known to read stays outside, and is not counted.
    assert_eq!(told(&status, "modelstrap migrate")[0]["bytes"], 2_400_000);
    let text = later(&room, &["status"]).unwrap().expect(0).out;
    assert!(text.contains("`modelstrap migrate` brings 2.40 MB in 2 files into the cache"), "{text}");
    assert!(text.contains("`modelstrap prune` frees ") && !text.contains("up to"), "{text}");
}

#[test]
fn what_scripts_left_in_the_project_is_in_the_same_numbers_everywhere() {
    let room = all_kinds();
    for hub in ["hubcache", "./~/.cache/huggingface/hub"] {
        for (name, size) in [("org/one", 2_000_000), ("org/two", 1_200_000)] {
            let folder = format!("{hub}/models--{}", name.replace('/', "--"));
            room.write(&format!("{folder}/blobs/{size}"), vec![7; size]);
            room.write(&format!("{folder}/refs/main"), MAIN);
            room.link(&format!("{folder}/snapshots/{MAIN}/model.bin"), &format!("../../blobs/{size}"));
        }
    }
    room.write("~/else/base.pt", vec![7; 2_000_000]);
    symlink(room.place("~/else/base.pt"), room.place("~/.cache/whisper/linked.pt")).unwrap();
    room.link("~/.cache/torch/hub/checkpoints/x.pth", "../../../../else/base.pt");
    let status = agree(&|arguments| Some(room.run(arguments))).unwrap();
    let moved = told(&status, "modelstrap migrate")[0]["bytes"].as_u64().unwrap();
    assert_eq!(moved, 2_400_000 + 2 * 3_200_000, "{status:#}");
    room.run(&["migrate", "--yes"]).expect(0);
    let status = agree(&|arguments| Some(room.run(arguments))).unwrap();
    assert!(!status["places"].to_string().contains("hubcache"), "{status:#}");
}

#[test]
fn over_its_budget_a_cache_gives_what_prune_takes_for_it() {
    let room = all_kinds();
    room.append("modelstrap.toml", "[cache]\nbudget = \"3 MB\"\n");
    let Some(status) = agree(&|arguments| later(&room, arguments)) else { return };
    let claims = told(&status, "modelstrap prune");
    assert!(claims.iter().any(|one| one["what"] == "least_recently_used"), "{claims:#?}");
}

#[test]
fn of_very_many_names_the_sums_say_how_much_it_is_at_most() {
    let room = lived_in();
    let names: Vec<String> = (0..2600).map(|name| format!("{name:04}")).collect();
    let blobs: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 5)).collect();
    repository(&room, "org/many", &[(PINNED, &blobs), ("5".repeat(40).as_str(), &blobs[..50]), (MAIN, &blobs[..3])]);
    room.write(&format!("{HUB}/models--org--many/refs/main"), MAIN);
    let json = |arguments: &[&str]| later(&room, arguments).map(|ran| ran.expect(0).json());
    let Some(status) = json(&["status", "--json"]) else { return };
    let prune = json(&["prune", "--dry-run", "--json"]).unwrap();
    let claims = told(&status, "modelstrap prune");
    assert!(claims.iter().all(|claim| claim["bound"] == "up_to") && !claims.is_empty(), "{claims:#?}");
    let (claimed, planned) = (bytes(&claims), prune["exclusive_bytes"].as_u64().unwrap());
    assert!(claimed >= planned && claimed < planned * 2, "{claimed} and {planned}");
    assert!(later(&room, &["status"]).unwrap().out.contains("`modelstrap prune` frees up to "));
    same_page(&status, &later(&room, &["report", "-o", "-"]).unwrap().expect(0).out);
}

#[test]
fn what_was_removed_has_a_row_of_its_own_and_the_rows_add_up() {
    let room = lived_in();
    room.run(&["clear", "all", "--undo-for", "1h", "--yes"]).expect(0);
    room.write(".cache/whisper/more.pt", vec![7; 1_100_000]);
    let status = agree(&|arguments| Some(room.run(arguments))).unwrap();
    let disk = |sizes: &Value| sizes["disk_bytes"].as_u64().unwrap();
    assert!(disk(&status["trash"]) > 2_000_000, "{status:#}");
    let whisper = status["places"].as_array().unwrap().iter().find(|place| place["name"] == "whisper").unwrap();
    assert!(disk(&whisper["sizes"]) < 1_400_000, "{whisper:#}");
    let text = room.run(&["status", "--models"]).expect(0).out;
    assert_eq!(text.matches("\nTrash ").count(), 1, "{text}");
    assert!(!text.contains(".modelstrap"), "{text}");
}

/// What a plan of `clear` says that it frees.
fn cleared(room: &Room, path: &str) -> u64 {
    room.run(&["clear", path, "--grace", "0", "--dry-run", "--json"]).expect(0).json()["exclusive_bytes"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_place_frees_what_clearing_it_frees_and_its_own_folders_stay() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\ntmdb = { path = \"out/tmdb\" }\n");
    repository(&room, "org/asr", &[(MAIN, &[("one", 300)])]);
    room.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    room.write(".cache/torch/hub/checkpoints/resnet.pth", vec![7; 1_500_000]);
    room.write(".cache/whisper/large-v3.pt", vec![7; 1_200_000]);
    room.write("out/tmdb/film.json", vec![7; 100_000]);
    room.write("out/tmdb/deep/er/film.json", vec![7; 100_000]);
    room.write("models/mine/model.safetensors", vec![7; 1_600_000]);
    room.write("~/.cache/whisper/base.pt", vec![7; 1_100_000]);
    fs::create_dir_all(room.place(".cache/mlx")).unwrap();
    let places = || {
        let status = room.run(&["status", "--json"]).expect(0).json();
        sums(&status);
        status["places"].as_array().unwrap().clone()
    };
    let of = |place: &Value| (place["path"].as_str().unwrap().to_owned(), place["sizes"]["exclusive_bytes"].as_u64());
    let told: Vec<(String, Option<u64>)> = places().iter().map(of).collect();
    assert_eq!(told.len(), 7, "{told:#?}");
    for (path, frees) in &told {
        let path = path.replace("@/p/", "").replace("@/h", &room.home().display().to_string());
        assert_eq!(*frees, Some(cleared(&room, &path)), "{path}");
    }
    // What stays then is in no number of what could go, and takes its room.
    room.run(&["clear", "all", "--grace", "0", "--yes"]).expect(0);
    let status = room.run(&["status", "--json"]).expect(0).json();
    let trash = room.run(&["clear", "trash", "--dry-run", "--json"]).expect(0).json()["trash_bytes"].clone();
    assert_eq!(status["trash"]["exclusive_bytes"], trash);
    assert!(status["trash"]["disk_bytes"].as_u64() > trash.as_u64(), "{status:#}");
    for place in status["places"].as_array().unwrap().iter().filter(|place| place["kind"] == "home") {
        let sizes = &place["sizes"];
        assert_eq!(sizes["exclusive_bytes"], 0, "{place:#}");
        assert_eq!(sizes["files"], 0, "{place:#}");
        assert!(sizes["disk_bytes"].as_u64() > Some(0), "{place:#}");
    }
    // The same number in each line.
    room.append("modelstrap.toml", "[cache]\nbudget = \"1 MB\"\n");
    let (text, bytes) =
        (room.run(&["status"]).expect(0).out, modelstrap::support::units::bytes(trash.as_u64().unwrap()));
    assert!(text.contains(&format!("; `modelstrap clear trash` frees {bytes}\n")), "{text}");
    assert_eq!(text.matches(&bytes).count(), 3, "{bytes}:\n{text}");
    sums(&status);
}
