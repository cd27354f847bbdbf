//! A cloned project is not trusted: what it brings along must not reach a person's own files, run, or hang.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::support::project;
use crate::support::project::{BEGIN, END, Room, Tree};

const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A journal as an attacker would commit it: the entries name files of the person's home.
fn forged(closed: bool) -> String {
    let entries = [
        format!(
            r#"{{"entry":{{"path":"../h/.bash_profile","kind":"file","before":{{"file":{{"sha256":"{ZERO}","mode":420}}}},"after":"absent","wrote":{{}}}}}}"#
        ),
        r#"{"entry":{"path":"../h/.profile","kind":"file","before":"absent","after":"directory","wrote":{}}}"#
            .to_owned(),
    ];
    let open = format!(
        r#"{{"open":{{"schema":"modelstrap.journal/1","verb":"setup","started_at":"2026-01-01T00:00:00Z","tool":"0","seal":"{ZERO}","root":"/"}}}}"#
    );
    let end = if closed { "{\"closed\":true}\n" } else { "" };
    format!("{open}\n{}\n{end}", entries.join("\n"))
}

fn home(room: &Room) -> Tree {
    Tree::of(&room.home())
}

#[test]
fn a_journal_that_came_with_a_clone_is_not_obeyed() {
    for closed in [true, false] {
        let room = Room::git();
        room.write("~/.profile", "mine\n");
        room.write(".modelstrap/journal/0001.jsonl", forged(closed));
        room.write(&format!(".modelstrap/journal/objects/{ZERO}"), "echo owned\n");
        let before = home(&room);
        room.undo(&[]).says(&["Nothing to undo", "1 journal in .modelstrap/journal came with a copy, a clone"]);
        room.setup(&[]);
        room.undo(&["--all"]);
        home(&room).assert_eq(&before, "the home");
        assert_eq!(room.text(".modelstrap/journal/0001.jsonl"), forged(closed), "what is not ours stays");
    }
}

#[test]
fn a_journal_with_the_last_number_there_is_does_not_end_the_program() {
    let room = Room::git();
    room.write(".modelstrap/journal/4294967295.jsonl", forged(true));
    room.setup(&[]);
    assert!(room.exists(".modelstrap/journal/0001.jsonl"));
}

#[test]
fn undo_in_a_copy_leaves_the_original_alone_and_undo_after_a_move_follows_it() {
    let room = Room::git();
    room.write("keep.txt", "x");
    let nothing = Tree::of(room.root());
    room.setup(&[]);
    let ready = Tree::of(room.root());
    let copied = room.program("cp").args(["-a", ".", "../copy"]).status().unwrap();
    assert!(copied.success());

    room.ran(room.command(&["undo", "--yes"]).current_dir(room.path().join("copy")))
        .expect(0)
        .says(&["Nothing to undo"]);
    Tree::of(room.root()).assert_eq(&ready, "the original after undo in the copy");

    let moved = room.path().join("moved");
    fs::rename(room.root(), &moved).unwrap();
    room.ran(room.command(&["undo", "--yes"]).current_dir(&moved)).expect(0);
    Tree::of(&moved).assert_eq(&nothing, "the project after a move and undo");
}

#[test]
fn links_in_the_own_folder_are_refused_before_anything_is_written() {
    for (link, target) in
        [("journal", "../../h/.ssh"), ("journal/objects", "../../../h"), ("lock", "../../h/.hushlogin")]
    {
        let room = Room::git();
        room.write("~/thesis.tex", "years of work\n");
        fs::create_dir_all(room.home().join(".ssh")).unwrap();
        room.write(".env", "A=1\n");
        fs::create_dir_all(room.root().join(".modelstrap").join(link).parent().unwrap()).unwrap();
        symlink(target, room.root().join(".modelstrap").join(link)).unwrap();
        let before = room.tree();
        room.run(&["setup", "--yes"]).expect(1).says(&["is a symbolic link, and modelstrap never made one; remove it"]);
        room.tree().assert_eq(&before, &format!("setup with {link} -> {target}"));
        let undone = room.run(&["undo", "--yes"]);
        home(&room).assert_eq(
            &Tree(
                before
                    .0
                    .iter()
                    .filter_map(|(name, node)| Some((name.strip_prefix("h/")?.to_owned(), node.clone())))
                    .collect(),
            ),
            &undone.err,
        );
    }
}

#[test]
fn a_link_through_a_folder_that_setup_would_make_is_refused() {
    let room = Room::git();
    room.write("modelstrap.toml", "[application_caches]\na = \"a\"\n[gitignore]\nextra = [\"touch pwned\"]\n");
    symlink("a/../../h/.bash_profile", room.root().join(".gitignore")).unwrap();
    let before = room.tree();
    room.run(&["setup", "--yes"])
        .expect(1)
        .says(&[".gitignore: leads through a link to something that does not exist yet"]);
    room.tree().assert_eq(&before, "the disk");
}

#[test]
fn committed_snippets_are_replaced_and_committed_answers_reach_no_rc_file() {
    let room = Room::git();
    room.write("~/.bashrc", "mine\n");
    room.write(".modelstrap/env.sh", "echo PWNED\n");
    room.write(".modelstrap/.gitignore", "!*\n");
    room.write(".modelstrap/answers.json", "{\"profile\": \"bash\", \"link_whisper\": true}\n");
    room.setup(&[]);
    assert!(!room.text(".modelstrap/env.sh").contains("PWNED"));
    assert!(room.text(".modelstrap/.gitignore").ends_with("*\n") && !room.text(".modelstrap/.gitignore").contains('!'));
    assert_eq!(room.text("~/.bashrc"), "mine\n");
    assert!(!room.exists("~/.cache/whisper"));
    room.undo(&[]);
    assert_eq!(room.text(".modelstrap/env.sh"), "echo PWNED\n", "undo brings back what was there");
}

#[test]
fn the_hook_does_not_follow_a_clone_that_was_never_set_up() {
    let room = Room::git();
    room.write(".modelstrap/answers.json", "{\"cache_dir\": \"evil\"}\n");
    room.write(".modelstrap/journal/0001.jsonl", forged(true));
    room.write(
        ".modelstrap/journal/record.json",
        format!("{{\"schema\":\"modelstrap.record/1\",\"seal\":\"{ZERO}\",\"paths\":{{}}}}"),
    );
    assert_eq!(room.run(&["hook", "bash", "--export"]).expect(0).out, "");
}

#[test]
fn a_pipe_in_the_place_of_a_file_does_not_hang() {
    for name in [".env", ".gitignore", ".modelstrap/answers.json", ".cache/CACHEDIR.TAG"] {
        let room = Room::git();
        let path = room.place(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(room.program("mkfifo").arg(&path).status().unwrap().success());
        let start = Instant::now();
        room.run(&["setup", "--dry-run"]);
        room.run(&["hook", "bash", "--export"]);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}");
    }
}

#[test]
fn a_manifest_names_no_file_of_a_person_and_forges_no_marker() {
    let room = Room::git();
    room.write("~/.ssh/authorized_keys", "key\n");
    room.write("modelstrap.toml", "[setup]\nprofile = \"~/.ssh/authorized_keys\"\n");
    let before = room.tree();
    room.run(&["setup", "--yes"]).expect(1).says(&["names a file; a manifest may say `auto`, `none` or shells"]);
    room.tree().assert_eq(&before, "the disk");
    room.write("modelstrap.toml", format!("[gitignore]\nextra = [{END:?}]\n"));
    room.run(&["setup", "--yes"]).expect(1).says(&["is not one pattern"]);
}

#[test]
fn one_project_has_one_name_however_it_is_reached() {
    let room = Room::git();
    room.setup(&[]);
    let ready = room.tree();
    symlink("p", room.path().join("link")).unwrap();
    for (folder, project) in [("link", "."), ("h", "../p"), ("h", "../link")] {
        let mut command = room.command(&["-C", project, "setup", "--check"]);
        room.ran(command.current_dir(room.path().join(folder))).expect(0);
    }
    fs::remove_file(room.path().join("link")).unwrap();
    room.tree().assert_eq(&ready, "the project");
}

#[test]
fn a_secret_in_a_dotenv_is_not_shown() {
    let room = Room::git();
    room.write(".env", "HF_TOKEN=hf_secret1\nOTHER=hf_secret2");
    let ran = room.setup(&["-v"]);
    assert!(!ran.err.contains("hf_secret"), "{}", ran.err);
    assert!(room.text(".env").starts_with("HF_TOKEN=hf_secret1\nOTHER=hf_secret2\n\n"));
    assert!(room.text(".env").contains(BEGIN));
}

#[test]
fn a_list_of_a_person_in_the_machine_config_is_not_replaced() {
    let room = Room::git();
    room.write("modelstrap.toml", "[environments.main]\npath = \".venv\"\n");
    room.write("config/hardware_cache.json", "{\"environments\": [\"a\", \"b\"]}\n");
    let before = room.tree();
    room.run(&["setup", "--yes"]).expect(1).says(&["`environments` is there, but is not an object"]);
    room.tree().assert_eq(&before, "the disk");
}

#[test]
fn a_folder_with_a_persons_documents_gets_no_cache_tag() {
    let room = Room::git();
    room.write("~/Documents/thesis.tex", "years of work\n");
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"~/Documents\"\n");
    room.setup(&[]);
    assert!(room.exists("~/Documents/huggingface") && !room.exists("~/Documents/CACHEDIR.TAG"));
}

#[test]
fn a_run_of_one_part_leaves_the_lines_of_the_others() {
    let room = Room::git();
    room.setup(&[]);
    let ready = room.text(".gitignore");
    room.setup(&["--only", "gitignore"]);
    room.setup(&["--skip", "dotenv"]);
    assert_eq!(room.text(".gitignore"), ready);
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_line_of_dotenv_after_the_block_is_told_to_count() {
    let room = Room::git();
    room.setup(&[]);
    room.append(".env", "HF_HOME=/mine\n");
    room.setup(&[]).says(&["HF_HOME in .env, line ", "is /mine and counts, because it stands after the block"]);
}

#[test]
fn the_cache_of_all_projects_is_the_same_inside_run() {
    let room = Room::git();
    room.setup(&["--cache-dir", "user"]);
    let outside = room.run(&["env", "--format", "json"]).expect(0).json();
    let program = project::PROGRAM;
    let inside = room.run(&["run", "--", program, "env", "--format", "json"]).expect(0).json();
    assert_eq!(inside, outside);
    room.run(&["run", "--", program, "setup", "--check"]).expect(0);
}

#[test]
fn a_login_that_lies_beside_the_chosen_cache_is_found() {
    let room = Room::git().with("HF_HOME", "/data/huggingface");
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"/data\"\n");
    let variables = room.run(&["env", "--format", "json"]).expect(0).json();
    assert_eq!(variables["HF_TOKEN_PATH"], "/data/huggingface/token");
}
