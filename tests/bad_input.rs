//! Bad input, one test each: the exit code, what is said (what, where, why, what next), and an untouched disk.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::project::{BEGIN, END, PROGRAM, Ran, Room, may_mount};

/// Runs setup, which must fail with exactly `error` and change nothing.
#[track_caller]
fn refused(room: &Room, flags: &[&str], error: &str) {
    let ran = refused_saying(room, flags, &[]);
    assert_eq!(ran.err, format!("error: {error}\n"));
}

/// Runs setup, which must fail, say `words` and change nothing.
#[track_caller]
fn refused_saying(room: &Room, flags: &[&str], words: &[&str]) -> Ran {
    let before = room.tree();
    let ran = room.run(&[&["setup", "--yes"], flags].concat()).expect(1).says(words);
    room.tree().assert_eq(&before, "the disk after a refusal");
    assert_eq!(ran.out, "", "stdout");
    ran
}

/// True for root, whom permissions do not stop.
fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// A shell in its own mount namespace, as root; `$1` is the program, `$2` the room.
fn mounted(room: &Room, script: &str) -> Ran {
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

const NOTHING_CHANGED: &str = "nothing was changed";

#[test]
fn a_manifest_that_is_broken_toml_is_shown_with_line_and_column() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[project]\nname = \"x\"\n[cache\nbase_dir = \".cache\"\n");
    let ran = refused_saying(&room, &[], &["@/p/modelstrap.toml:3:7: ", "\n  3 | [cache\n    |       ^"]);
    assert!(ran.err.starts_with("error: @/p/modelstrap.toml:3:7: "), "{}", ran.err);
}

#[test]
fn an_unknown_key_in_the_manifest_names_the_nearest_known_one() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[cache]\nbase_dirr = \".cache\"\n");
    refused(
        &room,
        &[],
        "@/p/modelstrap.toml:2:1: unknown key `base_dirr`\n  2 | base_dirr = \".cache\"\n    | ^^^^^^^^^\n  the nearest known key is `base_dir`",
    );
    room.write("modelstrap.toml", "[environment.main]\npath = \".venv\"\n");
    refused_saying(
        &room,
        &[],
        &["modelstrap.toml:1:2: unknown key `environment`", "nearest known key is `environments`"],
    );
}

#[test]
fn a_wrong_type_in_the_manifest_is_shown_where_it_stands() {
    let room = Room::fixture();
    room.write("modelstrap.toml", "[cache]\nlibraries = \"torch\"\n");
    refused(
        &room,
        &[],
        "@/p/modelstrap.toml:2:13: invalid type: string \"torch\", expected a sequence\n  2 | libraries = \"torch\"\n    |             ^^^^^^^",
    );
    room.write("modelstrap.toml", "[cache]\nlibraries = [\"tourch\"]\n");
    refused_saying(&room, &[], &["@/p/modelstrap.toml: [cache] libraries: ", "tourch", "torch", "--list-libraries"]);
    room.write("modelstrap.toml", b"[project]\nname = \"\xff\"\n");
    refused(&room, &[], "@/p/modelstrap.toml is not UTF-8 (first bad byte at offset 18)\n  save it as UTF-8");
}

#[test]
fn a_manifest_that_is_a_folder_or_a_dangling_link_is_named() {
    let room = Room::git();
    fs::create_dir(room.place("modelstrap.toml")).unwrap();
    refused(&room, &[], "@/p/modelstrap.toml is not a file\n  a manifest is a TOML file; move this away");
    fs::remove_dir(room.place("modelstrap.toml")).unwrap();
    symlink("nowhere", room.place("modelstrap.toml")).unwrap();
    refused_saying(&room, &[], &["@/p/modelstrap.toml cannot be read: No such file"]);
}

#[test]
fn a_machine_config_that_is_broken_is_shown_with_its_place() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "{\n  \"version\": \"1.0.0\",\n  \"cache\": {,}\n}\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is not valid JSON: key must be a string at line 3 column 13\n  mend it at that place, or move the file away: setup writes a new one\nnothing was changed",
    );
    room.write("config/hardware_cache.json", "");
    refused_saying(&room, &[], &["hardware_cache.json: is not valid JSON: EOF", NOTHING_CHANGED]);
    room.write("config/hardware_cache.json", b"{\"a\": \"\xe4\"}\n");
    refused_saying(&room, &[], &["is not UTF-8 (first bad byte at offset 7)", NOTHING_CHANGED]);
}

#[test]
fn a_machine_config_with_a_byte_order_mark_is_refused() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "\u{feff}{}\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: begins with a byte order mark, which Python's json module refuses\n  save it as UTF-8 without a byte order mark\nnothing was changed",
    );
}

#[test]
fn a_machine_config_that_is_an_array_is_refused() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "[1, 2]\n");
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is JSON, but not an object\n  move the file away: setup writes a new one\nnothing was changed",
    );
}

#[test]
fn a_machine_config_of_200_megabytes_is_refused_without_being_read() {
    let room = Room::fixture();
    fs::File::create(room.place("config/hardware_cache.json")).unwrap().set_len(200 << 20).unwrap();
    let begun = Instant::now();
    refused_saying(&room, &[], &["@/p/config/hardware_cache.json: is 2", "too large", NOTHING_CHANGED]);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_machine_config_that_is_a_folder_is_refused() {
    let room = Room::git();
    fs::create_dir_all(room.place("config/hardware_cache.json")).unwrap();
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: is a folder, and a JSON file belongs there\n  move it away, or leave it out with `--skip machine-config`\nnothing was changed",
    );
    room.setup(&["--skip", "machine-config"]);
}

#[test]
fn a_machine_config_that_is_a_link_out_of_the_project_is_refused() {
    let room = Room::fixture();
    fs::remove_file(room.place("config/hardware_cache.json")).unwrap();
    room.write("~/outside.json", "{}\n");
    symlink("../../h/outside.json", room.place("config/hardware_cache.json")).unwrap();
    refused(
        &room,
        &[],
        "@/p/config/hardware_cache.json: leads out of the project, to @/h/outside.json\n  replace the link by a file, or leave this part out with `--skip`\nnothing was changed",
    );
    // A folder that leads out is the same.
    let room = Room::git();
    symlink("../h", room.place("config")).unwrap();
    refused_saying(&room, &[], &["leads out of the project, to @/h/hardware_cache.json"]);
}

#[test]
fn links_of_a_cloned_project_never_lead_a_write_out_of_it() {
    for name in [".env", ".gitignore", ".modelstrap"] {
        let room = Room::git();
        fs::create_dir(room.path().join("victim")).unwrap();
        symlink("../victim/x", room.place(name)).unwrap();
        refused_saying(&room, &[], &[&format!("@/p/{name}"), "leads out of the project, to @/victim/x"]);
    }
}

#[test]
fn a_cache_root_that_would_swallow_something_is_refused() {
    let room = Room::fixture();
    let at = |path: &Path| path.to_str().unwrap().to_owned();
    let (root, parent, home) = (at(room.root()), at(room.path()), at(&room.home()));
    room.write("file", "");
    symlink("nowhere", room.place("dangling")).unwrap();
    symlink("file", room.place("to-file")).unwrap();
    symlink("../../h", room.place("config/home")).unwrap();
    for (base_dir, shown, why) in [
        (".", ".", "is the project itself"),
        (root.as_str(), "@/p", "is the project itself"),
        (parent.as_str(), "@", "holds the project"),
        (home.as_str(), "@/h", "is the home folder"),
        ("~/", "~/", "is the home folder"),
        ("config/home", "config/home", "is the home folder"),
        ("/", "/", "is the root of the disk"),
        ("file", "file", "is a file"),
        ("to-file", "to-file", "is a link to a file"),
        ("..", "..", "leads upwards with `..`"),
        (".cache/../x", ".cache/../x", "leads upwards with `..`"),
        ("dangling", "dangling", "is a symbolic link to something that does not exist (is a disk not mounted?)"),
    ] {
        let next = "choose a folder of its own, such as `.cache`: [cache] base_dir in the manifest, or `--cache-dir`";
        let error = format!("the cache root `{shown}` {why}\n  {next}");
        refused(&room, &["--cache-dir", base_dir], &error);
        let manifest = room.text("modelstrap.toml");
        room.edit("modelstrap.toml", "base_dir = \".cache\"", &format!("base_dir = \"{base_dir}\""));
        refused(&room, &[], &error);
        room.write("modelstrap.toml", manifest);
    }
}

#[test]
fn a_home_in_the_cache_root_that_is_a_file_or_a_dangling_link_is_refused() {
    let room = Room::fixture();
    room.write(".cache/torch", "");
    refused_saying(&room, &[], &["@/p/.cache/torch: is a file, and a folder is needed there", NOTHING_CHANGED]);
    let room = Room::fixture();
    fs::create_dir(room.place(".cache")).unwrap();
    symlink("/nowhere/torch", room.place(".cache/torch")).unwrap();
    let words = ["@/p/.cache/torch: is a symbolic link to /nowhere/torch, which does not exist", NOTHING_CHANGED];
    refused_saying(&room, &[], &words);
}

#[test]
fn a_read_only_disk_is_refused_before_anything_is_written() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let before = room.tree();
    let script =
        "mount -o bind \"$2/p\" \"$2/p\"; mount -o remount,bind,ro \"$2/p\"; cd \"$2/p\"; exec \"$1\" setup --yes";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/p", "cannot be written", "Read-only file system", "`--cache-dir`", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only disk");
    // The cache alone on such a disk.
    fs::create_dir(room.place(".cache")).unwrap();
    let before = room.tree();
    let script = "mount -t tmpfs none \"$2/p/.cache\"; mount -o remount,ro \"$2/p/.cache\"; cd \"$2/p\"; exec \"$1\" setup --yes";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/p/.cache/torch: cannot be written: @/p/.cache: Read-only file system", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only cache");
}

#[test]
fn a_full_disk_of_any_size_leaves_the_project_as_it_was_or_ready() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let (mut failed, mut done) = (0, 0);
    for kilobytes in (100..340).step_by(12) {
        // The project alone is on the small disk; what came of it is copied out before the disk goes.
        let script = format!(
            "mkdir -p \"$2/small\" \"$2/out\"; mount -t tmpfs -o size={kilobytes}k none \"$2/small\"; \
             if ! cp -a \"$2/p\" \"$2/small/\"; then exit 99; fi; cd \"$2/small/p\"; \
             code=0; \"$1\" setup --yes --quiet || code=$?; cp -a \"$2/small/p\" \"$2/out/\"; exit $code"
        );
        let project = support::project::Tree::of(room.root());
        let ran = mounted(&room, &script);
        let when = format!("a disk of {kilobytes} kB: {}", ran.err);
        match ran.code {
            99 => {}
            1 => {
                failed += 1;
                assert!(ran.err.contains("No space left on device"), "{when}");
                assert!(ran.err.contains("every change of this run was taken back"), "{when}");
                support::project::Tree::of(&room.path().join("out/p")).assert_eq(&project, &when);
            }
            0 => done += 1,
            code => panic!("exit code {code} on {when}"),
        }
        Command::new("rm").arg("-rf").arg(room.path().join("out")).status().unwrap();
    }
    assert!(failed >= 3 && done >= 1, "{failed} failed, {done} succeeded");
}

#[test]
fn a_disk_without_symbolic_links_is_made_ready_too() {
    if !may_mount() {
        return;
    }
    if !Path::new("/dev/fuse").exists() || Command::new("mount.exfat-fuse").arg("-V").output().is_err() {
        eprintln!("skipped: exfat-fuse is not installed, or there is no /dev/fuse");
        return;
    }
    let room = Room::fixture();
    let script = "
        truncate -s 16M \"$2/image\"; mkfs.exfat \"$2/image\" >/dev/null; mkdir \"$2/disk\"
        loop=$(losetup -f --show \"$2/image\") || exit 98
        trap 'umount \"$2/disk\" || :; losetup -d $loop || :' EXIT
        mount.exfat-fuse $loop \"$2/disk\" >/dev/null 2>&1 || exit 98
        cp -r \"$2/p\" \"$2/disk/p\"; cd \"$2/disk/p\"; cp -r . \"$2/before\"
        \"$1\" setup --yes --quiet; \"$1\" setup --check --quiet; cp -r . \"$2/ready\"
        \"$1\" undo --all --yes --quiet; cp -r . \"$2/after\"
        mkdir \"$2/disk/h\"; code=0; HOME=\"$2/disk/h\" \"$1\" setup --yes --link-whisper --quiet || code=$?
        test $code = 1; cp -r . \"$2/refused\"; test ! -e \"$2/disk/h/.cache\"";
    let ran = mounted(&room, script);
    if ran.code == 98 {
        eprintln!("skipped: no loop device can be mounted here");
        return;
    }
    let ran = ran.expect(0);
    assert!(room.path().join("ready/.cache/torch").is_dir());
    let tree = |name: &str| support::project::Tree::of(&room.path().join(name));
    tree("after").assert_eq(&tree("before"), "an exfat disk after undo");
    // A link is asked for where there can be none: everything is taken back.
    tree("refused").assert_eq(&tree("before"), "an exfat home");
    ran.says(&["@/disk/h/.cache/whisper: ", "every change of this run was taken back"]);
}

#[test]
fn without_a_home_setup_works_and_what_needs_one_says_so() {
    let room = Room::fixture();
    let run = |arguments: &[&str]| room.ran(room.command(arguments).env_remove("HOME").env("USER", "nobody-at-all"));
    let before = room.tree();
    let ran = run(&["setup", "--yes", "--cache-dir", "~/models"]).expect(1);
    ran.says(&["the cache root `~/models` begins with `~`, and HOME is not set"]);
    run(&["setup", "--yes", "--profile", "bash"]).expect(2).says(&["HOME is not set", "--profile none"]);
    room.tree().assert_eq(&before, "two refusals");
    run(&["setup", "--yes"]).expect(0);
    run(&["setup", "--check"]).expect(0);
    run(&["undo", "--yes"]).expect(0);
    room.tree().assert_eq(&before, "undo without a home");
}

#[test]
fn a_home_that_cannot_be_written_is_refused_before_anything_is_written() {
    if !may_mount() {
        return;
    }
    let room = Room::fixture();
    let before = room.tree();
    let script = "mount -o bind \"$2/h\" \"$2/h\"; mount -o remount,bind,ro \"$2/h\"; cd \"$2/p\"; exec \"$1\" setup --yes --profile bash";
    let ran = mounted(&room, script).expect(1);
    ran.says(&["@/h/.bashrc: cannot be written: @/h: Read-only file system", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a read-only home");
    // What needs no home works with such a one.
    let script = script.replace("--profile bash", "--quiet");
    mounted(&room, &script).expect(0);
}

#[test]
fn an_rc_file_that_is_read_only_is_refused() {
    let room = Room::fixture();
    room.write("~/.bashrc", "alias x=y\n");
    fs::set_permissions(room.place("~/.bashrc"), fs::Permissions::from_mode(0o444)).unwrap();
    refused(
        &room,
        &["--profile", "bash"],
        "@/h/.bashrc: is read-only\n  make it writable, or leave this part out with `--skip`\nnothing was changed",
    );
}

#[test]
fn an_rc_file_that_is_a_folder_is_refused() {
    let room = Room::fixture();
    fs::create_dir(room.place("~/.bashrc")).unwrap();
    refused(
        &room,
        &["--profile", "bash"],
        "@/h/.bashrc: is a folder, and a file belongs there\n  move it away, or leave this part out with `--skip`\nnothing was changed",
    );
}

#[test]
fn an_rc_file_that_is_not_utf_8_keeps_its_bytes() {
    let room = Room::fixture();
    let bytes = b"export PS1='\xe4\xf6\xfc \x80'\r\nx=\xff\xfe";
    room.write("~/.bashrc", bytes);
    let before = room.tree();
    room.setup(&["--profile", "bash"]);
    let after = room.read("~/.bashrc");
    assert!(after.starts_with(bytes) && after.len() > bytes.len());
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
    // UTF-16 has no bytes in common with our markers: that is refused.
    room.write("~/.bashrc", b"\xff\xfea\0l\0");
    refused_saying(&room, &["--profile", "bash"], &["@/h/.bashrc: is UTF-16", "save it as UTF-8", NOTHING_CHANGED]);
}

#[test]
fn an_rc_file_of_50_megabytes_is_refused_at_once() {
    let room = Room::fixture();
    fs::File::create(room.place("~/.bashrc")).unwrap().set_len(50 << 20).unwrap();
    let begun = Instant::now();
    refused_saying(&room, &["--profile", "bash"], &["@/h/.bashrc: is 5", "too large", "`--skip`", NOTHING_CHANGED]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Without the profile it is nobody's concern.
    room.setup(&[]);
}

#[test]
fn a_pipe_where_a_file_belongs_is_refused_and_not_waited_for() {
    let room = Room::fixture();
    fs::remove_file(room.place(".env")).unwrap();
    assert!(Command::new("mkfifo").arg(room.place(".env")).status().unwrap().success());
    let before = room.tree();
    let mut command = room.program("timeout");
    command.args(["10", PROGRAM, "setup", "--yes"]);
    room.ran(&mut command).expect(1).says(&["@/p/.env: is neither a file nor a folder", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a pipe");
}

#[test]
fn half_doubled_and_inverted_markers_are_shown_with_their_lines() {
    let next = "restore or remove those marker lines by hand, then run this again";
    let broken = [
        (format!("a\n{BEGIN}\nb\n"), "modelstrap's block begins but does not end", vec![(2, BEGIN)]),
        (format!("a\nb\n{END}\n"), "modelstrap's block ends but does not begin", vec![(3, END)]),
        (
            format!("{END}\na\n{BEGIN}\n"),
            "the end marker of modelstrap's block stands before its begin marker",
            vec![(1, END), (3, BEGIN)],
        ),
        (
            format!("{BEGIN}\n{END}\nx\n{BEGIN}\n{END}\n"),
            "modelstrap's block has more than one begin or end marker",
            vec![(1, BEGIN), (2, END), (4, BEGIN), (5, END)],
        ),
    ];
    for (text, problem, lines) in broken {
        let shown: String = lines.iter().map(|(number, line)| format!("\n    line {number}: {line}")).collect();
        for name in [".gitignore", ".env", "~/.bashrc"] {
            let room = Room::fixture();
            room.write(name, &text);
            let path = name.strip_prefix("~/").map_or_else(|| format!("@/p/{name}"), |name| format!("@/h/{name}"));
            let error = format!("{path}: {problem}:{shown}\n  {next}\nnothing was changed");
            let ran = refused_saying(&room, &["--profile", "bash"], &[&error]);
            assert_eq!(ran.err, format!("error: {error}\n"));
        }
    }
}

#[test]
fn every_obstacle_is_named_at_once() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "[]");
    room.write(".env", format!("{BEGIN}\n"));
    room.write(".cache", "");
    let ran = refused_saying(&room, &["--cache-dir", ".caches"], &["hardware_cache.json", "@/p/.env", NOTHING_CHANGED]);
    assert_eq!(ran.err.matches(NOTHING_CHANGED).count(), 1);
}

#[test]
fn no_terminal_and_no_yes_is_wrong_usage_that_names_the_flag() {
    let room = Room::fixture();
    let before = room.tree();
    let ran = room.run(&["setup"]).expect(2);
    let error = "error: setup asks before it changes anything, and there is no terminal to ask on\n  give `--yes` to apply the plan, or `--dry-run` to look at it\n";
    assert!(ran.err.ends_with(error), "{}", ran.err);
    room.tree().assert_eq(&before, "setup without an answer");
    room.setup(&[]);
    let ready = room.tree();
    let ran = room.run(&["undo"]).expect(2);
    let error = "error: undo asks before it changes anything, and there is no terminal to ask on\n  give `--yes`\n";
    assert!(ran.err.ends_with(error), "{}", ran.err);
    room.tree().assert_eq(&ready, "undo without an answer");
}

#[test]
fn wrong_words_in_flags_are_wrong_usage() {
    let room = Room::fixture();
    let before = room.tree();
    let usage = |flags: &[&str]| room.run(&[&["setup", "--yes"], flags].concat()).expect(2);
    let parts = "the parts are cache, machine-config, gitignore, dotenv, snippets, profile";
    usage(&["--skip", "dotenvs"]).says(&["`--skip dotenvs`: there is no such part", parts]);
    usage(&["--only", "cache,x"]).says(&["`--only x`: there is no such part", parts]);
    usage(&["--profile", "basch"]).says(&["`--profile basch`: neither a shell with an rc file nor a path", "bash"]);
    usage(&["--skip", "cache", "--only", "cache"]).says(&["--skip", "--only", "cannot be used with"]);
    room.tree().assert_eq(&before, "wrong usage");
}

#[test]
fn a_folder_that_is_no_project_is_refused() {
    let room = Room::bare();
    let before = room.tree();
    let home = room.home();
    let home = home.to_str().unwrap();
    let ran = room.run(&["-C", home, "setup", "--yes"]).expect(1);
    assert_eq!(ran.err, "error: @/h is not a project\n  change into the project's folder, or give it with `-C DIR`\n");
    room.run(&["-C", "nowhere", "setup", "--yes"]).expect(1).says(&["@/p/nowhere is not a folder", "`-C DIR`"]);
    room.tree().assert_eq(&before, "no project");
}

#[test]
fn a_user_without_rights_on_the_project_is_told_so() {
    if !is_root() {
        eprintln!("skipped: only root can become somebody else");
        return;
    }
    let room = Room::fixture();
    // The room itself must be reachable for somebody else.
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if room.program("setpriv").arg("--version").output().is_err() {
        eprintln!("skipped: setpriv is not installed");
        return;
    }
    let program = room.path().join("modelstrap");
    fs::copy(PROGRAM, &program).unwrap();
    let before = room.tree();
    let mut command = room.program("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(["setup", "--yes"]);
    let ran = room.ran(&mut command).expect(1);
    ran.says(&["@/p", "cannot be written", "Permission denied", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "somebody else's project");
}
