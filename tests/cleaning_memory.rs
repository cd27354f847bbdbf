//! What `clear` and `prune` take of memory for a large cache: some bytes a name, whatever they do with it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "support/peak.rs"]
mod peak;
mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use peak::peak;
use support::project::Room;

/// A million names may take 150 MB: a release build took 99 to 144 MB for a plan. This small cache gets a name more in a debug build, since what is
/// there once weighs more: 100 to 180 bytes. While each name had a path and a stamp of its own, it was 570 and more.
const A_NAME: u64 = 250;

/// A cache with so many repositories of the shared store, of 1,200 names each, and as many files with two names elsewhere. How many
/// names there are.
fn filled(room: &Room, repositories: usize) -> u64 {
    let hub = room.place(".cache/huggingface/hub");
    let mut names = 0;
    let mut write = |path: &Path, bytes: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        names += 1;
    };
    write(&hub.join("blobs/.huggingface-shared-blobs"), b"1\n");
    for number in 0..repositories {
        let name = format!("models--org--model-{number}");
        let at = hub.join(&name);
        let commits = ["1", "2"].map(|digit| digit.repeat(40));
        write(&at.join("refs/main"), commits[1].as_bytes());
        for file in 0..300 {
            let digest = format!("{:064x}", (number * 1000 + file + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let digest = format!("{}{}", &digest[62..], &digest[..62]);
            let blob = at.join("blobs").join(&digest);
            fs::create_dir_all(blob.parent().unwrap()).unwrap();
            let shard = hub.join("blobs").join(&digest[..2]);
            write(&shard.join(&digest), b"weights");
            write(&shard.join(format!("{digest}.refs")), format!("{name}/blobs/{digest}\n").as_bytes());
            symlink(format!("../../blobs/{}/{digest}", &digest[..2]), &blob).unwrap();
            let link = at.join("snapshots").join(&commits[file % 2]).join(format!("part/file-{file}"));
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(format!("../../../blobs/{digest}"), link).unwrap();
        }
        let torch = room.place(".cache/torch");
        for file in 0..150 {
            let path = torch.join(format!("one/{number}/file-{file}"));
            write(&path, b"");
            let other = torch.join(format!("other/{number}/file-{file}"));
            fs::create_dir_all(other.parent().unwrap()).unwrap();
            fs::hard_link(&path, other).unwrap();
        }
    }
    names + repositories as u64 * (600 + 150)
}

#[test]
fn a_name_takes_few_bytes_whatever_is_done_with_it() {
    let (small, large) = (Room::bare(), Room::bare());
    for room in [&small, &large] {
        room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    }
    let names = [filled(&small, 1), filled(&large, 24)];
    for arguments in [
        &["prune", "--dry-run", "--json"][..],
        &["prune", "--dry-run", "--json", "--grace", "0"],
        &["clear", "all", "--dry-run", "--json"],
        &["prune", "--yes", "--json", "--grace", "0"],
        &["clear", "all", "--yes", "--now", "--json"],
    ] {
        let is_back = arguments[0] == "clear" && arguments.contains(&"--yes");
        [&small, &large].iter().filter(|_| is_back).for_each(|room| drop(room.run(&["prune", "--undo"]).expect(0)));
        let [base, all] = [&small, &large].map(|room| peak(&mut room.command(arguments)));
        let each = all.saturating_sub(base) / (names[1] - names[0]);
        eprintln!("{arguments:?}: {each} bytes a name, {} kB for {} names", all / 1024, names[1]);
        assert!(
            each < A_NAME,
            "{arguments:?}: {each} bytes a name; {base} bytes for {}, {all} for {}",
            names[0],
            names[1]
        );
    }
    assert!(!large.exists(".cache/torch/one"), "it was removed");
}
