//! What `migrate` and `dedupe` say before they ask, and what an Enter answers.
#![cfg(unix)]

use crate::support::project::Room;
use crate::support::terminal::{Ended, Terminal};

const NOT_SET_UP: &str = "this project is not set up: run `modelstrap setup` first";

fn asked(room: &Room, arguments: &[&str], question: &str, key: &str) -> Ended {
    let mut terminal = Terminal::open(200, 40, &mut room.command(arguments));
    terminal.wait_for(question).press(key);
    terminal.end()
}

#[test]
fn an_enter_moves_nothing_and_the_question_says_that_there_is_no_undo() {
    let room = Room::bare();
    room.setup(&[]);
    room.write("~/.cache/whisper/base.pt", "base");
    let ended = asked(&room, &["migrate"], "Move this?", "\r");
    assert_eq!(ended.status.code(), Some(130), "{}", ended.raw);
    assert!(ended.raw.contains("There is no undo"), "{}", ended.raw);
    assert!(!ended.raw.contains(NOT_SET_UP), "{}", ended.raw);
    assert!(room.exists("~/.cache/whisper/base.pt"));
    let ended = asked(&room, &["migrate"], "Move this?", "y");
    assert_eq!(ended.status.code(), Some(0), "{}", ended.raw);
    assert_eq!(room.text(".cache/whisper/base.pt"), "base");
}

#[test]
fn a_project_that_is_not_set_up_is_told_before_anything_moves() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", "base");
    let mut terminal = Terminal::open(200, 40, &mut room.command(&["migrate"]));
    terminal.wait_for(NOT_SET_UP).wait_for("Move this?").press("n");
    assert_eq!(terminal.end().status.code(), Some(130));
    room.run(&["migrate", "--yes"]).expect(0).says(&[NOT_SET_UP]);
    assert_eq!(room.text(".cache/whisper/base.pt"), "base");
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(!ran.err.contains(NOT_SET_UP), "nothing is to be moved: {}", ran.err);
}

#[test]
fn dedupe_says_that_there_is_no_undo_and_what_becomes_read_only() {
    let room = Room::bare();
    let bytes = "the same ".repeat(200_000);
    room.write(".cache/whisper/one.pt", &bytes);
    room.write(".cache/whisper/two.pt", &bytes);
    let plan = room.run(&["dedupe", "--dry-run", "--json", "--grace", "0s"]).expect(0);
    let ended = asked(&room, &["dedupe", "--grace", "0s"], "Store these once?", "\r");
    assert_eq!(ended.status.code(), Some(130), "{}", ended.raw);
    assert!(ended.raw.contains("There is no undo"), "{}", ended.raw);
    let links = plan.out.contains("hard link") || plan.out.contains("hardlink") || plan.out.contains("hard_link");
    assert_eq!(ended.raw.contains("become read-only"), links, "{}\n{}", ended.raw, plan.out);
}

#[test]
fn a_word_with_a_y_in_it_is_no_yes() {
    for (typed, gone) in [("maybe\r\r", false), ("why not\rn", false), ("surely\ry", true), ("\u{4}", false)] {
        let room = Room::bare();
        room.write(".cache/whisper/base.pt", "base");
        let ended = asked(&room, &["clear", "base.pt", "--now"], "Delete this for good?", typed);
        assert_eq!(ended.status.code(), Some(if gone { 0 } else { 130 }), "{typed:?}: {}", ended.raw);
        assert_eq!(room.exists(".cache/whisper/base.pt"), !gone, "{typed:?}: {}", ended.raw);
        assert_eq!(ended.raw.contains("y or n: "), typed.len() > 1, "{typed:?}: {}", ended.raw);
    }
}

#[test]
fn who_types_a_whole_word_and_enter_leaves_nothing_of_it_to_the_shell() {
    for (typed, gone) in [(&["yes\r"][..], true), (&["y", "e", "s\r"], true), (&["no\r"], false), (&["y"], true)] {
        let room = Room::bare();
        room.write(".cache/whisper/base.pt", "base");
        let script = "\"$0\" clear base.pt --now; echo ended; read line; echo \"got:[$line]\"";
        let mut shell = room.program("sh");
        shell.args(["-c", script, env!("CARGO_BIN_EXE_modelstrap")]);
        let mut terminal = Terminal::open(100, 40, &mut shell);
        terminal.wait_for("Delete this for good?");
        for (at, keys) in typed.iter().enumerate() {
            if at == 0 {
                terminal.press(keys)
            } else {
                terminal.enter(keys)
            };
            std::thread::sleep(std::time::Duration::from_millis(120));
        }
        terminal.wait_for("ended").enter("next\n").wait_for("got:[next]");
        let ended = terminal.end();
        assert!(ended.restored, "{typed:?}: {}", ended.raw);
        assert_eq!(room.exists(".cache/whisper/base.pt"), !gone, "{typed:?}: {}", ended.raw);
    }
}
