//! Whatever a server does wrong on the way, a download ends in the right bytes or in a clear error, and never hangs.
#![cfg(unix)]

use std::time::{Duration, Instant};

use crate::support::download::{ID, Yard};
use crate::support::hub::{Content, Later};
use crate::support::project::Ran;

/// A file that comes in one piece.
const SMALL: u64 = 300_000;
/// A file that comes in ranges.
const LARGE: u64 = 20 << 20;

/// The weights of both sizes, each in a project of its own.
fn both_sizes(test: impl Fn(&str, Yard)) {
    for size in [SMALL, LARGE] {
        test(&format!("{size} bytes"), Yard::tiny(&Content::pattern(size, size)));
    }
}

/// Fails unless the download failed and said `words`, and nothing of the weights has its final name.
#[track_caller]
fn failed(yard: &Yard, ran: Ran, words: &[&str]) {
    ran.expect(1).says(words);
    let found = yard.shared(ID);
    let weights = found.keys().find(|path| path.ends_with(".safetensors") || path.len() == "blobs/".len() + 64);
    assert_eq!(weights, None);
}

#[test]
fn a_connection_that_breaks_is_opened_again_and_the_bytes_are_the_right_ones() {
    both_sizes(|size, yard| {
        for at in [0, 1, 100_000, SMALL - 1] {
            yard.hub.cdn().on("*.safetensors").once().cuts_at(at);
            yard.hub.cdn().on("*.safetensors").after(1).once().resets_at(at);
        }
        yard.hub.cdn().on("*").after(2).once().hangs_up();
        yard.hub.on("*/resolve/*").once().hangs_up();
        yard.hub.on("/api/*").once().hangs_up();
        yard.hub.on("/api/*/tree/*").once().cuts_at(10);
        yard.download(&[]).expect(0);
        println!("{size}");
        yard.assert_whole(ID);
    });
}

#[test]
fn a_server_that_always_cuts_is_given_up_and_what_came_is_kept_for_the_next_run() {
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    let cut = yard.hub.cdn().on("*.safetensors").cuts_at(1000);
    failed(&yard, yard.download(&[]), &["tiny is not here", "/org/tiny/resolve/", "model.safetensors", "tried"]);
    assert!((3..40).contains(&cut.count()), "{} requests", cut.count());
    assert!(yard.partial_bytes() > 0, "what came is kept");
    yard.hub.cdn().behaves();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
}

#[test]
fn a_server_that_falls_silent_is_left_and_asked_again() {
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    let stall = yard.hub.cdn().on("*.safetensors").once().stalls_at(200_000);
    let running = yard.start(&mut yard.command(&["models", "download"]));
    running.end(Duration::from_secs(60)).expect(0);
    assert_eq!(stall.count(), 1);
    yard.assert_whole(ID);
}

#[test]
fn a_server_that_sends_drop_by_drop_is_waited_for() {
    let yard = Yard::tiny(&Content::pattern(1, 100_000));
    yard.hub.cdn().on("*.safetensors").drips(1000, Duration::from_millis(10));
    yard.hub.on("/api/*").drips(20, Duration::from_millis(2));
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
}

#[test]
fn a_refusal_for_a_while_is_obeyed_however_it_is_said() {
    for (code, later) in [
        (429, Later::Seconds(2)),
        (503, Later::Date(3)),
        (429, Later::RateLimit(2)),
        (502, Later::Unsaid),
        (500, Later::Unsaid),
        (504, Later::Seconds(2)),
    ] {
        let yard = Yard::tiny(&Content::pattern(1, SMALL));
        yard.hub.on("/api/models/org/tiny/revision/*").once().answers(code, later);
        let struck = yard.hub.on("*/resolve/*/model.safetensors").times(2).answers(code, later);
        let begun = Instant::now();
        yard.download(&[]).expect(0);
        yard.assert_whole(ID);
        assert_eq!(struck.count(), 2, "{code}");
        let told = !matches!(later, Later::Unsaid);
        // Three refusals of two seconds each (a date has no fractions: from two to three).
        assert!(!told || begun.elapsed() > Duration::from_secs(5), "{code} after {:?}", begun.elapsed());
    }
}

#[test]
fn a_refusal_to_one_makes_all_connections_wait() {
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    yard.hub.cdn().on("*.safetensors").after(3).once().answers(429, Later::Seconds(2));
    yard.hub.cdn().on("*.safetensors").crawls_at(1 << 20);
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    let all = yard.hub.requests();
    let refused = all.iter().find(|seen| seen.status() == 429).unwrap();
    let early: Vec<_> = all
        .iter()
        .filter(|seen| &*seen.origin == "cdn" && seen.at > refused.at + Duration::from_millis(200))
        .filter(|seen| seen.at < refused.at + Duration::from_millis(1900))
        .collect();
    assert!(early.is_empty(), "{early:?}");
}

#[test]
fn a_server_that_refuses_for_good_is_given_up_with_its_own_words() {
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    yard.hub.on("*/resolve/*/model.safetensors").answers(503, Later::Unsaid);
    failed(&yard, yard.download(&[]), &["model.safetensors answered 503: try again later"]);
    yard.hub.behaves();
    yard.hub.on("*/resolve/*/model.safetensors").answers(429, Later::Seconds(3600));
    let begun = Instant::now();
    failed(&yard, yard.download(&[]), &["model.safetensors answered 429: try again later"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for an hour");
    yard.hub.behaves();
    yard.hub.on("/api/*").answers(500, Later::Unsaid);
    std::fs::remove_file(yard.place("modelstrap.lock")).unwrap();
    failed(&yard, yard.download(&[]), &["tiny is not here", "answered 500: try again later"]);
}

#[test]
fn a_length_that_is_not_the_listed_one_is_refused_and_a_broken_promise_is_asked_again() {
    for (wrong, found) in [(7, "300007"), (-7, "299993")] {
        let yard = Yard::tiny(&Content::pattern(1, SMALL));
        yard.hub.cdn().on("*.safetensors").claims_a_length_wrong_by(wrong);
        let words = format!("model.safetensors is {found} bytes long instead of 300000; nothing was kept");
        failed(&yard, yard.download(&[]), &[&words]);
        yard.hub.cdn().behaves();
        yard.download(&[]).expect(0);
        yard.assert_whole(ID);
    }
    for wrong in [7, -7] {
        let yard = Yard::tiny(&Content::pattern(1, LARGE));
        yard.hub.cdn().on("*.safetensors").times(3).claims_a_length_wrong_by(wrong);
        yard.download(&[]).expect(0);
        yard.assert_whole(ID);
    }
}

#[test]
fn a_file_that_is_longer_or_shorter_than_listed_is_refused() {
    both_sizes(|_, yard| {
        for size in [10, SMALL - 1, LARGE + 1] {
            yard.hub.cdn().behaves();
            yard.hub.cdn().on("*.safetensors").sends_instead(Content::pattern(9, size));
            failed(&yard, yard.download(&[]), &["model.safetensors", &size.to_string()]);
        }
    });
}

#[test]
fn one_flipped_byte_is_told_with_both_digests_and_nothing_of_the_file_is_kept() {
    for (size, at) in [(SMALL, 0), (SMALL, SMALL - 1), (LARGE, 0), (LARGE, 11 << 20), (LARGE, LARGE - 1)] {
        let yard = Yard::new("tiny = \"hf:org/tiny\"\nother = \"hf:org/other\"");
        let weights = Content::pattern(size, size);
        yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", &weights).commit();
        yard.hub
            .model("org/other")
            .file("config.json", "{ }")
            .lfs("model.safetensors", Content::pattern(4, SMALL))
            .commit();
        yard.hub.cdn().on("/org/tiny/model.safetensors").flips_the_byte_at(at);
        let (good, bad) = (weights.sha256(), weights.with_flipped_byte(at).sha256());
        let ran = yard.download(&[]);
        failed(
            &yard,
            ran,
            &[
                "tiny is not here",
                "/model.safetensors has the wrong content; nothing was kept",
                &format!("expected sha256:{good}"),
                &format!("received sha256:{bad}"),
            ],
        );
        assert_eq!(yard.unfinished(), Vec::<String>::new());
        assert!(yard.shared(ID).keys().any(|path| path.ends_with("/config.json")), "the other file of the model came");
        yard.assert_whole("org/other");
        yard.hub.cdn().behaves();
        yard.download(&["--frozen"]).expect(0);
        yard.assert_whole(ID);
    }
}

#[test]
fn a_flipped_byte_in_a_small_file_is_told_with_gits_digests() {
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    yard.hub.on("*/config.json").flips_the_byte_at(1);
    let (good, bad) = (Content::from("{}"), Content::from("{|"));
    let ran = yard.download(&[]).expect(1);
    let words = [format!("expected git:{}", good.git_sha1()), format!("received git:{}", bad.git_sha1())];
    let ran = ran.says(&["config.json has the wrong content; nothing was kept"]);
    assert!(words.iter().all(|word| ran.err.contains(word)), "{words:?}\n{}", ran.err);
    assert!(!yard.shared(ID).contains_key(&format!("blobs/{}", good.git_sha1())));
}

#[test]
fn a_file_that_changes_midway_is_begun_again() {
    let other = Content::pattern(77, LARGE);
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    yard.hub.cdn().on("*.safetensors").after(2).once().sends_instead(&other);
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    // One that goes on being another is an error.
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    yard.hub.cdn().on("*.safetensors").after(2).sends_instead(&other);
    failed(&yard, yard.download(&[]), &["model.safetensors"]);
}

#[test]
fn a_server_that_ignores_ranges_still_gives_the_right_bytes() {
    both_sizes(|size, yard| {
        let cut = yard.hub.cdn().on("*.safetensors").once().cuts_at(150_000);
        yard.hub.cdn().on("*.safetensors").ignores_the_range();
        yard.download(&[]).expect(0);
        assert_eq!(cut.count(), 1, "{size}");
        yard.assert_whole(ID);
    });
    // Ranges that are ignored only now and then.
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    yard.hub.cdn().on("*.safetensors").after(3).once().ignores_the_range();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
}

#[test]
fn redirects_that_lead_nowhere_end_in_an_error() {
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    let loops = yard.hub.on("*/model.safetensors").redirects_to_itself();
    failed(&yard, yard.download(&[]), &["model.safetensors: redirects more than 20 times"]);
    assert!(loops.count() <= 22, "{}", loops.count());
    for (to, why) in [
        ("ftp://h/x", "is neither http nor https"),
        ("http://127.0.0.1:1/x?secret=1", "127.0.0.1:1: Connection refused"),
    ] {
        yard.hub.behaves();
        yard.hub.on("*/model.safetensors").redirects_to(to);
        let ran = yard.download(&[]);
        assert!(!ran.err.contains("secret"), "{}", ran.err);
        failed(&yard, ran, &[why]);
    }
}

#[test]
fn an_address_that_expires_is_asked_for_again() {
    both_sizes(|size, yard| {
        yard.hub.cdn().on("*.safetensors").after(1).once().says_expired();
        yard.hub.cdn().on("*.safetensors").once().cuts_at(100_000);
        yard.download(&[]).expect(0);
        println!("{size}");
        yard.assert_whole(ID);
    });
    let yard = Yard::tiny(&Content::pattern(1, 12 << 20));
    yard.hub.urls_live(Duration::from_secs(1));
    yard.hub.cdn().on("*.safetensors").crawls_at(200 << 10);
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    yard.hub.cdn().on("*").says_expired();
    let ran = yard.download(&[]);
    assert!(!ran.err.contains("Signature"), "no signed address is shown: {}", ran.err);
    failed(&yard, ran, &["answered 403"]);
}

#[test]
fn a_page_of_html_a_gzip_and_chunks_never_become_a_file_of_the_wrong_bytes() {
    both_sizes(|_, yard| {
        yard.hub.cdn().on("*").sends_html();
        failed(&yard, yard.download(&[]), &["model.safetensors"]);
        yard.hub.cdn().behaves();
        yard.hub.cdn().on("*").sends_gzip();
        failed(&yard, yard.download(&[]), &["came encoded as gzip, which was not asked for"]);
        yard.hub.cdn().behaves();
        yard.hub.cdn().on("*").sends_half();
        failed(&yard, yard.download(&[]), &["model.safetensors"]);
        yard.hub.cdn().behaves();
        yard.hub.cdn().on("*").sends_chunks();
        yard.download(&[]).expect(0);
        yard.assert_whole(ID);
    });
}

#[test]
fn an_answer_of_the_api_that_is_no_json_is_told_and_nothing_is_written() {
    let yard = Yard::tiny(&Content::pattern(1, SMALL));
    for (glob, fault, words) in [
        ("/api/*", "html", "does not answer as a Hub does (it sent a page of HTML)"),
        ("/api/*/tree/*", "html", "does not answer as a Hub does (it sent a page of HTML)"),
        ("/api/*", "half", "does not answer as a Hub does (it sent no JSON"),
        ("/api/*/tree/*", "half", "does not answer as a Hub does (it sent no JSON"),
        ("/api/*", "gzip", "encoded as gzip"),
    ] {
        yard.hub.behaves();
        match fault {
            "html" => yard.hub.on(glob).sends_html(),
            "half" => yard.hub.on(glob).sends_half(),
            _ => yard.hub.on(glob).sends_gzip(),
        };
        yard.download(&[]).expect(1).says(&["tiny is not here", words]);
        yard.assert_nothing_of(ID);
        assert!(!yard.exists("modelstrap.lock"));
    }
}

#[test]
fn headers_that_are_missing_do_not_matter() {
    both_sizes(|size, yard| {
        for header in ["X-Repo-Commit", "X-Linked-Etag", "X-Linked-Size", "ETag", "Accept-Ranges", "Content-Type"] {
            yard.hub.on("*").leaves_out(header);
            yard.hub.cdn().on("*").leaves_out(header);
        }
        yard.download(&[]).expect(0);
        println!("{size}");
        yard.assert_whole(ID);
    });
}
