//! The Hub's checklist, 1 to 5: which folder, which switch, which token.
//!
//! A project has its own cache, so a variable of the shell does not lead its models elsewhere: what counts is that they lie where
//! Python looks when `modelstrap run` starts it. The official order itself is proven in `models::hub::settings`.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub;
use crate::support::hub::Hub;
use crate::support::project::{Node, Ran, Tree};
use crate::support::python::python_with;

/// What every variable that leads to a cache says, and none of it is the project's.
const ELSEWHERE: [(&str, &str); 5] = [
    ("HF_HUB_CACHE", "/nowhere/1"),
    ("HUGGINGFACE_HUB_CACHE", "/nowhere/2"),
    ("HF_HOME", "/nowhere/3"),
    ("TRANSFORMERS_CACHE", "/nowhere/4"),
    ("SENTENCE_TRANSFORMERS_HOME", "/nowhere/5"),
];

/// Point 1: whatever the shell says, models lie where the clients look in the project.
#[test]
fn models_lie_where_every_client_looks_in_the_project_whatever_the_shell_says() {
    let (desk, commit) = Desk::tiny();
    let desk = ELSEWHERE.into_iter().fold(desk, |desk, (name, value)| desk.set(name, value));
    desk.download();
    let config = desk.cached(&format!("models--org--tiny/snapshots/{commit}/config.json"));
    assert!(config.is_file());
    for client in CLIENTS {
        let Some(python) = python_with(client, "huggingface_hub") else { continue };
        let code = "from huggingface_hub import hf_hub_download; print(hf_hub_download('org/tiny', 'config.json'))";
        let mut command = desk.room.command(&["run", "--", python.to_str().unwrap(), "-c", code]);
        let found = desk.room.ran(command.env("HF_HUB_OFFLINE", "1")).expect(0).out;
        assert_eq!(found.trim().replace('@', desk.room.path().to_str().unwrap()), config.to_str().unwrap());
    }
}

/// Point 1: a cache for all projects of a user.
#[test]
fn a_cache_for_all_projects_lies_below_the_users_own_and_xdg_moves_it() {
    for (xdg, place) in [(false, "h/.cache/modelstrap"), (true, "xdg/modelstrap")] {
        let (mut desk, _) = Desk::tiny();
        desk.room.write("modelstrap.toml", "[cache]\nbase_dir = \"user\"\n[models]\ntiny = \"hf:org/tiny\"\n");
        if xdg {
            let folder = desk.room.path().join("xdg").to_str().unwrap().to_owned();
            desk = desk.set("XDG_CACHE_HOME", &folder);
        }
        desk.download();
        let hub = desk.room.path().join(place).join("huggingface/hub/models--org--tiny/refs/main");
        assert!(hub.is_file(), "{}", hub.display());
    }
}

/// A project whose one model opens only with `hf_good`.
fn gated() -> Desk {
    let desk = Desk::with("g = \"hf:org/gated\"");
    desk.model("org/gated").gated().readable_with("hf_good").file("config.json", "{}").commit();
    desk.user("hf_other", "other");
    desk
}

/// Point 2.
#[test]
fn home_and_variables_are_filled_in_and_an_empty_variable_is_told_of() {
    for (name, value, file) in [
        ("HF_HOME", "~/of-mine", "h/of-mine/token"),
        ("HF_HOME", "$PLACE/hf", "place/hf/token"),
        ("HF_TOKEN_PATH", "~/secret", "h/secret"),
        ("HF_TOKEN_PATH", "${PLACE}/secret", "place/secret"),
    ] {
        let desk = gated();
        let place = desk.room.path().join("place").to_str().unwrap().to_owned();
        let file = desk.room.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "hf_good\n").unwrap();
        let desk = desk.set("PLACE", &place).set(name, value);
        desk.download();
    }
    let (desk, _) = Desk::tiny();
    let desk = desk.set("HF_HOME", "").set("HF_HUB_CACHE", "");
    desk.download().says(&["HF_HOME is empty and counts as unset", "HF_HUB_CACHE is empty and counts as unset"]);
    assert!(desk.cached("models--org--tiny/refs/main").is_file());
}

/// Point 3.
#[test]
fn a_switch_is_on_for_four_words_and_off_for_all_others() {
    let (desk, _) = Desk::tiny();
    let asks = |vars: &[(&str, &str)]| {
        desk.forget();
        let mut command = desk.room.command(&["models", "lock", "--dry-run"]);
        let ran = desk.room.ran(command.envs(vars.iter().copied()));
        assert_eq!(desk.connections() > 0, ran.code == 0, "{vars:?}: {ran:?}");
        ran.code == 0
    };
    for word in ["1", "on", "Yes", "TRUE"] {
        assert!(!asks(&[("HF_HUB_OFFLINE", word)]), "{word}");
        assert!(!asks(&[("TRANSFORMERS_OFFLINE", word)]), "{word}");
    }
    for word in ["0", "", "2", "y", " 1", "false"] {
        assert!(asks(&[("HF_HUB_OFFLINE", word)]), "{word:?}");
    }
    assert!(asks(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]));
    assert!(!asks(&[("HF_HUB_OFFLINE", ""), ("TRANSFORMERS_OFFLINE", "1")]));
}

/// Point 4: the order.
#[test]
fn the_first_token_counts_and_loses_its_line_end() {
    let runs: [(&[(&str, &str)], i32); 5] = [
        (&[("HF_TOKEN", "hf_good\r\n"), ("HUGGING_FACE_HUB_TOKEN", "hf_other")], 0),
        (&[("HF_TOKEN", "hf_other"), ("HUGGING_FACE_HUB_TOKEN", "hf_good")], 1),
        (&[("HF_TOKEN", ""), ("HUGGING_FACE_HUB_TOKEN", "hf_good")], 0),
        (&[], 0),
        (&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")], 1),
    ];
    for (vars, code) in runs {
        let desk = gated();
        let home = desk.room.path().join("h/.cache/huggingface");
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o2775)).unwrap();
        fs::write(home.join("token"), "hf_good\n").unwrap();
        let before = Tree::of(&home);
        let mut command = desk.room.command(&["models", "download"]);
        let ran = desk.room.ran(command.envs(vars.iter().copied()));
        assert_eq!(ran.code, code, "{vars:?}: {ran:?}");
        Tree::of(&home).assert_eq(&before, "the user's own folder");
        assert_no_token(&desk, &ran);
    }
}

/// Point 4: it is neither shown nor written.
#[test]
fn a_token_is_never_shown_and_never_written() {
    let desk = gated().set("HF_TOKEN", "hf_good");
    assert_no_token(&desk, &desk.models(&["download", "--verbose"]));
    assert_no_token(&desk, &desk.models(&["--json", "list"]));
    let desk = gated().set("HF_TOKEN", "hf_other");
    assert_no_token(&desk, &desk.models(&["download"]).expect(1));
    // A cut connection leaves a partial and its side file.
    let desk = gated().set("HF_TOKEN", "hf_good");
    desk.hub.on("*/resolve/*").answers(404, hub::Later::Unsaid);
    assert_no_token(&desk, &desk.models(&["download"]).expect(1));
}

#[track_caller]
fn assert_no_token(desk: &Desk, ran: &Ran) {
    let secret = |text: &str| text.contains("hf_good") || text.contains("hf_other");
    assert!(!secret(&ran.out) && !secret(&ran.err), "{ran:?}");
    for (path, node) in desk.room.tree().0 {
        if let (Node::File(_, bytes), false) = (node, path.ends_with("huggingface/token")) {
            assert!(!secret(&String::from_utf8_lossy(&bytes)), "{path}");
        }
    }
}

/// Point 5.
#[test]
fn a_second_cache_by_a_variable_is_told_of_and_removed_for_what_is_run() {
    let desk = Desk::at(Hub::start(), "").set("HF_HOME", "/data/hf").set("TRANSFORMERS_CACHE", "/data/hf");
    let ran = desk.room.run(&["setup", "--yes", "--dry-run"]).expect(0);
    ran.says(&["TRANSFORMERS_CACHE is /data/hf in your shell", "HF_HOME is /data/hf in your shell"]);
    let shown = desk.room.run(&["run", "--", "env"]).expect(0).out;
    let value = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or_default();
        line.replace('@', desk.room.path().to_str().unwrap())
    };
    assert_eq!(Path::new(&value("HF_HUB_CACHE")), desk.cache());
    assert_eq!(Path::new(&value("TRANSFORMERS_CACHE")), desk.cache(), "transformers 4 adds no `hub` to it");
}
