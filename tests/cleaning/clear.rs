//! `modelstrap clear`: what a person names goes, all of it and nothing else.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::lived::{HUB, MAIN, PINNED, cached, lived_in, outside, repository, rounded};
use crate::support::project::Room;

const ASR: &str = ".cache/huggingface/hub/models--org--asr";

#[test]
fn the_plan_says_what_each_frees_and_a_dry_run_changes_nothing() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["clear", "all", "--dry-run", "--grace", "0", "--undo-for", "2h"]).expect(0);
    assert_eq!(
        rounded(&ran.out).replace("(atime)", "(mtime)"),
        "\
Frees Used Why
org/asr 3.6 MB today (mtime) every model
xet 0.1 MB today (mtime) every model
resnet.pth 0.5 MB today (mtime) every model
whisper: 1 unfinished download 0.2 MB today (mtime) every model
large-v3.pt 1.2 MB today (mtime) every model
tmdb: 2 entries 0.2 MB today (mtime) application cache
Total 5.8 MB

For 2 h `modelstrap clear --undo` brings it back, and it still takes its room; `--now` frees it at once.
"
    );
    room.tree().assert_eq(&before, "a dry run");
}

#[test]
fn models_go_and_logins_tags_and_folders_stay() {
    let room = lived_in();
    let before = outside(&room);
    let ran = room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(
        rounded(&ran.out).ends_with("\nIt is freed at once, and cannot be brought back.\n5.6 MB freed.\n"),
        "{}",
        ran.out
    );
    assert_eq!(
        cached(&room),
        [
            "CACHEDIR.TAG",
            "huggingface",
            "huggingface/hub",
            "huggingface/hub/.locks",
            "huggingface/hub/.locks/models--org--asr",
            "huggingface/hub/.locks/models--org--asr/both.lock",
            "huggingface/hub/CACHEDIR.TAG",
            "huggingface/stored_tokens",
            "huggingface/token",
            "photos",
            "photos/holiday.jpg",
            "torch",
            "torch/hub",
            "torch/hub/checkpoints",
            "torch/hub/trusted_list",
            "whisper",
        ]
    );
    assert!(room.exists("out/tmdb/film.json"), "an application cache is no model");
    outside(&room).assert_eq(&before, "clear models");
    let ran = room.run(&["clear", "models", "--yes", "--now"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"));
}

#[test]
fn application_caches_go_and_their_folders_stay() {
    let room = lived_in();
    let before = outside(&room);
    let models = cached(&room);
    room.run(&["clear", "app", "--yes", "--now"]).expect(0);
    assert_eq!(fs::read_dir(room.place("out/tmdb")).unwrap().count(), 0);
    outside(&room).assert_eq(&before, "clear app");
    assert_eq!(cached(&room), models);
}

#[test]
fn files_that_git_tracks_stay_in_an_application_cache() {
    let room = Room::git();
    room.write("modelstrap.toml", "[application_caches]\nglossary = \"glossary\"\n");
    room.write("glossary/terms/own.tsv", "a\tb\n");
    room.write("glossary/terms/made.json", "{}");
    room.write("glossary/other/made.json", "{}");
    room.run_git(&["add", "glossary/terms/own.tsv"]);
    room.run(&["clear", "glossary", "--yes", "--now"]).expect(0);
    let names: Vec<String> =
        room.tree().names().into_iter().filter(|name| name.contains("glossary")).map(str::to_owned).collect();
    assert_eq!(names, ["p/glossary", "p/glossary/terms", "p/glossary/terms/own.tsv"]);
}

#[test]
fn one_model_goes_by_its_name_its_revision_or_its_file() {
    let room = lived_in();
    let before = outside(&room);
    let clear = |word: &str| room.run(&["clear", word, "--yes", "--now", "--grace", "0"]).expect(0);
    clear("large-v3.pt");
    assert!(!room.exists(".cache/whisper/large-v3.pt") && room.exists(".cache/torch/hub/checkpoints/resnet.pth"));
    clear("org/asr@1111");
    let left = |path: &str| room.exists(&format!("{ASR}/{path}"));
    assert!(!left(&format!("snapshots/{PINNED}")) && !left("blobs/old") && !left(&format!("trees/{PINNED}.json")));
    assert!(left("blobs/both") && left("blobs/new") && left(&format!("snapshots/{MAIN}/new.bin")));
    clear("tmdb");
    assert_eq!(fs::read_dir(room.place("out/tmdb")).unwrap().count(), 0);
    clear("org/asr@main");
    assert!(!left("refs/main") && !left("blobs/new") && !left("snapshots/222"));
    outside(&room).assert_eq(&before, "models by name");
}

#[test]
fn the_last_revision_keeps_its_name_and_what_goes_with_it_is_told() {
    let room = lived_in();
    room.run(&["clear", "org/asr@main", "--yes", "--now", "--grace", "0"]).expect(0);
    let document = room.run(&["clear", "org/asr@1111", "--dry-run", "--json", "--grace", "0"]).expect(0).json();
    let plan = document["plan"].as_array().unwrap();
    let said = |name: &str| plan.iter().map(|line| line[name].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(said("name"), ["org/asr@111111111111", "org/asr", "org/asr"]);
    assert_eq!(said("kind"), ["revision", "unfinished", "blobs"]);
    assert_eq!(said("why"), ["you named it", "goes with the last revision", "goes with the last revision"]);
    assert_eq!((&plan[1]["entries"], &plan[2]["entries"]), (&2.into(), &1.into()));
    room.run(&["clear", "org/asr@1111", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(!room.exists(ASR));
}

#[test]
fn a_home_goes_by_its_name_and_the_cache_root_means_the_models_in_it() {
    let names = |room: &Room, word: &str| {
        let document = room.run(&["clear", word, "--dry-run", "--json", "--grace", "0"]).expect(0).json();
        let plan = document["plan"].as_array().unwrap().clone();
        plan.iter().map(|line| line["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let room = lived_in();
    assert_eq!(names(&room, "whisper"), ["whisper", "large-v3.pt"]);
    assert_eq!(names(&room, "huggingface"), ["org/asr", "xet"]);
    assert_eq!(names(&room, "./models"), ["copy.safetensors"]);
    let all = ["org/asr", "xet", "resnet.pth", "whisper", "large-v3.pt"];
    for word in [".cache", "./.cache", ".cache/"] {
        assert_eq!(names(&room, word), all, "{word}");
    }
    let before = outside(&room);
    room.run(&["clear", ".cache", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(room.exists(".cache/photos/holiday.jpg") && room.exists(".cache/huggingface/token"));
    outside(&room).assert_eq(&before, "the cache root by its name");
    room.run(&["clear", "photos", "--yes"]).expect(2);
}

#[test]
fn a_revision_that_is_not_there_is_told_those_that_are() {
    let room = lived_in();
    let ran = room.run(&["clear", "org/asr@9999", "--yes"]).expect(2);
    assert_eq!(ran.err, "error: org/asr has no revision 9999; it has 111111111111, 222222222222\n");
}

#[test]
fn a_path_in_a_known_place_goes_also_outside_of_the_cache() {
    let room = lived_in();
    let ran = room.run(&["clear", "base.pt", "--yes"]).expect(2);
    assert_eq!(
        ran.err,
        "error: base.pt lies outside of the cache: give its path if it is to go\n  ~/.cache/whisper/base.pt\n"
    );
    room.run(&["clear", "~/.cache/whisper/base.pt", "./models/copy.safetensors", "--yes", "--now"]).expect(0);
    assert!(!room.exists("~/.cache/whisper/base.pt") && !room.exists("models/copy.safetensors"));
    assert!(room.exists("~/.cache/whisper") && room.exists("models"));
    for path in ["./out/precious.txt", "~/thesis.tex", "~/", "/", ".", "..", "./.cache/photos/none"] {
        let before = room.tree();
        room.run(&["clear", path, "--yes", "--now"]).expect(2);
        room.tree().assert_eq(&before, path);
    }
}

#[test]
fn a_word_that_fits_nothing_names_the_nearest() {
    let room = lived_in();
    let says = |word: &str| room.run(&["clear", word, "--yes"]).expect(2).err;
    let hint = "\n  `modelstrap status --models` lists what there is\n";
    assert_eq!(
        says("org/asn"),
        format!("error: nothing in the cache is called org/asn; did you mean `org/asr`?{hint}")
    );
    assert_eq!(
        says("large-v3"),
        format!("error: nothing in the cache is called large-v3; did you mean `large-v3.pt`?{hint}")
    );
    assert_eq!(
        says("modles"),
        format!(
            "error: nothing in the cache is called modles; did you mean `models`, which deletes every model?{hint}"
        )
    );
    assert_eq!(says("\u{1b}[2J"), format!("error: nothing in the cache is called $'\\x1b[2J'{hint}"));
    assert!(room.run(&["clear"]).expect(2).err.contains("models|app|all|trash|MODEL"));
}

#[test]
fn several_things_of_one_name_are_listed() {
    let room = lived_in();
    room.write(".cache/torch/hub/checkpoints/large-v3.pt", vec![7; 1_100_000]);
    let before = room.tree();
    let ran = room.run(&["clear", "large-v3.pt", "--yes"]).expect(2);
    assert_eq!(
        ran.err,
        "error: 2 things are called large-v3.pt: give the path of the one that you mean\n  \
         .cache/torch/hub/checkpoints/large-v3.pt\n  .cache/whisper/large-v3.pt\n"
    );
    room.tree().assert_eq(&before, "an unclear word");
    room.run(&["clear", "./.cache/whisper/large-v3.pt", "--yes", "--now"]).expect(0);
    assert!(room.exists(".cache/torch/hub/checkpoints/large-v3.pt") && !room.exists(".cache/whisper/large-v3.pt"));
}

#[test]
fn without_a_terminal_nothing_goes_unless_yes_is_given() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["clear", "models"]).expect(2);
    assert!(ran.err.ends_with("give `--yes`, or `--dry-run` to see what would go\n"), "{}", ran.err);
    room.tree().assert_eq(&before, "no consent");
}

#[test]
fn what_was_removed_comes_back_byte_for_byte() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["clear", "all", "--yes", "--grace", "0", "--undo-for", "1h"]).expect(0);
    let end = "MB removed. For 1 h `modelstrap clear --undo` brings it back; the next modelstrap after that frees it, or \
               `modelstrap clear trash` at once.\n";
    assert!(ran.out.ends_with(end), "{}", ran.out);
    assert!(!room.exists(ASR) && !room.exists("out/tmdb/film.json"));
    let ran = room.run(&["clear", "--undo"]).expect(0);
    for line in ["large-v3.pt is back (1.20 MB).", "org/asr is back (3.", "tmdb is back ("] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    let ours = |name: &str| name.starts_with("p/.cache/.modelstrap");
    room.tree().without(ours).assert_eq(&before.clone().without(ours), "undone");
    let ran = room.run(&["clear", "--undo"]).expect(0);
    assert_eq!(ran.err, "There is nothing to bring back: nothing was removed here, or its time is over.\n");
}

#[test]
fn json_is_one_document_of_integers() {
    let room = lived_in();
    let document = room.run(&["clear", "org/asr", "--yes", "--now", "--json", "--grace", "0"]).expect(0).json();
    assert_eq!(document["schema"], "modelstrap.clear/1");
    assert_eq!((&document["dry_run"], &document["removed"]), (&false.into(), &1.into()));
    assert_eq!(document["plan"][0]["name"], "org/asr");
    assert_eq!(document["plan"][0]["kind"], "repository");
    assert_eq!(document["plan"][0]["clock"], "mtime");
    assert_eq!(document["freed_bytes"], document["exclusive_bytes"], "{document:#}");
    assert!(document["freed_bytes"].as_u64().unwrap() > 3_500_000);
    let document = room.run(&["clear", "resnet.pth", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&document["dry_run"], &document["freed_bytes"]), (&true.into(), &0.into()));
}

#[test]
fn a_second_name_elsewhere_keeps_the_bytes_and_the_plan_says_so() {
    let room = lived_in();
    let file = room.place(".cache/whisper/large-v3.pt");
    fs::hard_link(&file, room.place("models/large-v3.pt")).unwrap();
    let document = room.run(&["clear", "large-v3.pt", "--yes", "--now", "--json"]).expect(0).json();
    assert_eq!((&document["exclusive_bytes"], &document["freed_bytes"]), (&0.into(), &0.into()), "{document:#}");
    assert_eq!(fs::metadata(room.place("models/large-v3.pt")).unwrap().len(), 1_200_000);
}

#[test]
fn what_a_link_of_dedupe_leads_to_stays_for_clear_and_prune() {
    let room = lived_in();
    let (blob, link) = (room.place(&format!("{ASR}/blobs/orphan")), room.place("~/copy.bin"));
    symlink(&blob, &link).unwrap();
    let line = modelstrap::cache::link::note_line(&link, &blob);
    room.write(".cache/.modelstrap/links.jsonl", format!("{line}\n"));
    let ran = room.run(&["clear", "org/asr", "--yes", "--now", "--grace", "0"]).expect(1);
    assert_eq!(
        ran.err,
        "error: org/asr is needed by the link @/h/copy.bin; nothing was removed\n  give `--force` to remove it all the same\n"
    );
    room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    room.run(&["prune", "--yes", "--now", "--grace", "0", "--older-than", "0"]).expect(0);
    assert_eq!(fs::read(&link).unwrap(), vec![7; 200_000]);
    assert!(!room.exists(&format!("{ASR}/snapshots/{MAIN}")));
    room.run(&["clear", "org/asr", "--yes", "--now", "--grace", "0", "--force"]).expect(0);
    assert!(!blob.exists());
}

#[test]
fn a_store_that_lost_its_marker_stays_while_a_repository_links_into_it() {
    let room = lived_in();
    let hash = "ab".repeat(32);
    let payload = format!("{HUB}/blobs/ab/{hash}");
    room.write(&payload, vec![7; 300_000]);
    let folder = format!("{HUB}/models--org--shared");
    for name in [format!("{folder}/blobs"), format!("{folder}/snapshots/{MAIN}")] {
        fs::create_dir_all(room.place(&name)).unwrap();
    }
    symlink(format!("../../blobs/ab/{hash}"), room.place(&format!("{folder}/blobs/e"))).unwrap();
    symlink("../../blobs/e", room.place(&format!("{folder}/snapshots/{MAIN}/e.bin"))).unwrap();
    room.write(&format!("{folder}/refs/main"), MAIN);
    room.run(&["prune", "--yes", "--now", "--grace", "0", "--older-than", "0", "--keep", "org/shared"]).expect(0);
    assert_eq!(room.read(&format!("{folder}/snapshots/{MAIN}/e.bin")), vec![7; 300_000]);
    let ran = room.run(&["clear", room.place(&format!("{HUB}/blobs")).to_str().unwrap(), "--yes"]).expect(2);
    assert!(ran.err.contains("is no model in a place that is known"), "{}", ran.err);
    room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(!room.exists(&folder) && room.exists(&payload), "who else links into it, nobody knows");
}

#[test]
fn a_folder_above_places_is_refused_with_the_commands_that_clear_them() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", vec![1; 2_000_000]);
    room.write("~/.cache/torch/hub/checkpoints/a.pth", vec![2; 2_000_000]);
    room.write("~/.cache/fonts/mine.ttf", "mine");
    room.write("models/its own/a.bin", vec![3; 2_000_000]);
    let before = room.tree();
    let ran = room.run(&["clear", "~/.cache", "--yes"]).expect(2);
    assert!(ran.err.contains("~/.cache is not a place of its own"), "{}", ran.err);
    for command in ["\n  modelstrap clear ~/.cache/torch\n", "\n  modelstrap clear ~/.cache/whisper"] {
        assert!(ran.err.contains(command), "{command} is not in {}", ran.err);
    }
    assert!(!ran.err.contains("fonts") && !ran.err.contains("models/its"), "{}", ran.err);
    let ran = room.run(&["clear", "./models", "--yes"]).expect(2);
    assert!(ran.err.contains("\n  modelstrap clear ./'models/its own'"), "{}", ran.err);
    room.tree().assert_eq(&before, "a refused clear");
    // What it names works.
    room.run(&["clear", "~/.cache/whisper", "--yes"]).expect(0);
    assert!(!room.exists("~/.cache/whisper/base.pt") && room.exists("~/.cache/fonts/mine.ttf"));
}

#[test]
fn a_path_that_status_prints_is_taken_as_that_path() {
    let room = lived_in();
    repository(&room, "acme/tiny-llm", &[(MAIN, &[("tiny", 10)])]);
    room.write("models/tiny-llm/model.safetensors", vec![7; 20_000]);
    room.write("models/tiny-llm/config.json", "{}");
    room.write("sub/x", "");
    let before = room.tree().without(|name| name.starts_with("p/models/tiny-llm") || name.contains("/.modelstrap"));
    room.run(&["clear", "models/tiny-llm", "--yes", "--now"]).expect(0);
    assert!(!room.exists("models/tiny-llm/model.safetensors"));
    room.tree()
        .without(|name| name.starts_with("p/models/tiny-llm") || name.contains("/.modelstrap"))
        .assert_eq(&before, "a path");
    // The same from another folder of the project; and what is there and no model is told as what it is.
    room.ran(room.command(&["clear", "models/copy.safetensors", "--yes", "--now"]).current_dir(room.place("sub")))
        .expect(0);
    assert!(!room.exists("models/copy.safetensors"));
    room.write("notes/tiny-llm", "mine");
    let ran = room.run(&["clear", "notes/tiny-llm", "--yes", "--now"]).expect(2);
    ran.says(&["notes/tiny-llm is no model in a place that is known"]);
    room.run(&["clear", "models/tiny-lm", "--yes"]).expect(2).says(&["did you mean `acme/tiny-llm`?"]);
    assert!(room.exists("notes/tiny-llm") && room.exists(&format!("{HUB}/models--acme--tiny-llm/blobs/tiny")));
}

#[test]
fn a_place_of_which_nothing_is_left_has_nothing_to_remove() {
    let room = lived_in();
    room.write("~/.cache/huggingface/hub/models--a--b/blobs/x", vec![7; 1000]);
    room.write("~/.cache/huggingface/hub/.locks/models--a--b/x.lock", "");
    room.write("~/.cache/huggingface/token", "hf_secret");
    let (place, hub) = (room.place("~/.cache/huggingface"), room.place("~/.cache/huggingface/hub"));
    let clear = |path: &std::path::Path| room.run(&["clear", path.to_str().unwrap(), "--yes", "--now"]);
    clear(&place).expect(0);
    assert!(room.exists("~/.cache/huggingface/token") && !room.exists("~/.cache/huggingface/hub/models--a--b"));
    for path in [place, hub] {
        let ran = clear(&path).expect(0);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"), "{}", path.display());
    }
}

#[test]
fn an_unfinished_download_outside_of_the_cache_goes_by_its_path() {
    let room = lived_in();
    let folder = "~/.cache/huggingface/hub/models--a--b";
    let path = format!("{folder}/blobs/ab.1a2b3c4d.incomplete");
    room.write(&path, vec![7; 5000]);
    room.write(&format!("{folder}/blobs/cd"), "whole");
    let status = room.run(&["status"]).expect(0);
    assert!(status.out.contains(&format!("`modelstrap clear {path}` removes it")), "{}", status.out);
    let at = room.place(&path);
    let clear = |more: &[&str]| room.run(&[&["clear", at.to_str().unwrap(), "--yes", "--now"], more].concat());
    let ran = clear(&[]).expect(1);
    ran.says(&["it is being downloaded; `--grace 0` takes it"]);
    let writer = fs::File::options().append(true).open(&at).unwrap();
    clear(&["--grace", "0"]).expect(1).says(&["is open for writing in another process"]);
    drop(writer);
    let before = room.tree().without(|name| name.ends_with(".incomplete") || name.contains(".modelstrap"));
    clear(&["--grace", "0"]).expect(0);
    assert!(!at.exists());
    room.tree()
        .without(|name| name.contains(".modelstrap") || name.ends_with(".incomplete"))
        .assert_eq(&before, "one file");
}

#[test]
fn a_dataset_goes_by_the_name_that_status_shows_where_no_model_has_it() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let make = |folder: &str, blob: &str| {
        let folder = format!("{HUB}/{folder}");
        room.write(&format!("{folder}/blobs/{blob}"), vec![7; 1_500_000]);
        room.write(&format!("{folder}/refs/main"), MAIN);
        room.link(&format!("{folder}/snapshots/{MAIN}/train.parquet"), &format!("../../blobs/{blob}"));
    };
    make("datasets--squad--plain", "one");
    let plan = |word: &str| {
        let document = room.run(&["clear", word, "--grace", "0", "--dry-run", "--json"]).expect(0).json();
        let lines = document["plan"].as_array().unwrap().iter();
        lines.map(|line| line["name"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    for word in ["squad/plain", "datasets/squad/plain"] {
        assert_eq!(plan(word), ["datasets/squad/plain"], "{word}");
        let kept = ["prune", "--older-than", "0", "--grace", "0", "--dry-run", "--keep", word];
        room.run(&kept).expect(0).says(&["Nothing to remove."]);
    }
    assert_eq!(plan("squad/plain@main"), [format!("datasets/squad/plain@{}", &MAIN[..12])]);
    room.run(&["clear", "squad/plain@none", "--dry-run"]).expect(2).says(&["squad/plain has no revision none"]);
    room.run(&["clear", "hf:squad/plain", "--dry-run"]).expect(2).says(&["nothing in the cache is called"]);
    let shown = room.run(&["status", "--models"]).expect(0).out;
    assert!(shown.contains("      squad/plain "), "{shown}");
    // Two that are no models are told by their paths, and a model is meant before either.
    make("spaces--squad--plain", "two");
    room.run(&["clear", "squad/plain", "--dry-run"]).expect(2).says(&["2 things are called squad/plain"]);
    make("models--squad--plain", "three");
    assert_eq!(plan("squad/plain"), ["squad/plain"]);
}
