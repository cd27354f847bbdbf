//! Names: of repositories, references and files, and what lies beside them: points 6, 7, 13 and 14.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::support::desk::{self, Desk};
use crate::support::hub::{HOSTILE, tree};
use crate::support::project::Tree;

/// Point 6.
#[test]
fn a_data_set_and_a_name_of_one_word_get_their_folders_and_a_name_that_is_none_is_refused() {
    let desk = Desk::with("data = \"hf:datasets/org/name\"\none = \"hf:gpt2\"");
    desk.dataset("org/name").file("train.csv", "a\n").commit();
    desk.model("gpt2").file("config.json", "{}").commit();
    desk.download();
    let folders = ["datasets--org--name/refs/main", "models--gpt2/refs/main"];
    assert!(folders.iter().all(|path| desk.cached(path).is_file()));
    desk.forget();
    for name in ["-a/b", "a/b.", "a--b/c", "a..b/c", "a/b.git", "a/b/c", &format!("a/{}", "x".repeat(97)), "a/é"] {
        let ran = desk.models(&["download", &format!("hf:{name}")]);
        assert!([1, 2].contains(&ran.code), "{name}: {ran:?}");
    }
    assert_eq!(desk.connections(), 0);
}

/// Point 7.
#[test]
fn a_reference_is_forty_bytes_written_by_a_rename_only_when_it_changes() {
    let desk = Desk::with("tiny = \"hf:org/tiny\"\npr = \"hf:org/tiny@refs/pr/1\"");
    let commit = desk::tiny(&desk.hub);
    let pull = desk.model("org/tiny").pull_request(1).file("config.json", "{\"pr\": 1}").commit();
    desk.download();
    let main = desk.cached("models--org--tiny/refs/main");
    assert_eq!(fs::read(&main).unwrap(), commit.as_bytes());
    assert_eq!(fs::read(desk.cached("models--org--tiny/refs/refs/pr/1")).unwrap(), pull.as_bytes());

    let before = fs::metadata(&main).unwrap();
    desk.download();
    let same = fs::metadata(&main).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (same.ino(), same.mtime_nsec()));

    // A line end breaks every offline lookup: it is repaired, by a new file.
    fs::write(&main, format!("{commit}\n")).unwrap();
    let broken = fs::metadata(&main).unwrap().ino();
    desk.download();
    assert_eq!(fs::read(&main).unwrap(), commit.as_bytes());
    assert_ne!(fs::metadata(&main).unwrap().ino(), broken);
}

/// Point 13.
#[test]
fn a_name_that_leads_out_of_its_folder_is_refused_before_anything_is_written() {
    for name in HOSTILE {
        let desk = Desk::with("bad = \"hf:org/bad\"");
        desk.model("org/bad").file("config.json", "{}").also(name, "escaped").commit();
        let before = Tree::of(desk.room.root());
        let ran = desk.models(&["download"]).expect(1);
        assert!(ran.err.contains("org/bad"), "{name:?}: {}", ran.err);
        Tree::of(desk.room.root()).assert_eq(&before, name);
        assert!(desk.requests_to("GET", "*/resolve/*").is_empty(), "{name:?}");
        let escaped = [desk.room.path().join("escaped"), desk.room.path().join("p/escaped")];
        assert!(escaped.iter().all(|path| !path.exists()) && fs::metadata("/etc/escaped").is_err());
    }
}

/// Point 13: an odd name is no bad one.
#[test]
fn a_name_with_spaces_signs_and_accents_comes_and_is_found() {
    let (desk, _) = Desk::tiny();
    desk.download();
    let path = desk.models(&["path", "tiny", "we ird #1%+é.txt"]).expect(0).out;
    let path = path.trim().replace('@', desk.room.path().to_str().unwrap());
    assert_eq!(fs::read(path).unwrap(), b"odd");
}

/// Point 14.
#[test]
fn nothing_lies_in_the_cache_but_repositories_locks_and_the_tag() {
    let (desk, commit) = Desk::tiny();
    desk.cdn().on("*safetensors").once().cuts_at(5 << 20);
    desk.download();
    let allowed = [".locks", "CACHEDIR.TAG", "models--org--tiny"];
    for entry in fs::read_dir(desk.cache()).unwrap().map(Result::unwrap) {
        assert!(allowed.contains(&entry.file_name().to_str().unwrap()), "{entry:?}");
    }
    let official = [".modelstrap", ".no_exist", "blobs", "refs", "snapshots", "trees"];
    for entry in fs::read_dir(desk.cached("models--org--tiny")).unwrap().map(Result::unwrap) {
        assert!(official.contains(&entry.file_name().to_str().unwrap()), "{entry:?}");
    }
    let tag = fs::read_to_string(desk.cached("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    let own: Vec<String> = tree(&desk.cached("models--org--tiny/.modelstrap")).into_keys().collect();
    assert_eq!(own, [format!("brought-{commit}"), "main".to_owned()], "nothing unfinished is left");
    assert!(desk.cached(&format!("models--org--tiny/snapshots/{commit}")).is_dir());
}
