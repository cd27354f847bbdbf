//! What must stay as it is, and what programs read: points 43 to 45.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::desk::Desk;
use crate::support::hub::Content;
use crate::support::project::{PROGRAM, Ran, Tree};
use crate::support::python::skipped;

/// Takes or gives the right to write, below `folder`.
fn chmod(folder: &Path, how: &str) {
    assert!(Command::new("chmod").args(["-R", how]).arg(folder).status().unwrap().success());
}

/// Runs without root's rights, to which nothing is read-only. `None` where that cannot be.
fn as_nobody(desk: &Desk, arguments: &[&str]) -> Option<Ran> {
    let mut command = if fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0)
    {
        fs::set_permissions(desk.room.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = desk.room.program("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM, "models"]);
        command
    } else {
        desk.room.command(&["models"])
    };
    let output = command.args(arguments).output();
    let Ok(output) = output else {
        skipped("setpriv is not installed");
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(desk.room.path().to_str().unwrap(), "@");
    Some(Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) })
}

/// Point 43.
#[test]
fn in_a_cache_that_cannot_be_written_everything_works_that_writes_nothing() {
    let (desk, _) = Desk::tiny();
    desk.download();
    chmod(desk.room.root(), "a-w,a+rX");
    desk.forget();
    let before = Tree::of(desk.room.root());
    for arguments in [&["list"][..], &["verify"], &["path", "tiny"], &["download", "--frozen"], &["download"]] {
        let Some(ran) = as_nobody(&desk, arguments) else { return };
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    }
    Tree::of(desk.room.root()).assert_eq(&before, "a cache that cannot be written");
    chmod(desk.room.root(), "u+w");
}

/// Point 43: what is missing there.
#[test]
fn a_download_into_a_cache_that_cannot_be_written_says_so_before_a_byte_comes() {
    let (desk, _) = Desk::tiny();
    desk.models(&["lock"]).expect(0);
    fs::create_dir_all(desk.cache()).unwrap();
    chmod(&desk.room.root().join(".cache"), "a-w,a+rX");
    desk.forget();
    let Some(ran) = as_nobody(&desk, &["download"]) else { return };
    chmod(&desk.room.root().join(".cache"), "u+w");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("@/p/.cache/huggingface/hub") && ran.err.contains("ermission denied"), "{}", ran.err);
    assert!(desk.requests_to("GET", "*/resolve/*").is_empty(), "{:#?}", desk.requests());
}

/// Point 44.
#[test]
fn programs_get_bytes_as_integers_and_times_as_rfc_3339() {
    let (desk, _) = Desk::tiny();
    let total: u64 = (12 << 20) + 70_000 + 22 + 3 + 4;
    let events = desk.models(&["--json", "download"]).expect(0).out;
    let lines: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(is_rfc_3339(time), "{time}");
    }
    let summary = lines.last().unwrap();
    assert_eq!((&summary["event"], &summary["received"]), (&"summary".into(), &total.into()), "{summary}");
    assert_eq!(summary["models"][0]["bytes"], total);
    let list = desk.models(&["--json", "list"]).expect(0).json();
    assert_eq!((&list["models"][0]["size"], &list["models"][0]["here"]), (&total.into(), &total.into()), "{list}");

    let name = Content::from("a\nb\n").git_sha1();
    fs::write(desk.cached(&format!("models--org--tiny/blobs/{name}")), "a\nB\n").unwrap();
    let found = desk.models(&["--json", "verify"]).expect(3).json();
    assert!(found["files"].is_u64() && found["findings"].as_array().is_some_and(|all| all.len() == 1), "{found}");
}

/// `2026-11-21T05:00:00Z`, with any fraction.
fn is_rfc_3339(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let (head, tail) = shape.split_at(19.min(shape.len()));
    head == "0000-00-00T00:00:00" && (tail == "Z" || (tail.starts_with('.') && tail.ends_with('Z')))
}

/// Point 45.
#[test]
fn a_dry_run_writes_nothing_at_all() {
    let (desk, _) = Desk::tiny();
    let before = state(&desk);
    let wishes: [&[&str]; 4] = [
        &["download", "--dry-run"],
        &["download", "hf:org/tiny", "--dry-run"],
        &["lock", "--dry-run"],
        &["add", "hf:org/tiny@main", "--key", "again", "--dry-run"],
    ];
    for arguments in wishes {
        desk.models(arguments).expect(0);
        state(&desk).assert_eq(&before, &arguments.join(" "));
    }
    desk.download();
    desk.model("org/tiny").file("config.json", "{\"new\": true}").commit();
    let name = Content::from("a\nb\n").git_sha1();
    fs::write(desk.cached(&format!("models--org--tiny/blobs/{name}")), "a\nB\n").unwrap();
    let before = state(&desk);
    let wishes: [(&[&str], i32); 4] = [
        (&["update", "--dry-run"], 0),
        (&["download", "--dry-run"], 0),
        (&["verify", "--fix", "--dry-run"], 3),
        (&["remove", "tiny", "--purge", "--dry-run"], 0),
    ];
    for (arguments, code) in wishes {
        desk.models(arguments).expect(code);
        state(&desk).assert_eq(&before, &arguments.join(" "));
    }
}

/// Project and home; not where the test itself keeps what was said.
fn state(desk: &Desk) -> Tree {
    desk.room.tree().without(|path| path == "out" || path == "err")
}
