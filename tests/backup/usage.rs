//! What `modelstrap backup` and `restore` refuse to do: flags that do not go together, and to write over what is there.
#![cfg(unix)]

use std::fs;

use super::round_trip::{archive, lived_in};

#[test]
fn wrong_usage_is_told_and_an_archive_that_is_there_is_not_replaced_unasked() {
    let room = lived_in();
    let file = archive(&room, "a.tar.zst");
    let path = file.to_str().unwrap();
    room.run(&["backup", path]).expect(0);
    let mine = fs::read(&file).unwrap();
    room.write(".cache/torch/later.pt", vec![7; 1000]);
    room.run(&["backup", path]).expect(2).says(&["is there already", "give `--yes`"]);
    room.run(&["backup", path, "-n"]).expect(0);
    assert_eq!(fs::read(&file).unwrap(), mine);
    room.run(&["backup", path, "--yes"]).expect(0);
    assert!(fs::read(&file).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    room.run(&["backup", "x.zip"]).expect(2).says(&["cannot be told from its name", "--compress"]);
    room.run(&["backup", "x.tar", "--level", "3"]).expect(2);
    room.run(&["backup", "-", "--json"]).expect(2).says(&["`--json` has no place there"]);
    room.run(&["restore", "none.tar.zst"]).expect(1).says(&["cannot be read"]);
    room.run(&["backup", "nowhere/x.tar"]).expect(1).says(&["cannot be written", "nothing of it is left"]);
    // An archive within the cache does not hold itself.
    room.run(&["backup", ".cache/torch/self.tar.zst"]).expect(0);
    room.run(&["backup", ".cache/torch/self.tar.zst", "--yes"]).expect(0);
    let listed = room.run(&["restore", "--list", ".cache/torch/self.tar.zst"]).expect(0);
    assert!(!listed.out.contains("self.tar"), "{}", listed.out);
    let json = room.run(&["backup", path, "--yes", "--json"]).expect(0).json();
    assert_eq!(
        (json["schema"].as_str(), json["problems"].as_array().map(Vec::len)),
        (Some("modelstrap.backup/1"), Some(0))
    );
}

#[test]
fn what_is_no_archive_is_not_replaced_even_when_that_was_agreed_to() {
    let room = lived_in();
    room.write("main.py", "print()\n");
    let ran = room.run(&["backup", "--yes", "--compress", "none", "main.py"]).expect(1);
    assert!(ran.err.contains("is no archive of modelstrap: it is not replaced"), "{}", ran.err);
    assert_eq!(room.text("main.py"), "print()\n");
}
