//! What lies in a cache in an unusual way is said as it is, and what a plan says is what comes of it: repositories behind links, payloads that
//! are gone, folders of another user, hard links in a part of the table, copies of a project.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::lived::{HUB, MAIN, repository};
use crate::support::project::{PROGRAM, Ran, Room, Tree};
use serde_json::{Value, json};

/// A hub with `org/a` and `org/b`.
fn two() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for name in ["org/a", "org/b"] {
        repository(&room, name, &[(MAIN, &[("one", 2000)])]);
        room.write(&format!("{HUB}/models--{}/refs/main", name.replace('/', "--")), MAIN);
    }
    room
}

/// The same, where `org/a` lies on another disk, and a link to it in its place.
fn moved() -> Room {
    let room = two();
    fs::create_dir(room.path().join("far")).unwrap();
    fs::rename(room.place(&format!("{HUB}/models--org--a")), room.path().join("far/repoa")).unwrap();
    room.link(&format!("{HUB}/models--org--a"), room.path().join("far/repoa").to_str().unwrap());
    room
}

fn model<'a>(status: &'a Value, name: &str) -> &'a Value {
    let mut all = status["places"].as_array().unwrap().iter().flat_map(|place| place["models"].as_array().unwrap());
    all.find(|model| model["name"] == name).unwrap_or_else(|| panic!("no row for {name}: {status:#}"))
}

#[test]
fn a_repository_that_is_a_link_elsewhere_has_a_row_and_every_verb_says_that_it_stays() {
    let room = moved();
    let far = room.path().join("far");
    let before = Tree::of(&far);
    let link = || fs::read_link(room.place(&format!("{HUB}/models--org--a"))).unwrap();
    let leads = "@/far/repoa";

    let text = room.run(&["status", "-r"]).expect(0).out;
    let row = text.lines().find(|line| line.trim_start().starts_with("org/a ")).unwrap_or_else(|| panic!("{text}"));
    assert!(row.ends_with(&format!("link to {leads}")), "{row}");
    assert!(text.contains(&format!("{HUB}/models--org--a is a link to {leads}: the 2.")), "{text}");
    let status = room.run(&["status", "--models", "--json"]).expect(0).json();
    let found = model(&status, "org/a");
    assert_eq!(
        (&found["leads_to"], &found["sizes"]["files"], &found["kind"]),
        (&json!(leads), &json!(0), &json!("model"))
    );
    assert_eq!(model(&status, "org/b")["leads_to"], Value::Null);

    let stays = format!("org/a: it is a link to {leads}: what is there is left alone, and so is the link");
    for verb in [&["clear", "models"][..], &["clear", "org/a"], &["prune", "--grace", "0"]] {
        let ran = room.run(&[verb, &["--dry-run"]].concat());
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains(&stays), "{verb:?}: {said}");
    }
    for verb in [&["verify"][..], &["dedupe", "--dry-run"], &["migrate", "--dry-run"]] {
        let ran = room.run(verb).expect(0);
        let said =
            format!("{HUB}/models--org--a is a link to {leads}: what is there is not looked at, and the link stays");
        assert!(ran.err.contains(&said), "{verb:?}: {}", ran.err);
    }
    room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(!room.exists(&format!("{HUB}/models--org--b")));
    assert_eq!(link(), far.join("repoa"));
    Tree::of(&far).assert_eq(&before, "what is behind the link");
}

#[test]
fn blobs_behind_a_link_are_named_and_left_alone() {
    let room = two();
    fs::create_dir(room.path().join("far")).unwrap();
    let blobs = room.place(&format!("{HUB}/models--org--a/blobs"));
    fs::rename(&blobs, room.path().join("far/blobs")).unwrap();
    symlink(room.path().join("far/blobs"), &blobs).unwrap();
    let before = Tree::of(&room.path().join("far"));
    let why = format!("it is a link to {}, and what is behind it is left alone", "@/far/blobs");
    let ran = room.run(&["status"]).expect(1);
    assert!(ran.err.contains(&format!("models--org--a/blobs: {why}; it is not counted")), "{}", ran.err);
    let ran = room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]);
    assert!(format!("{}{}", ran.out, ran.err).contains(&why), "{}{}", ran.out, ran.err);
    assert!(room.exists(&format!("{HUB}/models--org--a/snapshots/{MAIN}")), "{}{}", ran.out, ran.err);
    assert!(!room.exists(&format!("{HUB}/models--org--b")));
    Tree::of(&room.path().join("far")).assert_eq(&before, "what is behind the link");
}

#[test]
fn a_blob_whose_payload_is_gone_belongs_to_the_revision_that_links_to_it() {
    let room = two();
    room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
    let digest = "ab".repeat(32);
    let folder = format!("{HUB}/models--org--a");
    room.link(&format!("{folder}/blobs/{digest}"), &format!("../../blobs/cd/{}", "cd".repeat(32)));
    room.link(&format!("{folder}/snapshots/{MAIN}/w.bin"), &format!("../../blobs/{digest}"));
    room.link(&format!("{folder}/blobs/unused"), &format!("../../blobs/ef/{}", "ef".repeat(32)));
    let plan = room.run(&["prune", "--dry-run", "--grace", "0", "--json"]).expect(0).json();
    let taken: Vec<Value> =
        plan["plan"].as_array().unwrap().iter().map(|one| json!([one["name"], one["why"], one["entries"]])).collect();
    assert_eq!(taken, [json!(["org/a", "no revision has it", 1])], "{plan:#}");
    let ran = room.run(&["verify"]).expect(3);
    assert!(ran.out.contains("org/a w.bin: missing, and a link leads to it"), "{}", ran.out);
    assert!(!ran.err.contains(&format!("{digest} leads to nothing")), "{}", ran.err);
}

/// Runs it as somebody whom modes bind, after `shut` has made something root's; `None` where this is not root.
fn bound(room: &Room, shut: impl Fn(&Room), arguments: &[&str]) -> Option<Ran> {
    if fs::metadata(room.path()).unwrap().uid() != 0 {
        return None;
    }
    own("65534:65534", room.path());
    shut(room);
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]).args(arguments);
    let ran = room.ran(&mut command);
    own("0:0", room.path());
    Some(ran)
}

fn own(whose: &str, path: &Path) {
    assert!(Command::new("chown").args(["-hR", whose]).arg(path).status().unwrap().success());
}

#[test]
fn the_plan_of_clear_leaves_out_what_this_user_may_not_delete() {
    let blobs = |room: &Room| own("0:0", &room.place(&format!("{HUB}/models--org--a/blobs")));
    let folder = |room: &Room| {
        let at = room.place(&format!("{HUB}/models--org--a"));
        fs::set_permissions(at, fs::Permissions::from_mode(0o555)).unwrap();
    };
    for shut in [&blobs as &dyn Fn(&Room), &folder] {
        let room = two();
        let Some(ran) = bound(&room, shut, &["clear", "models", "--grace", "0", "--dry-run", "--json"]) else { return };
        let plan = ran.expect(0).json();
        let names: Vec<&Value> = plan["plan"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
        assert_eq!(names, [&json!("org/b")], "{plan:#}");
        assert_eq!(plan["kept"][0]["name"], "org/a");
        let why = "you may not delete in its folder: it is another user's, or read-only";
        assert_eq!(plan["kept"][0]["why"], why);
        let ran = bound(&room, shut, &["clear", "org/a", "--grace", "0", "--yes"]).unwrap().expect(1);
        assert!(format!("{}{}", ran.out, ran.err).contains(&format!("org/a: {why}")), "{}{}", ran.out, ran.err);
        assert!(room.exists(&format!("{HUB}/models--org--a/blobs/one")));
    }
}

#[test]
fn what_is_shown_of_hard_links_counts_once_and_is_not_what_the_others_have() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let at = |name: &str| room.place(&format!(".cache/torch/hub/checkpoints/{name}"));
    room.write(".cache/torch/hub/checkpoints/a.pth", vec![7; 3_000_000]);
    fs::hard_link(at("a.pth"), at("b.pth")).unwrap();
    let shown = |filter: &str| {
        let status = room.run(&["status", "--json", "--filter", filter]).expect(0).json();
        let disk = |sizes: &Value| (sizes["disk_bytes"].as_u64().unwrap(), sizes["exclusive_bytes"].as_u64().unwrap());
        (disk(&status["shown"]), disk(&model(&status, "b.pth")["sizes"]))
    };
    let (one, row) = shown("name=b.pth");
    assert_eq!((one, one.1, one.0 >= 3_000_000), (row, 0, true));
    let (both, _) = shown("name=.pth");
    assert_eq!((both.0, both.1), (one.0, one.0), "both free what neither does");
}

#[test]
fn status_and_setup_say_the_same_of_a_copied_project() {
    let room = Room::bare();
    room.write("modelstrap.toml", format!("[cache]\nbase_dir = \"{}\"\n", room.path().join("store").display()));
    room.run(&["setup", "--yes"]).expect(0);
    let copy = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    let twin = room.path().join("twin");
    copy(room.root(), &twin);
    let run = |arguments: &[&str]| room.run(&[&["-C", twin.to_str().unwrap()], arguments].concat());
    let second = |out: &str| out.lines().nth(1).unwrap().to_owned();
    let check = run(&["setup", "--check"]);
    let said = second(&run(&["status"]).expect(0).out);
    if check.err.contains("as they should be") {
        check.expect(3);
        assert_eq!(
            said,
            "Set up, but not from here, as a copy is: .env leads to the cache root, and the shell's hook follows after `modelstrap setup`"
        );
    } else {
        panic!("{}{}\n{said}", check.out, check.err);
    }
    run(&["setup", "--yes"]).expect(0);
    run(&["setup", "--check"]).expect(0);
    assert_eq!(second(&run(&["status"]).expect(0).out), "");
}

#[test]
fn a_copy_whose_env_leads_to_the_original_says_so() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room.run(&["setup", "--yes"]).expect(0);
    let twin = room.path().join("twin");
    assert!(Command::new("cp").arg("-a").arg(room.root()).arg(&twin).status().unwrap().success());
    let run = |arguments: &[&str]| room.run(&[&["-C", twin.to_str().unwrap()], arguments].concat());
    run(&["setup", "--check"]).expect(3);
    let text = run(&["status"]).expect(0).out;
    let said = format!(
        "Not set up: .env leads to {}, as in a copy; `modelstrap setup` leads it to the cache root",
        "@/p/.cache"
    );
    assert_eq!(text.lines().nth(1).unwrap(), said);
}
