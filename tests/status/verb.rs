//! `modelstrap status`: one truth about every cache of a project, and about what lies outside of it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use crate::support::project::Room;
use serde_json::Value;

const MAIN: &str = "2222222222222222222222222222222222222222";
const PINNED: &str = "1111111111111111111111111111111111111111";

/// What a few months leave behind: a hub with two revisions and an unfinished download, torch's checkpoints, an application cache,
/// `./models`, and a whisper file in the home folder.
fn lived_in() -> Room {
    let room = Room::bare();
    room.write(
        "modelstrap.toml",
        "[cache]\nbudget = \"30 MB\"\n[application_caches]\ntmdb = { path = \"out/tmdb\", max_age = \"90d\" }\n",
    );
    let repository = ".cache/huggingface/hub/models--org--asr";
    let mega = |count: usize| vec![7_u8; count * 1_000_000];
    for (blob, size) in [("both", 8), ("old", 4), ("new", 16), ("orphan", 2), ("new.1a.incomplete", 3)] {
        room.write(&format!("{repository}/blobs/{blob}"), mega(size));
    }
    for (commit, blobs) in [(PINNED, ["both", "old"]), (MAIN, ["both", "new"])] {
        for blob in blobs {
            let at = room.place(&format!("{repository}/snapshots/{commit}/{blob}.bin"));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            symlink(format!("../../blobs/{blob}"), at).unwrap();
        }
    }
    room.write(&format!("{repository}/.modelstrap/partials/ab.part"), mega(2));
    room.write(&format!("{repository}/refs/main"), MAIN);
    room.write(".cache/whisper/.modelstrap/partials/cd.part", mega(2));
    room.write(".cache/torch/hub/checkpoints/resnet.pth", mega(5));
    room.write("out/tmdb/film.json", mega(1));
    room.write("models/copy.safetensors", mega(16));
    room.write("~/.cache/whisper/base.pt", mega(6));
    room
}

/// What it prints. What only this disk decides is taken out: what is free, and how much its folders take, so that a size on the
/// disk within a fortieth of the size is written `~`.
fn shown(room: &Room, arguments: &[&str]) -> String {
    let ran = room.run(&[&["status"], arguments].concat()).expect(0);
    let mut text = String::new();
    for line in ran.out.lines() {
        let line = match line.strip_prefix("Cache root: ") {
            Some(rest) => format!("Cache root: {}", rest.split(" (").next().unwrap()),
            None => rounded(line),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn rounded(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(at) = words.iter().position(|word| matches!(*word, "B" | "kB" | "MB")).filter(|_| !line.contains(':'))
    else {
        return words.join(" ");
    };
    let number = |at: usize| words.get(at)?.parse::<f64>().ok();
    let Some(size) = number(at - 1) else { return words.join(" ") };
    let near = |at: usize| number(at).is_some_and(|found| (found - size).abs() <= size / 40.0);
    let mut out: Vec<&str> = words[..=at].to_vec();
    for column in [at + 1, at + 3] {
        match near(column) {
            true => out.push("~"),
            false => out.extend(&words[column..column + 2]),
        }
    }
    out.extend(&words[at + 5..]);
    out.join(" ")
}

#[test]
fn status_shows_every_library_and_what_lies_outside() {
    let room = lived_in();
    let text = shown(&room, &[]);
    let (table, notes) = text.split_once("\n\nunfinished").unwrap();
    assert_eq!(
        table,
        "\
Cache root: .cache
Not set up: programs use ~/.cache here; `modelstrap setup` leads them to the cache root

Size On disk Frees Files Used Where
Cache
🤗 huggingface 35.0 MB ~ ~ 4 today .cache/huggingface
🔥 torch 5.00 MB ~ ~ 1 today .cache/torch
🎤 whisper 2.00 MB ~ ~ 0 .cache/whisper
Application caches
📁 tmdb 1.00 MB ~ ~ 1 today out/tmdb (nothing older than 90 d)
Outside of the cache
❗ whisper 6.00 MB ~ ~ 1 today ~/.cache/whisper (OpenAI Whisper)
❗ models 16.0 MB ~ ~ 1 today models (this project)
Total 65.0 MB ~ ~ 8"
    );
    assert!(
        notes.starts_with(" downloads: 7.01 MB in 3 files; `modelstrap prune` removes what nobody writes\nblobs that no revision has: 2.00 MB in 1 file\n"),
        "{notes}"
    );
    assert!(
        notes.contains("\n❗ outside of the cache: 22.0 MB, which no variable of this project leads to; "),
        "{notes}"
    );
    assert!(
        notes.contains("\nthe cache takes 42.") && notes.ends_with(" more than its budget of 30.0 MB\n"),
        "{notes}"
    );
}

#[test]
fn models_and_revisions_say_what_deleting_each_would_free() {
    let room = lived_in();
    // What the folder of the revision takes itself differs from disk to disk.
    let text = shown(&room, &["--revisions"]).replace(" 4.01 MB ", " 4.00 MB ");
    let from = text.find("🤗").unwrap();
    let to = text.find("Application caches").unwrap();
    assert_eq!(
        &text[from..to],
        "\
🤗 huggingface 35.0 MB ~ ~ 4 today .cache/huggingface
org/asr 35.0 MB ~ ~ 4 today 2 unfinished downloads, 5.01 MB; 1 orphan blob, 2.00 MB
111111111111 12.0 MB ~ 4.00 MB 2 today no ref
222222222222 24.0 MB ~ 16.0 MB 2 today main
🔥 torch 5.00 MB ~ ~ 1 today .cache/torch
resnet.pth 5.00 MB ~ ~ 1 today
🎤 whisper 2.00 MB ~ ~ 0 .cache/whisper
"
    );
}

#[test]
fn json_has_bytes_as_integers_and_times_in_rfc_3339() {
    let room = lived_in();
    let document = room.run(&["status", "--revisions", "--json"]).expect(0).json();
    assert_eq!(document["schema"], "modelstrap.status/1");
    assert_eq!(document["budget_bytes"], 30_000_000);
    let place = |kind: &str| document["places"].as_array().unwrap().iter().filter(|one| one["kind"] == kind).count();
    assert_eq!(["home", "application", "stray", "legacy"].map(place), [3, 1, 2, 0]);
    let hub = &document["places"][0];
    let model = &hub["models"][0];
    assert_eq!((&model["name"], &model["kind"]), (&Value::from("org/asr"), &Value::from("model")));
    assert_eq!(model["orphans"], serde_json::json!({"files": 1, "bytes": on_disk(2_000_000)}));
    assert_eq!(model["revisions"][1]["commit"], MAIN);
    assert_eq!(model["revisions"][1]["refs"], serde_json::json!(["main"]));
    let snapshot = room.place(&format!(".cache/huggingface/hub/models--org--asr/snapshots/{MAIN}"));
    let links = fs::read_dir(&snapshot).unwrap().map(|link| link.unwrap().path());
    let ways: u64 = links.chain([snapshot]).map(|path| fs::symlink_metadata(path).unwrap().blocks() * 512).sum();
    assert_eq!(model["revisions"][1]["sizes"]["exclusive_bytes"], on_disk(16_000_000) + ways);
    let used = model["last_used"].as_str().unwrap();
    assert!(used.len() == 20 && used.ends_with('Z'), "{used}");
}

/// Whole blocks of 4 KiB, as the disks of the machines that run this have them.
fn on_disk(bytes: u64) -> u64 {
    bytes.div_ceil(4096) * 4096
}

#[test]
fn check_ends_with_three_when_the_cache_is_too_large_or_the_disk_too_full() {
    let room = lived_in();
    let ran = room.run(&["status", "--check"]).expect(3);
    assert!(ran.out.contains("\nthe cache takes 42.") && ran.err.is_empty(), "{}{}", ran.out, ran.err);
    let ran = room.run(&["status", "--check", "--quiet"]).expect(3);
    assert!(ran.out.is_empty() && ran.err.starts_with("warning: the cache takes 42."), "{}{}", ran.out, ran.err);
    room.edit("modelstrap.toml", "30 MB", "3 GB");
    assert_eq!(room.run(&["status", "--check"]).expect(0).err, "");
    let ran = room.run(&["status", "--check", "-q", "--max-size", "1MB", "--min-free", "1000TB"]).expect(3);
    assert!(ran.err.contains("more than --max-size of 1.00 MB\nwarning: the cache's disk has "), "{}", ran.err);
    room.edit("modelstrap.toml", "budget = \"3 GB\"", "");
    let ran = room.run(&["status", "--check"]).expect(0);
    assert!(ran.err.starts_with("warning: nothing to check: the manifest has no [cache] budget"), "{}", ran.err);
    room.run(&["status", "--max-size", "1MB"]).expect(2);
}

#[test]
fn models_are_filtered_sorted_and_limited() {
    let room = Room::bare();
    for (name, size) in [("a.pt", 3_000_000), ("b.pt", 5_000_000), ("c.pt", 2_000_000)] {
        room.write(&format!(".cache/whisper/{name}"), vec![1; size]);
    }
    let names = |arguments: &[&str]| {
        let text = shown(&room, &[&["--models"], arguments].concat());
        text.lines().filter_map(|line| line.split_once(".pt ").map(|(name, _)| name.to_owned())).collect::<String>()
    };
    assert_eq!(names(&[]), "bac");
    assert_eq!(names(&["--sort", "name"]), "abc");
    assert_eq!(names(&["--filter", "size>2.5MB", "--filter", "size<4MB"]), "a");
    assert_eq!(names(&["--filter", "name=C"]), "c");
    assert!(shown(&room, &["--filter", "name=none"]).ends_with("\nno model is like that\n"));
    let text = shown(&room, &["--limit", "1"]);
    assert!(text.contains("\n2 more models not shown, because of --limit\n"), "{text}");
    // None is shown, and all are like that: no filter was given.
    let text = shown(&room, &["--limit", "0"]);
    assert!(text.ends_with("\n3 more models not shown, because of --limit\n") && !text.contains("no model"), "{text}");
    // Of all places together, not of each.
    room.write(".cache/torch/hub/checkpoints/d.pt", vec![1; 4_000_000]);
    room.write("~/.cache/whisper/e.pt", vec![1; 1_500_000]);
    assert_eq!(names(&["--limit", "2"]), "db");
    assert_eq!(names(&["--limit", "2", "--sort", "name"]), "ab");
    assert_eq!(names(&["--limit", "9"]).len(), 5);
    let ran = room.run(&["status", "--filter", "size"]).expect(2);
    assert!(ran.err.contains("--filter: it compares nothing; a filter is like size>1GB"), "{}", ran.err);
}

#[test]
fn names_that_drive_a_terminal_are_shown_escaped() {
    let room = Room::bare();
    room.write(".cache/whisper/evil\u{1b}[2J\n.pt", vec![1; 2_000_000]);
    let text = room.run(&["status", "--models"]).expect(0).out;
    assert!(text.contains("$'evil\\x1b[2J\\n.pt'") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn an_empty_project_is_told_so_and_status_writes_nothing() {
    let room = Room::bare();
    let before = room.tree();
    let text = room.run(&["status"]).expect(0).out;
    assert!(text.ends_with("\nNothing is cached yet.\n"), "{text}");
    room.tree().assert_eq(&before, "status");
}

#[test]
fn a_cache_root_that_cannot_be_listed_is_no_empty_one() {
    let room = lived_in();
    let root = room.place(".cache");
    fs::set_permissions(&root, fs::Permissions::from_mode(0o300)).unwrap();
    // Root may list everything.
    let refused = fs::read_dir(&root).is_err();
    let ran = room.run(&["status", "--check"]);
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    if refused {
        let ran = ran.expect(1);
        assert!(
            ran.err.contains("/.cache: Permission denied") && ran.err.contains("1 folder could not be read"),
            "{}",
            ran.err
        );
    } else {
        ran.expect(3);
    }
}

#[test]
fn an_application_cache_in_the_cache_root_keeps_its_policy() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\napp = { path = \".cache/app\", max_age = \"1h\" }\n");
    room.write(".cache/app/old", vec![1; 1_000_000]);
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(9_000);
    fs::File::options().write(true).open(room.place(".cache/app/old")).unwrap().set_modified(then).unwrap();
    room.write(".cache/app/new", vec![1; 3_000_000]);
    room.append("modelstrap.toml", "kept = { path = \"out/kept\" }\n");
    room.write("out/kept/x", vec![1; 1_000_000]);
    let text = shown(&room, &[]);
    assert!(
        text.contains(
            "Application caches
📁 app 4.00 MB ~ ~ 2 today .cache/app (1.00 MB in 1 file older than 1 h)
📁 kept 1.00 MB ~ ~ 1 today out/kept (no max_age)
"
        ),
        "{text}"
    );
}

#[test]
fn what_could_be_reclaimed_is_told_with_the_command_that_does_it() {
    let room = lived_in();
    let repository = ".cache/huggingface/hub/models--org--asr";
    let link = room.place(&format!("{repository}/snapshots/{MAIN}/lost.bin"));
    symlink("../../blobs/lost", &link).unwrap();
    let text = shown(&room, &[]);
    assert!(!text.contains("verify --fix"), "nobody knows what was there:\n{text}");
    fs::remove_file(&link).unwrap();
    symlink(format!("../../blobs/{}", "ab".repeat(20)), &link).unwrap();
    let text = shown(&room, &[]);
    for line in [
        "`modelstrap verify --fix` mends repositories with links to nothing",
        "`modelstrap migrate` brings 6.00 MB in 1 file into the cache",
        "❗ outside of the cache: 22.0 MB, which no variable of this project leads to; by their sizes, 16.0 MB of it may be there twice, and \
         `modelstrap dedupe` links what is",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(!text.contains("`modelstrap prune` frees"), "what came less than an hour ago stays:\n{text}");
    let json = room.run(&["status", "--json"]).expect(0).json();
    let told = |what: &str| {
        let all = json["reclaimable"].as_array().unwrap();
        all.iter().find(|one| one["what"] == what).cloned().unwrap_or_default()
    };
    assert_eq!(told("broken_repositories")["command"], "modelstrap verify --fix");
    assert_eq!((&told("outside")["count"], &told("outside")["bytes"]), (&1.into(), &6_000_000.into()));
    assert_eq!(json["prune_refused"], Value::Null);
}

#[test]
fn the_models_of_ollama_are_shown_by_name_with_what_they_share() {
    let room = Room::bare();
    let store = "~/.ollama/models";
    let layer = |digit: &str| format!(r#"{{"digest":"sha256:{}","size":1}}"#, digit.repeat(64));
    for (digit, size) in [("1", 8), ("2", 2), ("3", 4)] {
        room.write(&format!("{store}/blobs/sha256-{}", digit.repeat(64)), vec![1; size * 1_000_000]);
    }
    for (model, own) in [("llama3/8b", "2"), ("mine/latest", "3")] {
        let text = format!(r#"{{"layers":[{},{}]}}"#, layer("1"), layer(own));
        room.write(&format!("{store}/manifests/registry.ollama.ai/library/{model}"), text);
    }
    let json = room.run(&["status", "--models", "--json"]).expect(0).json();
    let place = json["places"].as_array().unwrap().iter().find(|place| place["library"] == "Ollama").unwrap();
    let models: Vec<(&str, u64, u64)> = place["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            let mega = |name: &str| model["sizes"][name].as_u64().unwrap().div_ceil(4096) * 4096 / 1_000_000;
            (model["name"].as_str().unwrap(), mega("disk_bytes"), mega("exclusive_bytes"))
        })
        .collect();
    assert_eq!(models, [("mine:latest", 12, 4), ("llama3:8b", 10, 2)]);
    assert_eq!(place["sizes"]["disk_bytes"].as_u64().unwrap() / 1_000_000, 14, "what both have lies there once");
}

/// What it says of what lies outside of the cache.
fn outside(room: &Room) -> Option<String> {
    let text = room.run(&["status"]).expect(0).out;
    text.lines().find(|line| line.contains("outside of the cache: ")).map(str::to_owned)
}

#[test]
fn that_something_may_be_there_twice_is_said_where_sizes_say_so_and_not_after_dedupe() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write(".cache/whisper/base.pt", vec![7; 2_000_000]);
    room.write("~/.cache/whisper/other.pt", vec![7; 1_500_000]);
    let alone = outside(&room).unwrap();
    assert!(alone.ends_with(", which no variable of this project leads to"), "{alone}");
    room.write("~/.cache/whisper/base.pt", vec![7; 2_000_000]);
    let twice = outside(&room).unwrap();
    assert!(twice.contains("2.00 MB of it may be there twice, and `modelstrap dedupe` links what is"), "{twice}");
    room.run(&["dedupe", "--grace", "0", "--yes"]).expect(0);
    let after = outside(&room).unwrap();
    assert!(!after.contains("twice"), "{after}");
    // Of equal size, and known to differ.
    room.write("~/.cache/whisper/third.pt", vec![8; 2_000_000]);
    assert!(outside(&room).unwrap().contains("twice"));
    room.run(&["dedupe", "--grace", "0", "--yes"]).expect(0);
}

#[test]
fn folders_without_a_file_are_no_places_outside_and_unfinished_downloads_are_not_told_twice() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    fs::create_dir_all(room.place("~/.cache/torch/hub/checkpoints")).unwrap();
    fs::create_dir_all(room.place("~/.cache/whisper")).unwrap();
    // A login is no model.
    room.write("~/.cache/huggingface/token", "hf_secret");
    room.write("~/else/base.pt", vec![7; 2_000_000]);
    symlink(room.place("~/else/base.pt"), room.place("~/.cache/whisper/base.pt")).unwrap();
    let text = room.run(&["status"]).expect(0).out;
    assert!(!text.contains('❗') && !text.contains("outside of the cache:"), "{text}");
    assert!(text.contains("~/.cache/whisper holds nothing but links: nothing is counted there\n"), "{text}");
    let json = room.run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["elsewhere"][0]["why"], "links_only");
    assert_eq!(json["elsewhere"].as_array().unwrap().len(), 1);
    fs::remove_file(room.place("~/.cache/huggingface/token")).unwrap();
    room.write("~/.cache/huggingface/hub/models--org--asr/blobs/x.incomplete", vec![7; 3_000_000]);
    let told = outside(&room).unwrap();
    assert_eq!(told, "❗ outside of the cache: downloads that were not finished, and nothing else");
    let unfinished = || {
        let text = room.run(&["status"]).expect(0).out;
        text.lines().find_map(|line| line.strip_prefix("unfinished downloads: ").map(str::to_owned)).unwrap()
    };
    let clear = "`modelstrap clear ~/.cache/huggingface/hub/models--org--asr/blobs/x.incomplete` removes";
    assert_eq!(unfinished(), format!("3.00 MB in 1 file outside of the cache; {clear} it if nobody writes it"));
    room.write(".cache/huggingface/hub/models--org--asr/blobs/x.incomplete", vec![7; 2 << 20]);
    assert_eq!(
        unfinished(),
        format!(
            "5.10 MB in 2 files; `modelstrap prune` removes what nobody writes; of that, 3.00 MB in 1 file lies outside of the cache, \
             and {clear} it if nobody writes it"
        )
    );
}

#[test]
fn what_is_filtered_is_summed_up_by_itself() {
    let room = lived_in();
    let text = shown(&room, &["--filter", "name=resnet"]);
    assert!(text.contains("\nShown 5.00 MB ~ ~ 1 1 model\nTotal 65.0 MB ~ ~ 8 with what is not shown\n"), "{text}");
    let json = room.run(&["status", "--json", "--filter", "name=resnet"]).expect(0).json();
    assert_eq!(json["shown"]["apparent_bytes"], 5_000_000);
    assert_eq!(room.run(&["status", "--json"]).expect(0).json()["shown"], Value::Null);
}

#[test]
fn in_the_home_folder_nothing_is_recommended_that_refuses_there() {
    let room = Room::bare();
    let home = room.home();
    room.write("~/.cache/huggingface/hub/models--org--half/blobs/ab.incomplete", vec![7; 3_000_000]);
    room.write("~/.cache/whisper/large-v3.pt", vec![7; 2_000_000]);
    room.write("~/models/own.safetensors", vec![7; 2_000_000]);
    room.write("~/.ollama/models/blobs/sha256-ab", vec![7; 2_000_000]);
    let run = |arguments: &[&str]| room.run(&[&["-C", home.to_str().unwrap()], arguments].concat());
    let text = run(&["status", "--models"]).expect(0).out;
    let said = "No project here: programs use ~/.cache; to remove or move anything, change into a project, or name it \
                with `-C`";
    assert_eq!(text.lines().nth(1), Some(said));
    run(&["report", "--output", "page.html"]).expect(0);
    let page = room.text("~/page.html");
    assert!(page.contains("This folder is no project"), "{page}");
    let json = run(&["status", "--json"]).expect(0).json();
    assert_eq!(json["reclaimable"], serde_json::json!([]));
    for (words, dry) in
        [("prune", "--dry-run"), ("dedupe", "--dry-run"), ("migrate", "--dry-run"), ("setup", "--dry-run")]
    {
        run(&[words, dry]).expect(1);
        assert!(!text.contains(&format!("modelstrap {words}")), "{words}: {text}");
    }
    run(&["clear", "all", "--dry-run"]).expect(1);
    assert!(!text.contains("modelstrap clear"), "{text}");
}

#[test]
fn whether_a_project_is_set_up_is_said_before_setup_and_after_undo() {
    let room = Room::bare();
    let first = |room: &Room| room.run(&["status"]).expect(0).out.lines().nth(1).unwrap().to_owned();
    assert_eq!(first(&room), "No project here: programs use ~/.cache; `modelstrap setup` would make this folder one");
    room.write("models/own.safetensors", vec![7; 2_000_000]);
    let text = room.run(&["status"]).expect(0).out;
    assert!(text.contains("(this folder)") && !text.contains("(this project)"), "{text}");
    room.write("modelstrap.toml", "");
    let not = "Not set up: programs use ~/.cache here; `modelstrap setup` leads them to the cache root";
    assert_eq!(first(&room), not);
    room.run(&["setup", "--yes"]).expect(0);
    assert_eq!(first(&room), "");
    assert_eq!(room.run(&["status", "--json"]).expect(0).json()["set_up"], true);
    room.run(&["undo", "--yes"]).expect(0);
    assert_eq!(first(&room), not);
}
