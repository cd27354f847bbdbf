//! When something was used last: by which clock, of which contents, and what does not count as a use.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::lived::{HUB, MAIN, PINNED, repository, rounded};
use crate::support::project::Room;

const ASR: &str = ".cache/huggingface/hub/models--org--asr";

/// Makes a file look as if it had been written so many days ago, and read so many.
fn age(room: &Room, name: &str, written: u64, read: u64) {
    let ago = |days: u64| SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs::File::options().write(true).open(room.place(name)).unwrap();
    file.set_times(fs::FileTimes::new().set_accessed(ago(read)).set_modified(ago(written))).unwrap();
}

/// Two versions of a model that differ in what nobody reads, a README; the weights, which both have, were read 3 days ago. Another model
/// was read 50 days ago.
fn two_versions() -> Room {
    let room = Room::bare();
    room.setup(&[]);
    repository(&room, "org/asr", &[(PINNED, &[("weights", 900), ("old", 4)]), (MAIN, &[("weights", 900), ("new", 4)])]);
    repository(&room, "org/tts", &[(MAIN, &[("voice", 500)])]);
    room.write(&format!("{ASR}/refs/v1"), PINNED);
    room.write(&format!("{ASR}/refs/main"), MAIN);
    room.write(&format!("{HUB}/models--org--tts/refs/main"), MAIN);
    for blob in ["old", "new"] {
        age(&room, &format!("{ASR}/blobs/{blob}"), 100, 100);
    }
    age(&room, &format!("{ASR}/blobs/weights"), 100, 3);
    age(&room, &format!("{HUB}/models--org--tts/blobs/voice"), 100, 50);
    room
}

/// The lines of a plan, without their numbers of bytes.
fn planned(room: &Room, rule: &[&str]) -> Vec<String> {
    let ran = room.run(&[&["prune", "--grace", "0", "--dry-run"], rule].concat()).expect(0);
    let lines = rounded(&ran.out);
    let lines = lines.lines().skip(1).take_while(|line| !line.starts_with("Total"));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_two_revisions_share_counts_for_the_last_that_has_it() {
    let room = two_versions();
    assert_eq!(
        planned(&room, &["--older-than", "30d"]),
        [
            "org/asr@111111111111 (v1) 0.0 MB 3 mo (mtime) not used for 100 d",
            "org/tts@222222222222 (main) 0.5 MB 50 d (atime) not used for 50 d",
        ]
    );
    room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert!(
        room.exists(&format!("{ASR}/snapshots/{MAIN}/weights.bin")) && room.exists(&format!("{ASR}/blobs/weights"))
    );
    assert!(!room.exists(&format!("{ASR}/snapshots/{PINNED}")) && !room.exists(&format!("{HUB}/models--org--tts")));
}

#[test]
fn a_size_takes_first_what_is_used_least_with_what_it_shares() {
    let room = two_versions();
    let names = |size: &str| -> Vec<String> {
        let plan = planned(&room, &["--max-size", size]);
        plan.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    // Without the other version the first one makes no room: what it alone has is a README.
    assert_eq!(names("1.2 MB"), ["org/tts@222222222222"]);
    assert_eq!(names("0.7 MB"), ["org/asr@111111111111", "org/tts@222222222222", "org/asr@222222222222"]);
}

#[test]
fn looking_is_no_use() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    let folder = "models/asr";
    let notes = ".cache/huggingface/download/model.safetensors.metadata";
    room.write(&format!("{folder}/model.safetensors"), vec![7; 2_000_000]);
    room.write(&format!("{folder}/{notes}"), format!("{MAIN}\n{:064}\n1764084046.0\n", 1));
    let manifest = "~/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b";
    room.write(&format!("~/.ollama/models/blobs/sha256-{:064}", 1), vec![1; 1_000_000]);
    room.write(manifest, format!(r#"{{"layers":[{{"digest":"sha256:{:064}","size":1}}]}}"#, 1));
    let all = [format!("{folder}/model.safetensors"), format!("{folder}/{notes}"), manifest.to_owned()];
    let read = || all.clone().map(|name| fs::metadata(room.place(&name)).unwrap().accessed().unwrap());
    all.iter().for_each(|name| age(&room, name, 200, 200));
    let before = read();
    for arguments in [&["status", "--models"][..], &["setup", "--yes"], &["status", "-m"], &["migrate", "--dry-run"]] {
        room.run(arguments).expect(0);
        assert_eq!(read(), before, "{arguments:?}");
    }
}
