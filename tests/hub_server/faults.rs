//! Each switch does what its name says, and only as often as it was told to.

use std::time::{Duration, Instant};

use super::raw::{Answer, Ended, ask, ask_patiently, target};
use crate::support::hub::{Content, Hub, Later};

const SIZE: u64 = 3 << 20;
const FILE: &str = "/org/m/resolve/main/model.bin";

/// A hub with one large file, and the target of that file on the CDN.
fn house() -> (Hub, String) {
    let hub = Hub::start();
    hub.model("org/m").file("config.json", "{\"a\": 1}").lfs("model.bin", Content::pattern(7, SIZE)).commit();
    let answer = ask(&hub, "HEAD", FILE, &[]);
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = target(answer.header("location").unwrap()).to_owned();
    (hub, location)
}

fn fetch(hub: &Hub, location: &str) -> Answer {
    ask(hub.cdn(), "GET", location, &[])
}

fn whole() -> Vec<u8> {
    Content::pattern(7, SIZE).bytes()
}

#[test]
fn a_cut_answer_ends_in_order_after_that_many_bytes_and_the_next_one_is_whole() {
    let (hub, location) = house();
    let cut = hub.cdn().on("*model.bin").once().cuts_at(1_500_000);
    let answer = fetch(&hub, &location);
    assert_eq!((answer.status, answer.ended, answer.body.len()), (200, Ended::InOrder, 1_500_000));
    assert_eq!(answer.header("content-length"), Some("3145728"));
    assert!(answer.body == whole()[..1_500_000]);
    assert!(fetch(&hub, &location).body == whole());
    assert_eq!(cut.count(), 1);
}

#[test]
fn a_reset_answer_ends_with_a_reset_after_that_many_bytes() {
    let (hub, location) = house();
    hub.cdn().on("*").once().resets_at(100_000);
    let answer = fetch(&hub, &location);
    assert_eq!((answer.ended, answer.body.len()), (Ended::Reset, 100_000));
    assert!(fetch(&hub, &location).body == whole());
}

#[test]
fn a_stalled_answer_stops_and_stays_open_and_the_hub_can_still_be_dropped() {
    let (hub, location) = house();
    hub.cdn().on("*").stalls_at(5_000);
    let answer = ask_patiently(hub.cdn(), "GET", &location, &[], Duration::from_millis(300));
    assert_eq!((answer.ended, answer.body.len()), (Ended::Stalled, 5_000));
    let begin = Instant::now();
    drop(hub);
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_hung_up_connection_brings_nothing() {
    let (hub, _) = house();
    hub.on("/api/*").once().hangs_up();
    assert_eq!(ask(&hub, "GET", "/api/models/org/m", &[]).head, "");
    assert_eq!(ask(&hub, "GET", "/api/models/org/m", &[]).status, 200);
}

#[test]
fn late_slow_and_dripping_answers_take_their_time_and_are_whole() {
    let (hub, location) = house();
    let timed = |range: &str| {
        let begin = Instant::now();
        let answer = ask(hub.cdn(), "GET", &location, &[range]);
        (begin.elapsed(), answer)
    };
    hub.cdn().on("*").once().waits(Duration::from_millis(200));
    let (time, answer) = timed("Range: bytes=0-9");
    assert!(time >= Duration::from_millis(200), "{time:?}");
    assert_eq!(answer.body, whole()[..10]);

    hub.cdn().on("*").once().crawls_at(10 << 20);
    let (time, answer) = timed("X-None: 1");
    assert!(time >= Duration::from_millis(290) && time < Duration::from_secs(3), "{time:?}");
    assert!(answer.body == whole());

    hub.cdn().on("*").once().drips(3, Duration::from_millis(10));
    let (time, answer) = timed("Range: bytes=0-59");
    assert!(time >= Duration::from_millis(200), "{time:?}");
    assert_eq!(answer.body, whole()[..60]);
}

#[test]
fn a_burst_of_refusals_says_in_each_form_when_to_come_back() {
    let (hub, _) = house();
    let info = || ask(&hub, "GET", "/api/models/org/m", &[]);
    let burst = hub.on("/api/models/*").times(2).answers(503, Later::Unsaid);
    assert_eq!([info().status, info().status, info().status], [503, 503, 200]);
    assert_eq!(burst.count(), 2);
    hub.on("/api/*").once().answers(429, Later::Seconds(2));
    assert_eq!(info().header("retry-after"), Some("2"));
    hub.on("/api/*").once().answers(429, Later::RateLimit(3));
    assert_eq!(info().header("ratelimit"), Some("\"api\";r=0;t=3"));
    hub.on("/api/*").once().answers(429, Later::Date(60));
    let answer = info();
    let date = answer.header("retry-after").unwrap();
    assert!(date.ends_with(" GMT") && date != answer.header("date").unwrap(), "{date}");
}

#[test]
fn a_wrong_length_is_claimed_and_the_true_bytes_are_sent() {
    let (hub, location) = house();
    for (wrong, claimed) in [(10, "3145738"), (-10, "3145718")] {
        hub.cdn().on("*").once().claims_a_length_wrong_by(wrong);
        let answer = fetch(&hub, &location);
        assert_eq!((answer.header("content-length"), answer.ended), (Some(claimed), Ended::InOrder));
        assert!(answer.body == whole());
    }
}

#[test]
fn a_flipped_byte_is_the_only_difference() {
    let (hub, location) = house();
    let right = whole();
    for at in [0, 5, 1 << 20, (1 << 20) + 17, SIZE - 1] {
        hub.cdn().on("*").once().flips_the_byte_at(at);
        let answer = fetch(&hub, &location);
        let pairs = answer.body.iter().zip(&right).enumerate();
        let different: Vec<_> = pairs.filter(|(_, (got, right))| got != right).map(|(i, _)| i as u64).collect();
        assert_eq!(different, [at]);
    }
    // A range without that byte is no use for the fault.
    let flip = hub.cdn().on("*").flips_the_byte_at(9);
    assert!(ask(hub.cdn(), "GET", &location, &["Range: bytes=10-19"]).body == whole()[10..20]);
    assert_eq!(flip.count(), 0);
}

#[test]
fn another_content_comes_with_another_etag_and_a_range_of_it() {
    let (hub, location) = house();
    let before = ask(hub.cdn(), "GET", &location, &["Range: bytes=0-3"]);
    hub.cdn().on("*").sends_instead("other bytes");
    let after = ask(hub.cdn(), "GET", &location, &["Range: bytes=6-10"]);
    assert_eq!((after.status, after.body.as_slice()), (206, b"bytes".as_slice()));
    assert_ne!(before.header("etag"), after.header("etag"));
    let condition = format!("If-Range: {}", before.header("etag").unwrap());
    let whole = ask(hub.cdn(), "GET", &location, &["Range: bytes=6-10", &condition]);
    assert_eq!((whole.status, whole.body.as_slice()), (200, b"other bytes".as_slice()));
}

#[test]
fn an_ignored_range_a_loop_an_expired_url_and_a_portal_page_look_as_they_do_outside() {
    let (hub, location) = house();
    hub.cdn().on("*").once().ignores_the_range();
    let answer = ask(hub.cdn(), "GET", &location, &["Range: bytes=5-"]);
    assert_eq!((answer.status, answer.header("content-range")), (200, None));
    assert!(answer.body == whole());

    hub.on("*model.bin").once().redirects_to_itself();
    assert_eq!(ask(&hub, "HEAD", FILE, &[]).header("location"), Some(FILE));
    hub.cdn().on("*").once().says_expired();
    assert_eq!(fetch(&hub, &location).status, 403);
    hub.on("/api/*").once().sends_html();
    let page = ask(&hub, "GET", "/api/models/org/m", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
}

#[test]
fn a_signed_url_expires_and_a_forged_one_is_refused() {
    let (hub, _) = house();
    hub.urls_live(Duration::from_millis(50));
    let answer = ask(&hub, "HEAD", FILE, &[]);
    let location = target(answer.header("location").unwrap()).to_owned();
    assert_eq!(fetch(&hub, &location).status, 200);
    std::thread::sleep(Duration::from_millis(80));
    assert_eq!(fetch(&hub, &location).status, 403);
    let later = location.replacen("X-Expires=1", "X-Expires=9", 1);
    assert_eq!(fetch(&hub, &later).status, 403);
}

#[test]
fn gzip_and_chunks_come_without_a_length() {
    let (hub, _) = house();
    let cached = ask(&hub, "GET", "/org/m/resolve/main/config.json", &[]);
    let cached = target(&format!("http://x{}", cached.header("location").unwrap())).to_owned();
    hub.on("*config.json").once().sends_gzip();
    let answer = ask(&hub, "GET", &cached, &[]);
    assert_eq!((answer.header("content-encoding"), answer.header("content-length")), (Some("gzip"), None));
    assert!(answer.body.starts_with(b"1f\r\n\x1f\x8b"), "{:?}", answer.body);
    hub.on("*config.json").once().sends_chunks();
    let answer = ask(&hub, "GET", &cached, &[]);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.body, b"8\r\n{\"a\": 1}\r\n0\r\n\r\n");
}

#[test]
fn json_breaks_off_or_never_ends_and_headers_come_and_go() {
    let (hub, _) = house();
    let info = || ask(&hub, "GET", "/api/models/org/m", &[]);
    let full = info().body;
    hub.on("/api/*").once().sends_half();
    let half = info();
    assert!(half.body == full[..full.len() / 2]);
    assert_eq!(half.header("content-length").unwrap(), half.body.len().to_string());
    hub.on("/api/*").once().sends_json_of(5 << 20);
    let huge = info().body;
    assert!(huge.len() == 5 << 20 && huge.starts_with(b"[{\"type\":\"directory\""));
    hub.on("*config.json").once().leaves_out("X-Repo-Commit");
    hub.on("*config.json").once().sets("ETag", "\"odd\"");
    let head = ask(&hub, "HEAD", "/org/m/resolve/main/config.json", &[]);
    assert_eq!((head.header("x-repo-commit"), head.header("etag")), (None, Some("\"odd\"")));
    assert_eq!(info().status, 200);
}

#[test]
fn a_fault_can_begin_later_and_concern_one_method() {
    let (hub, location) = house();
    hub.cdn().on("*").after(2).times(1).cuts_at(1);
    let sizes: Vec<_> = (0..4).map(|_| fetch(&hub, &location).body.len()).collect();
    assert_eq!(sizes, [SIZE as usize, SIZE as usize, 1, SIZE as usize]);
    hub.on("*").method("HEAD").answers(500, Later::Unsaid);
    assert_eq!([ask(&hub, "HEAD", FILE, &[]).status, ask(&hub, "GET", FILE, &[]).status], [500, 302]);
    hub.behaves();
    assert_eq!(ask(&hub, "HEAD", FILE, &[]).status, 302);
}

#[test]
#[should_panic(expected = "the CDN was sent the header authorization")]
fn a_token_at_the_cdn_fails_the_test() {
    let (hub, location) = house();
    ask(hub.cdn(), "GET", &location, &["Authorization: Bearer hf_secret"]);
}
