//! Which folders `modelstrap status` counts: what scripts left in the project has rows of its own, and every verb sees the same places.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use crate::support::lived::MAIN;
use crate::support::project::{PROGRAM, Room, may_mount};
use serde_json::{Value, json};

/// A repository in `hub`, whose contents are those of every other that has as many bytes.
fn hub(room: &Room, hub: &str, name: &str, bytes: usize) {
    let folder = format!("{hub}/models--{}", name.replace('/', "--"));
    let blob = format!("{bytes:064}");
    room.write(&format!("{folder}/blobs/{blob}"), vec![7; bytes]);
    room.write(&format!("{folder}/refs/main"), MAIN);
    room.link(&format!("{folder}/snapshots/{MAIN}/model.bin"), &format!("../../blobs/{blob}"));
}

/// What `cache_dir="hubcache"` made, and what a variable made that holds a `~` which nobody expanded.
fn scattered() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    hub(&room, ".cache/huggingface/hub", "org/one", 2_000_000);
    hub(&room, "hubcache", "org/one", 2_000_000);
    hub(&room, "./~/.cache/huggingface/hub", "org/two", 1_500_000);
    room.write("./~/.cache/whisper/base.pt", vec![7; 1_100_000]);
    room
}

fn rows(status: &Value) -> Vec<(&str, &str, u64)> {
    let all = status["places"].as_array().unwrap().iter().map(|found| {
        let text = |member: &str| found[member].as_str().unwrap_or_default();
        (text("path"), text("library"), found["sizes"]["apparent_bytes"].as_u64().unwrap())
    });
    all.collect()
}

#[test]
fn a_hub_in_the_project_and_a_folder_called_tilde_have_rows_with_a_warning() {
    let room = scattered();
    // A link may have come with a clone: what it leads to is no place of this project.
    room.write("~/photos/holiday.jpg", vec![7; 1_100_000]);
    room.link("./~/.cache/torch", room.place("~/photos").to_str().unwrap());
    let status = room.run(&["status", "--json"]).expect(0).json();
    let refs = 40;
    assert_eq!(
        rows(&status),
        [
            ("@/p/.cache/huggingface", "", 2_000_000 + refs),
            ("@/p/~/.cache/huggingface", "Hugging Face Hub", 1_500_000 + refs),
            ("@/p/~/.cache/whisper", "OpenAI Whisper", 1_100_000),
            ("@/p/hubcache", "this project", 2_000_000 + refs),
        ]
    );
    let text = room.run(&["status"]).expect(0).out;
    for row in ["❗ huggingface", "./~/.cache/huggingface (Hugging Face Hub)", "❗ hubcache", "hubcache (this project)"]
    {
        assert!(text.contains(row), "{row}: {text}");
    }
    assert!(text.contains("❗ outside of the cache: 4.6"), "{text}");
    let page = room.run(&["report", "-o", "-"]).expect(0).out;
    for row in ["<bdi>./~/.cache/huggingface</bdi>", "<bdi>hubcache</bdi>"] {
        assert!(page.contains(row), "{row}");
    }
}

#[test]
fn dedupe_and_clear_see_a_hub_in_the_project() {
    let room = scattered();
    let dedupe = room.run(&["dedupe", "--grace", "0", "--dry-run", "--json"]).expect(0).json();
    let pairs = dedupe["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1, "{dedupe:#}");
    let keep = pairs[0]["keep"].as_str().unwrap();
    assert!(keep.starts_with("@/p/.cache/huggingface/hub/models--org--one/blobs/"), "{keep}");
    assert!(pairs[0]["names"].to_string().contains("@/p/hubcache/"), "{dedupe:#}");
    room.run(&["clear", "./hubcache", "--now", "--yes"]).expect(0);
    assert!(!room.exists("hubcache/models--org--one") && room.exists(".cache/huggingface/hub/models--org--one"));
}

#[test]
fn a_folder_that_is_mounted_again_within_another_place_is_counted_once() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    hub(&room, ".cache/huggingface/hub", "org/one", 2_000_000);
    hub(&room, ".cache/huggingface/hub", "org/two", 1_500_000);
    room.write(".cache/whisper/base.pt", vec![7; 1_100_000]);
    room.write("~/.cache/huggingface/stats.json", "{}");
    room.write(".cache/huggingface/hub/blobs/.huggingface-shared-blobs", "1\n");
    room.write(&format!(".cache/huggingface/hub/blobs/ab/{}", "ab".repeat(32)), vec![7; 1_300_000]);
    // Where each is mounted again: a whole hub, a repository, a folder of files.
    room.write("~/elsewhere/large.bin", vec![7; 1_200_000]);
    let alone = room.run(&["status", "--json"]).expect(0).json()["total"]["files"].as_u64().unwrap();
    // A whole hub, a repository, a folder of files, parts of a repository and of a store; and what lies nowhere else, which counts where it
    // is mounted.
    for (from, to, more) in [
        (".cache/huggingface/hub", "~/.cache/huggingface/hub", 0),
        (".cache/huggingface/hub/models--org--one", "~/.cache/huggingface/hub/models--org--one", 0),
        (".cache/whisper", "~/.cache/huggingface/assets", 0),
        (".cache/huggingface/hub/models--org--one/blobs", "~/.cache/huggingface/assets", 0),
        (".cache/huggingface/hub/models--org--two/snapshots", "~/.cache/huggingface/assets", 0),
        (".cache/huggingface/hub/blobs/ab", "~/.cache/huggingface/assets", 0),
        ("~/elsewhere", "~/.cache/huggingface/assets", 1),
    ] {
        let (from, to) = (room.place(from), room.place(to));
        fs::create_dir_all(&to).unwrap();
        let mut command = room.program("unshare");
        let script = "mount --bind \"$1\" \"$2\" && \"$0\" status --models --json";
        command.args(["-m", "--propagation", "private", "sh", "-c", script, PROGRAM]).arg(&from).arg(&to);
        let status = room.ran(&mut command).expect(0).json();
        assert_eq!(status["total"]["files"], alone + more, "{status:#}");
        let shown = |path: &Path| path.display().to_string().replace(room.path().to_str().unwrap(), "@");
        let (name, path, of) = (to.file_name().unwrap().to_str().unwrap(), shown(&to), shown(&from));
        let twin = json!([{"name": name, "path": path, "why": "same_folder", "of": of}]);
        assert_eq!(status["elsewhere"], if more == 0 { twin } else { json!([]) });
        fs::remove_dir(&to).unwrap();
    }
}

#[test]
fn repositories_right_in_the_project_are_shown_and_moved() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for name in ["org/one", "org/two"] {
        hub(&room, ".", name, 1_200_000);
    }
    let status = room.run(&["status", "--models", "--json"]).expect(0).json();
    let rows: Vec<_> = status["places"].as_array().unwrap().iter().filter(|place| place["kind"] == "stray").collect();
    let model = |row: &Value| json!([row["path"], row["models"][0]["name"], row["models"][0]["kind"]]);
    let seen: Vec<Value> = rows.into_iter().map(model).collect();
    let wanted = ["one", "two"].map(|name| json!([format!("@/p/models--org--{name}"), format!("org/{name}"), "model"]));
    assert!(seen.len() == 2 && wanted.iter().all(|one| seen.contains(one)), "{status:#}");
    assert_eq!(status["total"]["files"], 2, "{status:#}");
    room.run(&["migrate", "--yes"]).expect(0);
    assert!(!room.exists("models--org--one") && room.exists(".cache/huggingface/hub/models--org--two/refs/main"));
    let status = room.run(&["status", "--json"]).expect(0).json();
    assert_eq!((&status["outside_bytes"], &status["total"]["files"]), (&json!(0), &json!(2)), "{status:#}");
}

#[test]
fn a_file_or_a_part_of_a_repository_that_is_mounted_again_takes_its_room_once() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    hub(&room, ".cache/huggingface/hub", "org/one", 2_000_000);
    room.write(".cache/whisper/base.pt", vec![7; 1_100_000]);
    let place = |folder: &str, name: &str| room.place(&format!("{folder}/models--org--{name}/blobs"));
    // The places of what is mounted; the other repository has its links, and no blobs of its own.
    room.write(".cache/torch/hub/again.pt", "");
    room.write("~/.cache/whisper/again.pt", "");
    hub(&room, ".cache/huggingface/hub", "org/two", 2_000_000);
    fs::rename(place(".cache/huggingface/hub", "two"), room.place("~/spare")).unwrap();
    fs::create_dir(place(".cache/huggingface/hub", "two")).unwrap();
    let status = |from: &Path, to: &Path| {
        let mut command = room.program("unshare");
        let script = "mount --bind \"$1\" \"$2\" && \"$0\" status --models --json";
        command.args(["-m", "--propagation", "private", "sh", "-c", script, PROGRAM]).arg(from).arg(to);
        room.ran(&mut command).expect(0).json()
    };
    let alone = room.run(&["status", "--json"]).expect(0).json()["total"]["disk_bytes"].as_u64().unwrap();
    let whisper = room.place(".cache/whisper/base.pt");
    for to in [".cache/torch/hub/again.pt", "~/.cache/whisper/again.pt"] {
        let status = status(&whisper, &room.place(to));
        assert_eq!(status["total"]["disk_bytes"], alone, "{to}: {status:#}");
        let models = |place: &Value| place["models"].as_array().unwrap().clone();
        let all: Vec<Value> = status["places"].as_array().unwrap().iter().flat_map(models).collect();
        let twins = all.iter().filter(|model| model["kind"] == "file");
        let sizes: Vec<_> =
            twins.map(|model| (&model["sizes"]["apparent_bytes"], &model["sizes"]["exclusive_bytes"])).collect();
        assert_eq!(sizes, [(&json!(1_100_000), &json!(0)); 2], "{to}: {status:#}");
    }
    let status = status(&place(".cache/huggingface/hub", "one"), &place(".cache/huggingface/hub", "two"));
    assert_eq!(status["total"]["disk_bytes"], alone, "{status:#}");
    let hub =
        &status["places"].as_array().unwrap().iter().find(|place| place["name"] == "huggingface").unwrap()["models"];
    for model in hub.as_array().unwrap() {
        assert_eq!(
            (&model["dangling_links"], &model["sizes"]["apparent_bytes"]),
            (&json!(0), &hub[0]["sizes"]["apparent_bytes"]),
            "{hub:#}"
        );
    }
}

#[test]
fn a_large_file_in_the_cache_root_itself_is_told_and_marks_are_not() {
    let room = Room::bare();
    room.write(".cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    room.write(".cache/whisper/base.pt", vec![7; 1_100_000]);
    let text = room.run(&["status"]).expect(0).out;
    assert!(!text.contains("in .cache itself"), "{text}");
    room.write(".cache/model.safetensors", vec![7; 1 << 21]);
    let text = room.run(&["status"]).expect(0).out;
    let line = "2.10 MB in 1 file lies in .cache itself, beside the libraries' folders: no library reads them there, and no row counts them\n";
    assert!(text.contains(line), "{text}");
    let json = room.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["beside"], json!({"files": 1, "bytes": 1 << 21}));
}
