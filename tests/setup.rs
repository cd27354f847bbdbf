//! `modelstrap setup` on real projects: what it writes, what it leaves alone, and what it says.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use serde_json::{Value, json};
use support::project::{BEGIN, END, Room, Tree, copy, times};

/// The lines of the managed block in `text`, which must have one.
fn block(text: &str) -> Vec<&str> {
    let (_, rest) = text.split_once(&format!("{BEGIN}\n")).unwrap_or_else(|| panic!("no block in:\n{text}"));
    rest.split_once(END).unwrap().0.lines().collect()
}

/// What Git says of `path`: whether it ignores it.
fn git_ignores(room: &Room, path: &str) -> bool {
    let mut command = room.program("git");
    room.ran(command.args(["check-ignore", "-q", path])).code == 0
}

#[test]
fn setup_twice_changes_nothing() {
    let room = Room::fixture().with("SHELL", "/bin/bash");
    room.write("~/.bashrc", "alias x=y\n");
    room.setup(&["--profile", "auto", "--link-whisper"]);
    let (tree, before) = (room.tree(), times(room.path()));
    let ran = room.setup(&[]);
    assert!(ran.err.ends_with("Nothing to do: this project is ready.\n"), "{}", ran.err);
    room.setup(&["--profile", "auto"]);
    room.tree().assert_eq(&tree, "the tree after a second and a third setup");
    assert_eq!(times(room.path()), before);
}

#[test]
fn a_second_setup_at_another_time_changes_nothing_either() {
    let room = Room::fixture();
    room.setup(&[]);
    let tree = room.tree();
    room.ran(room.command(&["setup", "--yes"]).env("SOURCE_DATE_EPOCH", "1900000000")).expect(0);
    room.tree().assert_eq(&tree, "years later");
}

#[test]
fn setup_check_exits_3_before_and_0_after() {
    let room = Room::fixture();
    let before = room.tree();
    room.run(&["setup", "--check"]).expect(3);
    room.tree().assert_eq(&before, "a check");
    room.setup(&[]);
    room.run(&["setup", "--check"]).expect(0).says(&["Nothing to do"]);
    fs::remove_file(room.place(".modelstrap/env.fish")).unwrap();
    room.run(&["setup", "--check"]).expect(3).says(&["Plan: 1 change", "+ .modelstrap/env.fish"]);
}

#[test]
fn dry_run_changes_nothing_and_shows_what_setup_then_does() {
    let room = Room::fixture();
    let before = room.tree();
    let dry = room.run(&["setup", "--dry-run"]).expect(0);
    room.tree().assert_eq(&before, "a dry run");
    for line in ["  ~ config/hardware_cache.json", "  ~ .gitignore ", "  ~ .env ", "  + .cache/ ", "  + /.cache/\n"] {
        assert!(dry.err.contains(line), "no {line:?} in\n{}", dry.err);
    }
    assert_eq!(dry.out, "");
    let real = room.setup(&[]);
    assert!(real.err.starts_with(&dry.err), "the plan that was shown is the plan that is applied");
}

#[test]
fn unknown_json_keys_their_order_and_the_indentation_survive() {
    let room = Room::fixture();
    let before = room.text("config/hardware_cache.json");
    room.setup(&[]);
    let after = room.text("config/hardware_cache.json");
    // From the comment to the last mapping nothing of ours stands but three environments' members.
    for line in before.lines().filter(|line| !line.contains("\"enabled\": true")) {
        let ours = ["version", "created_at", "platform", "machine", "has_cuda", "chip", "memory_gb", "base_dir"];
        let ours = ours.iter().chain(&["_home", "application_caches", "thresholds"]);
        if !ours.clone().any(|name| line.contains(name)) {
            assert!(after.lines().any(|there| there == line), "lost: {line}\n{after}");
        }
    }
    let thresholds = r#"  "thresholds": {"vad_onset": 0.50, "vad_offset": 3.63e-1, "random_seed": 12345678901234567890, "escaped\/key": "a\/b\tc"}"#;
    assert!(after.contains(thresholds), "{after}");
    let keys = |text: &str| match serde_json::from_str::<Value>(text).unwrap() {
        Value::Object(map) => map.keys().cloned().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let mut expected = keys(&before);
    expected.push("recommended_settings".to_owned());
    assert_eq!(keys(&after), expected);
    let value: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(value["version"], "1.0.0");
    assert_eq!(value["created_at"], "2025-11-25T15:20:46Z");
    assert_eq!(
        value["cache"],
        json!({
            "base_dir": ".cache", "torch_home": ".cache/torch", "hf_home": ".cache/huggingface",
            "whisper_home": ".cache/whisper", "mlx_home": ".cache/mlx",
            "application_caches": {
                "tmdb": "out/tmdb_cache", "subtitles": "out/subtitle_cache",
                "musicbrainz": "out/musicbrainz_cache", "glossary": "glossary/cache",
            },
        })
    );
    for name in ["platform", "machine", "has_cuda", "has_mps", "has_mlx"] {
        assert!(!value["hardware"][name].is_null(), "hardware.{name}");
    }
}

#[test]
fn other_indentations_and_line_ends_are_followed() {
    for (text, sign) in [
        ("{\n\t\"mine\": 1\n}\n", "\n\t\"version\": \"1.0.0\""),
        ("{\r\n    \"mine\": 1\r\n}\r\n", "\r\n    \"version\": \"1.0.0\""),
        ("{\"mine\": 1}", ", \"version\": \"1.0.0\""),
    ] {
        let room = Room::git();
        room.write("config/hardware_cache.json", text);
        room.setup(&[]);
        let after = room.text("config/hardware_cache.json");
        assert!(after.contains(sign) && after.contains("\"mine\": 1"), "{after}");
        assert_eq!(after.contains('\n'), text.contains('\n'), "{after}");
        assert_eq!(
            after.matches('\n').count(),
            if text.contains('\r') { after.matches("\r\n").count() } else { after.matches('\n').count() }
        );
        assert_eq!(after.ends_with('\n'), text.ends_with('\n'));
    }
}

#[test]
fn git_ignores_every_cache_afterwards_and_nothing_is_said_twice() {
    let room = Room::fixture();
    let before = room.text(".gitignore");
    room.setup(&[]);
    let after = room.text(".gitignore");
    assert!(after.starts_with(&before), "what was there stands as it was");
    // out/tmdb_cache, glossary/cache and .env were ignored before: no line repeats that.
    let expected =
        ["/.cache/", "/out/musicbrainz_cache/", "/config/hardware_cache.json", "models/", "shared/model-cache/"];
    assert_eq!(block(&after), expected);
    for path in [".cache", ".cache/mlx", "out/tmdb_cache", "out/musicbrainz_cache", "glossary/cache", ".modelstrap"] {
        let inside = format!("{path}/x");
        assert!(git_ignores(&room, &inside), "{path}");
    }
    let status = room.run_git(&["status", "--porcelain", "--untracked-files=all"]).out;
    let generated = status.lines().filter(|line| line.contains("cache") && !line.contains("shared/")).count();
    assert_eq!(generated, 0, "{status}");
}

#[test]
fn a_cache_that_git_tracks_is_a_warning_with_the_command_to_run() {
    let room = Room::git();
    room.write(".cache/model.bin", "x");
    room.run_git(&["add", "--force", "."]);
    let ran = room.setup(&[]);
    ran.says(&[
        "warning: Git tracks files in .cache, so no ignore line is written for it",
        "git rm -r --cached -- '.cache'",
    ]);
    assert!(!room.text(".gitignore").contains("/.cache/"));
    room.run_git(&["rm", "-r", "-q", "--cached", "--", ".cache"]);
    room.setup(&[]);
    assert!(block(&room.text(".gitignore")).contains(&"/.cache/"));
}

#[test]
fn a_cache_outside_the_project_gets_no_ignore_line() {
    let room = Room::git();
    let outside = room.path().join("big disk/models");
    room.setup(&["--cache-dir", outside.to_str().unwrap()]);
    assert_eq!(block(&room.text(".gitignore")), ["/config/hardware_cache.json", "/.env"]);
    assert!(outside.join("CACHEDIR.TAG").is_file());
    let value: Value = serde_json::from_slice(&room.read("config/hardware_cache.json")).unwrap();
    assert_eq!(value["cache"]["torch_home"], outside.join("torch").to_str().unwrap());
}

#[test]
fn without_git_no_gitignore_is_made_and_one_that_is_there_is_kept_up() {
    let room = Room::bare();
    room.setup(&[]);
    assert!(!room.exists(".gitignore"));
    let room = Room::bare();
    room.write(".gitignore", "*.pyc");
    room.setup(&[]);
    assert_eq!(block(&room.text(".gitignore")), ["/.cache/", "/config/hardware_cache.json", "/.env"]);
}

#[test]
fn a_cache_whose_name_git_would_read_as_a_pattern_is_escaped() {
    let room = Room::git();
    room.setup(&["--cache-dir", "[a]*? b"]);
    assert!(git_ignores(&room, "[a]*? b/x") && !git_ignores(&room, "ab/x"));
}

#[test]
fn a_dotenv_keeps_its_lines_and_a_conflict_is_named() {
    let room = Room::fixture();
    room.append(".env", "export HF_HOME=\"/old/place\"\nTORCH_HOME=/x\n");
    let before = room.text(".env");
    let ran = room.setup(&[]);
    let root = room.root().to_str().unwrap();
    ran.says(&[
        "HF_HOME in .env, line 9, is \"/old/place\"; the block sets @/p/.cache/huggingface after it, and the later one counts",
        "TORCH_HOME in .env, line 10, is /x; the block sets @/p/.cache/torch after it",
    ]);
    let after = room.text(".env");
    assert!(after.starts_with(&before));
    let lines = block(&after);
    for (name, folder) in [
        ("PRIMARY_CACHE_PATH", ".cache"),
        ("HF_HOME", ".cache/huggingface"),
        ("TORCH_HOME", ".cache/torch"),
        ("MLX_CACHE_DIR", ".cache/mlx"),
        ("TRANSFORMERS_CACHE", ".cache/huggingface/hub"),
    ] {
        assert!(lines.contains(&format!("{name}={root}/{folder}").as_str()), "{name} in {lines:?}");
    }
}

#[test]
fn a_line_that_the_dotenv_has_already_is_not_repeated() {
    let room = Room::git();
    let line = format!("TORCH_HOME={}/.cache/torch", room.root().display());
    room.write(".env", format!("{line}\n"));
    room.setup(&[]);
    assert_eq!(room.text(".env").matches(&line).count(), 1);
}

#[test]
fn a_dotenv_keeps_its_mode_because_it_may_hold_secrets() {
    let room = Room::fixture();
    fs::set_permissions(room.place(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    room.setup(&[]);
    let mode = |path: &str| fs::metadata(room.place(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".env"), 0o600);
    for entry in fs::read_dir(room.place(".modelstrap/journal/objects")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_answers_are_remembered() {
    let room = Room::git();
    room.write("~/.zshenv", "");
    room.setup(&["--cache-dir", "models here", "--libraries", "torch", "--profile", "zsh", "--link-whisper=false"]);
    let answers: Value = serde_json::from_slice(&room.read(".modelstrap/answers.json")).unwrap();
    let expected = json!({"cache_dir": "models here", "libraries": ["torch"], "profile": "zsh", "link_whisper": false});
    assert_eq!(answers, expected);
    let tree = room.tree();
    room.setup(&[]);
    room.tree().assert_eq(&tree, "setup without flags");
    let env = room.run(&["env", "--format", "json"]).expect(0);
    assert!(env.out.contains("@/p/models here/torch") && !env.out.contains("HF_HOME"), "{}", env.out);
    assert!(!room.exists(".cache"));
}

#[test]
fn the_profile_is_written_where_it_belongs_and_no_bash_profile_is_made() {
    let room = Room::git();
    room.write("~/.bashrc", "a\n");
    room.write("~/.profile", "b\n");
    room.setup(&["--profile", "bash"]);
    for name in ["~/.bashrc", "~/.profile"] {
        let text = room.text(name);
        assert!(block(&text).iter().any(|line| line.contains(".modelstrap/env.sh")), "{text}");
    }
    let names: Vec<_> = Tree::of(&room.home()).names().into_iter().map(str::to_owned).collect();
    assert_eq!(names, [".bashrc", ".profile"]);
}

#[test]
fn profile_auto_takes_the_shells_in_use_and_only_those() {
    let room = Room::git().with("SHELL", "/usr/bin/zsh");
    fs::create_dir_all(room.place("~/.config/fish")).unwrap();
    room.setup(&["--profile", "auto"]);
    let names: Vec<_> = Tree::of(&room.home()).names().into_iter().map(str::to_owned).collect();
    assert_eq!(
        names,
        [".config", ".config/fish", ".config/fish/conf.d", ".config/fish/conf.d/modelstrap.fish", ".zshenv"]
    );
    // Off unless somebody asked.
    let room = Room::git().with("SHELL", "/usr/bin/zsh");
    room.write("~/.bashrc", "a\n");
    room.setup(&[]);
    assert_eq!(Tree::of(&room.home()).names(), [".bashrc"]);
}

#[test]
fn an_rc_file_survives_whatever_its_bytes_are() {
    for bytes in
        [b"a\r\nb\r\n".as_slice(), b"no final newline", b"L\xe4tin-1 \xff\n", b"", b"\xef\xbb\xbfa\n", b"\n\n\n"]
    {
        let room = Room::git();
        room.write("~/.bashrc", bytes);
        room.setup(&["--profile", "bash"]);
        let after = room.read("~/.bashrc");
        assert!(after.starts_with(bytes) && after.len() > bytes.len());
        if bytes.contains(&b'\r') {
            assert!(
                !after.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'),
                "every line ends as the others"
            );
        }
        room.undo(&[]);
        assert_eq!(room.read("~/.bashrc"), bytes);
    }
}

#[test]
fn a_linked_rc_file_stays_a_link_and_the_file_behind_it_is_written() {
    let room = Room::git();
    room.write("~/dotfiles/bashrc", "a\n");
    fs::set_permissions(room.place("~/dotfiles/bashrc"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("dotfiles/bashrc", room.place("~/.bashrc")).unwrap();
    let before = room.tree();
    room.setup(&["--profile", "bash"]);
    assert_eq!(fs::read_link(room.place("~/.bashrc")).unwrap().to_str(), Some("dotfiles/bashrc"));
    assert!(room.text("~/dotfiles/bashrc").contains(BEGIN));
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
}

#[test]
fn profile_none_removes_the_block() {
    let room = Room::git();
    room.write("~/.bashrc", "a\n");
    room.setup(&["--profile", "bash"]);
    assert!(room.text("~/.bashrc").contains(BEGIN));
    room.setup(&["--profile", "none"]);
    assert_eq!(room.text("~/.bashrc"), "a\n");
    room.undo(&[]);
    assert!(room.text("~/.bashrc").contains(BEGIN));
    room.undo(&[]);
    assert_eq!(room.text("~/.bashrc"), "a\n");
}

#[test]
fn skip_and_only_and_the_manifests_switches_leave_parts_out() {
    let parts = |room: &Room| {
        let there = [
            ("cache", ".cache"),
            ("machine-config", "config/hardware_cache.json"),
            ("gitignore", ".gitignore"),
            ("dotenv", ".env"),
            ("snippets", ".modelstrap/env.sh"),
        ];
        there.iter().filter(|(_, path)| room.exists(path)).map(|(part, _)| *part).collect::<Vec<_>>()
    };
    let all = ["cache", "machine-config", "gitignore", "dotenv", "snippets"];
    for part in all {
        let rest: Vec<_> = all.into_iter().filter(|other| *other != part).collect();
        let room = Room::git();
        room.setup(&["--skip", part]);
        assert_eq!(parts(&room), rest, "--skip {part}");
        let room = Room::git();
        room.setup(&["--only", part]);
        assert_eq!(parts(&room), [part], "--only {part}");
        let room = Room::git();
        room.write("modelstrap.toml", format!("[setup]\n{part} = false\n"));
        room.setup(&[]);
        assert_eq!(parts(&room), rest, "[setup] {part} = false");
    }
    let room = Room::git();
    room.setup(&["--skip", "cache,dotenv,snippets"]);
    assert_eq!(parts(&room), ["machine-config", "gitignore"]);
}

#[test]
fn what_a_person_edited_is_kept_without_force_and_replaced_with_it_and_undo_brings_it_back() {
    let room = Room::fixture();
    room.setup(&[]);
    room.append(".modelstrap/env.sh", "# mine\n");
    room.edit(".env", "TORCH_HOME=", "TORCH_HOME=/mine # ");
    room.edit("config/hardware_cache.json", "\"hf_home\": \".cache/huggingface\"", "\"hf_home\": \"/mine\"");
    let edited = room.tree();
    let ran = room.setup(&[]);
    ran.says(&[
        "warning: .modelstrap/env.sh stays as it is: it was edited since modelstrap wrote it; `--force` replaces it, `undo` brings it back",
        "warning: .env stays as it is: its modelstrap block was edited since modelstrap wrote it",
        "warning: config/hardware_cache.json stays as it is: `cache.hf_home` in it was edited since modelstrap wrote it",
        "Nothing to do",
    ]);
    room.tree().assert_eq(&edited, "without --force");
    room.run(&["setup", "--check"]).expect(0);
    room.setup(&["--force"]);
    for (name, mine) in [(".modelstrap/env.sh", "# mine"), (".env", "/mine"), ("config/hardware_cache.json", "/mine")] {
        assert!(!room.text(name).contains(mine), "{name}");
    }
    room.undo(&[]);
    room.tree()
        .without(|name| name.contains("/journal"))
        .assert_eq(&edited.without(|name| name.contains("/journal")), "undone");
}

#[test]
fn force_makes_a_broken_setup_whole_again() {
    let room = Room::fixture();
    room.setup(&[]);
    let ready = room.tree();
    room.write(".modelstrap/env.sh", "broken");
    fs::remove_file(room.place(".modelstrap/env.nu")).unwrap();
    fs::remove_dir(room.place(".cache/mlx")).unwrap();
    room.edit(".gitignore", "/.cache/\n", "");
    room.edit("config/hardware_cache.json", "\"hardware\": {", "\"hardware\": {\"old\": 1,");
    room.setup(&["--force"]);
    let journal = |name: &str| name.contains("/journal");
    room.tree().without(journal).assert_eq(&ready.without(journal), "--force");
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_file_that_stood_where_the_cache_tag_goes_is_kept() {
    let room = Room::git();
    room.write(".cache/CACHEDIR.TAG", "a person's own\n");
    let ran = room.setup(&[]);
    ran.says(&[".cache/CACHEDIR.TAG stays as it is: it was there before modelstrap"]);
    assert_eq!(room.text(".cache/CACHEDIR.TAG"), "a person's own\n");
}

#[test]
fn json_has_one_document_with_its_schema() {
    let room = Room::fixture();
    let plan = room.run(&["setup", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(plan["schema"], "modelstrap.setup/1");
    assert_eq!(plan["project"], "@/p");
    assert_eq!(plan["cache_root"], "@/p/.cache");
    assert_eq!(plan["applied"], false);
    assert_eq!(plan["kept"], json!([]));
    assert_eq!(plan["variables"]["TORCH_HOME"], "@/p/.cache/torch");
    assert!(plan["warnings"][0].as_str().unwrap().starts_with("legacy folder shared/model-cache: "));
    let change = plan["changes"].as_array().unwrap().iter().find(|change| change["path"] == "@/p/.gitignore").unwrap();
    let expected = json!({
        "path": "@/p/.gitignore", "action": "change", "kind": "block", "why": "keeps the caches out of Git",
        "lines_added": 7, "lines_removed": 0,
    });
    assert_eq!(*change, expected);
    let done = room.setup(&["--json"]).json();
    assert_eq!(done["applied"], true);
    assert_eq!(done["variables"], plan["variables"]);
    let again = room.setup(&["--json"]).json();
    assert_eq!((&again["applied"], &again["changes"]), (&json!(false), &json!([])));
    assert_eq!(room.run(&["setup", "--check", "--json"]).expect(0).json()["changes"], json!([]));
}

#[test]
fn a_ci_run_goes_on_without_asking() {
    let room = Room::fixture().with("CI", "true");
    let ran = room.run(&["setup"]).expect(0);
    ran.says(&["This is a CI run", "going on without asking."]);
    assert!(room.exists(".cache/torch"));
    let github = Room::fixture().with("GITHUB_ACTIONS", "true");
    github.run(&["setup"]).expect(0);
    github.run(&["undo"]).expect(0);
    assert!(!github.exists(".modelstrap"));
}

#[test]
fn every_flag_has_a_variable() {
    let by_flags = Room::git().at("q");
    by_flags.setup(&[
        "--cache-dir",
        "m",
        "--libraries",
        "torch,mlx",
        "--profile",
        "zsh",
        "--skip",
        "dotenv",
        "--quiet",
    ]);
    let by_variables = Room::git()
        .at("q")
        .with("MODELSTRAP_YES", "1")
        .with("MODELSTRAP_CACHE_DIR", "m")
        .with("MODELSTRAP_LIBRARIES", "torch,mlx")
        .with("MODELSTRAP_PROFILE", "zsh")
        .with("MODELSTRAP_SKIP", "dotenv")
        .with("MODELSTRAP_QUIET", "true");
    let ran = by_variables.run(&["setup"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let plain = |room: &Room| {
        let at = room.path().to_str().unwrap().to_owned();
        let tree = room.tree().without(|name| name.contains("/journal") || name.contains(".git/"));
        format!("{tree:#?}").replace(&at, "@")
    };
    assert_eq!(plain(&by_variables), plain(&by_flags));
    let room = Room::git().with("MODELSTRAP_DRY_RUN", "1").with("MODELSTRAP_YES", "1");
    room.run(&["setup"]).expect(0);
    assert!(!room.exists(".modelstrap"));
    let room = Room::git().with("MODELSTRAP_CHECK", "1");
    room.run(&["setup"]).expect(3);
    let room = Room::git().with("MODELSTRAP_ONLY", "dotenv").with("MODELSTRAP_JSON", "1");
    assert_eq!(room.setup(&[]).json()["applied"], true);
    assert!(room.exists(".env") && !room.exists(".cache"));
    let room = Room::git();
    let elsewhere = Room::git().with("MODELSTRAP_PROJECT", room.root().to_str().unwrap());
    elsewhere.setup(&[]);
    assert!(room.exists(".cache") && !elsewhere.exists(".cache"));
}

#[test]
fn a_subfolder_finds_its_project() {
    let room = Room::fixture();
    let mut command = room.command(&["setup", "--yes"]);
    room.ran(command.current_dir(room.place("stages"))).expect(0);
    assert!(room.exists(".cache") && !room.exists("stages/.cache"));
    room.run(&["-C", "stages", "setup", "--check"]).expect(0);
    // A manifest below the Git root is a project of its own; the ignore file stands beside it.
    let room = Room::git();
    room.write(".gitignore", "*.pyc\n");
    room.write("tools/ml/modelstrap.toml", "");
    room.run(&["-C", "tools/ml", "setup", "--yes"]).expect(0);
    assert!(room.exists("tools/ml/.cache") && !room.exists(".cache"));
    assert_eq!(room.text(".gitignore"), "*.pyc\n");
    assert!(git_ignores(&room, "tools/ml/.cache/x"));
}

#[test]
fn a_worktree_and_a_submodule_are_projects() {
    let room = Room::fixture();
    room.run_git(&["add", "--all"]);
    room.run_git(&["commit", "-q", "-m", "x"]);
    room.run_git(&["worktree", "add", "-q", "../tree"]);
    let origin = room.root().to_str().unwrap().to_owned();
    let room = room.at("tree");
    room.setup(&[]);
    assert!(room.exists(".cache/torch") && git_ignores(&room, ".cache/x"));
    room.run(&["setup", "--check"]).expect(0);
    let room = room.at("super");
    room.run_git(&["init", "-q"]);
    room.run_git(&["submodule", "--quiet", "add", &origin, "sub"]);
    let room = room.at("super/sub");
    room.setup(&[]);
    assert!(room.exists(".cache/torch") && git_ignores(&room, ".cache/x"));
    assert!(!room.exists("../.cache"));
    assert_eq!(
        room.run_git(&["status", "--porcelain", "--ignored=no"]).out,
        " M .gitignore\n M config/hardware_cache.json\n"
    );
}

#[test]
fn four_setups_at_the_same_moment_end_as_one() {
    let calm = Room::fixture();
    calm.write("~/.bashrc", "a\n");
    calm.setup(&["--profile", "bash"]);
    let expected = calm.tree();
    for _ in 0..3 {
        let room = Room::fixture();
        room.write("~/.bashrc", "a\n");
        let before = room.tree();
        let running: Vec<_> = (0..4)
            .map(|_| {
                let mut command = room.command(&["setup", "--yes", "--profile", "bash"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in running {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(room.tree().names().len(), expected.names().len());
        room.run(&["setup", "--check"]).expect(0);
        room.undo(&[]);
        room.tree().assert_eq(&before, "one undo takes back all four");
    }
}

#[test]
fn a_copy_of_a_project_with_our_files_in_it_becomes_ready_where_it_is() {
    let room = Room::fixture();
    room.setup(&[]);
    let other = Room::bare();
    copy(room.root(), other.root());
    other.run(&["setup", "--check"]).expect(3);
    other.setup(&[]);
    other.run(&["setup", "--check"]).expect(0);
    let env = other.text(".env");
    assert!(!env.contains(room.path().to_str().unwrap()), "{env}");
}

#[test]
fn the_whisper_link_leads_into_the_cache_and_is_taken_back() {
    let room = Room::git();
    let before = room.tree();
    room.setup(&["--link-whisper"]);
    assert_eq!(fs::read_link(room.place("~/.cache/whisper")).unwrap(), room.place(".cache/whisper"));
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
    room.write("~/.cache/whisper/base.pt", "weights");
    room.setup(&["--link-whisper"]).says(&[
        "~/.cache/whisper stays as it is",
        "is there already, and not a link: `modelstrap migrate` will be able to move it\n",
    ]);
    assert_eq!(room.text("~/.cache/whisper/base.pt"), "weights");
}

#[test]
fn a_path_with_blanks_quotes_and_letters_comes_out_right() {
    let room = Room::bare().at("it's a \"projéct\" $HOME `x` \\ модели");
    room.setup(&[]);
    let mut command = room.program("sh");
    let ran = room.ran(command.args(["-c", ". ./.modelstrap/env.sh; printf %s \"$TORCH_HOME\""])).expect(0);
    assert_eq!(ran.out, room.place(".cache/torch").to_str().unwrap().replace(room.path().to_str().unwrap(), "@"));
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_second_project_says_that_new_shells_will_load_its_variables_instead() {
    let room = Room::git();
    room.write("~/.bashrc", "mine\n");
    room.setup(&["--profile", "bash"]);
    let first = room.text("~/.bashrc");
    let other = room.path().join("other");
    fs::create_dir(&other).unwrap();
    let at = |arguments: &[&str]| room.ran(room.command(arguments).current_dir(&other)).expect(0);
    at(&["setup", "--yes", "--profile", "bash"])
        .says(&["~/.bashrc loads another project's variables: if [ -f '@/p/.modelstrap/env.sh'"]);
    assert!(room.text("~/.bashrc").contains("/other/.modelstrap/env.sh"));
    at(&["undo", "--yes"]);
    assert_eq!(room.text("~/.bashrc"), first);
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_cache_that_was_left_keeps_its_ignore_line_while_it_is_there() {
    let room = Room::git();
    room.setup(&[]);
    room.write(".cache/torch/m.pt", "weights");
    room.setup(&["--cache-dir", "models here"]).says(&[".cache was a cache of this project and is still there"]);
    assert!(room.text(".gitignore").contains("/models here/\n"));
    assert!(room.text(".gitignore").contains("\n/.cache/\n"));
    room.run(&["setup", "--check"]).expect(0);
    fs::rename(room.place(".cache"), room.path().join("gone")).unwrap();
    room.setup(&[]);
    assert!(!room.text(".gitignore").contains("/.cache/"));
}

#[test]
fn an_answer_that_overrules_the_manifest_is_told_and_can_be_taken_back() {
    let room = Room::git();
    room.setup(&["--cache-dir", "chosen"]);
    room.write("modelstrap.toml", "[cache]\nbase_dir = \"named\"\n");
    room.setup(&[])
        .says(&["[cache] base_dir is \"named\" in the manifest, but \"chosen\" was chosen on this machine and counts"]);
    room.setup(&["--cache-dir", "project"]);
    let variables = room.run(&["env", "--format", "json"]).expect(0).json();
    assert_eq!(variables["PRIMARY_CACHE_PATH"], "@/p/named");
    room.run(&["setup", "--check"]).expect(0);
}
