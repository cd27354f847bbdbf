//! What it says: of what stays, of words that name nothing, of conflicts, and of links that it leaves.

use std::fs;

use modelstrap::support::units;

use crate::support::project::Room;
use crate::support::stray::{NEW, OLD, Repo, local_dir, sha256};

const STAYS: &str = "Nothing to move: what stays is named, with the reason.\n";

#[test]
fn where_something_stays_it_does_not_say_that_everything_is_there() {
    let room = Room::bare();
    local_dir(&room, "out/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    for arguments in [&["migrate", "--yes", "out/x"][..], &["migrate", "--dry-run"]] {
        let ran = room.run(arguments).expect(0).says(&["name it with --repo ORG/NAME"]);
        assert_eq!(ran.out, STAYS, "{arguments:?}");
    }
}

#[test]
fn the_store_of_ollama_stays_for_one_reason_however_it_is_met() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let models = "~/.ollama/models";
    room.write(&format!("{models}/blobs/sha256-{}", sha256("weights")), "weights");
    room.write(&format!("{models}/manifests/registry.ollama.ai/library/m/latest"), "{}");
    let store = room.place(models);
    let reason = "Stays where it is:\n  ~/.ollama/models: is Ollama's store, which has an order of its own and serves \
                  every project: OLLAMA_MODELS, in the server's environment, says where it is\n";
    for arguments in
        [&["migrate", "-n"][..], &["migrate", "-n", store.to_str().unwrap()], &["migrate", "-n", "~/.ollama"]]
    {
        let ran = room.run(arguments).expect(0);
        assert_eq!((&*ran.out, &*ran.err), (STAYS, reason), "{arguments:?}");
    }
}

#[test]
fn a_slip_is_told_the_nearest_place_and_those_that_could_be_named() {
    let room = Room::bare();
    room.write("~/.cache/torch/hub/checkpoints/x.pth", "x");
    room.write("models/x/readme", "x");
    room.run(&["migrate", "modles"]).expect(2).says(&["there is no modles; did you mean `models`?"]);
    room.run(&["migrate", "trch"]).expect(2).says(&[
        "there is no trch; did you mean `torch`?\n  name a folder, or without any everything is taken; outside of the \
         cache there are ~/.cache/torch\n",
    ]);
}

#[test]
fn a_repository_can_be_named_where_it_lies_outside() {
    let room = Room::bare();
    for name in ["a", "b"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    }
    room.run(&["migrate", "--yes", "org/a"]).expect(0);
    assert_eq!(room.text(&format!(".cache/huggingface/hub/models--org--a/snapshots/{NEW}/model.bin")), "a");
    assert!(room.exists("~/.cache/huggingface/hub/models--org--b"), "only what was named");
    room.run(&["migrate", "--yes", "org/a"]).expect(2).says(&["there is no org/a"]);
}

#[test]
fn a_conflict_says_what_to_do_in_paths_as_they_are_shown() {
    let room = Room::bare();
    room.write("~/.cache/torch/hub/checkpoints/other.pth", "not this");
    room.write(".cache/torch/hub/checkpoints/other.pth", "but this");
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&["warning: ~/.cache/torch/hub/checkpoints/other.pth stays: another content stands at \
         .cache/torch/hub/checkpoints/other.pth\nOf two contents under one name: compare them, then remove one with \
         `modelstrap clear PATH`, or give one another name to keep both.\n"]);
}

#[test]
fn a_quiet_dry_run_says_nothing_of_what_stays() {
    let room = Room::bare();
    room.write("~/.cache/huggingface/token", "hf_x");
    room.write("~/.cache/whisper/base.pt", "base");
    local_dir(&room, "out/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    let ran = room.run(&["migrate", "-n", "-q"]).expect(0);
    assert!(ran.out.is_empty() && !ran.err.contains("tays"), "{}{}", ran.out, ran.err);
}

#[test]
fn one_more_repository_is_named_where_the_line_that_says_so_would_stand() {
    let room = Room::bare();
    for name in ["a", "b", "c", "d"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", name, sha256(name));
    }
    let ran = room.run(&["migrate", "-n"]).expect(0);
    assert!(ran.out.contains("org/d") && !ran.out.contains("more"), "{}", ran.out);
}

#[test]
fn links_that_were_left_are_no_models() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for (hub, name) in [(".cache/huggingface", "split"), (".cache/huggingface/hub", "there")] {
        let repo = Repo::new(&room, hub, &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    }
    room.write("~/.cache/whisper/base.pt", "base");
    room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    assert!(room.place(".cache/huggingface/models--org--split").is_symlink());
    assert!(room.place("~/.cache/whisper").is_symlink());
    let whisper = room.home().join(".cache/whisper");
    for arguments in [
        &["clear", "models", "-n"][..],
        &["prune", "--max-size", "0", "-n"],
        &["backup", "-n", "save.tar"],
        &["status", "--models"],
    ] {
        let ran = room.run(arguments);
        let said = format!("{}{}", ran.out, ran.err).replace("hub/models--", "hub/");
        assert!(!said.contains("models--"), "{arguments:?}\n{said}");
    }
    room.run(&["clear", whisper.to_str().unwrap()])
        .expect(2)
        .says(&["is a link, which takes nothing itself: `modelstrap clear ./.cache/whisper` clears what it leads to"]);
    room.run(&["backup", "save.tar"]).expect(0);
    let listed = room.run(&["restore", "--list", "save.tar"]).expect(0).out;
    assert!(listed.contains("huggingface/hub/models--org--split"), "{listed}");
    assert!(!listed.contains("huggingface/models--"), "{listed}");
    assert!(fs::metadata(room.place("~/.cache/whisper/base.pt")).is_ok());
}

#[test]
fn status_and_report_say_the_same_of_what_lies_outside_and_of_what_a_migration_brings() {
    let room = Room::bare();
    let repo = Repo::new(&room, "~/.cache/huggingface/hub", "models--o--m");
    repo.file(NEW, "model.bin", "weights", sha256("weights"));
    room.write("~/.cache/huggingface/hub/models--o--m/blobs/ff.1a.incomplete", vec![1; 300_000]);
    room.write("~/.cache/huggingface/notes/mine.txt", vec![2; 50_000]);
    room.write("~/.cache/whisper/base.pt", vec![3; 70_000]);
    let status = room.run(&["status", "--json"]).expect(0).json();
    let whole = units::bytes(status["outside_bytes"].as_u64().unwrap());
    let said = room.run(&["status"]).expect(0).out;
    assert!(said.contains(&format!("outside of the cache: {whole}, ")), "{said}");
    room.run(&["report", "--output", "report.html"]).expect(0);
    let page = room.text("report.html");
    let fact = format!(
        "<dt>Outside of it</dt><dd>{whole} <small>where libraries put things without being told, beside 303 kB of unfinished"
    );
    assert!(page.contains(&fact), "{fact}\n{:?}", page.split_once("Outside of it").unwrap().1.get(..200));
    let plan = room.run(&["migrate", "--dry-run"]).expect(0).out;
    assert!(plan.contains("\n70.0 kB in 1 file\n"), "{plan}");
    assert!(said.contains("`modelstrap migrate` brings 70.0 kB in 1 file into the cache"), "{said}");
}
