//! The clients load what is written, whole or in part, moved, or without links, and their commands leave it alone.

use std::fs;

use modelstrap::models::hub::place;
use modelstrap::models::locked::{File, HubPlace};

use super::client::{client, load};
use super::written::{files, homes, install, tree, whole};
use super::{COMMIT, room};
use crate::support::python;
use crate::support::python::python_with;

#[test]
fn old_and_new_clients_load_every_file_by_branch_and_by_commit() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, true);
    install(&HubPlace { requested: "refs/pr/1".to_owned(), ..whole() }, &files(), &hub, true);
    let said = load(&hub, &[None, Some("main"), Some(COMMIT), Some("refs/pr/1")], &files(), true);
    assert!(said.iter().all(|said| said == "1 ['main', 'refs/modelstrap/project-1', 'refs/pr/1']"), "{said:?}");
}

#[test]
fn a_filtered_snapshot_loads_with_and_without_patterns() {
    let (_room, hub) = room();
    let some: Vec<File> = files().into_iter().filter(|file| file.path.ends_with(".json")).collect();
    install(&HubPlace { complete: false, ..whole() }, &some, &hub, true);
    assert!(!hub.join("models--org--name/trees").exists());
    load(&hub, &[None, Some(COMMIT)], &some, true);
    load(&hub, &[None, Some(COMMIT)], &some, false);
}

#[test]
fn a_cache_that_was_moved_still_loads() {
    let (room, hub) = room();
    install(&whole(), &files(), &hub, true);
    let moved = room.path().canonicalize().unwrap().join("elsewhere/deeper/hub");
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::rename(&hub, &moved).unwrap();
    load(&moved, &[None, Some(COMMIT)], &files(), true);
}

#[test]
fn a_cache_without_symbolic_links_loads() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, false);
    assert!(tree(&hub).values().all(|content| !content.starts_with("-> ")));
    load(&hub, &[None, Some(COMMIT)], &files(), true);
}

#[test]
fn the_clients_own_commands_find_nothing_to_complain_about_and_nothing_to_prune() {
    let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub.cli.cache") else { return };
    let (_room, hub) = room();
    // By commit, where no branch names it but our own refs do.
    let pinned = HubPlace { requested: COMMIT.to_owned(), ..whole() };
    install(&pinned, &files(), &hub, true);
    fs::remove_file(hub.join("models--org--name/refs/main")).unwrap();
    fs::create_dir_all(hub.join("models--org--name/.modelstrap/partials")).unwrap();
    fs::write(hub.join("models--org--name/.modelstrap/partials/half"), "ha").unwrap();
    // And one whose first download was interrupted.
    let interrupted = HubPlace { repo: "org/other".to_owned(), ..whole() };
    place::prepare(&interrupted, &homes(&hub), Some("p")).unwrap();
    fs::create_dir_all(hub.join("models--org--other/.modelstrap/partials")).unwrap();
    fs::write(hub.join("models--org--other/.modelstrap/partials/half"), "ha").unwrap();
    let before = tree(&hub);
    let run = |arguments: &[&str]| {
        let script = "import sys; sys.argv[0] = 'hf'; from huggingface_hub.cli.hf import main; main()";
        let output = client(&interpreter, &hub, script, arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", python::both(&output));
        python::both(&output)
    };
    let listed = run(&["cache", "ls", "--show-warnings", "--format", "human"]);
    assert!(listed.contains("org/name") && !listed.to_lowercase().contains("warning"), "{listed}");
    let pruned = run(&["cache", "prune", "--yes", "--format", "human"]);
    assert_eq!(tree(&hub), before, "{pruned}");
}
