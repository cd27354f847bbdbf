//! Other file systems: one that shares blocks, one on another disk, a full one.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use modelstrap::cache::link;

use super::desk::{GO, ORG, blob, inode, sha256, weights};
use crate::support::project::{PROGRAM, Room, may_mount};

/// Runs `script` with `sh` where it may mount, with the program's path as `$1` and the room's as `$2`.
fn mounted(room: &Room, script: &str) -> crate::support::project::Ran {
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

fn has(program: &str) -> bool {
    Command::new(program).arg("-V").output().is_ok()
}

#[test]
fn where_blocks_can_be_shared_files_stay_files_of_their_own() {
    if !may_mount() {
        return;
    }
    if !has("mkfs.xfs") {
        eprintln!("skipped: mkfs.xfs is not on this machine");
        return;
    }
    let room = Room::bare();
    fs::create_dir(room.path().join("disk")).unwrap();
    let script = r#"
        truncate -s 320M "$2/image"
        mkfs.xfs -q -m reflink=1 "$2/image"
        mount -o loop "$2/image" "$2/disk" || { echo "skipped: cannot mount"; exit 0; }
        cd "$2/disk"
        mkdir -p p/.cache/torch p/.cache/whisper p/out
        printf '[application_caches]\napp = "out"\n' >p/modelstrap.toml
        head -c 20000000 /dev/urandom >p/.cache/torch/a.pt
        cp --reflink=never p/.cache/torch/a.pt p/.cache/whisper/a.pt
        cp --reflink=never p/.cache/torch/a.pt p/out/a.bin
        cp --reflink=never p/.cache/torch/a.pt p/.cache/whisper/state.db
        ln p/.cache/whisper/a.pt outside
        chmod 600 p/out/a.bin
        sync; before=$(df --output=used -k . | tail -n 1)
        "$1" -C p dedupe --grace 0 --yes
        sync; after=$(df --output=used -k . | tail -n 1)
        echo "freed $(( (before - after) / 1000 )) MB"
        stat -c '%h %a' p/.cache/torch/a.pt p/.cache/whisper/a.pt p/out/a.bin
        cmp p/.cache/torch/a.pt p/out/a.bin
        "$1" -C p dedupe --grace 0 --yes
        # What shares its blocks can still be changed by itself.
        printf x >>p/out/a.bin
        cmp p/.cache/torch/a.pt p/.cache/whisper/a.pt
        "$1" -C p dedupe --grace 0 --dry-run >script.sh
        cp --reflink=never p/.cache/torch/a.pt p/.cache/whisper/b.pt
        "$1" -C p dedupe --grace 0 --dry-run >script.sh 2>/dev/null
        sh script.sh
        "$1" -C p dedupe --grace 0 --yes
    "#;
    let ran = mounted(&room, script).expect(0);
    if ran.out.starts_with("skipped") {
        eprintln!("{}", ran.out);
        return;
    }
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some("Freed 60.0 MB in 3 files."), "{ran:?}");
    let freed: u64 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    assert!((55..=62).contains(&freed), "{ran:?}");
    let modes: Vec<&str> = lines.by_ref().take(3).collect();
    assert_eq!(modes, ["1 644", "2 644", "1 600"], "neither names nor rights change");
    assert_eq!(
        ran.err.matches("Nothing is stored twice").count(),
        3,
        "what is shared already is not found again: {ran:?}"
    );
}

#[test]
fn a_file_on_another_disk_becomes_a_link_only_when_asked_and_is_a_root_then() {
    let shm = tempfile::tempdir_in("/dev/shm");
    let room = Room::bare();
    let device = |path: &std::path::Path| fs::metadata(path).map(|found| found.dev()).ok();
    let Some(shm) = shm.ok().filter(|shm| device(shm.path()) != device(room.path())) else {
        eprintln!("skipped: there is no second file system at /dev/shm");
        return;
    };
    let there = shm.path().canonicalize().unwrap();
    room.write("modelstrap.toml", format!("[legacy]\npaths = [{:?}]\n", there.to_str().unwrap()));
    let name = blob(&room, ORG, "a.safetensors", &weights(1));
    fs::write(there.join("a.safetensors"), weights(1)).unwrap();
    let ran = room.run(&GO).expect(0);
    assert!(ran.err.contains("on another disk; --symlinks makes such files links to the hub's copy"), "{}", ran.err);
    assert!(fs::symlink_metadata(there.join("a.safetensors")).unwrap().is_file());
    let ran = room.run(&[&GO[..], &["--symlinks"]].concat()).expect(0);
    assert_eq!(ran.out, "Freed 1.10 MB in 1 file.\n", "{}", ran.err);
    assert_eq!(fs::read_link(there.join("a.safetensors")).unwrap(), room.place(&name));
    assert_eq!(fs::read(there.join("a.safetensors")).unwrap(), weights(1));
    assert_eq!(fs::read_dir(&there).unwrap().count(), 1, "no temporary name stays");
    let roots = link::roots(&room.place(".cache")).unwrap();
    let expected = link::Root { link: there.join("a.safetensors"), target: room.place(&name), unseen: None };
    assert_eq!(roots, [expected]);
    assert!(roots[0].target.ends_with(sha256(&weights(1))));
}

#[test]
fn a_hubs_blob_never_becomes_a_link_even_when_links_are_asked_for() {
    let Some(shm) = tempfile::tempdir_in("/dev/shm").ok() else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let there = shm.path().canonicalize().unwrap();
    let room = Room::bare().with("HF_HUB_CACHE", there.join("hub").to_str().unwrap());
    room.write("modelstrap.toml", format!("[legacy]\npaths = [{:?}]\n", there.to_str().unwrap()));
    blob(&room, ORG, "a.safetensors", &weights(1));
    let other = there.join("hub/models--org--name/blobs").join(sha256(&weights(1)));
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(&other, weights(1)).unwrap();
    room.run(&[&GO[..], &["--symlinks"]].concat()).expect(0);
    assert!(fs::symlink_metadata(&other).unwrap().is_file());
    assert!(fs::symlink_metadata(room.place(&format!("{ORG}/blobs/{}", sha256(&weights(1))))).unwrap().is_file());
}

#[test]
fn a_full_disk_in_the_middle_leaves_every_file_whole() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    fs::create_dir(room.path().join("disk")).unwrap();
    // On this file system a second name takes an inode, and there is none left; then there are enough.
    let script = r#"
        mount -t tmpfs -o size=32m,nr_inodes=40 none "$2/disk"
        cd "$2/disk"
        mkdir -p p/.cache/torch p/.cache/whisper p/.cache/.modelstrap
        printf '*\n' >p/.cache/.modelstrap/.gitignore
        head -c 3000000 /dev/urandom >p/.cache/torch/a.pt
        cp p/.cache/torch/a.pt p/.cache/whisper/a.pt
        cp p/.cache/torch/a.pt p/.cache/whisper/b.pt
        : >p/.cache/.modelstrap/dedupe.lock
        number=0; while touch "filler$number" 2>/dev/null; do number=$((number + 1)); done
        sum=$(cat p/.cache/torch/a.pt | cksum)
        set +e; "$1" -C p dedupe --grace 0 --yes; echo "code $?"; set -e
        for file in p/.cache/torch/a.pt p/.cache/whisper/a.pt p/.cache/whisper/b.pt; do
          [ "$(cat "$file" | cksum)" = "$sum" ] || echo "damaged $file"
        done
        rm -f filler0 filler1 filler2
        "$1" -C p dedupe --grace 0 --yes
        find p/.cache -name '.modelstrap-*'
        stat -c %h p/.cache/torch/a.pt
    "#;
    let ran = mounted(&room, script).expect(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines, ["Freed 0 B in 0 files.", "code 1", "Freed 6.00 MB in 2 files.", "3"], "{ran:?}");
    assert!(ran.err.contains("No space left on device"), "{ran:?}");
}

#[test]
fn the_kept_file_is_not_another_one_after_a_run() {
    let room = Room::bare();
    let name = blob(&room, ORG, "a.safetensors", &weights(1));
    room.write("~/.cache/whisper/a.pt", weights(1));
    let before = inode(&room.place(&name));
    room.run(&GO).expect(0);
    assert_eq!(inode(&room.place(&name)), before);
}

#[test]
fn a_file_that_two_mounts_show_never_becomes_a_link_to_itself() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    // The contents of a repository are a layer of an overlay, and that layer is a folder of the project: each has a number of its own.
    let script = r#"
        cd "$2/p"
        repo=.cache/huggingface/hub/models--org--m
        mkdir -p models/w ../up ../work "$repo/blobs" "$repo/refs" "$repo/snapshots/2222222222222222222222222222222222222222"
        head -c 2000000 /dev/urandom >models/w/plain.safetensors
        digest=$(sha256sum models/w/plain.safetensors | cut -c1-64)
        mv models/w/plain.safetensors "models/w/$digest"
        head -c 2000000 /dev/urandom >models/w/other.safetensors
        ln -s "../../blobs/$digest" "$repo/snapshots/2222222222222222222222222222222222222222/model.safetensors"
        printf 2222222222222222222222222222222222222222 >"$repo/refs/main"
        mount -t overlay none -o lowerdir="$2/p/models/w",upperdir="$2/up",workdir="$2/work" "$repo/blobs" || { echo "skipped: cannot mount"; exit 0; }
        "$1" dedupe --symlinks --grace 0 --dry-run >"$2/script.sh" 2>"$2/said"
        sh "$2/script.sh" 2>"$2/left" && exit 9
        grep -q "seen by another path" "$2/left"
        code=0
        "$1" dedupe --symlinks --grace 0 --yes || code=$?
        umount "$repo/blobs"
        test -f "models/w/$digest" && test ! -L "models/w/$digest" && echo "the bytes are there"
        ls -A models/w | wc -l
        exit $code
    "#;
    let ran = mounted(&room, script);
    if ran.out.contains("skipped") {
        eprintln!("skipped: no overlay can be mounted");
        return;
    }
    let ran = ran.expect(1);
    assert!(ran.out.contains("the bytes are there\n2\n"), "{}\n{}", ran.out, ran.err);
    ran.says(&["it is what it equals, seen by another path"]);
}
