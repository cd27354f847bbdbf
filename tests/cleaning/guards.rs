//! What `clear` and `prune` must not take, however it came to lie there: a person's Git repositories deep in a cache, the trash of
//! an earlier run, what another project needs, what keeps a name on a full disk.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::support::lived::{HUB, MAIN, PINNED, repository};
use crate::support::project::{PROGRAM, Ran, Room, may_mount};
use crate::support::terminal::Terminal;

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n";

fn empty() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    room
}

/// As if nothing had been written for forty days.
fn aged(room: &Room) {
    let then = SystemTime::now() - Duration::from_secs(40 * 86_400);
    let mut folders = vec![room.root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
            }
        }
    }
}

/// The other project, `q`, which shares the cache and whose lock has this part.
fn other(room: &Room, part: &str, files: &str) {
    let base = room.place(".cache");
    room.write("../q/modelstrap.toml", format!("[cache]\nbase_dir = {base:?}\n"));
    room.write("../q/modelstrap.lock", lock(part, files));
    let mut command = room.program(PROGRAM);
    command.args(["setup", "--yes", "--no-models"]).current_dir(room.path().join("q"));
    room.ran(&mut command).expect(0);
}

fn lock(part: &str, files: &str) -> String {
    format!(
        "# What every model of this project is, exactly: written by `modelstrap models lock`, to be committed and not edited.\n\
         # After a merge conflict: take either side, then run `modelstrap models lock`.\n\nversion = 1\n\
         manifest = \"sha256:{}\"\n\n[[model]]\n{part}files = [\n{files}]\n\n# the end of modelstrap.lock\n",
        "0".repeat(64)
    )
}

fn of_the_hub(name: &str, commit: &str) -> String {
    lock_part(
        name,
        &format!("hf:{name}"),
        &format!(
            "place = \"hub\"\ntype = \"model\"\nrepo = \"{name}\"\nrequested = \"main\"\ncommit = \"{commit}\"\ncomplete = true\n"
        ),
    )
}

fn lock_part(name: &str, spec: &str, place: &str) -> String {
    let name = name.replace('/', "-");
    format!("name = \"{name}\"\nspec = \"{spec}\"\n\n[[model.part]]\n{place}")
}

#[test]
fn a_git_repository_stays_however_deep_it_lies_in_a_cache() {
    let room = empty();
    room.write("modelstrap.toml", "[application_caches]\nout = { path = \"out\", max_age = \"1d\" }\n");
    let trees = ["out/a/b", "out/c", ".cache/torch/hub/mine/sub"];
    for tree in trees {
        room.write(&format!("{tree}/work.py"), "precious");
        room.write(&format!("{tree}/.git/HEAD"), "ref: refs/heads/main\n");
        room.write(&format!("{tree}/.git/config"), "");
    }
    // Of a submodule and a linked work tree `.git` is a file.
    room.write("out/d/linked/.git", "gitdir: elsewhere\n");
    room.write("out/d/linked/new.py", "precious");
    for part in ["HEAD", "config", "objects/x", "refs/heads/main"] {
        room.write(&format!("out/e/f/bare.git/{part}"), "x");
    }
    let before = room.tree();
    let gone = ["out/a/old.json", "out/e/old.json", "out/old/film.json"];
    let fill = || gone.iter().for_each(|path| room.write(path, "{}"));
    fill();
    aged(&room);
    let left = |when: &str| {
        gone.iter().for_each(|path| assert!(!room.exists(path), "{when}: {path}"));
        let own = |name: &str| name.contains("p/.cache/.modelstrap") || name == "p/out/old";
        room.tree().without(own).assert_eq(&before, when);
    };
    room.run(&["prune", "--yes", "--now", "--grace", "0"]).expect(0);
    left("prune");
    fill();
    let ran = room.run(&["clear", "app", "--yes", "--now", "--grace", "0"]).expect(0);
    left("clear app");
    assert!(ran.err.contains("o: is a Git repository") || ran.out.contains("is a Git repository"), "{ran:?}");
    let ran = room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    left("clear models");
    assert!(ran.err.contains("mine: it holds a Git repository, @/p/.cache/torch/hub/mine/sub\n"), "{ran:?}");
    room.run(&["clear", room.place(".cache/torch/hub/mine").to_str().unwrap(), "--yes", "--now"]).expect(1);
    left("named");
}

#[test]
fn what_went_from_a_home_that_was_a_cache_by_what_lay_in_it_comes_back_and_is_freed() {
    let room = empty();
    fs::create_dir_all(room.path().join("disk/hf/hub")).unwrap();
    fs::create_dir(room.place(".cache")).unwrap();
    room.link(".cache/huggingface", "../../disk/hf");
    repository(&room, "org/asr", &[(MAIN, &[("new", 80)])]);
    let folder = format!("{HUB}/models--org--asr");
    room.write(&format!("{folder}/refs/main"), MAIN);
    let trash = room.path().join("disk/hf/.modelstrap");
    let clear = || {
        room.run(&["clear", "all", "--yes", "--grace", "0", "--undo-for", "1h"]).expect(0);
        assert!(!room.exists(&folder) && trash.exists());
    };
    clear();
    room.run(&["clear", "--undo"]).expect(0);
    assert_eq!(room.text(&format!("{folder}/refs/main")), MAIN);
    assert_eq!(room.read(&format!("{folder}/snapshots/{MAIN}/new.bin")).len(), 80_000);
    clear();
    room.run(&["prune", "--now", "--yes"]).expect(0);
    assert!(!trash.exists());

    // A folder that was put there since is none that a journal speaks of.
    room.write(&format!("{folder}/refs/main"), MAIN);
    clear();
    let disk = room.path().join("disk");
    fs::rename(disk.join("hf"), disk.join("old")).unwrap();
    fs::create_dir(disk.join("hf")).unwrap();
    fs::rename(disk.join("old/.modelstrap"), &trash).unwrap();
    let ran = room.run(&["clear", "--undo"]).expect(1);
    assert!(!ran.err.contains("\\n") && ran.err.contains("it is left alone"), "{ran:?}");
    let ran = room.run(&["prune", "--now", "--yes"]);
    assert!(!ran.err.contains("\\n"), "{ran:?}");
    assert!(trash.exists());
}

/// Runs `script` in a room whose project lies on a small disk of its own, `$2/disk/p`.
fn on_a_small_disk(room: &Room, script: &str) -> Ran {
    fs::create_dir(room.path().join("disk")).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=4m none \"$2/disk\"; cp -a \"$2/p\" \"$2/disk/\"; cd \"$2/disk/p\"
         full() {{ cat /dev/zero >\"$2/ballast\" 2>/dev/null || :; }}; {script}"
    );
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

#[test]
fn on_a_full_disk_a_revision_that_stays_keeps_its_name() {
    if !may_mount() {
        return;
    }
    let room = empty();
    repository(&room, "org/asr", &[(PINNED, &[("old", 400)]), (MAIN, &[("new", 800)])]);
    let folder = format!("{HUB}/models--org--asr");
    room.write(&format!("{folder}/refs/main"), MAIN);
    room.write(&format!("{folder}/snapshots/{MAIN}/plain.bin"), vec![7; 5000]);
    let script = format!(
        "exec 9<>{folder}/snapshots/{MAIN}/plain.bin
         full x \"$2/disk\"; \"$1\" clear org/asr@main --yes --now || :
         cat {folder}/refs/main; echo; ls {folder}/snapshots {folder}/blobs"
    );
    let ran = on_a_small_disk(&room, &script);
    let left = format!("{MAIN}\n{folder}/blobs:\nnew\nold\n\n{folder}/snapshots:\n{PINNED}\n{MAIN}\n");
    assert!(ran.out.ends_with(&left), "{ran:?}");
}

#[test]
fn the_locks_of_a_hub_go_and_the_trash_among_them_stays() {
    let room = empty();
    room.write("modelstrap.lock", lock(&of_the_hub("org/kept", MAIN), ""));
    let hub = room.path().join("disk/hub");
    fs::create_dir_all(&hub).unwrap();
    fs::write(hub.join("CACHEDIR.TAG"), TAG).unwrap();
    fs::create_dir_all(room.place(".cache/huggingface")).unwrap();
    symlink(&hub, room.place(HUB)).unwrap();
    repository(&room, "org/asr", &[(MAIN, &[("new", 1500)])]);
    repository(&room, "org/kept", &[(MAIN, &[("kept", 8)])]);
    for name in ["asr", "kept"] {
        room.write(&format!("{HUB}/models--org--{name}/refs/main"), MAIN);
    }
    room.write(&format!("{HUB}/.locks/models--org--asr/x.lock"), "");
    room.run(&["clear", "org/asr", "--yes", "--grace", "0", "--undo-for", "1h"]).expect(0);
    assert!(room.exists(&format!("{HUB}/.locks/.modelstrap/trash")));
    let ran = room.run(&["prune", "--ci", "--yes", "--grace", "0"]).expect(0);
    assert!(!ran.out.contains(" MB"), "the plan promises nothing of the trash: {}", ran.out);
    assert!(room.place(HUB).is_symlink());
    assert!(!room.exists(&format!("{HUB}/.locks/models--org--asr")));
    room.run(&["prune", "--ci", "--yes", "--grace", "0"]).expect(0).says(&["Nothing to remove"]);
    room.run(&["clear", "--undo"]).expect(0);
    assert_eq!(room.text(&format!("{HUB}/models--org--asr/refs/main")), MAIN);
    assert_eq!(room.read(&format!("{HUB}/models--org--asr/snapshots/{MAIN}/new.bin")).len(), 1_500_000);
}

#[test]
fn a_folder_in_which_another_project_needs_a_file_is_refused() {
    let room = empty();
    let at = ".cache/files/d0e1532719a2142b";
    room.write(&format!("{at}/w.bin"), vec![7; 5000]);
    room.write(&format!("{at}/sub/x.bin"), vec![7; 5000]);
    let digest = "0".repeat(64);
    let file = format!(
        "  {{ path = \"sub/x.bin\", size = 5000, digest = \"sha256:{digest}\", url = \"https://files.example.org/w.bin\" }},\n"
    );
    let part = lock_part("w", "url:https://files.example.org/w.bin", "place = \"files\"\nhome = \"files\"\n");
    other(&room, &part, &file);
    for path in ["sub/x.bin", "sub", ""] {
        let named = room.place(at).join(path);
        let ran = room.run(&["clear", named.to_str().unwrap(), "--yes", "--now"]).expect(1);
        assert!(ran.err.contains("is needed by the lock of @/q (w); nothing was removed"), "{path}: {ran:?}");
    }
    room.run(&["clear", &format!("./{at}/w.bin"), "--yes", "--now"]).expect(0);
    assert!(room.exists(&format!("{at}/sub/x.bin")) && !room.exists(&format!("{at}/w.bin")));
}

#[test]
fn what_another_project_came_to_need_while_the_question_stood_stays() {
    for (words, stays) in [
        (&["clear", "org/asr", "--now"][..], "org/asr is needed by the lock of"),
        (&["clear", "models", "--now"], "/q (org-asr) names it"),
        (&["prune", "--now", "--grace", "0"], "another project needs it by now"),
    ] {
        let room = empty();
        repository(&room, "org/asr", &[(MAIN, &[("new", 80)])]);
        repository(&room, "org/gone", &[(MAIN, &[("gone", 80)])]);
        let mut terminal = Terminal::open(200, 40, &mut room.command(words));
        terminal.wait_for("Delete this for good?");
        other(&room, &of_the_hub("org/asr", MAIN), "");
        terminal.press("y");
        let ended = terminal.end();
        assert_eq!(ended.status.code(), Some(1), "{words:?}: {}", ended.raw);
        assert!(ended.raw.contains(stays), "{words:?}: {}", ended.raw);
        assert_eq!(room.read(&format!("{HUB}/models--org--asr/snapshots/{MAIN}/new.bin")).len(), 80_000, "{words:?}");
        let is_named = words.contains(&"org/asr");
        assert_eq!(room.exists(&format!("{HUB}/models--org--gone")), is_named, "{words:?}: {}", ended.raw);
    }
}

#[test]
fn a_store_without_its_marker_stays_while_any_folder_of_the_hub_links_into_it() {
    for name in ["kernels--org--b", "buckets--org--b"] {
        let room = empty();
        let hash = "ab".repeat(32);
        room.write(&format!("{HUB}/blobs/ab/{hash}"), vec![7; 30_000]);
        let folder = format!("{HUB}/{name}");
        room.link(&format!("{folder}/blobs/e"), &format!("../../blobs/ab/{hash}"));
        room.link(&format!("{folder}/snapshots/{MAIN}/m.bin"), "../../blobs/e");
        room.write(&format!("{folder}/refs/main"), MAIN);
        aged(&room);
        for rule in [["--older-than", "30d"], ["--max-size", "1kB"]] {
            room.run(&["prune", rule[0], rule[1], "--grace", "0", "--yes", "--now"]);
            assert!(room.exists(&format!("{HUB}/blobs/ab/{hash}")), "{name}, {rule:?}");
        }
    }
}

#[test]
fn where_git_does_not_say_what_it_tracks_an_application_cache_stays() {
    let room = Room::git();
    room.write("modelstrap.toml", "[application_caches]\ntmdb = { path = \".cache/tmdb\", max_age = \"1s\" }\n");
    for name in ["seed.json", "deep/x"] {
        room.write(&format!(".cache/tmdb/{name}"), "{}");
    }
    aged(&room);
    room.run_git(&["add", "-f", ".cache/tmdb/seed.json"]);
    room.write(".git/index", "damaged");
    for words in [&["clear", "app", "--yes", "--now"][..], &["prune", "--yes", "--grace", "0"]] {
        room.run(words).says(&[".cache/tmdb: Git does not say what it tracks there, so that nothing of it goes"]);
        assert!(room.exists(".cache/tmdb/seed.json") && room.exists(".cache/tmdb/deep/x"), "{words:?}");
    }
}

#[test]
fn what_git_tracks_stays_whatever_a_person_names() {
    let room = Room::git();
    room.write("modelstrap.toml", "[application_caches]\nout = \"out\"\n");
    let weights = || vec![7; 2_000_000];
    let fill = || {
        room.write("models/asr/own.safetensors", weights());
        room.write("models/asr/deep/copy.safetensors", weights());
        room.write("models/whole.safetensors", weights());
        room.write("out/sub/made.json", "{}");
    };
    let tracked =
        ["models/asr/config.json", "models/asr/deep/kept.safetensors", "models/one.safetensors", "out/sub/seed.json"];
    tracked.iter().for_each(|path| room.write(path, weights()));
    let hub = "models/hub/models--org--x";
    room.write(&format!("{hub}/blobs/a"), weights());
    room.link(&format!("{hub}/snapshots/{MAIN}/a.bin"), "../../blobs/a");
    room.write(&format!("{hub}/refs/main"), MAIN);
    tracked.iter().for_each(|path| drop(room.run_git(&["add", "-f", path])));
    room.run_git(&["add", "-f", &format!("{hub}/refs/main")]);
    fill();
    aged(&room);
    let clear = |path: &str, code: i32| room.run(&["clear", path, "--yes", "--now"]).expect(code);
    for (named, stays, goes) in [
        ("./models/one.safetensors", "one.safetensors: Git tracks it\n", &[][..]),
        ("./models/asr/deep/kept.safetensors", "kept.safetensors: Git tracks it\n", &[]),
        ("./out/sub/seed.json", "seed.json: Git tracks it\n", &[]),
        ("./models/hub", "org/x: Git tracks 1 file of it\n", &[]),
        ("./models/asr/deep", "deep: 1 file in it stays: Git tracks it\n", &["models/asr/deep/copy.safetensors"]),
        (
            "./models/asr",
            "asr: 2 files in it stay: Git tracks them\n",
            &["models/asr/own.safetensors", "models/asr/deep/copy.safetensors"],
        ),
        ("./out/sub", "sub: 1 file in it stays: Git tracks it\n", &["out/sub/made.json"]),
    ] {
        fill();
        let before = room.tree();
        let ran = clear(named, 1);
        assert!(format!("{}{}", ran.out, ran.err).contains(stays), "{named}: {ran:?}");
        goes.iter().for_each(|path| assert!(!room.exists(path), "{named}: {path}"));
        let own = |name: &str| name.contains("/.cache") || goes.iter().any(|path| name.ends_with(path));
        room.tree().without(own).assert_eq(&before.without(own), named);
    }
    fill();
    clear("./models", 1);
    clear("./out/sub", 1);
    tracked.iter().for_each(|path| assert!(room.exists(path), "{path}"));
    assert!(room.exists(&format!("{hub}/blobs/a")) && !room.exists("models/whole.safetensors"));
    fill();
    room.write(".git/index", "damaged");
    clear("./models", 1).says(&["models: Git does not say what it tracks there, so that nothing of it goes"]);
    assert!(room.exists("models/whole.safetensors") && room.exists("models/asr/own.safetensors"));
}
