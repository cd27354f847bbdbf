//! Names that are no UTF-8, or that a terminal would obey: they are shown so that they can be given back, and nothing in them is obeyed.
#![cfg(target_os = "linux")]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::support::project::{PROGRAM, Ran, Room};
use serde_json::Value;

const LATIN: &[u8] = b"caf\xe9.pt";
const EVIL: &[u8] = b"evil\x1b[2J\n'.pt";

fn place(room: &Room, folder: &str, name: &[u8]) -> PathBuf {
    room.place(folder).join(OsStr::from_bytes(name))
}

fn put(room: &Room, folder: &str, name: &[u8]) {
    fs::create_dir_all(room.place(folder)).unwrap();
    fs::write(place(room, folder, name), vec![7; 1_100_000]).unwrap();
}

fn room() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    put(&room, ".cache/whisper", LATIN);
    put(&room, ".cache/whisper", EVIL);
    room.write(".cache/whisper/plain.pt", vec![7; 1_100_000]);
    put(&room, "~/.cache/whisper", LATIN);
    room
}

fn run(room: &Room, arguments: &[&str], word: &OsStr) -> Ran {
    room.ran(room.command(arguments).arg(word))
}

/// The names in `.cache/whisper`.
fn left(room: &Room) -> Vec<OsString> {
    let all = fs::read_dir(room.place(".cache/whisper")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<OsString> = all.filter(|name| name.as_bytes().ends_with(b".pt")).collect();
    names.sort();
    names
}

#[test]
fn what_status_shows_can_be_given_back_to_clear_and_prune() {
    let room = room();
    let text = room.run(&["status", "--models"]).expect(0).out;
    let (latin, evil) = (r"$'caf\xe9.pt'", r"$'evil\x1b[2J\n\'.pt'");
    assert!(text.contains(latin) && text.contains(evil) && !text.contains('\x1b'), "{text}");
    let json = room.run(&["status", "--models", "--json"]).expect(0).json();
    let models = json["places"][0]["models"].to_string();
    assert!(models.contains(r"$'caf\\xe9.pt'") && models.contains(r"evil\u001b[2J\n'.pt"), "{models}");
    let page = room.run(&["report", "-o", "-"]).expect(0).out;
    let html = |name: &str| name.replace('\'', "&#39;");
    assert!(page.contains(&html(latin)) && page.contains(&html(evil)) && !page.contains('\x1b'), "{page}");
    // As it is on the disk, as it was shown, and as the shell takes what was shown.
    for (name, shown) in [(LATIN, latin), (EVIL, evil)] {
        for word in [OsStr::from_bytes(name), OsStr::new(shown)] {
            let ran = run(&room, &["clear", "--dry-run"], word).expect(0);
            assert!(ran.out.contains(shown) && ran.out.contains("you named it"), "{}", ran.out);
            let ran =
                run(&room, &["prune", "--older-than", "0d", "--grace", "0", "--dry-run", "--keep"], word).expect(0);
            assert!(ran.out.contains(&format!("  {shown}: --keep\n")) && ran.out.contains("plain.pt"), "{}", ran.out);
        }
        let mut shell = room.program("bash");
        let script = format!("\"$0\" clear --yes --undo-for 1h {shown}");
        room.ran(shell.args(["-c", &script, PROGRAM])).expect(0);
        assert!(!left(&room).contains(&OsStr::from_bytes(name).to_owned()));
        let back = room.run(&["clear", "--undo"]).expect(0);
        assert!(back.out.contains(&format!("{shown} is back")) && left(&room).len() == 3, "{back:?}");
    }
}

#[test]
fn a_path_as_status_or_a_plan_shows_it_is_taken_and_never_anything_else() {
    let room = room();
    let folder = b"odd\xfe\x1b[31m";
    put(&room, "models", b"w.bin");
    fs::rename(room.place("models"), place(&room, "", folder)).unwrap();
    let text = room.run(&["status"]).expect(0).out;
    let shown = r"$'odd\xfe\x1b[31m'";
    assert!(text.contains(&format!("{shown} (this project)")) && !text.contains('\x1b'), "{text}");
    let ran = run(&room, &["clear", "--dry-run"], OsStr::new(shown)).expect(0);
    assert!(ran.out.contains("w.bin"), "{}", ran.out);
    let json = room.run(&["status", "--models", "--json"]).expect(0).json();
    let outside = json["places"].as_array().unwrap().iter().find(|place| place["library"] == "OpenAI Whisper").unwrap();
    let path = outside["models"][0]["path"].as_str().unwrap().replace('@', room.path().to_str().unwrap());
    let ran = run(&room, &["clear", "--now", "--yes"], OsStr::new(&path));
    assert_eq!(ran.code, 0, "{path}: {ran:?}");
    assert!(!place(&room, "~/.cache/whisper", LATIN).exists() && left(&room).len() == 3);
    let ran = run(&room, &["clear", "--yes"], OsStr::from_bytes(b"caf\xe8.pt")).expect(2);
    assert!(ran.err.contains(r"nothing in the cache is called $'caf\xe8.pt'"), "{}", ran.err);
    let ran = run(&room, &["clear", "--yes"], OsStr::from_bytes(b"~/.cache/whisper/none\xff")).expect(2);
    assert!(ran.err.contains(r"~/$'.cache/whisper/none\xff'"), "{}", ran.err);
}

#[test]
fn dedupe_and_the_commands_that_are_printed_quote_as_a_shell_reads() {
    let room = room();
    let out = room.run(&["dedupe", "--grace", "0", "--dry-run"]).expect(0);
    let script = room.place("dedupe.sh");
    fs::write(&script, &out.out).unwrap();
    let ran = Command::new("sh").arg("-n").arg(&script).status().unwrap();
    assert!(ran.success() && !out.err.contains('\x1b'), "{}", out.err);
}

#[test]
fn migrate_takes_a_place_as_status_shows_it() {
    let room = room();
    let commit = "2".repeat(40);
    room.write("hub/models--org--m/blobs/x", vec![7; 1_200_000]);
    room.write("hub/models--org--m/refs/main", &commit);
    room.link(&format!("hub/models--org--m/snapshots/{commit}/x.bin"), "../../blobs/x");
    fs::rename(room.place("hub"), place(&room, "", b"hub\xff")).unwrap();
    let shown = r"$'hub\xff'";
    let text = room.run(&["status"]).expect(0).out;
    assert!(text.contains(&format!("❗ {shown}")), "{text}");
    for word in [OsStr::from_bytes(b"hub\xff"), OsStr::new(shown)] {
        let planned = run(&room, &["migrate", "--dry-run", "--json"], word).expect(0).json();
        assert_eq!(planned["total"]["files"], 1, "{planned:#}");
        assert_eq!(planned["parts"][0]["from"], r"$'@/p/hub\xff'", "{planned:#}");
    }
    let ran = run(&room, &["migrate", "--dry-run"], OsStr::from_bytes(b"none\xff")).expect(2);
    assert!(ran.err.contains(r"there is no $'none\xff'"), "{}", ran.err);
}

#[test]
fn a_name_that_looks_quoted_is_told_from_the_one_that_it_would_be() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let (looks, plain) = ("$'a.pt'", "a.pt");
    for name in [looks, plain] {
        put(&room, ".cache/whisper", name.as_bytes());
    }
    let models = |room: &Room| [looks, plain].map(|name| room.exists(&format!(".cache/whisper/{name}")));
    // Which one is meant cannot be told: neither goes, and both are kept.
    run(&room, &["clear", "--yes"], OsStr::new(looks))
        .expect(2)
        .says(&["can be read as two names, and something has each: give the path of the one that you mean"]);
    let all = || room.command(&["prune", "--older-than", "0s", "--grace", "0", "--yes", "--keep"]);
    room.ran(all().arg(looks)).expect(0);
    assert_eq!(models(&room), [true, true]);
    // A path tells.
    run(&room, &["clear", "--yes"], OsStr::new(".cache/whisper/$'a.pt'")).expect(0);
    assert_eq!(models(&room), [false, true]);
    // Where only one of them is there, that one is meant.
    run(&room, &["clear", "--yes"], OsStr::new(looks)).expect(0);
    assert_eq!(models(&room), [false, false]);
    put(&room, ".cache/whisper", looks.as_bytes());
    run(&room, &["clear", "--yes"], OsStr::new(looks)).expect(0);
    assert_eq!(models(&room), [false, false]);
}

/// Every string of a document.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(strings).collect(),
        Value::Object(all) => all.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// Names that all become the same where bytes that are no UTF-8 are lost, or where a quoted name is taken for the name.
const ALIKE: [&[u8]; 3] = [b"caf\xe9.pt", b"caf\xe8.pt", br"$'caf\xe9.pt'"];
/// The same in a document.
const TOLD: [&str; 3] = [r"$'caf\xe9.pt'", r"$'caf\xe8.pt'", r"$'$\'caf\\xe9.pt\''"];

#[test]
fn verify_backup_and_scan_take_a_name_as_status_shows_it_and_as_it_is() {
    let room = room();
    fs::write(place(&room, ".cache/whisper", LATIN), b"cos\nsystem\n(S'true'\ntR.").unwrap();
    fs::create_dir_all(room.place("sub")).unwrap();
    let (in_cache, in_home) = (r"$'.cache/whisper/caf\xe9.pt'", r"$'~/.cache/whisper/caf\xe9.pt'");
    let bytes = b".cache/whisper/caf\xe9.pt";
    for word in [OsStr::from_bytes(bytes), OsStr::new(in_cache)] {
        let ran = run(&room, &["verify"], word).expect(0);
        assert!(ran.err.contains("Nothing here has a known digest: 1 file, 23 B."), "{ran:?}");
        let ran = run(&room, &["models", "scan"], word).expect(3);
        assert!(ran.out.starts_with(&format!("{in_cache} is ")), "{ran:?}");
        let ran = run(&room, &["backup", "-n", "a.tar", "--json"], word).expect(0).json();
        assert_eq!(
            (&ran["contents"], &ran["units"][0]["name"]),
            (&1.into(), &r"$'whisper/caf\xe9.pt'".into()),
            "{ran:#}"
        );
        // From a folder of the project, as the paths are shown.
        for verb in [&["verify"][..], &["models", "scan"], &["backup", "-n", "a.tar"]] {
            let ran = room.ran(room.command(verb).arg(word).current_dir(room.place("sub")));
            assert!([0, 3].contains(&ran.code), "{verb:?}: {ran:?}");
        }
    }
    // A name alone is enough for `verify`, as it is of other files, and a path in the home that no shell has expanded.
    for word in [OsStr::from_bytes(LATIN), OsStr::new(r"$'caf\xe9.pt'")] {
        run(&room, &["verify"], word).expect(0).says(&["Nothing here has a known digest: 2 files"]);
    }
    run(&room, &["verify"], OsStr::new(in_home)).expect(0).says(&["Nothing here has a known digest: 1 file, 1.10 MB"]);
    run(&room, &["models", "scan"], OsStr::new(in_home)).expect(0).says(&["1 file looked into, 0 pickles found"]);
    for (verb, says) in [
        (&["verify"][..], r"nothing in the cache is called $'caf\xe8.pt'; did you mean `$'caf\xe9.pt'`?"),
        (&["backup", "-n", "a.tar"], r"nothing in the cache is called $'caf\xe8.pt'"),
        (&["models", "scan"], r"there is no file or folder $'caf\xe8.pt'"),
    ] {
        let ran = run(&room, verb, OsStr::from_bytes(b"caf\xe8.pt"));
        assert!(ran.code != 0 && ran.err.contains(says), "{verb:?}: {ran:?}");
    }
}

#[test]
fn no_document_tells_two_names_as_one() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    for (number, name) in ALIKE.iter().enumerate() {
        for folder in ["~/.cache/whisper", ".cache/whisper"] {
            fs::create_dir_all(room.place(folder)).unwrap();
            fs::write(place(&room, folder, name), vec![u8::try_from(number).unwrap(); 1_100_000]).unwrap();
        }
        let folder = OsStr::from_bytes(&[b"models--org--", &name[..]].concat()).to_owned();
        let commit = room.place(".cache/huggingface/hub").join(folder).join("snapshots").join("2".repeat(40));
        fs::create_dir_all(&commit).unwrap();
        fs::write(commit.join(OsStr::from_bytes(name)), vec![9; 100 + number]).unwrap();
    }
    let archive = room.path().join("a.tar");
    room.run(&["backup", archive.to_str().unwrap()]).expect(0);
    let archive = archive.to_str().unwrap();
    let documents: [&[&str]; 8] = [
        &["status", "--models"],
        &["dedupe", "--grace", "0", "--dry-run"],
        &["clear", "all", "--dry-run"],
        &["prune", "--older-than", "0d", "--grace", "0", "--dry-run"],
        &["models", "scan", ".cache/whisper"],
        &["backup", "--dry-run", "b.tar"],
        &["restore", "--list", archive],
        &["clear", "all", "--yes", "--undo-for", "1h"],
    ];
    for verb in documents {
        let ran = room.run(&[verb, &["--json"]].concat());
        let said = strings(&ran.json());
        assert!(said.iter().all(|text| !text.contains('\u{fffd}')), "{verb:?}: {said:#?}");
        for name in TOLD {
            // In a path, what is quoted is the whole of it.
            let inside = name.trim_start_matches("$'").trim_end_matches('\'');
            let quoted = |text: &&String| text.starts_with("$'") && text.ends_with(&format!("{inside}'"));
            let plain =
                |text: &&String| name == TOLD[2] && text.ends_with(r"/$'caf\xe9.pt'") && !text.starts_with("$'");
            assert!(said.iter().any(|text| quoted(&text) || plain(&text)), "{verb:?} does not tell {name}: {said:#?}");
        }
    }
    let back = room.run(&["clear", "--undo", "--json"]).expect(0).json();
    assert!(!strings(&back).iter().any(|text| text.contains('\u{fffd}')), "{back:#}");
    // Damaged blobs, and files that are missing.
    let hub = ".cache/huggingface/hub/models--org--m";
    let digest = "a".repeat(64);
    room.write(&format!("{hub}/blobs/{digest}"), b"other");
    room.link(&format!("{hub}/snapshots/{}/x", "3".repeat(40)), &format!("../../blobs/{digest}"));
    fs::rename(room.place(hub), place(&room, ".cache/huggingface/hub", b"models--org--\xff")).unwrap();
    let found = room.run(&["verify", "--json"]).expect(3).json();
    assert_eq!(found["findings"][0]["model"], r"$'org/\xff'", "{found:#}");
    let said = strings(&found);
    assert!(said.iter().any(|text| text.starts_with("$'@/p/.cache") && text.contains(r"models--org--\xff/blobs/aaa")));
    let told = room.run(&["verify"]).expect(3).out;
    assert!(told.contains(r"$'org/\xff' x: damaged"), "{told}");
    run(&room, &["verify"], OsStr::new(r"$'org/\xff'")).expect(3).says(&["1 damaged"]);
}
