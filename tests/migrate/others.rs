//! What moves is somebody's: what a repository of Git tracks stays in it, what another project's lock names stays in its cache. And
//! folders that are named by way of what is above them.

use std::fs;
use std::path::Path;

use modelstrap::cache::notes::projects;
use modelstrap::fetch::Digest;
use modelstrap::models::lock::Lock;
use modelstrap::models::locked::{File, HubPlace, Model, Part, Place, RepoType};
use modelstrap::support::time;
use modelstrap::support::vars::Vars;

use crate::support::project::{Room, Tree};
use crate::support::stray::{NEW, Repo, sha256};

/// Makes a folder a repository, in which Git tracks these files.
fn tracked(room: &Room, folder: &Path, files: &[&str]) {
    let git = |arguments: &[&str]| room.ran(room.program("git").args(arguments).current_dir(folder)).expect(0);
    git(&["init", "-q"]);
    git(&[&["add", "-f"], files].concat());
}

#[test]
fn what_any_repository_of_git_tracks_stays_in_it() {
    let room = Room::git();
    let data = room.path().join("data");
    for name in ["base.pt", "small.pt"] {
        fs::create_dir_all(data.join("whisper")).unwrap();
        fs::write(data.join("whisper").join(name), name).unwrap();
    }
    tracked(&room, &data, &["whisper/base.pt"]);
    let named = data.join("whisper");
    let reason = "whisper/base.pt: is tracked by Git";
    room.run(&["migrate", "--yes", named.to_str().unwrap()]).expect(0).says(&[reason]);
    assert!(named.join("base.pt").exists() && room.exists(".cache/whisper/small.pt"));

    fs::write(named.join("small.pt"), "small.pt").unwrap();
    room.write("modelstrap.toml", format!("[legacy]\npaths = [{named:?}]\n"));
    room.run(&["migrate", "--yes"]).expect(0).says(&[reason]);
    assert!(named.join("base.pt").exists() && !named.join("small.pt").exists());
    // By a link to it as well.
    std::os::unix::fs::symlink(&named, room.place("whisper")).unwrap();
    room.run(&["migrate", "--yes", "whisper"]).expect(0).says(&["whisper/base.pt: is tracked by Git"]);
    assert!(named.join("base.pt").exists());
}

/// A lock whose model `asr` is a revision of `org/asr`.
fn lock() -> String {
    let place = HubPlace {
        repo_type: RepoType::Model,
        repo: "org/asr".to_owned(),
        requested: "main".to_owned(),
        commit: NEW.to_owned(),
        complete: false,
    };
    let digest = Digest::from_hex(&sha256("asr"));
    let file = File { path: "model.bin".to_owned(), size: Some(3), digest, url: None };
    let part = Part { place: Place::Hub(place), files: [file].into_iter().collect() };
    let model = Model { name: "asr".to_owned(), spec: "hf:org/asr".to_owned(), parts: vec![part] };
    Lock::new(Digest::from_hex(&sha256("manifest")).unwrap(), vec![model]).render()
}

#[test]
fn what_the_lock_of_another_project_names_stays_in_its_cache_without_force() {
    let room = Room::bare();
    let (cache, other) = (room.path().join("cache"), room.path().join("other"));
    for name in ["asr", "loose"] {
        let repo = Repo::new(&room, "../cache/huggingface/hub", &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    }
    room.write("../cache/whisper/base.pt", "base");
    room.write("../other/modelstrap.lock", lock());
    projects::register(&cache, &other, Some(&lock()), &Vars::default(), time::seconds()).unwrap();
    let before = Tree::of(&cache);

    let named = cache.join("huggingface");
    let named = named.to_str().unwrap();
    let reason =
        "../cache/huggingface/hub stays: is needed by the lock of @/other (asr): `--force` moves it all the same";
    let reason = reason.replace("../cache", "@/cache");
    for arguments in [&["migrate", "--yes", named][..], &["migrate", "--dry-run", named]] {
        room.run(arguments).expect(1).says(&[&reason]);
        Tree::of(&cache).assert_eq(&before, "nothing of it moves");
    }
    // What no lock names is nobody's.
    room.run(&["migrate", "--yes", cache.join("whisper").to_str().unwrap()]).expect(0);
    let loose = cache.join("huggingface/hub/models--org--loose");
    room.run(&["migrate", "--yes", loose.to_str().unwrap()]).expect(0);
    assert!(room.exists(".cache/whisper/base.pt") && !loose.exists());

    room.run(&["migrate", "--yes", "--force", named]).expect(0);
    assert!(room.exists(&format!(".cache/huggingface/hub/models--org--asr/snapshots/{NEW}/model.bin")));
}

#[test]
fn a_folder_can_be_named_by_way_of_what_is_above_it() {
    let room = Room::git();
    fs::create_dir(room.place("sub")).unwrap();
    let hub = |name: &str| {
        let repo = Repo::new(&room, "../sib/hub", &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", name, sha256(name));
        repo.reference("main", NEW);
    };
    hub("a");
    room.run(&["migrate", "--yes", "../sib/hub"]).expect(0);
    hub("b");
    room.ran(room.command(&["migrate", "--yes", "../../sib/hub/."]).current_dir(room.place("sub"))).expect(0);
    for name in ["a", "b"] {
        let file = format!(".cache/huggingface/hub/models--org--{name}/snapshots/{NEW}/model.bin");
        assert_eq!(room.text(&file), name);
    }
    for (folder, word) in [(".", "../p/.cache/huggingface"), ("sub", "../.cache/huggingface")] {
        let archive = room.path().join("x.tar");
        let mut command = room.command(&["backup", "--yes", archive.to_str().unwrap(), word]);
        room.ran(command.current_dir(room.place(folder))).expect(0);
        assert!(fs::metadata(archive).unwrap().len() > 1000);
    }
}
