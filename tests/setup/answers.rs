//! Where an answer comes from: flags, variables, what is remembered, the manifest, or the environment of a CI run.

use serde_json::{Value, json};

use crate::support::project::Room;

#[test]
fn the_answers_are_remembered() {
    let room = Room::git();
    room.write("~/.zshenv", "");
    room.setup(&["--cache-dir", "models here", "--libraries", "torch", "--profile", "zsh", "--link-whisper=false"]);
    let answers: Value = serde_json::from_slice(&room.read(".modelstrap/answers.json")).unwrap();
    let expected = json!({"cache_dir": "models here", "libraries": ["torch"], "profile": "zsh", "link_whisper": false});
    assert_eq!(answers, expected);
    let tree = room.tree();
    room.setup(&[]);
    room.tree().assert_eq(&tree, "setup without flags");
    let env = room.run(&["env", "--format", "json"]).expect(0);
    assert!(env.out.contains("@/p/models here/torch") && !env.out.contains("HF_HOME"), "{}", env.out);
    assert!(!room.exists(".cache"));
}

#[test]
fn skip_and_only_and_the_manifests_switches_leave_parts_out() {
    let parts = |room: &Room| {
        let there = [
            ("cache", ".cache"),
            ("machine-config", "config/hardware_cache.json"),
            ("gitignore", ".gitignore"),
            ("dotenv", ".env"),
            ("snippets", ".modelstrap/env.sh"),
        ];
        there.iter().filter(|(_, path)| room.exists(path)).map(|(part, _)| *part).collect::<Vec<_>>()
    };
    let all = ["cache", "machine-config", "gitignore", "dotenv", "snippets"];
    for part in all {
        let rest: Vec<_> = all.into_iter().filter(|other| *other != part).collect();
        let room = Room::git();
        room.setup(&["--skip", part]);
        assert_eq!(parts(&room), rest, "--skip {part}");
        let room = Room::git();
        room.setup(&["--only", part]);
        assert_eq!(parts(&room), [part], "--only {part}");
        let room = Room::git();
        room.write("modelstrap.toml", format!("[setup]\n{part} = false\n"));
        room.setup(&[]);
        assert_eq!(parts(&room), rest, "[setup] {part} = false");
    }
    let room = Room::git();
    room.setup(&["--skip", "cache,dotenv,snippets"]);
    assert_eq!(parts(&room), ["machine-config", "gitignore"]);
}

#[test]
fn a_ci_run_goes_on_without_asking() {
    let room = Room::fixture().with("CI", "true");
    let ran = room.run(&["setup"]).expect(0);
    ran.says(&["This is a CI run", "going on without asking."]);
    assert!(room.exists(".cache/torch"));
    let github = Room::fixture().with("GITHUB_ACTIONS", "true");
    github.run(&["setup"]).expect(0);
    github.run(&["undo"]).expect(0);
    assert!(!github.exists(".modelstrap"));
}

#[test]
fn every_flag_has_a_variable() {
    let by_flags = Room::git().at("q");
    by_flags.setup(&[
        "--cache-dir",
        "m",
        "--libraries",
        "torch,mlx",
        "--profile",
        "zsh",
        "--skip",
        "dotenv",
        "--quiet",
    ]);
    let by_variables = Room::git()
        .at("q")
        .with("MODELSTRAP_YES", "1")
        .with("MODELSTRAP_CACHE_DIR", "m")
        .with("MODELSTRAP_LIBRARIES", "torch,mlx")
        .with("MODELSTRAP_PROFILE", "zsh")
        .with("MODELSTRAP_SKIP", "dotenv")
        .with("MODELSTRAP_QUIET", "true");
    let ran = by_variables.run(&["setup"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let plain = |room: &Room| {
        let at = room.path().to_str().unwrap().to_owned();
        // A registration is named by the project's path, which is another one in each room.
        let differs = |name: &str| name.contains("/journal") || name.contains(".git/") || name.contains("/projects/");
        let tree = room.tree().without(differs);
        format!("{tree:#?}").replace(&at, "@")
    };
    assert_eq!(plain(&by_variables), plain(&by_flags));
    let room = Room::git().with("MODELSTRAP_DRY_RUN", "1").with("MODELSTRAP_YES", "1");
    room.run(&["setup"]).expect(0);
    assert!(!room.exists(".modelstrap"));
    let room = Room::git().with("MODELSTRAP_CHECK", "1");
    room.run(&["setup"]).expect(3);
    // The variable is setup's alone: others that can check do so when they are told to.
    room.run(&["status"]).expect(0);
    room.run(&["status", "--check", "--min-free", "1000000TB"]).expect(3);
    room.run(&["models", "lock"]).expect(0);
    let room = Room::git().with("MODELSTRAP_ONLY", "dotenv").with("MODELSTRAP_JSON", "1");
    assert_eq!(room.setup(&[]).json()["applied"], true);
    assert!(room.exists(".env") && !room.exists(".cache"));
    let room = Room::git();
    let elsewhere = Room::git().with("MODELSTRAP_PROJECT", room.root().to_str().unwrap());
    elsewhere.setup(&[]);
    assert!(room.exists(".cache") && !elsewhere.exists(".cache"));
}

#[test]
fn an_answer_that_overrules_the_manifest_is_told_and_can_be_taken_back() {
    let room = Room::git();
    room.setup(&["--cache-dir", "chosen"]);
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"named\"\n");
    room.setup(&[])
        .says(&["[cache] base_dir is \"named\" in the manifest, but \"chosen\" was chosen on this machine and counts"]);
    room.setup(&["--cache-dir", "project"]);
    let variables = room.run(&["env", "--format", "json"]).expect(0).json();
    assert_eq!(variables["PRIMARY_CACHE_PATH"], "@/p/named");
    room.run(&["setup", "--check"]).expect(0);
}
