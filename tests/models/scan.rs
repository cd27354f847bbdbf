//! Pickles that would run code: refused on the way in, and found by `modelstrap models scan`.
#![cfg(unix)]

use crate::support::zoo::Zoo;

use crate::support::zoo::MALICIOUS;

const REFUSED: &str = "pytorch_model.bin: a pickle that would import os.system (dangerous) when it is loaded";

#[test]
fn a_malicious_pickle_is_refused_until_somebody_allows_it_and_a_lock_of_this_machine_does_not() {
    let zoo = Zoo::start();
    let room = zoo.project("evil = \"hf:org/evil\"\n");
    let weights = ".cache/huggingface/hub/models--org--evil/blobs/8cc73ceecc3fb6787129f6639c5171a97fae9256e36d20d1ca7e4916aee299a4";
    for verb in [&["models", "download"][..], &["models", "lock"], &["models", "update"]] {
        room.run(verb);
        let ran = room.run(&["models", "download"]).expect(1);
        let told = zoo.told(&ran);
        let end =
            format!("error: evil is not here: {REFUSED}\n    if you trust its author, `--allow-pickle` takes it\n");
        assert!(told.ends_with(&end), "{verb:?}\n{told}");
        assert!(!room.exists(weights), "{verb:?}");
    }
    room.run(&["models", "download", "--allow-pickle"]).expect(0);
    assert_eq!(room.read(weights), MALICIOUS);

    // What was allowed here and committed is accepted by everybody.
    let colleague = zoo.room();
    for file in ["modelstrap.toml", "modelstrap.lock"] {
        colleague.write(file, room.read(file));
    }
    colleague.run(&["models", "download", "--locked"]).expect(0);
    let ran = colleague.run(&["models", "scan"]).expect(3);
    assert!(
        ran.out.contains("/pytorch_model.bin is a pickle that would import os.system (dangerous) when it is loaded\n"),
        "{}",
        ran.out
    );
    assert_eq!(zoo.told(&ran), "2 files looked into, 1 pickle found, 1 refused.\n");
}

#[test]
fn a_malicious_pickle_that_lies_in_the_cache_already_is_looked_into_as_well() {
    let zoo = Zoo::start();
    let room = zoo.project("evil = \"hf:org/evil\"\n");
    let repository = ".cache/huggingface/hub/models--org--evil";
    room.write(
        &format!("{repository}/blobs/8cc73ceecc3fb6787129f6639c5171a97fae9256e36d20d1ca7e4916aee299a4"),
        MALICIOUS,
    );
    let ran = room.run(&["models", "download"]).expect(1);
    let told = zoo.told(&ran);
    assert!(told.contains("a pickle that would import os.system (dangerous) when it is loaded"), "{told}");
    assert!(!room.exists(&format!("{repository}/refs/main")), "no library finds it");
    room.run(&["models", "download", "--allow-pickle"]).expect(0);
    room.run(&["models", "download"]).expect(0);
}

#[test]
fn add_refuses_a_malicious_pickle_and_takes_its_safetensors_twin() {
    let zoo = Zoo::start();
    let room = zoo.project("");
    let ran = room.run(&["models", "add", "hf:org/evil"]).expect(1);
    assert!(zoo.told(&ran).contains(REFUSED), "{}", ran.err);
    let ran = room.run(&["models", "add", "hf:org/evil-twin", "--weights", "all"]).expect(1);
    let told = zoo.told(&ran);
    assert!(
        told.ends_with("the same folder has model.safetensors: `weights = \"safetensors\"` takes only that\n"),
        "{told}"
    );
    room.run(&["models", "download", "evil-twin", "--weights", "safetensors"])
        .expect(0)
        .says(&["left out: pytorch_model.bin"]);
}

#[test]
fn files_and_folders_are_scanned_by_path() {
    let zoo = Zoo::start();
    let room = zoo.project("");
    room.write("weights/a.txt", MALICIOUS);
    room.write("weights/b.json", "{}");
    let ran = room.run(&["models", "scan", "weights"]).expect(3);
    assert_eq!(ran.out, "weights/a.txt is a pickle that would import os.system (dangerous) when it is loaded\n");
    assert_eq!(zoo.told(&ran), "2 files looked into, 1 pickle found, 1 refused.\n");
    let json = room.run(&["models", "scan", "weights/b.json", "--json"]).expect(0).json();
    assert_eq!(json["files"][0]["accepted"], true);
    room.run(&["models", "scan", "./nope"]).expect(1).says(&["there is no file or folder ./nope"]);
}

#[test]
fn what_could_not_be_looked_into_is_said() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nquant = \"hf:org/quants\"\n");
    let told = |code| zoo.told(&room.run(&["models", "scan"]).expect(code));
    let unlocked =
        "warning: tiny and quant cannot be looked into: there is no modelstrap.lock; run `modelstrap models lock`\n";
    assert_eq!(told(0), format!("{unlocked}0 files looked into, 0 pickles found, 0 refused.\n"));
    room.run(&["models", "lock"]).expect(0);
    assert_eq!(
        told(0),
        "warning: tiny and quant: 5 files are not here, and were not looked into\n0 files looked into, 0 pickles found, 0 refused.\n"
    );
    room.run(&["models", "download"]).expect(0);
    assert_eq!(told(0), "5 files looked into, 0 pickles found, 0 refused.\n");
    room.write("modelstrap.toml", "");
    assert_eq!(told(0), "The manifest names no models; give files or folders to look into.\n");
}
