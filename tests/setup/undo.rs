//! `modelstrap undo`: byte for byte where nobody touched anything since, and only our part where somebody did.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::support::project::{BEGIN, Room};
use serde_json::json;

const EVERYTHING: &[&str] = &["--profile", "auto", "--link-whisper"];

fn fixture() -> Room {
    let room = Room::fixture().with("SHELL", "/bin/bash");
    room.write("~/.bashrc", b"alias x=y\r\nno newline \xe4");
    room.write("~/dots/profile", "umask 027\n");
    symlink("dots/profile", room.place("~/.profile")).unwrap();
    room
}

#[test]
fn undo_restores_byte_for_byte() {
    let room = fixture();
    fs::set_permissions(room.place(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    let before = room.tree();
    room.setup(EVERYTHING);
    let ran = room.undo(&[]);
    assert!(ran.err.starts_with("setup of 2025-11-25T15:20:46Z: 3"), "{}", ran.err);
    assert!(ran.err.contains("\nTook back 3") && !ran.err.contains("warning"), "{}", ran.err);
    room.tree().assert_eq(&before, "undo");
    let ran = room.undo(&[]);
    assert_eq!(ran.err, "Nothing to undo in @/p.\n");
    room.tree().assert_eq(&before, "a second undo");
}

#[test]
fn undo_takes_back_one_run_and_undo_all_takes_back_three() {
    let room = fixture();
    let nothing = room.tree();
    room.setup(&[]);
    let one = room.tree();
    room.setup(&["--profile", "auto"]);
    let two = room.tree();
    room.setup(&["--cache-dir", "models here", "--libraries", "torch,huggingface"]);
    room.run(&["setup", "--check"]).expect(0);
    room.undo(&[]);
    let bookkeeping = |name: &str| name.contains("/journal");
    room.tree().without(bookkeeping).assert_eq(&two.without(bookkeeping), "after one undo");
    room.undo(&[]);
    room.tree().without(bookkeeping).assert_eq(&one.without(bookkeeping), "after two");
    room.setup(&["--profile", "auto"]);
    room.setup(&["--cache-dir", "models here"]);
    room.undo(&["--all"]);
    room.tree().assert_eq(&nothing, "undo --all after three runs");
}

#[test]
fn a_setup_after_an_undo_does_the_same_again() {
    let room = fixture();
    room.setup(EVERYTHING);
    let ready = room.tree();
    room.undo(&[]);
    room.setup(EVERYTHING);
    room.tree().assert_eq(&ready, "setup, undo, setup");
}

#[test]
fn a_dry_run_of_undo_lists_the_paths_and_changes_nothing() {
    let room = fixture();
    room.setup(&[]);
    let ready = room.tree();
    let ran = room.run(&["undo", "--dry-run"]).expect(0);
    for path in ["  .gitignore\n", "  .env\n", "  config/hardware_cache.json\n", "  .cache/torch\n"] {
        assert!(ran.err.contains(path), "{}", ran.err);
    }
    room.tree().assert_eq(&ready, "a dry run");
}

#[test]
fn what_a_person_wrote_around_a_block_stays() {
    let room = fixture();
    room.setup(EVERYTHING);
    room.append(".gitignore", "mine/\n");
    let text = room.text(".env");
    room.write(".env", format!("FIRST=1\n{text}LAST=2\n"));
    room.append("~/dots/profile", "export MINE=1\n");
    let ran = room.undo(&[]);
    for name in [".gitignore", ".env", "~/.profile"] {
        ran_says(&ran.err, &format!("  {name}: only modelstrap's part was taken out; what you changed since stays\n"));
    }
    assert!(room.text(".gitignore").ends_with("# Löschbares\n*.bak\n\nmine/\n"), "{}", room.text(".gitignore"));
    let env = room.text(".env");
    assert!(env.starts_with("FIRST=1\n# Speech") && env.ends_with("TRANSFORMERS_OFFLINE=0\n\nLAST=2\n"), "{env}");
    assert_eq!(room.text("~/dots/profile"), "umask 027\n\nexport MINE=1\n");
    assert!(!room.exists(".modelstrap"));
}

#[track_caller]
fn ran_says(err: &str, words: &str) {
    assert!(err.contains(words), "not said: {words:?}\n{err}");
}

#[test]
fn what_a_person_wrote_into_the_json_stays() {
    let room = fixture();
    let before = room.text("config/hardware_cache.json");
    room.setup(&[]);
    room.edit("config/hardware_cache.json", "\"_comment\":", "\"mine\": [1,  2],\n  \"_comment\":");
    room.edit("config/hardware_cache.json", "\".cache/torch\"", "\"/my/torch\"");
    let ran = room.undo(&[]);
    ran_says(&ran.err, "  config/hardware_cache.json: only modelstrap's part was taken out");
    let after = room.text("config/hardware_cache.json");
    let value: serde_json::Value = serde_json::from_str(&after).unwrap();
    let old: serde_json::Value = serde_json::from_str(&before).unwrap();
    assert_eq!(value["mine"], json!([1, 2]));
    assert_eq!(value["cache"]["torch_home"], "/my/torch");
    for key in ["version", "created_at", "hardware", "environments", "thresholds"] {
        assert_eq!(value[key], old[key], "{key}");
    }
    assert_eq!(value["cache"]["hf_home"], old["cache"]["hf_home"]);
    assert!(value["recommended_settings"].is_null());
}

#[test]
fn what_a_person_changed_of_ours_is_left_with_a_message() {
    let room = fixture();
    room.setup(&[]);
    room.append(".modelstrap/env.sh", "# mine\n");
    room.edit(".gitignore", "/.cache/", "/.cache/ # mine");
    room.write(".cache/torch/hub/checkpoints/weights.pt", "weights");
    let ran = room.undo(&[]);
    ran_says(&ran.err, "warning: .modelstrap/env.sh stays: it was changed since modelstrap wrote it\n");
    ran_says(&ran.err, "warning: .gitignore stays: its modelstrap block was changed since\n");
    ran_says(&ran.err, "warning: .cache/torch/hub/checkpoints stays: it holds files that modelstrap did not make\n");
    assert!(room.text(".modelstrap/env.sh").ends_with("# mine\n"));
    assert!(room.text(".gitignore").contains("/.cache/ # mine"));
    assert_eq!(room.text(".cache/torch/hub/checkpoints/weights.pt"), "weights");
    assert!(!room.exists(".modelstrap/env.fish") && !room.exists(".cache/huggingface"));
    // The next setup finds its way.
    room.setup(&[]);
    assert_eq!(room.text(".cache/torch/hub/checkpoints/weights.pt"), "weights");
}

#[test]
fn as_many_changes_are_taken_back_as_the_plan_had() {
    for room in [fixture(), Room::git(), Room::bare()] {
        let ran = room.setup(EVERYTHING);
        let plan = ran.err.lines().find_map(|line| line.strip_prefix("Plan: ")).unwrap().to_owned();
        let ran = room.undo(&[]);
        assert_eq!(ran.err, format!("setup of 2025-11-25T15:20:46Z: {plan}\nTook back {plan}.\n"));
    }
}

#[test]
fn undo_all_says_once_what_stays_of_a_file_that_many_runs_changed() {
    let room = Room::git();
    for libraries in ["torch", "huggingface", "mlx"] {
        room.setup(&["--libraries", libraries]);
    }
    room.edit(".env", "PRIMARY_CACHE_PATH=", "MINE=");
    let ran = room.undo(&["--all"]);
    let stays = "warning: .env stays: its modelstrap block was changed since";
    assert_eq!(ran.err.lines().filter(|line| *line == stays).count(), 1, "{}", ran.err);
    assert_eq!(ran.err.matches("warning:").count(), 1, "{}", ran.err);
}

#[test]
fn help_and_setup_say_what_undo_takes_back() {
    let room = Room::git();
    room.setup(&[]).says(&["modelstrap undo ", "takes this setup back; no model is deleted"]);
    let help = room.run(&["undo", "--help"]).expect(0).out;
    assert!(
        help.starts_with(
            "Take back the last change that modelstrap made here: a setup, `models add` or `models remove`\n"
        ),
        "{help}"
    );
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("brought back by `modelstrap clear --undo`, not by this"), "{help}");
    assert!(help.contains("Take back every change that modelstrap made to this project"), "{help}");
}

const KEPT: &str = "# kept by `modelstrap undo`: these folders still hold files";

#[test]
fn a_cache_that_stays_stays_out_of_git() {
    let room = Room::git();
    room.write(".gitignore", "*.pyc\n");
    room.run_git(&["add", "."]);
    room.setup(&[]);
    room.write(".cache/torch/hub/checkpoints/weights.pt", "weights");
    let ran = room.undo(&["--all"]);
    ran_says(
        &ran.err,
        "  .gitignore: the line for .cache stays, as the folder does; `modelstrap undo` takes it once the folder is gone\n",
    );
    assert_eq!(room.text(".gitignore"), format!("*.pyc\n\n{BEGIN}\n{KEPT}\n/.cache/\n# <<< modelstrap <<<\n"));
    assert_eq!(room.run_git(&["status", "--porcelain"]).out, "AM .gitignore\n");
    // The next setup takes the line over, and the undo of that one leaves it as it was.
    let left = room.tree();
    room.setup(&[]);
    assert!(!room.text(".gitignore").contains(KEPT));
    room.run(&["setup", "--check"]).expect(0);
    room.undo(&[]);
    room.tree().assert_eq(&left, "setup and undo");
    assert_eq!(room.undo(&[]).err, "Nothing to undo in @/p.\n");
    room.tree().assert_eq(&left, "undo of nothing");
    fs::rename(room.place(".cache"), room.path().join("gone")).unwrap();
    let gone = "  .gitignore: the line for .cache was kept, and the folder is gone\n";
    let before = room.tree();
    assert_eq!(room.run(&["undo", "--dry-run"]).expect(0).err, gone);
    room.run(&["undo"]).expect(2).says(&["give `--yes`"]);
    room.tree().assert_eq(&before, "a look");
    assert_eq!(room.undo(&[]).err, format!("{gone}Took back 1 line.\n"));
    assert_eq!(room.text(".gitignore"), "*.pyc\n");
    assert!(!room.exists(".modelstrap"));
}

#[test]
fn an_ignore_file_of_kept_lines_alone_goes_with_them() {
    let room = Room::git();
    room.setup(&[]);
    room.write(".cache/torch/hub/checkpoints/weights.pt", "weights");
    room.write("config/mine.json", "{}");
    room.undo(&[]);
    // Only a cache is hidden: `config` stays, too, and is the person's.
    assert_eq!(room.text(".gitignore"), format!("{BEGIN}\n{KEPT}\n/.cache/\n# <<< modelstrap <<<\n"));
    fs::rename(room.place(".cache"), room.path().join("gone")).unwrap();
    room.undo(&[]);
    assert!(!room.exists(".gitignore"));
}

#[test]
fn the_lines_of_each_cache_that_was_left_are_kept_undo_by_undo() {
    let room = fixture();
    let before = room.text(".gitignore");
    room.setup(&[]);
    let one = room.text(".gitignore");
    room.setup(&["--cache-dir", "models here"]);
    room.write("models here/torch/hub/checkpoints/weights.pt", "weights");
    room.undo(&[]);
    let kept = format!("{KEPT}\n/models here/\n# <<< modelstrap <<<\n");
    assert_eq!(room.text(".gitignore"), one.replace("# <<< modelstrap <<<\n", &kept));
    // The block counts as modelstrap's own all the same: nobody edited it.
    assert!(!room.run(&["setup", "--dry-run"]).expect(0).err.contains("was edited"));
    room.append(".gitignore", "mine/\n");
    let ran = room.undo(&[]);
    ran_says(&ran.err, "  .gitignore: only modelstrap's part was taken out");
    assert_eq!(room.text(".gitignore"), format!("{before}\n\nmine/\n\n{BEGIN}\n{kept}"));
}

#[test]
fn what_a_person_removed_stays_removed() {
    let room = fixture();
    room.setup(&[]);
    fs::remove_file(room.place(".env")).unwrap();
    fs::remove_file(room.place(".modelstrap/env.nu")).unwrap();
    let ran = room.undo(&[]);
    ran_says(&ran.err, "warning: .env stays: it was removed since\n");
    assert!(!room.exists(".env") && !room.exists(".modelstrap"));
}

#[test]
fn a_block_that_a_person_took_out_is_not_missed() {
    let room = fixture();
    let before = room.text(".gitignore");
    room.setup(&[]);
    room.write(".gitignore", format!("{before}\nmine/\n"));
    room.undo(&[]);
    assert_eq!(room.text(".gitignore"), format!("{before}\nmine/\n"));
    assert!(!room.exists(".modelstrap"));
}

#[test]
fn a_file_made_through_a_link_goes_and_the_link_stays() {
    let room = Room::git();
    fs::create_dir(room.place("local")).unwrap();
    symlink("local/env", room.place(".env")).unwrap();
    symlink("rc/bash", room.place("~/.bashrc")).unwrap();
    fs::create_dir(room.place("~/rc")).unwrap();
    let before = room.tree();
    room.setup(&["--profile", "~/.bashrc"]);
    assert!(room.text("local/env").contains(BEGIN) && room.text("~/rc/bash").contains(BEGIN));
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
}

#[test]
fn a_failed_setup_after_a_good_one_leaves_the_good_one_whole() {
    let room = fixture();
    room.setup(&[]);
    let ready = room.tree();
    room.write("~/.bashrc", format!("{BEGIN}\n"));
    room.run(&["setup", "--yes", "--profile", "bash", "--cache-dir", "x"]).expect(1);
    room.write("~/.bashrc", b"alias x=y\r\nno newline \xe4");
    room.tree().assert_eq(&ready, "a refusal");
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_damaged_copy_is_said_and_nothing_is_lost() {
    let room = fixture();
    room.setup(&[]);
    for entry in fs::read_dir(room.place(".modelstrap/journal/objects")).unwrap() {
        fs::write(entry.unwrap().path(), "damaged").unwrap();
    }
    let env = room.text(".env");
    let ran = room.run(&["undo", "--yes"]).expect(1);
    ran.says(&["kept for undo is damaged", "run `modelstrap undo` again: it goes on where it was"]);
    assert_eq!(room.text(".env"), env);
}

#[test]
fn json_says_what_became_of_each_path() {
    let room = fixture();
    room.setup(&[]);
    room.append(".gitignore", "mine/\n");
    room.append(".modelstrap/env.sh", "# mine\n");
    let document = room.undo(&["--json"]).json();
    assert_eq!(document["schema"], "modelstrap.undo/1");
    assert_eq!(document["project"], "@/p");
    assert_eq!(document["parted"], json!(["@/p/.gitignore"]));
    let left = json!([
        {"path": "@/p/.modelstrap/env.sh", "why": "it was changed since modelstrap wrote it"},
    ]);
    assert_eq!(document["left"], left);
    assert_eq!(document["still_ignored"], json!([]));
    let restored = document["restored"].as_array().unwrap();
    assert!(restored.contains(&json!("@/p/.env")) && restored.contains(&json!("@/p/.cache")));
    room.setup(&["--cache-dir", "store"]);
    room.write("store/torch/x", "x");
    assert_eq!(room.undo(&["--json"]).json()["still_ignored"], json!(["@/p/store"]));
    let nothing = room.undo(&["--json"]).json();
    assert_eq!(nothing["restored"], json!([]));
}

#[test]
fn undo_in_a_project_that_was_never_set_up_does_nothing() {
    let room = Room::fixture();
    let before = room.tree();
    let ran = room.undo(&[]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to undo in @/p.\n"));
    room.tree().assert_eq(&before, "undo of nothing");
}
