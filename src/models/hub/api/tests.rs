//! Conversations with a Hub: what is asked, in which order, and what each answer means.

use super::super::resolve::HubAsk;
use super::*;
use crate::fetch::Digest;
use crate::models::documents::fake::Fake;
use crate::models::hub::formats::Wanted;
use crate::models::hub::patterns::Filter;
use crate::models::locked::Place;
use crate::platform::Os;
use crate::support::vars::Vars;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const OID: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
const INFO: &str = "http://hub/api/models/Org/Name/revision/main";

fn settings(token: Option<&str>) -> Settings {
    let vars: Vars = [("HF_ENDPOINT", "http://hub"), ("HOME", "/nowhere")].into_iter().collect();
    let vars = token.map_or(vars.clone(), |token| vars.with("HF_TOKEN", token));
    Settings::of(&vars, Os::Linux, None)
}

fn tree_url() -> String {
    format!("http://hub/api/models/Org/Name/tree/{COMMIT}?recursive=true&expand=false")
}

fn info() -> String {
    format!(r#"{{"id":"Org/Name","sha":"{COMMIT}","gated":false,"tags":["license:mit"]}}"#)
}

fn listing(paths: &[&str]) -> String {
    let files: Vec<String> = paths
        .iter()
        .map(|path| {
            format!(r#"{{"type":"file","path":{},"size":1,"oid":"{OID}"}}"#, serde_json::to_string(path).unwrap())
        })
        .collect();
    format!("[{}]", files.join(","))
}

fn ask(hub: &Fake, revision: &str) -> Result<Snapshot, Error> {
    resolve(hub, &settings(None), RepoType::Model, "Org/Name", revision)
}

fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.entries.iter().map(|entry| entry.path.as_str()).collect()
}

fn asked(hub: &Fake) -> Vec<String> {
    hub.asked.borrow().iter().map(|(url, _)| url.clone()).collect()
}

#[test]
fn the_commit_is_asked_for_and_then_every_page_of_its_tree() {
    let second = "http://hub/api/models/Org/Name/tree/x?cursor=a%3D";
    let link = format!("<{second}>; rel=\"next\"");
    let hub = Fake::default()
        .with(INFO, &info(), &[])
        .with(&tree_url(), &listing(&["b", "a/x"]), &[("Link", &link)])
        .with(second, &listing(&["c", "a/x"]), &[("link", "</api/other>; rel=\"next\"")])
        .with("http://hub/api/other", "[]", &[]);
    let snapshot = ask(&hub, "main").unwrap();
    assert_eq!(paths(&snapshot), ["a/x", "b", "c"], "sorted, each once");
    assert_eq!((snapshot.commit.as_str(), snapshot.license.as_deref()), (COMMIT, Some("mit")));
    assert_eq!(asked(&hub), [INFO, &tree_url(), second, "http://hub/api/other"]);
}

#[test]
fn a_whole_commit_saves_the_first_question() {
    let hub = Fake::default().with(&tree_url(), &listing(&["a"]), &[]);
    assert_eq!(paths(&ask(&hub, COMMIT).unwrap()), ["a"]);
    assert_eq!(asked(&hub), [tree_url()]);
}

#[test]
fn a_listing_that_goes_on_elsewhere_or_round_in_a_circle_is_not_followed() {
    let follow = |link: &str| {
        let hub = Fake::default().with(&tree_url(), "[]", &[("Link", &format!("<{link}>; rel=next"))]);
        (ask(&hub, COMMIT).unwrap_err().to_string(), asked(&hub).len())
    };
    for elsewhere in
        ["http://evil/x", "https://hub/x", "http://hub:8080/x", "//evil/x", "http://hub@evil/", "file:///x", ""]
    {
        let (error, requests) = follow(elsewhere);
        assert!(error.contains("goes on at another server"), "{elsewhere}: {error}");
        assert_eq!(requests, 1, "{elsewhere}");
    }
    assert!(follow(&tree_url()).0.contains("in a circle"));
}

#[test]
fn names_that_lead_out_and_listings_that_contradict_themselves_are_refused() {
    let refused = |json: &str| {
        let hub = Fake::default().with(&tree_url(), json, &[]);
        ask(&hub, COMMIT).unwrap_err().to_string()
    };
    for path in ["../x", "/etc/passwd", "C:\\x", "\\\\server\\x", "a\0b", "a//b", "./a", &"x".repeat(4000)] {
        let error = refused(&listing(&["ok", path]));
        assert!(error.contains("which is refused") && error.contains("nothing was written"), "{error}");
        assert!(error.len() < 500 && !error.contains('\0'), "{error}");
    }
    assert!(refused(&listing(&["a", "a/b"])).contains("lies in a folder that is listed as a file"));
    let other = listing(&["a"]).replace("\"size\":1", "\"size\":2");
    let twice = format!("[{},{}]", &listing(&["a"])[1..listing(&["a"]).len() - 1], &other[1..other.len() - 1]);
    assert!(refused(&twice).contains("listed twice"));
}

#[test]
fn every_refusal_says_what_a_person_can_do() {
    let error = |code, error_code, text: &str, token| {
        let hub = Fake::default().refusing(INFO, code, error_code, text);
        let error = resolve(&hub, &settings(token), RepoType::Model, "Org/Name", "main").unwrap_err().to_string();
        assert!(!error.contains("hf_secret"), "{error}");
        error
    };
    let token = Some("hf_secret");
    let rows = [
        (
            error(401, Some("GatedRepo"), "", None),
            "Org/Name is gated: ask for access at http://hub/Org/Name and set HF_TOKEN to a token of that account, then try again",
        ),
        (
            error(403, Some("GatedRepo"), "", token),
            "Org/Name is gated: your token has no access yet, ask for it at http://hub/Org/Name, then try again",
        ),
        (
            error(404, Some("RepoNotFound"), "", None),
            "http://hub has no model Org/Name, or it is private (then set HF_TOKEN)",
        ),
        (
            error(404, None, "", None),
            "http://hub has no model Org/Name, or it is private (then set HF_TOKEN); it does not refuse as a Hub does: is it one, is HF_ENDPOINT right?",
        ),
        (error(401, None, "", token), "http://hub has no model Org/Name, or your token may not see it"),
        (error(404, Some("RevisionNotFound"), "", None), "Org/Name has no branch, tag or commit \"main\""),
        (
            error(403, None, "Access to this resource is disabled.", None),
            "the Hub has disabled access to Org/Name; its page may say why: http://hub/Org/Name",
        ),
        (
            error(401, None, "Invalid credentials in Authorization header", token),
            "http://hub does not accept the token from HF_TOKEN: it is wrong, expired or revoked",
        ),
        (error(500, None, "oops", None), "http://hub/api/models/Org/Name/revision/main answered 500: oops"),
    ];
    for (found, expected) in rows {
        assert_eq!(found, expected);
    }
}

#[test]
fn who_answers_with_html_is_no_hub() {
    let html = Fake::default().with(INFO, "<!doctype html><p>sign in", &[("Content-Type", "text/html; charset=utf-8")]);
    assert!(
        ask(&html, "main").unwrap_err().to_string().contains("does not answer as a Hub does (it sent a page of HTML)")
    );
    let cut = Fake::default().with(INFO, r#"{"id": "Org/Name", "sha"#, &[]);
    assert!(ask(&cut, "main").unwrap_err().to_string().contains("it sent no JSON"));
    let nameless = Fake::default().with(INFO, r#"{"id":"Org/Name","sha":"abc"}"#, &[]);
    assert!(ask(&nameless, "main").unwrap_err().to_string().contains("it names no commit"));
    let odd = settings(None);
    let error = resolve(&html, &Settings { endpoint: "nonsense".to_owned(), ..odd }, RepoType::Model, "a", "main");
    assert_eq!(
        error.unwrap_err().to_string(),
        "HF_ENDPOINT is \"nonsense\"; it must be the http or https address of a Hub"
    );
}

#[test]
fn letter_case_is_the_hubs_and_an_old_name_stays() {
    let named = |id: &str| {
        let hub = Fake::default()
            .with(INFO, &info().replace("Org/Name", id), &[])
            .with(&tree_url(), &listing(&["a"]), &[])
            .with(&tree_url().replace("Org/Name", id), &listing(&["a"]), &[]);
        let snapshot = ask(&hub, "main").unwrap();
        (snapshot.repo, snapshot.renamed)
    };
    assert_eq!(named("ORG/name"), ("ORG/name".to_owned(), None));
    assert_eq!(named("new/name"), ("Org/Name".to_owned(), Some("new/name".to_owned())));
    assert_eq!(named("../evil"), ("Org/Name".to_owned(), None));
}

#[test]
fn nothing_is_asked_about_a_name_that_is_none() {
    let hub = Fake::default();
    assert!(matches!(resolve(&hub, &settings(None), RepoType::Model, "a/b/c", "main"), Err(Error::Name { .. })));
    assert!(matches!(ask(&hub, "../x"), Err(Error::Revision { .. })));
    assert_eq!(asked(&hub), [""; 0]);
}

#[test]
fn with_the_network_off_nothing_is_asked() {
    let hub = Fake::default();
    let offline = Settings { offline: true, ..settings(None) };
    let error = resolve(&hub, &offline, RepoType::Model, "Org/Name", "main").unwrap_err();
    assert!(error.to_string().ends_with("would have to be asked, but the network is switched off"), "{error}");
    assert!(super::super::search::search(&hub, &offline, "x", 1).is_err());
    assert_eq!(asked(&hub), [""; 0]);
}

#[test]
fn a_token_goes_to_the_endpoint_with_every_question() {
    let hub = Fake::default().with(INFO, &info(), &[]).with(&tree_url(), "[]", &[]);
    resolve(&hub, &settings(Some("t")), RepoType::Model, "Org/Name", "main").unwrap();
    assert!(hub.asked.borrow().iter().all(|(_, token)| *token));
}

#[test]
fn twenty_thousand_files_are_read_in_a_moment() {
    let names: Vec<String> = (0..20_000).map(|number| format!("data/{:03}/{number:05}.json", number % 500)).collect();
    let hub = Fake::default().with(&tree_url(), &listing(&names.iter().map(String::as_str).collect::<Vec<_>>()), &[]);
    let start = std::time::Instant::now();
    assert_eq!(ask(&hub, COMMIT).unwrap().entries.len(), 20_000);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn what_is_asked_for_becomes_a_part_of_the_lock() {
    let hub = Fake::default().with(INFO, &info(), &[]).with(
        &tree_url(),
        &listing(&["README.md", "Readme.md", "model.safetensors", "pytorch_model.bin"]),
        &[],
    );
    let whole = HubAsk {
        repo_type: RepoType::Model,
        repo: "Org/Name".to_owned(),
        revision: None,
        filter: Filter::default(),
        wanted: Wanted::All,
    };
    let summary = |ask: &HubAsk| {
        let (part, resolved) = super::super::resolve(&hub, &settings(None), ask).unwrap();
        let Place::Hub(place) = part.place else { panic!("not a place of the Hub") };
        let names: Vec<String> = part.files.iter().map(|file| file.path.clone()).collect();
        (names, place.complete, resolved)
    };
    let (names, complete, resolved) = summary(&whole);
    assert!(complete && names.len() == 4);
    assert_eq!(resolved.same_but_for_case, [["README.md", "Readme.md"]]);
    let (names, complete, resolved) = summary(&HubAsk { wanted: Wanted::default(), ..whole.clone() });
    assert_eq!(names, ["README.md", "Readme.md", "model.safetensors"]);
    assert!(!complete);
    assert_eq!((resolved.left_out.len(), resolved.saved()), (1, 1));
    let none = Filter { include: Some(vec!["*.gguf".to_owned()]), exclude: vec!["x".to_owned()] };
    let error = super::super::resolve(&hub, &settings(None), &HubAsk { filter: none, ..whole.clone() }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no file of Org/Name is wanted: none of its 4 files matches \"*.gguf\", except \"x\""
    );
    let empty = Filter { include: Some(Vec::new()), exclude: Vec::new() };
    let error = super::super::resolve(&hub, &settings(None), &HubAsk { filter: empty, ..whole }).unwrap_err();
    assert_eq!(error.to_string(), "no file of Org/Name is wanted: the list of include patterns is empty");
}

#[test]
fn a_files_address_is_quoted() {
    let url = file_url(&settings(None), RepoType::Dataset, "o/n", COMMIT, "a b/é#.bin");
    assert_eq!(url, format!("http://hub/datasets/o/n/resolve/{COMMIT}/a%20b/%C3%A9%23.bin"));
    let digest = Digest::from_hex(OID).unwrap();
    assert_eq!(digest.to_string(), format!("git:{OID}"));
}
