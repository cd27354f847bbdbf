//! Disks that do not take what is written: read-only, full, without symbolic links, or somebody else's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::{NOTHING_CHANGED, mounted};
use crate::support::project::{PROGRAM, Room, may_mount};
use crate::support::{self, programs};

/// True for root, whom permissions do not stop.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

#[test]
fn a_read_only_disk_is_refused_before_anything_is_written() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let before = room.tree();
    let script =
        "mount -o bind \"$2/p\" \"$2/p\"; mount -o remount,bind,ro \"$2/p\"; cd \"$2/p\"; exec \"$1\" setup --yes";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/p", "cannot be written", "Read-only file system", "`--cache-dir`", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only disk");
    // The cache alone on such a disk.
    fs::create_dir(room.place(".cache")).unwrap();
    let before = room.tree();
    let script = "mount -t tmpfs none \"$2/p/.cache\"; mount -o remount,ro \"$2/p/.cache\"; cd \"$2/p\"; exec \"$1\" setup --yes";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/p/.cache/torch: cannot be written: @/p/.cache: Read-only file system", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only cache");
}

#[test]
fn a_full_disk_of_any_size_leaves_the_project_as_it_was_or_ready() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let (mut failed, mut done) = (0, 0);
    for kilobytes in (100..340).step_by(12) {
        // The project alone is on the small disk; what came of it is copied out before the disk goes.
        let script = format!(
            "mkdir -p \"$2/small\" \"$2/out\"; mount -t tmpfs -o size={kilobytes}k none \"$2/small\"; \
             if ! cp -a \"$2/p\" \"$2/small/\"; then exit 99; fi; cd \"$2/small/p\"; \
             code=0; \"$1\" setup --yes --quiet || code=$?; cp -a \"$2/small/p\" \"$2/out/\"; exit $code"
        );
        let project = support::project::Tree::of(room.root());
        let ran = mounted(&room, &script);
        let when = format!("a disk of {kilobytes} kB: {}", ran.err);
        match ran.code {
            99 => {}
            1 => {
                failed += 1;
                assert!(ran.err.contains("No space left on device"), "{when}");
                assert!(ran.err.contains("every change of this run was taken back"), "{when}");
                support::project::Tree::of(&room.path().join("out/p")).assert_eq(&project, &when);
            }
            0 => done += 1,
            code => panic!("exit code {code} on {when}"),
        }
        Command::new("rm").arg("-rf").arg(room.path().join("out")).status().unwrap();
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} succeeded");
}

#[test]
fn a_disk_without_symbolic_links_is_made_ready_too() {
    if !may_mount() {
        return;
    }
    if !Path::new("/dev/fuse").exists() || Command::new("mount.exfat-fuse").arg("-V").output().is_err() {
        eprintln!("skipped: exfat-fuse is not installed, or there is no /dev/fuse");
        return;
    }
    let room = Room::fixture();
    let script = "
        truncate -s 16M \"$2/image\"; mkfs.exfat \"$2/image\" >/dev/null; mkdir \"$2/disk\"
        loop=$(losetup -f --show \"$2/image\") || exit 98
        trap 'umount \"$2/disk\" || :; losetup -d $loop || :' EXIT
        mount.exfat-fuse $loop \"$2/disk\" >/dev/null 2>&1 || exit 98
        cp -r \"$2/p\" \"$2/disk/p\"; cd \"$2/disk/p\"; cp -r . \"$2/before\"
        \"$1\" setup --yes --quiet; \"$1\" setup --check --quiet; cp -r . \"$2/ready\"
        \"$1\" undo --all --yes --quiet; cp -r . \"$2/after\"
        mkdir \"$2/disk/h\"; code=0; HOME=\"$2/disk/h\" \"$1\" setup --yes --link-whisper --quiet || code=$?
        test $code = 1; cp -r . \"$2/refused\"; test ! -e \"$2/disk/h/.cache\"";
    let ran = mounted(&room, script);
    if ran.code == 98 {
        eprintln!("skipped: no loop device can be mounted here");
        return;
    }
    let ran = ran.expect(0);
    assert!(room.path().join("ready/.cache/torch").is_dir());
    let tree = |name: &str| support::project::Tree::of(&room.path().join(name));
    tree("after").assert_eq(&tree("before"), "an exfat disk after undo");
    // A link is asked for where there can be none: everything is taken back.
    tree("refused").assert_eq(&tree("before"), "an exfat home");
    ran.says(&["@/disk/h/.cache/whisper: ", "every change of this run was taken back"]);
}

#[test]
fn a_home_that_cannot_be_written_is_refused_before_anything_is_written() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let before = room.tree();
    let script = "mount -o bind \"$2/h\" \"$2/h\"; mount -o remount,bind,ro \"$2/h\"; cd \"$2/p\"; exec \"$1\" setup --yes --profile bash";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/h/.bashrc: cannot be written: @/h: Read-only file system", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only home");
    // What needs no home works with such a one.
    let script = script.replace("--profile bash", "--quiet");
    mounted(&room, &script).expect(0);
}

#[test]
fn a_user_without_rights_on_the_project_is_told_so() {
    if !is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let room = Room::fixture();
    // The room itself must be reachable for somebody else.
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if room.program("setpriv").arg("--version").output().is_err() {
        eprintln!("skipped: setpriv is not installed");
        return;
    }
    let program = room.path().join("modelstrap");
    programs::copy(Path::new(PROGRAM), &program);
    let before = room.tree();
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(["setup", "--yes"]);
    let ran = room.ran(&mut command).expect(1);
    ran.says(&["@/p", "cannot be written", "Permission denied", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "somebody else's project");
}
