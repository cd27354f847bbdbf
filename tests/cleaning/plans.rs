//! What the plans of `clear`, `prune`, `migrate`, `backup` and `dedupe` say before anything happens: nothing that is not so, and
//! nothing less than a person must know to answer.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::lived::{HUB, MAIN, PINNED, lived_in, outside, repository, rounded};
use crate::support::project::Room;
use crate::support::terminal::{Terminal, keys};

const ASR: &str = ".cache/huggingface/hub/models--org--asr";

#[test]
fn the_trash_is_emptied_alone_and_only_by_who_agrees() {
    let room = lived_in();
    room.run(&["clear", "large-v3.pt", "--yes", "--undo-for", "1h"]).expect(0);
    let before = room.tree();
    let dry = room.run(&["clear", "trash", "--dry-run"]).expect(0);
    assert_eq!(
        (dry.out.as_str(), dry.err.as_str()),
        ("", "1.20 MB in the trash would be freed, and could not be brought back.\n")
    );
    room.run(&["clear", "trash"]).expect(2).says(&["1.20 MB in the trash will be freed", "give `--yes`"]);
    room.run(&["clear", "trash", "models", "--yes"]).expect(2);
    room.run(&["clear", "trash", "--undo-for", "1h", "--yes"]).expect(2);
    room.tree().assert_eq(&before, "nobody agreed");
    let others = outside(&room);
    let mut terminal = Terminal::open(120, 30, &mut room.command(&["clear", "trash"]));
    terminal.wait_for("cannot be brought back").wait_for("Empty the trash for good?").press("y");
    let ended = terminal.end();
    assert!(ended.status.success() && ended.raw.contains("1.20 MB freed."), "{}", ended.raw);
    outside(&room).assert_eq(&others, "nothing else goes");
    assert!(room.exists(&format!("{ASR}/blobs/orphan")), "what prune would take stays");
    room.run(&["clear", "--undo"]).expect(0).says(&["There is nothing to bring back"]);
    let again = room.run(&["clear", "trash", "--yes"]).expect(0);
    assert_eq!((again.out.as_str(), again.err.as_str()), ("", "There is nothing in the trash.\n"));
    room.run(&["clear", "resnet.pth", "--yes", "--undo-for", "1h"]).expect(0);
    let document = room.run(&["clear", "trash", "--yes", "--json"]).expect(0).json();
    assert_eq!((&document["schema"], &document["dry_run"]), (&"modelstrap.clear/1".into(), &false.into()));
    assert_eq!(document["trash_bytes"], document["swept_bytes"]);
    assert!(document["swept_bytes"].as_u64().unwrap() >= 500_000, "{document:#}");
}

#[test]
fn what_is_in_the_trash_is_said_to_be_there() {
    let room = lived_in();
    room.run(&["clear", "org/asr", "large-v3.pt", "--yes", "--grace", "0", "--undo-for", "1h"]).expect(0);
    for word in ["org/asr", "large-v3.pt"] {
        assert_eq!(
            room.run(&["clear", word, "--yes"]).expect(2).err,
            format!(
                "error: {word} is in the trash: `modelstrap clear --undo` brings it back, `modelstrap clear trash` frees it\n"
            )
        );
    }
    room.run(&["clear", "--undo"]).expect(0);
    room.run(&["clear", "large-v3.pt", "--dry-run"]).expect(0);
}

#[test]
fn the_undo_is_called_by_the_verb_that_was_used_and_the_trash_by_its_own() {
    let room = lived_in();
    for verb in [&["prune", "--grace", "0"][..], &["clear", "large-v3.pt"]] {
        let ran = room.run(&[verb, &["--undo-for", "2h", "--yes"]].concat()).expect(0);
        let name = verb[0];
        assert!(ran.out.contains(&format!("For 2 h `modelstrap {name} --undo` brings it back, and")), "{}", ran.out);
        assert!(ran.out.contains(&format!("For 2 h `modelstrap {name} --undo` brings it back; the")), "{}", ran.out);
        assert!(ran.out.ends_with("or `modelstrap clear trash` at once.\n"), "{}", ran.out);
    }
    let status = room.run(&["status"]).expect(0);
    assert!(status.out.contains("`modelstrap clear trash` frees "), "{}", status.out);
}

#[test]
fn a_revision_that_a_branch_names_is_called_so_and_no_column_repeats_another() {
    let room = lived_in();
    let text = |flags: &[&str], code| {
        rounded(&room.run(&[&["prune", "--grace", "0", "--dry-run"], flags].concat()).expect(code).out)
            .replace("(atime)", "(mtime)")
    };
    let old = text(&["--older-than", "0"], 0);
    assert!(old.contains("\norg/asr@222222222222 (main) 2."), "{old}");
    assert!(old.contains("\norg/asr@111111111111 0.4 MB"), "{old}");
    let small = text(&["--max-size", "1kB"], 1);
    assert!(small.contains("today (mtime) for --max-size 0.0 MB\n"), "{small}");
}

#[test]
fn a_target_that_cannot_be_reached_is_said_above_the_question() {
    let room = lived_in();
    room.run(&["clear", "whisper", "--yes", "--now", "--grace", "0"]).expect(0);
    let mut terminal = Terminal::open(200, 40, &mut room.command(&["prune", "--until-free", "900TB", "--grace", "0"]));
    terminal.wait_for("--until-free 900 TB cannot be reached: ").wait_for("Delete this for good?").press("n");
    assert_eq!(terminal.end().status.code(), Some(130));
    let ran = room.run(&["prune", "--until-free", "900TB", "--grace", "0", "--yes"]).expect(1);
    assert_eq!(ran.err.matches("cannot be reached").count(), 1, "{}", ran.err);
    assert!(
        ran.err.contains("would have to go; prune looks at .cache only, and nothing more in it can go; "),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("for the reasons above"), "nothing stands above: {}", ran.err);
}

#[test]
fn an_empty_cache_is_called_empty_and_what_lies_outside_is_named() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", vec![7; 1_100_000]);
    let ran = room.run(&["prune", "--until-free", "900TB", "--yes"]).expect(1);
    let end = "prune looks at .cache only, and it is empty; 1.1 MB lie outside of it: see `modelstrap status`\n";
    assert!(rounded(&ran.err).ends_with(end), "{}", ran.err);
    let ran = room.run(&["prune", "--yes"]).expect(0);
    assert_eq!(ran.err, "Nothing to remove.\n", "there is nothing that prune would take");
    let stray = "~/.cache/huggingface/hub/models--org--asr";
    let blob = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
    room.write(&format!("{stray}/blobs/{blob}"), "{}");
    for commit in [PINNED, MAIN] {
        let revision = room.place(&format!("{stray}/snapshots/{commit}"));
        fs::create_dir_all(&revision).unwrap();
        symlink(format!("../../blobs/{blob}"), revision.join("config.json")).unwrap();
    }
    room.write(&format!("{stray}/refs/main"), MAIN);
    room.write(&format!("{stray}/blobs/ab.incomplete"), vec![7; 500_000]);
    let says = || {
        let ran = room.run(&["prune", "--yes"]).expect(0);
        let said = ran.err.strip_prefix("Nothing to remove.\nprune looks at .cache only; outside of it ");
        said.unwrap_or_else(|| panic!("{}", ran.err)).to_owned()
    };
    let outside = || {
        let status = room.run(&["status"]).expect(0).out;
        let (_, after) = status.split_once("outside of the cache: ").unwrap();
        after.split_once(", which").unwrap().0.to_owned()
    };
    let status = room.run(&["status"]).expect(0).out;
    let (_, size) = status.split_once("unfinished downloads: ").unwrap();
    let unfinished = format!("1 unfinished download of {}", size.split_once(" in 1 file").unwrap().0);
    let command = "`modelstrap status` names the command that removes the download";
    let lie = || format!("lie {}, in which 1 revision has no branch or tag, and {unfinished}: ", outside());
    let rest = format!("`modelstrap status --revisions` names the revision, and {command}.\n");
    assert_eq!(says(), format!("{}`modelstrap migrate` brings in what is whole, {rest}", lie()));
    // The commit that nothing names, as it is named.
    let revisions = room.run(&["status", "--revisions"]).expect(0).out;
    assert!(revisions.lines().any(|line| line.contains(&PINNED[..12]) && line.ends_with("no ref")), "{revisions}");
    room.run(&["migrate", "--yes"]).expect(0);
    assert!(!room.exists("~/.cache/whisper"));
    assert_eq!(says(), format!("{}{rest}", lie()), "a repository into which a download goes stays whole");
}

#[test]
fn who_clears_every_model_is_told_whose_they_are_too() {
    let room = lived_in();
    let says = || room.run(&["clear", "models", "--dry-run", "--grace", "0"]).expect(0);
    let own = "This is every model of .cache, not the folder ./models.\n";
    let ran = says();
    assert_eq!(ran.err, own);
    assert!(rounded(&ran.out).replace("(atime)", "(mtime)").contains("org/asr 3.6 MB today (mtime) every model\n"));
    let cache = room.place(".cache");
    for name in ["q", "r"] {
        let other = room.path().join(name);
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("modelstrap.toml"), format!("[cache]\nbase_dir = \"{}\"\n", cache.display())).unwrap();
        room.ran(room.command(&["setup", "--yes"]).current_dir(&other)).expect(0);
    }
    let lock = format!("version = 1\nmanifest = \"sha256:{}\"\n# the end of modelstrap.lock\n", "0".repeat(64));
    fs::write(room.path().join("r/modelstrap.lock"), lock).unwrap();
    let ran = says();
    let note = format!("{own}2 other projects use this cache; @/q has no lock, so nobody knows what it needs.\n");
    assert_eq!(ran.err, note);
    let mut terminal = Terminal::open(200, 40, &mut room.command(&["clear", "models"]));
    terminal.wait_for("2 other projects use this cache").wait_for("? ").press("n");
    assert_eq!(terminal.end().status.code(), Some(130));
    let ran = room.run(&["clear", "large-v3.pt", "--dry-run"]).expect(0);
    assert!(ran.out.contains("you named it") && ran.err.is_empty(), "{}{}", ran.out, ran.err);
}

#[test]
fn a_manifest_without_models_is_not_sent_to_lock_them() {
    let room = lived_in();
    let ran = room.run(&["prune", "--ci", "--yes"]).expect(1);
    assert_eq!(
        ran.err,
        "error: `--ci` keeps exactly what the lock names, and there is none: the manifest names no models\n  \
         name them with `modelstrap models add`, or let `modelstrap clear models` take all\n"
    );
    room.append("modelstrap.toml", "[models]\nasr = \"hf:org/asr\"\n");
    let ran = room.run(&["prune", "--ci", "--yes"]).expect(1);
    assert_eq!(
        ran.err,
        "error: `--ci` keeps exactly what the lock names, and the project has no modelstrap.lock\n  \
         run `modelstrap models lock` first\n"
    );
}

#[test]
fn a_backup_of_nothing_is_no_backup() {
    let room = Room::bare();
    room.write("~/.cache/whisper/base.pt", vec![7; 1_100_000]);
    for more in [&[][..], &["--dry-run"]] {
        let ran = room.run(&[&["backup", "a.tar"], more].concat()).expect(1);
        assert_eq!(
            rounded(&ran.err),
            "error: the cache is empty: nothing was written; 1.1 MB lie outside of it: `modelstrap migrate` first\n"
        );
        assert!(!room.exists("a.tar"));
    }
    let ran = Room::bare().run(&["backup", "a.tar"]).expect(1);
    assert_eq!(ran.err, "error: the cache is empty: nothing was written\n");
}

#[test]
fn a_backup_of_empty_folders_is_none_and_replaces_no_archive() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    room.write(".cache/whisper/base.pt", vec![7; 1_100_000]);
    room.run(&["backup", "a.tar", "--yes"]).expect(0);
    let archive = fs::read(room.place("a.tar")).unwrap();
    for more in [&["clear", "all", "--yes"][..], &["clear", "trash", "--yes"]] {
        room.run(more).expect(0);
        let ran = room.run(&["backup", "a.tar", "--yes"]).expect(1);
        assert_eq!(ran.err, "error: the cache is empty: nothing was written\n");
        assert!(fs::read(room.place("a.tar")).unwrap() == archive);
    }
}

#[test]
fn a_backup_that_may_not_fit_is_said_beforehand() {
    let room = Room::bare();
    let name = "ab".repeat(32);
    room.write(&format!("{ASR}/blobs/{name}"), "");
    // Sparse: it takes no room, and no disk of a test has so much.
    let file = fs::File::options().write(true).open(room.place(&format!("{ASR}/blobs/{name}"))).unwrap();
    if file.set_len(15_000_000_000_000).is_err() {
        return;
    }
    let link = room.place(&format!("{ASR}/snapshots/{MAIN}/model.bin"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink(format!("../../blobs/{name}"), link).unwrap();
    room.write(&format!("{ASR}/refs/main"), MAIN);
    let ran = room.run(&["backup", "a.tar.zst", "--dry-run"]).expect(0);
    assert!(ran.err.contains("warning: the archive needs up to 15.0 TB, and "), "{}", ran.err);
    assert!(ran.err.contains(" are free on its disk\n"), "{}", ran.err);
}

#[test]
fn a_misspelt_model_of_a_backup_is_met_with_the_nearest() {
    let room = lived_in();
    for (word, near) in [("org/asn", "org/asr"), ("large-v2.pt", "whisper/large-v3.pt")] {
        let ran = room.run(&["backup", "a.tar", word]).expect(1);
        let says = format!("error: nothing in the cache is called {word}; did you mean `{near}`?\n");
        assert!(ran.err.starts_with(&says), "{}", ran.err);
    }
}

#[test]
fn migrate_says_before_its_question_what_stays_and_which_repositories_come() {
    let room = Room::bare();
    room.setup(&[]);
    repository(&room, "org/both", &[(MAIN, &[("one", 4)])]);
    for name in ["org/both", "org/new"] {
        let folder = format!("~/.cache/huggingface/hub/models--{}", name.replace('/', "--"));
        room.write(&format!("{folder}/blobs/two"), vec![7; 5000]);
        room.write(&format!("{folder}/refs/main"), PINNED);
        let at = room.place(&format!("{folder}/snapshots/{PINNED}/two.bin"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink("../../blobs/two", at).unwrap();
    }
    room.write("~/.cache/huggingface/token", "hf_secret");
    let mut terminal = Terminal::open(200, 40, &mut room.command(&["migrate"]));
    terminal.wait_for("1 repository merged, 1 moved").wait_for("org/both").wait_for("merged");
    terminal.wait_for("org/new").wait_for("moved").wait_for("Stays where it is:").wait_for("token");
    terminal.wait_for("Move this?").press("y");
    let ended = terminal.end();
    assert!(ended.status.success(), "{}", ended.raw);
    assert!(!ended.raw.contains("Stayed where it was"), "it was said before: {}", ended.raw);
    assert!(room.exists(&format!("{HUB}/models--org--new/blobs/two")));
}

#[test]
fn a_folder_without_notes_is_told_what_lacks_though_its_repository_is_given() {
    let room = Room::bare();
    room.write("models/x/weights.bin", vec![7; 5000]);
    let ran = room.run(&["migrate", "models/x", "--repo", "org/x", "--dry-run"]).expect(0);
    assert!(ran.err.contains("nothing here knows a file of org/x"), "{}", ran.err);
    assert!(ran.err.contains("`modelstrap models add hf:org/x --no-download`"), "{}", ran.err);
    let ran = room.run(&["migrate", "models/x", "--dry-run"]).expect(0);
    assert!(ran.err.contains("nothing says which library reads them"), "{}", ran.err);
}

#[test]
fn files_that_are_too_young_to_be_deduplicated_are_said_to_be_no_more_than_that() {
    let room = Room::bare();
    let bytes = "the same ".repeat(200_000);
    for name in ["one", "two"] {
        room.write(&format!(".cache/whisper/{name}.pt"), &bytes);
    }
    let ran = room.run(&["dedupe", "--grace", "1h", "--dry-run"]).expect(0);
    assert!(
        ran.err.contains("stay: changed within the time of grace (--grace); `--grace 0` takes them\n"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("Nothing else is stored twice among 2 files"), "{}", ran.err);
}

#[test]
fn who_deletes_in_the_list_and_leaves_by_ctrl_c_is_told_what_was_deleted() {
    let room = lived_in();
    let mut terminal = Terminal::open(100, 30, &mut room.command(&["status", "--tui"]));
    terminal.screen(&["whisper/", "q quit"]);
    terminal.press("/").press("torch").press(keys::ENTER).screen(&["❯  torch/"]);
    terminal.press(keys::SPACE).screen(&["1 marked: deleting them frees"]);
    let plan = terminal.press("d").screen(&["Delete: frees", "y yes  n no"]);
    assert!(!plan.contains("--now"), "nobody can type a flag here: {plan}");
    terminal.press("y").screen(&["Deleted"]);
    terminal.press(keys::CTRL_C);
    let ended = terminal.end();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.raw);
    assert!(!ended.raw.contains("nothing was changed"), "{}", ended.raw);
    assert!(!room.exists(".cache/torch/hub/checkpoints/resnet.pth"));
}
