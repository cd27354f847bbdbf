//! The links that `dedupe` made lead to their contents after a move as before it: those to what moves, and those in what moves.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use modelstrap::cache::link::{Unseen, note_line, roots};

use crate::support::project::Room;
use crate::support::stray::{NEW, OLD, Repo, git, local_dir, sha256};

const NOTES: &str = ".cache/.modelstrap/links.jsonl";

/// A link as `dedupe` leaves one.
fn link(room: &Room, at: &str, target: &Path) -> PathBuf {
    let at = room.place(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, &at).unwrap();
    let before = if room.exists(NOTES) { room.text(NOTES) } else { String::new() };
    room.write(NOTES, format!("{before}{}\n", note_line(&at, target)));
    at
}

/// The links that count, and what they lead to.
fn noted(room: &Room) -> Vec<(PathBuf, PathBuf)> {
    let stands = roots(&room.place(".cache")).unwrap().into_iter().filter(|root| root.unseen.is_none());
    stands.map(|root| (root.link, root.target)).collect()
}

#[test]
fn a_link_to_a_content_of_a_hub_that_moves_leads_to_where_it_is_then() {
    for words in [&["migrate", "--yes"][..], &["migrate", "--yes", "--link-back"]] {
        let room = Room::bare();
        let (hub, into) = ("~/.cache/huggingface/hub", ".cache/huggingface/hub");
        let etag = sha256("weights");
        // One that moves as a whole, one that the cache has a part of.
        for name in ["models--org--new", "models--org--both"] {
            let repo = Repo::new(&room, hub, name);
            repo.file(NEW, "model.bin", "weights", etag.clone());
            repo.reference("main", NEW);
        }
        let both = Repo::new(&room, into, "models--org--both");
        both.file(OLD, "old.bin", "weights", etag.clone());
        both.reference("main", OLD);
        let blob = |hub: &str, name: &str| room.place(&format!("{hub}/{name}/blobs/{etag}"));
        let one = link(&room, "kept/one.bin", &blob(hub, "models--org--new"));
        let two = link(&room, "~/two.bin", &blob(hub, "models--org--both"));
        let ran = room.run(words).expect(0);
        assert!(ran.out.contains("  2 links of `dedupe` lead to the new place now\n"), "{}", ran.out);
        let expected = [(one, blob(into, "models--org--new")), (two, blob(into, "models--org--both"))];
        for (link, target) in &expected {
            assert_eq!(&fs::read_link(link).unwrap(), target, "{words:?}");
            assert_eq!(fs::read(link).unwrap(), b"weights", "{words:?}");
        }
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(noted(&room), expected, "{words:?}");
        let after = room.tree();
        room.run(words).expect(0);
        room.tree().assert_eq(&after, "a second run");
    }
}

#[test]
fn a_link_that_an_earlier_cache_noted_is_led_along() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[legacy]\npaths = [\"old\"]\n");
    let etag = sha256("weights");
    Repo::new(&room, "old/huggingface/hub", "models--org--m").file(NEW, "model.bin", "weights", etag.clone());
    let blob = |cache: &str| room.place(&format!("{cache}/huggingface/hub/models--org--m/blobs/{etag}"));
    let kept = link(&room, "kept/model.bin", &blob("old"));
    room.write("old/.modelstrap/links.jsonl", room.text(NOTES));
    fs::remove_file(room.place(NOTES)).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(fs::read_link(&kept).unwrap(), blob(".cache"));
    assert_eq!(noted(&room), [(kept, blob(".cache"))]);
}

#[test]
fn what_dedupe_noted_and_nobody_can_read_moves_nothing() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", "base");
    room.write(&format!("{NOTES}/x"), "");
    let ran = room.run(&["migrate", "--yes", "whisper"]).expect(1);
    ran.says(&["stays: what `dedupe` noted of its links cannot be read, so that nobody knows what they need: "]);
    assert_eq!(room.text("~/.cache/whisper/base.pt"), "base");
}

#[test]
fn a_damaged_line_of_the_notes_is_told_of_and_the_others_count() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[legacy]\npaths = [\"old\"]\n");
    room.write("old/whisper/base.pt", "base");
    let kept = link(&room, "kept/base.pt", &room.place("old/whisper/base.pt"));
    room.append(NOTES, "{\"link\":\n");
    room.write("old/.modelstrap/links.jsonl", "x\ny\n");
    let says = [
        "warning: line 2 of @/p/.cache/.modelstrap/links.jsonl is damaged, and nobody knows what the link that it was about needs; put it right, or delete it",
        "warning: lines 1 and 2 of @/p/old/.modelstrap/links.jsonl are damaged, and nobody knows what the links that they were about need; put them right, or delete them",
    ];
    for words in [&["migrate", "--dry-run"][..], &["migrate", "--yes"]] {
        let ran = room.run(words).expect(0);
        let said: Vec<&str> = ran.err.lines().filter(|line| line.contains("damaged")).collect();
        assert_eq!(said, says, "{words:?}: {ran:?}");
    }
    assert_eq!(fs::read_link(&kept).unwrap(), room.place(".cache/whisper/base.pt"));
}

#[test]
fn a_link_to_a_payload_of_a_shared_store_leads_to_where_that_is_then() {
    for store in [false, true] {
        let room = Room::bare();
        let (hub, into) = ("~/.cache/huggingface/hub", ".cache/huggingface/hub");
        let hash = "ab".repeat(32);
        let etag = sha256("shared");
        for name in ["models--org--one", "models--org--two"] {
            Repo::new(&room, hub, name).shared(NEW, "model.bin", "shared", &etag, &hash);
        }
        if store {
            room.write(&format!("{into}/blobs/.huggingface-shared-blobs"), "1\n");
        }
        let payload = link(&room, "kept/payload.bin", &room.place(&format!("{hub}/blobs/ab/{hash}")));
        let blob = link(&room, "kept/blob.bin", &room.place(&format!("{hub}/models--org--one/blobs/{etag}")));
        room.run(&["migrate", "--yes"]).expect(0);
        assert!(!room.exists("~/.cache/huggingface"), "{:?}", room.tree().names());
        for link in [&payload, &blob] {
            assert_eq!(fs::read(link).unwrap(), b"shared", "{store} {link:?} {:?}", fs::read_link(link));
        }
        assert_eq!(noted(&room).len(), 2);
    }
}

#[test]
fn what_a_link_needs_that_nobody_can_see_now_stays_too() {
    let room = Room::bare();
    let hub = "~/.cache/huggingface/hub";
    let etag = sha256("weights");
    Repo::new(&room, hub, "models--org--m").file(NEW, "model.bin", "weights", etag.clone());
    let blob = room.place(&format!("{hub}/models--org--m/blobs/{etag}"));
    let gone = link(&room, "away/model.bin", &blob);
    fs::remove_file(&gone).unwrap();
    let plan = room.run(&["migrate", "--dry-run"]).expect(0);
    let why =
        format!("models--org--m/blobs/{etag}: is needed by a link of `dedupe` that cannot be led to the new place: ");
    plan.says(&[&why]);
    room.run(&["migrate", "--yes"]).expect(0).says(&[&why, "away/model.bin"]);
    assert_eq!(fs::read(&blob).unwrap(), b"weights");
    let came = room.place(&format!(".cache/huggingface/hub/models--org--m/snapshots/{NEW}/model.bin"));
    assert_eq!(fs::metadata(&came).unwrap().ino(), fs::metadata(&blob).unwrap().ino(), "it came, and takes nothing");
    let root = roots(&room.place(".cache")).unwrap().remove(0);
    assert!(matches!(root.unseen, Some(Unseen::Absent { .. })) && root.target == blob);
    // It had another name meanwhile: it leads to its content still, and is led to the new place now.
    symlink(&blob, &gone).unwrap();
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(fs::read(&gone).unwrap(), b"weights");
    assert!(!room.exists("~/.cache/huggingface"));
}

#[test]
fn a_link_in_a_folder_that_moves_moves_with_it_and_counts_there() {
    for words in [&["migrate", "--yes"][..], &["migrate", "--yes", "--link-back"]] {
        let room = Room::bare();
        let (hub, into) = ("~/.cache/huggingface/hub", ".cache/huggingface/hub");
        let etag = sha256("weights");
        Repo::new(&room, into, "models--org--here").file(NEW, "model.bin", "weights", etag.clone());
        Repo::new(&room, hub, "models--org--there").file(NEW, "model.bin", "weights", etag.clone());
        let here = room.place(&format!("{into}/models--org--here/blobs/{etag}"));
        let there = room.place(&format!("{hub}/models--org--there/blobs/{etag}"));
        let came = room.place(&format!("{into}/models--org--there/blobs/{etag}"));
        let checkpoints = "torch/hub/checkpoints";
        for (name, target) in [("here.pth", &here), ("there.pth", &there), ("had.pth", &here), ("conflict.pth", &here)]
        {
            link(&room, &format!("~/.cache/{checkpoints}/{name}"), target);
        }
        link(&room, "~/.cache/whisper/base.pt", &here);
        room.write(&format!(".cache/{checkpoints}/had.pth"), "weights");
        room.write(&format!(".cache/{checkpoints}/conflict.pth"), "others'");
        let ran = room.run(words).expect(1);
        ran.says(&["conflict.pth stays: another content stands at"]);
        let at = |name: &str| room.place(&format!(".cache/{name}"));
        let read = |name: &str| fs::read_link(at(name)).unwrap();
        assert_eq!(read("torch/hub/checkpoints/here.pth"), here);
        assert_eq!(read("torch/hub/checkpoints/there.pth"), came);
        assert_eq!(read("whisper/base.pt"), here);
        assert_eq!(room.text(".cache/torch/hub/checkpoints/had.pth"), "weights");
        assert_eq!(room.text("~/.cache/torch/hub/checkpoints/conflict.pth"), "weights");
        let mut links: Vec<PathBuf> = noted(&room).into_iter().map(|(link, _)| link).collect();
        // The old path leads through the folder's own link to the same one.
        links.retain(|link| *link != room.place("~/.cache/whisper/base.pt"));
        let mut expected: Vec<PathBuf> =
            ["torch/hub/checkpoints/here.pth", "torch/hub/checkpoints/there.pth", "whisper/base.pt"].map(at).to_vec();
        expected.push(room.place("~/.cache/torch/hub/checkpoints/conflict.pth"));
        expected.sort();
        assert_eq!(links, expected, "{words:?}");
        if words.len() > 2 {
            for name in ["torch/hub/checkpoints/here.pth", "torch/hub/checkpoints/there.pth", "whisper/base.pt"] {
                assert_eq!(room.text(&format!("~/.cache/{name}")), "weights", "{name}");
            }
        } else {
            assert!(!room.exists("~/.cache/whisper"));
        }
    }
}

#[test]
fn a_link_in_what_local_dir_made_becomes_the_content_of_its_revision() {
    let room = Room::bare();
    let into = ".cache/huggingface/hub";
    let (weights, other) = (sha256("weights"), sha256("other"));
    let twin = Repo::new(&room, into, "models--org--twin");
    twin.file(NEW, "model.bin", "weights", weights.clone());
    let mine = Repo::new(&room, into, "models--org--mine");
    mine.file(NEW, "other.bin", "other", other.clone());
    let files = [
        ("model.bin", "weights", weights.clone()),
        ("other.bin", "other", other.clone()),
        ("config.json", "{}", git("{}")),
    ];
    local_dir(&room, "models/x", OLD, &files);
    for (name, repo, etag) in [("model.bin", "twin", &weights), ("other.bin", "mine", &other)] {
        fs::remove_file(room.place(&format!("models/x/{name}"))).unwrap();
        let blob = room.place(&format!("{into}/models--org--{repo}/blobs/{etag}"));
        link(&room, &format!("models/x/{name}"), &blob);
    }
    room.run(&["migrate", "--yes", "models/x", "--repo", "org/mine"]).expect(0);
    assert!(!room.exists("models/x"), "{:?}", room.tree().names());
    for (name, bytes) in [("model.bin", "weights"), ("other.bin", "other"), ("config.json", "{}")] {
        assert_eq!(room.text(&format!("{into}/models--org--mine/snapshots/{OLD}/{name}")), bytes);
    }
    assert_eq!(room.text(&format!("{into}/models--org--twin/snapshots/{NEW}/model.bin")), "weights");
    assert_eq!(noted(&room), []);
}
