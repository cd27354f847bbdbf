//! Tables on a terminal of 80 columns, of 120, and of 44: names, numbers and headings are whole, and lines are none too long.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::project;
use crate::support::project::Room;
use crate::support::terminal::{Terminal, keys};

const MPNET: &str = "sentence-transformers/paraphrase-multilingual-mpnet-base-v2";
const WHISPER: &str = "Systran/faster-whisper-large-v3";
const COMMIT: &str = "4444444444444444444444444444444444444444";

fn bytes(seed: u8) -> Vec<u8> {
    vec![seed; 2_000_000]
}

/// A blob, a link to it in a revision, a reference.
fn file(room: &Room, hub: &str, name: &str, file: &str, seed: u8) {
    let folder = format!("{hub}/models--{}", name.replace('/', "--"));
    let blob = format!("{seed:x}").repeat(64);
    room.write(&format!("{folder}/blobs/{blob}"), bytes(seed));
    room.write(&format!("{folder}/refs/main"), COMMIT);
    let link = room.place(&format!("{folder}/snapshots/{COMMIT}/{file}"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(format!("../../blobs/{blob}"), link).unwrap();
}

/// Repositories with long names in the project's cache and in the home, with copies in `./models` and in another cache.
fn room() -> Room {
    let room = Room::bare();
    for hub in [".cache/huggingface/hub", "~/.cache/huggingface/hub"] {
        file(&room, hub, MPNET, "model.safetensors", 1);
        file(&room, hub, WHISPER, "model.bin", 2);
    }
    room.write("models/faster-whisper-large-v3-copy/model.bin", bytes(2));
    for home in [".cache/torch", "~/.cache/torch"] {
        room.write(&format!("{home}/hub/checkpoints/wav2vec2_fairseq_base_ls960_asr_ls960.pth"), bytes(3));
    }
    room
}

/// What a terminal of this width shows; no line of it is wider.
#[track_caller]
fn shown(room: &Room, columns: u16, arguments: &[&str]) -> String {
    let ended = Terminal::open(columns, 40, &mut room.command(arguments)).end();
    let text = console::strip_ansi_codes(&ended.raw).replace('\r', "");
    let wide: Vec<&str> =
        text.lines().filter(|line| console::measure_text_width(line) > usize::from(columns)).collect();
    assert_eq!(wide, Vec::<&str>::new(), "{arguments:?}");
    text
}

/// Whether a line holds all of these, in this order.
fn has_line(text: &str, words: &[&str]) -> bool {
    let holds = |line: &str| words.iter().try_fold(line, |rest, word| Some(rest.split_once(word)?.1)).is_some();
    text.lines().any(holds)
}

#[test]
fn no_name_number_or_heading_of_a_table_is_cut() {
    let room = room();
    for columns in [80, 120] {
        for arguments in [
            &["status", "--models", "--revisions"][..],
            &["clear", "all", "--dry-run"],
            &["clear", MPNET, WHISPER, "./models/faster-whisper-large-v3-copy", "--dry-run"],
            &["prune", "--older-than", "0d", "--grace", "0", "--dry-run"],
            &["migrate", "--dry-run"],
            &["dedupe", "--grace", "0", "--dry-run"],
        ] {
            let text = shown(&room, columns, arguments);
            assert!(!text.contains('…'), "{columns} {arguments:?}\n{text}");
        }
        let text = shown(&room, columns, &["status", "--models"]);
        assert!(has_line(&text, &["Size", "On disk", "Frees", "Files", "Used"]), "{text}");
        for name in [MPNET, WHISPER, "wav2vec2_fairseq_base_ls960_asr_ls960.pth", "Outside of the cache"] {
            assert!(text.contains(name), "{name} is not in\n{text}");
        }
    }
}

#[test]
fn numbers_stand_under_their_headings_where_a_name_has_a_line_of_its_own() {
    let room = room();
    let text = shown(&room, 80, &["clear", MPNET, "--dry-run"]);
    let lines: Vec<&str> = text.lines().collect();
    let end = lines[0].find("Frees").unwrap() + "Frees".len();
    assert_eq!(lines[1], MPNET, "{text}");
    assert!(lines[2][..end].ends_with(" MB") && lines[2].ends_with("you named it"), "{text}");
}

#[test]
fn what_stands_between_backticks_is_never_torn_over_two_lines() {
    let room = room();
    let left = format!("models--org--half/blobs/{}.incomplete", "c".repeat(64));
    for hub in [".cache/huggingface/hub", "~/.cache/huggingface/hub"] {
        room.write(&format!("{hub}/{left}"), bytes(4));
    }
    for columns in [80, 60] {
        for arguments in [
            &["setup", "--dry-run", "--verbose"][..],
            &["status", "--models", "--revisions"],
            &["clear", "all", "--dry-run"],
            &["prune", "--older-than", "0d", "--dry-run"],
            &["prune", "--older-than", "0d", "--grace", "0", "--dry-run"],
            &["migrate", "--dry-run"],
            &["dedupe", "--grace", "0", "--dry-run"],
            &["verify"],
            &["models", "list"],
            &["models", "verify"],
            &["backup", "--dry-run", "a.tar.zst"],
            &["report", "--output", "../h/page.html"],
        ] {
            let ended = Terminal::open(columns, 40, &mut room.command(arguments)).end();
            let text = console::strip_ansi_codes(&ended.raw).replace('\r', "");
            let is_torn = |line: &&str| line.matches('`').count() % 2 == 1 && !line.contains('…');
            let torn: Vec<&str> = text.lines().filter(is_torn).collect();
            assert_eq!(torn, Vec::<&str>::new(), "{columns} {arguments:?}\n{text}");
        }
    }
    let text =
        console::strip_ansi_codes(&Terminal::open(60, 40, &mut room.command(&["status"])).end().raw).into_owned();
    let whole = format!("`modelstrap clear ~/.cache/huggingface/hub/{left}`");
    assert!(text.contains(&whole), "{text}");
}

#[test]
fn a_very_narrow_terminal_loses_columns_before_names() {
    let room = room();
    let text = shown(&room, 44, &["status"]);
    assert!(has_line(&text, &["On disk", "Frees"]) && !text.lines().any(|line| line.contains("Files  ")), "{text}");
    assert!(text.contains("faster-whisper-large-v3-copy"), "{text}");
}

#[test]
fn dedupe_names_the_model_and_the_file_and_what_each_frees() {
    let room = room();
    let text = shown(&room, 80, &["dedupe", "--grace", "0", "--dry-run"]);
    let digests = ["1".repeat(12), "2".repeat(12)];
    assert!(!digests.iter().any(|digest| text.contains(digest)), "{text}");
    assert!(has_line(&text, &["stays", &format!("{WHISPER}: model.bin in")]), "{text}");
    assert!(has_line(&text, &["stays", &format!("{MPNET}:")]), "{text}");
    assert!(has_line(&text, &["2.00 MB", "hard link", "the same in ~/.cache/huggingface"]), "{text}");
    assert!(has_line(&text, &["2.00 MB", "hard link", "model.bin in models/faster-whisper-large-v3-copy"]), "{text}");
    assert!(has_line(&text, &["stays", "hub/checkpoints/wav2vec2_fairseq_base_ls960_asr_ls960.pth in"]), "{text}");
    assert!(text.contains("4 files look like copies of 3 others. To store each once frees 8.0"), "{text}");
}

#[test]
fn dedupe_names_files_of_revisions_without_links_and_blobs_of_no_revision() {
    let room = Room::bare();
    let flat = format!(".cache/huggingface/hub/datasets--org--flat/snapshots/{COMMIT}/part/weights.bin");
    room.write(&flat, bytes(5));
    room.write("models/flat/w.bin", bytes(5));
    room.write(&format!(".cache/huggingface/hub/models--org--left/blobs/{}", "a".repeat(64)), bytes(6));
    room.write("models/flat/other.bin", bytes(6));
    let text = shown(&room, 120, &["dedupe", "--grace", "0", "--dry-run"]);
    let flat = "datasets/org/flat: part/weights.bin in .cache/huggingface";
    assert!(has_line(&text, &["stays", flat]), "{text}");
    let left = "org/left: blob aaaaaaaaaaaa (of no revision) in .cache/huggingface";
    assert!(has_line(&text, &["stays", left]), "{text}");
    assert!(has_line(&text, &["hard link", "w.bin in models/flat"]), "{text}");
}

#[test]
fn a_dry_run_of_dedupe_shows_no_script_on_a_terminal_and_says_how_to_get_it() {
    let room = room();
    let arguments = ["dedupe", "--grace", "0", "--min-size", "1MB", "--dry-run"];
    let text = shown(&room, 80, &arguments);
    assert!(!text.contains("#!/bin/sh") && text.contains("Frees"), "{text}");
    let said = "modelstrap dedupe --dry-run --min-size 1000000B --grace 0 > dedupe.sh";
    assert!(text.contains(said), "{text}");
    // The command that it names prints the script, and the plan beside it.
    let words: Vec<&str> = said.split(" > ").next().unwrap().split(' ').skip(1).collect();
    let ran = room.run(&words).expect(0);
    assert!(ran.out.starts_with("#!/bin/sh\n") && ran.out.matches("\nhard_link '").count() == 4, "{}", ran.out);
    assert!(ran.err.contains("4 files look like copies of 3 others."), "{}", ran.err);
    assert!(!ran.err.contains("dedupe.sh"), "{}", ran.err);
}

#[test]
fn an_enter_answers_no_wherever_models_are_changed_or_deleted() {
    let room = room();
    let before = room.tree();
    for (arguments, question) in [
        (&["dedupe", "--grace", "0"][..], "Store these once?"),
        (&["clear", WHISPER, "--undo-for", "1h"], "Remove this?"),
        (&["prune", "--older-than", "0d", "--grace", "0", "--undo-for", "1h"], "Remove this?"),
        (&["migrate"], "Move this?"),
    ] {
        let mut terminal = Terminal::open(80, 40, &mut room.command(arguments));
        terminal.wait_for(question).wait_for("y/N").press(keys::ENTER);
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(130), "{arguments:?}\n{}", ended.raw);
    }
    let archive = room.home().join("a.tar.zst");
    room.run(&["backup", "--allow-damaged", archive.to_str().unwrap()]).expect(0);
    let stored = fs::read(&archive).unwrap();
    let mut terminal =
        Terminal::open(80, 40, &mut room.command(&["backup", "--allow-damaged", archive.to_str().unwrap()]));
    terminal.wait_for("Replace it?").wait_for("y/N").press(keys::ENTER);
    assert_eq!(terminal.end().status.code(), Some(130));
    assert_eq!(fs::read(&archive).unwrap(), stored);
    fs::remove_file(&archive).unwrap();
    let models = |tree: &project::Tree| -> Vec<_> {
        tree.0.clone().into_iter().filter(|(name, _)| !name.contains(".modelstrap")).collect()
    };
    assert_eq!(models(&room.tree()), models(&before));
}

#[test]
fn a_finding_of_verify_keeps_to_the_terminal_and_a_pipe_has_the_whole_digest() {
    let room = room();
    let ended = Terminal::open(80, 60, &mut room.command(&["verify"])).end();
    let text = console::strip_ansi_codes(&ended.raw).replace('\r', "");
    // A path, and a command to be copied, are whole.
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.contains(".cache/") && !line.trim_start().starts_with('`')).collect();
    let wide: Vec<&&str> = lines.iter().filter(|line| console::measure_text_width(line) > 80).collect();
    assert_eq!(wide, Vec::<&&str>::new(), "{text}");
    assert!(has_line(&text, &["    expected sha256:1111", "…", "1111 (its name)"]), "{text}");
    assert!(has_line(&text, &[WHISPER, "model.bin: damaged"]), "{text}");
    let ran = room.run(&["verify"]).expect(3);
    assert!(ran.out.contains(&format!("    expected sha256:{} (its name)\n", "1".repeat(64))), "{}", ran.out);
}

#[test]
fn what_a_verb_says_in_the_end_is_folded_between_words_and_what_shells_read_is_not() {
    let room = room();
    let text = shown(&room, 80, &["clear", WHISPER, "--undo-for", "1h", "--yes"]);
    assert!(text.contains("modelstrap clear --undo"), "{text}");
    shown(&room, 80, &["clear", "--undo"]);
    shown(&room, 80, &["prune", "--older-than", "0d", "--grace", "0", "--undo-for", "1h", "--yes"]);
    for arguments in [&["env"][..], &["hook", "bash"]] {
        let ended = Terminal::open(40, 40, &mut room.command(arguments)).end();
        let text = console::strip_ansi_codes(&ended.raw).replace('\r', "");
        let piped = String::from_utf8(room.command(arguments).output().unwrap().stdout).unwrap();
        assert!(piped.lines().any(|line| line.len() > 40) && text.contains(&piped), "{text}");
    }
}

#[test]
fn a_plan_is_on_the_terminal_before_the_question_though_stdout_is_a_pipe() {
    let room = room();
    let script = "\"$0\" clear \"$1\" --undo-for 1h | (sleep 2; cat)";
    let mut shell = room.program("sh");
    shell.args(["-c", script, project::PROGRAM, WHISPER]);
    let mut terminal = Terminal::open(80, 40, &mut shell);
    terminal.wait_for(WHISPER).wait_for("Remove this?").wait_for("y/N").press(keys::ENTER);
    let raw = terminal.end().raw;
    assert!(raw.find(WHISPER) < raw.find("Remove this?"), "{raw}");
}
