//! Listings, locks and repositories that are not as they should be: what a download says of each, and what it leaves.
#![cfg(unix)]

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::download::{ID, Yard};
use crate::support::hub::{Content, HOSTILE, Hub};
use crate::support::{download, hub};

/// A second model, which comes whatever is wrong with the first.
const OTHER: &str = "org/other";

/// A project with a model that is put right by the test, and another one without fault.
fn two() -> Yard {
    let yard = Yard::new("tiny = \"hf:org/tiny\"\nother = \"hf:org/other\"");
    yard.hub.model(OTHER).file("config.json", "{ }").lfs("model.safetensors", Content::pattern(5, 5000)).commit();
    yard
}

/// Fails unless `other` came, `tiny` did not, and the reason holds `words`.
#[track_caller]
fn only_the_other_came(yard: &Yard, flags: &[&str], words: &[&str]) {
    let ran = yard.download(flags).expect(1).says(words).says(&["tiny is not here"]);
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    yard.assert_nothing_of(ID);
    yard.assert_whole(OTHER);
}

#[test]
fn a_hostile_name_is_refused_before_anything_is_written() {
    let long = format!("{}x", "a/".repeat(2000));
    let wide = "x".repeat(4000);
    for name in HOSTILE.into_iter().chain([long.as_str(), wide.as_str(), ".", "a/../b", "a//b", "./a", "a/"]) {
        let yard = two();
        yard.hub.model(ID).file("config.json", "{}").also(name, "escaped").commit();
        let before: BTreeSet<_> = outside(&yard);
        only_the_other_came(&yard, &[], &["org/tiny names the file", "refused", "nothing was written"]);
        assert_eq!(outside(&yard), before, "{name:?}");
        assert!(!std::path::Path::new("/etc/escaped").exists());
        assert!(!yard.exists(".cache/huggingface/hub/models--org--tiny"), "{name:?}");
    }
}

/// Everything in the room but the cache, the lock and the tool's own folder.
fn outside(yard: &Yard) -> BTreeSet<String> {
    let all = hub::tree(yard.path()).into_keys();
    all.filter(|path| {
        !path.starts_with("p/.cache/") && !path.starts_with("p/.modelstrap/") && path != "p/modelstrap.lock"
    })
    .collect()
}

#[test]
fn a_lock_with_a_hostile_name_is_refused_too() {
    for name in ["../escaped", "/etc/escaped", "C:\\\\escaped", "a/../../escaped", "\\u0000"] {
        let yard = Yard::tiny(&Content::pattern(1, 5000));
        yard.modelstrap(&["models", "lock"]).expect(0);
        yard.edit("modelstrap.lock", "\"config.json\"", &format!("\"{name}\""));
        yard.hub.forget();
        let ran = yard.download(&["--frozen"]).expect(1);
        assert!(ran.err.starts_with("error: @/p/modelstrap.lock"), "{}", ran.err);
        assert_eq!(yard.hub.connections(), 0);
        assert!(!yard.exists(".cache"), "{name}");
    }
}

#[test]
fn names_that_differ_only_by_letter_case_are_told_and_both_come() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).file("Config.json", "{\"a\":1}").file("config.json", "{}").commit();
    let ran = yard.download(&[]).expect(0);
    assert!(ran.err.contains("Config.json, config.json are one file on disks that ignore letter case"), "{}", ran.err);
    yard.assert_whole(ID);
}

#[test]
fn a_path_that_is_listed_twice_comes_once_and_with_other_content_not_at_all() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).file("config.json", "{}").also("config.json", "{}").commit();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    let yard = two();
    yard.hub.model(ID).file("config.json", "{}").also("config.json", "{\"a\":1}").commit();
    only_the_other_came(&yard, &[], &["names the file \"config.json\"", "listed twice, with different content"]);
    let yard = two();
    yard.hub.model(ID).file("a", "{}").also("a/b", "{\"a\":1}").commit();
    only_the_other_came(&yard, &[], &["lies in a folder that is listed as a file"]);
}

#[test]
fn twenty_thousand_files_come_in_little_memory() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).files(20_000, |n| (format!("part-{}/file-{n}.txt", n % 50), format!("{n}"))).commit();
    let mut most = 0;
    let mut command = yard.command(&["models", "download"]);
    let running = yard.start(&mut command);
    let ran = running.watched(Duration::from_secs(180), |id| most = most.max(resident(id)));
    ran.expect(0);
    println!("download: {most} kB");
    assert!(most > 1000 && most < MEMORY, "{most} kB");
    yard.assert_whole(ID);
    // A file in Git is one question and its redirect.
    assert!(yard.hub.requests().len() <= 40_000 + 25, "{}", yard.hub.requests().len());
    yard.hub.forget();
    let mut most = 0;
    let frozen = yard.start(&mut yard.command(&["models", "download", "--frozen"]));
    frozen.watched(Duration::from_secs(60), |id| most = most.max(resident(id))).expect(0);
    println!("frozen: {most} kB");
    assert!(most > 1000 && most < MEMORY, "{most} kB");
    assert_eq!(yard.hub.connections(), 0);
}

/// Measured: 26,600 kB in a release build before projects registered in their cache, with a copy of the lock; 54,800 kB in a debug
/// build since, where the program alone takes 14,500 kB of it, and the frames on the stacks of its threads are several times as
/// large. The bar is 40,000 kB.
const MEMORY: u64 = if cfg!(debug_assertions) { 58_000 } else { 40_000 };

/// The most memory that the process `id` has had, in kB; 0 after its end.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

#[test]
fn a_huge_document_of_json_is_cut_off_with_little_memory() {
    for glob in ["/api/models/org/tiny/revision/*", "/api/models/org/tiny/tree/*"] {
        let yard = two();
        yard.hub.model(ID).file("config.json", "{}").commit();
        yard.hub.on(glob).sends_json_of(2 << 30);
        let mut most = 0;
        let running = yard.start(&mut yard.command(&["models", "download"]));
        let ran = running.watched(download::PATIENCE, |id| most = most.max(resident(id)));
        ran.expect(1).says(&["tiny is not here", "/api/models/org/tiny/", "MB"]);
        assert!(most < 80_000, "{most} kB");
        yard.assert_nothing_of(ID);
        yard.assert_whole(OTHER);
    }
}

#[test]
fn pages_of_a_listing_are_followed_at_the_endpoint_only_and_never_in_a_circle() {
    let listing = |hub: &Hub| {
        hub.page_size(10);
        hub.model(ID).files(25, |n| (format!("{n}"), format!("{n}"))).commit();
    };
    let yard = two();
    listing(&yard.hub);
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    assert_eq!(yard.hub.requests_to("GET", "/api/models/org/tiny/tree/*").len(), 3);

    let yard = two();
    listing(&yard.hub);
    let trap = yard.hub.further_origin("https://trap.example");
    yard.hub.next_page_at(trap.url());
    only_the_other_came(&yard, &[], &["the listing goes on at another server (127.0.0.1), which is not followed"]);
    assert!(yard.hub.requests().iter().all(|seen| &*seen.origin != "trap.example"));

    let yard = two();
    listing(&yard.hub);
    let link = format!("<{}/api/models/org/tiny/tree/main?cursor=1>; rel=\"next\"", yard.hub.url());
    yard.hub.on("/api/models/org/tiny/tree/*").leaves_out("Link");
    yard.hub.on("/api/models/org/tiny/tree/*").sets("Link", &link);
    only_the_other_came(&yard, &[], &["the pages of the listing go round in a circle"]);
}

#[test]
fn masked_hashes_of_another_store_do_not_matter() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).lfs("model.safetensors", Content::pattern(2, 5000)).with_masked_xet().commit();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
}

#[test]
fn a_repository_that_was_deleted_renamed_or_hidden_after_locking() {
    type Change = fn(&Hub);
    let gone: [(&str, Change); 2] = [("deleted", |hub| hub.delete(ID)), ("made private", |hub| hub.make_private(ID))];
    for (what, change) in gone {
        let yard = two();
        yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", Content::pattern(2, 5000)).commit();
        yard.modelstrap(&["models", "lock"]).expect(0);
        change(&yard.hub);
        let ran = yard.download(&["--locked"]).expect(1).says(&["tiny is not here", "org/tiny"]);
        println!("{what}: {}", ran.err);
        assert!(ran.err.contains("or it is private (then set HF_TOKEN)"), "{what}: {}", ran.err);
        yard.assert_nothing_of(ID);
        yard.assert_whole(OTHER);
        let lock = yard.text("modelstrap.lock");
        assert!(lock.contains("org/tiny"), "the lock still has it");
    }
    let yard = two();
    yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", Content::pattern(2, 5000)).commit();
    yard.modelstrap(&["models", "lock"]).expect(0);
    yard.hub.rename(ID, "org/new-name");
    yard.download(&["--frozen"]).expect(0);
    assert_eq!(yard.shared(ID).len(), 5, "{:?}", yard.shared(ID));
}

#[test]
fn a_gated_model_names_its_page_and_the_others_still_come() {
    for token in [None, Some("hf_somebodyelse")] {
        let mut yard = two();
        yard.hub.model(ID).file("config.json", "{}").gated().readable_with("hf_reader").commit();
        if let Some(token) = token {
            yard.hub.user(token, "somebody");
            yard.room = yard.room.with("HF_TOKEN", token);
        }
        let page = format!("{}/org/tiny", yard.hub.url());
        only_the_other_came(&yard, &[], &["org/tiny is gated", &page]);
        yard.room = yard.room.with("HF_TOKEN", "hf_reader");
        yard.download(&[]).expect(0);
        yard.assert_whole(ID);
    }
}

#[test]
fn an_optional_model_that_does_not_come_is_told_and_is_no_failure() {
    let yard = Yard::new("tiny = { source = \"hf:org/tiny\", optional = true }\nother = \"hf:org/other\"");
    yard.hub.model(OTHER).file("config.json", "{ }").commit();
    let ran = yard.download(&[]).expect(0);
    assert!(ran.err.contains("warning: tiny (optional) is not here"), "{}", ran.err);
    yard.assert_whole(OTHER);
}

#[test]
fn a_lock_that_cannot_be_used_is_told_with_its_line_and_nothing_is_fetched() {
    let locked = || {
        let yard = Yard::tiny(&Content::pattern(1, 5000));
        yard.modelstrap(&["models", "lock"]).expect(0);
        yard.hub.forget();
        yard
    };
    let text = locked().text("modelstrap.lock");
    let newer = text.replacen("version = 1", "version = 99", 1);
    assert_ne!(newer, text, "{text}");
    let conflict = text.replacen("[[", "<<<<<<< HEAD\n[[", 1) + "=======\n>>>>>>> other\n";
    let digest = text.replacen("sha256:", "sha256:zz", 1);
    let cases = [
        (text[..text.len() / 2].to_owned(), ""),
        (newer, "99"),
        (conflict, "conflict"),
        (digest, ""),
        ("\u{feff}".to_owned() + &text + "x", ""),
    ];
    for (bad, words) in cases {
        let yard = locked();
        yard.write("modelstrap.lock", &bad);
        for flags in [&[][..], &["--locked"], &["--frozen"]] {
            let ran = yard.download(flags).expect(1);
            println!("{}", ran.err);
            assert!(ran.err.starts_with("error: @/p/modelstrap.lock"), "{}", ran.err);
            assert!(ran.err.contains(words), "{words}: {}", ran.err);
            assert!(!ran.err.contains("panicked"), "{}", ran.err);
        }
        assert_eq!(yard.hub.connections(), 0);
        assert!(!yard.exists(".cache"));
        assert_eq!(yard.text("modelstrap.lock"), bad, "it was left as it is");
    }
}

#[test]
fn a_lock_that_names_other_bytes_is_not_believed() {
    let yard = Yard::tiny(&Content::pattern(1, 5000));
    yard.modelstrap(&["models", "lock"]).expect(0);
    let (good, bad) = (Content::pattern(1, 5000).sha256(), Content::pattern(2, 5000).sha256());
    yard.edit("modelstrap.lock", &good, &bad);
    let words = ["has the wrong content; nothing was kept".to_owned(), format!("expected sha256:{bad}")];
    yard.download(&["--frozen"]).expect(1).says(&[&words[0], &words[1], &format!("received sha256:{good}")]);
    assert_eq!(yard.unfinished(), Vec::<String>::new());
    assert!(yard.shared(ID).keys().all(|path| !path.contains("safetensors") && !path.contains(&bad)));
}

#[test]
fn a_manifest_that_names_no_source_is_refused_before_anything_is_asked() {
    for (line, words) in [
        ("tiny = \"ftp:org/tiny\"", "ftp"),
        ("tiny = \"hf:org/tiny/more\"", "org/tiny/more"),
        ("tiny = \"hf:../tiny\"", "../tiny"),
        ("tiny = \"no-such-model\"", "no-such-model"),
        ("tiny = \"url:http://example.org/x\"", "is not encrypted"),
        ("tiny = \"url:https://user:hunter2@example.org/x\"", "holds a user or a password"),
        ("tiny = 7", "tiny"),
    ] {
        let yard = Yard::new(line);
        let ran = yard.download(&[]);
        assert!(ran.code == 1 || ran.code == 2, "{line}: {ran:?}");
        assert!(ran.err.contains(words) && ran.err.starts_with("error: "), "{line}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        assert_eq!(yard.hub.connections(), 0);
        assert_eq!(outside(&yard).len(), 1, "{:?}", outside(&yard));
    }
}
