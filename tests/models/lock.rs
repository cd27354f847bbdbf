//! `modelstrap models lock` and `update`.
#![cfg(unix)]

use crate::support::hub;
use crate::support::zoo::Zoo;

use std::io::{Read as _, Write as _};

/// A hub with a model of every kind, for a look by hand.
#[test]
#[ignore = "serves until its standard input ends"]
fn serve() {
    let zoo = Zoo::start();
    let mut out = std::io::stdout().lock();
    for (name, value) in zoo.environment() {
        writeln!(out, "export {name}='{value}'").unwrap();
    }
    drop(out);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

const MODELS: &str = r#"
tiny = "hf:org/tiny"
apple = { source = "hf:org/tiny", when = "apple", weights = "onnx" }
quant = { source = "hf:org/quants", weights = "gguf:Q8_0" }
data = { source = "hf:datasets/org/speech", exclude = ["*.md"] }
url = "url:https://files.example.org/weights.bin"
nope = { source = "hf:org/nope", optional = true }
"#;

#[test]
fn a_lock_names_every_file_of_every_machine_and_is_the_same_the_second_time() {
    let zoo = Zoo::start();
    let room = zoo.project(MODELS);
    assert_eq!(zoo.told(&room.run(&["models", "lock", "--check"]).expect(3)), "There is no modelstrap.lock.\n");
    let ran = room.run(&["models", "lock"]).expect(0);
    assert_eq!(ran.out, "");
    assert_eq!(
        zoo.told(&ran),
        "\
tiny: left out: pytorch_model.bin 3.15 MB, onnx/model.onnx 2.10 MB; saves 5.24 MB; `weights = \"all\"` takes them
apple: left out: model.safetensors 3.15 MB, pytorch_model.bin 3.15 MB; saves 6.29 MB; `weights = \"all\"` takes them
quant: left out: quants-F16.gguf 1.60 MB, quants-Q4_K_M.gguf 400 kB; saves 2.00 MB; `weights = \"all\"` takes them
warning: nope (optional) is not locked: HUB has no model org/nope, or it is private (then set HF_TOKEN)
+ apple 3 files, 2.10 MB
+ data 1 file, 50.0 kB
+ quant 2 files, 800 kB
+ tiny 3 files, 3.15 MB
+ url 1 file, size unknown
10 files added: 6.09 MB and 1 file of unknown size to come
modelstrap.lock has 5 models now. Commit it.
"
    );
    let lock = room.text("modelstrap.lock");
    assert!(!lock.contains("127.0.0.1") && !lock.contains("example.org="), "nothing of this machine is in it:\n{lock}");
    assert_eq!(zoo.told(&room.run(&["models", "lock", "--check"]).expect(0)), "modelstrap.lock fits the manifest.\n");

    zoo.hub.forget();
    room.run(&["models", "lock"]).expect(0).says(&["modelstrap.lock is up to date."]);
    assert_eq!(room.text("modelstrap.lock"), lock);
    // Only what has no answer yet is asked about again.
    assert!(zoo.hub.requests().iter().all(|seen| seen.path.contains("org/nope")), "{:?}", zoo.hub.requests());
}

#[test]
fn a_dry_run_and_a_failure_leave_the_lock_as_it_was() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "lock", "--dry-run"])
        .expect(0)
        .says(&["+ tiny  3 files", "modelstrap.lock was left as it is."]);
    assert!(!room.exists("modelstrap.lock"));
    let none = zoo.project("nope = \"hf:org/nope\"\n");
    let error = "error: nope is not locked: HUB has no model org/nope, or it is private (then set HF_TOKEN)\n";
    assert_eq!(zoo.told(&none.run(&["models", "lock"]).expect(1)), error);
    assert!(!none.exists("modelstrap.lock"), "a lock of nothing would hide the failure");
    room.append("modelstrap.toml", "nope = \"hf:org/nope\"\n");
    let ran = room.run(&["models", "lock"]).expect(1);
    let told = zoo.told(&ran);
    assert!(told.contains(error) && told.ends_with("modelstrap.lock has 1 model now. Commit it.\n"), "{told}");
    assert!(room.text("modelstrap.lock").contains("name = \"tiny\""), "what could be locked is");
    assert_eq!(zoo.told(&room.run(&["models", "lock", "--check"]).expect(3)), "nope is not locked\n");
}

#[test]
fn a_branch_that_moved_is_shown_as_files_and_bytes_and_taken_by_update_alone() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nquant = \"hf:org/quants\"\n");
    room.run(&["models", "download"]).expect(0);
    let before = room.text("modelstrap.lock");
    zoo.hub.model("org/tiny").file("config.json", "{}").without("README.md").file("new.txt", "new").commit();

    room.run(&["models", "download"]).expect(0).says(&["Nothing to fetch: 2 models here"]);
    room.run(&["models", "lock"]).expect(0).says(&["modelstrap.lock is up to date."]);
    let ran = room.run(&["models", "update", "--dry-run"]).expect(0);
    let told = zoo.told(&ran);
    let diff = &told[told.find("~ tiny").unwrap()..];
    let commits = diff.lines().nth(1).unwrap();
    assert_eq!(
        diff.replace(commits, "COMMITS"),
        "\
~ tiny
COMMITS
  - README.md 9 B
  ~ config.json 22 B -> 2 B
  + new.txt 3 B
1 file added, 1 file changed, 1 file removed: 5 B to come, 31 B no longer named
modelstrap.lock was left as it is.
"
    );
    assert_eq!(room.text("modelstrap.lock"), before);
    room.run(&["models", "update", "quant"]).expect(0).says(&["modelstrap.lock is up to date."]);
    room.run(&["models", "update", "tiny"]).expect(0).says(&["modelstrap.lock has 2 models now. Commit it."]);
    zoo.hub.forget();
    room.run(&["models", "download", "--locked"]).expect(0).says(&["Downloading 1 model: 2 files, 5 B"]);
    assert_eq!(zoo.hub.requests_to("GET", "/org/tiny/resolve/*").len(), 2, "{:?}", zoo.hub.requests());
    room.run(&["models", "verify"]).expect(0);
}

#[test]
fn a_spoilt_lock_is_refused_and_made_anew_by_lock_alone_but_never_a_newer_one_or_a_conflict() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "lock"]).expect(0);
    let whole = room.text("modelstrap.lock");
    let cut = &whole[..whole.len() / 2];
    for spoilt in ["garbage", cut] {
        room.write("modelstrap.lock", spoilt);
        for verb in [&["models", "list"][..], &["models", "download"], &["models", "lock", "--check"]] {
            room.run(verb).expect(1).says(&["modelstrap.lock"]);
            assert_eq!(room.text("modelstrap.lock"), spoilt, "{verb:?}");
        }
        room.run(&["models", "lock"])
            .expect(0)
            .says(&["warning: @/p/modelstrap.lock was edited or cut, and is made anew"]);
        assert_eq!(room.text("modelstrap.lock"), whole);
    }
    let newer = whole.replace("version = 1", "version = 2");
    let conflict = format!("<<<<<<< ours\n{whole}");
    for kept in [newer.as_str(), &newer[..newer.len() / 2], &conflict] {
        room.write("modelstrap.lock", kept);
        room.run(&["models", "lock"]).expect(1);
        assert_eq!(room.text("modelstrap.lock"), kept);
    }
}

#[test]
fn with_locked_and_with_frozen_the_lock_keeps_its_bytes_whatever_is_learnt() {
    let zoo = Zoo::start();
    let digest = hub::Content::pattern(11, 5_000).sha256();
    let sized = format!("sized = \"url:https://files.example.org/weights.bin#sha256={digest}\"\n");
    for models in [sized.as_str(), "first = \"url:https://files.example.org/weights.bin\"\n"] {
        for flags in [&["--locked"][..], &["--frozen"], &["--locked", "--frozen"]] {
            let room = zoo.project(&format!("{models}data = \"hf:datasets/org/speech\"\n"));
            room.run(&["models", "lock"]).expect(0);
            let before = room.text("modelstrap.lock");
            let told = zoo.told(&room.run(&[&["models", "download"], flags].concat()).expect(0));
            assert_eq!(room.text("modelstrap.lock"), before, "{flags:?}");
            assert!(!told.contains("Wrote modelstrap.lock"), "{told}");
            let warning = "warning: modelstrap.lock has no digest of first: weights.bin, so nobody else can check it\n  \
                `modelstrap models download` without `--locked` and `--frozen` writes it down\n";
            assert_eq!(told.contains(warning), models.starts_with("first"), "{told}");
            room.run(&["models", "download"]).expect(0).says(&["Wrote modelstrap.lock. Commit it."]);
            assert!(room.text("modelstrap.lock").contains("size = 5000"));
        }
    }
}

#[test]
fn new_patterns_of_one_model_are_noticed_whatever_else_changes_in_the_manifest() {
    let zoo = Zoo::start();
    for (more, less) in [("data = \"hf:datasets/org/speech\"\n", ""), ("", "quant = \"hf:org/quants\"\n")] {
        for first in [&["models", "lock"][..], &["models", "download", "data"]] {
            let room = zoo.project(&format!("tiny = \"hf:org/tiny\"\n{less}"));
            room.run(&["models", "lock"]).expect(0);
            let only = "tiny = { source = \"hf:org/tiny\", include = \"*.json\" }\n";
            room.write("modelstrap.toml", format!("[models]\n{only}{more}"));
            room.run(first);
            room.run(&["models", "lock"]).expect(0);
            assert!(
                !room.text("modelstrap.lock").contains("README.md\", size = 9"),
                "{}",
                room.text("modelstrap.lock")
            );
            room.run(&["models", "lock", "--check"]).expect(0);
        }
    }
}

#[test]
fn a_model_more_or_less_in_the_manifest_is_no_reason_to_ask_about_the_others() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nquant = { source = \"hf:org/quants\", weights = \"all\" }\nvad = \"torch-hub:owner/tiny-repo\"\n");
    room.run(&["models", "lock"]).expect(0);
    room.edit("modelstrap.toml", "vad = \"torch-hub:owner/tiny-repo\"", "data = \"hf:datasets/org/speech\"");
    zoo.hub.forget();
    room.run(&["models", "lock"]).expect(0).says(&["+ data", "- vad"]);
    let asked = zoo.hub.requests();
    assert!(asked.iter().all(|seen| seen.path.contains("org/speech")), "{asked:?}");
    room.run(&["models", "remove", "quant"]).expect(0);
    room.run(&["models", "lock", "--check"]).expect(0);
}

#[test]
fn an_update_keeps_what_only_a_download_could_learn_unless_the_model_is_named() {
    let zoo = Zoo::start();
    let room = zoo.project("url = \"url:https://files.example.org/weights.bin\"\ntiny = \"hf:org/tiny\"\n");
    room.run(&["models", "download"]).expect(0);
    let before = room.text("modelstrap.lock");
    room.run(&["models", "update"]).expect(0).says(&["modelstrap.lock is up to date."]);
    assert_eq!(room.text("modelstrap.lock"), before);
    // Other patterns of one model have every model asked about.
    room.edit("modelstrap.toml", "\"hf:org/tiny\"", "{ source = \"hf:org/tiny\", exclude = \"*.md\" }");
    room.run(&["models", "lock"]).expect(0).says(&["1 file removed"]);
    assert!(room.text("modelstrap.lock").contains("size = 5000"));
    room.run(&["models", "update", "url"]).expect(0).says(&[
        "url: nobody publishes the digest of weights.bin; the next download writes down what it finds",
        "~ weights.bin  5.00 kB -> size unknown",
    ]);
    assert!(!room.text("modelstrap.lock").contains("size = 5000"));
}

#[test]
fn a_model_that_cannot_be_updated_stays_locked_and_one_that_is_not_named_is_refused() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "lock"]).expect(0);
    let before = room.text("modelstrap.lock");
    zoo.hub.delete("org/tiny");
    let ran = room.run(&["models", "update"]).expect(1);
    assert_eq!(
        zoo.told(&ran),
        "error: tiny stays as it is locked: HUB has no model org/tiny, or it is private (then set HF_TOKEN)\n"
    );
    let ran = room.run(&["models", "update", "hf:org/quants"]).expect(2);
    assert_eq!(
        zoo.told(&ran),
        "error: the manifest does not name hf:org/quants\n  `modelstrap models add hf:org/quants` does\n"
    );
    assert_eq!(room.text("modelstrap.lock"), before);
}

#[test]
fn what_is_to_come_is_what_a_download_fetches() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "lock"]).expect(0).says(&["3 files added: 3.15 MB to come\n"]);
    room.append("modelstrap.toml", "all = { source = \"hf:org/tiny\", weights = \"all\" }\n");
    room.run(&["models", "lock"]).expect(0).says(&["5 files added: 5.24 MB to come\n"]);
    room.run(&["models", "download"]).expect(0).says(&["Downloading 2 models: 5 files, 8.39 MB"]);
    room.edit("modelstrap.toml", "all =", "every =");
    let renamed = "5 files added, 5 files removed: nothing to come\n";
    room.run(&["models", "lock"]).expect(0).says(&[renamed]);
    room.run(&["models", "download"]).expect(0).says(&["Nothing to fetch: 2 models here"]);
    room.edit("modelstrap.toml", ", weights = \"all\"", ", weights = \"onnx\"");
    let fewer = "2 files removed: nothing to come, 3.15 MB no longer named\n";
    room.run(&["models", "lock"]).expect(0).says(&[fewer]);
}

/// What grows with the square of the models takes minutes here.
#[test]
fn two_thousand_models_are_locked_and_looked_up_in_seconds() {
    let zoo = Zoo::start();
    let model = |at: usize| format!("m{at} = \"url:https://files.example.org/{at}.bin#sha256={at:064x}\"\n");
    let room = zoo.project(&(0..2_000).map(model).collect::<String>());
    let begun = std::time::Instant::now();
    for words in [
        &["lock"][..],
        &["lock"],
        &["lock", "--check"],
        &["remove", "m7"],
        &["add", "url:https://files.example.org/7.bin", "--no-download"],
        &["download", "-n", "--locked"],
    ] {
        room.run(&[&["models"], words].concat()).expect(0);
    }
    let took = begun.elapsed();
    // 93 s for the first of them alone, where each was compared with each.
    assert!(took.as_secs() < 30, "{took:?}");
}
