//! What may go wrong on the way: points 30 to 33. Each ends in the right bytes or in an error and no file, and in time.

use std::time::{Duration, Instant};

use crate::support::desk::Desk;
use crate::support::hub::{Content, Later};

/// Point 30.
#[test]
fn a_body_of_the_right_length_and_the_wrong_content_is_refused_and_nothing_is_renamed() {
    let (desk, commit) = Desk::tiny();
    desk.cdn().on("*model.safetensors").flips_the_byte_at(7 << 20);
    let ran = desk.models(&["download"]).expect(1).says(&["model.safetensors has the wrong content"]);
    let right = Content::pattern(1, 12 << 20).sha256();
    assert!(ran.err.contains(&right), "{}", ran.err);
    assert!(!desk.cached(&format!("models--org--tiny/blobs/{right}")).exists());
    let pointer = desk.cached(&format!("models--org--tiny/snapshots/{commit}/model.safetensors"));
    assert!(pointer.symlink_metadata().is_err());
    assert!(!desk.cached(&format!("models--org--tiny/trees/{commit}.json")).exists());
    assert!(!desk.cached("models--org--tiny/refs/main").exists(), "no library finds what is not whole");
    desk.cdn().behaves();
    desk.download();
    desk.assert_whole();
}

/// Point 31: every call, the first questions too.
#[test]
fn a_reset_a_short_body_a_hang_up_and_a_5xx_are_tried_again_on_every_call() {
    for glob in ["/api/models/*/revision/*", "/api/models/*/tree/*", "/org/tiny/resolve/*", "/api/resolve-cache/*"] {
        let (desk, _) = Desk::tiny();
        desk.hub.on(glob).once().hangs_up();
        desk.hub.on(glob).after(1).once().answers(503, Later::Unsaid);
        desk.hub.on(glob).after(2).once().answers(500, Later::Unsaid);
        desk.download();
        desk.assert_whole();
    }
    for glob in ["*/revision/*", "*/tree/*", "/api/resolve-cache/*config.json"] {
        let (desk, _) = Desk::tiny();
        let reset = desk.hub.on(glob).once().resets_at(10);
        let cut = desk.hub.on(glob).after(1).once().cuts_at(10);
        desk.download();
        desk.assert_whole();
        assert_eq!((reset.count(), cut.count()), (1, 1), "{glob}");
    }
}

/// Point 31: the CDN.
#[test]
fn a_large_file_comes_through_resets_cuts_and_refusals_of_the_cdn() {
    let (desk, _) = Desk::tiny();
    desk.cdn().on("*").once().resets_at(90_000);
    desk.cdn().on("*").after(1).once().cuts_at(100_000);
    desk.cdn().on("*").after(2).once().answers(502, Later::Unsaid);
    desk.cdn().on("*").after(3).once().hangs_up();
    desk.download();
    desk.assert_whole();
}

/// Point 31: nothing comes any more, and nobody says so.
#[test]
fn a_stall_is_noticed_and_the_rest_is_asked_for_again() {
    let (desk, _) = Desk::tiny();
    let stalls = desk.cdn().on("*model.safetensors").once().stalls_at(100_000);
    let begun = Instant::now();
    desk.download();
    assert_eq!(stalls.count(), 1);
    desk.assert_whole();
    assert!(begun.elapsed() < Duration::from_secs(60));
}

/// Point 31: a server that never recovers.
#[test]
fn who_always_refuses_is_given_up_in_time_and_named() {
    for glob in ["/api/models/*", "/org/tiny/resolve/*"] {
        let (desk, _) = Desk::tiny();
        desk.hub.on(glob).answers(503, Later::Unsaid);
        let begun = Instant::now();
        desk.models(&["download"]).expect(1).says(&["503"]);
        assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    }
}

/// Point 32.
#[test]
fn who_is_told_to_wait_waits_in_every_form_of_words() {
    for (form, later) in [("RateLimit", Later::RateLimit(2)), ("seconds", Later::Seconds(2)), ("date", Later::Date(3))]
    {
        let (desk, _) = Desk::tiny();
        desk.hub.on("/api/models/*").once().answers(429, later);
        desk.download();
        desk.assert_whole();
        let asked = desk.requests_to("GET", "/api/models/*");
        let waited = asked[1].at - asked[0].at;
        // A date has whole seconds: of three, two remain at least.
        assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(8), "{form}: {waited:?}");
    }
}

/// Point 32: all threads.
#[test]
fn one_thread_that_is_told_to_wait_makes_all_of_them_wait() {
    let desk = Desk::with("many = \"hf:org/many\"");
    desk.model("org/many").files(60, |number| (format!("{number}.txt"), format!("{number}"))).commit();
    desk.hub.on("/org/many/resolve/*").after(5).once().answers(429, Later::RateLimit(2));
    desk.hub.on("/org/many/resolve/*").waits(Duration::from_millis(50));
    desk.download();
    let all = desk.requests_to("GET", "*");
    let told = all.iter().find(|seen| seen.status() == 429).unwrap().at;
    let early: Vec<_> = all
        .iter()
        .filter(|seen| {
            let after = seen.at.saturating_duration_since(told);
            after > Duration::from_millis(500) && after < Duration::from_millis(2000)
        })
        .collect();
    assert!(early.is_empty(), "{early:#?}");
}

/// Point 33.
#[test]
fn an_address_whose_time_is_over_is_resolved_again_and_the_rest_is_fetched() {
    let (desk, _) = Desk::tiny();
    let expired = desk.cdn().on("*model.safetensors").after(1).once().says_expired();
    desk.download();
    assert_eq!(expired.count(), 1);
    desk.assert_whole();
    assert!(desk.requests_to("GET", "/org/tiny/resolve/*model.safetensors").len() > 1, "{:#?}", desk.requests());
    let sent: u64 =
        desk.requests_to("GET", "*").iter().filter(|seen| &*seen.origin == "cdn").map(|seen| seen.sent()).sum();
    assert!(sent < 20 << 20, "{sent} bytes for 12 MiB");
}
