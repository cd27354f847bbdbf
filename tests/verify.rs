//! `modelstrap verify`: whatever is cached and has a known digest is read again, offline; `--fix` mends what is damaged and nothing else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use modelstrap::fetch::{BLOCK, Digest, hash_file};
use support::project::{Ran, Room};
use zoo::Zoo;

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// The SHA-256 of some bytes.
fn sha256(bytes: &[u8]) -> String {
    modelstrap::support::digest::sha256(bytes)
}

/// Git's name of some bytes.
fn git(bytes: &[u8]) -> String {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("x");
    fs::write(&path, bytes).unwrap();
    let proof = hash_file(&path, &Digest::Git([0; 20]), &mut vec![0; BLOCK], &|_| ()).unwrap().unwrap();
    proof.digest.hex()
}

/// A revision with these files, each a link to its blob, as a client of the Hub makes it.
fn repository(room: &Room, folder: &str, files: &[(&str, &[u8])]) {
    for (path, bytes) in files {
        let name = if path.ends_with(".json") { git(bytes) } else { sha256(bytes) };
        room.write(&format!("{folder}/blobs/{name}"), bytes);
        link(room, &format!("{folder}/snapshots/{COMMIT}/{path}"), &format!("../../blobs/{name}"));
    }
    room.write(&format!("{folder}/refs/main"), COMMIT);
}

fn link(room: &Room, at: &str, target: &str) {
    let at = room.place(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, at).unwrap();
}

/// Changes a byte in the middle of a file, and not its time.
fn flip(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The lines of what `verify` finds that name files.
fn heads_of(room: &Room) -> Vec<String> {
    let ran = room.run(&["verify"]);
    ran.out.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

/// The last line, without what differs from run to run.
fn summary(ran: &Ran) -> String {
    let line = ran.err.lines().find(|line| line.contains(" read in ")).unwrap();
    let (read, rest) = line.split_once(" read in ").unwrap();
    format!("{read}: {}", rest.split_once("): ").unwrap().1)
}

/// A cache in which every kind of digest occurs: the Hub's blobs, a listing, Ollama's layers, a checkpoint of torch, the marks of a
/// `local_dir` download, and a file of which nobody knows anything.
fn every_kind() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(
        &room,
        ".cache/huggingface/hub/models--org--asr",
        &[("config.json", b"{}"), ("model.bin", b"weights"), ("again.bin", b"weights")],
    );
    let layer = sha256(b"a layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), "a layer");
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b",
        format!(r#"{{"layers":[{{"digest":"sha256:{layer}","size":7}}]}}"#),
    );
    room.write(&format!(".cache/torch/hub/checkpoints/net-{}.pth", &sha256(b"a net")[..8]), "a net");
    room.write(".cache/torch/hub/checkpoints/other.pth", "who knows");
    room.write("models/copy/weights.safetensors", vec![7; 1 << 20]);
    let mark = format!("{COMMIT}\n{}\n{}\n", sha256(&vec![7; 1 << 20]), 4_000_000_000_u64);
    room.write("models/copy/.cache/huggingface/download/weights.safetensors.metadata", mark);
    room
}

#[test]
fn what_has_no_known_digest_is_said_to_have_none_and_a_name_that_is_none_is_met_with_the_nearest() {
    let room = every_kind();
    room.write("models/mine/checkpoints/step.bin", vec![1; 9_000_000]);
    for words in ["models/mine", "models/mine/checkpoints/step.bin", "step.bin"] {
        let ran = room.run(&["verify", words]).expect(0);
        assert_eq!(ran.err, "Nothing here has a known digest: 1 file, 9.00 MB.\n", "{words}");
        let json = room.run(&["verify", words, "--json"]).expect(0).json();
        assert_eq!(json["unproven"], serde_json::json!({"files": 1, "bytes": 9_000_000}));
    }
    let says = |word: &str| room.run(&["verify", word]).expect(2).err;
    assert!(says("org/asn").contains("nothing in the cache is called org/asn; did you mean `org/asr`?"));
    assert!(says("lama3:8b").contains("did you mean `llama3:8b`?"));
    assert!(says("othr.pth").contains("did you mean `other.pth`?"));
    assert!(!says("zzz").contains("did you mean"));
}

#[test]
fn a_size_that_differs_by_little_is_told_to_the_byte() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let bytes = vec![3; 5_000_000];
    let layer = sha256(&bytes);
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), &bytes[1..]);
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b",
        format!(r#"{{"layers":[{{"digest":"sha256:{layer}","size":5000000}}]}}"#),
    );
    let ran = room.run(&["verify"]).expect(3);
    assert!(ran.out.contains("(4999999 bytes, expected 5000000 bytes by its model's manifest)"), "{}", ran.out);
}

fn blob(room: &Room, bytes: &[u8]) -> PathBuf {
    room.place(&format!(".cache/huggingface/hub/models--org--asr/blobs/{}", sha256(bytes)))
}

#[test]
fn whatever_names_its_own_digest_is_read_once_and_found_good() {
    let room = every_kind();
    let before = room.tree();
    let ran = room.run(&["verify"]).expect(0);
    assert_eq!(ran.out, "");
    assert_eq!(summary(&ran), "1.05 MB: 5 files, 0 damaged, 0 missing. Of 1 file, 9 B, nobody says what they are.");
    room.tree().assert_eq(&before, "verify changes nothing");
    let json = room.run(&["verify", "--json"]).expect(0).json();
    assert_eq!(json["schema"], "modelstrap.verify/1");
    assert_eq!((&json["files"], &json["read_bytes"]), (&5.into(), &1_048_597.into()));
    assert_eq!(json["unproven"], serde_json::json!({"files": 1, "bytes": 9}));
}

#[test]
fn damage_is_told_with_what_it_is_where_and_what_mends_it() {
    let room = every_kind();
    flip(&blob(&room, b"weights"));
    flip(&room.place(&format!(".cache/torch/hub/checkpoints/net-{}.pth", &sha256(b"a net")[..8])));
    let layer = sha256(b"a layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), "a l");
    flip(&room.place("models/copy/weights.safetensors"));
    let ran = room.run(&["verify"]).expect(3);
    let found = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        sha256(&bytes)
    };
    let (weights, mega, net) = (sha256(b"weights"), vec![7; 1 << 20], &sha256(b"a net")[..8]);
    let expected = format!(
        "\
copy weights.safetensors: damaged
    models/copy/weights.safetensors (1.05 MB)
    expected sha256:{} (the mark of its download)
    found    sha256:{}
    remove it: the program that brought it fetches it again
llama3:8b sha256-{layer}: of another size
    ~/.ollama/models/blobs/sha256-{layer} (3 B, expected 7 B by its model's manifest)
    `ollama pull llama3:8b` fetches it again
net-{net}.pth: damaged
    .cache/torch/hub/checkpoints/net-{net}.pth (5 B)
    expected sha256:{net}… (its name)
    found    sha256:{}
    remove it: the program that brought it fetches it again
org/asr again.bin: damaged
    .cache/huggingface/hub/models--org--asr/blobs/{weights} (7 B)
    expected sha256:{weights} (its name)
    found    sha256:{}
    `modelstrap verify --fix org/asr` fetches it again
",
        sha256(&mega),
        found(&mega),
        found(b"a net"),
        found(b"weights"),
    );
    assert_eq!(ran.out, expected);
    assert_eq!(summary(&ran), "1.05 MB: 5 files, 4 damaged, 0 missing. Of 1 file, 9 B, nobody says what they are.");
    ran.says(&["`modelstrap verify --fix` fetches what can be fetched of these."]);
    let json = room.run(&["verify", "--json"]).expect(3).json();
    let one = &json["findings"][1];
    assert_eq!(
        (&one["finding"], &one["expected"], &one["found"], &one["fixable"]),
        (&"another size".into(), &7.into(), &3.into(), &false.into())
    );
    assert_eq!(json["findings"][3]["mend"], "modelstrap verify --fix org/asr");
}

#[test]
fn words_limit_it_to_models_repositories_files_and_folders() {
    let room = every_kind();
    let other = sha256(b"another layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{other}"), "another layer");
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/mine/latest",
        format!(r#"{{"layers":[{{"digest":"sha256:{other}","size":13}}]}}"#),
    );
    let net = format!("net-{}.pth", &sha256(b"a net")[..8]);
    let snapshot = format!(".cache/huggingface/hub/models--org--asr/snapshots/{COMMIT}");
    for (word, files) in [
        ("org/asr", 2),
        ("ORG/ASR", 2),
        (".cache/huggingface", 2),
        (&*snapshot, 2),
        (&*format!("{snapshot}/model.bin"), 1),
        (&*net, 1),
        ("llama3:8b", 1),
        ("mine", 1),
        ("models", 1),
        (".cache", 3),
    ] {
        let ran = room.run(&["verify", word]).expect(0);
        let told = if files == 1 { "1 file,".to_owned() } else { format!("{files} files,") };
        assert!(summary(&ran).contains(&told), "{word}: {}", ran.err);
    }
    room.run(&["verify", "nothing/like-this"]).expect(2).says(&["nothing in the cache is called nothing/like-this"]);
}

/// The files of `org/tiny`, which no lock names, where a program opens them.
fn strange(room: &Room) -> PathBuf {
    room.run(&["models", "download", "hf:org/tiny", "--weights", "all"]).expect(0);
    let snapshots = room.place(".cache/huggingface/hub/models--org--tiny/snapshots");
    fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path()
}

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
        .says(&["org/tiny model.safetensors stays as it is: the network is switched off, and it is here only once"]);
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
    ran.says(&["1 file mended.", "had 1 other name elsewhere, which still has the damaged bytes"]);
    for path in [weights, room.place("models/copy/linked.bin")] {
        assert_eq!(fs::read(path).unwrap(), b"weights");
    }
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
    link(&room, &format!("{hub}/models--org--twin/blobs/{etag}"), &target);
    link(&room, &format!("{hub}/models--org--twin/snapshots/{COMMIT}/w.bin"), &format!("../../blobs/{etag}"));
    let files = || summary(&room.run(&["verify"]));
    assert_eq!(files(), "8.39 MB: 5 files, 0 damaged, 0 missing.");
    flip(&payload);
    let ran = room.run(&["verify"]).expect(3);
    assert_eq!(ran.out.lines().filter(|line| !line.starts_with(' ')).count(), 1, "{}", ran.out);
    room.run(&["verify", "--fix"]).expect(0);
    assert_eq!(fs::read_link(&blob).unwrap(), Path::new(&target), "the link stays");
    assert_eq!(files(), "8.39 MB: 5 files, 0 damaged, 0 missing.");
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

#[test]
fn links_out_and_refs_to_nothing_are_notes_and_never_followed() {
    let room = every_kind();
    let outside = room.place("../secret");
    fs::write(&outside, "mine").unwrap();
    let folder = ".cache/huggingface/hub/models--org--asr";
    room.write(&format!("{folder}/refs/old"), "2".repeat(40));
    link(&room, &format!("{folder}/blobs/{}", sha256(b"elsewhere")), outside.to_str().unwrap());
    link(&room, &format!("{folder}/snapshots/{COMMIT}/out"), "../../../../../../../secret");
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
    room.run(&["verify", "--fix"]).expect(1).says(&["is reached through a link that leads out of the cache"]);
    assert_ne!(fs::read(&weights).unwrap(), b"weights");
}

#[test]
fn what_the_disk_does_not_give_is_named_and_the_rest_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = every_kind();
    let closed = room.place(".cache/torch/hub");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    let refused = fs::read_dir(&closed).is_err();
    let ran = room.run(&["verify"]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    if refused {
        ran.expect(1).says(&["hub: ", "could not be read"]);
    }
}

#[test]
fn ctrl_c_stops_it_at_once_and_says_so() {
    let room = every_kind();
    let big =
        fs::File::create(room.place(&format!(".cache/torch/hub/checkpoints/big-{}.pth", "0".repeat(16)))).unwrap();
    big.set_len(64 << 30).unwrap();
    let mut run = room.command(&["verify"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    let id = run.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(130));
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
fn folders_that_only_look_like_a_librarys_say_nothing_of_their_files() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    // A training run names its checkpoints by commit, and a person's own whisper is not OpenAI's.
    room.write("models/run/checkpoints/step-deadbeef.pth", vec![1; 1 << 20]);
    room.write("models/whisper/base.pt", vec![1; 1 << 20]);
    room.run(&["verify"]).expect(0).says(&["Nothing here has a known digest: 2 files, 2.10 MB."]);
    room.write("~/.cache/whisper/base.pt", vec![1; 1000]);
    let ran = room.run(&["verify"]).expect(3);
    let expected = "whisper-base base.pt: of another size\n    ~/.cache/whisper/base.pt (1.00 kB, expected 145 MB by the catalogue)\n    `modelstrap verify --fix whisper-base` fetches it again\n";
    assert_eq!(ran.out, expected);
    room.run(&["verify", "whisper-base"]).expect(3);
}
