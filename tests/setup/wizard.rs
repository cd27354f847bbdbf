//! The wizard on a real terminal: answers by keys, and a disk that is untouched when a person leaves.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::python::{House, good};
use crate::support::terminal::{Ended, Terminal, keys};

const PLACE: &str = "? Where should the models be kept?";
const LIBRARIES: &str = "? Which libraries does the project use?";
const SHELLS: &str = "? Should new shells load the variables by themselves?";
const LINK: &str = "? Should openai-whisper use the cache everywhere?";
const MODELS: &str = "? Which models should be downloaded?";
const APPLY: &str = "? Apply this plan?";

const QUESTIONS: [&str; 6] = [PLACE, LIBRARIES, SHELLS, LINK, MODELS, APPLY];

fn house() -> House {
    let house = House::pipeline("speech pipeline");
    fs::write(house.at("home/.bashrc"), "alias ll='ls -l'\n").unwrap();
    house
}

fn wizard(house: &House, columns: u16, rows: u16, arguments: &[&str]) -> Terminal {
    let mut all = vec!["setup"];
    all.extend(arguments);
    Terminal::open(columns, rows, house.modelstrap(&all).env("SHELL", "/bin/bash"))
}

/// Every file and folder of the house, with its bytes.
fn disk(house: &House) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    fn walk(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                found.insert(path.clone(), None);
                walk(&path, found);
            } else {
                found.insert(path.clone(), Some(fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&house.at(""), &mut found);
    found
}

#[test]
fn answers_by_keys_are_applied_and_remembered() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let house = house();
        let mut terminal = wizard(&house, columns, rows, &[]);
        terminal.wait_for("Machine").wait_for("Recommended").wait_for(PLACE).press(keys::ENTER);
        // Not mlx.
        terminal.wait_for(LIBRARIES).press(keys::DOWN).press(keys::DOWN).press(keys::SPACE).press(keys::ENTER);
        terminal.wait_for("✔ Which libraries does the project use?  huggingface, torch, openai-whisper\n");
        terminal.wait_for(SHELLS).press(keys::DOWN).press(keys::ENTER).wait_for("?  yes\n");
        terminal.wait_for(LINK).press(keys::DOWN).press(keys::ENTER).wait_for("?  yes\n");
        // None is marked to begin with: nothing comes over the network that nobody asked for.
        terminal.wait_for(MODELS).press(keys::ENTER);
        terminal.wait_for("Plan: ").wait_for("+ # >>> modelstrap >>>").wait_for(APPLY).press(keys::ENTER);
        terminal.wait_for("✓ .env").wait_for("speech-pipeline is ready.").wait_for("modelstrap undo");
        let Ended { status, raw, restored } = terminal.end();
        assert!(status.success() && restored, "{status}\n{raw}");
        assert!(raw.rfind("\x1b[?25h") >= raw.rfind("\x1b[?25l"), "the cursor is shown at the end");
        let plain = console::strip_ansi_codes(&raw).replace('\r', "\n");
        let wide: Vec<&str> =
            plain.lines().filter(|line| console::measure_text_width(line) > usize::from(columns)).collect();
        assert_eq!(wide, Vec::<&str>::new(), "wider than {columns} columns");

        let variables = house.variables();
        assert!(variables.contains_key("TORCH_HOME") && !variables.contains_key("MLX_CACHE_DIR"), "{variables:?}");
        assert!(house.project.join(".cache/torch").is_dir() && !house.project.join(".cache/mlx").exists());
        let rc = fs::read_to_string(house.at("home/.bashrc")).unwrap();
        assert!(rc.starts_with("alias ll='ls -l'\n") && rc.contains(".modelstrap/env.sh"), "{rc}");

        assert_eq!(fs::read_link(house.at("home/.cache/whisper")).unwrap(), house.project.join(".cache/whisper"));

        // Nothing is pending, so nothing is asked.
        let Ended { status, raw, .. } = wizard(&house, columns, rows, &[]).end();
        assert!(status.success() && !raw.contains("? "), "{raw}");
        assert!(raw.contains("Nothing to do: this project is ready."), "{raw}");
        good(&mut house.modelstrap(&["setup", "--check"]));
    }
}

#[test]
fn another_folder_is_asked_for_until_it_can_be_one() {
    let house = house();
    let mut terminal = wizard(&house, 80, 24, &["--libraries", "torch", "--profile", "none"]);
    terminal.wait_for(PLACE).press(keys::DOWN).press(keys::DOWN).press(keys::ENTER);
    terminal.wait_for("? Folder").press("/\r").wait_for("error:");
    let elsewhere = house.at("nas");
    terminal.wait_for("? Folder").press(elsewhere.to_str().unwrap()).press(keys::ENTER);
    terminal.wait_for(APPLY).press("y").wait_for("is ready.");
    assert!(terminal.end().status.success());
    assert_eq!(house.variables()["TORCH_HOME"], elsewhere.join("torch").to_str().unwrap());
    assert!(elsewhere.join("torch").is_dir());
}

#[test]
fn leaving_at_any_question_leaves_the_disk_untouched_and_the_terminal_whole() {
    for key in [keys::CTRL_C, keys::ESCAPE] {
        for (at, last) in QUESTIONS.iter().enumerate() {
            let house = house();
            let before = disk(&house);
            let mut terminal = wizard(&house, 80, 24, &[]);
            for question in QUESTIONS.iter().take(at) {
                terminal.wait_for(question).press(keys::ENTER);
            }
            terminal.wait_for(last).press(key);
            let Ended { status, raw, restored } = terminal.end();
            assert_eq!(status.code(), Some(130), "{key:?} at question {at}: {status}\n{raw}");
            assert!(raw.contains("nothing was changed"), "{key:?} at question {at}\n{raw}");
            assert!(restored, "{key:?} at question {at}: the terminal is left raw");
            assert!(
                raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"),
                "{key:?} at question {at}: the cursor is hidden\n{raw:?}"
            );
            assert_eq!(disk(&house), before, "{key:?} at question {at}");
        }
    }
}

#[test]
fn a_signal_from_elsewhere_ends_a_question() {
    let house = house();
    let before = disk(&house);
    let mut terminal = wizard(&house, 80, 24, &[]);
    terminal.wait_for(PLACE).wait_for("another folder");
    good(std::process::Command::new("sh").args(["-c", "kill -TERM \"$0\"", &terminal.id().to_string()]));
    let Ended { status, raw, .. } = terminal.end();
    assert_eq!(status.code(), Some(130), "{status}");
    assert!(raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"), "the cursor is hidden");
    assert_eq!(disk(&house), before);
}

#[test]
fn no_to_the_plan_is_an_answer() {
    let house = house();
    let before = disk(&house);
    let mut terminal = wizard(&house, 80, 24, &["--cache-dir", ".cache", "--libraries", "torch", "--profile", "none"]);
    terminal.wait_for(APPLY).press("n");
    let Ended { status, raw, .. } = terminal.end();
    assert_eq!(status.code(), Some(130), "{raw}");
    assert_eq!(disk(&house), before);
}

#[test]
fn yes_never_asks_and_no_colour_is_no_colour() {
    let house = house();
    let mut command = house.modelstrap(&["setup", "--yes"]);
    let Ended { status, raw, .. } = Terminal::open(80, 24, command.env("NO_COLOR", "1")).end();
    assert!(status.success() && !raw.contains("? ") && !raw.contains('\x1b'), "{raw:?}");
    let mut command = house.modelstrap(&["setup", "--dry-run", "--force"]);
    let Ended { raw, .. } = Terminal::open(80, 24, &mut command).end();
    assert!(!raw.contains("? ") && raw.contains("\x1b["), "{raw:?}");
}

#[test]
fn no_sentence_is_broken_within_a_word() {
    let house = house();
    fs::create_dir_all(house.at("home/.cache/whisper")).unwrap();
    fs::write(house.at("home/.cache/whisper/x"), "x").unwrap();
    for columns in [60, 80] {
        for arguments in [
            &["setup", "--check"][..],
            &["detect"],
            &["setup", "--yes", "--no-models", "--cache-dir", ".cache"],
            &["undo", "--yes"],
        ] {
            let ended = Terminal::open(columns, 24, &mut house.modelstrap(arguments)).end();
            let plain = console::strip_ansi_codes(&ended.raw).replace('\r', "");
            for line in plain.lines() {
                // A path has no place to be folded at.
                let wide = console::measure_text_width(line);
                assert!(
                    wide <= usize::from(columns) || line.starts_with("Project "),
                    "{arguments:?}: {wide}: {line}\n{plain}"
                );
            }
        }
    }
}
