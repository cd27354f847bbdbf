//! The scan against trees that are made by hand, in the layouts of the real libraries.

use std::fs;
use std::path::{Path, PathBuf};

use super::scan;
use crate::cache::inventory::{Found, Heap, Inventory, Repository, Unit, UnitKind};
use crate::cache::places::{Kind, Place};

const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

/// A file of whole blocks, so that its size on the disk is its length.
fn put(path: &Path, blocks: usize) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![1; blocks * 4096]).unwrap();
}

fn text(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[cfg(unix)]
fn link(target: &str, path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(target, path).unwrap();
}

fn home(path: PathBuf) -> Place {
    Place::at(path.file_name().unwrap().to_string_lossy().into_owned(), path, Kind::Home)
}

fn one(path: &Path) -> Inventory {
    scan(vec![home(path.to_path_buf())])
}

fn names(found: &Found) -> Vec<String> {
    let mut names: Vec<_> = found
        .units
        .iter()
        .filter(|unit| !matches!(unit.kind, UnitKind::Rest | UnitKind::Own))
        .map(|unit| unit.name.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

fn repository<'a>(inventory: &'a Inventory, name: &str) -> (&'a Unit, &'a Repository) {
    inventory.repositories().find(|(unit, _)| unit.name == name).unwrap()
}

/// What a revision takes in blocks of 4 KiB: to the eye, on the disk, and alone, without what its folders and links take themselves.
#[cfg(unix)]
fn blocks(at: &Path, sizes: crate::cache::Sizes) -> [u64; 3] {
    use std::os::unix::fs::MetadataExt as _;
    fn ways(at: &Path) -> u64 {
        let found = fs::symlink_metadata(at).unwrap();
        let below = fs::read_dir(at).into_iter().flatten().map(|entry| ways(&entry.unwrap().path()));
        if found.is_file() { 0 } else { found.blocks() * 512 + if found.is_dir() { below.sum() } else { 0 } }
    }
    let ways = ways(at);
    [sizes.apparent, sizes.disk - ways, sizes.exclusive - ways].map(|bytes| bytes / 4096)
}

#[test]
fn a_place_that_is_not_there_is_said_to_be_missing() {
    let room = tempfile::tempdir().unwrap();
    let inventory = one(&room.path().join("nothing"));
    assert!(!inventory.places[0].exists && inventory.problems.is_empty());
    assert_eq!(inventory.total, crate::cache::Sizes::default());
}

#[test]
fn models_of_folders_are_told_from_what_leads_to_them() {
    let room = tempfile::tempdir().unwrap();
    let torch = room.path().join("torch");
    put(&torch.join("hub/checkpoints/resnet.pth"), 512);
    put(&torch.join("hub/checkpoints/tiny.json"), 1);
    put(&torch.join("hub/o_r_main/hubconf.py"), 2);
    put(&torch.join("hub/o_r_main/deep/er/x.py"), 3);
    let inventory = one(&torch);
    let found = &inventory.places[0];
    assert_eq!(names(found), ["o_r_main", "resnet.pth"]);
    let folder = found.units.iter().find(|unit| unit.name == "o_r_main").unwrap();
    assert_eq!((folder.sizes.apparent, folder.sizes.files), (5 * 4096, 2));
    assert_eq!((found.sizes.apparent, found.sizes.files), (518 * 4096, 4));
    assert_eq!(found.sizes, inventory.total);
    assert!(folder.used.is_some());
}

#[cfg(unix)]
mod hub {
    use super::*;

    /// Two revisions with one blob in common, a blob that nobody has, an unfinished download, and broken things.
    fn fill(hub: &Path) {
        let at = hub.join("models--org--name");
        for (blob, blocks) in [("both", 10), ("old", 20), ("new", 40), ("orphan", 80), ("x.1f.incomplete", 160)] {
            put(&at.join("blobs").join(blob), blocks);
        }
        let snapshot = |commit: &str| at.join("snapshots").join(commit);
        link("../../blobs/both", &snapshot(OLD).join("a"));
        link("../../blobs/old", &snapshot(OLD).join("b"));
        link("../../../blobs/both", &snapshot(NEW).join("in/a"));
        link("../../blobs/new", &snapshot(NEW).join("b"));
        link("../../blobs/new", &snapshot(NEW).join("same"));
        link("../../blobs/gone", &snapshot(NEW).join("dangling"));
        link("/etc/passwd", &snapshot(NEW).join("foreign"));
        text(&at.join("refs/main"), NEW);
        text(&at.join("refs/pr/1"), &"3".repeat(40));
        text(&at.join("refs/line"), &format!("{OLD}\n"));
        text(&at.join(".no_exist").join(NEW).join("tokenizer.json"), "");
    }

    #[test]
    fn revisions_know_what_they_share_and_what_is_wrong() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().join("huggingface/hub");
        fill(&hub);
        let inventory = one(&room.path().join("huggingface"));
        let (unit, found) = repository(&inventory, "org/name");
        assert_eq!(found.kind, "model");
        assert_eq!(unit.partial, Heap { files: 1, bytes: 160 * 4096 });
        assert_eq!(found.orphans, Heap { files: 1, bytes: 80 * 4096 });
        assert_eq!((found.dangling, found.foreign), (1, 1));
        assert_eq!(found.broken_refs, ["line", "pr/1"]);
        let revisions: Vec<_> = found
            .revisions
            .iter()
            .map(|one| {
                let sizes = blocks(&unit.path.join("snapshots").join(&one.commit), one.sizes);
                (one.commit.to_str().unwrap(), one.refs.clone(), sizes, one.sizes.files)
            })
            .collect();
        assert_eq!(
            revisions,
            [(OLD, vec![], [30, 30, 20], 2), (NEW, vec!["main".to_owned()], [50, 50, 40], 3)],
            "a content counts once in a revision, however often it is named there"
        );
        assert_eq!(unit.sizes.apparent, 310 * 4096 + 40 + 40 + 41);
        assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
    }

    #[test]
    fn a_payload_that_two_repositories_share_belongs_to_neither_alone() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().join("huggingface/hub");
        text(&hub.join("blobs/.huggingface-shared-blobs"), "1\n");
        for (payload, blocks) in [("aa11", 100), ("aa22", 200), ("bb33", 400)] {
            put(&hub.join("blobs").join(&payload[..2]).join(payload), blocks);
        }
        for (repository, payloads) in [("one", &["aa11", "aa22"][..]), ("two", &["aa11"])] {
            let at = hub.join(format!("models--o--{repository}"));
            for payload in payloads {
                link(
                    &format!("../../blobs/{}/{payload}", &payload[..2]),
                    &at.join("blobs").join(format!("e{payload}")),
                );
                link(&format!("../../blobs/e{payload}"), &at.join("snapshots").join(NEW).join(payload));
            }
            text(&at.join("refs/main"), NEW);
        }
        let inventory = one(&room.path().join("huggingface"));
        let revision = |name: &str| {
            let (unit, found) = repository(&inventory, name);
            blocks(&unit.path.join("snapshots").join(NEW), found.revisions[0].sizes)
        };
        assert_eq!(revision("o/one"), [300, 300, 200]);
        assert_eq!(revision("o/two"), [100, 100, 0]);
        let store = inventory.places[0].units.iter().find(|unit| matches!(unit.kind, UnitKind::Store)).unwrap();
        assert_eq!(store.sizes.apparent / 4096, 400, "nobody has this one");
        assert_eq!(inventory.total.apparent / 4096, 800, "what both have is seen twice");
        let folders = inventory.total.disk - 700 * 4096;
        assert!(folders < 40 * 4096 + 3 * 4096, "and lies on the disk once: {folders}");
    }

    #[test]
    fn a_payload_with_names_elsewhere_is_one_file_with_them() {
        let room = tempfile::tempdir().unwrap();
        let (hub, copies) = (room.path().join("huggingface/hub"), room.path().join("copies"));
        text(&hub.join("blobs/.huggingface-shared-blobs"), "1\n");
        for (payload, users) in [("aa11", &["one", "two"][..]), ("bb22", &["one"]), ("cc33", &[])] {
            let at = hub.join("blobs").join(&payload[..2]).join(payload);
            put(&at, 300);
            fs::create_dir_all(&copies).unwrap();
            fs::hard_link(&at, copies.join(payload)).unwrap();
            for user in users {
                let at = hub.join(format!("models--o--{user}"));
                link(&format!("../../blobs/{}/{payload}", &payload[..2]), &at.join("blobs").join(payload));
                link(&format!("../../blobs/{payload}"), &at.join("snapshots").join(NEW).join(payload));
            }
        }
        let inventory = scan(vec![home(room.path().join("huggingface")), home(copies)]);
        let [hub, copies] = &inventory.places[..] else { panic!() };
        let near = |bytes: u64, blocks: u64| (blocks * 4096..(blocks + 40) * 4096).contains(&bytes);
        let units = hub.units.iter().chain(&copies.units).map(|unit| unit.sizes.disk - unit.elsewhere);
        assert_eq!(units.sum::<u64>(), inventory.total.disk);
        assert!(near(inventory.total.disk, 900) && near(inventory.total.exclusive, 900), "{:?}", inventory.total);
        assert!(near(hub.sizes.disk, 900) && near(copies.sizes.disk, 900));
        assert!(near(hub.sizes.exclusive, 0) && near(copies.sizes.exclusive, 0), "either alone frees nothing of them");
    }

    #[test]
    fn hard_links_count_once_and_belong_to_whoever_has_all_of_them() {
        let room = tempfile::tempdir().unwrap();
        let [one, two] = ["torch", "whisper"].map(|name| room.path().join(name));
        put(&one.join("big.pt"), 300);
        put(&one.join("own.pt"), 600);
        fs::create_dir_all(&two).unwrap();
        fs::hard_link(one.join("big.pt"), two.join("big.pt")).unwrap();
        fs::hard_link(one.join("own.pt"), one.join("again.pt")).unwrap();
        let inventory = scan(vec![home(one), home(two)]);
        let blocks = |found: &Found| [found.sizes.apparent, found.sizes.disk, found.sizes.exclusive].map(|n| n / 4096);
        // Each folder itself takes a block on this disk, or none, and stays.
        let folder = blocks(&inventory.places[1])[1] - 300;
        assert_eq!(blocks(&inventory.places[0]), [1500, 900 + folder, 600]);
        assert_eq!(blocks(&inventory.places[1]), [300, 300 + folder, 0]);
        let total = inventory.total;
        let total = [total.apparent, total.disk, total.exclusive].map(|bytes| bytes / 4096);
        assert_eq!(total, [1800, 900 + 2 * folder, 900]);
        assert_eq!(inventory.homes, inventory.total, "a budget counts them once, too");
    }

    #[test]
    fn links_are_counted_and_never_followed() {
        let room = tempfile::tempdir().unwrap();
        let home = room.path().join("torch");
        put(&room.path().join("outside/secret.pt"), 999);
        put(&home.join("m/x"), 1);
        link("../../outside", &home.join("m/out"));
        link(".", &home.join("m/loop"));
        link("../torch", &home.join("up"));
        let inventory = one(&home);
        assert!(inventory.total.apparent < 2 * 4096, "{:?}", inventory.total);
        assert_eq!(inventory.total.files, 4);
    }

    #[test]
    fn what_cannot_be_opened_is_named_and_the_rest_goes_on() {
        use std::os::unix::fs::PermissionsExt;
        let room = tempfile::tempdir().unwrap();
        let home = room.path().join("torch");
        put(&home.join("m/x"), 1);
        put(&home.join("closed/y"), 1);
        fs::set_permissions(home.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        // Root may read everything.
        let refused = fs::read_dir(home.join("closed")).is_err();
        let inventory = one(&home);
        fs::set_permissions(home.join("closed"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(inventory.problems.iter().any(|problem| problem.path == home.join("closed")), refused);
        assert!(names(&inventory.places[0]).contains(&"m".to_owned()));
    }

    #[test]
    fn names_that_are_no_text_are_counted_as_well() {
        use std::os::unix::ffi::OsStrExt;
        let room = tempfile::tempdir().unwrap();
        let home = room.path().join("torch");
        put(&home.join(std::ffi::OsStr::from_bytes(b"a\xff\n\x1b[2J")).join("x"), 2);
        let inventory = one(&home);
        assert_eq!(inventory.total.files, 1);
        assert_eq!(names(&inventory.places[0]), ["a\u{fffd}\n\u{1b}[2J"]);
    }
}

#[test]
fn files_past_their_age_are_told_in_application_caches() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("tmdb");
    put(&path.join("new"), 1);
    put(&path.join("a/old"), 3);
    let day = std::time::Duration::from_secs(86_400);
    let then = std::time::SystemTime::now() - 100 * day;
    fs::File::options().write(true).open(path.join("a/old")).unwrap().set_modified(then).unwrap();
    let kind = Kind::Application { max_age: Some(90 * 86_400) };
    let inventory = scan(vec![Place::at("tmdb".into(), path, kind)]);
    let found = &inventory.places[0];
    assert_eq!((found.expired.files, found.expired.apparent), (1, 3 * 4096));
    assert_eq!((found.sizes.files, names(found).len()), (2, 0));
}

#[test]
fn an_application_cache_within_a_home_is_counted_apart() {
    let room = tempfile::tempdir().unwrap();
    let outer = room.path().join("huggingface");
    put(&outer.join("m/x"), 10);
    put(&outer.join("app/y"), 5);
    let application = Place::at("app".into(), outer.join("app"), Kind::Application { max_age: None });
    let inventory = scan(vec![home(outer), application]);
    let sizes: Vec<u64> = inventory.places.iter().map(|found| found.sizes.apparent / 4096).collect();
    assert_eq!(sizes, [10, 5]);
}

#[test]
fn what_lies_too_deep_is_said_and_not_left_out_in_silence() {
    let room = tempfile::tempdir().unwrap();
    let home_at = room.path().join("torch");
    let deep: PathBuf = std::iter::repeat_n("d", 300).collect();
    put(&home_at.join(&deep).join("x"), 1);
    let inventory = one(&home_at);
    assert_eq!(inventory.total.files, 0);
    let [problem] = &inventory.problems[..] else { panic!("{:?}", inventory.problems) };
    assert_eq!(problem.why, "holds folders more than 256 folders deep");
}

#[cfg(target_os = "linux")]
#[test]
fn sizes_beyond_all_disks_overflow_nothing() {
    // Only a file system in memory takes files of such a length.
    let Ok(room) = tempfile::tempdir_in("/dev/shm") else { return };
    let home_at = room.path().join("torch");
    fs::create_dir_all(&home_at).unwrap();
    for name in ["a", "b", "c"] {
        let file = fs::File::create(home_at.join(name)).unwrap();
        if file.set_len(i64::MAX as u64).is_err() {
            return;
        }
    }
    assert_eq!(one(&home_at).total.apparent, u64::MAX);
}

#[test]
fn a_layer_of_two_models_of_ollama_belongs_to_neither_alone() {
    let room = tempfile::tempdir().unwrap();
    let store = room.path().join("models");
    let blob = |digit: &str| store.join("blobs").join(format!("sha256-{}", digit.repeat(64)));
    for (digit, blocks) in [("1", 1000), ("2", 200), ("3", 300), ("4", 40)] {
        put(&blob(digit), blocks);
    }
    put(&store.join("blobs").join(format!("sha256-{}-partial", "5".repeat(64))), 7);
    for (model, layers) in [("a/latest", &["1", "2"][..]), ("b/8b", &["1", "3", "9"])] {
        let layer = |digit: &&str| format!(r#"{{"digest":"sha256:{}","size":1}}"#, digit.repeat(64));
        let layers: Vec<String> = layers.iter().map(layer).collect();
        let manifest = store.join("manifests/registry.ollama.ai/library").join(model);
        text(&manifest, &format!(r#"{{"layers":[{}]}}"#, layers.join(",")));
    }
    let inventory = one(&store);
    let found = &inventory.places[0];
    assert_eq!(names(found), ["a:latest", "b:8b", "layers of no model"]);
    let sizes = |name: &str| {
        let unit = found.units.iter().find(|unit| unit.name == name).unwrap();
        let blocks = [unit.sizes.apparent, unit.sizes.disk, unit.sizes.exclusive].map(|bytes| bytes / 4096);
        (blocks, unit.sizes.files)
    };
    assert_eq!(sizes("a:latest"), ([1200, 1200, 200], 2));
    assert_eq!(sizes("b:8b"), ([1300, 1300, 300], 2));
    assert_eq!(sizes("layers of no model"), ([40, 40, 40], 1));
    let partial: Heap = found.units.iter().fold(Heap::default(), |mut sum, unit| {
        sum += unit.partial;
        sum
    });
    assert_eq!(partial, Heap { files: 1, bytes: 7 * 4096 });
    let folders = inventory.total.disk / 4096 - 1547;
    assert!(folders < 12, "each layer lies on the disk once: {folders}");
    assert!(inventory.problems.is_empty(), "{:?}", inventory.problems);
}

#[test]
fn what_llama_cpp_has_not_finished_is_no_model() {
    let room = tempfile::tempdir().unwrap();
    let home_at = room.path().join("llama.cpp");
    put(&home_at.join("org_name_model.Q4_K_M.gguf"), 300);
    put(&home_at.join("org_name_other.gguf.downloadInProgress"), 300);
    let inventory = one(&home_at);
    assert_eq!(names(&inventory.places[0]), ["org_name_model.Q4_K_M.gguf"]);
    assert_eq!(inventory.places[0].units[0].partial, Heap { files: 1, bytes: 300 * 4096 });
}
