//! What the cache holds after each step.

use super::*;
use crate::fetch::Digest;
use crate::models::hub::remove;
use crate::models::hub::state::{self, FileState, PartState};
use crate::models::locked::RepoType;
use crate::support::vars::Vars;

pub(in crate::models::hub) fn homes(hub: &Path) -> Homes {
    let other = PathBuf::from("/unused");
    Homes {
        root: other.clone(),
        hub: hub.to_path_buf(),
        whisper: other.clone(),
        torch_hub: other.clone(),
        wheels: other.clone(),
        files: other,
    }
}

pub(in crate::models::hub) fn place() -> HubPlace {
    HubPlace {
        repo_type: RepoType::Model,
        repo: "org/name".to_owned(),
        requested: "main".to_owned(),
        commit: "c".repeat(40),
        complete: false,
    }
}

pub(in crate::models::hub) fn file(path: &str, digest: u8) -> File {
    File { path: path.to_owned(), size: Some(5), digest: Some(Digest::Git([digest; 20])), url: None }
}

fn settings(symlinks_wanted: bool) -> Settings {
    let vars: Vars = [("HOME", "/nowhere")].into_iter().collect();
    Settings { symlinks_wanted, ..Settings::of(&vars, Os::Linux, None) }
}

pub(in crate::models::hub) struct Cache {
    room: tempfile::TempDir,
    pub(in crate::models::hub) homes: Homes,
    settings: Settings,
}

impl Cache {
    pub(in crate::models::hub) fn new(symlinks_wanted: bool) -> Self {
        let room = tempfile::tempdir().unwrap();
        let homes = homes(&room.path().join("hub"));
        Self { room, homes, settings: settings(symlinks_wanted) }
    }

    /// As the engine does: the bytes at the destination, then the pointer.
    pub(in crate::models::hub) fn put(&self, place: &HubPlace, file: &File) -> Artifact {
        let artifact = artifact(place, file, &self.homes, &self.settings, None).unwrap();
        if fs::metadata(&artifact.destination).is_err() {
            fs::create_dir_all(artifact.destination.parent().unwrap()).unwrap();
            fs::write(&artifact.destination, "bytes").unwrap();
        }
        settle(place, file, &self.homes, &self.settings).unwrap();
        artifact
    }

    pub(in crate::models::hub) fn at(&self, path: &str) -> PathBuf {
        self.homes.hub.join("models--org--name").join(path)
    }

    pub(in crate::models::hub) fn in_snapshot(&self, path: &str) -> PathBuf {
        self.at("snapshots").join("c".repeat(40)).join(path)
    }

    /// Every path below the cache, links with what they say.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.homes.hub.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let name = path.strip_prefix(&self.homes.hub).unwrap().display().to_string();
                match fs::read_link(&path) {
                    Ok(target) => found.push(format!("{name} -> {}", target.display())),
                    Err(_) if path.is_dir() => folders.push(path),
                    Err(_) => found.push(name),
                }
            }
        }
        found.sort();
        found
    }
}

#[test]
fn a_file_is_fetched_to_its_blob_and_linked_from_its_snapshot() {
    let cache = Cache::new(true);
    let artifact = cache.put(&place(), &file("a/b/é.txt", 0xab));
    let blob = "ab".repeat(20);
    assert_eq!(artifact.destination, cache.at("blobs").join(&blob));
    assert_eq!(*artifact.partials, *cache.at(".modelstrap/partials"));
    let commit = "c".repeat(40);
    assert_eq!(artifact.url, format!("https://huggingface.co/org/name/resolve/{commit}/a/b/%C3%A9.txt"));
    finish(&place(), &[file("a/b/é.txt", 0xab)], &cache.homes, Some("p1")).unwrap();
    assert_eq!(
        cache.tree(),
        [
            "CACHEDIR.TAG".to_owned(),
            format!("models--org--name/.modelstrap/brought-{commit}"),
            "models--org--name/.modelstrap/main".to_owned(),
            format!("models--org--name/blobs/{blob}"),
            "models--org--name/refs/main".to_owned(),
            "models--org--name/refs/refs/modelstrap/p1".to_owned(),
            format!("models--org--name/snapshots/{commit}/a/b/é.txt -> ../../../../blobs/{blob}"),
        ]
    );
    assert_eq!(fs::read(cache.homes.hub.join("CACHEDIR.TAG")).unwrap().len(), 191);
    assert_eq!(fs::read_to_string(cache.at("refs/main")).unwrap(), commit);
    let visible = visible(&place(), &file("a/b/é.txt", 0xab), &cache.homes);
    let moved = cache.room.path().join("moved");
    fs::rename(&cache.homes.hub, &moved).unwrap();
    let visible = moved.join(visible.strip_prefix(&cache.homes.hub).unwrap());
    assert_eq!(fs::read_to_string(visible).unwrap(), "bytes", "links are relative");
}

#[test]
fn nothing_is_written_a_second_time() {
    let cache = Cache::new(true);
    let whole = HubPlace { complete: true, ..place() };
    let run = || {
        cache.put(&whole, &file("x", 1));
        finish(&whole, &[file("x", 1)], &cache.homes, Some("p")).unwrap();
    };
    run();
    let stamps = || -> Vec<_> {
        let paths = cache.tree().into_iter().map(|line| line.split(" -> ").next().unwrap().to_owned());
        paths.map(|path| fs::symlink_metadata(cache.homes.hub.join(path)).unwrap().modified().unwrap()).collect()
    };
    let before = (cache.tree(), stamps());
    run();
    assert_eq!((cache.tree(), stamps()), before);
    assert!(cache.at("trees").exists() && cache.at(".no_exist").exists());
}

#[test]
fn a_dangling_or_wrong_pointer_is_replaced_and_a_good_one_of_any_kind_is_left() {
    let cache = Cache::new(true);
    cache.put(&place(), &file("x", 1));
    let pointer = cache.in_snapshot("x");
    let right = PathBuf::from("../../blobs").join("01".repeat(20));
    let wrong = cache.at("blobs").join("other");
    fs::write(&wrong, "other").unwrap();
    let settled = |make: &dyn Fn()| {
        fs::remove_file(&pointer).unwrap();
        make();
        cache.put(&place(), &file("x", 1));
        fs::read_link(&pointer).ok()
    };
    let link = |target: &Path| symlinks::symbolic(target, &pointer).unwrap();
    assert_eq!(settled(&|| link(Path::new("nowhere"))).as_ref(), Some(&right));
    assert_eq!(settled(&|| link(&wrong)).as_ref(), Some(&right));
    assert_eq!(settled(&|| fs::write(&pointer, "wrong size").unwrap()).as_ref(), Some(&right));
    let absolute = cache.at("blobs").join("01".repeat(20));
    assert_eq!(settled(&|| link(&absolute)).as_ref(), Some(&absolute), "an absolute link is good");
    assert_eq!(settled(&|| fs::write(&pointer, "bytes").unwrap()), None, "a file of the right size is good");
}

#[test]
fn without_symbolic_links_the_bytes_have_two_names() {
    let cache = Cache::new(false);
    cache.put(&place(), &file("a/x", 1));
    let pointer = cache.in_snapshot("a/x");
    assert!(fs::symlink_metadata(&pointer).unwrap().is_file());
    assert_eq!(fs::read_to_string(&pointer).unwrap(), "bytes");
    assert_eq!(fs::canonicalize(cache.at("blobs")).unwrap().read_dir().unwrap().count(), 1);
    cache.put(&place(), &file("a/x", 1));
    assert_eq!(fs::read_dir(cache.at(".modelstrap")).unwrap().count(), 0);
}

#[test]
fn a_blob_that_python_moved_into_the_snapshot_is_not_fetched_again() {
    let cache = Cache::new(true);
    fs::create_dir_all(cache.in_snapshot("")).unwrap();
    fs::write(cache.in_snapshot("x"), "bytes").unwrap();
    assert_eq!(cache.put(&place(), &file("x", 1)).destination, cache.in_snapshot("x"));
    assert!(!cache.at("blobs").exists());
}

#[test]
fn names_of_a_lock_are_checked_before_they_become_paths() {
    let cache = Cache::new(true);
    let bad = |place: &HubPlace, file: &File| {
        let refused = artifact(place, file, &cache.homes, &cache.settings, None).is_err();
        refused && settle(place, file, &cache.homes, &cache.settings).is_err()
    };
    assert!(bad(&place(), &file("../x", 1)));
    assert!(bad(&place(), &File { digest: None, ..file("x", 1) }));
    assert!(bad(&HubPlace { commit: "../..".to_owned(), ..place() }, &file("x", 1)));
    assert!(bad(&HubPlace { requested: "../x".to_owned(), ..place() }, &file("x", 1)));
    assert!(bad(&HubPlace { repo: "../x".to_owned(), ..place() }, &file("x", 1)));
    assert!(!cache.homes.hub.exists());
}

#[test]
fn a_pinned_commit_gives_main_only_where_nobody_else_does() {
    let main = |cache: &Cache| fs::read_to_string(cache.at("refs/main")).ok();
    let pinned = |letter: &str| {
        let commit = letter.repeat(40);
        HubPlace { requested: commit.clone(), commit, ..place() }
    };
    let cache = Cache::new(true);
    let install = |place: &HubPlace| {
        cache.put(place, &file("x", 1));
        finish(place, &[file("x", 1)], &cache.homes, Some("p")).unwrap();
    };
    install(&pinned("a"));
    assert_eq!(main(&cache), Some("a".repeat(40)));
    install(&pinned("b"));
    assert_eq!(main(&cache), Some("b".repeat(40)), "it follows our own pin");
    fs::write(cache.at("refs/main"), "a".repeat(40)).unwrap();
    install(&pinned("d"));
    assert_eq!(main(&cache), Some("a".repeat(40)), "it is somebody else's");
}

#[test]
fn a_pinned_commit_has_a_ref_of_its_name_for_as_long_as_a_project_holds_it() {
    let cache = Cache::new(true);
    let pinned = |letter: &str| {
        let commit = letter.repeat(40);
        HubPlace { requested: commit.clone(), commit, ..place() }
    };
    let install = |letter: &str, id| {
        cache.put(&pinned(letter), &file("x", 1));
        finish(&pinned(letter), &[file("x", 1)], &cache.homes, Some(id)).unwrap();
    };
    let named = |letter: &str| fs::read_to_string(cache.at("refs").join(letter.repeat(40))).ok();
    install("a", "one");
    install("a", "two");
    assert_eq!(named("a"), Some("a".repeat(40)));
    install("b", "one");
    assert_eq!((named("a"), named("b")), (Some("a".repeat(40)), Some("b".repeat(40))), "the second project has it");
    install("b", "two");
    assert_eq!(named("a"), None, "`hf cache prune` may take it now");
    remove::release(&pinned("b"), &cache.homes, &|id| id == "one").unwrap();
    assert!(named("b").is_some());
    remove::release(&pinned("b"), &cache.homes, &|id| id == "two").unwrap();
    assert_eq!(named("b"), None);
}

#[test]
fn a_listing_is_never_wider_than_the_files() {
    let cache = Cache::new(true);
    let whole = HubPlace { complete: true, ..place() };
    let files = [file("x", 1), file("y", 2)];
    cache.put(&whole, &files[0]);
    finish(&whole, &files, &cache.homes, Some("p")).unwrap();
    assert!(!cache.at("trees").exists(), "one file is not here");
    cache.put(&whole, &files[1]);
    finish(&whole, &files, &cache.homes, Some("p")).unwrap();
    let tree = cache.at("trees").join(format!("{}.json", whole.commit));
    assert!(tree.exists());
    fs::remove_file(cache.in_snapshot("y")).unwrap();
    finish(&place(), &files[..1], &cache.homes, Some("p")).unwrap();
    assert!(!tree.exists());
}

#[test]
fn the_state_of_each_file_follows_links_to_the_bytes() {
    let cache = Cache::new(true);
    let files = [file("x", 1), file("y", 2)];
    let look = || state::part(&place(), &files, &cache.homes);
    assert_eq!(look(), (PartState::Missing, vec![FileState::Missing, FileState::Missing]));
    cache.put(&place(), &files[0]);
    assert_eq!(look(), (PartState::Partly, vec![FileState::Here, FileState::Missing]));
    let second = cache.put(&place(), &files[1]);
    assert_eq!(look(), (PartState::Here, vec![FileState::Here, FileState::Here]));
    fs::remove_file(cache.in_snapshot("x")).unwrap();
    assert_eq!(look(), (PartState::Partly, vec![FileState::Unlinked, FileState::Here]));
    fs::write(&second.destination, "longer bytes").unwrap();
    assert_eq!(look(), (PartState::Changed, vec![FileState::Unlinked, FileState::Changed { found: 12 }]));
    fs::remove_file(&second.destination).unwrap();
    assert_eq!(look().1[1], FileState::Missing, "a dangling pointer is nothing");
}

#[test]
fn what_others_use_is_known_and_what_goes_with_a_part() {
    for symlinks in [true, false] {
        let cache = Cache::new(symlinks);
        let other = HubPlace { requested: "v2".to_owned(), commit: "d".repeat(40), ..place() };
        let files = [file("x", 1), file("shared", 2)];
        files.iter().for_each(|file| drop(cache.put(&place(), file)));
        cache.put(&other, &files[1]);
        finish(&place(), &files, &cache.homes, Some("one")).unwrap();
        finish(&place(), &files, &cache.homes, Some("two")).unwrap();
        finish(&other, &files[1..], &cache.homes, Some("three")).unwrap();
        finish(&place(), &files, &cache.homes, Some("one")).unwrap();

        let is_used = |id| remove::is_used(&place(), &files, &cache.homes, &|mark| mark == id).unwrap();
        assert!(is_used("one") && is_used("two"));
        remove::release(&place(), &cache.homes, &|mark| mark == "one").unwrap();
        assert!(!is_used("two"), "project one has let go of it");
        let goes = |content: &str| {
            let going = remove::going(&place(), &files, &cache.homes).unwrap();
            going.contains(&cache.at("blobs").join(content.repeat(20)))
        };
        // Without links nothing says what the other commit has, and it has it by itself.
        assert_eq!((goes("01"), goes("02")), (true, !symlinks));
    }
}

#[test]
fn a_tag_of_somebody_else_keeps_a_commit() {
    let cache = Cache::new(true);
    cache.put(&place(), &file("x", 1));
    finish(&place(), &[file("x", 1)], &cache.homes, Some("p")).unwrap();
    fs::write(cache.at("refs/v1"), place().commit).unwrap();
    assert!(remove::is_used(&place(), &[file("x", 1)], &cache.homes, &|id| id == "p").unwrap());
}

#[test]
fn a_payload_that_is_shared_is_used() {
    let cache = Cache::new(true);
    let store = cache.homes.hub.join("blobs");
    fs::create_dir_all(store.join("ab")).unwrap();
    fs::write(store.join(".huggingface-shared-blobs"), "1\n").unwrap();
    let payload = store.join("ab").join("ab".repeat(32));
    fs::write(&payload, "bytes").unwrap();
    fs::create_dir_all(cache.at("blobs")).unwrap();
    let blob = cache.at("blobs").join("01".repeat(20));
    symlinks::symbolic(&PathBuf::from("../../blobs/ab").join("ab".repeat(32)), &blob).unwrap();
    cache.put(&place(), &file("x", 1));
    finish(&place(), &[file("x", 1)], &cache.homes, Some("p")).unwrap();
    assert_eq!(state::file(&place(), &file("x", 1), &cache.homes), FileState::Here);
}

#[test]
fn a_pointer_to_nothing_and_a_ref_to_nothing_are_never_made() {
    let cache = Cache::new(true);
    prepare(&place(), &cache.homes, Some("p")).unwrap();
    assert!(settle(&place(), &file("x", 1), &cache.homes, &cache.settings).is_err());
    assert!(finish(&place(), &[file("x", 1)], &cache.homes, Some("p")).is_err());
    // What is awaited is protected already: an empty folder is a commit without files.
    assert_eq!(cache.tree(), ["CACHEDIR.TAG", "models--org--name/refs/refs/modelstrap/p-coming"]);
    assert!(cache.at("snapshots").join(place().commit).is_dir());
}

#[test]
fn a_complete_cache_needs_no_right_to_write() {
    use std::os::unix::fs::PermissionsExt;
    let cache = Cache::new(true);
    let whole = HubPlace { complete: true, ..place() };
    cache.put(&whole, &file("x", 1));
    finish(&whole, &[file("x", 1)], &cache.homes, Some("p")).unwrap();
    let mode = |mode| {
        for folder in ["", "blobs", "refs", "snapshots", "trees", ".modelstrap"] {
            fs::set_permissions(cache.at(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    mode(0o555);
    let again = settle(&whole, &file("x", 1), &cache.homes, &cache.settings)
        .and_then(|()| finish(&whole, &[file("x", 1)], &cache.homes, Some("p")));
    let refused = prepare(&whole, &cache.homes, Some("p")).map_err(|error| error.to_string());
    mode(0o755);
    again.unwrap();
    // Root may write everywhere.
    if !rustix::process::geteuid().is_root() {
        assert!(refused.unwrap_err().contains("snapshots: "));
    }
}

#[test]
fn two_thousand_settled_files_are_looked_at_in_a_moment() {
    let cache = Cache::new(true);
    let files: Vec<File> = (0..2_000).map(|number| file(&format!("{}/{number}", number % 20), 1)).collect();
    files.iter().for_each(|file| drop(cache.put(&place(), file)));
    let start = std::time::Instant::now();
    for file in &files {
        artifact(&place(), file, &cache.homes, &cache.settings, None).unwrap();
        settle(&place(), file, &cache.homes, &cache.settings).unwrap();
    }
    finish(&place(), &files, &cache.homes, Some("p")).unwrap();
    // 60 ms without optimisation on two busy cores; the limit only catches something quadratic.
    assert!(start.elapsed().as_millis() < 3_000, "{:?}", start.elapsed());
}
