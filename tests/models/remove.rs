//! `modelstrap models remove`: one of a list, what others may use, and refusals that change nothing.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use crate::support::terminal::Terminal;
use crate::support::zoo::Zoo;

const WEIGHTS: &str = "https://files.example.org/weights.bin";

#[test]
fn one_of_a_list_is_removed_by_its_name_and_the_list_goes_with_its_last() {
    let zoo = Zoo::start();
    let room = zoo.project("# ours\nall = [\n  \"hf:org/tiny\", # small\n  \"hf:org/quants\",\n]\n");
    room.run(&["models", "download"]).expect(0);
    room.run(&["models", "remove", "all/tinny"]).expect(2).says(&["it names all/tiny, all/quants"]);
    let ran = room.run(&["models", "remove", "all/tiny", "--purge", "--dry-run"]).expect(0);
    assert_eq!(zoo.told(&ran), "all/tiny would leave the manifest and the lock, and its files the cache\n");
    room.run(&["models", "remove", "all/tiny", "--purge", "--yes"]).expect(0);
    assert_eq!(room.text("modelstrap.toml"), "[models]\n# ours\nall = [\n  \"hf:org/quants\",\n]\n");
    assert!(!room.text("modelstrap.lock").contains("org/tiny"));
    assert!(!room.exists(".cache/huggingface/hub/models--org--tiny"));
    assert!(room.exists(".cache/huggingface/hub/models--org--quants"));
    room.run(&["models", "lock", "--check"]).expect(0);
    room.run(&["models", "remove", "all/quants"]).expect(0);
    assert_eq!(room.text("modelstrap.toml"), "[models]\n# ours\n");
}

#[test]
fn two_of_a_list_are_removed_at_once() {
    let zoo = Zoo::start();
    let room = zoo.project("all = [\"hf:org/tiny\", \"hf:org/quants\", \"hf:datasets/org/speech\"]\n");
    room.run(&["models", "remove", "all/tiny", "all/quants"]).expect(0);
    assert_eq!(room.text("modelstrap.toml"), "[models]\nall = [\"hf:datasets/org/speech\"]\n");
}

#[test]
fn what_lies_in_a_cache_for_all_projects_is_purged_only_by_force() {
    let zoo = Zoo::start();
    let room = zoo.room();
    let manifest = format!("[cache]\nbase_dir = \"user\"\n[models]\nx = \"url:{WEIGHTS}\"\ntiny = \"hf:org/tiny\"\n");
    room.write("modelstrap.toml", manifest);
    room.run(&["models", "download"]).expect(0);
    let path = room.run(&["models", "path", "x", "weights.bin"]).expect(0).out;
    let before = room.tree();
    for flags in [&["--yes"][..], &["--dry-run"]] {
        let ran = room.run(&[&["models", "remove", "x", "--purge"], flags].concat()).expect(1);
        assert!(ran.err.contains("x was left: ") && ran.err.contains("give `--force`"), "{}", ran.err);
        room.tree().assert_eq(&before, "a refused purge");
    }
    assert_eq!(room.run(&["models", "path", "x", "weights.bin"]).expect(0).out, path);
    // The Hub's cache has every project's marks: there nothing has to be forced.
    room.run(&["models", "remove", "tiny", "--purge", "--yes", "--now"]).expect(0).says(&[" MB freed."]);
    room.run(&["models", "remove", "x", "--purge", "--yes", "--force", "--now"]).expect(0).says(&[" kB freed."]);
}

#[test]
fn a_purge_that_a_link_forbids_leaves_manifest_and_lock() {
    let zoo = Zoo::start();
    let room = zoo.project(&format!("x = \"url:{WEIGHTS}\"\n"));
    room.run(&["models", "download"]).expect(0);
    std::fs::rename(room.place(".cache/files"), room.place("out")).unwrap();
    symlink("../out", room.place(".cache/files")).unwrap();
    let before = room.tree();
    room.run(&["models", "remove", "x", "--purge", "--yes"]).expect(1).says(&["is a link that leads out of the cache"]);
    room.tree().assert_eq(&before, "a refused purge");
    room.run(&["models", "remove", "x"]).expect(0);
    assert_eq!(room.text("modelstrap.toml"), "[models]\n");
}

#[test]
fn a_file_that_another_model_has_from_another_address_stays() {
    let zoo = Zoo::start();
    let room =
        zoo.project("one = \"openai-whisper:tiny\"\ntwo = \"openai-whisper:tiny\"\nthree = \"openai-whisper:base\"\n");
    room.run(&["models", "lock"]).expect(0);
    let lock = room.text("modelstrap.lock");
    let (first, second) = lock.rsplit_once("openaipublic.azureedge.net/main/").unwrap();
    room.write("modelstrap.lock", format!("{first}openaipublic.azureedge.net/other/{second}"));
    for name in ["tiny.pt", "base.pt"] {
        room.write(&format!(".cache/whisper/{name}"), "weights");
    }
    let ran = room.run(&["models", "remove", "two", "three", "--purge", "--yes"]).expect(0);
    assert!(ran.err.contains("two: another model of the project needs its files; they stay"), "{}", ran.err);
    assert!(room.exists(".cache/whisper/tiny.pt") && !room.exists(".cache/whisper/base.pt"));
}

#[test]
fn a_purge_gives_up_what_a_renamed_key_left_behind() {
    let zoo = Zoo::start();
    let room = zoo.project("small = \"hf:org/tiny\"\n");
    room.run(&["models", "download"]).expect(0);
    room.edit("modelstrap.toml", "small =", "renamed =");
    room.run(&["models", "lock"]).expect(0);
    room.run(&["models", "download"]).expect(0);
    let ran = room.run(&["models", "remove", "renamed", "--purge", "--yes", "--now"]).expect(0);
    let told = zoo.told(&ran);
    assert!(
        told.starts_with("Wrote modelstrap.toml and modelstrap.lock.\n3.") && told.ends_with(" MB freed.\n"),
        "{told}"
    );
    assert!(!room.exists(".cache/huggingface/hub/models--org--tiny"));
}

#[test]
fn files_that_another_project_uses_are_told_before_anybody_is_asked_and_stay() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    room.run(&["models", "download"]).expect(0);
    let refs = ".cache/huggingface/hub/models--org--tiny/refs";
    let commit = room.text(&format!("{refs}/main"));
    room.write(&format!("{refs}/refs/modelstrap/00000000-11111111"), &commit);
    let ran = room.run(&["models", "remove", "tiny", "--purge", "--dry-run"]).expect(0);
    assert_eq!(zoo.told(&ran), "tiny would leave the manifest and the lock; its files are used elsewhere and stay\n");
    let mut terminal = Terminal::open(120, 40, &mut room.command(&["models", "remove", "tiny", "--purge"]));
    terminal.wait_for("tiny: another project, branch or program uses its files; they stay\nWrote modelstrap.toml and");
    assert!(terminal.end().status.success());
    assert!(room.exists(".cache/huggingface/hub/models--org--tiny/snapshots"));
    assert_eq!(room.text(&format!("{refs}/refs/modelstrap/00000000-11111111")), commit);
}

#[test]
fn what_stays_is_said_with_the_way_to_delete_it() {
    let zoo = Zoo::start();
    let room = zoo.project("all = [\"hf:org/tiny\", \"hf:org/quants\"]\n");
    room.run(&["models", "download"]).expect(0);
    let way = "to delete its files: `modelstrap models add hf:org/tiny --no-download`, then `modelstrap models remove tiny --purge`";
    let ran = room.run(&["models", "remove", "all/tiny"]).expect(0);
    assert_eq!(
        zoo.told(&ran),
        format!(
            "Wrote modelstrap.toml and modelstrap.lock.\nall/tiny: its files stay in the cache, 3.15 MB; `remove --purge` deletes them, too\n  {way}\n"
        )
    );
    let no_model = "error: the manifest has no model";
    for (arguments, told) in [
        (&["hf:org/tiny", "--purge"][..], format!("{no_model} hf:org/tiny; it names all/quants\n  {way}\n")),
        (&["hf:org/tiny"], format!("{no_model} hf:org/tiny; it names all/quants\n")),
        (
            &["all/tiny", "--purge"],
            format!(
                "{no_model} all/tiny; it names all/quants\n  to delete what it left, say its source, such as hf:OWNER/NAME\n"
            ),
        ),
    ] {
        assert_eq!(zoo.told(&room.run(&[&["models", "remove"], arguments].concat()).expect(2)), told);
    }
    room.run(&["models", "add", "hf:org/tiny", "--no-download"]).expect(0);
    room.run(&["models", "remove", "tiny", "--purge", "--yes", "--now"]).expect(0).says(&[" MB freed."]);
    // A source that the manifest has is as good as its name, and what is not here does not stay.
    room.run(&["models", "remove", "hf:org/quants", "--purge", "--yes"]).expect(0);
    assert_eq!(room.text("modelstrap.toml"), "[models]\n");
    room.run(&["models", "add", "hf:org/tiny", "--no-download"]).expect(0);
    let ran = room.run(&["models", "remove", "tiny"]).expect(0);
    assert_eq!(zoo.told(&ran), "Wrote modelstrap.toml and modelstrap.lock.\n");
}

#[test]
fn what_an_unfinished_download_left_goes_with_a_purge_and_is_counted() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nwhisper = \"openai-whisper:tiny\"\n");
    room.run(&["models", "lock"]).expect(0);
    let lock = room.text("modelstrap.lock");
    for (name, file, folder) in [
        ("tiny", "model.safetensors", ".cache/huggingface/hub/models--org--tiny/.modelstrap/partials"),
        ("whisper", "tiny.pt", ".cache/whisper/.modelstrap/partials"),
    ] {
        let line = lock.lines().find(|line| line.contains(file)).unwrap();
        let digest = line.split("sha256:").nth(1).unwrap().split('"').next().unwrap();
        let part = format!("{folder}/{digest}.part");
        room.write(&part, vec![7; 500_000]);
        let ran = room.run(&["models", "list"]).expect(0);
        assert!(ran.out.contains("partly"), "{}", ran.out);
        room.run(&["models", "remove", name, "--purge", "--yes", "--now"]).expect(0).says(&["5", " kB freed."]);
        assert!(!room.exists(&part), "{part}");
    }
}

#[test]
fn what_another_program_has_of_the_same_commit_stays() {
    let zoo = Zoo::start();
    let hub = ".cache/huggingface/hub/models--org--tiny";
    let probe = zoo.project("tiny = \"hf:org/tiny\"\n");
    probe.run(&["models", "download"]).expect(0);
    let commit = probe.text(&format!("{hub}/refs/main"));
    for (branch, file) in [(true, true), (true, false), (false, true)] {
        let room = zoo.project(&format!("m = \"hf:org/tiny@{commit}\"\n"));
        if branch {
            room.write(&format!("{hub}/refs/main"), &commit);
        }
        room.run(&["models", "download"]).expect(0);
        if file {
            room.write(&format!("{hub}/snapshots/{commit}/other_file.bin"), "theirs");
        }
        let ran = room.run(&["models", "remove", "m", "--purge", "--yes"]).expect(0);
        assert!(ran.err.contains("m: another project, branch or program uses its files; they stay"), "{}", ran.err);
        assert!(
            room.exists(&format!("{hub}/refs/main")) && room.exists(&format!("{hub}/snapshots/{commit}/config.json"))
        );
        assert_eq!(room.exists(&format!("{hub}/snapshots/{commit}/other_file.bin")), file);
    }
}

#[test]
fn two_parts_of_one_commit_are_purged_one_after_the_other() {
    let zoo = Zoo::start();
    let table = |name: &str| format!("{name} = {{ source = \"hf:org/quants\", weights = \"gguf:{name}\" }}\n");
    let room = zoo.project(&[table("Q8_0"), table("F16")].concat());
    room.run(&["models", "download"]).expect(0);
    room.run(&["models", "remove", "Q8_0", "--purge", "--yes"]).expect(0);
    room.run(&["models", "remove", "F16", "--purge", "--yes"]).expect(0);
    assert!(!room.exists(".cache/huggingface/hub/models--org--quants"));
}
