//! `hf cache prune`, during and after: points 40 and 42.

use std::fs;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::{Content, tree};

/// Point 40: also two commits of one repository, of which no branch names the first.
#[test]
fn prune_takes_nothing_of_a_project_and_takes_what_the_project_gave_up() {
    let desk = Desk::with("");
    let first = desk.model("org/tiny").file("config.json", "1").lfs("a.dat", Content::pattern(1, 9000)).commit();
    let second = desk.model("org/tiny").file("config.json", "2").commit();
    desk.model("org/tiny").file("config.json", "3").commit();
    let manifest = format!("[models]\none = \"hf:org/tiny@{first}\"\ntwo = \"hf:org/tiny@{second}\"\n");
    desk.room.write("modelstrap.toml", manifest);
    desk.download();
    let before = tree(&desk.cache());
    assert!(before.keys().any(|path| path.contains("refs/refs/modelstrap/")), "{before:#?}");
    for client in &CLIENTS[..2] {
        let Some(ran) = desk.hf(client, &["cache", "prune", "--yes"]) else { continue };
        ran.expect(0);
        assert_eq!(tree(&desk.cache()), before, "{client}");
    }
    desk.models(&["verify"]).expect(0);

    desk.models(&["remove", "one"]).expect(0);
    let after = tree(&desk.cache());
    let held =
        |found: &crate::support::hub::Tree| found.keys().filter(|path| path.contains("refs/refs/modelstrap/")).count();
    assert_eq!((held(&before), held(&after)), (2, 1));
    desk.models(&["remove", "two"]).expect(0);
    assert_eq!(held(&tree(&desk.cache())), 0);
}

/// Point 40: two models of a project may be parts of one commit.
#[test]
fn a_model_that_goes_gives_up_its_mark_also_when_another_one_needs_its_files() {
    let (desk, _) = Desk::tiny();
    let part = "[models.part]\nsource = \"hf:org/tiny\"\ninclude = [\"*.json\"]\n";
    desk.room.write("modelstrap.toml", format!("[models]\ntiny = \"hf:org/tiny\"\n{part}"));
    desk.download();
    let held = || tree(&desk.cache()).keys().filter(|path| path.contains("refs/refs/modelstrap/")).count();
    assert_eq!(held(), 2);
    desk.models(&["remove", "tiny", "--purge", "--yes"]).expect(0).says(&["another model of the project needs"]);
    assert_eq!(held(), 1);
    desk.models(&["verify"]).expect(0);
    desk.models(&["remove", "part", "--purge", "--yes"]).expect(0);
    assert!(!desk.cached("models--org--tiny").exists());
}

/// Point 40: each project has its own mark in a cache that several share.
#[test]
fn a_project_takes_nothing_away_that_another_one_holds() {
    let desk = Desk::with("");
    let commit = desk.model("org/tiny").file("config.json", "1").commit();
    let shared = desk.room.path().join("shared");
    let manifest = format!("[cache]\nbase_dir = {shared:?}\n[models]\ntiny = \"hf:org/tiny@{commit}\"\n");
    let other = desk.room.path().join("q");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("modelstrap.toml"), &manifest).unwrap();
    desk.room.write("modelstrap.toml", &manifest);
    let in_other = |arguments: &[&str]| {
        let mut all = vec!["-C", other.to_str().unwrap(), "models"];
        all.extend(arguments);
        desk.room.run(&all).expect(0)
    };
    desk.download();
    in_other(&["download"]);
    let held = || tree(&shared).keys().filter(|path| path.contains("refs/refs/modelstrap/")).count();
    assert_eq!(held(), 2);
    desk.models(&["remove", "tiny", "--purge", "--yes"]).expect(0).says(&["its files stay: needed by the lock of"]);
    assert_eq!(held(), 1);
    in_other(&["verify"]);
    in_other(&["remove", "tiny", "--purge", "--yes"]);
    assert!(!shared.join("huggingface/hub/models--org--tiny").exists());
}

/// Point 40: an update moves the mark, and what it protected before can go.
#[test]
fn after_an_update_only_the_new_commit_is_protected() {
    let (desk, old) = Desk::tiny();
    desk.download();
    let new = desk.model("org/tiny").file("config.json", "{\"new\": 1}").commit();
    desk.models(&["update"]).expect(0);
    desk.download();
    let Some(ran) = desk.hf(CLIENTS[0], &["cache", "prune", "--yes"]) else { return };
    ran.expect(0);
    let snapshots = desk.cached("models--org--tiny/snapshots");
    assert!(!snapshots.join(old).exists() && snapshots.join(new).exists());
    desk.models(&["verify"]).expect(0);
    desk.assert_no_warning(&["model/org/tiny"]);
}

/// Point 40, the other way round: what the official commands take away comes back, and no more than that.
#[test]
fn what_the_official_client_removes_is_missing_and_comes_back() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    let Some(ran) = desk.hf(CLIENTS[0], &["cache", "verify", "org/tiny"]) else { return };
    ran.expect(0);
    desk.hf(CLIENTS[0], &["cache", "rm", &commit, "--yes"]).unwrap().expect(0);
    let ran = desk.models(&["verify"]).expect(3);
    assert!(ran.err.contains("6 files, 6 damaged or missing"), "{}", ran.err);
    desk.models(&["path", "tiny"]).expect(1);
    desk.models(&["verify", "--fix"]).expect(0);
    desk.assert_no_warning(&["model/org/tiny"]);
    desk.hf(CLIENTS[0], &["cache", "rm", "model/org/tiny", "--yes"]).unwrap().expect(0);
    assert!(!desk.cached("models--org--tiny").exists(), "nothing of ours keeps it");
    desk.download();
    desk.models(&["verify"]).expect(0);
}

/// Point 42.
#[test]
fn prune_during_a_download_does_it_no_harm() {
    let (desk, _) = Desk::tiny();
    desk.cdn().on("*").crawls_at(300_000);
    let mut child = desk.start(&["download", "--max-workers", "3"]);
    let partials = desk.cached("models--org--tiny/.modelstrap/partials");
    for _ in 0..1000 {
        if fs::read_dir(&partials).is_ok_and(|found| found.count() > 0) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let blobs = desk.cached("models--org--tiny/blobs");
    let names =
        |found: fs::ReadDir| found.map(|one| one.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    let incomplete = names(fs::read_dir(blobs).unwrap()).into_iter().filter(|name| name.contains("incomplete")).count();
    assert_eq!(incomplete, 0);
    let running = child.try_wait().unwrap().is_none();
    let pruned = desk.hf(CLIENTS[0], &["cache", "prune", "--yes"]);
    desk.cdn().behaves();
    let status = child.wait().unwrap();
    assert!(running, "it was over too soon to be disturbed");
    if let Some(pruned) = pruned {
        pruned.expect(0);
    }
    assert!(status.success(), "{}", fs::read_to_string(desk.room.path().join("err")).unwrap());
    desk.models(&["verify"]).expect(0);
    desk.models(&["path", "tiny"]).expect(0);
}
