//! Who sees the token, what a refusal says, and that nobody is asked when nobody may be: points 23, 34 and 35.

use std::fs;

use crate::support::desk::{self, Desk};
use crate::support::hub::{Content, Hub};

/// A gated repository, and a project whose user may read it.
fn gated(hub: Hub) -> Desk {
    let desk = Desk::at(hub, "g = \"hf:org/gated\"").set("HF_TOKEN", "hf_good");
    let draft = desk.model("org/gated").gated().readable_with("hf_good").file("config.json", "{}");
    draft.lfs("model.safetensors", Content::pattern(4, 30_000)).commit();
    desk
}

/// Point 23.
#[test]
fn the_token_goes_to_the_endpoint_and_to_nobody_else() {
    let desk = gated(Hub::start());
    desk.download();
    let (cdn, hub): (Vec<_>, Vec<_>) = desk.requests().into_iter().partition(|seen| &*seen.origin == "cdn");
    assert!(!cdn.is_empty() && cdn.iter().all(|seen| seen.authorization().is_none()), "{cdn:#?}");
    assert!(hub.iter().all(|seen| seen.authorization() == Some("Bearer hf_good")), "{hub:#?}");
}

/// Point 23: another port is another server.
#[test]
fn the_token_does_not_follow_a_redirect_to_another_port() {
    let desk = gated(Hub::start());
    let other = desk.further_origin("http://elsewhere.invalid");
    other.file("/x", "{}");
    desk.hub.on("/org/gated/resolve/*config.json").redirects_to(&format!("{}/x", other.url()));
    desk.download();
    let there: Vec<_> = desk.requests_to("GET", "/x");
    assert!(!there.is_empty() && there.iter().all(|seen| seen.authorization().is_none()), "{there:#?}");
}

/// Point 23: from https to http.
#[test]
fn the_token_is_never_sent_in_the_clear_after_https() {
    let desk = gated(Hub::https());
    let other = Hub::start();
    desk.hub.on("/org/gated/resolve/*config.json").redirects_to(&format!("{}/x", other.url()));
    desk.hub.on("/api/models/org/gated/revision/*").after(1).redirects_to(&format!("{}/y", other.url()));
    let ran = desk.models(&["download"]).expect(1);
    assert!(!ran.err.contains("hf_good") && !ran.out.contains("hf_good"), "{ran:?}");
    desk.models(&["update"]);
    assert!(other.requests().iter().all(|seen| seen.authorization().is_none()), "{:#?}", other.requests());
}

/// Point 34.
#[test]
fn each_refusal_is_told_apart() {
    let desk = Desk::with("");
    desk.user("hf_stranger", "stranger");
    desk.model("org/gated").gated().readable_with("hf_good").file("config.json", "{}").commit();
    desk.model("org/shut").disabled().file("config.json", "{}").commit();
    desk::tiny(&desk.hub);
    let page = format!("{}/org/gated", desk.url());
    let cases: [(&str, &[&str]); 4] = [
        ("hf:org/gated", &["org/gated is gated", &page, "HF_TOKEN"]),
        ("hf:org/nobody", &["has no model org/nobody", "private"]),
        ("hf:org/tiny@nowhere", &["org/tiny has no branch, tag or commit \"nowhere\""]),
        ("hf:org/shut", &["disabled access to org/shut"]),
    ];
    for (spec, words) in cases {
        desk.models(&["download", spec]).expect(1).says(words);
    }
    let desk = desk.set("HF_TOKEN", "hf_stranger");
    let ran = desk.models(&["download", "hf:org/gated"]).expect(1);
    assert!(ran.err.contains("your token has no access yet") && !ran.err.contains("hf_stranger"), "{}", ran.err);
    let desk = desk.set("HF_TOKEN", "hf_unknown");
    let ran = desk.models(&["download", "hf:org/tiny"]);
    assert!(ran.code == 0 || ran.err.contains("does not accept the token from HF_TOKEN"), "{ran:?}");
}

/// Point 34: a file that the lock names and the commit does not have.
#[test]
fn a_missing_file_is_named_and_the_others_come() {
    let (desk, _) = Desk::tiny();
    desk.models(&["lock"]).expect(0);
    let lock = desk.room.text("modelstrap.lock");
    desk.room.write("modelstrap.lock", lock.replace("config.json", "confog.json"));
    let ran = desk.models(&["download", "--frozen"]).expect(1).says(&["confog.json"]);
    assert!(ran.err.contains("404") || ran.err.contains("has no file"), "{}", ran.err);
    assert!(desk.cached(&format!("models--org--tiny/blobs/{}", Content::from("odd").git_sha1())).is_file());
}

/// Point 34: a model behind a gate does not keep the others away.
#[test]
fn a_gated_model_does_not_keep_the_others_from_coming() {
    let (desk, _) = Desk::tiny();
    desk.model("org/gated").gated().file("config.json", "{}").commit();
    desk.room.write("modelstrap.toml", "[models]\ng = \"hf:org/gated\"\ntiny = \"hf:org/tiny\"\n");
    desk.models(&["download"]).expect(1).says(&["org/gated is gated"]);
    desk.assert_whole();
}

/// Point 35.
#[test]
fn offline_nobody_is_asked_and_what_is_here_is_enough() {
    let (desk, _) = Desk::tiny();
    desk.download();
    let desk = desk.set("HF_HUB_OFFLINE", "1");
    desk.forget();
    for arguments in [&["download"][..], &["download", "--frozen"], &["verify"], &["list"], &["path", "tiny"]] {
        desk.models(arguments).expect(0);
    }
    assert_eq!(desk.connections(), 0);
}

/// Point 35: what is missing is said, file by file.
#[test]
fn offline_each_missing_file_is_named_and_nobody_is_asked() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    let missing = ["config.json", "model.safetensors", "nested/deep/table.dat", "nested/dir/vocab.txt"];
    for path in missing {
        let pointer = desk.cached(&format!("models--org--tiny/snapshots/{commit}/{path}"));
        fs::remove_file(fs::canonicalize(&pointer).unwrap()).unwrap();
    }
    for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
        desk.forget();
        let mut command = desk.room.command(&["--quiet", "models", "download"]);
        let ran = desk.room.ran(command.env(name, "1")).expect(1);
        for path in missing {
            assert!(ran.err.contains(path), "{path} is not named:\n{}", ran.err);
        }
        assert_eq!(desk.connections(), 0);
    }
    desk.forget();
    desk.room.ran(&mut desk.room.command(&["--offline", "models", "download"])).expect(1);
    assert_eq!(desk.connections(), 0);
}

/// Point 35: a model that nobody has resolved yet.
#[test]
fn offline_an_unknown_model_is_named_and_nobody_is_asked() {
    let (desk, _) = Desk::tiny();
    let desk = desk.set("HF_HUB_OFFLINE", "yes");
    desk.models(&["download"]).expect(1).says(&["tiny", "switched off"]);
    assert_eq!(desk.connections(), 0);
}
