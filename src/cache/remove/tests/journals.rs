//! Journals: read back as written, and believed only where they were.

use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::super::journal::*;
use super::*;

fn one(path: &[u8]) -> Move {
    let path = std::ffi::OsStr::from_bytes(path).into();
    Move {
        place: 0,
        path,
        trash: 0,
        name: "0".to_owned(),
        mark: Mark::default(),
        role: Role::Tree,
        is_list: false,
        above: Some(-7),
    }
}

fn begin(root: &Path, name: &str, moves: &[Move]) -> Journal {
    let trash = TrashAt { base: root.join("home"), below: ".modelstrap/trash/1".into(), id: Some((3, 4)) };
    Journal::begin(root, name, "prune", &[root.join("home")], &[trash], &mut moves.iter().cloned()).unwrap()
}

#[test]
fn what_was_written_is_read_back_whatever_the_names_are_and_wherever_the_root_is_now() {
    let room = tempfile::tempdir().unwrap();
    let room = room.path().canonicalize().unwrap();
    let root = room.join("cache");
    fs::create_dir(&root).unwrap();
    let moves = [one(b"hub/a\nb"), one(b"\xff\xfe/x"), one("né".as_bytes())];
    let journal = begin(&root, "1", &moves);
    assert!(past(&root).unwrap().is_empty(), "its run is at work");
    drop(journal);

    let moved = room.join("moved");
    fs::rename(&root, &moved).unwrap();
    let mut read = past(&moved).unwrap().pop().unwrap();
    assert_eq!(read.fate, Fate::Undecided);
    assert_eq!(read.places, [moved.join("home")]);
    assert_eq!(
        read.trashes,
        [TrashAt { base: moved.join("home"), below: ".modelstrap/trash/1".into(), id: Some((3, 4)) }]
    );
    let paths: Vec<_> = read.moves.iter().map(|one| one.unwrap().path.into_os_string().into_vec()).collect();
    assert_eq!(paths, [b"hub/a\nb".as_slice(), b"\xff\xfe/x", "né".as_bytes()]);

    let path = folder_of(&moved).join("1-0.jsonl");
    let cut = fs::read_to_string(&path).unwrap() + "{\"decided\":{\"unt";
    fs::write(&path, cut).unwrap();
    read.journal.give_back().unwrap();
    drop(read);
    assert_eq!(past(&moved).unwrap()[0].fate, Fate::Returning, "a line that was cut off is no word");
    past(&moved).unwrap().pop().unwrap().journal.close();
    assert!(!moved.join(".modelstrap").exists());
}

#[test]
fn what_another_machine_or_user_wrote_is_not_believed() {
    let room = tempfile::tempdir().unwrap();
    let room = room.path().canonicalize().unwrap();
    let (root, copy) = (room.join("cache"), room.join("copy"));
    fs::create_dir(&root).unwrap();
    drop(begin(&root, "1", &[one(b"x")]));
    let file = folder_of(&root).join("1-0.jsonl");
    assert_eq!(past(&root).unwrap().len(), 1);

    fs::create_dir_all(folder_of(&copy)).unwrap();
    fs::copy(&file, folder_of(&copy).join("1.jsonl")).unwrap();
    assert!(past(&copy).unwrap().is_empty(), "the seal is another folder's, and no trash of its own is named");

    symlink(&file, folder_of(&root).join("2.jsonl")).unwrap();
    assert_eq!(past(&root).unwrap().len(), 1, "a link is no journal");
    fs::hard_link(&file, room.join("second")).unwrap();
    assert!(past(&root).unwrap().is_empty(), "somebody else may have given it its name here");
    fs::remove_file(room.join("second")).unwrap();

    let text = fs::read_to_string(&file).unwrap();
    for (from, to) in
        [("\"x\"", "\"../x\""), ("\"x\"", "\"/x\""), ("\"0\"", "\"../0\""), ("\"trash\":0", "\"trash\":7")]
    {
        fs::write(&file, text.replace(from, to)).unwrap();
        assert!(past(&root).unwrap().is_empty(), "{to}");
    }
    crate::support::delete::tree(&room.join("cache/.modelstrap"), &room).unwrap();
    symlink(folder_of(&copy), room.join("cache/.modelstrap")).unwrap();
    assert!(
        Journal::begin(&root, "3", "prune", &[], &[], &mut std::iter::empty()).is_err(),
        "nothing is written through a link"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), row in "\\{\"move\":\\{\"place\":[0-9]{1,3},\"path\":\"[a-z./]{0,9}\",\"trash\":0\\}\\}") {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().canonicalize().unwrap();
        drop(begin(&root, "1", &[one(b"x")]));
        let file = folder_of(&root).join("1-0.jsonl");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{before}{row}\n{text}")).unwrap();
        let _ = past(&root);
    }
}
