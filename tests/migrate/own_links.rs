//! Links that a person made in the cache, to what lay elsewhere: they lead to it after a move as before.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::project::Room;
use crate::support::stray::{NEW, Repo, sha256};

const TORCH: &str = ".cache/torch/hub";

/// A link in the cache.
fn link(room: &Room, at: &str, target: PathBuf) -> PathBuf {
    let at = room.place(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, &at).unwrap();
    at
}

#[test]
fn a_link_in_the_cache_leads_to_where_its_file_is_then() {
    for words in [&["migrate", "--yes"][..], &["migrate", "--yes", "--link-back"]] {
        let room = Room::bare();
        room.write("~/.cache/torch/hub/checkpoints/run-7.pt", "weights");
        room.write("~/.cache/torch/hub/org_repo_main/hubconf.py", "code");
        let hub = "~/.cache/huggingface/hub";
        let repo = Repo::new(&room, hub, "models--org--m");
        repo.file(NEW, "model.bin", "of the hub", sha256("of the hub"));
        repo.reference("main", NEW);
        let file =
            link(&room, &format!("{TORCH}/checkpoints/best.pt"), room.place("~/.cache/torch/hub/checkpoints/run-7.pt"));
        let folder = link(&room, &format!("{TORCH}/latest"), room.place("~/.cache/torch/hub/org_repo_main"));
        let snapshot = room.place(&format!("{hub}/models--org--m/snapshots/{NEW}/model.bin"));
        let model = link(&room, ".cache/whisper/model.bin", snapshot);
        let dry = room.run(&[words, &["--dry-run"]].concat()).expect(0);
        let promised = dry.out.matches("  1 link in the cache leads to the new place afterwards\n").count();
        assert_eq!(promised, 2, "one of each place: {}", dry.out);
        let ran = room.run(words).expect(0);
        for (path, text) in [(&file, "weights"), (&folder.join("hubconf.py"), "code"), (&model, "of the hub")] {
            assert_eq!(
                fs::read_to_string(path).ok().as_deref(),
                Some(text),
                "{words:?} {path:?}: {}{}",
                ran.out,
                ran.err
            );
        }
        let cache = room.place(".cache");
        assert!(fs::read_link(&file).unwrap().starts_with(&cache), "{words:?}");
        assert!(!room.exists(".cache/.modelstrap/links.jsonl"), "these are no links of `dedupe`");
        let after = room.tree();
        room.run(words).expect(0);
        room.tree().assert_eq(&after, "a second run");
    }
}

#[test]
fn what_a_link_does_not_lead_to_any_more_is_named() {
    let room = Room::bare();
    room.write("~/.cache/torch/hub/org_repo_main/hubconf.py", "code");
    room.write("~/.cache/torch/hub/trusted_list", "org_repo\n");
    room.write("~/.cache/whisper/tiny.pt", "weights");
    symlink(room.place("~/.cache/whisper/tiny.pt"), room.place("~/.cache/torch/hub/by-way.pt")).unwrap();
    link(&room, &format!("{TORCH}/hub"), room.place("~/.cache/torch/hub"));
    link(&room, ".cache/whisper/by-way.pt", room.place("~/.cache/torch/hub/by-way.pt"));
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    for said in [
        "  .cache/torch/hub/hub leads to ~/.cache/torch/hub as before, where not everything is any more\n",
        "  .cache/whisper/by-way.pt leads to nothing now; it said ~/.cache/torch/hub/by-way.pt\n",
    ] {
        assert!(ran.out.contains(said), "{said}{}{}", ran.out, ran.err);
    }
    assert!(!format!("{}{}", ran.out, ran.err).contains("to the new place"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_link_that_is_to_stand_where_its_file_is_to_go_stays_and_so_does_the_file() {
    let room = Room::bare();
    let at = "torch/hub/checkpoints/run-7.pt";
    room.write(&format!("~/.cache/{at}"), "weights");
    link(&room, &format!(".cache/{at}"), room.place(&format!("~/.cache/{at}")));
    let before = room.tree();
    room.run(&["migrate", "--yes"]).expect(1).says(&["run-7.pt stays", "nothing was lost"]);
    let ours = |name: &str| name.starts_with("p/.cache/.modelstrap");
    room.tree().without(ours).assert_eq(&before, "a link to itself");
}
