//! GitHub serves the commits of forks under the name of the repository that they were forked from: no manifest and no lock of a
//! stranger brings one.
#![cfg(unix)]

use crate::support::hub;
use crate::support::project::Room;
use crate::support::zoo::Zoo;

const NAME: &str = "owner/tiny-repo";
const PLACED: &str = ".cache/torch/hub/owner_tiny-repo_main/hubconf.py";

fn files(code: &'static str) -> [(&'static str, &'static str); 1] {
    [("hubconf.py", code)]
}

/// The commit that the lock names.
fn locked(room: &Room) -> String {
    let lock = room.text("modelstrap.lock");
    lock.split("commit = \"").nth(1).unwrap()[..40].to_owned()
}

/// The questions that GitHub's API was asked since the last time.
fn asked(zoo: &Zoo) -> usize {
    let count = zoo.hub.requests().iter().filter(|seen| seen.path.starts_with("/repos/")).count();
    zoo.hub.forget();
    count
}

/// A project whose lock was edited: it names a fork's commit, whose one file has other bytes.
fn with_an_edited_lock(zoo: &Zoo) -> (Room, String) {
    zoo.github.commit(NAME, "main", files("good = 1\n"));
    let room = zoo.project("vad = \"torch-hub:owner/tiny-repo\"\n");
    room.run(&["models", "lock"]).expect(0);
    let own = room.text("modelstrap.lock");
    let foreign = zoo.github.commit_of_a_fork(NAME, files("evil = 1\n"));
    let digest = |text: &'static str| hub::Content::from(text).git_sha1();
    let edited = own.replace(&locked(&room), &foreign).replace(&digest("good = 1\n"), &digest("evil = 1\n"));
    room.write("modelstrap.lock", edited);
    (room, foreign)
}

#[test]
fn a_commit_that_only_a_fork_has_is_not_what_the_repository_is_at() {
    let zoo = Zoo::start();
    let foreign = zoo.github.commit_of_a_fork(NAME, files("evil = 1\n"));
    let room = zoo.project(&format!("vad = \"torch-hub:{NAME}:{foreign}\"\n"));
    for verb in [&["models", "lock"][..], &["models", "download"]] {
        let ran = room.run(verb).expect(1);
        let told = format!("{foreign} is on no branch and no tag of {NAME}: GitHub serves the commits of forks");
        assert!(ran.err.contains(&told), "{verb:?}: {}", ran.err);
        assert!(!room.exists("modelstrap.lock") && !room.exists(".cache/torch"), "{verb:?}");
    }
}

#[test]
fn a_commit_that_a_branch_has_grown_from_and_one_with_a_tag_are_the_repositorys_own() {
    let zoo = Zoo::start();
    let earlier = zoo.github.commit(NAME, "main", files("one = 1\n"));
    zoo.github.commit(NAME, "main", files("two = 2\n"));
    let branch = zoo.github.commit(NAME, "feature/x", files("three = 3\n"));
    let released = zoo.github.tag(NAME, "v1.0", files("four = 4\n"));
    for (reference, commit) in [
        (&earlier[..], &earlier),
        (&branch, &branch),
        (&released, &released),
        ("feature/x", &branch),
        ("v1.0", &released),
    ] {
        let room = zoo.project(&format!("vad = \"torch-hub:{NAME}:{reference}\"\n"));
        room.run(&["models", "download"]).expect(0);
        assert_eq!(locked(&room), *commit, "{reference}");
        let folder = format!(".cache/torch/hub/owner_tiny-repo_{}/hubconf.py", reference.replace('/', "_"));
        assert!(room.exists(&folder), "{folder}");
    }
}

#[test]
fn a_lock_that_names_a_forks_commit_is_refused_and_with_frozen_it_is_trusted() {
    let zoo = Zoo::start();
    let (room, foreign) = with_an_edited_lock(&zoo);
    for verb in [&["models", "download"][..], &["models", "download", "--locked"], &["models", "verify", "--fix"]] {
        let ran = room.run(verb).expect(1);
        let told = format!("{foreign} is on no branch and no tag of {NAME}");
        assert!(ran.err.contains(&told) && ran.err.contains("`modelstrap models update`"), "{}", ran.err);
        assert!(!room.exists(".cache/torch"), "{verb:?}");
    }
    zoo.hub.forget();
    room.run(&["models", "download", "--frozen"]).expect(0);
    assert_eq!((asked(&zoo), room.text(PLACED).as_str()), (0, "evil = 1\n"));
}

#[test]
fn a_locked_commit_is_asked_about_once_and_not_when_its_files_are_here() {
    let zoo = Zoo::start();
    zoo.github.commit(NAME, "main", files("one = 1\n"));
    let room = zoo.project("vad = \"torch-hub:owner/tiny-repo\"\n");
    room.run(&["models", "lock"]).expect(0);
    zoo.github.commit(NAME, "main", files("two = 2\n"));
    asked(&zoo);
    room.run(&["models", "download"]).expect(0);
    assert_eq!(room.text(PLACED), "one = 1\n", "the lock's commit, which the branch has grown from");
    assert_eq!(asked(&zoo), 3, "the main branch's name, its head, what they share");
    room.run(&["models", "download"]).expect(0);
    assert_eq!(asked(&zoo), 0);
}

#[test]
fn a_lock_cannot_be_checked_where_github_answers_nothing_more() {
    let zoo = Zoo::start();
    let (room, _) = with_an_edited_lock(&zoo);
    let _busy = zoo.github.api.on("/repos/*").answers(403, hub::Later::Unsaid);
    room.run(&["models", "download"]).expect(1).says(&["set GITHUB_TOKEN, or wait", "`--frozen`"]);
    assert!(!room.exists(".cache/torch"));
}
