//! What is gathered from a cache of several months, and what is not.

use std::os::unix::fs::symlink;

use super::super::users::Lists;
use super::*;

const COMMIT: &str = "1111111111111111111111111111111111111111";

fn put(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn link(target: &str, at: PathBuf) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(target, at).unwrap();
}

/// The names, with what links say and what is made.
fn found(gathered: &Gathered) -> Vec<String> {
    let (things, stores) = (&gathered.things, &gathered.stores);
    let lists = Lists::of(&things.table, stores);
    let line = |at: usize| match (things.name(at), things.get(at)) {
        (name, Thing::File(Source::Disk(_))) => name.to_string(),
        (name, Thing::File(Source::Made(_))) => {
            let text = lists.text(at, stores, |at| things.name(at));
            format!("{name} = {}", String::from_utf8_lossy(&text).escape_default())
        }
        (name, Thing::Link(to)) => format!("{name} -> {}", names::shown(&to)),
        (name, Thing::Folder) => format!("{name}/"),
    };
    (0..things.len()).map(line).collect()
}

fn left_out(gathered: &Gathered, room: &Path) -> Vec<String> {
    let mut lines: Vec<String> = gathered
        .left_out
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.strip_prefix(room).unwrap_or(path).display()))
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_cache_is_gathered_without_what_belongs_to_one_machine() {
    let room = tempfile::tempdir().unwrap();
    let room = room.path().canonicalize().unwrap();
    let hub = room.join("huggingface/hub");
    let repository = hub.join("models--org--a");
    put(repository.join("blobs/one"), "1");
    put(repository.join("blobs/two.ab.incomplete"), "half");
    put(repository.join("refs/main"), COMMIT);
    put(repository.join("refs/gone"), &COMMIT.replace('1', "2"));
    put(repository.join(".modelstrap/main"), "x");
    put(repository.join(format!("trees/{COMMIT}.json")), "{}");
    put(repository.join(format!(".no_exist/{COMMIT}/none.json")), "");
    put(repository.join(format!(".no_exist/{COMMIT}/one.txt")), "");
    let snapshot = repository.join("snapshots").join(COMMIT);
    link("../../blobs/one", snapshot.join("one.txt"));
    link("../../blobs/two", snapshot.join("dangling"));
    link("/etc/passwd", snapshot.join("out"));
    link(repository.join("blobs/one").to_str().unwrap(), snapshot.join("absolute"));
    link("../../../../../../../etc/passwd", snapshot.join("up"));
    put(hub.join(".locks/models--org--a/one.lock"), "");
    put(room.join("huggingface/token"), "hf_secret");
    put(room.join("torch/hub/checkpoints/x.pth"), "w");
    put(room.join("torch/.modelstrap/partials/y.part"), "half");
    fs::create_dir_all(room.join("torch/hub/empty")).unwrap();
    let roots = [
        Root { prefix: b"huggingface/hub".to_vec(), path: hub },
        Root { prefix: b"huggingface".to_vec(), path: room.join("huggingface") },
        Root { prefix: b"torch".to_vec(), path: room.join("torch") },
    ];
    let gathered = gather(&roots, &[b"huggingface/hub".to_vec()], &|_| true, &[]).unwrap();
    assert_eq!(
        found(&gathered),
        [
            format!("huggingface/hub/models--org--a/.no_exist/{COMMIT}/none.json"),
            "huggingface/hub/models--org--a/blobs/one".to_owned(),
            "huggingface/hub/models--org--a/refs/main".to_owned(),
            format!("huggingface/hub/models--org--a/snapshots/{COMMIT}/absolute -> ../../blobs/one"),
            format!("huggingface/hub/models--org--a/snapshots/{COMMIT}/one.txt -> ../../blobs/one"),
            format!("huggingface/hub/models--org--a/trees/{COMMIT}.json"),
            "torch/hub/checkpoints/x.pth".to_owned(),
            "torch/hub/empty/".to_owned(),
        ]
    );
    let snapshot = format!("huggingface/hub/models--org--a/snapshots/{COMMIT}");
    assert_eq!(
        left_out(&gathered, &room),
        [
            format!("{snapshot}/dangling: it is a link to nothing that is stored"),
            format!("{snapshot}/out: it is a link out of the cache, to /etc/passwd"),
            format!("{snapshot}/up: it is a link out of the cache, to ../../../../../../../etc/passwd"),
            "huggingface/token: a login".to_owned(),
        ]
    );
}

#[test]
fn of_a_shared_store_only_what_is_used_goes_in_with_a_list_of_who_uses_it() {
    let room = tempfile::tempdir().unwrap();
    let hub = room.path().canonicalize().unwrap();
    let (used, unused) = ("ab".repeat(32), "cd".repeat(32));
    put(hub.join("blobs/.huggingface-shared-blobs"), "1\n");
    for hash in [&used, &unused] {
        put(hub.join(format!("blobs/{}/{hash}", &hash[..2])), "payload");
        put(hub.join(format!("blobs/{}/{hash}.refs", &hash[..2])), "models--gone/blobs/x\n");
        put(hub.join(format!("blobs/{}/{hash}.lock", &hash[..2])), "");
    }
    for repository in ["models--a", "models--b"] {
        link(&format!("../../blobs/ab/{used}"), hub.join(repository).join("blobs/etag"));
        link("../../blobs/etag", hub.join(repository).join("snapshots").join(COMMIT).join("w"));
    }
    let roots = [Root { prefix: b"huggingface/hub".to_vec(), path: hub }];
    let gathered = gather(&roots, &[b"huggingface/hub".to_vec()], &|_| true, &[]).unwrap();
    let names = found(&gathered);
    assert_eq!(
        names[..3],
        [
            "huggingface/hub/blobs/.huggingface-shared-blobs".to_owned(),
            format!("huggingface/hub/blobs/ab/{used}"),
            format!(r"huggingface/hub/blobs/ab/{used}.refs = models--a/blobs/etag\nmodels--b/blobs/etag\n"),
        ]
    );
    assert_eq!((names.len(), gathered.left_out.len(), gathered.stores.len()), (7, 0, 1));
}
