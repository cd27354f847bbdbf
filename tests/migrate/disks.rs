//! A cache on another disk: what is copied is whole and read back, also where the disk fills up or the run is stopped.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::support::project::{PROGRAM, Room, Tree, may_mount};
use crate::support::stray::{NEW, Repo, age, sha256};
use crate::support::strike::{aim, nothing_can_be_struck};

/// A room whose cache is on another disk, if there is one; if not, that is said.
pub(crate) fn two_disks() -> Option<(Room, tempfile::TempDir)> {
    let shm = std::path::Path::new("/dev/shm");
    let room = Room::bare_in(&std::env::temp_dir());
    let far = tempfile::Builder::new().prefix("modelstrap-test-").tempdir_in(shm).ok();
    let number = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    let Some(far) = far.filter(|far| number(far.path()) != number(room.root())) else {
        eprintln!("skipped: there is no second disk");
        return None;
    };
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = {:?}\n", far.path()));
    Some((room, far))
}

#[test]
fn to_another_disk_everything_is_copied_whole_and_names_of_one_file_stay_names_of_one_file() {
    let Some((room, far)) = two_disks() else { return };
    let hub = "~/.cache/huggingface/hub";
    let repo = Repo::new(&room, hub, "models--org--m");
    repo.file(NEW, "model.bin", "weights", sha256("weights"));
    repo.file(NEW, "damaged.bin", "not it", sha256("it"));
    repo.reference("main", NEW);
    for name in ["models--org--one", "models--org--two"] {
        Repo::new(&room, hub, name).shared(NEW, "model.bin", "shared", &sha256("shared"), &"ab".repeat(32));
    }
    room.write("~/.cache/torch/hub/checkpoints/a.pth", "a");
    fs::hard_link(
        room.place("~/.cache/torch/hub/checkpoints/a.pth"),
        room.place("~/.cache/torch/hub/checkpoints/b.pth"),
    )
    .unwrap();
    let file = room.place("~/.cache/torch/hub/checkpoints/a.pth");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    age(&file, 100_000);
    let before = fs::metadata(&file).unwrap();
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&["its bytes are not what its name says: it is damaged", "is copied from another disk and read back"]);
    let at = |path: &str| far.path().join(path);
    assert_eq!(fs::read(at(&format!("huggingface/hub/models--org--m/snapshots/{NEW}/model.bin"))).unwrap(), b"weights");
    assert!(!at(&format!("huggingface/hub/models--org--m/snapshots/{NEW}/damaged.bin")).exists());
    assert_eq!(
        room.text(&format!("{hub}/models--org--m/snapshots/{NEW}/damaged.bin")),
        "not it",
        "it can be read as before"
    );
    let inode = |path: String| fs::metadata(at(&path)).unwrap().ino();
    let model = |name: &str| inode(format!("huggingface/hub/models--org--{name}/snapshots/{NEW}/model.bin"));
    let checkpoint = |name: &str| inode(format!("torch/hub/checkpoints/{name}.pth"));
    assert_eq!((model("one"), checkpoint("a")), (model("two"), checkpoint("b")));
    let after = fs::metadata(at("torch/hub/checkpoints/a.pth")).unwrap();
    assert_eq!((before.mode(), before.mtime(), before.mtime_nsec()), (after.mode(), after.mtime(), after.mtime_nsec()));
    assert!(!room.exists("~/.cache/torch"));
}

#[test]
fn a_disk_that_is_too_small_is_said_before_and_one_that_fills_up_leaves_nothing_half() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"small\"\n");
    fs::create_dir(room.place("small")).unwrap();
    for number in 0..8_u8 {
        room.write(&format!("~/.cache/torch/hub/checkpoints/{number}.pth"), vec![number; 200_000]);
    }
    let before = room.tree();
    let mounted = |script: &str| {
        let mut command = room.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", PROGRAM]).arg(room.path());
        room.ran(&mut command)
    };
    let ran = mounted("mount -t tmpfs -o size=900k none \"$2/p/small\"; exec \"$1\" migrate --yes");
    ran.expect(1).says(&["1.60 MB has to be copied from another disk, and the cache's disk has", "more is needed"]);
    room.tree().assert_eq(&before, "refused before the first change");
    // The disk fills while it runs: blocks that the file system keeps back count as free.
    let script = "mount -t tmpfs -o size=1700k none \"$2/p/small\"; code=0; \
        (while [ ! -e \"$2/p/small/torch/hub/checkpoints/1.pth\" ]; do :; done; dd if=/dev/zero of=\"$2/p/small/ballast\" bs=1k count=1000 2>/dev/null || :) & \
        strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_exit=100000 \"$1\" migrate --yes || code=$?; wait; \
        mkdir \"$2/out\"; cp -a \"$2/p/small/.\" \"$2/out/\"; exit $code";
    let ran = mounted(script);
    if ran.err.contains("strace: not found") {
        eprintln!("skipped: strace is not installed");
        return;
    }
    ran.expect(1).says(&["No space left on device", "nothing is lost or half", "run `modelstrap migrate` again"]);
    let out = Tree::of(&room.path().join("out"));
    assert!(!out.names().iter().any(|name| name.contains(".modelstrap-migrate")), "{:?}", out.names());
    for number in 0..8_u8 {
        let came = fs::read(room.path().join(format!("out/torch/hub/checkpoints/{number}.pth")));
        let bytes =
            came.or_else(|_| fs::read(room.place(&format!("~/.cache/torch/hub/checkpoints/{number}.pth")))).unwrap();
        assert_eq!(bytes, vec![number; 200_000], "{number}");
    }
}

#[test]
fn a_file_of_several_names_takes_its_room_once() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"small\"\n");
    fs::create_dir(room.place("small")).unwrap();
    let at = |name: &str| room.place(&format!("~/.cache/torch/hub/checkpoints/{name}.pth"));
    room.write("~/.cache/torch/hub/checkpoints/a.pth", vec![7; 600_000]);
    for name in ["b", "c"] {
        fs::hard_link(at("a"), at(name)).unwrap();
    }
    fs::create_dir_all(room.place("~/.cache/whisper")).unwrap();
    fs::hard_link(at("a"), room.place("~/.cache/whisper/base.pt")).unwrap();
    let script = "mount -t tmpfs -o size=1000k none \"$2/p/small\"; \"$1\" migrate --yes; stat -c %h \"$2/p/small/torch/hub/checkpoints/\"*";
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", PROGRAM]).arg(room.path());
    let ran = room.ran(&mut command).expect(0);
    assert!(ran.out.contains("600 kB was copied from another disk") && ran.out.ends_with("4\n4\n4\n"), "{}", ran.out);
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_no_half_file_and_goes_on_later() {
    if nothing_can_be_struck() {
        return;
    }
    let Some((room, far)) = two_disks() else { return };
    // So many that some are left when the thread that waits for signals has had its turn.
    const FILES: u8 = 40;
    for number in 0..FILES {
        room.write(&format!("~/.cache/torch/hub/checkpoints/{number}.pth"), vec![number; 1_000_000]);
    }
    let ran = room.struck(&aim("INT", "fsync", 4).slowing("fsync"), &["migrate", "--yes"]).expect(130);
    ran.says(&["stopped; ", "run `modelstrap migrate` again to go on"]);
    let there = Tree::of(far.path());
    assert!(!there.names().iter().any(|name| name.contains("modelstrap-migrate")), "{:?}", there.names());
    room.run(&["migrate", "--yes"]).expect(0);
    for number in 0..FILES {
        assert_eq!(
            fs::read(far.path().join(format!("torch/hub/checkpoints/{number}.pth"))).unwrap(),
            vec![number; 1_000_000]
        );
    }
    assert!(!room.exists("~/.cache/torch"));
}
