//! Links that a person made in the cache, `best.pt -> run-7.pt`: none is left that leads to nothing, and none that keeps a model is
//! overlooked.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::aged::{four, there};
use crate::support::lived::HUB;
use crate::support::project::Room;

const TORCH: &str = ".cache/torch/hub/checkpoints";

/// A checkpoint of so many kB that nobody has used for so many days.
fn checkpoint(room: &Room, name: &str, size: usize, days: u64) {
    let name = format!("{TORCH}/{name}");
    room.write(&name, vec![7; size * 1000]);
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs::File::options().write(true).open(room.place(&name)).unwrap();
    file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
}

fn link(room: &Room, name: &str, to: impl AsRef<Path>) {
    symlink(to, room.place(&format!("{TORCH}/{name}"))).unwrap();
}

/// A checkpoint with two links, one of them by way of the other, and one that was used today.
fn checkpoints() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    checkpoint(&room, "run-7.pt", 3000, 60);
    checkpoint(&room, "run-8.pt", 1000, 0);
    link(&room, "best.pt", "run-7.pt");
    link(&room, "a-best.pt", room.place(&format!("{TORCH}/best.pt")));
    link(&room, "z-last.pt", "run-8.pt");
    room
}

fn names(room: &Room) -> Vec<String> {
    let folder = fs::read_dir(room.place(TORCH)).into_iter().flatten();
    let mut found: Vec<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    found.sort_unstable();
    found
}

const ALL: [&str; 5] = ["a-best.pt", "best.pt", "run-7.pt", "run-8.pt", "z-last.pt"];

#[test]
fn a_link_goes_with_what_it_leads_to_and_comes_back_with_it() {
    for rule in [["--older-than", "30d"], ["--max-size", "2MB"]] {
        let room = checkpoints();
        let before = room.tree();
        let ran = room.run(&[&["prune", "--grace", "0", "--yes"], &rule[..]].concat()).expect(0);
        assert_eq!(names(&room), ["run-8.pt", "z-last.pt"], "{rule:?}: {}{}", ran.out, ran.err);
        assert!(!ran.err.contains("Stays"), "{rule:?}: {}", ran.err);
        room.run(&["prune", "--undo"]).expect(0);
        let ours = |name: &str| name.starts_with("p/.cache/.modelstrap") || name.ends_with("/.modelstrap");
        room.tree().without(ours).assert_eq(&before.without(ours), "an undo");
    }
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let room = checkpoints();
    room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"));
}

#[test]
fn who_makes_a_link_today_or_keeps_one_means_what_it_leads_to() {
    let room = checkpoints();
    let ran = room.run(&["prune", "--older-than", "30d", "--yes"]).expect(0);
    assert_eq!(names(&room), ALL);
    assert!(ran.err.contains("run-7.pt: it came or changed less than 1 h ago"), "{}", ran.err);
    for link in ["best.pt", "a-best.pt", "run-7.pt"] {
        let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--keep", link, "--yes"]).expect(0);
        assert_eq!(names(&room), ALL, "{link}");
        assert!(ran.err.contains("run-7.pt: --keep"), "{link}: {}", ran.err);
    }
}

#[test]
fn clear_takes_a_link_alone_and_a_file_with_its_links() {
    let room = checkpoints();
    room.run(&["clear", "best.pt", "--yes"]).expect(0);
    // With the one that leads to it.
    assert_eq!(names(&room), ["run-7.pt", "run-8.pt", "z-last.pt"]);
    room.run(&["clear", "--undo"]).expect(0);
    let ran = room.run(&["clear", "run-7.pt", "--yes", "--now"]).expect(0);
    assert_eq!(names(&room), ["run-8.pt", "z-last.pt"]);
    assert!(ran.out.contains("best.pt"), "{}", ran.out);
}

#[test]
fn a_link_to_a_folder_goes_with_the_folder() {
    let room = checkpoints();
    let folder = ".cache/torch/hub/org_repo_main";
    room.write(&format!("{folder}/hubconf.py"), "dependencies = []\n");
    symlink("org_repo_main", room.place(".cache/torch/hub/latest")).unwrap();
    room.run(&["prune", "--grace", "0", "--older-than", "0s", "--yes", "--now"]).expect(0);
    let left = fs::symlink_metadata(room.place(".cache/torch/hub/latest"));
    assert_eq!((left.is_ok(), room.exists(folder), names(&room).len()), (false, false, 0));
}

#[test]
fn folders_with_links_to_each_other_stay_until_they_are_cleared_together() {
    let room = checkpoints();
    repository_with_link(&room, "a_b_main", 60, "../c_d_main/hubconf.py");
    repository_with_link(&room, "c_d_main", 60, "../a_b_main/hubconf.py");
    let there = || ["a_b_main", "c_d_main"].map(|name| room.exists(&format!(".cache/torch/hub/{name}")));
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert_eq!(ran.out.matches("leads to it").count(), 2, "{}{}", ran.out, ran.err);
    room.run(&["clear", "a_b_main", "--yes"]).expect(1);
    assert_eq!(there(), [true, true]);
    room.run(&["clear", "a_b_main", "c_d_main", "--yes", "--now"]).expect(0);
    assert_eq!(there(), [false, false]);
}

#[test]
fn what_is_in_a_folder_and_has_a_link_elsewhere_is_not_cleared_by_its_name() {
    let room = checkpoints();
    repository_with_link(&room, "a_b_main", 60, "hubconf.py");
    link(&room, "inside.pt", room.place(".cache/torch/hub/a_b_main/hubconf.py"));
    let ran = room.run(&["clear", ".cache/torch/hub/a_b_main/hubconf.py", "--yes"]).expect(1);
    assert!(ran.err.contains("inside.pt"), "{}", ran.err);
    // With the folder goes the link.
    room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert_eq!(names(&room), ["run-8.pt", "z-last.pt"]);
    assert!(!room.exists(".cache/torch/hub/a_b_main"));
}

#[test]
fn a_link_into_a_hub_keeps_what_it_leads_to_until_it_goes_itself() {
    let room = four();
    fs::create_dir_all(room.place(TORCH)).unwrap();
    link(&room, "mine.bin", room.place(&format!("{HUB}/models--org--a/blobs/a")));
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "75d", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "acd");
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains("mine.bin leads to it"), "{said}");
    let refused = room.run(&["clear", "org/a", "--yes"]).expect(1);
    assert!(refused.err.contains("mine.bin"), "{}", refused.err);
    room.run(&["clear", "org/a", "mine.bin", "--yes", "--now"]).expect(0);
    assert_eq!((there(&room).as_str(), names(&room).len()), ("cd", 0));
    // With everything else goes the link, and so nothing keeps what it leads to.
    link(&room, "mine.bin", room.place(&format!("{HUB}/models--org--c/blobs/c")));
    let ran = room.run(&["clear", "models", "--yes", "--now"]).expect(0);
    assert!(!ran.err.contains("leads to it"), "{}", ran.err);
    assert_eq!((there(&room).as_str(), names(&room).len()), ("", 0));
}

#[test]
fn a_link_in_a_folder_keeps_what_it_leads_to_while_the_folder_stays() {
    let room = checkpoints();
    let folder = ".cache/torch/hub/org_repo_main";
    room.write(&format!("{folder}/hubconf.py"), "dependencies = []\n");
    symlink("../checkpoints/run-7.pt", room.place(&format!("{folder}/weights.pt"))).unwrap();
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes"]).expect(0);
    assert_eq!(names(&room), ALL);
    assert!(ran.err.contains("org_repo_main/weights.pt leads to it"), "{}", ran.err);
    room.run(&["prune", "--grace", "0", "--older-than", "0s", "--yes", "--now"]).expect(0);
    assert_eq!((names(&room).len(), room.exists(folder)), (0, false));
}

#[test]
fn a_link_that_leads_out_of_the_cache_is_taken_for_no_size() {
    let room = checkpoints();
    room.write("weights.pt", vec![1; 1000]);
    // So long that it takes a block of the disk.
    link(&room, "out.pt", room.place(&format!("{}weights.pt", "./".repeat(50))));
    let ran = room.run(&["prune", "--grace", "0", "--keep", "run-8.pt", "--max-size", "1kB", "--yes"]).expect(1);
    assert!(!format!("{}{}", ran.out, ran.err).contains("other names"), "{}{}", ran.out, ran.err);
    assert_eq!(names(&room), ["out.pt", "run-8.pt", "z-last.pt"]);
}

/// A folder of torch.hub's with a link in it, not used for so many days.
fn repository_with_link(room: &Room, name: &str, days: u64, to: impl AsRef<Path>) {
    let folder = format!(".cache/torch/hub/{name}");
    room.write(&format!("{folder}/hubconf.py"), vec![b'#'; 1_000_000]);
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs::File::options().write(true).open(room.place(&format!("{folder}/hubconf.py"))).unwrap();
    file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
    symlink(to, room.place(&format!("{folder}/weights.pt"))).unwrap();
}

#[test]
fn what_a_link_held_goes_in_its_turn_once_the_link_goes() {
    let prune = ["prune", "--grace", "0", "--yes", "--now"];
    for rule in [["--max-size", "1.5MB"], ["--older-than", "30d"]] {
        let room = checkpoints();
        repository_with_link(&room, "a_b_main", 80, "../checkpoints/run-7.pt");
        repository_with_link(&room, "c_d_main", 90, "../a_b_main/hubconf.py");
        let ran = room.run(&[&prune[..], &rule].concat()).expect(0);
        let left = ["a_b_main", "c_d_main"].map(|name| room.exists(&format!(".cache/torch/hub/{name}")));
        assert_eq!((names(&room).join(" "), left), ("run-8.pt z-last.pt".to_owned(), [false, false]), "{}", ran.out);
        assert!(!ran.err.contains("Stays"), "{}", ran.err);
    }
}

#[test]
fn a_revision_without_a_ref_goes_in_the_same_run_as_the_folder_that_leads_to_it() {
    let room = four();
    let snapshots = format!("{HUB}/models--org--a");
    fs::remove_file(room.place(&format!("{snapshots}/refs/main"))).unwrap();
    repository_with_link(&room, "a_b_main", 40, room.place(&format!("{snapshots}/blobs/a")));
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(ran.err.contains("weights.pt leads to it") && there(&room) == "abcd", "{}", ran.err);
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert!(!ran.err.contains("Stays") && there(&room).is_empty(), "{}", ran.err);
}

#[test]
fn a_link_to_a_revision_or_to_a_repository_keeps_it() {
    let room = four();
    let folder = |name: &str| room.place(&format!("{HUB}/models--org--{name}"));
    fs::create_dir_all(room.place(TORCH)).unwrap();
    let revision = fs::read_dir(folder("a").join("snapshots")).unwrap().next().unwrap().unwrap().path();
    symlink(&revision, room.place(".cache/torch/hub/latest")).unwrap();
    repository_with_link(&room, "a_b_main", 0, folder("b"));
    let ran = room.run(&["prune", "--grace", "0", "--older-than", "30d", "--yes", "--now"]).expect(0);
    assert_eq!(there(&room), "ab", "{}{}", ran.out, ran.err);
    assert!(room.place(".cache/torch/hub/latest").is_dir(), "the link leads to its revision");
}

const URL: &str = "https://x.example/best.safetensors";
const DIGEST: &str = "3918d00774856a342a95454e1415026967b0337bb39619e2ace71b9c3f453092";

/// Locks a file that lies at the path that this gives.
fn locked(room: &Room) -> &'static str {
    let spec = format!("url:{URL}#sha256={DIGEST}");
    room.write("modelstrap.toml", format!("[project]\nname = \"p\"\n\n[models]\nbest-safetensors = \"{spec}\"\n"));
    let head = "version = 1\nmanifest = \"sha256:220be08b19d327570b21028367e83fd431861bbfccb47bf94bf4770881e0b991\"";
    let file = format!("path = \"best.safetensors\", size = 200000, digest = \"sha256:{DIGEST}\", url = \"{URL}\"");
    let part = format!("[[model.part]]\nplace = \"files\"\nhome = \"files\"\nfiles = [\n  {{ {file} }},\n]");
    let model = format!("[[model]]\nname = \"best-safetensors\"\nspec = \"{spec}\"\n\n{part}");
    room.write("modelstrap.lock", format!("{head}\n\n{model}\n\n# the end of modelstrap.lock\n"));
    ".cache/files/ec7c2609df669ffd"
}

#[test]
fn what_a_lock_names_by_way_of_links_stays() {
    // By way of a link to a link, and by way of a folder that is a link to a revision, or to a folder of files.
    for way in 0..3 {
        let room = four();
        checkpoint(&room, "best.safetensors", 200, 90);
        let folder = room.place(locked(&room));
        fs::create_dir_all(folder.parent().unwrap()).unwrap();
        let hub = room.place(&format!("{HUB}/models--org--a"));
        let revision = fs::read_dir(hub.join("snapshots")).unwrap().next().unwrap().unwrap().path();
        symlink("../../blobs/a", revision.join("best.safetensors")).unwrap();
        match way {
            0 => {
                fs::create_dir(&folder).unwrap();
                fs::remove_file(room.place(&format!("{TORCH}/best.safetensors"))).unwrap();
                link(&room, "middle.safetensors", revision.join("best.safetensors"));
                symlink(room.place(&format!("{TORCH}/middle.safetensors")), folder.join("best.safetensors")).unwrap();
            }
            1 => symlink(revision, &folder).unwrap(),
            _ => symlink(room.place(TORCH), &folder).unwrap(),
        }
        for rule in [&["--ci"][..], &["--older-than", "30d"], &["--max-size", "1kB"]] {
            let ran = room.run(&[&["prune", "--grace", "0", "--yes", "--now"], rule].concat());
            let found = fs::read(folder.join("best.safetensors"));
            assert!(found.is_ok(), "{way} {rule:?}: {}{}", ran.out, ran.err);
        }
        assert_eq!(there(&room), if way < 2 { "a" } else { "" }, "{way}");
    }
}

#[test]
fn a_file_takes_no_part_of_another_model_along() {
    let room = checkpoints();
    checkpoint(&room, "x-00002-of-00002.gguf", 10, 0);
    link(&room, "x-00001-of-00002.gguf", "run-7.pt");
    room.run(&["clear", "run-7.pt", "--yes", "--now"]).expect(0);
    assert_eq!(names(&room), ["run-8.pt", "x-00002-of-00002.gguf", "z-last.pt"]);
}
