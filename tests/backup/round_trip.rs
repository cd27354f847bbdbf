//! `modelstrap backup` and `restore`: what goes in comes out, links stay links, nothing is stored twice, and a cache that has some of
//! it keeps what it has.
#![cfg(unix)]

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::bytes::{noise, sha256};
use crate::support::project::{PROGRAM, Room, Tree};
use crate::support::python;

const MAIN: &str = "2222222222222222222222222222222222222222";
const PINNED: &str = "1111111111111111111111111111111111111111";
const HUB: &str = ".cache/huggingface/hub";

fn blob(room: &Room, repository: &str, commit: &str, path: &str, bytes: &[u8]) -> String {
    let name = sha256(bytes);
    let folder = format!("{HUB}/{repository}");
    room.write(&format!("{folder}/blobs/{name}"), bytes);
    let link = room.place(&format!("{folder}/snapshots/{commit}/{path}"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(format!("{}blobs/{name}", "../".repeat(path.matches('/').count() + 2)), link).unwrap();
    name
}

/// A cache with everything that is strange: equal contents in several places, hard links, two revisions, names of every kind, what
/// belongs to one machine.
pub(super) fn lived_in() -> Room {
    let room = Room::bare();
    let weights = noise(1, 700_000);
    for repository in ["models--org--asr", "datasets--org--words"] {
        blob(&room, repository, MAIN, "model.safetensors", &weights);
        blob(&room, repository, MAIN, "sub/text.txt", &b"words ".repeat(50_000));
        room.write(&format!("{HUB}/{repository}/refs/main"), MAIN);
    }
    blob(&room, "models--org--asr", PINNED, "old.bin", &noise(2, 10_000));
    room.write(&format!("{HUB}/models--org--asr/refs/refs/pr/1"), PINNED);
    room.write(&format!("{HUB}/models--org--asr/.no_exist/{MAIN}/none.json"), "");
    room.write(&format!("{HUB}/models--org--asr/trees/{MAIN}.json"), "{\"format_version\":1,\"files\":{}}");
    room.write(&format!("{HUB}/models--org--asr/blobs/x.12345678.incomplete"), "half");
    room.write(&format!("{HUB}/.locks/models--org--asr/x.lock"), "");
    room.write(".cache/huggingface/token", "hf_secret");
    room.write(".cache/torch/hub/checkpoints/copy.pth", &weights);
    room.write(".cache/torch/hub/checkpoints/one.pth", noise(3, 5_000));
    let at = |name: &str| room.place(&format!(".cache/torch/hub/checkpoints/{name}"));
    fs::hard_link(at("one.pth"), at("two.pth")).unwrap();
    // Another file with the same bytes, under two names: it stays another one.
    fs::write(at("three.pth"), noise(3, 5_000)).unwrap();
    fs::hard_link(at("three.pth"), at("two-more.pth")).unwrap();
    symlink("one.pth", at("link.pth")).unwrap();
    fs::write(at("x").with_file_name(std::ffi::OsStr::from_bytes(b"latin-\xe9\n\x1b[31m.pt")), "strange").unwrap();
    let long = "n".repeat(120);
    room.write(&format!(".cache/whisper/{long}/{long}.pt"), "deep");
    fs::create_dir_all(room.place(".cache/torch/hub/empty")).unwrap();
    room
}

/// A second project beside the first, with an empty cache.
fn beside() -> Room {
    Room::bare()
}

/// The cache without what is made for one machine.
fn cache(room: &Room) -> Tree {
    let out = |name: &str| {
        name.contains(".locks")
            || name.contains(".incomplete")
            || name.ends_with("/token")
            || name.ends_with(".modelstrap")
    };
    Tree::of(&room.place(".cache")).without(out)
}

fn names(archive: &Path) -> Vec<String> {
    let output = Command::new("tar").args(["--zstd", "-tvf"]).arg(archive).env("TZ", "UTC").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

pub(super) fn archive(room: &Room, name: &str) -> PathBuf {
    room.path().join(name)
}

#[test]
fn what_goes_in_comes_out_and_no_content_is_stored_twice() {
    let room = lived_in();
    for (name, most) in [("a.tar.zst", 760_000), ("a.tar.gz", 780_000), ("a.tar", 1_100_000)] {
        let file = archive(&room, name);
        let path = file.to_str().unwrap();
        let before = Tree::of(room.root());
        let ran = room.run(&["backup", path]).expect(0);
        assert!(ran.err.contains("Left out: 1 login"), "{}", ran.err);
        Tree::of(room.root()).assert_eq(&before, "a backup changes nothing");
        let size = fs::metadata(&file).unwrap().len();
        assert!(size < most, "{name} has {size} bytes");
        let other = beside();
        other.run(&["restore", path]).expect(0).says(&["every byte of it is what the index says"]);
        cache(&other).assert_eq(&cache(&room), name);
        let inode =
            |name: &str| fs::metadata(other.place(&format!(".cache/torch/hub/checkpoints/{name}"))).unwrap().ino();
        assert_eq!(inode("one.pth"), inode("two.pth"), "what was one file is one again");
        assert_eq!(inode("three.pth"), inode("two-more.pth"));
        assert_ne!(inode("three.pth"), inode("one.pth"));
        other.run(&["restore", path]).expect(0).says(&["Nothing to bring"]);
    }
}

#[test]
fn an_archive_goes_through_pipes_in_both_directions() {
    let room = lived_in();
    let other = beside();
    for how in ["zstd", "gzip", "none"] {
        let script = format!("\"$1\" backup - --compress {how} | \"$1\" -C \"$2\" restore -");
        let target = other.path().join(how);
        fs::create_dir(&target).unwrap();
        let mut command = room.program("bash");
        command.args(["-o", "pipefail", "-c", &script, "-", PROGRAM]).arg(&target);
        room.ran(&mut command).expect(0);
        Tree::of(&target.join(".cache")).assert_eq(&cache(&room), how);
        // Where nothing is to be brought the pipe is read to its end all the same, or whoever writes into it fails.
        for end in ["restore -", "restore - --dry-run", "restore - --list"] {
            let script = format!("\"$1\" backup - --compress {how} | \"$1\" -C \"$2\" {end}");
            let mut command = room.program("bash");
            command.args(["-o", "pipefail", "-c", &script, "-", PROGRAM]).arg(&target);
            room.ran(&mut command).expect(0);
        }
    }
}

#[test]
fn gnu_tar_unpacks_an_archive_into_a_cache_that_works_as_it_is() {
    let room = lived_in();
    let file = archive(&room, "a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    assert!(names(&file)[0].ends_with(" .modelstrap/backup.jsonl"));
    let out = room.path().join("out");
    fs::create_dir(&out).unwrap();
    let ran = Command::new("tar").arg("--zstd").arg("-xf").arg(&file).arg("-C").arg(&out).output().unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{}", String::from_utf8_lossy(&ran.stderr));
    let ours = |name: &str| name.starts_with(".modelstrap");
    Tree::of(&out).without(ours).assert_eq(&cache(&room), "unpacked by tar");
    let inode = |name: &str| fs::metadata(out.join(name)).unwrap().ino();
    let weights = sha256(&noise(1, 700_000));
    let blob = format!("huggingface/hub/models--org--asr/blobs/{weights}");
    assert_eq!(inode(&blob), inode("torch/hub/checkpoints/copy.pth"), "stored once, so tar makes it one file");
}

#[test]
fn the_same_cache_gives_the_same_bytes() {
    let room = lived_in();
    for name in ["one.tar.zst", "two.tar.zst"] {
        room.run(&["backup", archive(&room, name).to_str().unwrap(), "--quiet"]).expect(0);
    }
    let mut bound = room.program("taskset");
    bound.args(["-c", "0", PROGRAM, "backup", archive(&room, "three.tar.zst").to_str().unwrap()]);
    room.ran(&mut bound).expect(0);
    let bytes = ["one", "two", "three"].map(|name| fs::read(archive(&room, &format!("{name}.tar.zst"))).unwrap());
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
}

#[test]
fn named_models_go_in_alone() {
    let room = lived_in();
    let stored = |words: &[&str]| {
        let file = archive(&room, "some.tar.zst");
        room.run(&[&["backup", "--yes", file.to_str().unwrap()], words].concat()).expect(0);
        let listed = room.run(&["restore", "--list", "--json", file.to_str().unwrap()]).expect(0).json();
        let members = listed["members"].as_array().unwrap().iter();
        let short =
            |name: &str| name.replace(HUB.trim_start_matches(".cache/"), "HUB").chars().take(44).collect::<String>();
        members.map(|member| short(member["name"].as_str().unwrap())).collect::<Vec<_>>()
    };
    let old = sha256(&noise(2, 10_000));
    let expected: Vec<String> = [
        format!("HUB/models--org--asr/blobs/{old}"),
        "HUB/models--org--asr/refs/refs/pr/1".to_owned(),
        format!("HUB/models--org--asr/snapshots/{PINNED}/old.bin"),
    ]
    .map(|name| name.chars().take(44).collect())
    .to_vec();
    for word in [format!("org/asr@{PINNED}"), "org/asr@1111111".to_owned(), "org/asr@refs/pr/1".to_owned()] {
        assert_eq!(stored(&[&word]), expected, "{word}");
    }
    assert_eq!(stored(&["org/words"]).len(), 5, "two blobs, a branch, two links");
    assert_eq!(stored(&["torch/hub/checkpoints/one.pth"]), ["torch/hub/checkpoints/one.pth"]);
    assert_eq!(stored(&[".cache/torch/hub/checkpoints/"]).len(), 7);
    let file = archive(&room, "none.tar.zst");
    let ran = room.run(&["backup", file.to_str().unwrap(), "org/none"]).expect(1);
    ran.says(&["nothing in the cache is called org/none"]);
    assert!(!file.exists());
}

#[test]
fn a_shared_store_is_kept_where_there_is_none_yet_and_dissolved_where_a_hub_works_without() {
    let room = Room::bare();
    let (payload, bytes) = ("ab".repeat(32), noise(9, 40_000));
    let etag = sha256(&bytes);
    room.write(&format!("{HUB}/blobs/.huggingface-shared-blobs"), "1\n");
    room.write(&format!("{HUB}/blobs/ab/{payload}"), &bytes);
    room.write(&format!("{HUB}/blobs/ab/{payload}.refs"), "models--gone/blobs/x\n");
    for repository in ["models--a", "models--b"] {
        let folder = room.place(&format!("{HUB}/{repository}"));
        fs::create_dir_all(folder.join("blobs")).unwrap();
        fs::create_dir_all(folder.join("snapshots").join(MAIN)).unwrap();
        symlink(format!("../../blobs/ab/{payload}"), folder.join("blobs").join(&etag)).unwrap();
        symlink(format!("../../blobs/{etag}"), folder.join("snapshots").join(MAIN).join("w.bin")).unwrap();
        room.write(&format!("{HUB}/{repository}/refs/main"), MAIN);
    }
    let file = archive(&room, "a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    assert!(fs::metadata(&file).unwrap().len() < 50_000, "once");
    let empty = beside();
    empty.run(&["restore", file.to_str().unwrap()]).expect(0);
    let users = format!("models--a/blobs/{etag}\nmodels--b/blobs/{etag}\n");
    assert_eq!(empty.text(&format!("{HUB}/blobs/ab/{payload}.refs")), users);
    let link = fs::read_link(empty.place(&format!("{HUB}/models--b/blobs/{etag}"))).unwrap();
    assert_eq!(link, Path::new(&format!("../../blobs/ab/{payload}")));
    assert_eq!(fs::metadata(empty.place(&format!("{HUB}/blobs/ab/{payload}"))).unwrap().mode() & 0o777, 0o444);
    empty.run(&["restore", file.to_str().unwrap()]).expect(0).says(&["Nothing to bring"]);

    let old = beside();
    blob(&old, "models--old", MAIN, "w", b"of an old client");
    old.run(&["restore", file.to_str().unwrap()]).expect(0);
    assert!(!old.exists(&format!("{HUB}/blobs")), "an old client deletes what others share");
    for repository in ["models--a", "models--b"] {
        assert_eq!(old.read(&format!("{HUB}/{repository}/snapshots/{MAIN}/w.bin")), bytes);
        assert!(!old.place(&format!("{HUB}/{repository}/blobs/{etag}")).is_symlink());
    }
    let inode = |repository: &str| fs::metadata(old.place(&format!("{HUB}/{repository}/blobs/{etag}"))).unwrap().ino();
    assert_eq!(inode("models--a"), inode("models--b"), "still once on the disk");
}

#[test]
fn a_cache_that_has_some_of_it_keeps_what_it_has() {
    let room = lived_in();
    let file = archive(&room, "a.tar.zst");
    let path = file.to_str().unwrap();
    room.run(&["backup", path]).expect(0);
    let other = beside();
    other.run(&["restore", path]).expect(0);
    let whole = cache(&other);
    // A plain file with another content, a blob that lost its end, a missing link, a branch that moved on, files of its own.
    other.write(".cache/torch/hub/checkpoints/one.pth.new", "mine");
    fs::remove_file(other.place(".cache/torch/hub/checkpoints/copy.pth")).unwrap();
    other.write(".cache/torch/hub/checkpoints/copy.pth", "other words");
    let weights = sha256(&noise(1, 700_000));
    let damaged = other.place(&format!("{HUB}/models--org--asr/blobs/{weights}"));
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, "cut").unwrap();
    fs::remove_file(other.place(&format!("{HUB}/models--org--asr/snapshots/{MAIN}/sub/text.txt"))).unwrap();
    other.write(&format!("{HUB}/models--org--asr/refs/main"), PINNED);

    let dry = other.run(&["restore", path, "--dry-run", "--json"]).expect(3).json();
    // The damaged blob is linked to the sound one of the other repository.
    assert_eq!(dry["coming_contents"], 0);
    let before = Tree::of(other.root());
    other.run(&["restore", path, "-n"]).expect(3);
    Tree::of(other.root()).assert_eq(&before, "a dry run");

    let ran = other.run(&["restore", path]).expect(3);
    ran.says(&["copy.pth stays as it is: another content is there", "refs/main was written later than the archive's"]);
    assert_eq!(other.text(".cache/torch/hub/checkpoints/copy.pth"), "other words");
    assert_eq!(other.text(&format!("{HUB}/models--org--asr/refs/main")), PINNED);
    assert_eq!(sha256(&fs::read(&damaged).unwrap()), weights, "what its name says is not there is mended");

    other.run(&["restore", path, "--force"]).expect(2).says(&["1 file would be replaced", "give `--yes`"]);
    other.run(&["restore", path, "--force", "--yes"]).expect(0);
    other.write(&format!("{HUB}/models--org--asr/refs/main"), MAIN);
    cache(&other).without(|name| name.ends_with(".new")).assert_eq(&whole, "forced");
    assert_eq!(other.text(".cache/torch/hub/checkpoints/one.pth.new"), "mine");
}

#[test]
fn an_older_branch_follows_the_archive_and_a_commit_that_is_not_there_is_not_named() {
    let room = lived_in();
    let file = archive(&room, "a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    let other = beside();
    let main = format!("{HUB}/models--org--asr/refs/main");
    other.write(&main, PINNED);
    let old = fs::File::options().write(true).open(other.place(&main)).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000)).unwrap();
    other.run(&["restore", file.to_str().unwrap()]).expect(0);
    assert_eq!(other.text(&main), MAIN);
}

#[test]
fn a_home_on_a_larger_disk_is_stored_and_nothing_is_restored_through_a_link_out_of_the_cache() {
    let room = lived_in();
    let large = room.path().join("large");
    fs::rename(room.place(".cache/torch"), &large).unwrap();
    symlink(&large, room.place(".cache/torch")).unwrap();
    let file = archive(&room, "a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    let other = beside();
    let out = other.path().join("out");
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(other.place(".cache")).unwrap();
    symlink(&out, other.place(".cache/torch")).unwrap();
    let ran = other.run(&["restore", file.to_str().unwrap()]).expect(3);
    ran.says(&["@/p/.cache/torch is a link, and nothing is written through one"]);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    assert!(other.exists(&format!("{HUB}/models--org--asr/refs/main")));
    fs::remove_file(other.place(".cache/torch")).unwrap();
    other.run(&["restore", file.to_str().unwrap()]).expect(0);
    assert_eq!(other.read(".cache/torch/hub/checkpoints/copy.pth"), noise(1, 700_000));
}

#[test]
fn a_damaged_blob_is_found_and_an_archive_of_it_only_written_when_asked() {
    let room = lived_in();
    let mut bytes = noise(2, 10_000);
    let path = format!("{HUB}/models--org--asr/blobs/{}", sha256(&bytes));
    bytes[3_000] ^= 1;
    room.write(&path, &bytes);
    let file = archive(&room, "a.tar.zst");
    let ran = room.run(&["backup", file.to_str().unwrap()]).expect(1);
    ran.says(&[
        "is damaged: its name promises",
        "nothing was written: `modelstrap verify --fix org/asr` fetches it again",
        "--allow-damaged",
    ]);
    assert!(!file.exists() && fs::read_dir(room.path()).unwrap().count() == 2, "nothing is left of it");
    room.run(&["backup", file.to_str().unwrap(), "--allow-damaged"]).expect(0);
    let other = beside();
    let ran = other.run(&["restore", file.to_str().unwrap()]).expect(3);
    let ran = ran.says(&[
        "10.0 kB of the archive are left out: damaged, and 1 link to them; `--allow-damaged` takes them",
        &format!("{}: its bytes are not what its name promises", path.trim_start_matches(".cache/")),
    ]);
    assert!(!ran.err.contains("stays as it is") && !ran.err.contains("here already"), "{}", ran.err);
    assert!(!other.exists(&path));
    let link = format!("{HUB}/models--org--asr/snapshots/{PINNED}/old.bin");
    assert!(!other.place(&link).is_symlink(), "a link to what was left out");
    let again = other.run(&["restore", file.to_str().unwrap(), "--json"]).expect(3).json();
    assert_eq!((&again["left_out_bytes"], again["left_out"].as_array().map(Vec::len)), (&10_000.into(), Some(2)));
    // Where the sound content is, the link comes.
    other.write(&path, noise(2, 10_000));
    other.run(&["restore", file.to_str().unwrap()]).expect(3);
    assert_eq!(other.read(&link), noise(2, 10_000));
    fs::remove_file(other.place(&path)).unwrap();
    other.run(&["restore", file.to_str().unwrap(), "--allow-damaged"]).expect(0);
    assert_eq!(other.read(&path), bytes);
}

#[test]
fn a_damaged_blob_of_the_right_size_is_mended_with_force_alone() {
    let room = lived_in();
    let archive = archive(&room, "whole.tar.zst");
    let path = archive.to_str().unwrap();
    room.run(&["backup", path]).expect(0);
    let whole = cache(&room);
    let is_blob =
        |node: &&(String, Vec<u8>)| node.0.contains("/blobs/") && !node.0.ends_with(".incomplete") && node.1.len() > 3;
    let files = walk(&room.place(".cache"));
    let (blob, mut bytes) = files.iter().find(is_blob).cloned().unwrap();
    bytes[2] ^= 1;
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&blob, &bytes).unwrap();
    room.run(&["restore", path, "--yes"]).expect(0);
    assert_eq!(fs::read(&blob).unwrap(), bytes, "without --force what is there stays");
    let ran = room.run(&["restore", path, "--force"]).expect(0);
    assert!(ran.err.contains(" in 1 file and 0 links") && !ran.err.contains("were not read"), "{}", ran.err);
    cache(&room).assert_eq(&whole, "the bytes are the archive's again");
    let again = room.run(&["restore", path, "--force"]).expect(0);
    assert!(!again.err.contains(" in 1 file"), "nothing is left to mend: {}", again.err);
}

/// Every file below a folder, with its bytes.
fn walk(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(walk(&entry.path())),
            kind if kind.is_file() => {
                found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// What `scan_cache_dir` warns of and finds, and whether a file of a branch is found offline.
const ASK: &str = "
import os, sys
os.environ['HF_HUB_OFFLINE'] = '1'
from huggingface_hub import hf_hub_download, scan_cache_dir
hub = sys.argv[1]
found = scan_cache_dir(hub)
print([str(w) for w in found.warnings])
for repo in sorted(found.repos, key=lambda r: (r.repo_type, r.repo_id)):
    for revision in sorted(repo.revisions, key=lambda r: r.commit_hash):
        print(repo.repo_type, repo.repo_id, revision.commit_hash[:4], sorted(revision.refs), sorted(f.file_name for f in revision.files))
print(os.path.getsize(hf_hub_download('org/asr', 'sub/text.txt', cache_dir=hub)))
";

#[test]
fn the_official_clients_find_a_restored_cache_sound_and_load_from_it_offline() {
    let room = lived_in();
    let file = archive(&room, "a.tar.zst");
    room.run(&["backup", file.to_str().unwrap()]).expect(0);
    let other = beside();
    other.run(&["restore", file.to_str().unwrap()]).expect(0);
    for variable in ["MODELSTRAP_TEST_PYTHON", "MODELSTRAP_TEST_PYTHON_OLD"] {
        let Some(python) = python::python_with(variable, "huggingface_hub") else { continue };
        let mut command = other.program(python);
        let ran = other.ran(command.args(["-c", ASK]).arg(other.place(HUB))).expect(0);
        assert_eq!(
            ran.out,
            "[]\n\
             dataset org/words 2222 ['main'] ['model.safetensors', 'text.txt']\n\
             model org/asr 1111 ['refs/pr/1'] ['old.bin']\n\
             model org/asr 2222 ['main'] ['model.safetensors', 'text.txt']\n\
             300000\n",
            "{variable}: {}",
            ran.err
        );
    }
}
