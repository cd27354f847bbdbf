//! Several at once: point 41.

use std::fs;
use std::process::{Child, Command};

use serde_json::json;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::python::{python_with, skipped};

/// As many downloads at once, each with `vars`; the output of each goes nowhere.
fn at_once(desk: &Desk, number: usize, vars: &[(&str, &str)]) -> Vec<Child> {
    let start = |_| {
        let mut command = desk.room.command(&["models", "download", "--frozen"]);
        command.envs(vars.iter().copied()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    (0..number).map(start).collect()
}

#[track_caller]
fn all_good(children: Vec<Child>) {
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Point 41.
#[test]
fn several_processes_that_fetch_the_same_share_the_work() {
    let (desk, _) = Desk::tiny();
    desk.models(&["lock"]).expect(0);
    desk.cdn().on("*").crawls_at(2 << 20);
    all_good(at_once(&desk, 3, &[]));
    desk.assert_whole();
    let sent: u64 =
        desk.requests_to("GET", "*").iter().filter(|seen| &*seen.origin == "cdn").map(|seen| seen.sent()).sum();
    assert!(sent < 16 << 20, "{sent} bytes for 12 MiB");
    assert_eq!(desk.models(&["verify"]).code, 0);
    desk.assert_no_warning(&["model/org/tiny"]);
}

/// Point 41: on a disk where every lock succeeds (Lustre, some NFS), each has names of its own.
#[test]
fn several_processes_do_each_other_no_harm_where_locks_keep_nobody_out() {
    let (desk, _) = Desk::tiny();
    desk.models(&["lock"]).expect(0);
    let (source, library) = (desk.room.path().join("flock.c"), desk.room.path().join("flock.so"));
    fs::write(&source, "int flock(int file, int how) { (void)file; (void)how; return 0; }\n").unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !cfg!(target_os = "linux") || !built.is_ok_and(|status| status.success()) {
        skipped("a library in place of flock needs Linux and a C compiler");
        return;
    }
    desk.cdn().on("*").crawls_at(3 << 20);
    all_good(at_once(&desk, 3, &[("LD_PRELOAD", library.to_str().unwrap())]));
    desk.assert_whole();
    desk.models(&["verify"]).expect(0);
    desk.assert_no_warning(&["model/org/tiny"]);
}

/// Point 41: beside the official client.
#[test]
fn python_and_we_can_fetch_the_same_at_once() {
    for client in CLIENTS {
        let Some(python) = python_with(client, "huggingface_hub") else { continue };
        let (desk, commit) = Desk::tiny();
        desk.models(&["lock"]).expect(0);
        desk.cdn().on("*").crawls_at(4 << 20);
        let code = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/tiny')";
        let ours = at_once(&desk, 2, &[]);
        let said = desk.python(&python, &[], code);
        all_good(ours);
        assert_eq!(said, json!(desk.cached(&format!("models--org--tiny/snapshots/{commit}"))));
        desk.assert_whole();
        desk.models(&["verify"]).expect(0);
        desk.assert_no_warning(&["model/org/tiny"]);
    }
}
