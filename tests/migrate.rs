//! `modelstrap migrate`: what lies outside of the cache comes into it, once, and nothing is lost on the way.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "support/stray.rs"]
mod stray;
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use stray::{LOCAL, Repo, git, lived_in, local_dir, sha256};
use support::project::{Room, Tree};

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

#[test]
fn everything_that_belongs_into_the_cache_comes_there_and_the_rest_is_named() {
    let room = lived_in();
    let before = room.tree();
    let plan = room.run(&["migrate", "--dry-run"]).expect(0);
    room.tree().assert_eq(&before, "a dry run");
    assert!(plan.out.contains("~/.cache/torch/hub"), "{}", plan.out);
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&[
        "~/.cache/huggingface/token: is the login",
        "trusted_list: says whom a library trusts",
        "1 file in it did not come from the Hub",
    ]);
    let hub = ".cache/huggingface/hub";
    for (path, bytes) in [
        (".cache/torch/hub/checkpoints/resnet.pth", "resnet"),
        (".cache/whisper/base.pt", "base"),
        (&*format!("{hub}/models--org--asr/snapshots/{NEW}/onnx/model.bin"), "new weights"),
        (&*format!("{hub}/models--org--asr/snapshots/{OLD}/config.json"), "config"),
        (&*format!("{hub}/models--org--split/snapshots/{NEW}/model.bin"), "split"),
        (&*format!("{hub}/models--org--tilde/snapshots/{NEW}/model.bin"), "tilde"),
        (&*format!("{hub}/models--org--legacy/snapshots/{NEW}/model.bin"), "legacy"),
        (".cache/whisper/small.pt", "small"),
        (&*format!("{hub}/models--org--local/snapshots/{LOCAL}/sub/weights.bin"), "local weights"),
        (&*format!("{hub}/models--org--local/snapshots/{LOCAL}/config.json"), "local config"),
    ] {
        assert_eq!(room.text(path), bytes, "{path}");
    }
    assert_eq!(room.text(&format!("{hub}/models--org--local/refs/main")), LOCAL);
    assert_eq!(room.text(&format!("{hub}/models--org--asr/refs/main")), NEW);
    let left: Vec<String> =
        room.tree().names().into_iter().filter(|name| !name.starts_with("p/.cache")).map(str::to_owned).collect();
    let expected = [
        "h",
        "h/.cache",
        "h/.cache/huggingface",
        "h/.cache/huggingface/stored_tokens",
        "h/.cache/huggingface/token",
        "h/.cache/torch",
        "h/.cache/torch/hub",
        "h/.cache/torch/hub/trusted_list",
        "p",
        "p/models",
        "p/models/x",
        "p/models/x/.cache",
        "p/models/x/.cache/huggingface",
        "p/models/x/.cache/huggingface/.gitignore",
        "p/models/x/.cache/huggingface/download",
        "p/models/x/.cache/huggingface/download/changed.json.lock",
        "p/models/x/.cache/huggingface/download/changed.json.metadata",
        "p/models/x/changed.json",
        "p/models/x/mine.txt",
        "p/modelstrap.toml",
        "p/shared",
        "p/src",
        "p/src/main.py",
    ];
    assert_eq!(left, expected);
    let again = room.tree();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(ran.out, "Nothing to move: what belongs into the cache is there.\n");
    room.tree().assert_eq(&again, "a second run");
}

#[test]
fn times_and_modes_come_along_and_nothing_is_copied_on_one_disk() {
    let room = lived_in();
    let file = room.place("~/.cache/torch/hub/checkpoints/resnet.pth");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&file).unwrap();
    room.run(&["migrate", "--yes", "~/.cache/torch".replace('~', room.home().to_str().unwrap()).as_str()]).expect(0);
    let after = fs::metadata(room.place(".cache/torch/hub/checkpoints/resnet.pth")).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec(), before.mode()), (after.ino(), after.mtime_nsec(), after.mode()));
    assert!(room.exists("~/.cache/whisper/base.pt"), "only what was named moves");
}

#[test]
fn two_hubs_become_one_blob_by_blob() {
    let room = Room::bare();
    let mine = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    mine.file(OLD, "config.json", "config", git("config"));
    mine.file(OLD, "model.bin", "weights", sha256("weights"));
    mine.reference("main", OLD);
    room.write(
        ".cache/huggingface/hub/models--org--m/.no_exist/1111111111111111111111111111111111111111/extra.json",
        "",
    );
    let theirs = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    theirs.file(OLD, "config.json", "config", git("config"));
    theirs.file(OLD, "extra.json", "extra", git("extra"));
    theirs.file(NEW, "model.bin", "weights", sha256("weights"));
    theirs.file(NEW, "config.json", "newer config", git("newer config"));
    theirs.reference("main", NEW);
    theirs.reference("refs/pr/1", OLD);
    room.write("~/.cache/huggingface/hub/models--org--m/blobs/orphan", "orphan");
    room.write(&format!("~/.cache/huggingface/hub/models--org--m/.no_exist/{NEW}/model.safetensors"), "");
    room.write(&format!("~/.cache/huggingface/hub/models--org--m/.no_exist/{OLD}/model.bin"), "");
    for file in ["config.json", "model.bin"] {
        stray::age(&room.place(&format!(".cache/huggingface/hub/models--org--m/snapshots/{OLD}/{file}")), 1000);
    }
    let inode = |path: &str| fs::metadata(room.place(path)).unwrap().ino();
    let kept = inode(&format!(".cache/huggingface/hub/models--org--m/blobs/{}", sha256("weights")));

    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(
        ran.out.contains(
            "org/m: main names 222222222222 here and 111111111111 in the cache; the newer one wins: 222222222222"
        ),
        "{}",
        ran.out
    );
    let at = |path: &str| format!(".cache/huggingface/hub/models--org--m/{path}");
    for (path, bytes) in [
        (format!("snapshots/{OLD}/config.json"), "config"),
        (format!("snapshots/{OLD}/extra.json"), "extra"),
        (format!("snapshots/{OLD}/model.bin"), "weights"),
        (format!("snapshots/{NEW}/model.bin"), "weights"),
        (format!("snapshots/{NEW}/config.json"), "newer config"),
        ("blobs/orphan".to_owned(), "orphan"),
        ("refs/main".to_owned(), NEW),
        ("refs/refs/pr/1".to_owned(), OLD),
    ] {
        assert_eq!(room.text(&at(&path)), bytes, "{path}");
    }
    assert!(room.exists(&at(&format!(".no_exist/{NEW}/model.safetensors"))));
    assert!(!room.exists(&at(&format!(".no_exist/{OLD}/extra.json"))), "it exists now");
    assert!(!room.exists(&at(&format!(".no_exist/{OLD}/model.bin"))), "it existed there already");
    assert_eq!(inode(&at(&format!("blobs/{}", sha256("weights")))), kept, "the cache's own bytes stay");
    assert!(!room.exists("~/.cache/huggingface"), "{:?}", room.tree().names());
}

#[test]
fn two_contents_of_one_name_are_told_apart_by_the_name() {
    let room = Room::bare();
    let (good, bad) = (sha256("right"), sha256("other right"));
    let mine = Repo::new(&room, ".cache/huggingface/hub", "models--org--m");
    mine.file(OLD, "a.bin", "wrong", good.clone());
    mine.file(OLD, "b.bin", "other right", bad.clone());
    mine.file(OLD, "c.bin", "one thing", "tag".to_owned());
    let theirs = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--m");
    theirs.file(OLD, "a.bin", "right", good.clone());
    theirs.file(OLD, "b.bin", "other wrong", bad.clone());
    theirs.file(OLD, "c.bin", "an other!", "tag".to_owned());
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        &format!(
            "blobs/{bad} stays: is damaged: its bytes are not what its name says, and the cache has the right ones"
        ),
        "blobs/tag stays: another content stands at",
        "2 things could not be moved; nothing was lost",
    ]);
    let text = |path: &str| room.text(&format!(".cache/huggingface/hub/models--org--m/snapshots/{OLD}/{path}"));
    assert_eq!([text("a.bin"), text("b.bin"), text("c.bin")], ["right", "other right", "one thing"]);
    let text = |path: &str| room.text(&format!("~/.cache/huggingface/hub/models--org--m/snapshots/{OLD}/{path}"));
    assert_eq!([text("b.bin"), text("c.bin")], ["other wrong", "an other!"], "what stays can be read as before");
}

#[test]
fn what_stands_at_the_target_decides_between_the_same_and_a_conflict() {
    let room = Room::bare();
    room.write("~/.cache/torch/hub/checkpoints/same.pth", "the same");
    room.write("~/.cache/torch/hub/checkpoints/other.pth", "not this");
    room.write("~/.cache/torch/hub/checkpoints/longer.pth", "longer");
    room.write(".cache/torch/hub/checkpoints/same.pth", "the same");
    room.write(".cache/torch/hub/checkpoints/other.pth", "but this");
    room.write(".cache/torch/hub/checkpoints/longer.pth", "long");
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        "~/.cache/torch/hub/checkpoints/other.pth stays: another content stands at",
        "longer.pth stays: another content",
    ]);
    assert!(!room.exists("~/.cache/torch/hub/checkpoints/same.pth"));
    assert_eq!(room.text("~/.cache/torch/hub/checkpoints/other.pth"), "not this");
    assert_eq!(room.text(".cache/torch/hub/checkpoints/other.pth"), "but this");
}

#[test]
fn links_and_strangers_stay_and_nothing_outside_is_touched() {
    let room = Room::bare();
    room.write("secret/key", "key");
    room.write("~/.cache/torch/hub/repo/a.py", "a");
    symlink("a.py", room.place("~/.cache/torch/hub/repo/b.py")).unwrap();
    symlink("../../../../../p/secret", room.place("~/.cache/torch/hub/out")).unwrap();
    symlink("/etc/passwd", room.place("~/.cache/torch/hub/repo/passwd")).unwrap();
    fs::create_dir_all(room.place(".cache/torch/hub")).unwrap();
    symlink(room.place("secret"), room.place(".cache/torch/hub/trap")).unwrap();
    room.write("~/.cache/torch/hub/trap/x", "x");
    room.write("~/.cache/torch/hub/\u{1b}[31mred\n", "red");
    let ran = room.run(&["migrate", "--yes"]).expect(1);
    ran.says(&[
        "hub/out: is a link that leads out",
        "hub/repo/passwd: is a link that leads out",
        "hub/trap stays: a link stands at",
    ]);
    assert!(!ran_contains_escape(&room), "names are shown escaped");
    assert_eq!(room.text(".cache/torch/hub/repo/b.py"), "a");
    assert_eq!(fs::read_link(room.place(".cache/torch/hub/repo/b.py")).unwrap().to_str(), Some("a.py"));
    assert_eq!(Tree::of(&room.place("secret")).names(), ["key"]);
    assert_eq!(room.text(".cache/torch/hub/\u{1b}[31mred\n"), "red");
}

fn ran_contains_escape(room: &Room) -> bool {
    let ran = room.run(&["migrate", "--dry-run", "-v"]);
    ran.out.contains('\u{1b}') || ran.err.contains('\u{1b}')
}

#[test]
fn old_paths_lead_to_the_new_ones_when_asked() {
    let room = lived_in();
    let ran = room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    assert!(ran.out.contains("at old paths"), "{}", ran.out);
    let link = |path: &str| fs::read_link(room.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(link("~/.cache/whisper"), room.place(".cache/whisper"));
    assert_eq!(link("~/.cache/huggingface/hub"), room.place(".cache/huggingface/hub"));
    assert_eq!(link("~/.cache/torch/hub/checkpoints"), room.place(".cache/torch/hub/checkpoints"));
    let local = link("models/x/sub/weights.bin");
    assert_eq!(
        local.to_str().unwrap(),
        format!("../../../.cache/huggingface/hub/models--org--local/snapshots/{LOCAL}/sub/weights.bin")
    );
    assert_eq!(room.text("models/x/sub/weights.bin"), "local weights");
    assert_eq!(
        room.text(&format!("~/.cache/huggingface/hub/models--org--asr/snapshots/{NEW}/onnx/model.bin")),
        "new weights"
    );
    assert_eq!(room.text("shared/model-cache/whisper/small.pt"), "small");
    assert_eq!(link("shared/model-cache/whisper").to_str(), Some("../../.cache/whisper"));
    let after = room.tree();
    room.run(&["migrate", "--yes", "--link-back"]).expect(0);
    room.tree().assert_eq(&after, "a second run with links");
    room.run(&["migrate", "--yes"]).expect(0);
    room.tree().assert_eq(&after, "a second run without");
}

#[test]
fn without_a_terminal_it_asks_for_consent_by_name_and_names_of_places_are_checked() {
    let room = lived_in();
    let before = room.tree();
    room.run(&["migrate"]).expect(2).says(&["--yes"]);
    room.run(&["migrate", "--yes", "nowhere"]).expect(2).says(&["there is no nowhere"]);
    room.run(&["migrate", "--yes", "modelstrap.toml"]).expect(2).says(&["modelstrap.toml: is no folder"]);
    room.run(&["migrate", "--yes", "."]).expect(2).says(&["holds the project"]);
    room.run(&["migrate", "--yes", room.home().to_str().unwrap()]).expect(2).says(&["holds the home folder"]);
    room.run(&["migrate", "--yes", "/"]).expect(2).says(&["holds the project"]);
    room.run(&["migrate", "--yes", ".cache"]).expect(2).says(&["holds the cache itself"]);
    room.tree().assert_eq(&before, "refused");
    let json = room.run(&["migrate", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(json["schema"], "modelstrap.migrate/1");
    assert_eq!(json["moved"], false);
    let kinds: Vec<&str> =
        json["parts"].as_array().unwrap().iter().map(|part| part["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["local_dir", "hub", "hub", "folder", "hub", "folder", "folder", "hub"], "{json:#}");
}

#[test]
fn a_download_under_way_and_an_unfinished_one_stay() {
    let room = Room::bare();
    let busy = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--busy");
    busy.file(OLD, "a.bin", "a", sha256("a"));
    room.write("~/.cache/huggingface/hub/models--org--busy/blobs/ff.1a.incomplete", "half");
    let stale = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--stale");
    stale.file(OLD, "b.bin", "b", sha256("b"));
    let locked = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--locked");
    locked.file(OLD, "c.bin", "c", sha256("c"));
    room.write("~/.cache/huggingface/hub/.locks/models--org--locked/ee.lock", "");
    let lock = fs::File::open(room.place("~/.cache/huggingface/hub/.locks/models--org--locked/ee.lock")).unwrap();
    lock.lock().unwrap();
    room.write("~/.cache/torch/hub/checkpoints/x.pth.0a1b.partial", "half");
    room.write("~/.cache/whisper/large.pt", "coming");
    let writer = fs::OpenOptions::new().append(true).open(room.place("~/.cache/whisper/large.pt")).unwrap();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&[
        "models--org--busy: has a download that went on less than an hour ago",
        "models--org--locked: a download holds one of its locks",
        "x.pth.0a1b.partial: is an unfinished download",
        "large.pt: is open for writing",
    ]);
    assert!(
        room.exists(".cache/huggingface/hub/models--org--stale")
            && !room.exists(".cache/huggingface/hub/models--org--busy")
    );
    drop((lock, writer));
    room.run(&["migrate", "--yes"]).expect(0);
    assert!(room.exists(".cache/whisper/large.pt") && room.exists(".cache/huggingface/hub/models--org--locked"));
}

#[test]
fn a_local_download_needs_a_repository_that_somebody_names() {
    let room = Room::bare();
    local_dir(&room, "out/x", OLD, &[("model.bin", "weights", sha256("weights"))]);
    room.run(&["migrate", "--yes"])
        .expect(0)
        .says(&["out/x: comes from the Hub, and nothing here says from which repository"]);
    room.run(&["migrate", "--yes", "out/x", "--repo", "a/../b"]).expect(2);
    room.run(&["migrate", "--yes", "out/x", "--repo", "datasets/org/d"]).expect(0);
    assert_eq!(room.text(&format!(".cache/huggingface/hub/datasets--org--d/snapshots/{OLD}/model.bin")), "weights");
    assert_eq!(room.text(".cache/huggingface/hub/datasets--org--d/refs/main"), OLD);
    assert!(!room.exists("out/x"), "{:?}", room.tree().names());
}

#[test]
fn what_git_tracks_is_the_project_and_stays() {
    let room = Room::git();
    local_dir(&room, "models/x", OLD, &[("model.bin", "weights", sha256("weights")), ("a.json", "{}", git("{}"))]);
    room.run_git(&["add", "-f", "models/x/a.json"]);
    room.run(&["migrate", "--yes", "models/x", "--repo", "org/x"])
        .expect(0)
        .says(&["models/x/a.json: is tracked by Git"]);
    assert!(room.exists("models/x/a.json") && !room.exists("models/x/model.bin"));
}

/// A store's payload, by its hash.
fn payload(hub: &str, hash: &str) -> String {
    format!("{hub}/blobs/{}/{hash}", &hash[..2])
}

#[test]
fn a_payload_that_others_use_stays_for_them_and_goes_with_the_last() {
    let (home, here, hash) = ("~/.cache/huggingface/hub", ".cache/huggingface/hub", "ab".repeat(32));
    for store in [false, true] {
        let room = Room::bare();
        for name in ["models--org--one", "models--org--two"] {
            let repo = Repo::new(&room, home, name);
            repo.shared(NEW, "model.bin", "shared", &sha256("shared"), &hash);
            repo.reference("main", NEW);
        }
        // One of them has a download under way, and stays.
        room.write(&format!("{home}/models--org--two/blobs/ff.1a.incomplete"), "half");
        if store {
            room.write(&format!("{here}/blobs/.huggingface-shared-blobs"), "1\n");
        }
        room.run(&["migrate", "--yes"]).expect(0).says(&["models--org--two: has a download"]);
        let text = |hub: &str, name: &str| room.text(&format!("{hub}/models--org--{name}/snapshots/{NEW}/model.bin"));
        assert_eq!([text(here, "one"), text(home, "two")], ["shared", "shared"]);
        assert!(!room.exists(&format!("{home}/models--org--one")));
        let blob = room.place(&format!("{here}/models--org--one/blobs/{}", sha256("shared")));
        assert_eq!(blob.symlink_metadata().unwrap().is_symlink(), store, "a link only into a store");
        let names = fs::metadata(room.place(&payload(home, &hash))).unwrap().nlink();
        assert_eq!(names, 2, "the bytes are there once");
        if store {
            let line = format!("models--org--one/blobs/{}\n", sha256("shared"));
            assert_eq!(room.text(&format!("{}.refs", payload(here, &hash))), line);
        }
        fs::remove_file(room.place(&format!("{home}/models--org--two/blobs/ff.1a.incomplete"))).unwrap();
        room.run(&["migrate", "--yes"]).expect(0);
        assert!(!room.exists("~/.cache/huggingface"), "{:?}", room.tree().names());
        assert_eq!(text(here, "two"), "shared");
        let again = fs::metadata(room.place(&format!("{here}/models--org--two/snapshots/{NEW}/model.bin"))).unwrap();
        assert_eq!(fs::metadata(&blob).unwrap().ino(), again.ino(), "and still are");
    }
}

#[test]
fn a_payload_whose_manifest_nobody_can_read_stays() {
    let (room, home, hash) = (Room::bare(), "~/.cache/huggingface/hub", "cd".repeat(32));
    let repo = Repo::new(&room, home, "models--org--one");
    repo.shared(NEW, "model.bin", "shared", &sha256("shared"), &hash);
    repo.reference("main", NEW);
    fs::remove_file(room.place(&format!("{}.refs", payload(home, &hash)))).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(room.text(&format!(".cache/huggingface/hub/models--org--one/snapshots/{NEW}/model.bin")), "shared");
    assert_eq!(room.text(&payload(home, &hash)), "shared", "a missing manifest is never a reason to delete");
}

/// A room whose cache is on another disk, if there is one.
fn two_disks() -> Option<(Room, tempfile::TempDir)> {
    let shm = std::path::Path::new("/dev/shm");
    let room = Room::bare();
    let far = tempfile::Builder::new().prefix("modelstrap-test-").tempdir_in(shm).ok()?;
    let other = fs::metadata(far.path()).unwrap().dev() != fs::metadata(room.root()).unwrap().dev();
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = {:?}\n", far.path()));
    other.then_some((room, far))
}

#[test]
fn to_another_disk_everything_is_copied_whole_and_names_of_one_file_stay_names_of_one_file() {
    let Some((room, far)) = two_disks() else {
        eprintln!("skipped: there is no second disk");
        return;
    };
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
    stray::age(&file, 100_000);
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
    if !support::project::may_mount() {
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
        command
            .args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", support::project::PROGRAM])
            .arg(room.path());
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
fn one_repository_can_be_named_and_the_others_stay() {
    let room = Room::bare();
    for name in ["models--org--one", "models--org--two"] {
        let repo = Repo::new(&room, "~/.cache/huggingface/hub", name);
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    }
    let one = room.place("~/.cache/huggingface/hub/models--org--one");
    room.run(&["migrate", "--yes", one.to_str().unwrap()]).expect(0);
    assert!(room.exists(".cache/huggingface/hub/models--org--one") && !one.exists());
    assert!(room.exists("~/.cache/huggingface/hub/models--org--two"));
    room.run(&["migrate", "--yes", "a", "b", "--repo", "org/x"]).expect(2).says(&["--repo is about one folder"]);
}

#[test]
fn a_run_that_is_asked_to_stop_leaves_no_half_file_and_goes_on_later() {
    let Some((room, far)) = two_disks() else {
        eprintln!("skipped: there is no second disk");
        return;
    };
    for number in 0..3_u8 {
        room.write(&format!("~/.cache/torch/hub/checkpoints/{number}.pth"), vec![number; 2_000_000]);
    }
    let mut command = room.program("strace");
    if command.arg("-V").output().is_err() {
        eprintln!("skipped: strace is not installed");
        return;
    }
    let mut command = room.program("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:signal=INT:when=4"]);
    command.args([support::project::PROGRAM, "migrate", "--yes"]);
    let ran = room.ran(&mut command).expect(130);
    ran.says(&["stopped; ", "run `modelstrap migrate` again to go on"]);
    let there = Tree::of(far.path());
    assert!(!there.names().iter().any(|name| name.contains("modelstrap-migrate")), "{:?}", there.names());
    room.run(&["migrate", "--yes"]).expect(0);
    for number in 0..3_u8 {
        assert_eq!(
            fs::read(far.path().join(format!("torch/hub/checkpoints/{number}.pth"))).unwrap(),
            vec![number; 2_000_000]
        );
    }
    assert!(!room.exists("~/.cache/torch"));
}

#[test]
fn a_place_can_be_named_as_status_names_it() {
    let room = lived_in();
    room.run(&["migrate", "--yes", "torch", "model-cache"]).expect(0);
    assert!(room.exists(".cache/torch/hub/checkpoints/resnet.pth") && room.exists(".cache/whisper/small.pt"));
    assert!(room.exists("~/.cache/whisper/base.pt") && room.exists("models/x/sub/weights.bin"));
}

#[test]
fn a_manifest_of_a_clone_cannot_have_other_peoples_folders_moved() {
    let room = Room::bare();
    room.write("~/other/whisper/small.pt", "small");
    symlink(room.home().join("other"), room.place("old")).unwrap();
    let before = Tree::of(&room.home());
    for (paths, said) in [
        ("\"old\"", "old: leads out of the project"),
        ("\"..\", \"old\"", "holds the project"),
        ("\"/\", \"old\"", "/: holds the project"),
    ] {
        room.write("modelstrap.toml", format!("[legacy]\npaths = [{paths}]\n"));
        room.run(&["migrate", "--yes"]).expect(0).says(&[said]);
    }
    Tree::of(&room.home()).assert_eq(&before, "the home folder");
}
