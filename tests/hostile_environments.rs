//! A project from somebody else that brings its own Python environment: to put a model into it must not start anything in it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zip.rs"]
mod zip;
#[path = "support/zoo.rs"]
mod zoo;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use support::project::Room;
use zip::zip;
use zoo::Zoo;

const INFO: &str = "xx_tiny_model-1.2.0.dist-info";
const SITE: &str = ".venv/lib/python3.12/site-packages";

/// A wheel of `xx_tiny_model` 1.2.0 with one file more.
fn wheel(more: &str) -> Vec<u8> {
    let name = |file: &str| format!("{INFO}/{file}");
    zip(&[
        ("xx_tiny_model/__init__.py", b"x = 1\n"),
        (more, b"more\n"),
        (&name("METADATA"), b"Metadata-Version: 2.1\n"),
        (&name("RECORD"), b"xx_tiny_model/__init__.py,,\n"),
    ])
}

/// A project with an environment whose every program leaves a trace, and an older version of the model in it.
fn project(zoo: &Zoo, wheel: Vec<u8>) -> Room {
    zoo.github.spacy_model("3.8", "xx_tiny_model", "1.2.0", wheel);
    let room = zoo.project("nlp = { source = \"spacy:xx_tiny_model\", environment = \"main\" }\n");
    room.append("modelstrap.toml", "[environments.main]\npath = \".venv\"\n");
    for program in ["python", "python3", "pip"] {
        let at = format!(".venv/bin/{program}");
        room.write(&at, format!("#!/bin/sh\necho ran > {}\n", room.place("trace").display()));
        fs::set_permissions(room.place(&at), fs::Permissions::from_mode(0o755)).unwrap();
    }
    room.write(&format!("{SITE}/pip/__main__.py"), "");
    room.write(&format!("{SITE}/xx_tiny_model/old.py"), "");
    room.write(&format!("{SITE}/xx_tiny_model-1.1.0.dist-info/RECORD"), "../../../../precious,,\n");
    room.write("precious", "mine");
    room
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
    for _ in 0..2 {
        room.run(&["models", "download"]).expect(0);
        assert!(!room.exists("trace"));
        assert_eq!(names(&room, SITE), ["pip", "xx_tiny_model", INFO]);
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["__init__.py", "data"]);
        assert_eq!(room.text(&format!("{SITE}/xx_tiny_model/data/model.z")), "more\n");
        assert_eq!(room.text(&format!("{SITE}/{INFO}/INSTALLER")), "modelstrap\n");
        let record = format!("xx_tiny_model/__init__.py,,\n{INFO}/INSTALLER,,\n");
        assert_eq!(room.text(&format!("{SITE}/{INFO}/RECORD")), record);
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
        let ran = room.run(&["models", "download"]);
        assert!(ran.err.contains("could not be installed into"), "{more}: {}", ran.err);
        assert_eq!(names(&room, SITE), ["pip", "xx_tiny_model", "xx_tiny_model-1.1.0.dist-info"], "{more}");
        assert_eq!(names(&room, &format!("{SITE}/xx_tiny_model")), ["old.py"], "{more}");
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
    assert_eq!(names(&room, "elsewhere/xx_tiny_model"), ["old.py"]);
}
