//! A project from somebody else that brings its own Python environment: to put a model into it must not start anything in it.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::project::Room;
use crate::support::zoo::Zoo;
use crate::support::{programs, project, zip};

const INFO: &str = "xx_tiny_model-1.2.0.dist-info";
const SITE: &str = ".venv/lib/python3.12/site-packages";

/// A wheel of `xx_tiny_model` 1.2.0 with one file more.
fn wheel(more: &str) -> Vec<u8> {
    zip::wheel("xx_tiny_model", "1.2.0", &[(more, b"more\n")])
}

/// A project with an environment whose every program leaves a trace, and an older version of the model in it.
fn project(zoo: &Zoo, wheel: Vec<u8>) -> Room {
    zoo.github.spacy_model("3.8", "xx_tiny_model", "1.2.0", wheel);
    let room = zoo.project("nlp = { source = \"spacy:xx_tiny_model\", environment = \"main\" }\n");
    room.append("modelstrap.toml", "[environments.main]\npath = \".venv\"\n");
    for program in ["python", "python3", "pip"] {
        let at = room.place(&format!(".venv/bin/{program}"));
        programs::script(&at, &format!("#!/bin/sh\necho ran > {}\n", room.place("trace").display()));
    }
    room.write(&format!("{SITE}/pip/__main__.py"), "");
    room.write(&format!("{SITE}/xx_tiny_model/old.py"), "");
    room.write(&format!("{SITE}/xx_tiny_model/meta.json"), r#"{"lang": "xx", "name": "tiny_model"}"#);
    room.write(&format!("{SITE}/xx_tiny_model-1.1.0.dist-info/RECORD"), "../../../../precious,,\n");
    room.write("precious", "mine");
    room
}

/// Takes a folder with a file or two away.
fn removed(folder: &std::path::Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_dir(folder).unwrap();
}

fn names(room: &Room, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(room.place(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_wheel_is_unpacked_in_the_place_of_an_older_one_and_no_program_of_the_environment_runs() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/data/model.z"));
    for said in [true, false] {
        let ran = room.run(&["models", "download"]).expect(0);
        assert_eq!(ran.err.contains("Installed xx_tiny_model 1.2.0 into main (.venv).\n"), said, "{}", ran.err);
        assert!(!room.exists("trace"));
        assert_eq!(names(&room, SITE), ["pip", "xx_tiny_model", INFO]);
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["__init__.py", "data", "meta.json"]);
        assert_eq!(room.text(&format!("{SITE}/xx_tiny_model/data/model.z")), "more\n");
        assert_eq!(room.text(&format!("{SITE}/{INFO}/INSTALLER")), "modelstrap\n");
        let record = room.text(&format!("{SITE}/{INFO}/RECORD"));
        let listed: Vec<&str> = record.lines().map(|line| line.strip_suffix(",,").unwrap()).collect();
        let files = ["__init__.py", "meta.json", "data/model.z"].map(|file| format!("xx_tiny_model/{file}"));
        let about = ["METADATA", "INSTALLER"].map(|file| format!("{INFO}/{file}"));
        assert_eq!(listed, [&files[0], &files[1], &about[0], &files[2], &about[1]]);
        assert_eq!(room.text("precious"), "mine");
    }
}

#[test]
fn a_wheel_with_anything_but_its_package_changes_nothing() {
    for more in [
        "evil.pth",
        "spacy/__init__.py",
        "xx_tiny_model-1.2.0.data/scripts/x",
        "xx_tiny_model/../../evil.py",
        "/etc/evil",
        "xx_tiny_model/__init__.py",
    ] {
        let zoo = Zoo::start();
        let room = project(&zoo, wheel(more));
        let ran = room.run(&["models", "download"]).expect(1);
        assert!(ran.err.contains("could not be installed into"), "{more}: {}", ran.err);
        assert_eq!(names(&room, SITE), ["pip", "xx_tiny_model", "xx_tiny_model-1.1.0.dist-info"], "{more}");
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["meta.json", "old.py"], "{more}");
    }
}

#[test]
fn packages_do_not_go_where_a_link_in_the_environment_leads() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/a.py"));
    fs::rename(room.place(SITE), room.place("elsewhere")).unwrap();
    symlink("../../../elsewhere", room.place(SITE)).unwrap();
    let ran = room.run(&["models", "download"]);
    assert!(ran.err.contains("does not have one folder of its own for packages"), "{}", ran.err);
    assert_eq!(names(&room, "elsewhere"), ["pip", "xx_tiny_model", "xx_tiny_model-1.1.0.dist-info"]);
    assert_eq!(names(&room, "elsewhere/xx_tiny_model"), ["meta.json", "old.py"]);
}

#[test]
fn a_wheel_without_its_package_leaves_the_old_one_and_counts_as_a_failure() {
    let record = format!("{INFO}/RECORD");
    for wheel in [zip::zip(&[(&record, b"")]), zip::zip(&[("xx_tiny_model/__init__.py", b"")])] {
        let zoo = Zoo::start();
        let room = project(&zoo, wheel);
        let ran = room.run(&["models", "download"]).expect(1);
        assert!(ran.err.contains("nlp is not here: ") && !ran.err.contains("1 model here"), "{}", ran.err);
        assert_eq!(names(&room, SITE), ["pip", "xx_tiny_model", "xx_tiny_model-1.1.0.dist-info"]);
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["meta.json", "old.py"]);
        room.edit("modelstrap.toml", "environment = \"main\"", "environment = \"main\", optional = true");
        room.run(&["models", "download"]).expect(0).says(&["nlp (optional) is not here: "]);
    }
}

#[test]
fn a_wheel_that_is_not_what_its_own_list_says_is_refused() {
    let zoo = Zoo::start();
    let record = format!("{INFO}/RECORD");
    let list = format!("xx_tiny_model/__init__.py,sha256={},2\nxx_tiny_model/meta.json,,\n", "A".repeat(43));
    let meta: (&str, &[u8]) = ("xx_tiny_model/meta.json", br#"{"lang": "xx", "name": "tiny_model"}"#);
    let room = project(&zoo, zip::zip(&[("xx_tiny_model/__init__.py", b"x\n"), meta, (&record, list.as_bytes())]));
    room.run(&["models", "download"]).expect(1).says(&["is not what its list of files says"]);
    assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["meta.json", "old.py"]);
}

#[test]
fn downloads_at_once_install_the_whole_package() {
    let zoo = Zoo::start();
    let many: Vec<String> = (0..600).map(|number| format!("xx_tiny_model/data/{number}")).collect();
    let more: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"more"[..])).collect();
    let room = project(&zoo, zip::wheel("xx_tiny_model", "1.2.0", &more));
    for _ in 0..3 {
        fs::rename(room.place(SITE), room.place(&format!("{SITE}.old"))).unwrap();
        fs::create_dir(room.place(SITE)).unwrap();
        let spawn = |_| {
            let mut command = room.command(&["models", "download"]);
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<_> = (0..4).map(spawn).collect();
        for one in running {
            let ended = one.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert_eq!(names(&room, SITE), ["xx_tiny_model", INFO]);
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model/data")).len(), many.len());
        fs::rename(room.place(SITE), room.path().join("done")).unwrap();
        fs::rename(room.place(&format!("{SITE}.old")), room.place(SITE)).unwrap();
        fs::rename(room.path().join("done"), room.path().join(format!("done-{:?}", std::time::Instant::now())))
            .unwrap();
    }
}

#[test]
fn what_an_earlier_run_left_half_installed_is_installed_again() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/a.py"));
    room.run(&["models", "download"]).expect(0);
    fs::remove_file(room.place(&format!("{SITE}/xx_tiny_model/a.py"))).unwrap();
    room.run(&["models", "download"]).expect(0).says(&["Installed xx_tiny_model 1.2.0"]);
    assert_eq!(room.text(&format!("{SITE}/xx_tiny_model/a.py")), "more\n");
}

/// What a clone brings: a wheel that nobody has published, under the name of one that was.
fn brought(room: &Room) -> String {
    let at = ".cache/wheels/xx_tiny_model-1.2.0-py3-none-any.whl";
    room.write(at, wheel("xx_tiny_model/evil.py"));
    at.to_owned()
}

#[test]
fn a_wheel_that_came_with_the_project_is_fetched_again_before_it_is_installed() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/good.py"));
    room.run(&["models", "lock"]).expect(0);
    let lies = brought(&room);
    for flags in [&["--frozen"][..], &["--locked"], &[]] {
        let offline = [&["--offline", "models", "download"], flags].concat();
        let ran =
            room.run(&offline).expect(1).says(&["nlp is not here: ", "this machine did not fetch it", "pip install"]);
        assert!(!ran.err.contains("1 model here"), "{}", ran.err);
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["meta.json", "old.py"]);
    }
    let before = room.read(&lies);
    room.run(&["models", "download", "--frozen"])
        .expect(0)
        .says(&["so it is fetched again", "Installed xx_tiny_model 1.2.0"]);
    assert_ne!(room.read(&lies), before);
    assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["__init__.py", "good.py", "meta.json"]);

    // What was fetched here is good enough without a network.
    removed(&room.place(&format!("{SITE}/{INFO}")));
    room.run(&["--offline", "models", "download", "--frozen"]).expect(0).says(&["Installed xx_tiny_model 1.2.0"]);

    // Not so in a copy of the project, whatever it says of itself; nor once something else has that name.
    let copy = Room::bare();
    project::copy(room.root(), copy.root());
    for room in [&copy, &room] {
        removed(&room.place(&format!("{SITE}/{INFO}")));
    }
    brought(&room);
    for room in [&copy, &room] {
        room.run(&["--offline", "models", "download", "--frozen"]).expect(1).says(&["this machine did not fetch it"]);
    }
}

#[test]
fn a_wheel_with_the_digest_of_a_strange_lock_is_no_better() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/evil.py"));
    room.run(&["models", "lock"]).expect(0);
    fs::rename(room.place(".venv"), room.place("none")).unwrap();
    room.run(&["models", "download"]).expect(0).says(&["does not exist yet"]);
    assert!(room.text("modelstrap.lock").contains("sha256:"));
    fs::rename(room.place("none"), room.place(".venv")).unwrap();
    // The lock and the wheel come to another machine, and the releases have another wheel.
    let other = Zoo::start();
    let clone = project(&other, wheel("xx_tiny_model/good.py"));
    clone.write("modelstrap.lock", room.read("modelstrap.lock"));
    brought(&clone);
    let ran = clone.run(&["models", "download"]).expect(1);
    assert!(!ran.err.contains("Installed"), "{}", ran.err);
    assert_eq!(names(&clone, &format!("{SITE}/xx_tiny_model")), ["meta.json", "old.py"]);
}

#[test]
fn nothing_is_installed_into_an_environment_outside_the_project() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/a.py"));
    fs::rename(room.place(".venv"), room.path().join("venv")).unwrap();
    symlink("../venv", room.place(".venv")).unwrap();
    for path in [".venv", "../venv"] {
        room.write(
            "modelstrap.toml",
            format!("[models]\nnlp = {{ source = \"spacy:xx_tiny_model\", environment = \"main\" }}\n[environments.main]\npath = \"{path}\"\n"),
        );
        let ran = room.run(&["models", "download"]).expect(1);
        let ran = ran.says(&[
            "lies outside the project",
            "bin/python -m pip install --no-deps @/p/.cache/wheels/xx_tiny_model-1.2.0",
        ]);
        assert!(!ran.err.contains("Installed"), "{}", ran.err);
        let site = SITE.replace(".venv", "../venv");
        assert_eq!(names(&room, &site), ["pip", "xx_tiny_model", "xx_tiny_model-1.1.0.dist-info"]);
    }
    // Once its user has installed it, all is well.
    fs::create_dir(room.place(&format!("{SITE}/{INFO}"))).unwrap();
    removed(&room.place(&format!("{SITE}/xx_tiny_model-1.1.0.dist-info")));
    room.run(&["models", "download"]).expect(0);
}

#[test]
fn a_package_that_is_no_model_is_neither_replaced_nor_put_there() {
    let zoo = Zoo::start();
    let room = project(&zoo, wheel("xx_tiny_model/a.py"));
    fs::remove_file(room.place(&format!("{SITE}/xx_tiny_model/meta.json"))).unwrap();
    room.run(&["models", "download"]).expect(1).says(&["which is no model of spaCy"]);
    assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["old.py"]);

    for name in ["sitecustomize", "usercustomize", "json"] {
        room.write(
            "modelstrap.toml",
            format!("[models]\nx = {{ source = \"spacy:{name}@1.0.0\", environment = \"main\" }}\n[environments.main]\npath = \".venv\"\n"),
        );
        room.write(&format!(".cache/wheels/{name}-1.0.0-py3-none-any.whl"), wheel("xx_tiny_model/a.py"));
        for arguments in [["models", "lock"], ["models", "download"]] {
            let ran = room.run(&arguments);
            assert_ne!(ran.code, 0, "{name}");
            ran.says(&["does not begin with a language"]);
        }
    }
}
