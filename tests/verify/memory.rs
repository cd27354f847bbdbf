//! How much memory `verify` takes: the bar is 150 MB for a million files.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use super::caches::COMMIT;
use crate::support::bytes::sha256;
use crate::support::memory::in_memory;
use crate::support::project::Room;

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

/// The most memory that a run has had, in bytes.
fn peak(room: &Room) -> u64 {
    let mut command = room.command(&["verify"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        most = most.max(line.trim().trim_end_matches(" kB").parse().unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    most << 10
}

/// Measured: 83 bytes a name; with a path and four lists for each content there were 366.
#[test]
fn a_name_more_is_a_hundred_bytes_more() {
    let (few, many) = (50, 500);
    let more = peak(&cache(many)).saturating_sub(peak(&cache(few)));
    // A blob, its link, and a fifth of an unknown file.
    let names = (20 * (many - few)) as u64 * 11 / 5;
    println!("{} bytes a name", more / names);
    assert!(more / names < 130, "{} bytes a name", more / names);
}
