//! What dedupe takes of memory for many files: some bytes each, whatever it does with them.

use std::fs;

use crate::support::memory::in_memory;
use crate::support::peak::peak;
use crate::support::project::Room;
use crate::support::strike::nothing_can_be_struck;

/// A million files may take 150 MB: they took 102. For these few it is 100 to 140 bytes each in a debug build, since what is there once weighs
/// more. While each file had a path and a stamp of its own, it was 500.
const A_FILE: u64 = 220;

/// A project with so many small files of one size, each of which has an equal in another folder.
fn filled(files: u64) -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n[legacy]\npaths = [\"old\"]\n");
    for number in 0..files {
        let folder = room.place(&format!("old/{}/part-{}", number % 2, number / 2 % 50));
        if number < 100 {
            fs::create_dir_all(&folder).unwrap();
        }
        fs::write(folder.join(format!("file-{number:07}.bin")), format!("{:08}", number / 2)).unwrap();
    }
    room
}

#[test]
fn a_file_takes_few_bytes_whatever_is_done_with_it() {
    if nothing_can_be_struck() {
        return;
    }
    let files = [500, 20_500];
    let [small, large] = files.map(|files| in_memory(|| filled(files)));
    for arguments in [
        &["--dry-run"][..],
        &["--dry-run", "--json"],
        &["--dry-run", "--compare"],
        // All of them are too young.
        &["--dry-run", "--grace", "1h"],
        &["--yes"],
    ] {
        let grace: &[&str] = if arguments.contains(&"--grace") { &[] } else { &["--grace", "0"] };
        let arguments = [&["dedupe", "--min-size", "1B"], grace, arguments].concat();
        let [base, all] = [&small, &large].map(|room| peak(&mut room.command(&arguments)));
        let each = all.saturating_sub(base) / (files[1] - files[0]);
        eprintln!("{arguments:?}: {each} bytes a file, {} kB for {} files", all / 1024, files[1]);
        assert!(
            each < A_FILE,
            "{arguments:?}: {each} bytes a file; {base} bytes for {}, {all} for {}",
            files[0],
            files[1]
        );
    }
    let twice = large.place("old/0/part-1/file-0000002.bin");
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&fs::metadata(twice).unwrap()), 2, "they were made one");
}
