//! Resolving against a GitHub in memory, placing on a real disk.

use super::*;
use crate::fetch::{self, Status};
use crate::models::documents::{Answer, Ask};
use std::cell::RefCell;
use std::collections::BTreeMap;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const NEXT: &str = "1123456789abcdef0123456789abcdef01234567";

/// Documents by URL; anything else is not there. Remembers what was asked, and whether a token came with it.
#[derive(Default)]
struct GitHub {
    documents: BTreeMap<String, String>,
    asked: RefCell<Vec<(String, bool)>>,
}

impl Documents for GitHub {
    fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
        let url = ask.url;
        self.asked.borrow_mut().push((url.to_owned(), ask.credential.is_some()));
        let found = self.documents.get(url).map(|text| text.clone().into_bytes());
        assert!(found.as_ref().is_none_or(|bytes| bytes.len() as u64 <= ask.limit));
        found.map(|body| Answer { body, ..Answer::default() }).ok_or_else(|| {
            let status =
                Status { url: url.to_owned(), code: 422, error_code: None, message: String::new(), formal: false };
            fetch::Error::Status(Box::new(status))
        })
    }
}

fn github(reference: &str, entries: &[(&str, &str)]) -> GitHub {
    let entries: Vec<_> = entries
        .iter()
        .map(|(path, mode)| {
            serde_json::json!({"path": path, "mode": mode, "type": "blob", "sha": "e".repeat(40), "size": 2})
        })
        .collect();
    let listing = serde_json::json!({"tree": entries, "truncated": false});
    let base = "https://api.github.com/repos/snakers4/silero-vad";
    let mut found = GitHub::default();
    let head =
        serde_json::json!({"ref": format!("refs/heads/{reference}"), "object": {"sha": COMMIT, "type": "commit"}});
    found.documents.insert(format!("{base}/git/ref/heads/{reference}"), head.to_string());
    found.documents.insert(format!("{base}/git/trees/{COMMIT}?recursive=1"), listing.to_string());
    found
}

fn resolved(github: &GitHub, reference: Option<&str>) -> Result<Part, String> {
    resolve(github, "snakers4", "silero-vad", reference, None).map_err(|error| error.to_string())
}

#[test]
fn without_a_reference_main_is_asked_for_and_then_master() {
    let server = github("master", &[("hubconf.py", "100644"), ("a/b.py", "100755"), ("link", "120000")]);
    let part = resolved(&server, None).unwrap();
    let place = Place::TorchHub {
        owner: "snakers4".to_owned(),
        repo: "silero-vad".to_owned(),
        reference: "master".to_owned(),
        commit: COMMIT.to_owned(),
    };
    assert_eq!(part.place, place);
    let file = |path: &str| File {
        path: path.to_owned(),
        size: Some(2),
        digest: format!("git:{}", "e".repeat(40)).parse().ok(),
        url: None,
    };
    assert_eq!(*part.files, [file("a/b.py"), file("hubconf.py")]);
    assert_eq!(server.asked.borrow().len(), 3);
    let said = resolved(&github("dev", &[]), None).unwrap_err();
    assert_eq!(
        said,
        "GitHub has no public repository snakers4/silero-vad with a branch, tag or commit `main` or `master`"
    );
}

#[test]
fn a_slash_in_a_reference_becomes_an_underscore_in_the_folder() {
    let part = resolved(&github("feature/x", &[]), Some("feature/x")).unwrap();
    assert_eq!(Repo::of(&part.place).unwrap().folder(), "snakers4_silero-vad_feature_x");
}

#[test]
fn the_token_goes_with_every_question_to_the_api() {
    let server = github("main", &[]);
    let vars = crate::support::vars::Vars::default().with("GITHUB_TOKEN", "t");
    let token = github::credential(&vars);
    resolve(&server, "snakers4", "silero-vad", None, token.as_ref()).unwrap();
    assert!(server.asked.borrow().iter().all(|(url, token)| url.starts_with("https://api.github.com/") && *token));
}

#[test]
fn who_asked_too_often_without_a_token_is_told_of_it() {
    struct Busy;
    impl Documents for Busy {
        fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
            let message = "API rate limit exceeded".to_owned();
            Err(fetch::Error::Status(Box::new(Status {
                url: ask.url.to_owned(),
                code: 403,
                error_code: None,
                message,
                formal: true,
            })))
        }
    }
    let said = |token: Option<&Credential>| resolve(&Busy, "o", "r", None, token).unwrap_err().to_string();
    let refusal = "https://api.github.com/repos/o/r/git/ref/heads/main answered 403: API rate limit exceeded";
    let hint = "without a token GitHub answers 60 questions an hour: set GITHUB_TOKEN, or wait";
    assert_eq!(said(None), format!("{refusal}\n    {hint}"));
    let token = github::credential(&crate::support::vars::Vars::default().with("GITHUB_TOKEN", "t"));
    assert_eq!(said(token.as_ref()), refusal);
}

#[test]
fn hostile_listings_and_names_are_refused() {
    for path in ["../x", "/x", r"a\b", "C:x", "a/../../x", "nul", ".modelstrap-commit"] {
        assert!(resolved(&github("main", &[(path, "100644")]), None).is_err(), "{path}");
    }
    let said = resolved(&github("main", &[("A.py", "100644"), ("a.py", "100644")]), None).unwrap_err();
    assert!(said.contains("letter case"), "{said}");
    for reference in ["../x", "-x", "a b", "a?b", "a#b", "a..b", "", "/x"] {
        assert!(resolved(&github("main", &[]), Some(reference)).is_err(), "{reference}");
    }
    assert!(resolve(&github("main", &[]), "..", "x", None, None).is_err());
}

fn place(commit: &str) -> Place {
    let owner = "o".to_owned();
    Place::TorchHub { owner, repo: "r".to_owned(), reference: "main".to_owned(), commit: commit.to_owned() }
}

fn file(path: &str) -> File {
    File { path: path.to_owned(), size: Some(2), digest: None, url: None }
}

/// Does what the engine does: writes each artifact under its destination.
fn fetch_all(repo: &Repo<'_>, files: &[File], homes: &Homes, text: &str) {
    for file in files {
        let artifact = artifact(repo, file, 0, homes).unwrap();
        fs::create_dir_all(artifact.destination.parent().unwrap()).unwrap();
        fs::write(artifact.destination, text).unwrap();
    }
}

#[test]
fn the_folder_gets_its_name_only_when_it_is_whole() {
    let room = tempfile::tempdir().unwrap();
    let homes = Homes::under(room.path());
    let place = place(COMMIT);
    let repo = Repo::of(&place).unwrap();
    let files = [file("hubconf.py"), file("src/m.py")];
    let home = homes.torch_hub.join("o_r_main");

    fetch_all(&repo, &files[..1], &homes, "v1");
    assert!(finish(&repo, &files, &homes).is_err(), "a file is missing");
    assert!(!home.exists());
    assert_eq!(state(&repo, &files[0], &homes).unwrap(), FileState::Missing, "torch does not see it yet");

    fetch_all(&repo, &files, &homes, "v1");
    finish(&repo, &files, &homes).unwrap();
    finish(&repo, &files, &homes).unwrap();
    assert_eq!(fs::read_to_string(home.join("src/m.py")).unwrap(), "v1");
    assert_eq!(state(&repo, &files[1], &homes).unwrap(), FileState::Here);
    assert_eq!(fs::read_to_string(homes.torch_hub.join("trusted_list")).unwrap(), "o_r\n");

    // Placed: a damaged file is fetched again where it lies.
    let again = artifact(&repo, &files[1], 3, &homes).unwrap();
    assert_eq!(again.destination, home.join("src/m.py"));
    assert_eq!(again.url, format!("https://raw.githubusercontent.com/o/r/{COMMIT}/src/m.py"));
}

#[test]
fn a_newer_commit_replaces_ours_and_keeps_what_torch_had_downloaded() {
    let room = tempfile::tempdir().unwrap();
    let homes = Homes::under(room.path());
    let home = homes.torch_hub.join("o_r_main");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("hubconf.py"), "edited by its user").unwrap();
    let files = [file("hubconf.py")];
    for (commit, text) in [(COMMIT, "v1"), (NEXT, "v2")] {
        let place = place(commit);
        let repo = Repo::of(&place).unwrap();
        fetch_all(&repo, &files, &homes, text);
        finish(&repo, &files, &homes).unwrap();
        assert_eq!(fs::read_to_string(home.join("hubconf.py")).unwrap(), text);
    }
    let replaced = homes.torch_hub.join(".modelstrap/replaced");
    let kept: Vec<_> = fs::read_dir(&replaced).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["o_r_main-1"]);
    assert_eq!(fs::read_to_string(replaced.join("o_r_main-1/hubconf.py")).unwrap(), "edited by its user");
}

#[test]
fn what_torch_had_downloaded_already_is_not_kept_twice() {
    let room = tempfile::tempdir().unwrap();
    let homes = Homes::under(room.path());
    let home = homes.torch_hub.join("o_r_main");
    fs::create_dir_all(home.join("src/__pycache__")).unwrap();
    for name in ["hubconf.py", "src/m.py", "src/__pycache__/m.pyc"] {
        fs::write(home.join(name), "v1").unwrap();
    }
    let place = place(COMMIT);
    let repo = Repo::of(&place).unwrap();
    let files = [file("hubconf.py"), file("src/m.py")];
    fetch_all(&repo, &files, &homes, "v1");
    finish(&repo, &files, &homes).unwrap();
    assert_eq!(fs::read_dir(homes.torch_hub.join(".modelstrap/replaced")).unwrap().count(), 0);
    assert!(!home.join("src/__pycache__").exists(), "the folder is the new one");
}

#[test]
fn a_run_that_was_killed_between_the_two_renames_is_finished_by_the_next() {
    let room = tempfile::tempdir().unwrap();
    let homes = Homes::under(room.path());
    let place = place(COMMIT);
    let repo = Repo::of(&place).unwrap();
    let files = [file("hubconf.py")];
    fetch_all(&repo, &files, &homes, "v1");
    finish(&repo, &files, &homes).unwrap();
    let home = homes.torch_hub.join("o_r_main");
    // The old folder is aside, the new one, with its marker, has not got its name yet.
    fs::rename(&home, repo.staging(&homes)).unwrap();
    assert_eq!(state(&repo, &files[0], &homes).unwrap(), FileState::Missing);
    assert!(artifact(&repo, &files[0], 0, &homes).unwrap().destination.exists(), "nothing is fetched again");
    finish(&repo, &files, &homes).unwrap();
    assert_eq!(state(&repo, &files[0], &homes).unwrap(), FileState::Here);
}

#[test]
fn what_came_together_for_an_overtaken_commit_is_swept_away() {
    let room = tempfile::tempdir().unwrap();
    let homes = Homes::under(room.path());
    let files = [file("hubconf.py"), file("m.py")];
    let (old, new) = (place(COMMIT), place(NEXT));
    let (old, new) = (Repo::of(&old).unwrap(), Repo::of(&new).unwrap());
    fetch_all(&old, &files[..1], &homes, "v1");
    let of_another = homes.torch_hub.join(".modelstrap/unfinished/o_r_main-2-0123456789ab");
    fs::create_dir_all(&of_another).unwrap();
    fetch_all(&new, &files, &homes, "v2");
    finish(&new, &files, &homes).unwrap();
    assert!(!old.staging(&homes).exists() && of_another.exists());
}

#[test]
fn names_of_an_edited_lock_are_refused() {
    let with = |owner: &str, reference: &str, commit: &str| Place::TorchHub {
        owner: owner.to_owned(),
        repo: "r".to_owned(),
        reference: reference.to_owned(),
        commit: commit.to_owned(),
    };
    for bad in [with("../o", "main", COMMIT), with("o", "../../x", COMMIT), with("o", "main", "short")] {
        assert!(Repo::of(&bad).is_err(), "{bad:?}");
    }
    let place = with("o", "main", COMMIT);
    let repo = Repo::of(&place).unwrap();
    assert!(artifact(&repo, &file("../x"), 0, &Homes::under(Path::new("c"))).is_err());
}
