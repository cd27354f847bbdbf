//! `verify --fix` and `models verify --fix` take nothing away: not a person's own file that shares its bytes with a blob, not what was
//! saved while the bytes came, and no damaged file before the right bytes are here.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::support::bytes::{flip, sha256};
use crate::support::hub::{Later, Origin};
use crate::support::project::{Room, Tree};
use crate::support::zoo::Zoo;

const TINY: &str = ".cache/huggingface/hub/models--org--tiny";

/// A project with `org/tiny` in its cache, and the path of its weights.
fn weights(zoo: &Zoo, manifest: &str) -> (Room, PathBuf) {
    let room = zoo.room();
    room.write("modelstrap.toml", manifest);
    room.run(&["models", "download", if manifest.is_empty() { "hf:org/tiny" } else { "asr" }]).expect(0);
    let snapshots = room.place(&format!("{TINY}/snapshots"));
    let commit = fs::read_dir(snapshots).unwrap().next().unwrap().unwrap().path();
    let blob = fs::canonicalize(commit.join("model.safetensors")).unwrap();
    (room, blob)
}

/// The note that `local_dir=` leaves beside a file.
fn mark(room: &Room, folder: &str, file: &str, bytes: &[u8], seconds: u64) {
    let note = format!("{}\n{}\n{seconds}.5\n", "1".repeat(40), sha256(bytes));
    room.write(&format!("{folder}/.cache/huggingface/download/{file}.metadata"), note);
}

/// Where every server is dead, that would serve `room`.
fn without_servers(zoo: &Zoo, room: Room) -> Room {
    zoo.environment().iter().fold(room, |room, (name, value)| {
        let mut pieces = value.split("127.0.0.1:");
        let mut dead = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            dead.push_str("127.0.0.1:9");
            dead.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        room.with(name, &dead)
    })
}

/// What is ours in a cache, and no model's.
fn ours(name: &str) -> bool {
    name.contains(".modelstrap") || name.contains(".locks")
}

/// A project with models of three kinds, and a damaged file of each; what it was before.
fn damaged(zoo: &Zoo) -> (Room, Tree) {
    let room = zoo.project(
        "asr = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\nw = \"url:https://files.example.org/weights.bin\"\n",
    );
    room.run(&["models", "download"]).expect(0);
    // The tree has the time of a large file.
    let whole = room.tree().without(ours).without(|name| name.contains("/blobs/"));
    let file = |model: &str, file: &str| {
        let path = room.run(&["models", "path", model, file]).expect(0).out;
        fs::canonicalize(path.trim_end().replace('@', room.path().to_str().unwrap())).unwrap()
    };
    flip(&file("asr", "model.safetensors"));
    flip(&file("w", "weights.bin"));
    let code = file("vad", "hubconf.py");
    let patched = fs::read_to_string(&code).unwrap().replace("torch'", "mine!'");
    fs::write(&code, patched).unwrap();
    (room, whole)
}

#[test]
fn a_persons_own_file_keeps_the_edits_that_damaged_the_blob_it_was_one_with() {
    let zoo = Zoo::start();
    for offline in [false, true] {
        let (room, blob) = weights(&zoo, "");
        fs::create_dir_all(room.place("models")).unwrap();
        fs::hard_link(&blob, room.place("models/mine.safetensors")).unwrap();
        let good = fs::read(&blob).unwrap();
        let mut own = good.clone();
        own[1000..1011].copy_from_slice(b"MY OWN WORK");
        fs::write(room.place("models/mine.safetensors"), &own).unwrap();
        if offline {
            room.write(&format!(".cache/huggingface/hub/models--a--b/blobs/{}", sha256(&good)), &good);
        }
        let arguments: &[&str] = if offline { &["verify", "--fix", "--offline"] } else { &["verify", "--fix"] };
        room.run(arguments).expect(0).says(&["models/mine.safetensors keeps the bytes that it has"]);
        assert!(fs::read(room.place("models/mine.safetensors")).unwrap() == own, "what the person wrote");
        assert!(fs::read(&blob).unwrap() == good, "the blob");
        room.run(&["verify"]).expect(0);
    }
}

#[test]
fn what_is_saved_under_a_second_name_while_the_bytes_come_stays() {
    let zoo = Zoo::start();
    let (room, blob) = weights(&zoo, "");
    let good = fs::read(&blob).unwrap();
    fs::create_dir_all(room.place("models")).unwrap();
    fs::hard_link(&blob, room.place("models/mine.safetensors")).unwrap();
    mark(&room, "models", "mine.safetensors", &good, 4_000_000_000);
    flip(&blob);
    zoo.hub.forget();
    zoo.hub.cdn().on("*").once().waits(Duration::from_secs(3));
    let ran = std::thread::scope(|scope| {
        let ran = scope.spawn(|| room.run(&["verify", "--fix"]));
        while zoo.hub.requests_to("GET", "/org/*").is_empty() && !ran.is_finished() {
            std::thread::sleep(Duration::from_millis(10));
        }
        // As long and as old as the damaged one: only its number on the disk tells.
        let mut new = vec![b'N'; good.len()];
        new[0] = b'n';
        room.write("models/.new", new);
        let time = fs::metadata(&blob).unwrap().modified().unwrap();
        fs::File::options().write(true).open(room.place("models/.new")).unwrap().set_modified(time).unwrap();
        fs::rename(room.place("models/.new"), room.place("models/mine.safetensors")).unwrap();
        ran.join().unwrap()
    });
    assert!(fs::read(room.place("models/mine.safetensors")).unwrap()[..2] == *b"nN", "{ran:?}");
    ran.expect(0).says(&["models/mine.safetensors keeps the bytes that it has"]);
    assert!(fs::read(&blob).unwrap() == good);
}

#[test]
fn a_server_that_refuses_takes_nothing_away() {
    let zoo = Zoo::start();
    let (room, whole) = damaged(&zoo);
    let before = room.tree().without(ours);
    let refusing: [&Origin; 7] =
        [&zoo.hub, zoo.hub.cdn(), &zoo.files, &zoo.github.api, &zoo.github.pages, &zoo.github.raw, &zoo.github.assets];
    refusing.iter().for_each(|origin| drop(origin.on("*").answers(404, Later::Unsaid)));
    for arguments in [
        &["models", "verify", "--fix"][..],
        &["models", "verify", "--fix", "--offline"],
        &["verify", "--fix"],
        &["verify", "--fix", "--offline"],
    ] {
        let ran = room.run(arguments);
        assert!(ran.code == 1 || ran.code == 3, "{ran:?}");
        room.tree().without(ours).assert_eq(&before, &format!("{arguments:?}: {ran:?}"));
    }
    refusing.iter().for_each(|origin| origin.behaves());
    room.run(&["models", "verify", "--fix", "asr", "w"]).expect(0);
    room.run(&["verify", "--fix"]).expect(0);
    room.tree().without(ours).without(|name| name.contains("/blobs/")).assert_eq(&whole, "mended");
    room.run(&["verify"]).expect(0);
}

/// Each asks six times, for fifteen seconds: so they do it at the same time.
#[test]
fn a_server_that_cannot_be_reached_takes_nothing_away_and_its_damaged_files_are_not_called_missing() {
    let zoo = Zoo::start();
    let told = |arguments: &[&str]| {
        let room = without_servers(&zoo, damaged(&zoo).0);
        let before = room.tree().without(ours);
        let ran = room.run(arguments).expect(1);
        room.tree().without(ours).assert_eq(&before, &format!("{arguments:?}: {ran:?}"));
        let lines = ran.err.lines().skip_while(|line| !line.starts_with("error: "));
        lines.map(without_commit).collect::<Vec<_>>().join("\n")
    };
    let refused = "Connection refused (os error 111), tried 6 times";
    let refused = if cfg!(target_os = "linux") { refused.to_owned() } else { refused.replace("111", "61") };
    let expected = |[asr, vad, w]: [&str; 3]| {
        let asr = format!("error: {asr}: http://127.0.0.1:9/org/tiny/resolve/COMMIT/model.safetensors: {refused}\n");
        let w = format!("error: {w}: https://files.example.org/weights.bin: {refused}\n");
        let vad =
            format!("error: {vad}: https://raw.githubusercontent.com/owner/tiny-repo/COMMIT/hubconf.py: {refused}\n");
        let end = "What is damaged stays until the right bytes are here; the same command tries again.";
        (asr, vad, w, end)
    };
    std::thread::scope(|scope| {
        let models = scope.spawn(|| told(&["models", "verify", "--fix"]));
        let (asr, vad, w, end) = expected(["asr is not mended", "vad is not mended", "w is not mended"]);
        let cache = told(&["verify", "--fix"]);
        assert_eq!(models.join().unwrap(), format!("{asr}{vad}{w}{end}"));
        let (asr, vad, w, end) =
            expected(["asr model.safetensors is not mended", "vad is not mended", "w weights.bin is not mended"]);
        assert_eq!(cache, format!("{vad}{asr}{w}{end}"));
    });
}

/// `line` with a word in the place of a commit.
fn without_commit(line: &str) -> String {
    let is_commit = |part: &&str| part.len() == 40 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    line.split('/').map(|part| if is_commit(&part) { "COMMIT" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn a_second_name_in_the_snapshot_is_mended_with_its_blob() {
    let zoo = Zoo::start();
    let room = zoo.project("asr = \"hf:org/tiny\"\n").with("HF_HUB_DISABLE_SYMLINKS", "1");
    room.run(&["models", "download"]).expect(0);
    let path = room.run(&["models", "path", "asr", "model.safetensors"]).expect(0).out;
    let path = PathBuf::from(path.trim_end().replace('@', room.path().to_str().unwrap()));
    let good = fs::read(&path).unwrap();
    flip(&path);
    room.run(&["models", "verify"]).expect(3);
    room.run(&["models", "verify", "--fix"]).expect(0);
    assert!(fs::read(&path).unwrap() == good);
    room.run(&["verify"]).expect(0);
}

/// When it was changed last, in nanoseconds since 1970.
fn time(path: &Path) -> u128 {
    fs::metadata(path).unwrap().modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

#[test]
fn a_copy_of_local_dir_is_mended_by_the_command_that_is_advised_and_its_mark_holds() {
    let zoo = Zoo::start();
    let (room, blob) = weights(&zoo, "[models]\nasr = \"hf:org/tiny\"\n");
    let good = fs::read(&blob).unwrap();
    let copy = room.place("models/asr/model.safetensors");
    room.write("models/asr/model.safetensors", &good);
    let came = u64::try_from(time(&copy) / 1_000_000_000).unwrap() + 1;
    mark(&room, "models/asr", "model.safetensors", &good, came);
    for arguments in [&["verify", "--fix", "models/asr/model.safetensors"][..], &["verify", "--fix", "./models/asr"]] {
        flip(&copy);
        let day = SystemTime::now() - Duration::from_secs(86_400);
        fs::File::options().append(true).open(&copy).unwrap().set_modified(day).unwrap();
        let before = time(&copy);
        let advised = "    `modelstrap verify --fix models/asr/model.safetensors` copies it from where it is sound\n";
        let ran = room.run(&["verify", "--offline"]).expect(3);
        assert!(ran.out.contains(advised), "{}", ran.out);
        let ran = room.run(&["verify", "--offline", "./models/asr"]).expect(3);
        assert!(ran.out.contains(advised), "{}", ran.out);
        room.run(&[arguments, &["--offline"]].concat()).expect(0);
        assert!(fs::read(&copy).unwrap() == good);
        assert_eq!(time(&copy), before, "the library does not believe its mark of a later file");
        room.run(&["verify"]).expect(0);
    }
}

#[test]
fn a_checkpoint_that_is_here_twice_is_damaged_once_and_the_advice_names_the_sound_one() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let bytes = vec![3; 1 << 20];
    let name = format!("net-{}.pth", &sha256(&bytes)[..8]);
    room.write(&format!("~/.cache/torch/hub/checkpoints/{name}"), &bytes);
    let blob = format!(".cache/huggingface/hub/models--a--b/blobs/{}", sha256(&bytes));
    room.write(&blob, &bytes);
    flip(&room.place(&format!("~/.cache/torch/hub/checkpoints/{name}")));
    let ran = room.run(&["verify"]).expect(3);
    assert!(
        ran.out.contains(&format!("; or copy {} there, which has the right bytes", format_args!("@/p/{blob}"))),
        "{}",
        ran.out
    );
    room.run(&["verify", "--fix"]).expect(3);
}
