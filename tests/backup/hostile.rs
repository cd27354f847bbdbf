//! Archives from strangers, and runs that are killed, stopped or out of room: a cache keeps what it had, and nothing in it is half.
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::project;
use crate::support::project::{PROGRAM, Room, Tree, may_mount};
#[cfg(target_os = "linux")]
use crate::support::strike::{RENAME, aim, everywhere, nothing_can_be_struck};
use modelstrap::cache::archive::index::{self, Head, Index};
use modelstrap::cache::archive::members::{Entry, Members, What};
use modelstrap::cache::archive::names::Name;
use modelstrap::cache::archive::tar::{self, Kind, Member};
use modelstrap::platform::Os;
use sha2::{Digest as _, Sha256};

const COMMIT: &str = "2222222222222222222222222222222222222222";

fn entry(name: &str, what: What) -> Entry {
    Entry { name: Name::of(name.as_bytes(), Os::Linux).unwrap(), mtime: 1_700_000_000, mode: 0o644, what }
}

fn file(name: &str, bytes: &[u8]) -> Entry {
    entry(name, What::File { size: bytes.len() as u64, sum: Sha256::digest(bytes).into() })
}

fn index_of(entries: Vec<Entry>) -> Vec<u8> {
    let bytes = entries.iter().map(|entry| if let What::File { size, .. } = entry.what { size } else { 0 });
    let head = Head {
        schema: index::SCHEMA.to_owned(),
        entries: entries.len() as u64,
        bytes: bytes.fold(0, u64::saturating_add),
        ..Head::default()
    };
    let mut text = Vec::new();
    let mut members = Members::default();
    entries.iter().for_each(|entry| members.push(entry).unwrap());
    let _: Result<(), ()> = Index { head, members }.write(|line| {
        text.extend_from_slice(line);
        Ok(())
    });
    text
}

fn member(name: &str, to: &str, kind: Kind, bytes: &[u8]) -> Vec<u8> {
    let size = bytes.len() as u64;
    let head = Member { name: name.into(), to: to.into(), kind, size, mode: 0o644, mtime: 0 };
    let mut out = tar::header(&head);
    out.extend_from_slice(bytes);
    out.resize(out.len() + tar::padding(size), 0);
    out
}

/// A tar with this index and these members after it.
fn tar_of(index: &[u8], members: &[Vec<u8>]) -> Vec<u8> {
    let mut out = member(index::NAME, "", Kind::File, index);
    members.iter().for_each(|member| out.extend_from_slice(member));
    out.extend_from_slice(&[0; 1024]);
    out
}

/// A project with something in its cache and something outside of it, and a place for an archive.
fn room() -> Room {
    let room = Room::bare();
    room.write(".cache/torch/hub/checkpoints/mine.pth", "mine");
    room.write("~/.ssh/authorized_keys", "key");
    symlink("../../h", room.place(".cache/torch/out")).unwrap();
    room
}

fn put(room: &Room, bytes: &[u8]) -> PathBuf {
    // Beside the project, and in no tree that is compared.
    let path = PathBuf::from(format!("{}.archive", room.path().display()));
    fs::write(&path, bytes).unwrap();
    path
}

/// Restores `bytes`, which must be refused with `words`, from a file and from a pipe; nothing anywhere changes.
fn refused(what: &str, bytes: &[u8], words: &str) {
    let room = room();
    let before = room.tree();
    let path = put(&room, bytes);
    let from_pipe = || {
        let mut command = room.program("sh");
        command.args(["-c", "exec \"$1\" restore - --yes <\"$2\"", "sh", PROGRAM]).arg(&path);
        command
    };
    for mut command in [room.command(&["restore", "--yes", path.to_str().unwrap()]), from_pipe()] {
        let ran = room.ran(&mut command);
        assert!([1, 3].contains(&ran.code) && ran.err.contains(words), "{what}: {ran:?}");
        room.tree().assert_eq(&before, what);
    }
    fs::remove_file(path).unwrap();
}

#[test]
fn what_modelstrap_did_not_write_is_refused_with_words() {
    const WORDS: &str = "modelstrap did not write it";
    let room = room();
    let plain = room.path().join("plain.tar");
    assert!(
        Command::new("tar").arg("-cf").arg(&plain).arg("-C").arg(room.root()).arg(".cache").status().unwrap().success()
    );
    refused("a tar of a cache", &fs::read(&plain).unwrap(), WORDS);
    refused("a text", b"hello\n".repeat(200).as_slice(), "it is no archive of modelstrap");
    refused("a short text", b"print(1)\n", "it is no archive of modelstrap");
    refused("a cut archive", b".modelstrap/back", "it is cut off");
    refused("zeros", &[0; 2048], WORDS);
    refused("nothing", b"", "it is cut off");
    refused(
        "a tar of a cache, compressed",
        &zstd::stream::encode_all(&fs::read(&plain).unwrap()[..], 1).unwrap(),
        WORDS,
    );
}

#[test]
fn members_that_the_index_does_not_name_are_refused_where_they_come() {
    let good = index_of(vec![file("torch/a", b"content")]);
    let a = || member("torch/a", "", Kind::File, b"content");
    for (what, members, words) in [
        (
            "another name",
            vec![member("torch/b", "", Kind::File, b"content")],
            "the member torch/b comes, where torch/a should be",
        ),
        ("a name upwards", vec![member("torch/../../x", "", Kind::File, b"content")], "where torch/a should be"),
        ("an absolute name", vec![member("/etc/x", "", Kind::File, b"content")], "where torch/a should be"),
        ("more bytes", vec![member("torch/a", "", Kind::File, b"content and more")], "16 bytes come instead of 7"),
        ("a link", vec![member("torch/a", "/etc/passwd", Kind::Link, b"")], "something of another kind comes"),
        ("other bytes", vec![member("torch/a", "", Kind::File, b"CONTENT")], "the content of torch/a is damaged"),
        ("no member", vec![], "it is cut off: members are missing"),
    ] {
        refused(what, &tar_of(&good, &members), words);
    }
    // What comes after a content that is whole leaves that content: it is what the index says.
    for (what, more, words) in [
        ("twice", a(), "it holds more than its index says: torch/a"),
        (
            "a stowaway",
            member("torch/evil.py", "", Kind::File, b"x"),
            "it holds more than its index says: torch/evil.py",
        ),
    ] {
        let room = room();
        let path = put(&room, &tar_of(&good, &[a(), more]));
        room.run(&["restore", path.to_str().unwrap()]).expect(1).says(&[words]);
        assert!(!room.exists(".cache/torch/evil.py") && room.text(".cache/torch/a") == "content", "{what}");
        fs::remove_file(path).unwrap();
    }
    let mut device = member("torch/a", "", Kind::Folder, b"");
    for (kind, words) in [(b'3', "is a device"), (b'4', "is a device"), (b'6', "is a pipe")] {
        device[156] = kind;
        let sum: u32 = device[..148].iter().chain(&device[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        device[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        refused("a device", &tar_of(&good, &[device.clone()]), words);
    }
}

#[test]
fn an_index_that_names_what_no_cache_holds_is_refused() {
    let link = |to: &str| What::Link { to: to.as_bytes().into() };
    for (what, entries, words) in [
        (
            "a link out",
            vec![entry("torch/a", link("../../../h/.ssh/authorized_keys"))],
            "is a link to nothing in the archive",
        ),
        ("an absolute link", vec![entry("torch/a", link("/etc/passwd"))], "is a link to nothing in the archive"),
        (
            "through a link",
            vec![entry("torch/a", link("b")), file("torch/a/c", b"x"), file("torch/b", b"y")],
            "lies below another member",
        ),
        ("a login", vec![file("huggingface/token", b"hf_theirs")], "is a login"),
        ("notes of modelstrap", vec![file("torch/.modelstrap/x", b"")], "is modelstrap's own"),
        ("what Git runs", vec![file("torch/hub/x_main/.git/config", b"[core]\nfsmonitor = id")], "is what Git keeps"),
        ("whatever its case", vec![file("torch/hub/x_main/.Git/hooks/post-checkout", b"id")], "is what Git keeps"),
        ("hidden", vec![file(".ssh/authorized_keys", b"ssh-ed25519")], "is in a hidden folder of no library"),
        ("in the root", vec![file("evil", b"")], "lies in no library's folder"),
    ] {
        refused(what, &tar_of(&index_of(entries), &[]), words);
    }
    let raw = |text: &str| {
        let digest: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{text}{{\"end\":\"{digest}\"}}\n").into_bytes()
    };
    let head = "{\"schema\":\"modelstrap.archive/1\",\"tool\":\"\",\"created_at\":\"\",\"entries\":1,\"bytes\":0}\n";
    for name in ["../x", "/etc/x", "torch/../../x", "C:/x", "torch//x", "torch/\\u0000"] {
        let text = format!("{head}{{\"folder\":\"{name}\"}}\n");
        refused(name, &tar_of(&raw(&text), &[]), "its index is refused: its name");
    }
}

#[test]
fn bombs_go_off_nowhere() {
    let huge = vec![entry("torch/a", What::File { size: 7 << 40, sum: [0; 32] })];
    refused("more than the disk has", &tar_of(&index_of(huge), &[]), "are needed than the disk");
    // A few kilobytes that become a gigabyte where seven bytes should be.
    let good = index_of(vec![file("torch/a", b"content")]);
    let mut bomb = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    bomb.write_all(&member(index::NAME, "", Kind::File, &good)).unwrap();
    bomb.write_all(&tar::header(&Member {
        name: b"torch/a".to_vec(),
        to: vec![],
        kind: Kind::File,
        size: 1 << 30,
        mode: 0o644,
        mtime: 0,
    }))
    .unwrap();
    (0..1024).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
    refused("a gigabyte of zeros", &bomb.finish().unwrap(), "1073741824 bytes come instead of 7");
    // The same where an honest index says so: a hundred kilobytes, and the disk has room for what they become.
    let large = |size| entry("torch/a", What::File { size, sum: [0; 32] });
    let mut bomb = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    bomb.write_all(&member(index::NAME, "", Kind::File, &index_of(vec![large(2 << 30)]))).unwrap();
    let header =
        Member { name: b"torch/a".to_vec(), to: vec![], kind: Kind::File, size: 2 << 30, mode: 0o644, mtime: 0 };
    bomb.write_all(&tar::header(&header)).unwrap();
    (0..1100).for_each(|_| bomb.write_all(&[0; 1 << 20]).unwrap());
    refused("two gigabytes of zeros", &bomb.finish().unwrap(), "more than 1000 times its size");
    let mut line = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    line.write_all(&tar::header(&Member {
        name: index::NAME.into(),
        to: vec![],
        kind: Kind::File,
        size: 1 << 30,
        mode: 0o644,
        mtime: 0,
    }))
    .unwrap();
    (0..64).for_each(|_| line.write_all(&[b' '; 1 << 20]).unwrap());
    refused("an index that is one line", &line.finish().unwrap(), "it has a line that is too long");
    let mut index = member(index::NAME, "", Kind::File, b"");
    index = [
        tar::header(&Member {
            name: index::NAME.into(),
            to: vec![],
            kind: Kind::File,
            size: 2 << 30,
            mode: 0o644,
            mtime: 0,
        }),
        index,
    ]
    .concat();
    refused("an index of gigabytes", &index, "its index is larger than any");
}

/// A project with a cache of two repositories and a checkpoint, and its archive.
fn stored() -> (Room, PathBuf) {
    let room = Room::bare();
    for repository in ["models--a", "models--b"] {
        for (path, size) in [("one.bin", 300_000_usize), ("two.bin", 2_000)] {
            let bytes: Vec<u8> = (0..size).map(|at| (at * size % 251) as u8).collect();
            let name: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            room.write(&format!(".cache/huggingface/hub/{repository}/blobs/{name}"), &bytes);
            let link = room.place(&format!(".cache/huggingface/hub/{repository}/snapshots/{COMMIT}/{path}"));
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(format!("../../blobs/{name}"), link).unwrap();
        }
        room.write(&format!(".cache/huggingface/hub/{repository}/refs/main"), COMMIT);
    }
    room.write(".cache/torch/hub/checkpoints/x.pth", vec![3; 50_000]);
    let file = room.path().join("a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    (room, file)
}

/// What a run that broke off may leave for the next.
fn is_left_over(name: &str) -> bool {
    name.contains(".modelstrap")
}

/// Every file of `now` is one of `whole`, with all its bytes.
fn assert_whole(now: &Tree, whole: &Tree, when: &str) {
    for (name, node) in now.0.iter().filter(|(name, _)| !is_left_over(name) && !name.ends_with(".locks")) {
        assert_eq!(whole.0.get(name), Some(node), "{when}: {name}");
    }
}

#[test]
fn a_cut_or_damaged_archive_leaves_whole_contents_or_nothing() {
    let (room, file) = stored();
    let whole = Tree::of(&room.place(".cache"));
    let bytes = fs::read(&file).unwrap();
    for at in (1..40).map(|part| bytes.len() * part / 40) {
        for damaged in [bytes[..at].to_vec(), [&bytes[..at], &[bytes[at] ^ 0x10], &bytes[at + 1..]].concat()] {
            let other = Room::bare();
            let path = put(&other, &damaged);
            let ran = other.run(&["restore", path.to_str().unwrap()]);
            // A bit that nobody reads may be another one: then everything is right all the same.
            assert!([0, 1].contains(&ran.code), "{at}: {ran:?}");
            if other.place(".cache").exists() {
                let now = Tree::of(&other.place(".cache"));
                assert_whole(&now, &whole, &format!("damaged at {at}"));
                assert!(!now.names().iter().any(|name| is_left_over(name)), "{at}: {:?}", now.names());
            }
            other.run(&["restore", file.to_str().unwrap()]).expect(0);
            Tree::of(&other.place(".cache")).assert_eq(&whole, &format!("restored after damage at {at}"));
            fs::remove_file(path).unwrap();
        }
    }
}

/// Runs the program with `signal` at its `nth` call of `calls`.
#[cfg(target_os = "linux")]
fn struck(room: &Room, signal: &str, calls: &str, nth: usize, arguments: &[&str]) -> project::Ran {
    room.struck(&aim(signal, calls, nth), arguments)
}

/// Ctrl-C at the `nth` of `calls`.
#[cfg(target_os = "linux")]
fn stopped_at(room: &Room, calls: &str, nth: usize, arguments: &[&str]) -> project::Ran {
    room.struck(&aim("INT", calls, nth).slowing("write"), arguments)
}

#[cfg(target_os = "linux")]
#[test]
fn a_restore_killed_between_any_two_changes_is_finished_by_the_next() {
    if nothing_can_be_struck() {
        return;
    }
    let (room, file) = stored();
    let whole = Tree::of(&room.place(".cache"));
    let path = file.to_str().unwrap();
    let calls = [RENAME, "mkdir,mkdirat", "symlink,symlinkat", "link,linkat", "unlink,unlinkat,rmdir", "write"];
    let points = everywhere(
        &calls,
        || (),
        |(): &(), calls, nth| {
            let other = Room::bare();
            let ran = struck(&other, "KILL", calls, nth, &["restore", path, "--quiet"]);
            let when = format!("killed at {calls} {nth}");
            assert!([0, 137].contains(&ran.code), "{when}: {ran:?}");
            if other.place(".cache").exists() {
                assert_whole(&Tree::of(&other.place(".cache")), &whole, &when);
            }
            other.run(&["restore", path, "--quiet"]).expect(0);
            // What a kill may leave: an empty folder of locks, as the official client has, and the tool's own folder, without
            // what was to be written into it.
            let own = [".modelstrap", ".modelstrap/.gitignore"];
            let now = Tree::of(&other.place(".cache"));
            let now = now.without(|name| name.ends_with(".locks") || own.contains(&name));
            now.assert_eq(&whole, &format!("{when}, finished"));
            ran.code == 0
        },
    );
    assert!(points > 30, "only {points} points were struck");
}

#[cfg(target_os = "linux")]
#[test]
fn a_stopped_backup_leaves_no_half_archive_and_a_stopped_restore_says_how_to_go_on() {
    if nothing_can_be_struck() {
        return;
    }
    let (room, file) = stored();
    let whole = Tree::of(&room.place(".cache"));
    let target = room.path().join("b.tar.zst");
    let mut stopped = 0;
    for nth in 1..12 {
        let ran = stopped_at(&room, "openat", nth * 3, &["backup", target.to_str().unwrap()]);
        stopped += usize::from(ran.code == 130);
        if ran.code != 0 {
            let left: Vec<_> = fs::read_dir(room.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 3, "after {nth}: {left:?}");
        }
        let _ = fs::remove_file(&target);
    }
    assert!(stopped >= 3, "hardly ever in time: {stopped}");
    let mut stopped = 0;
    for nth in 1..8 {
        let other = Room::bare();
        let ran = stopped_at(&other, RENAME, nth, &["restore", file.to_str().unwrap()]);
        if ran.code == 130 {
            stopped += 1;
            ran.says(&["stopped; what came is whole and verified"]);
            let now = Tree::of(&other.place(".cache"));
            assert_whole(&now, &whole, "stopped");
            assert!(!now.names().iter().any(|name| is_left_over(name)), "{:?}", now.names());
        }
        other.run(&["restore", file.to_str().unwrap(), "--quiet"]).expect(0);
        Tree::of(&other.place(".cache")).assert_eq(&whole, "finished");
    }
    assert!(stopped >= 3, "hardly ever in time: {stopped}");
}

#[test]
fn a_disk_that_is_full_in_the_middle_keeps_only_what_is_whole() {
    if !may_mount() {
        return;
    }
    let (room, file) = stored();
    let whole = Tree::of(&room.place(".cache"));
    let (mut failed, mut done) = (0, 0);
    for kilobytes in (40..1000).step_by(96) {
        let other = Room::bare();
        // What the disk says it has is not what it has: a quota of inodes is met in the middle as well.
        for inodes in [12, 200] {
            let script = format!(
                "mkdir -p \"$2/small\" \"$2/out\"; mount -t tmpfs -o size={kilobytes}k,nr_inodes={inodes} none \"$2/small\"; \
                 cd \"$2/small\"; code=0; \"$1\" -C \"$2/small\" restore \"$3\" --quiet || code=$?; \
                 cp -a \"$2/small\" \"$2/out/\"; exit $code"
            );
            let mut command = other.program("unshare");
            command
                .args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM])
                .arg(other.path())
                .arg(&file);
            let ran = other.ran(&mut command);
            let when = format!("{kilobytes} kB, {inodes} inodes: {}", ran.err);
            let cache = other.path().join("out/small/.cache");
            match ran.code {
                0 => {
                    done += 1;
                    Tree::of(&cache).assert_eq(&whole, &when);
                }
                1 => {
                    failed += 1;
                    assert!(
                        ran.err.contains("No space left on device") || ran.err.contains("are needed than the disk"),
                        "{when}"
                    );
                    if cache.exists() {
                        let now = Tree::of(&cache);
                        assert_whole(&now, &whole, &when);
                        assert!(!now.names().iter().any(|name| is_left_over(name)), "{when}: {:?}", now.names());
                    }
                }
                code => panic!("exit code {code}: {when}"),
            }
            remove(&other.path().join("out"));
        }
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} succeeded");
}

fn remove(path: &Path) {
    assert!(Command::new("rm").arg("-rf").arg(path).status().unwrap().success());
}
