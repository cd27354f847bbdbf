//! What was downloaded, the Rust client hf-hub finds offline.
//!
//! There are two of it: 0.4, which most Rust programs have, is a dependency of this test and looks from within its process; 1.0, a
//! rewrite that brings a hundred crates, is the program of `benches/hf-hub`, which `MODELSTRAP_TEST_HF_HUB` names
//! (`cargo build --manifest-path benches/hf-hub/Cargo.toml`). Without it that half is skipped, aloud.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::desk::{CLIENTS, Desk};
use crate::support::hub::Hub;
use crate::support::project::Ran;
use crate::support::python::skipped;
use crate::support::{desk, python};
use hf_hub::{Cache, Repo, RepoType};
use modelstrap::support::vars::Vars;

/// Every file of [`desk::tiny`], with its length.
const TINY: [(&str, u64); 6] = [
    ("config.json", 22),
    ("empty", 0),
    ("model.safetensors", 12 << 20),
    ("nested/deep/table.dat", 70_000),
    ("nested/dir/vocab.txt", 4),
    ("we ird #1%+é.txt", 3),
];

fn model(id: &str, revision: &str) -> Repo {
    Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned())
}

/// Where hf-hub 0.4 finds `file`.
fn found(cache: &Path, repo: Repo, file: &str) -> Option<PathBuf> {
    Cache::new(cache.to_path_buf()).repo(repo).get(file)
}

fn text(cache: &Path, repo: Repo, file: &str) -> String {
    fs::read_to_string(found(cache, repo, file).unwrap()).unwrap()
}

/// What 1.0 says, which cannot reach anybody; nothing where it is not built.
fn program(desk: &Desk, cache: &Path, arguments: &[&str]) -> Option<Ran> {
    let Some(program) = Vars::from_process().raw("MODELSTRAP_TEST_HF_HUB").map(PathBuf::from) else {
        skipped("hf-hub 1.0 is not built (set MODELSTRAP_TEST_HF_HUB)");
        return None;
    };
    let mut command = desk.room.program(program);
    command.env("HF_HUB_CACHE", cache).env("HF_ENDPOINT", "http://127.0.0.1:9").env("HF_HUB_OFFLINE", "1");
    Some(desk.room.ran(command.args(arguments)))
}

/// Both find the whole of `org/tiny` at `revision`, and nothing that it does not have.
fn both_find_tiny(desk: &Desk, cache: &Path, revision: &str, commit: &str) {
    let snapshot = cache.join("models--org--tiny/snapshots").join(commit);
    let of = |name: &str| found(cache, model("org/tiny", revision), name);
    for (name, size) in TINY {
        assert_eq!(of(name), Some(snapshot.join(name)), "{revision}: {name}");
        assert_eq!(fs::metadata(snapshot.join(name)).unwrap().len(), size, "{name}");
    }
    assert_eq!(of("tokenizer.json"), None);
    assert_eq!(found(cache, model("org/tiny", "other"), "config.json"), None);

    let Some(ran) = program(desk, cache, &["org/tiny", revision]) else { return };
    assert_eq!(
        ran.expect(0).out.trim_end(),
        snapshot.to_str().unwrap().replace(desk.room.path().to_str().unwrap(), "@")
    );
    let names = TINY.map(|(name, _)| name);
    let files = program(desk, cache, &[&["org/tiny", revision], &names[..]].concat()).unwrap().expect(0).out;
    let lines = |path: &Path| names.map(|name| format!("{}\n", path.join(name).display())).concat();
    assert_eq!(files.replace('@', desk.room.path().to_str().unwrap()), lines(&snapshot));
    let ran = program(desk, cache, &["org/tiny", revision, "tokenizer.json"]).unwrap().expect(1);
    assert!(ran.err.contains("tokenizer.json"), "{}", ran.err);
}

#[test]
fn the_rust_client_finds_a_branch_offline() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    both_find_tiny(&desk, &desk.cache(), "main", &commit);
    // By commit, 0.4 knows only what was asked for by commit; 1.0 needs no ref.
    assert_eq!(found(&desk.cache(), model("org/tiny", &commit), "config.json"), None);
    let Some(ran) = program(&desk, &desk.cache(), &["org/tiny", &commit, "nested/dir/vocab.txt"]) else { return };
    assert!(ran.expect(0).out.trim_end().ends_with(&format!("/{commit}/nested/dir/vocab.txt")));
}

#[test]
fn the_rust_client_finds_a_pinned_commit_offline_by_commit_and_as_main() {
    let hub = Hub::start();
    let commit = desk::tiny(&hub);
    hub.model("org/tiny").file("config.json", "{\"newer\": true}").commit();
    let desk = Desk::at(hub, &format!("tiny = \"hf:org/tiny@{commit}\""));
    desk.download();
    both_find_tiny(&desk, &desk.cache(), &commit, &commit);
    both_find_tiny(&desk, &desk.cache(), "main", &commit);
    desk.assert_no_warning(&["model/org/tiny"]);
}

#[test]
fn a_pin_that_moved_leaves_the_older_commit_to_the_cleaner() {
    let hub = Hub::start();
    let first = desk::tiny(&hub);
    let second = hub.model("org/tiny").file("config.json", "{}").commit();
    let desk = Desk::at(hub, &format!("tiny = \"hf:org/tiny@{first}\""));
    desk.download();
    desk.room.write("modelstrap.toml", format!("[models]\ntiny = \"hf:org/tiny@{second}\"\n"));
    desk.download();
    let of = |commit: &str| found(&desk.cache(), model("org/tiny", commit), "config.json");
    assert_eq!((of(&first), of(&second).is_some()), (None, true));
    let Some(ran) = desk.hf(CLIENTS[0], &["cache", "prune", "--yes"]) else { return };
    ran.expect(0);
    let snapshots = |commit: &str| desk.cached("models--org--tiny/snapshots").join(commit).exists();
    assert_eq!((snapshots(&first), snapshots(&second)), (false, true));
}

#[test]
fn the_rust_client_finds_tags_pull_requests_and_data_sets_offline() {
    let models = "pr = \"hf:org/m@refs/pr/3\"\nbranch = \"hf:org/m@feat/x\"\ntag = \"hf:org/m@v1\"\ndata = \"hf:datasets/org/d\"";
    let desk = Desk::with(models);
    desk.model("org/m").file("a.txt", "main").commit();
    desk.model("org/m").pull_request(3).file("a.txt", "pr").commit();
    desk.model("org/m").branch("feat/x").file("a.txt", "branch").commit();
    desk.model("org/m").tag("v1").file("a.txt", "tag").commit();
    desk.dataset("org/d").file("data/train/a.txt", "data").commit();
    desk.download();
    let cache = desk.cache();
    let expected: BTreeMap<_, _> = [("refs/pr/3", "pr"), ("feat/x", "branch"), ("v1", "tag")].into();
    for (revision, content) in expected {
        assert_eq!(text(&cache, model("org/m", revision), "a.txt"), content);
        let Some(ran) = program(&desk, &cache, &["org/m", revision, "a.txt"]) else { continue };
        let path = ran.expect(0).out.trim_end().replace('@', desk.room.path().to_str().unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), content);
    }
    assert_eq!(text(&cache, Repo::dataset("org/d".to_owned()), "data/train/a.txt"), "data");
    let Some(ran) = program(&desk, &cache, &["datasets/org/d", "main", "data/train/a.txt"]) else { return };
    assert!(ran.expect(0).out.ends_with("/data/train/a.txt\n"));
}

/// A cache that lies elsewhere: what a program gives as `Cache::new`, and a person to the official client as `--cache-dir`.
#[test]
fn a_cache_that_lies_elsewhere_is_found_by_its_path() {
    let (desk, commit) = Desk::tiny();
    let root = desk.room.path().join("else where");
    desk.room.append("modelstrap.toml", &format!("[cache]\nbase_dir = \"{}\"\n", root.display()));
    desk.download();
    let elsewhere = root.join("huggingface/hub");
    assert!(!desk.cache().exists());
    both_find_tiny(&desk, &elsewhere, "main", &commit);
    for client in CLIENTS {
        for at in [&[][..], &["--revision", &commit]] {
            let path = elsewhere.to_str().unwrap();
            let Some(ran) = offline(&desk, client, &[&["download", "org/tiny", "--cache-dir", path], at].concat())
            else {
                continue;
            };
            let said = ran.expect(0).out;
            let snapshot = format!("@/else where/huggingface/hub/models--org--tiny/snapshots/{commit}");
            assert!(said.contains(&snapshot), "{client}: {said}");
        }
    }
}

/// `hf ARGUMENTS` of the client that `variable` names, which cannot reach anybody and has no cache of its own.
fn offline(desk: &Desk, variable: &str, arguments: &[&str]) -> Option<Ran> {
    let python = python::python_with(variable, "huggingface_hub")?;
    let mut command = desk.room.program(python.parent().unwrap().join("hf"));
    command.env_remove("HF_HUB_CACHE").env("HF_HOME", desk.room.path().join("hf-home"));
    command.env("HF_HUB_OFFLINE", "1").env("HF_ENDPOINT", "http://127.0.0.1:9").env("NO_COLOR", "1");
    Some(desk.room.ran(command.args(arguments)))
}
