//! Reading to compare and to copy is no use of a model: what was unused before is unused afterwards.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::disks::two_disks;
use crate::support::project::Room;
use crate::support::stray::{NEW, Repo, sha256};

/// Read last 90 days ago, changed a day before; `ino` is of no interest.
fn unused(path: &Path) {
    for (which, days) in [("-a", 90), ("-m", 91)] {
        let at = format!("{days} days ago");
        assert!(Command::new("touch").args([which, "-d", &at]).arg(path).status().unwrap().success());
    }
}

fn is_unused(path: &Path) {
    let found = fs::metadata(path).unwrap();
    let days = |at: std::time::SystemTime| at.elapsed().unwrap().as_secs() / 86_400;
    assert_eq!((days(found.accessed().unwrap()), days(found.modified().unwrap())), (90, 91), "{}", path.display());
}

fn fill(room: &Room) -> Vec<String> {
    let repo = Repo::new(room, "~/.cache/huggingface/hub", "models--org--m");
    repo.file(NEW, "model.bin", "weights", sha256("weights"));
    repo.reference("main", NEW);
    for name in ["new", "same"] {
        room.write(&format!("~/.cache/torch/hub/checkpoints/{name}.pth"), name);
        unused(&room.place(&format!("~/.cache/torch/hub/checkpoints/{name}.pth")));
    }
    let blob = format!("huggingface/hub/models--org--m/blobs/{}", sha256("weights"));
    unused(&room.place(&format!("~/.cache/{blob}")));
    vec![blob, "torch/hub/checkpoints/new.pth".to_owned(), "torch/hub/checkpoints/same.pth".to_owned()]
}

#[test]
fn what_is_moved_and_compared_is_as_unused_as_before() {
    let room = Room::bare();
    let paths = fill(&room);
    let same = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    same.file(NEW, "model.bin", "weights", sha256("weights"));
    same.reference("main", NEW);
    room.write(".cache/torch/hub/checkpoints/same.pth", "same");
    for path in [&paths[0], &paths[2]] {
        unused(&room.place(&format!(".cache/{path}")));
    }
    room.run(&["migrate", "--yes"]).expect(0);
    paths.iter().for_each(|path| is_unused(&room.place(&format!(".cache/{path}"))));
}

#[test]
fn what_is_copied_is_as_unused_as_before() {
    let Some((room, far)) = two_disks() else { return };
    let paths = fill(&room);
    room.run(&["migrate", "--yes"]).expect(0);
    paths.iter().for_each(|path| is_unused(&far.path().join(path)));
}
