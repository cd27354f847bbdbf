//! Setup is what the plan said, and a second one has nothing left to do, alone or beside others.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::support::project::{Room, times};

#[test]
fn setup_twice_changes_nothing() {
    let room = Room::fixture().with("SHELL", "/bin/bash");
    room.write("~/.bashrc", "alias x=y\n");
    room.setup(&["--profile", "auto", "--link-whisper"]);
    let (tree, before) = (room.tree(), times(room.path()));
    let ran = room.setup(&[]);
    assert!(ran.err.ends_with("Nothing to do: this project is ready.\n"), "{}", ran.err);
    room.setup(&["--profile", "auto"]);
    room.tree().assert_eq(&tree, "the tree after a second and a third setup");
    assert_eq!(times(room.path()), before);
}

#[test]
fn a_second_setup_at_another_time_changes_nothing_either() {
    let room = Room::fixture();
    room.setup(&[]);
    let tree = room.tree();
    room.ran(room.command(&["setup", "--yes"]).env("SOURCE_DATE_EPOCH", "1900000000")).expect(0);
    room.tree().assert_eq(&tree, "years later");
}

#[test]
fn setup_check_exits_3_before_and_0_after() {
    let room = Room::fixture();
    let before = room.tree();
    room.run(&["setup", "--check"]).expect(3);
    room.tree().assert_eq(&before, "a check");
    room.setup(&[]);
    room.run(&["setup", "--check"]).expect(0).says(&["Nothing to do"]);
    fs::remove_file(room.place(".modelstrap/env.fish")).unwrap();
    room.run(&["setup", "--check"]).expect(3).says(&["Plan: 1 change", "+ .modelstrap/env.fish"]);
}

#[test]
fn dry_run_changes_nothing_and_shows_what_setup_then_does() {
    let room = Room::fixture();
    let before = room.tree();
    let dry = room.run(&["setup", "--dry-run"]).expect(0);
    room.tree().assert_eq(&before, "a dry run");
    for line in ["  ~ config/hardware_cache.json", "  ~ .gitignore ", "  ~ .env ", "  + .cache/ ", "  + /.cache/\n"] {
        assert!(dry.err.contains(line), "no {line:?} in\n{}", dry.err);
    }
    assert_eq!(dry.out, "");
    let real = room.setup(&[]);
    assert!(real.err.starts_with(&dry.err), "the plan that was shown is the plan that is applied");
}

#[test]
fn json_has_one_document_with_its_schema() {
    let room = Room::fixture();
    let plan = room.run(&["setup", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(plan["schema"], "modelstrap.setup/1");
    assert_eq!(plan["project"], "@/p");
    assert_eq!(plan["cache_root"], "@/p/.cache");
    assert_eq!(plan["applied"], false);
    assert_eq!(plan["kept"], json!([]));
    assert_eq!(plan["variables"]["TORCH_HOME"], "@/p/.cache/torch");
    assert!(plan["warnings"][0].as_str().unwrap().starts_with("legacy folder shared/model-cache: "));
    let change = plan["changes"].as_array().unwrap().iter().find(|change| change["path"] == "@/p/.gitignore").unwrap();
    let expected = json!({
        "path": "@/p/.gitignore", "action": "change", "kind": "block", "why": "keeps the caches out of Git",
        "lines_added": 7, "lines_removed": 0,
    });
    assert_eq!(*change, expected);
    let done = room.setup(&["--json"]).json();
    assert_eq!(done["applied"], true);
    assert_eq!(done["variables"], plan["variables"]);
    let again = room.setup(&["--json"]).json();
    assert_eq!((&again["applied"], &again["changes"]), (&json!(false), &json!([])));
    assert_eq!(room.run(&["setup", "--check", "--json"]).expect(0).json()["changes"], json!([]));
}

#[test]
fn four_setups_at_the_same_moment_end_as_one() {
    let calm = Room::fixture();
    calm.write("~/.bashrc", "a\n");
    calm.setup(&["--profile", "bash"]);
    let expected = calm.tree();
    for _ in 0..3 {
        let room = Room::fixture();
        room.write("~/.bashrc", "a\n");
        let before = room.tree();
        let running: Vec<_> = (0..4)
            .map(|_| {
                let mut command = room.command(&["setup", "--yes", "--profile", "bash"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in running {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(room.tree().names().len(), expected.names().len());
        room.run(&["setup", "--check"]).expect(0);
        room.undo(&[]);
        room.tree().assert_eq(&before, "one undo takes back all four");
    }
}
