//! The shared store of huggingface_hub 1.32 and later: points 16 and 17.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::desk::{self, Desk};
use crate::support::hub::{Content, Hub};

/// A cache in which the large file is a payload of the shared store, as `huggingface_hub` 1.32 leaves it.
fn shared_store(hub: Hub) -> (Desk, String, PathBuf) {
    let desk = Desk::at(hub, "tiny = \"hf:org/tiny\"");
    let commit = desk::tiny(&desk.hub);
    let content = Content::pattern(1, 12 << 20);
    let xet = "ab".repeat(32);
    let entry = desk.cached("blobs/ab");
    fs::create_dir_all(&entry).unwrap();
    fs::write(desk.cached("blobs/.huggingface-shared-blobs"), "1\n").unwrap();
    let payload = entry.join(&xet);
    fs::write(&payload, content.bytes()).unwrap();
    let name = format!("models--org--tiny/blobs/{}", content.sha256());
    fs::write(entry.join(format!("{xet}.refs")), format!("{name}\n")).unwrap();
    let blob = desk.cached(&name);
    fs::create_dir_all(blob.parent().unwrap()).unwrap();
    symlink(format!("../../blobs/ab/{xet}"), blob).unwrap();
    (desk, commit, payload)
}

/// Point 16.
#[test]
fn a_payload_of_the_shared_store_outlives_the_model_that_led_to_it_while_its_list_names_another_user() {
    let (desk, _, payload) = shared_store(Hub::start());
    desk.download();
    // Its list names another repository, whose link leads there.
    let hash = payload.file_name().unwrap().to_str().unwrap();
    fs::create_dir_all(desk.cached("models--org--twin/blobs")).unwrap();
    symlink(format!("../../blobs/ab/{hash}"), desk.cached("models--org--twin/blobs/e")).unwrap();
    let list = payload.with_extension("refs");
    let users = fs::read_to_string(&list).unwrap();
    fs::write(&list, format!("{users}models--org--twin/blobs/e\n")).unwrap();
    desk.models(&["remove", "tiny", "--purge", "--yes", "--now"]).expect(0);
    assert!(!desk.cached("models--org--tiny").exists());
    assert_eq!(fs::read_to_string(&list).unwrap(), "models--org--twin/blobs/e\n");
    assert_eq!(fs::metadata(&payload).unwrap().len(), 12 << 20);
    assert!(desk.cached("blobs/.huggingface-shared-blobs").is_file());
}

/// Point 17.
#[test]
fn a_blob_that_leads_to_the_shared_store_is_present_and_its_bytes_are_what_is_verified() {
    let (desk, commit, payload) = shared_store(Hub::start());
    desk.download();
    assert!(desk.requests_to("GET", "*model.safetensors").is_empty());
    desk.models(&["verify"]).expect(0);
    desk.assert_no_warning(&["model/org/tiny"]);
    let pointer = desk.cached(&format!("models--org--tiny/snapshots/{commit}/model.safetensors"));
    assert_eq!(fs::read(pointer).unwrap(), Content::pattern(1, 12 << 20).bytes());

    fs::write(&payload, Content::pattern(1, 12 << 20).with_flipped_byte(9).bytes()).unwrap();
    let ran = desk.models(&["verify"]).expect(3);
    assert!(format!("{}{}", ran.out, ran.err).contains("model.safetensors"), "{ran:?}");
    desk.models(&["verify", "--fix"]).expect(0);
    assert!(payload.exists(), "what others may share is not removed");
    desk.models(&["verify"]).expect(0);
}
