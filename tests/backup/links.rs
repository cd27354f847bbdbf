//! Links in a cache that is stored and brought back: each leads to what it led to, or is named.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::project::Room;

const TORCH: &str = ".cache/torch/hub/checkpoints";

#[test]
fn a_link_to_its_own_folder_is_brought_back() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    room.write(&format!("{TORCH}/run-7.pt"), "weights");
    symlink(room.place(TORCH), room.place(&format!("{TORCH}/self"))).unwrap();
    symlink(".", room.place(&format!("{TORCH}/dot"))).unwrap();
    for archive in ["a.tar.zst", "a.tar"] {
        room.run(&["backup", archive, "--yes"]).expect(0);
        fs::rename(room.place(".cache"), room.place(&format!("~/{archive}.was-here"))).unwrap();
        room.run(&["restore", archive, "--yes"]).expect(0);
        for link in ["self", "dot"] {
            let text = fs::read_to_string(room.place(&format!("{TORCH}/{link}/run-7.pt")));
            assert_eq!(text.ok().as_deref(), Some("weights"), "{archive} {link}");
        }
        assert_eq!(fs::read_link(room.place(&format!("{TORCH}/self"))).unwrap().to_str(), Some("."));
    }
}

#[test]
fn a_link_to_the_folder_of_another_library_is_named_with_the_reason() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    room.write(&format!("{TORCH}/run-7.pt"), "weights");
    symlink(room.place(&format!("{TORCH}/run-7.pt")), room.place(".cache/whisper/run-7.pt")).unwrap();
    symlink("/dev/null", room.place(".cache/whisper/null.pt")).unwrap();
    let ran = room.run(&["backup", "a.tar", "--yes"]).expect(0);
    let another = "run-7.pt is left out: it is a link from one library's folder to another's, and what it leads to is stored there";
    for said in [another, "null.pt is left out: it is a link out of the cache, to /dev/null"] {
        assert!(ran.err.contains(said), "{}", ran.err);
    }
}
