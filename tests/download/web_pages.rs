//! A `url:` without a digest is trusted on first use: a page to log in with, answered with 200, must not become the model.
#![cfg(unix)]

use crate::support::hub::Content;
use crate::support::zoo::Zoo;

const PAGE: &str = "\n<!DOCTYPE HTML><title>Log in</title><form>";

#[test]
fn a_page_in_the_place_of_a_file_is_an_error_that_names_the_way_out() {
    for kind in ["text/html; charset=utf-8", "application/octet-stream"] {
        let zoo = Zoo::start();
        let url = zoo.files.file("/model.bin", PAGE);
        zoo.files.on("/model.bin").sets("Content-Type", kind);
        let room = zoo.project(&format!("x = \"url:{url}\"\n"));
        for _ in 0..2 {
            let ran = room.run(&["models", "download"]).expect(1);
            assert!(ran.err.contains("a web page came in the place of the file"), "{kind}: {}", ran.err);
            assert!(ran.err.contains("#sha256="), "{kind}: {}", ran.err);
            assert!(!room.text("modelstrap.lock").contains("digest ="), "{kind}");
            let placed = format!(".cache/files/{}/model.bin", &Content::from(url.clone()).sha256()[..16]);
            assert!(!room.exists(&placed), "{kind}");
        }
    }
}

#[test]
fn a_body_that_is_no_page_but_is_said_to_be_one_is_refused_too() {
    let zoo = Zoo::start();
    zoo.files.on("/weights.bin").sets("Content-Type", "text/html");
    let room = zoo.project("x = \"url:https://files.example.org/weights.bin\"\n");
    room.run(&["models", "download"]).expect(1).says(&["a web page came in the place of the file"]);
}

#[test]
fn a_page_that_is_meant_comes() {
    let zoo = Zoo::start();
    let url = zoo.files.file("/model.bin", PAGE);
    zoo.files.on("/*").sets("Content-Type", "text/html");
    let room = zoo.project(&format!("x = \"url:{url}#sha256={}\"\n", Content::from(PAGE).sha256()));
    room.run(&["models", "download"]).expect(0);
    for name in ["card.html", "card.HTM"] {
        let url = zoo.files.file(&format!("/{name}"), PAGE);
        let room = zoo.project(&format!("x = \"url:{url}\"\n"));
        room.run(&["models", "download"]).expect(0);
    }
}
