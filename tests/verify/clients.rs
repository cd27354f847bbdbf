//! `modelstrap verify` on caches that the real clients have filled: blobs, listings, folders of `local_dir`, and the shared store.
//!
//! `MODELSTRAP_TEST_PYTHON`, `…_V1` and `…_OLD` name interpreters with huggingface_hub 2.4.0, 1.20.1 and 0.36.0. What is not
//! installed is skipped, aloud.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;

use crate::support::bytes::flip;
use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::Content;

/// A project without models, and a hub with two.
fn desk() -> Desk {
    let desk = Desk::with("");
    for name in ["org/asr", "org/twin"] {
        desk.model(name)
            .file("config.json", "{}")
            .file("sub/vocab.txt", "a\nb\n")
            .lfs("model.safetensors", Content::pattern(1, 3 << 20))
            .commit();
    }
    desk
}

/// The lines of what `verify` found that name files.
fn heads(desk: &Desk, arguments: &[&str], code: i32) -> Vec<String> {
    let ran = desk.room.run(&[&["verify"], arguments].concat()).expect(code);
    ran.out.lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect()
}

const FILL: &str = "
from huggingface_hub import snapshot_download
said = snapshot_download('org/asr')
snapshot_download('org/twin', allow_patterns=['*.json'])";

#[test]
fn what_every_client_leaves_is_found_good_and_mended_where_it_is_not() {
    for client in CLIENTS {
        let desk = desk();
        let Some(said) = desk.online(client, FILL) else { continue };
        let snapshot = PathBuf::from(said.as_str().unwrap());
        assert_eq!(heads(&desk, &[], 0), [""; 0], "{client}");
        let ran = desk.room.run(&["verify"]).expect(0);
        assert!(ran.err.contains(": 4 files, 0 damaged, 0 missing."), "{client}: {}", ran.err);
        flip(&fs::canonicalize(snapshot.join("model.safetensors")).unwrap());
        fs::remove_file(fs::canonicalize(snapshot.join("sub/vocab.txt")).unwrap()).unwrap();
        let found = ["org/asr model.safetensors: damaged", "org/asr sub/vocab.txt: missing, and a link leads to it"];
        assert_eq!(heads(&desk, &[], 3), found, "{client}");
        desk.room.run(&["verify", "--fix"]).expect(0);
        assert_eq!(heads(&desk, &[], 0), [""; 0], "{client}");
        let read = "
from huggingface_hub import snapshot_download
folder = snapshot_download('org/asr')
said = [folder, open(os.path.join(folder, 'sub/vocab.txt')).read(), os.path.getsize(os.path.join(folder, 'model.safetensors'))]";
        let read = desk.offline(client, read).unwrap();
        assert_eq!(read, serde_json::json!([snapshot, "a\nb\n", 3 << 20]), "{client}");
    }
}

#[test]
fn a_folder_of_local_dir_is_checked_by_its_marks_and_mended_from_the_cache() {
    for client in CLIENTS {
        let desk = desk();
        let fill = "
from huggingface_hub import snapshot_download
said = snapshot_download('org/asr', local_dir='models/asr')";
        if desk.online(client, fill).is_none() {
            continue;
        }
        let ran = desk.room.run(&["verify"]).expect(0);
        assert!(ran.err.contains(": 3 files, 0 damaged, 0 missing."), "{client}: {}", ran.err);
        let weights = desk.room.place("models/asr/model.safetensors");
        flip(&weights);
        assert_eq!(heads(&desk, &[], 3), ["asr model.safetensors: damaged"], "{client}");
        // Nobody says from which repository it came; with a sound copy in the cache nobody needs to.
        desk.room.run(&["verify", "--fix"]).expect(3).says(&["asr model.safetensors stays as it is"]);
        desk.online(client, FILL).unwrap();
        desk.room.run(&["verify", "--fix", "--offline"]).expect(0);
        desk.room.run(&["verify"]).expect(0);
        // What a person has edited since is theirs.
        desk.room.write("models/asr/config.json", "{ \"mine\": true }");
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let config = desk.room.place("models/asr/config.json");
        fs::File::options().write(true).open(config).unwrap().set_modified(later).unwrap();
        desk.room.run(&["verify"]).expect(0);
    }
}

#[test]
fn the_shared_store_of_the_newest_client_is_checked_through_its_links() {
    let desk = desk();
    let fill = format!(
        "
os.environ['HF_HUB_DISABLE_XET'] = '1'
from huggingface_hub import constants, snapshot_download
from huggingface_hub.utils import _shared_blobs as shared
said = []
for repo in ('org/asr', 'org/twin'):
    folder = snapshot_download(repo)
    blob = os.path.join(folder, os.readlink(os.path.join(folder, 'model.safetensors')))
    blob = os.path.normpath(blob)
    assert shared._ensure_shared_blobs_dir(constants.HF_HUB_CACHE)
    assert shared.publish_blob_to_shared_store(
        blob_path=blob, xet_hash='{}', cache_dir=constants.HF_HUB_CACHE, expected_size={})
    said.append([blob, os.path.realpath(blob)])",
        "ab".repeat(32),
        3 << 20
    );
    let Some(said) = desk.online(CLIENTS[0], &fill) else { return };
    let (blob, payload) = (said[0][0].as_str().unwrap(), PathBuf::from(said[0][1].as_str().unwrap()));
    assert_eq!(said[1][1], said[0][1], "both have one payload");
    let ran = desk.room.run(&["verify"]).expect(0);
    assert!(ran.err.starts_with("3.15 MB read in ") && ran.err.contains(": 5 files, 0 damaged"), "{}", ran.err);
    flip(&payload);
    let mode = fs::metadata(&payload).unwrap().permissions();
    assert_eq!(heads(&desk, &[], 3), ["org/asr model.safetensors: damaged"]);
    desk.room.run(&["verify", "--fix"]).expect(0);
    assert_eq!(heads(&desk, &[], 0), [""; 0]);
    assert!(fs::symlink_metadata(blob).unwrap().is_symlink());
    assert_eq!(fs::metadata(&payload).unwrap().permissions(), mode);
    let ran = desk.hf(CLIENTS[0], &["cache", "ls"]).unwrap().expect(0);
    assert!(ran.out.contains("org/asr") && ran.out.contains("org/twin"), "{}", ran.out);
}
