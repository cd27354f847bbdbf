//! What lies outside the project, and only when it is asked for: the rc files of shells, and the link for whisper.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::block;
use crate::support::project::{BEGIN, Room, Tree};

#[test]
fn the_profile_is_written_where_it_belongs_and_no_bash_profile_is_made() {
    let room = Room::git();
    room.write("~/.bashrc", "a\n");
    room.write("~/.profile", "b\n");
    room.setup(&["--profile", "bash"]);
    for name in ["~/.bashrc", "~/.profile"] {
        let text = room.text(name);
        assert!(block(&text).iter().any(|line| line.contains(".modelstrap/env.sh")), "{text}");
    }
    let names: Vec<_> = Tree::of(&room.home()).names().into_iter().map(str::to_owned).collect();
    assert_eq!(names, [".bashrc", ".profile"]);
}

#[test]
fn profile_auto_takes_the_shells_in_use_and_only_those() {
    let room = Room::git().with("SHELL", "/usr/bin/zsh");
    fs::create_dir_all(room.place("~/.config/fish")).unwrap();
    room.setup(&["--profile", "auto"]);
    let names: Vec<_> = Tree::of(&room.home()).names().into_iter().map(str::to_owned).collect();
    assert_eq!(
        names,
        [".config", ".config/fish", ".config/fish/conf.d", ".config/fish/conf.d/modelstrap.fish", ".zshenv"]
    );
    // Off unless somebody asked.
    let room = Room::git().with("SHELL", "/usr/bin/zsh");
    room.write("~/.bashrc", "a\n");
    room.setup(&[]);
    assert_eq!(Tree::of(&room.home()).names(), [".bashrc"]);
}

#[test]
fn an_rc_file_survives_whatever_its_bytes_are() {
    for bytes in
        [b"a\r\nb\r\n".as_slice(), b"no final newline", b"L\xe4tin-1 \xff\n", b"", b"\xef\xbb\xbfa\n", b"\n\n\n"]
    {
        let room = Room::git();
        room.write("~/.bashrc", bytes);
        room.setup(&["--profile", "bash"]);
        let after = room.read("~/.bashrc");
        assert!(after.starts_with(bytes) && after.len() > bytes.len());
        if bytes.contains(&b'\r') {
            assert!(
                !after.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'),
                "every line ends as the others"
            );
        }
        room.undo(&[]);
        assert_eq!(room.read("~/.bashrc"), bytes);
    }
}

#[test]
fn a_linked_rc_file_stays_a_link_and_the_file_behind_it_is_written() {
    let room = Room::git();
    room.write("~/dotfiles/bashrc", "a\n");
    fs::set_permissions(room.place("~/dotfiles/bashrc"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("dotfiles/bashrc", room.place("~/.bashrc")).unwrap();
    let before = room.tree();
    room.setup(&["--profile", "bash"]);
    assert_eq!(fs::read_link(room.place("~/.bashrc")).unwrap().to_str(), Some("dotfiles/bashrc"));
    assert!(room.text("~/dotfiles/bashrc").contains(BEGIN));
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
}

#[test]
fn profile_none_removes_the_block() {
    let room = Room::git();
    room.write("~/.bashrc", "a\n");
    room.setup(&["--profile", "bash"]);
    assert!(room.text("~/.bashrc").contains(BEGIN));
    room.setup(&["--profile", "none"]);
    assert_eq!(room.text("~/.bashrc"), "a\n");
    room.undo(&[]);
    assert!(room.text("~/.bashrc").contains(BEGIN));
    room.undo(&[]);
    assert_eq!(room.text("~/.bashrc"), "a\n");
}

#[test]
fn the_whisper_link_leads_into_the_cache_and_is_taken_back() {
    let room = Room::git();
    let before = room.tree();
    room.setup(&["--link-whisper"]);
    assert_eq!(fs::read_link(room.place("~/.cache/whisper")).unwrap(), room.place(".cache/whisper"));
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
    room.write("~/.cache/whisper/base.pt", "weights");
    room.setup(&["--link-whisper"]).says(&[
        "~/.cache/whisper stays as it is",
        "is there already, and not a link: `modelstrap migrate` will be able to move it\n",
    ]);
    assert_eq!(room.text("~/.cache/whisper/base.pt"), "weights");
}

#[test]
fn a_second_project_says_that_new_shells_will_load_its_variables_instead() {
    let room = Room::git();
    room.write("~/.bashrc", "mine\n");
    room.setup(&["--profile", "bash"]);
    let first = room.text("~/.bashrc");
    let other = room.path().join("other");
    fs::create_dir(&other).unwrap();
    let at = |arguments: &[&str]| room.ran(room.command(arguments).current_dir(&other)).expect(0);
    at(&["setup", "--yes", "--profile", "bash"])
        .says(&["~/.bashrc loads another project's variables: if [ -f '@/p/.modelstrap/env.sh'"]);
    assert!(room.text("~/.bashrc").contains("/other/.modelstrap/env.sh"));
    at(&["undo", "--yes"]);
    assert_eq!(room.text("~/.bashrc"), first);
    room.run(&["setup", "--check"]).expect(0);
}
