//! `migrate` into a cache root that is a link out of the project: it may have come with a clone, and nothing is moved, made or linked
//! where it leads, but to what says itself that it is a cache.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use crate::support::project::{Room, Tree};

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

fn room(target: &str) -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.write("~/docs/thesis.tex", "years of work");
    room.write("~/.ssh/id", "secret");
    room.write("~/.cache/whisper/base.pt", "base");
    room.write("~/.cache/torch/hub/checkpoints/a.pth", "a");
    symlink(target, room.place(".cache")).unwrap();
    room
}

#[test]
fn a_cache_root_that_leads_out_and_is_no_cache_gets_nothing() {
    for target in ["../h/docs", "../h/.ssh"] {
        for words in [&["migrate", "--yes"][..], &["migrate", "--yes", "--link-back"], &["migrate", "--dry-run"]] {
            let room = room(target);
            let before = Tree::of(&room.home());
            let ran = room.run(words).expect(1);
            ran.says(&[
                "error: the cache root .cache leads to @/h",
                "which is no cache: it is left alone\n  if it is one, put a CACHEDIR.TAG there",
            ]);
            Tree::of(&room.home()).assert_eq(&before, &format!("{words:?} {target}"));
        }
    }
}

#[test]
fn a_cache_root_on_another_disk_that_says_that_it_is_a_cache_gets_what_belongs_there() {
    let room = room("../h/docs");
    room.write("~/docs/CACHEDIR.TAG", TAG);
    room.run(&["migrate", "--yes"]).expect(0);
    assert_eq!(room.text("~/docs/whisper/base.pt"), "base");
    assert_eq!(room.text("~/docs/torch/hub/checkpoints/a.pth"), "a");
    assert_eq!(room.text("~/docs/thesis.tex"), "years of work");
}
