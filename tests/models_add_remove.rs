//! `modelstrap models add` and `remove`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

use zoo::Zoo;

#[test]
fn a_model_is_named_locked_and_downloaded_and_undo_takes_back_manifest_and_lock() {
    let zoo = Zoo::start();
    let room = zoo.room();
    room.write("modelstrap.toml", "# ours\n[models]\ndata = \"hf:datasets/org/speech\" # speech\n");
    room.run(&["models", "lock"]).expect(0);
    let before = (room.text("modelstrap.toml"), room.text("modelstrap.lock"));

    let ran = room.run(&["models", "add", "hf:org/tiny", "--include", "*.json"]).expect(0);
    assert_eq!(
        zoo.told(&ran),
        "\
Wrote modelstrap.toml and modelstrap.lock.
Downloading 1 model: 1 file, 22 B
tiny: done, 22 B in T
Model Size Time Where
tiny 22 B T .cache/huggingface/hub/models--org--tiny
"
    );
    assert_eq!(
        room.text("modelstrap.toml"),
        "# ours\n[models]\ndata = \"hf:datasets/org/speech\" # speech\ntiny = { source = \"hf:org/tiny\", include = \"*.json\" }\n"
    );
    room.run(&["models", "lock", "--check"]).expect(0);
    room.undo(&[]).says(&["Took back 2 changes."]);
    assert_eq!((room.text("modelstrap.toml"), room.text("modelstrap.lock")), before);
}

#[test]
fn what_no_source_knows_and_what_makes_no_sense_changes_nothing() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    let before = room.tree();
    for (arguments, code, told) in [
        (
            &["hf:org/tinny"][..],
            1,
            "error: tinny was not added: HUB has no model org/tinny, or it is private (then set HF_TOKEN)\n",
        ),
        (
            &["org/tiny"],
            2,
            "error: `org/tiny` is not the name of a well-known model\n  for a repository of the Hub, write `hf:org/tiny`\n",
        ),
        (&["hf:org/quants", "hf:org/evil", "--key", "x"], 2, "error: `--key` names one model, and several are given\n"),
        (&["hf:org/quants", "--dry-run"], 0, "modelstrap.toml would name these: quants\n"),
    ] {
        let ran = room.run(&[&["models", "add"], arguments].concat()).expect(code);
        assert_eq!(zoo.told(&ran), told, "{arguments:?}");
        room.tree().assert_eq(&before, arguments[0]);
    }
}

#[test]
fn a_removed_model_leaves_the_manifest_the_lock_and_with_purge_the_cache() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\nquant = \"hf:org/quants\"\n");
    room.run(&["models", "download"]).expect(0);
    room.run(&["models", "remove", "tinny"])
        .expect(2)
        .says(&["the manifest has no model tinny; it names tiny, vad, quant"]);
    room.run(&["models", "remove", "tiny", "--purge"]).expect(2).says(&["give `--yes`"]);
    let before = room.tree();
    let ran = room.run(&["models", "remove", "tiny", "vad", "--purge", "--dry-run"]).expect(0);
    assert_eq!(
        zoo.told(&ran),
        "tiny would leave the manifest and the lock, and its files the cache\n\
         vad would leave the manifest and the lock, and its files the cache\n"
    );
    room.tree().assert_eq(&before, "a dry run");

    room.run(&["models", "remove", "quant"]).expect(0).says(&["Wrote modelstrap.toml and modelstrap.lock."]);
    room.run(&["models", "lock", "--check"]).expect(0);
    assert!(room.exists(".cache/huggingface/hub/models--org--quants/snapshots"), "without --purge the files stay");
    room.run(&["models", "remove", "tiny", "vad", "--purge", "--yes"]).expect(0).says(&["3.15 MB freed."]);
    for gone in [".cache/huggingface/hub/models--org--tiny", ".cache/torch/hub/owner_tiny-repo_main/hubconf.py"] {
        assert!(!room.exists(gone), "{gone}");
    }
    assert_eq!(room.text("modelstrap.toml"), "[models]\n");
    room.run(&["models", "list"]).expect(0).says(&["The manifest names no models; `modelstrap models add` does."]);
}
