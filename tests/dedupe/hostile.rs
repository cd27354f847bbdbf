//! What changes between the plan and its execution: the pair then stays as it is.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;

use modelstrap::cache::duplicates::decide::{self, Rules};
use modelstrap::cache::duplicates::world::Live;
use modelstrap::cache::duplicates::{self, Memory, Plan, Search};
use modelstrap::cache::link::{self, Job, Outcome};
use modelstrap::cache::{Kind, Place};

use super::desk::{contents, inode, shape, weights};

struct Scene {
    room: tempfile::TempDir,
    places: Vec<Place>,
}

impl Scene {
    /// Two copies of one content, in two places.
    fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().canonicalize().unwrap();
        for name in ["cache", "stray/deep", "outside"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("cache/a"), weights(1)).unwrap();
        fs::write(root.join("stray/deep/a"), weights(1)).unwrap();
        fs::write(root.join("outside/a"), weights(1)).unwrap();
        let place = |name: &str, kind| Place::at(name.to_owned(), root.join(name), kind);
        let places = vec![place("cache", Kind::Home), place("stray", Kind::Stray { whose: "x".to_owned() })];
        Self { room, places }
    }

    fn root(&self) -> std::path::PathBuf {
        self.room.path().canonicalize().unwrap()
    }

    fn plan(&self) -> Plan {
        let memory = Memory::default();
        let search = Search {
            places: &self.places,
            min_size: 1,
            memory: &memory,
            remembers: true,
            leftover: ".modelstrap-dedupe-x",
        };
        let found = duplicates::find(&search);
        let root = self.root();
        let rules = Rules { places: &self.places, cache_root: &root, now: 0, grace: 0, symlinks: false };
        let plan = decide::decide(found.files, &found.groups, &rules, &Live::default());
        assert_eq!(plan.copies().count(), 1);
        plan
    }

    fn replace(&self, plan: &Plan) -> Outcome {
        let cache_root = self.root().join("cache");
        let written = HashSet::new;
        link::replace(&Job {
            plan,
            places: &self.places,
            cache_root: &cache_root,
            written: &written,
            progress: &|_| {},
        })
    }

    fn refused(&self, plan: &Plan, why: &str) {
        let (tree, bytes) = (shape(&self.root()), contents(&self.root()));
        let outcome = self.replace(plan);
        assert_eq!(outcome.result(0), Some(Err(why)));
        assert_eq!((shape(&self.root()), contents(&self.root())), (tree, bytes), "{why}");
    }
}

#[test]
fn a_folder_that_became_a_link_out_is_not_followed() {
    let scene = Scene::new();
    let plan = scene.plan();
    let root = scene.root();
    fs::rename(root.join("stray/deep"), root.join("stray/was")).unwrap();
    symlink("../outside", root.join("stray/deep")).unwrap();
    scene.refused(&plan, "Not a directory (os error 20)");
}

#[test]
fn a_file_that_became_a_link_is_not_followed() {
    let scene = Scene::new();
    let plan = scene.plan();
    let root = scene.root();
    fs::remove_file(root.join("stray/deep/a")).unwrap();
    symlink("../../outside/a", root.join("stray/deep/a")).unwrap();
    scene.refused(&plan, "Too many levels of symbolic links (os error 40)");
}

#[test]
fn a_file_that_was_written_to_stays_although_its_size_and_time_are_the_same() {
    let scene = Scene::new();
    let path = scene.root().join("stray/deep/a");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let plan = scene.plan();
    // The disk's clock may tick only every few milliseconds.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, weights(5)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    scene.refused(&plan, "it was changed meanwhile");
}

#[test]
fn another_file_under_the_same_name_stays() {
    let scene = Scene::new();
    let plan = scene.plan();
    let root = scene.root();
    fs::rename(root.join("outside/a"), root.join("stray/deep/a")).unwrap();
    scene.refused(&plan, "it was changed meanwhile");
}

#[test]
fn a_kept_file_that_changed_or_went_keeps_the_copy() {
    let scene = Scene::new();
    let plan = scene.plan();
    fs::rename(scene.root().join("outside/a"), scene.root().join("cache/a")).unwrap();
    scene.refused(&plan, "what it equals was changed meanwhile");
    fs::remove_file(scene.root().join("cache/a")).unwrap();
    scene.refused(&plan, "what it equals: it is gone");
}

#[test]
fn a_pair_that_is_one_already_is_left_at_that() {
    let scene = Scene::new();
    let plan = scene.plan();
    let root = scene.root();
    fs::remove_file(root.join("stray/deep/a")).unwrap();
    fs::hard_link(root.join("cache/a"), root.join("stray/deep/a")).unwrap();
    let names = fs::read_dir(root.join("stray/deep")).unwrap().count();
    scene.replace(&plan);
    assert_eq!(inode(&root.join("cache/a")), inode(&root.join("stray/deep/a")));
    assert_eq!(fs::read_dir(root.join("stray/deep")).unwrap().count(), names, "no temporary name stays");
}

#[test]
fn names_are_swapped_under_the_run_and_no_byte_is_lost() {
    // Somebody replaces the copy by another file again and again, while it is made one with the kept file again and again.
    let scene = Scene::new();
    let root = scene.root();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0_u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                let next = root.join("outside/next");
                fs::write(&next, number.to_le_bytes()).unwrap();
                fs::rename(&next, root.join("stray/deep/a")).unwrap();
                let now = fs::read(root.join("stray/deep/a")).unwrap();
                // Nobody else writes: whatever was put there last is there.
                assert_eq!(now, number.to_le_bytes(), "write {number} was lost");
                fs::write(&next, weights(1)).unwrap();
                fs::rename(&next, root.join("stray/deep/a")).unwrap();
            }
        });
        let memory = Memory::default();
        for _ in 0..60 {
            let search = Search {
                places: &scene.places,
                min_size: 1,
                memory: &memory,
                remembers: true,
                leftover: ".modelstrap-dedupe-",
            };
            let found = duplicates::find(&search);
            let root = scene.root();
            let rules = Rules { places: &scene.places, cache_root: &root, now: 0, grace: 0, symlinks: false };
            let plan = decide::decide(found.files, &found.groups, &rules, &Live::default());
            scene.replace(&plan);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().unwrap();
    });
    assert_eq!(fs::read_dir(root.join("stray/deep")).unwrap().count(), 1);
}
