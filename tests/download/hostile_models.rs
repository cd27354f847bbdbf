//! A project from somebody else, with links in its cache folder and a lock of its own making: a download must not write,
//! cut or delete anything outside the cache.
#![cfg(unix)]

use std::os::unix::fs::symlink;

use crate::support::download::{ID, Yard};
use crate::support::hub::{Content, Hub, StaticOrigin, mirrors};

/// What must never be touched.
const PRECIOUS: &str = "[core]\n\tbare = false\n";

/// A project that wants the file `config` from somebody's server, and the server.
fn from_a_server() -> (Yard, StaticOrigin, String) {
    let hub = Hub::start();
    let server = hub.further_origin("https://files.example.org");
    let content = Content::from("[core]\n\tfsmonitor = evil\n".to_owned());
    let url = server.file("/config", content.clone());
    let mut yard = Yard::at(hub, &format!("x = \"url:{url}#sha256={}\"", content.sha256()));
    yard.room = yard.room.with("MODELSTRAP_MIRRORS", &mirrors(&[&server]));
    yard.write(".git/config", PRECIOUS);
    (yard, server, url)
}

fn digits(url: &str) -> String {
    Content::from(url.to_owned()).sha256()[..16].to_owned()
}

#[test]
fn a_link_in_the_cache_leads_no_file_out_of_it() {
    let (yard, _server, url) = from_a_server();
    yard.modelstrap(&["models", "lock"]).expect(0);
    yard.room.link(&format!(".cache/files/{}", digits(&url)), "../../.git");
    let ran = yard.download(&[]).expect(1);
    assert_eq!(yard.text(".git/config"), PRECIOUS);
    assert!(ran.err.contains("is a link that leads out of the cache"), "{}", ran.err);
    assert_eq!(yard.unfinished(), Vec::<String>::new());
}

#[test]
fn a_link_in_place_of_unfinished_bytes_is_not_written_through() {
    let (yard, server, url) = from_a_server();
    yard.modelstrap(&["models", "lock"]).expect(0);
    let lock = yard.text("modelstrap.lock");
    let digest = lock.rsplit("sha256:").next().unwrap()[..64].to_owned();
    let partials = ".cache/files/.modelstrap/partials";
    for kind in ["part", "state", "state-new"] {
        yard.room.link(&format!("{partials}/{digest}.{kind}"), "../../../../planted");
    }
    let _cut = server.on("/config").once().cuts_at(5);
    yard.download(&[]).expect(0);
    assert!(!yard.exists("planted"));
    let placed = yard.place(&format!(".cache/files/{}/config", digits(&url)));
    assert!(placed.symlink_metadata().unwrap().is_file());
}

#[test]
fn the_state_of_a_large_file_is_not_written_through_a_link() {
    let weights = Content::pattern(1, 80 << 20);
    let yard = Yard::tiny(&weights);
    yard.write(".git/config", PRECIOUS);
    let partials = ".cache/huggingface/hub/models--org--tiny/.modelstrap/partials";
    for kind in ["part", "state", "state-new"] {
        let at = format!("{partials}/{}.{kind}", weights.sha256());
        yard.room.link(&at, "../../../../../../.git/config");
    }
    yard.download(&[]).expect(0);
    assert_eq!(yard.read(".git/config"), PRECIOUS.as_bytes());
    yard.assert_whole(ID);
}

#[test]
fn a_link_among_the_folders_of_a_repository_leads_nothing_out_of_the_cache() {
    let repository = ".cache/huggingface/hub/models--org--tiny";
    let out = "../../../../out";
    for at in ["", "/blobs", "/snapshots", "/refs", "/trees", "/.no_exist", "/.modelstrap"] {
        let yard = Yard::tiny(&Content::pattern(1, 5000));
        yard.write("out/config.json", PRECIOUS);
        let up = if at.is_empty() { "../../../out" } else { out };
        yard.room.link(&format!("{repository}{at}"), up);
        let ran = yard.download(&[]).expect(1);
        assert!(ran.err.contains("is a link that leads out of the cache"), "{at}: {}", ran.err);
        let left: Vec<_> =
            std::fs::read_dir(yard.place("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["config.json"], "{at}");
        assert_eq!(yard.text("out/config.json"), PRECIOUS, "{at}");
    }
}

#[test]
fn removing_a_model_deletes_nothing_that_a_link_leads_to() {
    let (yard, _server, url) = from_a_server();
    yard.download(&[]).expect(0);
    let folder = format!(".cache/files/{}", digits(&url));
    std::fs::remove_file(yard.place(&format!("{folder}/config"))).unwrap();
    std::fs::remove_dir(yard.place(&folder)).unwrap();
    yard.room.link(&folder, "../../.git");
    yard.modelstrap(&["models", "verify", "--fix"]).expect(1);
    assert_eq!(yard.text(".git/config"), PRECIOUS);
    yard.modelstrap(&["models", "remove", "x", "--purge", "--yes"]);
    assert_eq!(yard.text(".git/config"), PRECIOUS);
}

#[test]
fn a_repository_whose_contents_are_a_link_is_not_emptied_through_it() {
    let yard = Yard::tiny(&Content::pattern(1, 5000));
    yard.download(&[]).expect(0);
    let blobs = ".cache/huggingface/hub/models--org--tiny/blobs";
    std::fs::rename(yard.place(blobs), yard.place("out")).unwrap();
    yard.room.link(blobs, "../../../../out");
    yard.modelstrap(&["models", "remove", "tiny", "--purge", "--yes"]);
    assert_eq!(std::fs::read_dir(yard.place("out")).unwrap().count(), 2);
}

/// The lock with its last line, `from` replaced by `to`.
fn edited(yard: &Yard, from: &str, to: &str) {
    yard.edit("modelstrap.lock", from, to);
}

#[test]
fn repairing_one_file_leaves_the_file_of_the_same_name_in_another_part() {
    let yard = Yard::new("one = \"hf:org/one\"\ntwo = \"hf:org/two\"");
    yard.hub.model("org/one").file("config.json", "{\"one\":1}").commit();
    yard.hub.model("org/two").file("config.json", "{\"two\":2}").commit();
    yard.modelstrap(&["models", "lock"]).expect(0);
    // One model of two parts, as a pipeline has them.
    let lock = yard.text("modelstrap.lock");
    let (first, second) = lock.split_once("[[model]]\nname = \"two\"").unwrap();
    let (_, part) = second.split_once("[[model.part]]").unwrap();
    yard.write("modelstrap.toml", "[models]\none = \"hf:org/one\"\n");
    yard.write("modelstrap.lock", format!("{first}[[model.part]]{part}"));
    yard.download(&["--frozen"]).expect(0);
    let blob = |id: &str| {
        let folder = yard.folder(id).join("blobs");
        std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
    };
    std::fs::write(blob("org/one"), "{\"one\":7}").unwrap();
    yard.hub.forget();
    yard.modelstrap(&["models", "verify", "--fix"]).expect(0);
    let asked: Vec<String> = yard.hub.requests().iter().map(|seen| seen.path.clone()).collect();
    assert!(!asked.is_empty() && asked.iter().all(|path| path.contains("/org/one/")), "{asked:?}");
}

#[test]
fn purging_one_file_does_not_wait_for_another_in_the_same_folder() {
    let hub = Hub::start();
    let server = hub.further_origin("https://files.example.org");
    let (one, two) =
        (server.file("/one.bin", Content::pattern(1, 500)), server.file("/two.bin", Content::pattern(2, 500)));
    let mut yard = Yard::at(hub, &format!("one = \"url:{one}\"\ntwo = \"url:{two}\""));
    yard.room = yard.room.with("MODELSTRAP_MIRRORS", &mirrors(&[&server]));
    yard.download(&[]).expect(0);
    yard.modelstrap(&["models", "remove", "one", "--purge", "--yes", "--now"]).expect(0).says(&[" kB freed"]);
    assert!(!yard.exists(&format!(".cache/files/{}/one.bin", digits(&one))));
    assert!(yard.exists(&format!(".cache/files/{}/two.bin", digits(&two))));
}

#[test]
fn sizes_that_no_disk_has_are_no_panic() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).file("a", "1").file("b", "2").file("c", "3").commit();
    yard.modelstrap(&["models", "lock"]).expect(0);
    for _ in 0..3 {
        edited(&yard, "size = 1,", &format!("size = {},", i64::MAX));
    }
    for verb in [
        &["models", "list"][..],
        &["models", "download", "--frozen"],
        &["models", "export", "--format", "cyclonedx"],
        &["models", "verify"],
        &["models", "lock"],
        &["models", "download", "--frozen", "--dry-run"],
    ] {
        let ran = yard.modelstrap(verb);
        assert!(!ran.err.contains("panicked"), "{verb:?}: {}", ran.err);
    }
}

#[test]
fn a_lock_brings_nothing_from_elsewhere_into_a_folder_of_a_library() {
    let (yard, _server, url) = from_a_server();
    yard.modelstrap(&["models", "lock"]).expect(0);
    for home in ["whisper", "torch-checkpoints", "torchaudio-assets"] {
        let before = yard.text("modelstrap.lock");
        edited(&yard, "home = \"files\"", &format!("home = \"{home}\""));
        let ran = yard.download(&["--frozen"]).expect(1);
        assert!(ran.err.contains("modelstrap.lock:"), "{home}: {}", ran.err);
        assert!(ran.err.contains("does not come from"), "{home}: {}", ran.err);
        yard.write("modelstrap.lock", before);
    }
    edited(&yard, "place = \"files\"\nhome = \"files\"", "place = \"wheel\"");
    yard.download(&["--frozen"]).expect(1).says(&["does not come from"]);
    assert!(!yard.exists(".cache"));
    drop(url);
}

#[test]
fn a_lock_that_is_a_link_is_not_written_outside_the_project() {
    for name in ["modelstrap.lock", ".modelstrap", ".modelstrap/unseen"] {
        let yard = Yard::tiny(&Content::pattern(1, 5000));
        yard.room.link(name, "../../h/.bash_aliases");
        if name == "modelstrap.lock" {
            std::fs::remove_file(yard.place(name)).unwrap();
            symlink("../h/.bash_aliases", yard.place(name)).unwrap();
        }
        let ran = yard.modelstrap(&["models", "lock"]).expect(1);
        assert!(!yard.exists("~/.bash_aliases"), "{name}");
        assert!(ran.err.contains("leads out of the project"), "{name}: {}", ran.err);
    }
}

#[test]
fn a_first_download_locks_the_alternatives_of_other_machines_too() {
    let yard = Yard::new("");
    yard.write(
        "modelstrap.toml",
        "[models.x]\nsource = \"hf:org/tiny\"\n[[models.x.alternatives]]\nwhen = \"apple\"\nsource = \"hf:org/other\"\n",
    );
    yard.hub.model(ID).file("config.json", "{}").commit();
    yard.hub.model("org/other").file("config.json", "{}").commit();
    yard.download(&[]).expect(0);
    let downloaded = yard.text("modelstrap.lock");
    yard.modelstrap(&["models", "lock"]).expect(0);
    assert_eq!(yard.text("modelstrap.lock"), downloaded);
}

#[test]
fn a_repair_as_json_is_one_document_a_line() {
    let yard = Yard::tiny(&Content::pattern(1, 5000));
    yard.download(&[]).expect(0);
    let blob = std::fs::read_dir(yard.folder(ID).join("blobs")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(blob, "x").unwrap();
    let ran = yard.modelstrap(&["--json", "models", "verify", "--fix"]).expect(0);
    let lines = ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let schemas: Vec<String> = lines.map(|line| line["schema"].as_str().unwrap().to_owned()).collect();
    assert_eq!((schemas[0].as_str(), schemas[1].as_str()), ("modelstrap.verify/1", "modelstrap.events/1"));
}
