//! What `modelstrap clear` refuses: folders that are no caches, links, what cannot be read.
#![cfg(unix)]

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use crate::support::lived::{HUB, MAIN, lived_in, outside, repository};
use crate::support::project;
use crate::support::project::Room;

const ASR: &str = ".cache/huggingface/hub/models--org--asr";

#[test]
fn a_base_dir_that_is_no_cache_is_refused_and_nothing_changes() {
    for (base, why) in [
        ("/", "is the root of the disk"),
        ("~/", "holds the project"),
        (".", "is the project itself"),
        ("..", "leads upwards"),
        ("@/h", "is the home folder"),
    ] {
        let room = lived_in();
        let base = base.replace('@', room.path().to_str().unwrap());
        let room = if base == "~/" { room.at("h/p") } else { room };
        room.write("modelstrap.toml", format!("[cache]\nbase_dir = \"{base}\"\n"));
        let before = room.tree();
        for what in ["models", "all", "app", "large-v3.pt"] {
            let ran = room.run(&["clear", what, "--yes", "--now", "--force"]).expect(1);
            assert!(ran.err.contains(why), "{base}: {}", ran.err);
        }
        room.run(&["prune", "--yes", "--now", "--grace", "0"]).expect(1);
        room.tree().assert_eq(&before, &base);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_mounted_disk_with_other_things_on_it_is_no_cache_and_one_that_holds_only_the_cache_is() {
    if !project::may_mount() {
        return;
    }
    let room = Room::bare();
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"disk\"\n");
    fs::create_dir(room.place("disk")).unwrap();
    let run = |other: &str| {
        let script = format!(
            "mount -t tmpfs -o size=4m none disk && mkdir -p disk/whisper {other} && head -c 1200000 /dev/zero > disk/whisper/base.pt && \
             {} clear models --yes --now; echo $?; ls disk/*",
            project::PROGRAM
        );
        let mut command = room.program("unshare");
        room.ran(command.args(["-m", "--propagation", "private", "sh", "-c", &script]))
    };
    let ran = run("disk/photos");
    assert!(ran.out.contains("1\ndisk/photos:\n\ndisk/whisper:\nbase.pt\n"), "{ran:?}");
    assert!(
        ran.err.contains("is where a disk is mounted, and other things lie there: photos; nothing is deleted in it"),
        "{ran:?}"
    );
    let ran = run("");
    assert!(ran.out.ends_with("1.20 MB freed.\n0\n"), "{ran:?}");
}

#[test]
fn a_shared_folder_as_cache_root_loses_only_what_libraries_keep() {
    let room = lived_in();
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"~/.cache\"\n");
    room.write("~/.cache/mozilla/profile", vec![7; 1_500_000]);
    room.write("~/.cache/pip/http/a", vec![7; 1_500_000]);
    room.run(&["clear", "all", "--yes", "--now"]).expect(0);
    assert!(!room.exists("~/.cache/whisper/base.pt"));
    assert!(room.exists("~/.cache/mozilla/profile") && room.exists("~/.cache/pip/http/a"));
}

#[test]
fn an_application_cache_that_is_the_project_or_holds_it_is_refused() {
    for path in [".", "..", "/", "../p"] {
        let room = lived_in();
        room.write("modelstrap.toml", format!("[application_caches]\nall = \"{path}\"\n"));
        let before = room.tree();
        for what in ["app", "all"] {
            let ran = room.run(&["clear", what, "--yes", "--now"]);
            assert!([1, 2].contains(&ran.code), "{path}: {ran:?}");
        }
        room.tree().assert_eq(&before, path);
    }
}

#[test]
fn links_are_removed_and_never_followed() {
    let room = lived_in();
    room.write("~/precious/weights.bin", vec![7; 1_100_000]);
    let precious = room.place("~/precious");
    symlink(&precious, room.place(".cache/whisper/linked")).unwrap();
    symlink(precious.join("weights.bin"), room.place(".cache/whisper/linked.pt")).unwrap();
    fs::create_dir_all(room.place(".cache/torch/hub/repo")).unwrap();
    room.write(".cache/torch/hub/repo/hubconf.py", "x");
    symlink(&precious, room.place(".cache/torch/hub/repo/data")).unwrap();
    let before = outside(&room);
    room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(!room.exists(".cache/torch/hub/repo") && !room.exists(".cache/whisper/linked.pt"));
    outside(&room).assert_eq(&before, "links out");
}

#[test]
fn odd_names_are_shown_escaped_and_removed_like_others() {
    let room = lived_in();
    let odd = std::ffi::OsStr::from_bytes(b"evil\x1b[2J\n\xff.pt");
    fs::write(room.place(".cache/whisper").join(odd), vec![7; 1_100_000]).unwrap();
    let ran = room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]).expect(0);
    assert!(ran.out.contains("$'evil\\x1b[2J\\n\\xff.pt'") && !ran.out.contains('\u{1b}'), "{}", ran.out);
    assert!(!room.place(".cache/whisper").join(odd).exists());
}

#[test]
fn a_folder_that_cannot_be_read_is_named_and_its_repository_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = lived_in();
    repository(&room, "org/other", &[(MAIN, &[("x", 100)])]);
    let shut = room.place(&format!("{ASR}/snapshots/{MAIN}"));
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&shut).is_ok() {
        eprintln!("skipped: root may read every folder");
        return;
    }
    let ran = room.run(&["clear", "models", "--yes", "--now", "--grace", "0"]);
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("org/asr: ") && ran.out.contains("could not be read"), "{}", ran.out);
    assert!(room.exists(&format!("{ASR}/blobs/new")) && !room.exists(&format!("{HUB}/models--org--other")));
}

#[test]
fn what_is_ollamas_is_left_to_ollama_however_it_is_named() {
    let room = Room::bare();
    room.setup(&[]);
    let digest = |digit: &str| digit.repeat(64);
    for store in ["~/.ollama/models", ".cache/ollama"] {
        room.write(&format!("{store}/blobs/sha256-{}", digest("1")), vec![1; 3_000_000]);
        let layer = format!(r#"{{"layers":[{{"digest":"sha256:{}","size":1}}]}}"#, digest("1"));
        room.write(&format!("{store}/manifests/registry.ollama.ai/library/llama3/8b"), layer);
    }
    let before = room.tree();
    let outside = room.place("~/.ollama/models");
    let manifest = outside.join("manifests/registry.ollama.ai/library/llama3/8b");
    for word in [outside.to_str().unwrap(), manifest.to_str().unwrap(), ".cache/ollama", "./.cache/ollama/blobs"] {
        let ran = room.run(&["clear", word, "--yes"]).expect(2);
        assert!(
            ran.err.contains("is Ollama's, whose models share their layers: `ollama list` names"),
            "{word}: {}",
            ran.err
        );
    }
    let ran = room.run(&["clear", "llama3:8b", "--yes"]).expect(2);
    assert!(ran.err.contains("`ollama rm llama3:8b` removes it"), "{}", ran.err);
    room.tree()
        .without(|name| name.contains("/.modelstrap"))
        .assert_eq(&before.without(|name| name.contains("/.modelstrap")), "a refusal");
}

#[test]
fn another_project_in_a_folder_that_is_named_stays_with_its_cache() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[legacy]\npaths = [\"ext\"]\n");
    room.setup(&[]);
    for (project, mark) in [("with-manifest", "modelstrap.toml"), ("with-cache", ".cache/.modelstrap/projects/a.json")]
    {
        room.write(&format!("ext/{project}/{mark}"), "{}");
        room.write(&format!("ext/{project}/.cache/whisper/large-v3.pt"), vec![7; 1_000_000]);
    }
    let before = room.tree().without(|name| name.starts_with("p/.cache") || name.starts_with("p/.modelstrap"));
    for word in ["ext", "ext/with-manifest", "ext/with-cache", "./ext/with-cache/.cache"] {
        let ran = room.run(&["clear", word, "--yes", "--now", "--grace", "0"]);
        assert_ne!(ran.code, 0, "{word}: {}{}", ran.out, ran.err);
        let after = room.tree().without(|name| name.starts_with("p/.cache") || name.starts_with("p/.modelstrap"));
        after.assert_eq(&before, word);
    }
}

#[test]
fn nothing_goes_where_a_variable_of_the_shell_leads() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    let data = room.place("data").to_str().unwrap().to_owned();
    let room = room.with("HF_HOME", &data);
    room.setup(&[]);
    repository(&room, "org/asr", &[(MAIN, &[("a", 500)])]);
    fs::create_dir_all(room.place("data")).unwrap();
    fs::rename(room.place(HUB), room.place("data/hub")).unwrap();
    let before = room.tree().without(|name| name.starts_with("p/.cache") || name.starts_with("p/.modelstrap"));
    for word in ["data", "data/hub", "data/hub/models--org--asr/blobs", "data/hub/models--org--asr/refs"] {
        let ran = room.run(&["clear", word, "--yes", "--now", "--grace", "0"]);
        let is_whole = room.exists("data/hub/models--org--asr/blobs/a");
        let is_gone = !room.exists("data/hub/models--org--asr");
        assert!(is_whole || is_gone, "{word}: a repository goes whole or not at all: {}{}", ran.out, ran.err);
        if is_whole {
            let after = room.tree().without(|name| name.starts_with("p/.cache") || name.starts_with("p/.modelstrap"));
            after.assert_eq(&before, word);
        }
    }
}
