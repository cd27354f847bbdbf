//! `modelstrap migrate` in a world that is not what it seems: a folder at two paths, another run at the same time, links that are
//! swapped in, or that came with a clone.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::support::project;
use crate::support::project::{PROGRAM, Room, Tree, may_mount};
use crate::support::stray::{Repo, sha256};
use modelstrap::cache::migrate::{self, Copies, Options, Owners, Targets, sources::Search};
use modelstrap::cache::others::Own;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

/// `migrate` with `arguments`, where `one` is mounted at `other` as well.
fn mounted(room: &Room, one: &str, other: &str, arguments: &str) -> project::Ran {
    let (one, other) = (room.place(one), room.place(other));
    fs::create_dir_all(&other).unwrap();
    let script = format!("mount --bind '{}' '{}' && '{PROGRAM}' migrate {arguments}", one.display(), other.display());
    let mut command = room.program("unshare");
    room.ran(command.args(["-m", "--propagation", "private", "sh", "-c", &script]))
}

#[test]
fn a_folder_that_is_mounted_at_two_paths_keeps_its_only_copy() {
    if !may_mount() {
        return;
    }
    for arguments in ["--yes", "--yes --link-back"] {
        let room = Room::bare();
        room.write(".cache/whisper/base.pt", "base");
        mounted(&room, ".cache/whisper", "~/.cache/whisper", arguments).expect(0);
        assert_eq!(room.text(".cache/whisper/base.pt"), "base");

        let room = Room::bare();
        room.write(".cache/torch/hub/checkpoints/a.pth", "a");
        room.write("~/.cache/torch/hub/b.pth", "b");
        mounted(&room, ".cache/torch/hub/checkpoints", "~/.cache/torch/hub/checkpoints", arguments).expect(0);
        assert_eq!(room.text(".cache/torch/hub/checkpoints/a.pth"), "a");
        assert_eq!(room.text(".cache/torch/hub/b.pth"), "b");

        // Of a repository all of it, its contents, or its revisions.
        for part in ["", "/models--org--m", "/models--org--m/blobs", "/models--org--m/snapshots"] {
            let room = Room::bare();
            let hub = ".cache/huggingface/hub";
            let repo = Repo::new(&room, hub, "models--org--m");
            repo.file(COMMIT, "model.bin", "weights", sha256("weights"));
            repo.reference("main", COMMIT);
            mounted(&room, &format!("{hub}{part}"), &format!("~/{hub}{part}"), arguments);
            let file = format!("{hub}/models--org--m/snapshots/{COMMIT}/model.bin");
            assert_eq!(room.text(&file), "weights", "{part} {arguments}");
            assert_eq!(room.text(&format!("{hub}/models--org--m/refs/main")), COMMIT);
        }
    }
}

#[test]
fn a_store_that_is_mounted_at_two_paths_keeps_its_payloads() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    let hub = ".cache/huggingface/hub";
    let hash = "ab".repeat(32);
    let repo = Repo::new(&room, hub, "models--org--here");
    repo.shared(COMMIT, "model.bin", "shared", &sha256("shared"), &hash);
    let there = Repo::new(&room, &format!("~/{hub}"), "models--org--there");
    there.shared(COMMIT, "model.bin", "shared", &sha256("shared"), &hash);
    mounted(&room, &format!("{hub}/blobs"), &format!("~/{hub}/blobs"), "--yes");
    assert_eq!(room.text(&format!("{hub}/models--org--here/snapshots/{COMMIT}/model.bin")), "shared");
    assert_eq!(room.text(&format!("{hub}/blobs/ab/{hash}")), "shared");
}

/// `migrate --yes` where an overlay of `lower` and `upper` is mounted at `whole`; `None` where the system has none.
fn overlaid(room: &Room, lower: &str, upper: &str, whole: &str) -> Option<project::Ran> {
    for folder in [lower, upper, whole, "work"] {
        fs::create_dir_all(room.place(folder)).unwrap();
    }
    let [lower, upper, whole, work] = [lower, upper, whole, "work"].map(|folder| room.place(folder));
    let script = format!(
        "mount -t overlay none -o 'lowerdir={},upperdir={},workdir={}' '{}' || exit 99; exec '{PROGRAM}' migrate --yes",
        lower.display(),
        upper.display(),
        work.display(),
        whole.display()
    );
    let mut command = room.program("unshare");
    let ran = room.ran(command.args(["-m", "--propagation", "private", "sh", "-c", &script]));
    (ran.code != 99).then_some(ran)
}

#[test]
fn a_layer_of_an_overlay_keeps_what_is_seen_in_the_whole() {
    if !may_mount() {
        return;
    }
    // Both layers have each folder, so that those of the whole have numbers and times of their own.
    for (lower, upper) in [("~/.cache", "other"), ("other", "~/.cache")] {
        let room = Room::bare();
        room.write("~/.cache/torch/hub/checkpoints/a.pth", "a");
        room.write("other/torch/hub/checkpoints/b.pth", "b");
        let hub = "huggingface/hub";
        for at in ["~/.cache", "other"] {
            let repo = Repo::new(&room, &format!("{at}/{hub}"), "models--org--m");
            repo.file(COMMIT, &format!("{}.bin", at.len()), at, sha256(at));
            repo.reference("main", COMMIT);
        }
        let before = [room.home().join(".cache"), room.place("other")].map(|layer| Tree::of(&layer));
        let Some(ran) = overlaid(&room, lower, upper, ".cache") else {
            eprintln!("skipped: there is no overlay here");
            return;
        };
        for (layer, before) in [room.home().join(".cache"), room.place("other")].iter().zip(&before) {
            let mut now = Tree::of(layer);
            now.0.retain(|name, _| !name.starts_with(".modelstrap"));
            now.assert_eq(before, &format!("{lower} below {upper}: {ran:?}"));
        }
    }
}

#[test]
fn a_place_in_which_the_target_is_mounted_moves_without_it() {
    if !may_mount() {
        return;
    }
    let room = Room::bare();
    room.write(".cache/torch/hub/checkpoints/here.pth", "here");
    room.write("~/.cache/torch/hub/there.pth", "there");
    let ran = mounted(&room, ".cache/torch/hub", "~/.cache/torch/hub/inner", "--yes").expect(0);
    ran.says(&["torch/hub/inner: is where all this is moved to, seen by another path"]);
    assert_eq!(room.text(".cache/torch/hub/checkpoints/here.pth"), "here");
    assert_eq!(room.text(".cache/torch/hub/there.pth"), "there");
}

#[test]
fn a_folder_that_is_reached_through_a_link_is_the_same_folder() {
    let room = Room::bare();
    room.write(".cache/whisper/base.pt", "base");
    symlink(room.place(".cache"), room.place("~/.cache")).unwrap();
    let before = room.tree();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(ran.out, "Nothing to move: what belongs into the cache is there.\n");
    room.tree().assert_eq(&before, "one folder");
}

/// Runs `migrate --yes` and lets `meanwhile` happen while it waits for another run's lock.
fn waiting(room: &Room, meanwhile: impl FnOnce()) -> (i32, String) {
    fs::create_dir_all(room.place(".cache/.modelstrap")).unwrap();
    let lock = fs::File::create(room.place(".cache/.modelstrap/migrate.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = room.command(&["migrate", "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("waiting for it") {
        assert_ne!(said.read_line(&mut text).unwrap(), 0, "{text}");
    }
    meanwhile();
    drop(lock);
    said.read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code().unwrap(), text)
}

#[test]
fn what_another_run_made_a_link_while_this_one_waited_is_left_alone() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", "base");
    room.write("~/.cache/torch/hub/a.pth", "a");
    let (code, said) = waiting(&room, || {
        fs::create_dir_all(room.place(".cache")).unwrap();
        fs::rename(room.place("~/.cache/whisper"), room.place(".cache/whisper")).unwrap();
        symlink(room.place(".cache/whisper"), room.place("~/.cache/whisper")).unwrap();
    });
    assert_eq!(code, 0, "{said}");
    assert_eq!(room.text(".cache/whisper/base.pt"), "base");
    assert!(room.place("~/.cache/whisper").is_symlink());
    assert_eq!(room.text(".cache/torch/hub/a.pth"), "a", "what is as it was moves");
}

#[test]
fn what_is_new_since_the_plan_was_shown_does_not_move() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", "base");
    let (code, said) = waiting(&room, || room.write("~/.cache/torch/hub/a.pth", "a"));
    assert_eq!(code, 0, "{said}");
    assert_eq!(room.text(".cache/whisper/base.pt"), "base");
    assert_eq!(room.text("~/.cache/torch/hub/a.pth"), "a");
}

#[test]
fn a_link_that_is_put_in_a_places_stead_is_not_followed() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", "base");
    room.write("~/docs/thesis.tex", "thesis");
    let (code, said) = waiting(&room, || {
        fs::rename(room.place("~/.cache/whisper"), room.place("~/moved")).unwrap();
        symlink(room.place("~/docs"), room.place("~/.cache/whisper")).unwrap();
    });
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("whisper stays: was changed meanwhile"), "{said}");
    assert_eq!(room.text("~/docs/thesis.tex"), "thesis");
    assert_eq!(room.text("~/moved/base.pt"), "base");
}

#[test]
fn the_act_itself_refuses_another_folder_than_the_one_that_was_found() {
    let room = Room::bare();
    room.write("old/whisper/base.pt", "base");
    room.write("docs/thesis.tex", "thesis");
    let root = room.place(".cache");
    let targets = Targets {
        hub: root.join("huggingface/hub"),
        hf_home: root.join("huggingface"),
        torch: root.join("torch"),
        whisper: root.join("whisper"),
        root,
    };
    let own = Own::new(&targets.root, room.root());
    let search = Search {
        led: &[],
        own: &own,
        targets: &targets,
        project: room.root(),
        home: None,
        places: &[],
        owners: &Owners::default(),
        repository: None,
        unknown: None,
        unread: None,
        libraries: &[],
    };
    let found = search.of(&room.place("old/whisper")).unwrap();
    assert_eq!(found.parts.len(), 1);
    let docs = Tree::of(&room.place("docs"));
    for swap in ["link", "folder"] {
        fs::rename(room.place("old/whisper"), room.place(&format!("old/{swap}"))).unwrap();
        match swap {
            "link" => symlink(room.place("docs"), room.place("old/whisper")).unwrap(),
            _ => room.write("old/whisper/other.pt", "other"),
        }
        let options = Options { act: true, project: room.root().to_path_buf(), ..Options::default() };
        let (outcome, stop) = migrate::carry_out(&found.parts[0], &options, &mut Copies::default());
        assert!(stop.is_none() && outcome.stays[0].why.starts_with("was changed meanwhile"), "{outcome:?}");
        assert_eq!(outcome.tally.files, 0);
    }
    Tree::of(&room.place("docs")).assert_eq(&docs, "a folder that was not found");
    assert_eq!(room.text("old/whisper/other.pt"), "other");
}

#[test]
fn a_link_that_came_with_a_clone_is_not_written_through() {
    let room = Room::bare();
    room.write("~/docs/thesis.tex", "thesis");
    room.write("~/.cache/whisper/base.pt", "base");
    room.write("~/.cache/torch/hub/a.pth", "a");
    fs::create_dir(room.place(".cache")).unwrap();
    symlink(room.place("~/docs"), room.place(".cache/whisper")).unwrap();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&[".cache/whisper leads to @/h/docs, which is no cache: it is left alone"]);
    assert_eq!(Tree::of(&room.place("~/docs")).names(), ["thesis.tex"]);
    assert_eq!(room.text("~/.cache/whisper/base.pt"), "base");
    assert_eq!(room.text(".cache/torch/hub/a.pth"), "a");
}

#[test]
fn a_branch_stays_with_the_snapshot_that_stays() {
    let room = Room::bare();
    room.write("~/elsewhere/model.bin", "weights");
    let hub = "~/.cache/huggingface/hub";
    let repo = Repo::new(&room, hub, "models--org--foreign");
    repo.reference("main", COMMIT);
    let link = room.place(&format!("{hub}/models--org--foreign/snapshots/{COMMIT}/model.bin"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(room.place("~/elsewhere/model.bin"), &link).unwrap();
    let half = Repo::new(&room, hub, "models--org--half");
    half.file(OTHER, "config.json", "config", sha256("config"));
    half.reference("main", OTHER);
    symlink(
        room.place("~/elsewhere/model.bin"),
        room.place(&format!("{hub}/models--org--half/snapshots/{OTHER}/m.bin")),
    )
    .unwrap();
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    ran.says(&["names a commit of which 0 of 1 file came", "names a commit of which 1 of 2 files came"]);
    assert_eq!(room.text(&format!("{hub}/models--org--foreign/refs/main")), COMMIT);
    assert_eq!(fs::read_link(&link).unwrap(), room.place("~/elsewhere/model.bin"));
    assert!(!room.exists(".cache/huggingface/hub/models--org--foreign"), "{:?}", room.tree().names());
    assert_eq!(room.text(&format!("{hub}/models--org--half/refs/main")), OTHER);
    assert_eq!(room.text(".cache/huggingface/hub/models--org--half/refs/main"), OTHER);
    let after = room.tree();
    let again = room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(again.out, "Nothing to move: what stays is named, with the reason.\n");
    room.tree().assert_eq(&after, "a second run");
}
