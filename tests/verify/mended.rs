//! `verify --fix`: what is damaged comes again, from the network or from a second copy, and nothing else changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::caches::{COMMIT, blob, every_kind, repository, strange, summary};
use crate::support::bytes::{flip, sha256};
use crate::support::project::Room;
use crate::support::zoo::Zoo;

/// What is here for a moment, or what only `verify` itself can compare: the tree has the time of a large file.
fn passing(name: &str) -> bool {
    name.contains("/.locks/") || name.contains("/blobs/")
}

#[test]
fn what_no_lock_names_is_fetched_again_by_its_commit_and_nothing_else_is() {
    let zoo = Zoo::start();
    let room = zoo.room();
    room.write("modelstrap.toml", "");
    let snapshot = strange(&room);
    let whole = room.tree().without(passing);
    let weights = fs::canonicalize(snapshot.join("model.safetensors")).unwrap();
    flip(&weights);
    fs::write(fs::canonicalize(snapshot.join("README.md")).unwrap(), "cut").unwrap();
    fs::remove_file(fs::canonicalize(snapshot.join("onnx/model.onnx")).unwrap()).unwrap();
    let damaged = room.tree();
    zoo.hub.forget();

    let ran = room.run(&["verify"]).expect(3);
    let heads: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [
        "org/tiny README.md: of another size",
        "org/tiny model.safetensors: damaged",
        "org/tiny onnx/model.onnx: missing, and a link leads to it",
    ];
    assert_eq!(heads, expected);
    room.run(&["verify", "--fix", "--dry-run"]).expect(3);
    room.run(&["verify", "--fix", "--offline"])
        .expect(3)
        .says(&["org/tiny model.safetensors stays as it is: the network is switched off, and no other file here is known to have its bytes"]);
    room.tree().assert_eq(&damaged, "nothing is taken away before its bytes are here");
    assert_eq!(zoo.hub.requests().len(), 0, "{:?}", zoo.hub.requests());

    // A server that gives other bytes mends nothing, and takes nothing.
    zoo.hub.cdn().on("*").times(2).flips_the_byte_at(1000);
    room.run(&["verify", "--fix", "org/tiny"]).expect(1).says(&["org/tiny model.safetensors is not mended"]);
    assert!(weights.exists());

    zoo.hub.forget();
    room.run(&["verify", "--fix"]).expect(0).says(&["mended."]);
    room.tree().without(passing).assert_eq(&whole, "mended");
    room.run(&["verify"]).expect(0);
}

#[test]
fn a_second_copy_that_is_sound_mends_the_first_without_the_network() {
    let room = every_kind();
    let weights = blob(&room, b"weights");
    repository(&room, ".cache/huggingface/hub/models--org--twin", &[("model.bin", b"weights")]);
    for name in ["models/copy/linked.bin", "far.bin"] {
        fs::hard_link(&weights, room.place(name)).unwrap();
    }
    flip(&weights);
    room.run(&["verify", "--offline"]).expect(3).says(&["`modelstrap verify --fix` fetches these, and nothing else."]);
    let ran = room.run(&["verify", "--fix", "--offline"]).expect(0);
    assert!(
        ran.out.contains("    `modelstrap verify --fix org/asr` copies it from where it is sound\n"),
        "{}",
        ran.out
    );
    let ran = ran.says(&["1 file mended.", "had 1 other name elsewhere, which still has the damaged bytes"]);
    ran.says(&["models/copy/linked.bin keeps the bytes that it has"]);
    assert_eq!(fs::read(weights).unwrap(), b"weights");
    assert_ne!(fs::read(room.place("models/copy/linked.bin")).unwrap(), b"weights", "nobody says what it is");
    room.run(&["verify"]).expect(0);
    assert!(!room.exists("models/copy/.modelstrap"));
}

#[test]
fn a_payload_of_the_shared_store_is_read_once_and_mended_for_all_that_have_it() {
    let zoo = Zoo::start();
    let room = zoo.room();
    room.write("modelstrap.toml", "");
    let snapshot = strange(&room);
    let hub = ".cache/huggingface/hub";
    room.write(&format!("{hub}/blobs/.huggingface-shared-blobs"), "1\n");
    let blob = fs::canonicalize(snapshot.join("model.safetensors")).unwrap();
    let etag = blob.file_name().unwrap().to_str().unwrap().to_owned();
    let payload = room.place(&format!("{hub}/blobs/ab/{}", "ab".repeat(32)));
    fs::create_dir_all(payload.parent().unwrap()).unwrap();
    fs::rename(&blob, &payload).unwrap();
    let target = format!("../../blobs/ab/{}", "ab".repeat(32));
    symlink(&target, &blob).unwrap();
    room.link(&format!("{hub}/models--org--twin/blobs/{etag}"), &target);
    room.link(&format!("{hub}/models--org--twin/snapshots/{COMMIT}/w.bin"), &format!("../../blobs/{etag}"));
    let files = || summary(&room.run(&["verify"]));
    assert_eq!(files(), "8.39 MB: 5 files, 0 damaged, 0 missing.");
    flip(&payload);
    let ran = room.run(&["verify"]).expect(3);
    assert_eq!(ran.out.lines().filter(|line| !line.starts_with(' ')).count(), 1, "{}", ran.out);
    room.run(&["verify", "--fix"]).expect(0);
    assert_eq!(fs::read_link(&blob).unwrap(), Path::new(&target), "the link stays");
    assert_eq!(files(), "8.39 MB: 5 files, 0 damaged, 0 missing.");
    // While the list of its users is there, a payload that is gone comes back into the store, once for all of them.
    let list = payload.with_extension("refs");
    fs::write(&list, format!("models--org--tiny/blobs/{etag}\nmodels--org--twin/blobs/{etag}\n")).unwrap();
    fs::remove_file(&payload).unwrap();
    room.run(&["verify"]).expect(3).says(&["2 missing."]);
    zoo.hub.forget();
    room.run(&["verify", "--fix"]).expect(0).says(&["2 files mended."]);
    let fetched = zoo.hub.requests().into_iter().filter(|request| format!("{request:?}").contains("/resolve/")).count();
    assert_eq!(fetched, 1, "{:?}", zoo.hub.requests());
    assert!(fs::symlink_metadata(&payload).unwrap().is_file());
    assert_eq!(fs::read_link(&blob).unwrap(), Path::new(&target));
    assert_eq!(files(), "8.39 MB: 5 files, 0 damaged, 0 missing.");
    fs::remove_file(&list).unwrap();
    // A payload that is gone makes the link of every revision one to nothing.
    fs::remove_file(&payload).unwrap();
    room.run(&["verify", "org/tiny"]).expect(3).says(&["1 missing."]);
    room.run(&["verify", "--fix", "org/tiny"]).expect(0);
    room.run(&["verify", "org/tiny"]).expect(0);
}

#[test]
fn a_commit_of_which_somebody_fetched_a_part_is_no_damage_and_one_that_lost_files_is() {
    let zoo = Zoo::start();
    let room = zoo.room();
    room.write("modelstrap.toml", "");
    let snapshot = strange(&room);
    fs::remove_file(snapshot.join("README.md")).unwrap();
    let ran = room.run(&["verify"]).expect(3);
    assert!(
        ran.out.starts_with("org/tiny README.md: not here, and modelstrap has brought the whole commit\n"),
        "{}",
        ran.out
    );
    zoo.hub.forget();
    room.run(&["verify", "--fix"]).expect(0);
    assert_eq!(fs::read(snapshot.join("README.md")).unwrap(), b"A model.\n");
    assert_eq!(zoo.hub.requests().len(), 0, "its content was here: {:?}", zoo.hub.requests());

    // The same as another program leaves it: huggingface_hub writes the whole listing whatever it was asked for.
    fs::remove_file(snapshot.join("README.md")).unwrap();
    let own = room.place(".cache/huggingface/hub/models--org--tiny/.modelstrap");
    fs::rename(own, room.place("../gone")).unwrap();
    room.run(&["verify"])
        .expect(0)
        .says(&["note: org/tiny: 4 of the 5 files of ", "as after a download of some of them"]);
}

/// The lines of what `verify` finds that name files.
fn heads_of(room: &Room) -> Vec<String> {
    let ran = room.run(&["verify"]);
    ran.out.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

#[test]
fn the_projects_lock_says_what_other_files_are_and_what_is_not_here() {
    let zoo = Zoo::start();
    let room = zoo.project(
        "tiny = { source = \"hf:org/tiny\", weights = \"all\" }\nvad = \"torch-hub:owner/tiny-repo\"\nspeech = \"hf:datasets/org/speech\"\nw = \"url:https://files.example.org/weights.bin\"\n",
    );
    room.run(&["models", "download"]).expect(0);
    let hub = room.place(".cache/huggingface/hub");
    fs::rename(hub.join("datasets--org--speech"), room.place("../gone")).unwrap();
    let code = room.place(".cache/torch/hub/owner_tiny-repo_main/hubconf.py");
    let before = fs::read(&code).unwrap();
    flip(&code);
    let path = room.run(&["models", "path", "w", "weights.bin"]).expect(0).out;
    let weights = PathBuf::from(path.trim_end().replace('@', room.path().to_str().unwrap()));
    flip(&weights);
    zoo.hub.forget();
    let ran =
        room.run(&["verify"]).expect(3).says(&["note: speech is not here: `modelstrap models download` brings it"]);
    let heads: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads, ["vad hubconf.py: damaged", "w weights.bin: damaged"]);
    room.run(&["verify", "--fix", "--offline"]).expect(3);
    assert_ne!(fs::read(&code).unwrap(), before, "offline it stays as it is");
    room.run(&["verify", "--fix", "w"]).expect(0);
    assert_eq!(heads_of(&room), ["vad hubconf.py: damaged"]);
    room.run(&["verify", "--fix", "vad"]).expect(0);
    assert_eq!(fs::read(&code).unwrap(), before);
    room.run(&["verify"]).expect(0);
}

#[test]
fn links_out_and_refs_to_nothing_are_notes_and_never_followed() {
    let room = every_kind();
    let outside = room.place("../secret");
    fs::write(&outside, "mine").unwrap();
    let folder = ".cache/huggingface/hub/models--org--asr";
    room.write(&format!("{folder}/refs/old"), "2".repeat(40));
    room.link(&format!("{folder}/blobs/{}", sha256(b"elsewhere")), outside.to_str().unwrap());
    room.link(&format!("{folder}/snapshots/{COMMIT}/out"), "../../../../../../../secret");
    let ran = room.run(&["verify"]).expect(0).says(&["note: org/asr: the ref old names no commit that is here"]);
    assert_eq!(ran.err.matches("leads out of its repository, and was not followed").count(), 2, "{}", ran.err);
    // Nor is anything mended through one.
    let blobs = room.place(&format!("{folder}/blobs"));
    let elsewhere = room.place("../elsewhere");
    fs::rename(&blobs, &elsewhere).unwrap();
    symlink(&elsewhere, &blobs).unwrap();
    let weights = elsewhere.join(sha256(b"weights"));
    flip(&weights);
    repository(&room, ".cache/huggingface/hub/models--org--twin", &[("model.bin", b"weights")]);
    room.run(&["verify", "--fix"]).expect(1).says(&["models--org--asr/blobs: it is a link to"]);
    assert_ne!(fs::read(&weights).unwrap(), b"weights");
}
