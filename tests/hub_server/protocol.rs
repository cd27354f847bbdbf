//! The hub answers as the real one does, where a client can see it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::json;

use super::raw::{ask, target};
use crate::support::hub::{Content, HOSTILE, Hub, Speed, http_date, mirrors};

#[test]
fn a_small_file_is_redirected_on_the_same_origin_and_named_by_git() {
    let hub = Hub::start();
    let commit = hub.model("org/m").file("a b/c#%+é&=?.bin", "hello\n").commit();
    let answer = ask(&hub, "HEAD", "/org/m/resolve/main/a%20b/c%23%25%2B%C3%A9%26%3D%3F.bin", &[]);
    assert_eq!((answer.status, answer.header("x-repo-commit")), (307, Some(commit.as_str())));
    let location = answer.header("location").unwrap();
    assert!(location.starts_with("/api/resolve-cache/models/org/m/"), "{location}");
    assert!(location.contains("a%20b/c%23%25%2B%C3%A9%26%3D%3F.bin?"), "{location}");
    let file = ask(&hub, "GET", location, &[]);
    assert_eq!((file.status, file.body.as_slice()), (200, b"hello\n".as_slice()));
    assert_eq!(file.header("etag"), Some("\"ce013625030ba8dba906f756967f9e9ca394464a\""));
    let same = ask(&hub, "GET", location, &["If-None-Match: \"ce013625030ba8dba906f756967f9e9ca394464a\""]);
    assert_eq!((same.status, same.body.len()), (304, 0));
}

#[test]
fn a_large_file_lies_on_the_cdn_and_its_headers_tell_everything() {
    let hub = Hub::start();
    let content = Content::pattern(1, 100_000);
    hub.model("org/m").lfs("model.safetensors", &content).commit();
    let answer = ask(&hub, "HEAD", "/org/m/resolve/main/model.safetensors", &[]);
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("x-linked-etag").unwrap(), format!("\"{}\"", content.sha256()));
    assert_eq!(answer.header("x-linked-size"), Some("100000"));
    assert_eq!(answer.header("x-xet-hash").unwrap().len(), 64);
    let xet = "Accept: application/vnd.xet-fileinfo+json, */*";
    assert_eq!(ask(&hub, "GET", "/org/m/resolve/main/model.safetensors", &[xet]).json()["size"], json!(100_000));
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(hub.cdn().url()), "{location}");
    for (range, status, bytes) in [
        ("bytes=0-0", 206, 0..1),
        ("bytes=99990-", 206, 99_990..100_000),
        ("bytes=99990-200000", 206, 99_990..100_000),
        ("bytes=-5", 206, 99_995..100_000),
        ("bytes=100000-", 416, 0..0),
    ] {
        let answer = ask(hub.cdn(), "GET", target(location), &[&format!("Range: {range}")]);
        assert_eq!((answer.status, answer.body), (status, content.bytes_of(bytes)), "{range}");
    }
}

#[test]
fn a_listing_has_pages_folders_and_both_names_of_a_digest() {
    let hub = Hub::start();
    hub.page_size(3);
    let content = Content::pattern(2, 500);
    hub.model("org/m").files(5, |i| (format!("part/{i}.txt"), "x")).lfs("w.bin", &content).commit();
    let (mut path, mut entries) = ("/api/models/org/m/tree/main?recursive=true&expand=false".to_owned(), Vec::new());
    let mut pages = 0;
    loop {
        let answer = ask(&hub, "GET", &path, &[]);
        entries.extend(answer.json().as_array().unwrap().clone());
        pages += 1;
        let Some(link) = answer.header("link") else { break };
        let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        assert!(next.starts_with(hub.url()), "{next}");
        path = target(next).to_owned();
    }
    let paths: Vec<_> = entries.iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["part", "part/0.txt", "part/1.txt", "part/2.txt", "part/3.txt", "part/4.txt", "w.bin"]);
    assert_eq!(pages, 3);
    assert_eq!(entries[6]["lfs"]["oid"], json!(content.sha256()));
    assert_ne!(entries[6]["oid"], json!(content.git_sha1()), "the oid is that of the pointer");
    let info = ask(&hub, "GET", "/api/models/org/m?blobs=true", &[]).json();
    assert_eq!(info["siblings"][5]["lfs"]["sha256"], json!(content.sha256()));
    let root = ask(&hub, "GET", "/api/models/org/m/tree/main", &[]).json();
    assert_eq!(root.as_array().unwrap().len(), 2);
}

#[test]
fn revisions_may_be_branches_tags_pull_requests_and_commits() {
    let hub = Hub::start();
    let main = hub.model("org/m").file("a", "1").commit();
    let branch = hub.model("org/m").branch("feat/x").file("a", "2").commit();
    let pull = hub.model("org/m").pull_request(1).file("a", "3").commit();
    hub.tag("org/m", "v1", &main);
    for (revision, commit) in [
        ("main", &main),
        ("feat%2Fx", &branch),
        ("refs%2Fpr%2F1", &pull),
        ("v1", &main),
        (&branch, &branch),
        (&main[..8], &main),
    ] {
        let info = ask(&hub, "GET", &format!("/api/models/org/m/revision/{revision}"), &[]).json();
        assert_eq!(info["sha"], json!(commit), "{revision}");
    }
    let refs = ask(&hub, "GET", "/api/models/org/m/refs", &[]).json();
    assert_eq!(refs["branches"].as_array().unwrap().len(), 2);
    assert_eq!(refs["pullRequests"][0]["targetCommit"], json!(pull));
}

#[test]
fn what_is_not_there_or_not_open_says_so_by_its_code() {
    let hub = Hub::start();
    hub.user("hf_stranger", "stranger");
    hub.model("org/m").file("a", "1").commit();
    hub.model("org/gated").gated().readable_with("hf_good").file("a", "1").commit();
    hub.model("org/secret").private().readable_with("hf_good").file("a", "1").commit();
    hub.model("org/shut").disabled().file("a", "1").commit();
    for (path, token, status, code) in [
        ("/api/models/org/none", None, 401, Some("RepoNotFound")),
        ("/api/models/org/none", Some("hf_stranger"), 404, Some("RepoNotFound")),
        ("/api/models/org/secret", None, 401, Some("RepoNotFound")),
        ("/api/models/org/secret", Some("hf_stranger"), 404, Some("RepoNotFound")),
        ("/api/models/org/secret", Some("hf_good"), 200, None),
        ("/api/models/org/shut", None, 403, None),
        ("/api/models/org/m/revision/none", None, 404, Some("RevisionNotFound")),
        ("/org/m/resolve/main/none", None, 404, Some("EntryNotFound")),
        ("/api/models/org/gated", None, 200, None),
        ("/org/gated/resolve/main/a", None, 401, Some("GatedRepo")),
        ("/org/gated/resolve/main/a", Some("hf_stranger"), 403, Some("GatedRepo")),
        ("/org/gated/resolve/main/a", Some("hf_good"), 200, None),
        ("/org/m/resolve/main/a", Some("hf_wrong"), 401, None),
        ("/api/whoami-v2", Some("hf_good"), 200, None),
        ("/api/whoami-v2", None, 401, None),
        ("/api/agent-harnesses", None, 404, None),
        ("/unknown", None, 404, None),
    ] {
        let header = token.map(|token| format!("Authorization: Bearer {token}"));
        let headers: Vec<_> = header.as_deref().into_iter().collect();
        let answer = ask(&hub, "GET", path, &headers);
        assert_eq!((answer.status, answer.header("x-error-code")), (status, code), "{path} with {token:?}");
    }
}

#[test]
fn a_name_in_another_letter_case_is_the_same_and_an_old_name_leads_to_the_new() {
    let hub = Hub::start();
    hub.model("Org/Model").license("mit").file("a", "1").commit();
    let info = ask(&hub, "GET", "/api/models/org/mODEL", &[]).json();
    assert_eq!((&info["id"], &info["cardData"]["license"]), (&json!("Org/Model"), &json!("mit")));
    hub.rename("Org/Model", "Org/New");
    for path in ["/api/models/Org/Model/revision/main", "/Org/Model/resolve/main/a"] {
        let answer = ask(&hub, "GET", path, &[]);
        assert_eq!(answer.status, 307);
        assert_eq!(answer.header("location").unwrap(), path.replace("Org/Model", "Org/New"));
    }
    assert_eq!(ask(&hub, "GET", "/api/models/Org/New", &[]).json()["id"], json!("Org/New"));
    hub.delete("Org/New");
    assert_eq!(ask(&hub, "GET", "/api/models/Org/New", &[]).status, 401);
}

#[test]
fn a_search_finds_by_name_and_sorts() {
    let hub = Hub::start();
    hub.model("a/whisper-tiny").popular(10, 1).file("a", "").commit();
    hub.model("b/Whisper-large").popular(30, 3).file("a", "").commit();
    hub.model("c/other").file("a", "").commit();
    let found = ask(&hub, "GET", "/api/models?search=whisper&sort=downloads&limit=5", &[]).json();
    let ids: Vec<_> = found.as_array().unwrap().iter().map(|found| found["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["b/Whisper-large", "a/whisper-tiny"]);
}

#[test]
fn hostile_names_are_listed_as_they_are() {
    let hub = Hub::start();
    let long = "n".repeat(4_000);
    let draft = HOSTILE.iter().fold(hub.model("org/evil"), |draft, path| draft.file(path, "x"));
    draft.file(&long, "x").file("Case", "1").file("case", "2").also("case", "3").commit();
    let tree = ask(&hub, "GET", "/api/models/org/evil/tree/main?recursive=true", &[]).json();
    let files = tree.as_array().unwrap().iter().filter(|entry| entry["type"] == "file");
    let paths: Vec<_> = files.map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), HOSTILE.len() + 4);
    assert!(HOSTILE.iter().chain(&[long.as_str()]).all(|path| paths.contains(path)));
    assert_eq!(paths.iter().filter(|path| **path == "case").count(), 2);
}

#[test]
fn a_listing_of_twenty_thousand_files_comes_in_pages_of_a_thousand() {
    let hub = Hub::start();
    hub.model("org/many").files(20_000, |i| (format!("f{i:05}"), "x")).commit();
    let answer = ask(&hub, "GET", "/api/models/org/many/tree/main?recursive=true&cursor=19000", &[]);
    assert_eq!((answer.json().as_array().unwrap().len(), answer.header("link")), (1_000, None));
    hub.next_page_at("http://elsewhere.test");
    let answer = ask(&hub, "GET", "/api/models/org/many/tree/main?recursive=true", &[]);
    assert!(answer.header("link").unwrap().starts_with("<http://elsewhere.test/api/models/"));
}

#[test]
fn further_origins_serve_their_files_and_become_mirrors() {
    let hub = Hub::start();
    let whisper = hub.whisper_host();
    let url = whisper.whisper_model("tiny.pt", "tiny");
    assert!(url.starts_with("https://openaipublic.azureedge.net/main/whisper/models/"), "{url}");
    assert_eq!(ask(&whisper, "GET", target(&url), &[]).body, b"tiny");
    assert_eq!(mirrors(&[&whisper]), format!("https://openaipublic.azureedge.net={}", whisper.url()));

    let github = hub.github();
    let commit = github.commit("snakers4/silero-vad", "master", [("hubconf.py", "x = 1"), ("src/a.py", "")]);
    let answer = ask(&github.api, "GET", "/repos/snakers4/silero-vad/commits/master", &[]).json();
    assert_eq!(answer["sha"], json!(commit));
    let tree = format!("/repos/snakers4/silero-vad/git/trees/{commit}?recursive=1");
    assert_eq!(ask(&github.api, "GET", &tree, &[]).json()["tree"].as_array().unwrap().len(), 3);
    assert_eq!(ask(&github.raw, "GET", &format!("/snakers4/silero-vad/{commit}/hubconf.py"), &[]).body, b"x = 1");
    assert_eq!(ask(&github.api, "GET", "/repos/snakers4/silero-vad/commits/none", &[]).status, 422);

    let wheel = github.spacy_model("3.8", "en_core_web_sm", "3.8.0", "wheel");
    let answer = ask(&github.pages, "GET", target(&wheel), &[]);
    let asset = answer.header("location").unwrap().to_owned();
    assert_eq!(
        (answer.status, ask(&github.assets, "GET", target(&asset), &[]).body.as_slice()),
        (302, b"wheel".as_slice())
    );
    let known = ask(&github.raw, "GET", "/explosion/spacy-models/master/compatibility.json", &[]).json();
    assert_eq!(known["spacy"]["3.8"]["en_core_web_sm"], json!(["3.8.0"]));
    assert_eq!(hub.requests_to("GET", "*hubconf.py").len(), 1, "one record for all origins");
}

#[test]
fn a_link_takes_its_round_trips_and_shares_its_speed() {
    let hub = Hub::behind(Speed { round_trip: Duration::from_millis(40), bytes_a_second: 20 << 20 });
    let content = Content::pattern(5, 4 << 20);
    hub.model("org/m").file("config.json", "{}").lfs("model.bin", &content).commit();
    let fetched = |url: &str| {
        let (mut body, path) = (Vec::new(), target(url));
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let address = url["http://".len()..].split('/').next().unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        socket.read_to_end(&mut body).unwrap();
        body
    };
    let begin = Instant::now();
    assert!(fetched(&format!("{}/api/models/org/m", hub.url())).starts_with(b"HTTP/1.1 200"));
    assert!(begin.elapsed() >= Duration::from_millis(80), "one for the connection, one for the answer");
    let answer = String::from_utf8(fetched(&format!("{}/org/m/resolve/main/model.bin", hub.url()))).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| assert!(fetched(location).ends_with(&content.bytes())));
        }
    });
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn a_date_is_written_as_in_the_standard() {
    for (seconds, date) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ] {
        assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), date);
    }
}

#[test]
fn the_record_counts_connections_and_keeps_them_apart() {
    let hub = Hub::start();
    hub.model("org/m").file("a", "1").commit();
    let mut socket = TcpStream::connect(hub.address()).unwrap();
    for _ in 0..2 {
        socket.write_all(b"GET /api/models/org/m HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(socket.read(&mut [0; 16 << 10]).unwrap() > 0);
    }
    ask(&hub, "GET", "/api/models/org/m", &[]);
    let connections: Vec<_> = hub.requests().iter().map(|seen| seen.connection).collect();
    assert_eq!((connections, hub.connections()), (vec![0, 0, 1], 2));
    hub.forget();
    assert_eq!((hub.requests().len(), hub.connections()), (0, 0));
}
