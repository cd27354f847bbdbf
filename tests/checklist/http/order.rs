//! What is asked, in which order, in which words: points 18 to 22 and 24 to 27.

use crate::support::desk::{self, Desk};
use crate::support::hub::{Content, Hub};

/// Point 18.
#[test]
fn first_the_commit_is_asked_for_then_the_listing_then_each_file_once() {
    let (desk, commit) = Desk::tiny();
    desk.page_size(3);
    desk.download();
    let asked: Vec<_> = desk.requests().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect();
    assert_eq!(asked[0], "GET /api/models/org/tiny/revision/main");
    let tree = format!("GET /api/models/org/tiny/tree/{commit}");
    let pages = asked.iter().filter(|one| **one == tree).count();
    assert!(pages > 1 && asked[1..=pages].iter().all(|one| *one == tree), "{asked:#?}");
    let mut files: Vec<_> = asked.iter().filter(|one| one.contains("/resolve/")).cloned().collect();
    files.sort();
    let of = |path| format!("GET /org/tiny/resolve/{commit}/{path}");
    let wanted = ["config.json", "model.safetensors", "nested/dir/vocab.txt", "nested/deep/table.dat"];
    let mut wanted: Vec<_> = wanted.map(of).into_iter().chain([of("we ird #1%+é.txt")]).collect();
    wanted.sort();
    assert_eq!(files, wanted, "one request a file, and none for the empty one");
    assert!(asked.iter().all(|one| one.starts_with("GET ")), "{asked:#?}");
}

/// Point 18: a commit needs no question, and what is here and locked none at all.
#[test]
fn a_commit_is_not_asked_about_and_what_is_here_and_locked_asks_nobody() {
    let hub = Hub::start();
    let commit = desk::tiny(&hub);
    let desk = Desk::at(hub, &format!("tiny = \"hf:org/tiny@{commit}\""));
    desk.download();
    assert!(desk.requests_to("*", "/api/models/org/tiny/revision/*").is_empty(), "{:#?}", desk.requests());
    for arguments in [&["download"][..], &["download", "--frozen"], &["download", "--locked"], &["verify"], &["list"]] {
        desk.forget();
        desk.models(arguments).expect(0);
        assert_eq!(desk.connections(), 0, "{arguments:?}: {:#?}", desk.requests());
    }
}

/// Point 19.
#[test]
fn every_page_of_a_listing_is_read() {
    let desk = Desk::with("many = \"hf:org/many\"");
    desk.page_size(7);
    let commit = desk.model("org/many").files(100, |number| (format!("d/{number}.txt"), format!("{number}"))).commit();
    desk.download();
    assert_eq!(
        std::fs::read_dir(desk.cached(&format!("models--org--many/snapshots/{commit}/d"))).unwrap().count(),
        100
    );
    assert!(desk.requests_to("GET", "*/tree/*").len() >= 15);
}

/// Point 19: the listing must not lead the token elsewhere.
#[test]
fn a_next_page_on_another_server_is_not_asked_for() {
    let (desk, _) = Desk::tiny();
    let desk = desk.set("HF_TOKEN", "hf_secret");
    let other = Hub::start();
    desk.page_size(2);
    desk.user("hf_secret", "me");
    desk.next_page_at(other.url());
    let ran = desk.models(&["download"]).expect(1).says(&["goes on at another server"]);
    assert!(!ran.err.contains("hf_secret"));
    assert_eq!(other.connections(), 0);
}

/// Point 20.
#[test]
fn branches_and_paths_are_quoted_as_the_official_client_does() {
    let desk = Desk::with("odd = \"hf:org/odd@feat/x\"");
    let name = "a b/c#%+é&=?.bin.txt";
    desk.model("org/odd").file("README.md", "main").commit();
    let commit = desk.model("org/odd").branch("feat/x").file(name, "1").file("it's(1)!*~.txt", "2").commit();
    desk.download();
    let raw: Vec<_> = desk.requests().iter().map(|seen| seen.raw_path.clone()).collect();
    let wanted = [
        "/api/models/org/odd/revision/feat%2Fx".to_owned(),
        format!("/org/odd/resolve/{commit}/a%20b/c%23%25%2B%C3%A9%26%3D%3F.bin.txt"),
        format!("/org/odd/resolve/{commit}/it%27s%281%29%21%2A~.txt"),
    ];
    for path in wanted {
        assert!(raw.contains(&path), "{path} is not in {raw:#?}");
    }
}

/// Point 21.
#[test]
fn nothing_compressed_is_asked_for_and_what_comes_compressed_is_never_hashed_as_it_is() {
    let (desk, _) = Desk::tiny();
    let zipped = desk.hub.on("/api/resolve-cache/*config.json").once().sends_gzip();
    let ran = desk.models(&["download"]);
    assert_eq!(zipped.count(), 1);
    if ran.code != 0 {
        assert!(ran.err.contains("config.json"), "{}", ran.err);
        desk.download();
    }
    desk.assert_whole();
    for seen in desk.requests_to("*", "*/resolve*") {
        assert_eq!(seen.header("accept-encoding"), Some("identity"), "{seen:?}");
    }
}

/// Point 22.
#[test]
fn a_relative_redirect_keeps_its_query_and_one_to_another_server_is_followed() {
    let (desk, _) = Desk::tiny();
    desk.download();
    let near = desk.requests_to("GET", "/api/resolve-cache/*config.json");
    assert!(near.len() == 1 && near[0].query.contains("etag="), "{near:?}");
    assert!(desk.requests_to("GET", "*").iter().filter(|seen| &*seen.origin == "cdn").count() > 1);
    desk.assert_whole();
}

/// Point 24.
#[test]
fn what_the_cdn_and_the_redirect_say_of_etag_and_length_names_no_blob() {
    let (desk, _) = Desk::tiny();
    desk.cdn().on("*").sets("ETag", "\"0123456789abcdef0123456789abcdef01234567\"");
    desk.hub.on("/org/tiny/resolve/*").sets("X-Linked-Size", "5");
    desk.hub.on("/org/tiny/resolve/*").sets("ETag", "\"not-the-one\"");
    desk.download();
    desk.assert_whole();
}

/// Point 25.
#[test]
fn a_server_that_is_no_hub_is_called_that_and_not_a_broken_connection() {
    let (desk, _) = Desk::tiny();
    desk.hub.on("/api/models/*").once().sends_html();
    let ran = desk.models(&["download"]).expect(1).says(&["does not answer as a Hub does", "HF_ENDPOINT"]);
    assert!(!ran.err.contains("onnection"), "{}", ran.err);
    // What is not needed is not insisted on: the digest is known from the listing.
    desk.hub.on("/org/tiny/resolve/*").leaves_out("X-Repo-Commit");
    desk.download();
    desk.assert_whole();
}

/// Point 26.
#[test]
fn a_file_of_the_xet_store_is_fetched_as_plain_bytes() {
    let (desk, _) = Desk::tiny();
    desk.download();
    assert!(desk.requests_to("*", "*xet-read-token*").is_empty());
    assert!(desk.requests().iter().all(|seen| !seen.header("accept").unwrap_or_default().contains("xet")));
    let blob = desk.cached(&format!("models--org--tiny/blobs/{}", Content::pattern(1, 12 << 20).sha256()));
    assert_eq!(std::fs::read(blob).unwrap(), Content::pattern(1, 12 << 20).bytes());
}

/// Point 26: for a repository that one may not read, the listing masks the hashes.
#[test]
fn masked_xet_hashes_are_no_obstacle() {
    let desk = Desk::with("tiny = \"hf:org/masked\"");
    desk.model("org/masked").lfs("model.safetensors", Content::pattern(3, 5000)).with_masked_xet().commit();
    desk.download();
    desk.models(&["verify"]).expect(0);
}

/// Point 27.
#[test]
fn an_empty_file_is_made_without_a_request() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    assert!(desk.requests_to("*", "*/empty").is_empty());
    let blob = desk.cached("models--org--tiny/blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_eq!(std::fs::metadata(blob).unwrap().len(), 0);
    assert!(desk.cached(&format!("models--org--tiny/snapshots/{commit}/empty")).is_file());
}
