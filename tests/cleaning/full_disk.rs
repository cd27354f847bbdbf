//! A disk with no byte and no inode left: whose disk is full must be able to delete, and what was cut off for want of room goes on
//! once there is some.
#![cfg(target_os = "linux")]

use crate::support::lived::{HUB, MAIN, PINNED, repository};
use crate::support::project::{Node, PROGRAM, Ran, Room, Tree, may_mount};
use crate::support::{strace, zoo};

/// Fills what is left of the disk: all bytes, or all inodes. A byte more is refused then.
const FILL: &str = r#"
    full() {
        case $1 in
            bytes) cat /dev/zero >"$2/ballast" 2>/dev/null || :; ! printf x 2>/dev/null >>"$2/ballast" ;;
            inodes) number=0; while touch "$2/ballast$number" 2>/dev/null; do number=$((number + 1)); done ;;
        esac
    }
"#;

/// Runs `script` in a room whose project lies on a disk of its own, `$2/disk`; its folder is the project.
fn on_a_small_disk(room: &Room, script: &str) -> Ran {
    std::fs::create_dir(room.path().join("disk")).unwrap();
    let script = format!(
        "{FILL} mount -t tmpfs -o size=4m,nr_inodes=220 none \"$2/disk\"; cp -a \"$2/p\" \"$2/disk/\"; cd \"$2/disk/p\"; {script}"
    );
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

/// One repository of two revisions, and nothing else: there is no file that needs no journal.
fn one_repository() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(&room, "org/asr", &[(PINNED, &[("old", 400)]), (MAIN, &[("new", 800)])]);
    room.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    room
}

/// What is left of the repository, and of a trash.
const LEFT: &str =
    "cd .cache; find . \\( -path '*/models--*' -o -path '*/datasets--*' -o -path '*.modelstrap*' \\) ! -type d | sort";

/// The paths that [`LEFT`] has printed, but for how the cache grew: that is noted where there is room for it.
fn left(ran: &Ran) -> Vec<&str> {
    let noted = ["./.modelstrap/.gitignore", "./.modelstrap/history.jsonl"];
    ran.out.lines().filter(|line| line.starts_with("./") && !noted.contains(line)).collect()
}

#[test]
fn what_is_named_goes_from_a_disk_without_a_free_byte_or_inode() {
    if !may_mount() {
        return;
    }
    let folder = "./huggingface/hub/models--org--asr";
    let old = [format!("{folder}/blobs/old"), format!("{folder}/snapshots/{PINNED}/old.bin")];
    let new =
        [format!("{folder}/blobs/new"), format!("{folder}/refs/main"), format!("{folder}/snapshots/{MAIN}/new.bin")];
    for what in ["bytes", "inodes"] {
        for (words, stays) in [
            ("clear org/asr --yes", &[][..]),
            ("clear models --yes --now", &[]),
            ("clear org/asr@main --yes", &old),
            ("prune --yes --grace 0", &new),
            ("prune --yes --grace 0 --until-free 300kB", &new),
        ] {
            let script = format!("full {what} \"$2/disk\"; \"$1\" {words}; {LEFT}");
            let ran = on_a_small_disk(&one_repository(), &script);
            let when = format!("{what}, {words}: {ran:?}");
            assert_eq!(ran.code, 0, "{when}");
            assert_eq!(left(&ran), stays, "{when}");
            assert_eq!(ran.err, "", "{when}");
            assert!(ran.out.contains(" freed.\n") && !ran.out.contains("\n0 B freed"), "{when}");
        }
    }
}

#[test]
fn a_single_tiny_file_goes_from_a_full_disk_although_it_makes_no_room_for_a_journal() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write(".cache/whisper/empty.pt", "");
    let script = format!("full bytes \"$2/disk\"; \"$1\" clear empty.pt --yes; {LEFT}; ls whisper");
    let ran = on_a_small_disk(&room, &script).expect(0);
    assert!(ran.out.ends_with("0 B freed.\n"), "{ran:?}");
}

#[test]
fn who_wants_to_have_it_back_is_told_that_a_full_disk_has_no_room_for_that() {
    if !may_mount() {
        return;
    }
    let script = format!(
        "full bytes \"$2/disk\"; code=0; \"$1\" clear org/asr --yes --undo-for 1h || code=$?; {LEFT}; exit $code"
    );
    let ran = on_a_small_disk(&one_repository(), &script).expect(1);
    assert_eq!(
        ran.err,
        "error: nothing was removed: neither a journal of it nor a trash can be made in @/disk/p/.cache: \
         No space left on device (os error 28)\n  \
         what can be brought back needs a little room: `--now` deletes it at once\n"
    );
    assert_eq!(left(&ran).len(), 5, "{ran:?}");
}

#[test]
fn a_model_is_purged_from_a_disk_without_a_free_byte_or_inode() {
    if !may_mount() {
        return;
    }
    let zoo = zoo::Zoo::start();
    for what in ["bytes", "inodes"] {
        let room = zoo.project("data = \"hf:datasets/org/speech\"\n");
        let script = format!(
            "\"$1\" models download >/dev/null 2>&1; full {what} \"$2/disk\"; \"$1\" models remove data --purge --yes; \
             cat modelstrap.toml; {LEFT}"
        );
        let ran = on_a_small_disk(&room, &script).expect(0);
        assert!(ran.err.ends_with(" kB freed.\n") && ran.out.starts_with("[models]\n"), "{what}: {ran:?}");
        let of_the_cache = |path: &&&str| path.contains("datasets--") || path.contains("/trash/");
        assert_eq!(left(&ran).iter().filter(of_the_cache).count(), 0, "{what}: {ran:?}");
    }
}

#[test]
fn what_stays_on_a_full_disk_for_a_reason_of_its_own_is_said_with_that_reason() {
    if !may_mount() {
        return;
    }
    let room = one_repository();
    room.write(&format!("{HUB}/models--org--asr/snapshots/{MAIN}/plain.bin"), vec![7; 50_000]);
    let folder = ".cache/huggingface/hub/models--org--asr";
    for what in ["bytes", "inodes"] {
        // A program writes into a file of it.
        let script = format!(
            "sleep 5 9>>{folder}/snapshots/{MAIN}/plain.bin & writer=$!; full {what} \"$2/disk\"; code=0; \
             \"$1\" clear org/asr@main --now --yes || code=$?; kill $writer; {LEFT}; exit $code"
        );
        let ran = on_a_small_disk(&room, &script).expect(1);
        assert_eq!(
            ran.err,
            format!(
                "warning: {folder}/refs/main stays: stays with the revision that it names\n\
                 warning: {folder}/snapshots/{MAIN} stays: plain.bin in it is open for writing in another process\n\
                 warning: {folder}/blobs/new stays: is used by a revision\n\
                 error: 3 things stayed, as said above\n"
            ),
            "{what}"
        );
        assert_eq!(left(&ran).len(), 6, "{ran:?}");
        std::fs::remove_dir(room.path().join("disk")).unwrap();
    }
}

/// A repository of torch, with what its programs read and what they do not.
const TORCH: &str = ".cache/torch/hub/owner_vad_main";

#[test]
fn a_folder_of_another_library_that_is_cut_off_while_it_makes_room_lacks_nothing_that_a_program_reads() {
    if !may_mount() || strace::strace_is_missing() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for name in ["hubconf.py", "vad/model.py", "vad/weights.bin"] {
        room.write(&format!("{TORCH}/{name}"), vec![7; 20_000]);
    }
    for name in ["README.md", "LICENSE", "vad/__pycache__/model.pyc", "docs/a.png"] {
        room.write(&format!("{TORCH}/{name}"), vec![7; 5_000]);
    }
    for what in ["bytes", "inodes"] {
        let mut cut = 0;
        for nth in 1..12 {
            let script = format!(
                "full {what} \"$2/disk\"; code=0; strace -f -qq -o /dev/null -e trace=unlinkat,unlink \
                 -e inject=unlinkat,unlink:signal=KILL:when={nth} \"$1\" clear owner_vad_main --now --yes >/dev/null || code=$?; \
                 (cd {TORCH} 2>/dev/null && find . -type f) || :; \
                 for words in 'prune --yes --now' 'clear owner_vad_main --yes --now'; do \"$1\" $words >/dev/null 2>&1 || :; done; \
                 echo after; cd .cache; find . -path '*vad*' -o -path '*trash*'"
            );
            let ran = on_a_small_disk(&room, &script).expect(0);
            std::fs::remove_dir(room.path().join("disk")).unwrap();
            let (between, after) = ran.out.split_once("after\n").unwrap();
            assert_eq!(after, "", "{what} {nth}: what was named goes in the end: {ran:?}");
            if !between.is_empty() {
                cut += 1;
                for name in ["./hubconf.py", "./vad/model.py", "./vad/weights.bin"] {
                    assert!(between.contains(name), "{what} {nth}: {between}");
                }
            }
        }
        assert!(cut > 0, "{what}: never cut off");
    }
}

#[test]
fn what_was_removed_before_the_disk_was_full_comes_back_or_is_freed() {
    if !may_mount() {
        return;
    }
    let script = |then: &str| {
        format!(
            "\"$1\" clear org/asr --yes --undo-for 1h >/dev/null; full bytes \"$2/disk\"; full inodes \"$2/disk\"; \"$1\" {then}; {LEFT}"
        )
    };
    let ran = on_a_small_disk(&one_repository(), &script("clear --undo")).expect(0);
    assert_eq!(left(&ran).len(), 5, "{ran:?}");
    let ran = on_a_small_disk(&one_repository(), &script("prune --now --yes")).expect(0);
    assert_eq!(left(&ran), [""; 0], "{ran:?}");
}

#[test]
fn a_migration_that_met_a_full_disk_goes_on_once_there_is_room() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"small\"\n");
    for number in 0..20_u8 {
        room.write(&format!("~/.cache/torch/hub/checkpoints/{number}.pth"), vec![number; 20_000]);
    }
    let hub = "~/.cache/huggingface/hub/models--org--asr";
    room.write(&format!("{hub}/blobs/new"), vec![7; 20_000]);
    room.write(&format!("{hub}/refs/main"), MAIN);
    std::fs::create_dir_all(room.place(&format!("{hub}/snapshots/{MAIN}"))).unwrap();
    std::os::unix::fs::symlink("../../blobs/new", room.place(&format!("{hub}/snapshots/{MAIN}/new.bin"))).unwrap();
    let before = Tree::of(&room.home().join(".cache"));
    let mut failed = 0;
    // What the disk says it has is not what it has: it is out of inodes at another step each time.
    for inodes in (8..44).step_by(5) {
        let script = format!(
            "rm -rf \"$2/p/small\" \"$2/one\" \"$2/two\" \"$2/h2\"; mkdir \"$2/p/small\" \"$2/one\" \"$2/two\"; cp -a \"$2/h\" \"$2/h2\"; \
             mount -t tmpfs -o size=4m,nr_inodes={inodes} none \"$2/p/small\"; export HOME=\"$2/h2\"; \
             code=0; \"$1\" migrate --yes || code=$?; cp -a \"$2/p/small/.\" \"$2/h2/.cache/.\" \"$2/one\"; \
             mount -o remount,nr_inodes=400 \"$2/p/small\"; \"$1\" migrate --yes >/dev/null; \
             cp -a \"$2/p/small/.\" \"$2/two\"; find \"$2/h2/.cache\" -type f; exit $code"
        );
        let mut command = room.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
        let ran = room.ran(&mut command);
        let when = format!("{inodes} inodes: {ran:?}");
        let (one, two) = (Tree::of(&room.path().join("one")), Tree::of(&room.path().join("two")));
        for (name, node) in before.0.iter().filter(|(_, node)| matches!(node, Node::File(..))) {
            assert!(one.0.get(name) == Some(node), "{name} after the first run, {when}");
            assert!(two.0.get(name) == Some(node), "{name} after the second run, {when}");
        }
        assert!(!ran.out.contains("@/h2/.cache/"), "what came is left where it was: {when}");
        assert!(!two.names().iter().any(|name| name.contains(".modelstrap-migrate")), "{when}");
        if ran.code != 0 {
            failed += 1;
            assert_eq!(ran.code, 1, "{when}");
            ran.says(&[
                "No space left on device",
                "small",
                "nothing is lost or half",
                "run `modelstrap migrate` again",
            ]);
        }
    }
    assert!(failed >= 4, "{failed} failed");
}

#[test]
fn a_restore_that_met_a_full_disk_goes_on_once_there_is_room() {
    if !may_mount() {
        return;
    }
    let room = one_repository();
    room.write(".cache/torch/hub/checkpoints/a.pth", vec![3; 300_000]);
    room.run(&["backup", "../all.tar.gz", "--quiet"]).expect(0);
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"small\"\n");
    let model = |root: &str| Tree::of(&room.path().join(root)).without(|name| name.contains(".modelstrap"));
    let whole = model("p/.cache");
    let mut failed = 0;
    for (kilobytes, inodes) in [(200, 400), (700, 400), (1300, 400), (4000, 6), (4000, 12), (4000, 20)] {
        let script = format!(
            "rm -rf \"$2/p/small\" \"$2/one\" \"$2/two\"; mkdir \"$2/p/small\" \"$2/one\" \"$2/two\"; \
             mount -t tmpfs -o size={kilobytes}k,nr_inodes={inodes} none \"$2/p/small\"; \
             code=0; \"$1\" restore \"$2/all.tar.gz\" --quiet || code=$?; cp -a \"$2/p/small/.\" \"$2/one\"; \
             mount -o remount,size=4m,nr_inodes=400 \"$2/p/small\"; \"$1\" restore \"$2/all.tar.gz\" --quiet; \
             cp -a \"$2/p/small/.\" \"$2/two\"; exit $code"
        );
        let mut command = room.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
        let ran = room.ran(&mut command);
        let when = format!("{kilobytes} kB, {inodes} inodes: {ran:?}");
        for (name, node) in &model("one").0 {
            assert!(whole.0.get(name) == Some(node), "{name} is half: {when}");
        }
        model("two").assert_eq(&whole, &when);
        if ran.code != 0 {
            failed += 1;
            assert_eq!(ran.code, 1, "{when}");
            let said = ran.err.contains("No space left on device")
                || ran.err.contains("are needed than the disk of @/p/small");
            assert!(said && ran.err.contains("make room, and run this again"), "{when}");
        }
    }
    assert!(failed >= 4, "{failed} failed");
}

#[test]
fn a_dedupe_whose_note_has_no_room_makes_no_link_and_does_so_once_there_is_room() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    repository(&room, "org/asr", &[(MAIN, &[("new", 1600)])]);
    room.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    room.write("models/copy.safetensors", vec![7; 1_600_000]);
    // The hub is on a disk of its own: the copy becomes a link, of which a note in the cache is made first.
    let dedupe = "\"$1\" dedupe --symlinks --yes --grace 0 --min-size 1kB";
    for ready in
        ["", "mkdir .cache/.modelstrap; echo \"*\" >.cache/.modelstrap/.gitignore; : >.cache/.modelstrap/dedupe.lock;"]
    {
        let script = format!(
            "{FILL} cd \"$2/p\"; cp -a .cache ../saved; mount -t tmpfs -o size=4m none .cache; cp -a ../saved/. .cache/; rm -r ../saved; \
             cp -a models ../models; {ready} full bytes \"$2/p/.cache\"; \
             code=0; {dedupe} || code=$?; echo \"code $code\"; cmp models/copy.safetensors ../models/copy.safetensors; \
             stat -c %F models/copy.safetensors; rm .cache/ballast; {dedupe}; readlink models/copy.safetensors; \
             cmp models/copy.safetensors ../models/copy.safetensors; find . -name '.modelstrap-*'; rm -r models; mv ../models models"
        );
        let mut command = room.program("unshare");
        command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
        let ran = room.ran(&mut command).expect(0);
        let lines: Vec<&str> = ran.out.lines().filter(|line| !line.contains("Freed")).collect();
        let link = format!("@/p/{HUB}/models--org--asr/blobs/new");
        assert_eq!(lines, ["code 1", "regular file", &link], "{ready}: {ran:?}");
        assert!(ran.err.contains("No space left on device"), "{ready}: {ran:?}");
        let said = if ready.is_empty() { "make a little room" } else { "models/copy.safetensors" };
        assert!(ran.err.contains(said), "{ready}: {ran:?}");
    }
}
