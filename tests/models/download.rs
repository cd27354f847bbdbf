//! `modelstrap models download`: what is asked, what comes, what is told.
#![cfg(unix)]

use crate::support::zoo::Zoo;
use crate::support::{hub, project};

const MODELS: &str = r#"
whisper = ["faster-whisper:tiny", "hf:org/tiny"]
alt = { alternatives = [{ source = "hf:org/quants", when = "gpu" }, { source = "hf:datasets/org/speech" }] }
apple = { source = "hf:org/quants", when = "apple" }
gate = { source = "hf:org/gated", gated = true, optional = true }
vad = "torch-hub:owner/tiny-repo"
url = "url:https://files.example.org/weights.bin"
"#;

#[test]
fn all_that_this_machine_wants_comes_and_an_optional_model_that_fails_is_no_failure() {
    let zoo = Zoo::start();
    let room = zoo.project(MODELS);
    let ran = room.run(&["models", "download", "--dry-run"]).expect(0);
    assert_eq!(
        zoo.told(&ran),
        "\
whisper/hf:org/tiny: left out: pytorch_model.bin 3.15 MB, onnx/model.onnx 2.10 MB; saves 5.24 MB; `weights = \"all\"` takes them
whisper/faster-whisper:tiny: 4 files to fetch, 70.0 kB
whisper/hf:org/tiny: 3 files to fetch, 3.15 MB
alt: 2 files to fetch, 50.0 kB
gate: 2 files to fetch, 10.0 kB
vad: 3 files to fetch, 108 B
url: 1 file to fetch, size unknown
"
    );
    assert_eq!(room.tree().names(), ["h", "p", "p/modelstrap.toml"], "a dry run writes nothing");

    let ran = room.run(&["models", "download"]).expect(0);
    let told: Vec<String> =
        zoo.told(&ran).lines().filter(|line| !line.starts_with("gate: ")).map(str::to_owned).collect();
    assert_eq!(
        told.join("\n"),
        "\
whisper/hf:org/tiny: left out: pytorch_model.bin 3.15 MB, onnx/model.onnx 2.10 MB; saves 5.24 MB; `weights = \"all\"` takes them
Downloading 6 models: 14 files, 3.28 MB and 1 file of unknown size
alt: done, 50.0 kB in T
url: done, 5.00 kB in T
vad: done, 108 B in T
whisper/faster-whisper:tiny: done, 70.0 kB in T
whisper/hf:org/tiny: done, 3.15 MB in T
Wrote modelstrap.lock. Commit it.
Model Size Time Where
whisper/faster-whisper:tiny 70.0 kB T .cache/huggingface/hub/models--Systran--faster-whisper-tiny
whisper/hf:org/tiny 3.15 MB T .cache/huggingface/hub/models--org--tiny
alt 50.0 kB T .cache/huggingface/hub/datasets--org--speech
vad 108 B T .cache/torch/hub/owner_tiny-repo_main
url 5.00 kB T .cache/files/58611014ee1b44c8
warning: gate (optional) is not here: org/gated is gated: ask for access at HUB/org/gated and set HF_TOKEN to a token of that account, then try again
This project is not set up yet: `modelstrap setup` keeps .cache out of Git and lets programs find these models."
    );
    let ran = room.run(&["models", "download", "whisper", "alt", "vad", "url"]).expect(0);
    assert_eq!(zoo.told(&ran), "Nothing to fetch: 5 models here, 3.27 MB.\n");
}

#[test]
fn with_everything_here_nobody_is_asked_and_a_lock_that_does_not_fit_is_refused() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    let frozen = room.run(&["models", "download", "--frozen"]).expect(1);
    assert_eq!(
        zoo.told(&frozen),
        "error: tiny is not here: there is no modelstrap.lock; run `modelstrap models lock`\n"
    );
    let locked = room.run(&["models", "download", "--locked"]).expect(1);
    assert_eq!(zoo.told(&locked), "error: there is no modelstrap.lock\n  run `modelstrap models lock` and commit it\n");
    room.run(&["models", "download"]).expect(0);
    let before = room.tree();
    zoo.hub.forget();
    for flag in ["--frozen", "--locked", "--quiet", "--json"] {
        room.run(&["models", "download", flag]).expect(0);
        assert_eq!(zoo.hub.requests().len(), 0, "{flag}");
    }
    room.tree().assert_eq(&before, "everything is here");

    room.append("modelstrap.toml", "quant = \"hf:org/quants\"\n");
    let locked = room.run(&["models", "download", "--locked"]).expect(1);
    assert_eq!(
        zoo.told(&locked),
        "error: modelstrap.lock does not fit the manifest\n  quant is not locked\n  run `modelstrap models lock` and commit it\n"
    );
    room.run(&["models", "download", "--frozen"])
        .expect(1)
        .says(&["quant is not here: modelstrap.lock does not have it"]);
    assert_eq!(zoo.hub.requests().len(), 0);
}

#[test]
fn events_are_lines_of_json_and_the_summary_is_the_last() {
    let zoo = Zoo::start();
    let room = zoo.project("data = \"hf:datasets/org/speech\"\nnope = \"hf:org/nope\"\n");
    let ran = room.run(&["models", "download", "--json"]).expect(1);
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!((&kinds[..2], kinds.last()), (&["resolve", "failed"][..], Some(&"summary")), "{kinds:?}");
    let summary = lines.last().unwrap();
    assert_eq!(summary["models"][0]["state"], "here");
    assert_eq!((&summary["models"][1]["model"], &summary["models"][1]["state"]), (&"nope".into(), &"failed".into()));
    assert_eq!(summary["received"], 50_008);
}

#[test]
fn the_quantisation_that_is_named_comes_or_those_that_there_are_are_told() {
    let zoo = Zoo::start();
    let room = zoo.project("");
    let path = |name: &str| {
        room.root()
            .join(".cache/huggingface/hub/models--org--quants/snapshots")
            .read_dir()
            .is_ok_and(|mut all| all.any(|one| one.unwrap().path().join(name).exists()))
    };
    let ran = room.run(&["models", "download", "hf:org/quants", "--weights", "gguf:Q5_0"]).expect(1);
    assert_eq!(
        zoo.told(&ran),
        "error: hf:org/quants is not here: no file of org/quants is wanted: it has no quantisation Q5_0; it has F16, Q4_K_M, Q8_0\n"
    );
    room.run(&["models", "download", "hf:org/quants", "--weights", "gguf:q8_0"]).expect(0);
    assert!(path("quants-Q8_0.gguf") && !path("quants-Q4_K_M.gguf"));
    room.run(&["models", "download", "hf:org/quants", "--weights", "safetensor"])
        .expect(2)
        .says(&["the nearest one is `safetensors`"]);
    assert!(!room.exists("modelstrap.lock"), "what the manifest does not name is not locked");
}

#[test]
fn a_failure_is_named_when_it_happens_and_explained_once_at_the_end() {
    let zoo = Zoo::start();
    let room = zoo.project("url = \"url:https://files.example.org/none.bin\"\ndata = \"hf:datasets/org/speech\"\n");
    let ran = room.run(&["models", "download"]).expect(1);
    let told: Vec<String> = zoo.told(&ran).lines().filter(|line| line.contains("url")).map(str::to_owned).collect();
    assert_eq!((told.len(), told[0].as_str()), (2, "url: none.bin failed"), "{}", ran.err);
    assert!(told[1].starts_with("error: url is not here: https://files.example.org/none.bin"), "{}", told[1]);

    let locked = zoo.project("data = \"hf:datasets/org/speech\"\n");
    locked.run(&["models", "lock"]).expect(0);
    let ran = locked.run(&["models", "download", "--offline"]).expect(1);
    assert_eq!(
        zoo.told(&ran),
        "error: data is not here: 2 files missing, and the network is switched off\n  README.md\n  data/train.parquet\n"
    );
}

#[test]
fn a_size_that_no_source_said_is_learnt_and_kept() {
    let zoo = Zoo::start();
    let digest = hub::Content::pattern(11, 5_000).sha256();
    let room = zoo.project(&format!("url = \"url:https://files.example.org/weights.bin#sha256={digest}\"\n"));
    room.run(&["models", "lock"])
        .expect(0)
        .says(&["+ url  1 file, size unknown", "1 file added: 1 file of unknown size to come\n"]);
    let ran = room.run(&["models", "download"]).expect(0);
    assert!(ran.err.contains("Wrote modelstrap.lock. Commit it."), "{}", ran.err);
    assert!(room.text("modelstrap.lock").contains("size = 5000"), "{}", room.text("modelstrap.lock"));
    room.run(&["models", "update"]).expect(0).says(&["modelstrap.lock is up to date."]);
}

#[test]
fn what_the_project_does_not_name_is_not_held_for_it() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "download", "tiny", "hf:org/quants"]).expect(0);
    let held = |repository: &str| room.exists(&format!(".cache/huggingface/hub/{repository}/refs/refs/modelstrap"));
    let named = |repository: &str| room.exists(&format!(".cache/huggingface/hub/{repository}/refs/main"));
    assert_eq!((held("models--org--tiny"), named("models--org--tiny")), (true, true));
    assert_eq!((held("models--org--quants"), named("models--org--quants")), (false, true));
    room.run(&["models", "remove", "tiny"]).expect(0);
    assert_eq!((held("models--org--tiny"), named("models--org--tiny")), (false, true));
}

/// The names that are marked as no file of `repository`, sorted.
fn absent(room: &project::Room, repository: &str) -> Vec<String> {
    let marks = room.tree().0.into_keys().filter(|path| path.contains(&format!("/{repository}/.no_exist/")));
    marks.filter_map(|path| Some(path.split("/.no_exist/").nth(1)?.split_once('/')?.1.to_owned())).collect()
}

#[test]
fn of_a_part_of_a_repository_only_what_the_listing_proves_is_marked_as_absent() {
    let zoo = Zoo::start();
    zoo.hub.model("org/tiny").file("tokenizer.json", "{}").file("vocab.txt", "a").commit();
    let marked = |model: &str, more: &[&str]| {
        let room = zoo.project(&format!("m = {model}\n"));
        room.run(&[&["models", "download"], more].concat()).expect(0);
        let repository = if model.contains("datasets") { "datasets--org--speech" } else { "models--org--tiny" };
        absent(&room, repository)
    };
    let weights = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin.index.json"];
    let has = |marks: &[String], name: &str| marks.iter().any(|mark| mark == name);
    // Forms of weights are left out: what is no weights would have been taken if it were there.
    for marks in [marked("\"hf:org/tiny\"", &[]), marked("\"hf:org/tiny\"", &["--weights", "pytorch"])] {
        assert!(
            has(&marks, "added_tokens.json") && has(&marks, "merges.txt") && has(&marks, "spiece.model"),
            "{marks:?}"
        );
        assert!(!has(&marks, "tokenizer.json") && !has(&marks, "vocab.txt"), "{marks:?}");
        assert!(!weights.iter().any(|name| has(&marks, name)), "{marks:?}");
    }
    // What the patterns leave out may well be there.
    let marks =
        marked("{ source = \"hf:org/tiny\", include = \"*.json\", exclude = [\"tokenizer*\", \"modules.json\"] }", &[]);
    assert!(has(&marks, "added_tokens.json") && has(&marks, "chat_template.json"), "{marks:?}");
    for unknown in
        ["vocab.txt", "merges.txt", "tokenizer.json", "tokenizer_config.json", "modules.json", "spiece.model"]
    {
        assert!(!has(&marks, unknown), "{unknown}: {marks:?}");
    }
    // No library looks for these names in a dataset.
    assert_eq!(marked("\"hf:datasets/org/speech\"", &[]), Vec::<String>::new());
    let room = zoo.project("m = { source = \"hf:org/tiny\", exclude = \"*.json\" }\n");
    room.run(&["models", "lock"]).expect(0);
    room.write("modelstrap.toml", "[models]\nm = \"hf:org/tiny\"\n");
    room.run(&["models", "download", "--frozen"]).expect(0);
    assert_eq!(absent(&room, "models--org--tiny"), Vec::<String>::new(), "a lock of other patterns proves nothing");
}

#[test]
fn by_the_lock_alone_an_optional_model_that_is_not_locked_is_left_out_and_nobody_is_asked() {
    let zoo = Zoo::start();
    let room = zoo.project("data = \"hf:datasets/org/speech\"\n");
    room.run(&["models", "download"]).expect(0);
    let lock = room.text("modelstrap.lock");
    let later = "later = { source = \"hf:org/later\", optional = true }\n";
    let told = "\
Nothing to fetch: 1 model here, 50.0 kB.
warning: later (optional) is not here: modelstrap.lock does not have it as the manifest asks for it; run `modelstrap models lock`
";
    // Named after the lock was made, and asked about in vain when it was made.
    room.append("modelstrap.toml", later);
    for step in ["named", "missed"] {
        if step == "missed" {
            room.run(&["models", "lock"]).expect(0);
            zoo.hub.model("org/later").file("config.json", "{}").commit();
        }
        let before = room.text("modelstrap.lock");
        zoo.hub.forget();
        let ran = room.run(&["models", "download", "--locked"]).expect(0);
        assert_eq!((zoo.told(&ran), zoo.hub.requests().len()), (told.to_owned(), 0), "{step}");
        assert_eq!(room.text("modelstrap.lock"), before, "{step}");
        assert!(!room.exists(".cache/huggingface/hub/models--org--later"), "{step}");
    }
    room.write("modelstrap.lock", lock);
    room.append("modelstrap.toml", "needed = \"hf:org/quants\"\n");
    room.run(&["models", "download", "--locked"]).expect(1).says(&["needed is not locked"]);
    assert_eq!(zoo.hub.requests().len(), 0);
    room.run(&["models", "download", "--locked", "later"]).expect(1);
    // A stranger is asked about: no lock could have it.
    room.edit("modelstrap.toml", "needed = \"hf:org/quants\"\n", "");
    room.run(&["models", "download", "--locked", "hf:org/quants"]).expect(0).says(&["Fetched"]);
}
