//! `modelstrap status --tui` where links lead out of the cache: folders that are swapped for one between the mark and the yes, and
//! links that came with a clone. Nothing outside changes by a byte, and the screen says what stayed.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::project::{Room, Tree, copy};
use crate::support::terminal::{Terminal, keys};

const MAIN: &str = "2222222222222222222222222222222222222222";

/// A repository and a checkpoint, and outside a person's own files under the same names.
fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let repository = ".cache/huggingface/hub/models--org--asr";
    room.write(&format!("{repository}/blobs/new"), vec![7; 16_000_000]);
    room.link(&format!("{repository}/snapshots/{MAIN}/new.bin"), "../../blobs/new");
    room.write(&format!("{repository}/refs/main"), MAIN);
    room.write(".cache/torch/hub/checkpoints/a.pth", vec![3; 5_000_000]);
    copy(&room.place(".cache"), &outside(&room));
    room.write("../outside/docs/thesis.tex", "years of work");
    room
}

fn outside(room: &Room) -> PathBuf {
    room.path().join("outside")
}

/// Every byte, inode and time outside.
fn inventory(room: &Room) -> (Tree, Vec<(u64, i64, i64)>) {
    let tree = Tree::of(&outside(room));
    let stamp = |name: &str| {
        let found = fs::symlink_metadata(outside(room).join(name)).unwrap();
        (found.ino(), found.ctime(), found.ctime_nsec())
    };
    let stamps = tree.names().into_iter().map(stamp).collect();
    (tree, stamps)
}

#[track_caller]
fn unchanged(room: &Room, before: &(Tree, Vec<(u64, i64, i64)>), when: &str) {
    let after = inventory(room);
    after.0.assert_eq(&before.0, when);
    assert_eq!(after.1, before.1, "{when}");
}

fn browser(room: &Room) -> Terminal {
    Terminal::open(160, 40, &mut room.command(&["status", "--tui"]))
}

/// The folder of the cache that is swapped.
fn link(room: &Room, folder: &str) -> PathBuf {
    room.place(format!(".cache/{folder}").trim_end_matches('/'))
}

/// Puts a link in the place of a folder of the cache.
fn swap(room: &Room, folder: &str, target: &Path) {
    let at = link(room, folder);
    fs::rename(&at, room.path().join("away")).unwrap();
    symlink(target, at).unwrap();
}

/// Where a link in the place of `folder` leads: to a person's folder of that name, or where a link to a cache is a person's own
/// choice, to one that is none.
fn target(room: &Room, folder: &str) -> PathBuf {
    outside(room).join(if is_home(folder) { "docs" } else { folder })
}

/// Why what such a link leads to stays.
fn alone(room: &Room, folder: &str) -> String {
    let link = format!(".cache/{folder}");
    let leads = format!("{} leads to {}", link.trim_end_matches('/'), outside(room).join("docs").display());
    format!("{leads}, which is no cache: it is left alone")
}

/// Whether a library is told to look there.
fn is_home(folder: &str) -> bool {
    ["", "huggingface", "huggingface/hub", "torch", "torch/hub"].contains(&folder)
}

/// What the dialog that opens says, and after a yes, where it asks for one, what came of it.
fn agreed(terminal: &mut Terminal) -> (String, String) {
    let begin = Instant::now();
    let plan = loop {
        let screen = terminal.screen(&[]);
        if screen.contains("y yes  n no") || screen.contains("Esc close") {
            break screen;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{screen}");
        thread::sleep(Duration::from_millis(10));
    };
    if !plan.contains("y yes  n no") {
        return (plan, String::new());
    }
    let end = terminal.press("y").screen(&["Esc close"]);
    (plan, end)
}

/// Marks the line that `folder` lies below.
fn mark(terminal: &mut Terminal, folder: &str) {
    terminal.screen(&["❯  huggingface/", "torch/"]);
    if folder.starts_with("torch") {
        terminal.press(keys::DOWN).screen(&["❯  torch/"]);
    }
    terminal.press(keys::SPACE).screen(&["1 marked: deleting them frees"]);
}

/// Leaves the browser; what stays on the screen after it.
fn left(mut terminal: Terminal) -> String {
    terminal.press(keys::ENTER).screen(&["q quit"]);
    terminal.press(keys::CTRL_C);
    terminal.end().raw.rsplit("\x1b[?1049l").next().unwrap().to_owned()
}

/// What is swapped, and why what lies below it stays when that happens after the plan.
const SWAPPED: [(&str, &str); 8] = [
    ("huggingface/hub/models--org--asr", "models--org--asr stays: was changed since the plan"),
    ("huggingface/hub/models--org--asr/blobs", "models--org--asr stays: was changed since the plan"),
    ("huggingface/hub", "models--org--asr stays: is reached through a link or a file"),
    ("huggingface", "models--org--asr stays: is reached through what leads elsewhere since the plan"),
    ("torch/hub/checkpoints", "a.pth stays: is reached through a link or a file"),
    ("torch/hub", "a.pth stays: is reached through a link or a file"),
    ("torch", "a.pth stays: is reached through what leads elsewhere since the plan"),
    ("", "models--org--asr stays: is reached through what leads elsewhere since the plan"),
];

#[test]
fn what_a_folder_that_is_swapped_between_the_plan_and_the_yes_leads_to_stays() {
    for (folder, why) in SWAPPED {
        let room = room();
        let before = inventory(&room);
        let mut terminal = browser(&room);
        mark(&mut terminal, folder);
        terminal.press("d").screen(&["y yes  n no"]);
        swap(&room, folder, &outside(&room).join(folder));
        let (_, end) = agreed(&mut terminal);
        assert!(end.contains(why) && !end.contains("removed."), "{folder}: {end}");
        assert!(left(terminal).contains(why), "{folder}");
        unchanged(&room, &before, folder);
    }
}

#[test]
fn what_a_folder_that_is_swapped_between_the_mark_and_the_plan_leads_to_stays() {
    for (folder, _) in SWAPPED {
        let room = room();
        let before = inventory(&room);
        let mut terminal = browser(&room);
        mark(&mut terminal, folder);
        swap(&room, folder, &target(&room, folder));
        let (plan, end) = agreed(terminal.press("d"));
        if is_home(folder) {
            assert!(plan.contains("Nothing of it can be deleted."), "{folder}: {plan}");
            assert!(plan.contains(&alone(&room, folder)), "{folder}: {plan}");
        } else if folder.contains("models--") {
            // A repository, or its blobs, may be on another disk: the link is somebody's choice, and stays.
            assert!(
                plan.contains("Nothing of it can be deleted.") && plan.contains("is a link to "),
                "{folder}: {plan}"
            );
            assert!(link(&room, folder).is_symlink(), "{folder}: the link stays");
        } else {
            assert!(end.contains("removed."), "{folder}: {plan}\n{end}");
            assert!(link(&room, folder).symlink_metadata().is_err(), "{folder}: the link itself goes");
        }
        left(terminal);
        unchanged(&room, &before, folder);
    }
}

#[test]
fn what_a_link_that_came_with_a_clone_leads_to_stays() {
    for (folder, _) in SWAPPED {
        let room = room();
        let before = inventory(&room);
        swap(&room, folder, &target(&room, folder));
        let mut terminal = browser(&room);
        let screen = terminal.screen(&["q quit", "B on disk"]);
        let name = |line: &str| line.trim_start_matches(['❯', ' ']).to_owned();
        let is_row = |line: &&str| ["huggingface/", "torch/"].iter().any(|place| name(line).starts_with(place));
        for marked in 1..=screen.lines().filter(is_row).count() {
            terminal.press(keys::SPACE).screen(&[&format!("{marked} marked")]);
        }
        let plan = match folder {
            "" => terminal.screen(&["nothing is cached yet"]),
            _ => agreed(terminal.press("d")).0,
        };
        let says = folder.is_empty() || !is_home(folder) || plan.contains(&alone(&room, folder));
        assert!(says, "{folder}: {plan}");
        left(terminal);
        unchanged(&room, &before, folder);
    }
}

#[test]
fn a_plan_says_where_a_link_to_another_cache_leads_and_no_is_no() {
    let room = room();
    let before = inventory(&room);
    swap(&room, "huggingface", &outside(&room).join("huggingface"));
    let mut terminal = browser(&room);
    mark(&mut terminal, "");
    let leads = format!(".cache/huggingface leads to {}", outside(&room).join("huggingface").display());
    terminal.press("d").screen(&["y yes  n no", &leads]);
    terminal.press("n").screen(&["nothing was changed"]);
    terminal.press(keys::CTRL_C);
    terminal.end();
    unchanged(&room, &before, "no");
}
