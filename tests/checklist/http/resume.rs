//! A run that was killed, and the next one: points 28 and 29.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::desk::Desk;
use crate::support::hub::{Content, Later};

const SIZE: u64 = 6 << 20;

/// A model of one file that comes in one stream, and a run that was killed after `n` bytes of it.
fn killed_at(n: u64) -> (Desk, Content) {
    let desk = Desk::with("one = \"hf:org/one\"");
    let content = Content::pattern(7, SIZE);
    desk.model("org/one").lfs("model.safetensors", &content).commit();
    desk.models(&["lock"]).expect(0);
    desk.cdn().on("*").stalls_at(n);
    let mut child = desk.start(&["download"]);
    until_sent(&desk, n, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    desk.cdn().behaves();
    desk.forget();
    (desk, content)
}

fn until_sent(desk: &Desk, n: u64, child: &mut Child) {
    let begun = Instant::now();
    let sent = || desk.requests_to("GET", "*").iter().map(|seen| seen.sent()).sum::<u64>();
    while sent() < n {
        assert!(begun.elapsed() < Duration::from_secs(30) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(1500));
}

#[track_caller]
fn assert_right(desk: &Desk, content: &Content) {
    let blob = desk.cached(&format!("models--org--one/blobs/{}", content.sha256()));
    assert!(std::fs::read(blob).unwrap() == content.bytes());
    desk.models(&["verify"]).expect(0);
}

/// Point 28.
#[test]
fn after_a_kill_the_next_run_asks_for_the_rest_only() {
    let (desk, content) = killed_at(4 << 20);
    desk.download();
    let ranges: Vec<_> =
        desk.requests_to("GET", "*").iter().filter_map(|seen| seen.range().map(str::to_owned)).collect();
    let from: u64 = ranges[0].strip_prefix("bytes=").and_then(|rest| rest.split('-').next()).unwrap().parse().unwrap();
    assert!(from > 0 && from <= 4 << 20, "{ranges:?}");
    assert_eq!(cdn_bytes(&desk), SIZE - from);
    assert_right(&desk, &content);
}

fn cdn_bytes(desk: &Desk) -> u64 {
    desk.requests_to("GET", "*").iter().filter(|seen| &*seen.origin == "cdn").map(|seen| seen.sent()).sum()
}

/// Point 28, for a file whose ranges come at once.
#[test]
fn after_a_kill_a_large_file_costs_the_missing_bytes_and_at_most_a_range_more() {
    const LARGE: u64 = 48 << 20;
    let desk = Desk::with("one = \"hf:org/one\"");
    let content = Content::pattern(8, LARGE);
    desk.model("org/one").lfs("model.safetensors", &content).commit();
    desk.models(&["lock"]).expect(0);
    desk.cdn().on("*").crawls_at(2 << 20);
    let mut child = desk.start(&["download", "--max-workers", "4"]);
    until_sent(&desk, LARGE / 2, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    let sent = cdn_bytes(&desk);
    assert!(sent < LARGE);
    desk.cdn().behaves();
    desk.forget();
    desk.download();
    let again = cdn_bytes(&desk);
    assert!(again + LARGE / 2 < LARGE + (16 << 20), "{sent} bytes, then {again}");
    assert_right(&desk, &content);
}

/// Point 29.
#[test]
fn a_server_that_knows_no_ranges_sends_all_of_it_and_it_is_right() {
    let (desk, content) = killed_at(4 << 20);
    desk.cdn().on("*").ignores_the_range();
    desk.download();
    assert_right(&desk, &content);
}

/// Point 29.
#[test]
fn a_range_that_is_refused_is_given_up_and_the_file_begun_anew_once() {
    let (desk, content) = killed_at(4 << 20);
    let refused = desk.cdn().on("*").once().answers(416, Later::Unsaid);
    desk.download();
    assert_eq!(refused.count(), 1);
    assert!(desk.requests_to("GET", "*").len() < 8, "{:#?}", desk.requests());
    assert_right(&desk, &content);
}

/// Point 29.
#[test]
fn a_partial_of_another_version_is_not_continued_into_a_wrong_file() {
    let (desk, content) = killed_at(4 << 20);
    desk.cdn().on("*").sets("ETag", "\"another\"");
    desk.download();
    assert_right(&desk, &content);
}

/// Point 29: the bytes themselves are others now, and the commit is the same.
#[test]
fn other_bytes_under_the_same_commit_are_refused() {
    let (desk, content) = killed_at(4 << 20);
    desk.cdn().on("*").sends_instead(Content::pattern(9, SIZE));
    desk.models(&["download"]).expect(1).says(&["model.safetensors"]);
    assert!(!desk.cached(&format!("models--org--one/blobs/{}", content.sha256())).exists());
    desk.cdn().behaves();
    desk.download();
    assert_right(&desk, &content);
}
