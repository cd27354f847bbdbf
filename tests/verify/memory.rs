//! How much memory `verify` takes: the bar is 150 MB for a million files.

use std::fs;

use super::caches::COMMIT;
use crate::support::bytes::sha256;
use crate::support::memory::in_memory;
use crate::support::peak::peak;
use crate::support::project::Room;
use crate::support::strike::nothing_can_be_struck;

/// A cache with so many blobs in each of 20 repositories, and with a fifth as many files of which nobody says what they are.
fn cache(blobs: usize) -> Room {
    let room = in_memory(Room::bare);
    room.write("modelstrap.toml", "");
    for repository in 0..20 {
        let folder = room.place(&format!(".cache/huggingface/hub/models--org--{repository}"));
        let snapshot = folder.join("snapshots").join(COMMIT);
        let loose = room.place(&format!(".cache/torch/other/folder-{repository}"));
        for folder in [&folder.join("blobs"), &snapshot, &loose] {
            fs::create_dir_all(folder).unwrap();
        }
        for number in 0..blobs {
            let bytes = format!("{repository} {number}");
            let name = sha256(bytes.as_bytes());
            fs::write(folder.join("blobs").join(&name), bytes).unwrap();
            std::os::unix::fs::symlink(format!("../../blobs/{name}"), snapshot.join(format!("file-{number}"))).unwrap();
            if number % 5 == 0 {
                fs::write(loose.join(format!("file-{number}")), "x").unwrap();
            }
        }
    }
    room
}

/// Measured: 83 bytes a name; with a path and four lists for each content there were 366.
#[test]
fn a_name_more_is_a_hundred_bytes_more() {
    if nothing_can_be_struck() {
        return;
    }
    let (few, many) = (50, 500);
    let most = |blobs| peak(&mut cache(blobs).command(&["verify"]));
    let more = most(many).saturating_sub(most(few));
    // A blob, its link, and a fifth of an unknown file.
    let names = (20 * (many - few)) as u64 * 11 / 5;
    println!("{} bytes a name", more / names);
    assert!(more / names < 130, "{} bytes a name", more / names);
}
