//! A cache of many names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::project::Room;

/// A cache with so many repositories of the shared store, of 1,200 names each, and as many files with two names elsewhere. How many
/// names there are.
pub(crate) fn filled(room: &Room, repositories: usize) -> u64 {
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
