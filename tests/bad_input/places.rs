//! Places where nothing of ours may go: out of the project, over what is there already, or where there is no project.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{NOTHING_CHANGED, refused, refused_saying};
use crate::support::project::Room;

#[test]
fn links_of_a_cloned_project_never_lead_a_write_out_of_it() {
    for name in [".env", ".gitignore", ".modelstrap"] {
        let room = Room::git();
        fs::create_dir(room.path().join("victim")).unwrap();
        symlink("../victim/x", room.place(name)).unwrap();
        refused_saying(&room, &[], &[&format!("@/p/{name}"), "leads out of the project, to @/victim/x"]);
    }
}

#[test]
fn a_cache_root_that_would_swallow_something_is_refused() {
    let room = Room::fixture();
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let (root, parent, home) = (at(room.root()), at(room.path()), at(&room.home()));
    room.write("file", "");
    symlink("nowhere", room.place("dangling")).unwrap();
    symlink("file", room.place("to-file")).unwrap();
    symlink("../../h", room.place("config/home")).unwrap();
    for (base_dir, shown, why) in [
        (".", ".", "is the project itself"),
        (root.as_str(), "@/p", "is the project itself"),
        (parent.as_str(), "@", "holds the project"),
        (home.as_str(), "@/h", "is the home folder"),
        ("~/", "~/", "is the home folder"),
        ("config/home", "config/home", "is the home folder"),
        ("/", "/", "is the root of the disk"),
        ("file", "file", "is a file"),
        ("to-file", "to-file", "is a link to a file"),
        ("..", "..", "leads upwards with `..`"),
        (".cache/../x", ".cache/../x", "leads upwards with `..`"),
        ("dangling", "dangling", "is a symbolic link to something that does not exist (is a disk not mounted?)"),
    ] {
        let next = "choose a folder of its own, such as `.cache`: [cache] base_dir in the manifest, or `--cache-dir`";
        let error = format!("the cache root `{shown}` {why}\n  {next}");
        refused(&room, &["--cache-dir", base_dir], &error);
        let manifest = room.text("modelstrap.toml");
        room.edit("modelstrap.toml", "base_dir = \".cache\"", &format!("base_dir = \"{base_dir}\""));
        refused(&room, &[], &error);
        room.write("modelstrap.toml", manifest);
    }
}

#[test]
fn a_home_in_the_cache_root_that_is_a_file_or_a_dangling_link_is_refused() {
    let room = Room::fixture();
    room.write(".cache/torch", "");
    refused_saying(&room, &[], &["@/p/.cache/torch: is a file, and a folder is needed there", NOTHING_CHANGED]);
    let room = Room::fixture();
    fs::create_dir(room.place(".cache")).unwrap();
    symlink("/nowhere/torch", room.place(".cache/torch")).unwrap();
    let words = ["@/p/.cache/torch: is a symbolic link to /nowhere/torch, which does not exist", NOTHING_CHANGED];
    refused_saying(&room, &[], &words);
}

#[test]
fn without_a_home_setup_works_and_what_needs_one_says_so() {
    let room = Room::fixture();
    let run = |arguments: &[&str]| room.ran(room.command(arguments).env_remove("HOME").env("USER", "nobody-at-all"));
    let before = room.tree();
    let ran = run(&["setup", "--yes", "--cache-dir", "~/models"]).expect(1);
    ran.says(&["the cache root `~/models` begins with `~`, and HOME is not set"]);
    run(&["setup", "--yes", "--profile", "bash"]).expect(2).says(&["HOME is not set", "--profile none"]);
    room.tree().assert_eq(&before, "two refusals");
    run(&["setup", "--yes"]).expect(0);
    run(&["setup", "--check"]).expect(0);
    run(&["undo", "--yes"]).expect(0);
    room.tree().assert_eq(&before, "undo without a home");
}

#[test]
fn a_folder_that_is_no_project_is_refused() {
    let room = Room::bare();
    let before = room.tree();
    let home = room.home();
    let home = home.to_str().unwrap();
    let ran = room.run(&["-C", home, "setup", "--yes"]).expect(1);
    assert_eq!(ran.err, "error: @/h is not a project\n  change into the project's folder, or give it with `-C DIR`\n");
    room.run(&["-C", "nowhere", "setup", "--yes"]).expect(1).says(&["@/p/nowhere is not a folder", "`-C DIR`"]);
    room.tree().assert_eq(&before, "no project");
}
