//! `modelstrap status --tui` on a real terminal: what is on the screen, what keys do to the disk, and a terminal that is left whole.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::project::{Node, Room};
use crate::support::terminal::{Ended, Terminal, keys};

const MAIN: &str = "2222222222222222222222222222222222222222";
const OLD: &str = "1111111111111111111111111111111111111111";

/// A hub with a repository of two revisions that share a file, torch's checkpoints with hostile names, an application cache, a
/// stray.
fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\ntmdb = { path = \"out/tmdb\", max_age = \"90d\" }\n");
    let mega = |count: usize| vec![7_u8; count * 1_000_000];
    let repository = ".cache/huggingface/hub/models--org--asr";
    for (blob, size) in [("both", 8), ("old", 4), ("new", 16)] {
        room.write(&format!("{repository}/blobs/{blob}"), mega(size));
    }
    for (commit, blobs) in [(OLD, ["both", "old"]), (MAIN, ["both", "new"])] {
        for blob in blobs {
            let at = room.place(&format!("{repository}/snapshots/{commit}/{blob}.bin"));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            symlink(format!("../../blobs/{blob}"), at).unwrap();
        }
    }
    room.write(&format!("{repository}/refs/main"), MAIN);
    room.write(".cache/torch/hub/checkpoints/resnet.pth", mega(5));
    let mut evil = room.place(".cache/torch/hub/checkpoints").into_os_string();
    evil.push(std::ffi::OsStr::from_bytes(b"/evil\x1b[31mred\nname\xff.pth"));
    fs::write(evil, mega(2)).unwrap();
    room.write("out/tmdb/films/1.json", mega(1));
    room.write("~/.cache/whisper/base.pt", mega(6));
    room
}

fn browser(room: &Room, columns: u16, rows: u16, vars: &[(&str, &str)]) -> Terminal {
    let mut command = room.command(&["status", "--tui"]);
    Terminal::open(columns, rows, command.envs(vars.iter().copied()))
}

/// Everything but what this tool keeps for itself.
fn disk(room: &Room) -> BTreeMap<String, Node> {
    room.tree().0.into_iter().filter(|(name, _)| !name.split('/').any(|part| part == ".modelstrap")).collect()
}

/// The terminal is as it was: keys are echoed, the cursor is shown, the first screen is back.
#[track_caller]
fn whole(ended: &Ended) {
    let Ended { raw, restored, .. } = ended;
    assert!(*restored, "the terminal is left raw");
    for (on, off) in [("\x1b[?25h", "\x1b[?25l"), ("\x1b[?1049l", "\x1b[?1049h"), ("\x1b[?7h", "\x1b[?7l")] {
        assert!(raw.rfind(on) > raw.rfind(off), "{on:?} is missing:\n{raw:?}");
    }
}

#[test]
fn one_walks_from_the_places_down_to_the_files() {
    let room = room();
    let before = disk(&room);
    for (columns, rows) in [(80, 24), (40, 12), (120, 40)] {
        let mut terminal = browser(&room, columns, rows, &[]);
        let screen = terminal.screen(&["❯  huggingface/", "torch/", "~/.cache/whisper/", "tmdb/", "28.0 MB", "q quit"]);
        let wide: Vec<&str> =
            screen.lines().filter(|line| console::measure_text_width(line) > usize::from(columns)).collect();
        assert_eq!(wide, Vec::<&str>::new(), "wider than {columns} columns");
        assert_eq!(screen.lines().count(), usize::from(rows));
        terminal.press(keys::ENTER).screen(&["modelstrap › huggingface", "❯  org/asr/"]);
        terminal.press("l").screen(&["❯  222222222222/", "   111111111111/", "16.0 MB", "4.0"]);
        terminal.press(keys::ENTER).screen(&["222222222222", "❯  new.bin", "both.bin", "0 B"]);
        terminal.press(keys::LEFT).press("h").press(keys::LEFT).screen(&["❯  huggingface/"]);
        // Largest first: a place of its own, the hub's, the stray, the application's.
        let policy = if columns < 80 { "1 file, used today" } else { "application cache (nothing older than 90 d)" };
        terminal.press(keys::END).screen(&["❯  tmdb/", policy]);
        terminal.press(keys::ENTER).screen(&["❯  films/"]);
        terminal.press(keys::ENTER).screen(&["❯  1.json"]);
        terminal.press("q");
        let ended = terminal.end();
        assert!(ended.status.success(), "{}\n{}", ended.status, ended.raw);
        whole(&ended);
    }
    assert_eq!(disk(&room), before, "looking changes nothing");
}

#[test]
fn whoever_leaves_gets_a_whole_terminal_back() {
    let room = room();
    let before = disk(&room);
    for (keys, code) in [("q", 0), ("\x1b", 0), ("\x03", 130), ("?\x03", 130), ("?q\x1b", 0), ("d\x1b\x1b", 0)] {
        let mut terminal = browser(&room, 80, 24, &[]);
        terminal.screen(&["huggingface/", "q quit"]);
        for key in keys.split_inclusive(|_| true) {
            terminal.press(key);
            // An Escape that comes together with what follows it would be another key.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(code), "{keys:?}: {}", ended.raw);
        whole(&ended);
    }
    let mut terminal = browser(&room, 80, 24, &[]);
    terminal.screen(&["huggingface/"]);
    let id = terminal.id().to_string();
    assert!(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap().success());
    let ended = terminal.end();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.raw);
    assert!(ended.raw.contains("nothing was changed"), "{}", ended.raw);
    whole(&ended);
    assert_eq!(disk(&room), before);
}

#[test]
fn without_a_terminal_it_says_what_prints_the_same() {
    let room = room();
    for mut command in [room.command(&["status", "--tui"]), room.command(&["status", "--tui", "--json"])] {
        let ran = room.ran(&mut command).expect(2);
        assert!(ran.err.contains("`modelstrap status` prints the same") && ran.out.is_empty(), "{ran:?}");
    }
    let mut dumb = room.command(&["status", "--tui"]);
    let ended = Terminal::open(
        80,
        24,
        Command::new("sh")
            .args(["-c", "TERM=dumb exec \"$0\" status --tui"])
            .arg(dumb.current_dir(room.root()).get_program())
            .current_dir(room.root())
            .env("HOME", room.home())
            .env_remove("CI"),
    )
    .end();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.raw);
    assert!(!ended.raw.contains("\x1b[?1049h"), "{:?}", ended.raw);
}

#[test]
fn no_name_drives_the_terminal_and_a_narrow_locale_gets_ascii() {
    let room = room();
    for vars in [&[("NO_COLOR", "1")][..], &[("LANG", "C")]] {
        let mut terminal = browser(&room, 80, 24, vars);
        terminal.screen(&["torch/"]);
        terminal.press(keys::DOWN).press(keys::ENTER).screen(&["resnet.pth", "$'evil\\x1b[31mr"]);
        terminal.press("q");
        let ended = terminal.end();
        assert!(ended.status.success(), "{}", ended.raw);
        assert!(!ended.raw.contains("\x1b[31mred"), "{:?}", ended.raw);
        if vars == [("NO_COLOR", "1")] {
            let style = |piece: &str| piece.split_once('m').map(|(code, _)| code.to_owned());
            let is_colour = |code: &String| code.len() == 2 && code.parse::<u8>().is_ok_and(|code| code >= 30);
            let colours: Vec<String> = ended.raw.split("\x1b[").filter_map(style).filter(is_colour).collect();
            assert_eq!(colours, Vec::<String>::new());
        } else {
            assert!(ended.raw.is_ascii(), "{:?}", ended.raw);
        }
    }
}

#[test]
fn the_screen_follows_the_terminals_size() {
    let room = room();
    let mut terminal = browser(&room, 80, 24, &[]);
    terminal.screen(&["Share", "q quit"]);
    let narrow = terminal.resize(40, 12).screen(&["Frees\n", "q quit"]);
    assert!(!narrow.contains("Share") && narrow.lines().count() == 12, "{narrow}");
    let wide = terminal.resize(130, 30).screen(&["Share", "refresh"]);
    assert_eq!(wide.lines().count(), 30, "{wide}");
    for (columns, rows) in [(1, 1), (5, 2), (300, 100), (20, 4)] {
        terminal.resize(columns, rows).press("jk");
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    terminal.press("q");
    let ended = terminal.end();
    assert!(ended.status.success(), "{}", ended.raw);
    whole(&ended);
}

#[test]
fn two_revisions_free_together_what_they_share_and_come_back() {
    let room = room();
    let before = disk(&room);
    let mut terminal = browser(&room, 80, 24, &[]);
    terminal.screen(&["❯  huggingface/"]);
    terminal.press(keys::ENTER).press(keys::ENTER).screen(&["❯  222222222222/"]);
    terminal.press(keys::SPACE).screen(&["1 marked: deleting them frees 16.0 MB"]);
    terminal.press(keys::SPACE).screen(&["2 marked: deleting them frees 28.0 MB"]);
    // The plan asks, and no is no.
    terminal.press("d").screen(&["Delete: frees 28.0 MB", "org/asr", "y yes  n no"]);
    terminal.press("n").screen(&["nothing was changed"]);
    assert_eq!(disk(&room), before, "nothing was removed");
    terminal.press("d").screen(&["org/asr ", "y yes  n no"]);
    terminal.press("y").screen(&["28.0 MB removed.", "brings it back"]);
    let hub = room.place(".cache/huggingface/hub/models--org--asr");
    assert!(!hub.exists(), "nothing of it is left: it goes whole");
    let outside = |tree: &BTreeMap<String, Node>| -> BTreeMap<String, Node> {
        tree.clone().into_iter().filter(|(name, _)| !name.contains("models--org--asr")).collect()
    };
    assert_eq!(outside(&disk(&room)), outside(&before), "nothing else was touched");
    terminal.press("u").screen(&["Bring it back?"]);
    terminal.press("y").screen(&["is back ("]);
    assert_eq!(disk(&room), before, "everything is back");
    terminal.press(keys::ENTER).press("q");
    let ended = terminal.end();
    assert!(ended.status.success(), "{}", ended.raw);
    whole(&ended);
    let after = ended.raw.rsplit("\x1b[?1049l").next().unwrap();
    assert!(
        after.contains("28.0 MB removed.") && after.contains("is back (28.0 MB)."),
        "what was done is said on the screen that stays: {after}"
    );
}

#[test]
fn what_lies_deeper_goes_by_itself_and_what_would_break_a_model_does_not() {
    let room = room();
    let before = disk(&room);
    let mut terminal = browser(&room, 80, 24, &[]);
    terminal.screen(&["❯  huggingface/"]);
    terminal.press(keys::ENTER).press(keys::ENTER).press(keys::ENTER).screen(&["❯  new.bin"]);
    terminal.press(keys::SPACE).screen(&["a model goes whole"]);
    terminal.press("d").screen(&["a model goes whole"]);
    terminal.press("hhh").press(keys::END).press(keys::ENTER).screen(&["❯  films/"]);
    terminal.press(keys::ENTER).screen(&["❯  1.json"]);
    terminal.press("d").screen(&["Delete: frees 1.00 MB", "y yes  n no"]);
    terminal.press("y").screen(&["1.00 MB removed."]);
    terminal.press(keys::ENTER).press("q");
    assert!(terminal.end().status.success());
    let mut expected = before;
    expected.retain(|name, _| !name.ends_with("out/tmdb/films/1.json"));
    assert_eq!(disk(&room), expected);
}

#[test]
fn what_is_too_young_to_go_says_what_to_do() {
    let room = room();
    room.write(&format!(".cache/huggingface/hub/models--org--asr/blobs/{}", "9".repeat(64)), vec![9; 30_000_000]);
    let mut terminal = browser(&room, 80, 24, &[]);
    terminal.screen(&["❯  huggingface/"]);
    terminal.press("/").press("of no").screen(&["/of no▏  names here and below", "❯  huggingface/"]);
    terminal.press(keys::ENTER).press(keys::ENTER).screen(&["❯  org/asr/"]);
    terminal.press(keys::ENTER).screen(&["❯  blobs of no revision/"]);
    terminal.press("d").screen(&["less than an hour ago", "modelstrap prune --grace 0"]);
    terminal.press(keys::ESCAPE);
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.press("q");
    assert!(terminal.end().status.success());
}
