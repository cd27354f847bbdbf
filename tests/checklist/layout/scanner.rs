//! What the official scanner says, after every command and after a run that was cut off: point 15.

use std::process::Command;

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::Content;

/// Point 15.
#[test]
fn the_official_scanner_has_nothing_to_say_after_any_command() {
    let (desk, _) = Desk::tiny();
    let commands: [&[&str]; 7] = [
        &["lock"],
        &["download", "--dry-run"],
        &["download"],
        &["verify"],
        &["list"],
        &["update"],
        &["download", "--frozen"],
    ];
    for command in commands {
        desk.models(command).expect(0);
        if desk.cache().is_dir() {
            desk.assert_no_warning(&["model/org/tiny"]);
        }
    }
    desk.models(&["remove", "tiny", "--purge", "--yes"]).expect(0);
    if desk.cache().is_dir() {
        desk.assert_no_warning(&[]);
    }
}

/// Point 15, when a run was cut off: by a signal that leaves it no time, and by one that does.
#[test]
fn the_official_scanner_has_nothing_to_say_after_an_interrupted_run_either() {
    for signal in ["KILL", "TERM", "INT"] {
        let (desk, _) = Desk::tiny();
        desk.cdn().on("*safetensors").stalls_at(3 << 20);
        let mut child = desk.start(&["download"]);
        let blob = desk.cached(&format!("models--org--tiny/blobs/{}", Content::pattern(2, 70_000).sha256()));
        wait_for(|| blob.exists());
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success(), "{signal}");
        desk.assert_no_warning(&["model/org/tiny"]);
        desk.cdn().behaves();
        desk.download();
        desk.assert_no_warning(&["model/org/tiny"]);
        desk.assert_whole();
    }
}

/// Point 15, when nothing had come yet.
#[test]
fn the_official_scanners_bear_a_run_that_was_cut_off_before_its_first_byte() {
    let (desk, _) = Desk::tiny();
    desk.hub.on("*/resolve/*").waits(std::time::Duration::from_secs(20));
    let mut child = desk.start(&["download"]);
    wait_for(|| !desk.requests_to("GET", "*/resolve/*").is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    desk.assert_no_warning(&["model/org/tiny"]);
    let code = "
from huggingface_hub import scan_cache_dir
said = [str(warning) for warning in scan_cache_dir(os.environ['HF_HUB_CACHE']).warnings]";
    for client in CLIENTS {
        let Some(said) = desk.offline(client, code) else { continue };
        // Older scanners do not know the tag, which the newest client writes, too.
        let said: Vec<_> =
            said.as_array().unwrap().iter().filter(|text| !text.to_string().contains("CACHEDIR.TAG")).collect();
        assert!(said.is_empty(), "{client}: {said:?}");
    }
    desk.hub.behaves();
    desk.download();
    desk.assert_no_warning(&["model/org/tiny"]);
}

#[track_caller]
fn wait_for(mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("it never comes to that");
}
