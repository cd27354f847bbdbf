//! `modelstrap prune`: what nobody needs goes; what is young, needed or not the cache's stays.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::lived::{HUB, MAIN, PINNED, lived_in, outside, repository, rounded};
use crate::support::project::Room;

const ASR: &str = ".cache/huggingface/hub/models--org--asr";

/// Makes a file look as if nobody had read or written it for so many days.
fn age(room: &Room, name: &str, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    let file = fs::File::options().write(true).open(room.place(name)).unwrap();
    file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
}

fn shown(room: &Room, arguments: &[&str]) -> String {
    told(room, arguments, 0)
}

/// The same, of a dry run that ends with `code`.
fn told(room: &Room, arguments: &[&str], code: i32) -> String {
    let ran = room.run(&[&["prune", "--undo-for", "1h", "--dry-run"], arguments].concat()).expect(code);
    rounded(&ran.out).replace("(atime)", "(mtime)")
}

#[test]
fn what_came_within_the_hour_stays() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["prune", "--yes"]).expect(0);
    assert_eq!(
        ran.err,
        "\
Nothing to remove.
Stays:
  org/asr: 2 unfinished downloads came or changed less than 1 h ago; `--grace 0` takes them
  whisper: 1 unfinished download came or changed less than 1 h ago; `--grace 0` takes it
  org/asr@111111111111: it came or changed less than 1 h ago
"
    );
    assert_eq!(ran.out, "");
    let ours = |name: &str| name.starts_with("p/.cache/.modelstrap");
    room.tree().without(ours).assert_eq(&before, "a prune within the hour");
}

#[test]
fn the_plan_names_what_nobody_needs_and_why() {
    let room = lived_in();
    age(&room, "out/tmdb/film.json", 91);
    assert_eq!(
        shown(&room, &["--grace", "0"]),
        "\
Frees Used Why
org/asr: 2 unfinished downloads 0.5 MB unfinished download that nobody writes
org/asr: 1 blob 0.2 MB no revision has it
whisper: 1 unfinished download 0.2 MB today (mtime) unfinished download that nobody writes
tmdb: 1 entry 0.1 MB 3 mo (mtime) older than its max_age of 90 d
org/asr@111111111111 0.4 MB today (mtime) no ref and no lock names it
Total 1.4 MB

For 1 h `modelstrap prune --undo` brings it back, and it still takes its room; `--now` frees it at once.
"
    );
}

#[test]
fn nothing_else_goes_and_a_second_run_has_nothing_to_do() {
    let room = lived_in();
    age(&room, "out/tmdb/film.json", 91);
    let before = outside(&room);
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(rounded(&ran.out).ends_with("\n1.4 MB freed.\n"), "{}", ran.out);
    let there = |path: &str| room.exists(&format!("{ASR}/{path}"));
    let gone = [
        "blobs/orphan",
        "blobs/old",
        "blobs/new.1a2b3c4d.incomplete",
        ".modelstrap/partials/ab.part",
        &format!("snapshots/{PINNED}"),
        &format!("trees/{PINNED}.json"),
        &format!(".no_exist/{PINNED}"),
    ];
    assert_eq!(gone.map(there), [false; 7]);
    let left = ["blobs/both", "blobs/new", "refs/main", &format!("snapshots/{MAIN}/both.bin")];
    assert_eq!(left.map(there), [true; 4]);
    assert!(room.exists(".cache/whisper/large-v3.pt") && room.exists(".cache/huggingface/token"));
    assert!(!room.exists("out/tmdb/film.json") && room.exists("out/tmdb/deep/er/film.json"));
    outside(&room).assert_eq(&before, "prune");
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"));
}

#[test]
fn age_and_keep_choose_among_models() {
    let room = lived_in();
    age(&room, ".cache/whisper/large-v3.pt", 40);
    age(&room, ".cache/torch/hub/checkpoints/resnet.pth", 50);
    let old = ["--grace", "0", "--older-than", "30d"];
    let text = shown(&room, &old);
    assert!(text.contains("\nresnet.pth 0.5 MB 50 d (mtime) not used for 50 d\n"), "{text}");
    assert!(text.contains("\nlarge-v3.pt 1.2 MB 40 d (mtime) not used for 40 d\n"), "{text}");
    let text = shown(&room, &[&old[..], &["--keep", "large-v3.pt", "--keep", "org/asr"]].concat());
    assert!(text.contains("\nStays:\norg/asr@111111111111: --keep\nlarge-v3.pt: --keep\n"), "{text}");
    let ran = room.run(&["prune", "--keep", "large"]).expect(2);
    assert!(
        ran.err.starts_with("error: --keep: nothing in the cache is called large; did you mean `large-v3.pt`?"),
        "{}",
        ran.err
    );
}

#[test]
fn a_budget_and_a_size_take_the_least_recently_used_first() {
    let room = lived_in();
    room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    age(&room, ".cache/whisper/large-v3.pt", 40);
    age(&room, ".cache/torch/hub/checkpoints/resnet.pth", 50);
    // 6.3 MB with the photos, which count and never go.
    let text = shown(&room, &["--grace", "0", "--max-size", "6.0 MB"]);
    assert!(
        text.starts_with("Frees Used Why\nresnet.pth 0.5 MB 50 d (mtime) for --max-size 6.0 MB\nTotal 0.5 MB\n"),
        "{text}"
    );
    room.append("modelstrap.toml", "[cache]\nbudget = \"5 MB\"\n");
    let text = shown(&room, &["--grace", "0"]);
    assert!(text.contains("\nlarge-v3.pt 1.2 MB 40 d (mtime) for the budget of 5.0 MB\nTotal 1.7 MB\n"), "{text}");
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--undo-for", "1h"]).expect(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    // What can still be brought back is on the disk, and asks for no more victims.
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--undo-for", "1h"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"));
    let ran = room.run(&["prune", "--grace", "0", "--yes", "--now", "--max-size", "1 MB"]).expect(1);
    assert!(ran.err.contains("error: --max-size 1.00 MB cannot be reached: "), "{}", ran.err);
    room.run(&["status", "--check", "-q"]).expect(0);
}

#[test]
fn a_repository_that_goes_whole_gives_the_reason_of_each_part() {
    let room = lived_in();
    let whole = "\
org/asr: 2 unfinished downloads 0.5 MB unfinished download that nobody writes
org/asr: 1 blob 0.2 MB no revision has it
whisper: 1 unfinished download 0.2 MB today (mtime) unfinished download that nobody writes
org/asr@111111111111 0.4 MB today (mtime) no ref and no lock names it
";
    for (flag, value, why) in [
        // How many seconds that is, the clock says.
        ("--older-than", "0", "not used for"),
        ("--max-size", "1kB", "for --max-size 1.00 kB"),
        ("--until-free", "900TB", "for --until-free 900 TB"),
    ] {
        // A dry run ends as the run would: what is asked for in sizes cannot be reached.
        let text = told(&room, &["--grace", "0", flag, value], i32::from(flag != "--older-than"));
        // The units of the flag, too.
        let why = rounded(why);
        let last = text.lines().find(|line| line.starts_with("org/asr@222222222222 (main) 2.")).unwrap_or_default();
        assert!(text.contains(whole) && last.contains(why.trim_end()), "{flag}: {text}");
    }
    room.run(&["prune", "--grace", "0", "--older-than", "0", "--yes", "--now"]).expect(0);
    assert!(!room.exists(ASR));
}

#[test]
fn a_dry_run_ends_as_the_run_where_a_target_cannot_be_reached() {
    let room = lived_in();
    let words = |more: &[&str]| room.run(&[&["prune", "--grace", "0", "--now"], more].concat());
    for (flag, name) in
        [(["--max-size", "1 MB"], "--max-size 1.00 MB"), (["--until-free", "900TB"], "--until-free 900 TB")]
    {
        let ran = words(&[&flag[..], &["--dry-run"]].concat()).expect(1);
        assert!(ran.err.starts_with(&format!("error: {name} cannot be reached: ")), "{}", ran.err);
        assert_eq!(ran.err.matches("cannot be reached").count(), 1, "{}", ran.err);
        let json = words(&[&flag[..], &["--dry-run", "--json"]].concat()).expect(1).json();
        assert_eq!(json["unreached"].as_array().unwrap().len(), 1);
    }
    words(&["--max-size", "100 MB", "--dry-run"]).expect(0);
    // A budget is no flag: who prunes did not ask for it now.
    room.append("modelstrap.toml", "[cache]\nbudget = \"1 MB\"\n");
    words(&["--dry-run"]).expect(0).says(&["warning: the budget of 1.00 MB cannot be reached: "]);
}

#[test]
fn until_free_frees_at_once_and_says_when_it_cannot() {
    let room = lived_in();
    let ran = room.run(&["prune", "--grace", "0", "--until-free", "1kB", "--dry-run", "--json"]).expect(0).json();
    assert_eq!(ran["unreached"], serde_json::json!([]));
    let ran = room.run(&["prune", "--grace", "0", "--until-free", "900TB", "--yes"]).expect(1);
    assert!(ran.err.contains("--until-free 900 TB cannot be reached: "), "{}", ran.err);
    assert!(
        ran.out.contains("It is freed at once because of --until-free, and cannot be brought back.")
            && ran.out.contains(" freed.\n"),
        "{}",
        ran.out
    );
    assert!(!room.exists(".cache/whisper/large-v3.pt") && room.exists(".cache/photos/holiday.jpg"));
}

#[test]
fn a_repository_that_holds_nothing_goes_and_one_that_was_hidden_is_seen_again() {
    let room = lived_in();
    room.write(&format!("{HUB}/models--org--empty/refs/main"), MAIN);
    repository(&room, "org/hidden", &[(MAIN, &[("x", 100)])]);
    room.write(&format!("{HUB}/models--org--hidden/refs/main"), MAIN);
    room.write(&format!("{HUB}/models--org--hidden/refs/broken"), PINNED);
    room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(!room.exists(&format!("{HUB}/models--org--empty")));
    assert!(!room.exists(&format!("{HUB}/models--org--hidden/refs/broken")));
    assert!(room.exists(&format!("{HUB}/models--org--hidden/blobs/x")));
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_running_program_has_open_or_mapped_stays() {
    let room = lived_in();
    let held = |code: &str, file: &str| {
        let code = format!(
            "import mmap, sys\nf = open(sys.argv[1], 'rb')\n{code}\nprint('held', flush=True)\nsys.stdin.read()"
        );
        let mut command = room.program("python3");
        command.args(["-c", &code]).arg(room.place(file)).stdin(std::process::Stdio::piped());
        let mut child = command.stdout(std::process::Stdio::piped()).spawn().ok()?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        (line == "held\n").then_some(child)
    };
    let mapped = "m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\nf.close()";
    let (Some(one), Some(two)) = (held(mapped, ".cache/whisper/large-v3.pt"), held("", &format!("{ASR}/blobs/old")))
    else {
        eprintln!("skipped: python3 is not installed");
        return;
    };
    let text = shown(&room, &["--grace", "0", "--older-than", "0"]);
    for child in [one, two] {
        let mut child = child;
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    let open = "a running program has it open\n";
    assert!(
        text.contains(&format!("\norg/asr@111111111111: {open}")) && text.contains(&format!("\nlarge-v3.pt: {open}")),
        "{text}"
    );
    let text = shown(&room, &["--grace", "0", "--older-than", "0"]);
    let gone = ["\norg/asr@111111111111 0.4 MB", "\norg/asr@222222222222 (main) 2.", "\nlarge-v3.pt 1.2 MB"];
    assert!(gone.iter().all(|line| text.contains(line)) && !text.contains(" open"), "{text}");
}

#[test]
fn a_project_whose_models_are_not_locked_is_warned() {
    let room = lived_in();
    room.append("modelstrap.toml", "[models]\nasr = \"hf:org/asr\"\n");
    let ran = room.run(&["prune", "--dry-run"]).expect(0);
    assert_eq!(
        ran.err.lines().next(),
        Some("warning: the project has no modelstrap.lock: what its manifest names counts for nothing here")
    );
}

#[test]
fn ci_needs_a_lock_and_never_a_half_one() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["prune", "--ci", "--yes"]).expect(1);
    assert_eq!(
        ran.err,
        "error: `--ci` keeps exactly what the lock names, and there is none: the manifest names no models\n  \
         name them with `modelstrap models add`, or let `modelstrap clear models` take all\n"
    );
    room.write("modelstrap.lock", "version = 1\n<<<<<<< ours\n");
    let ran = room.run(&["prune", "--ci", "--yes"]).expect(1);
    assert!(ran.err.contains("its modelstrap.lock"), "{}", ran.err);
    let ran = room.run(&["prune", "--older-than", "1d", "--yes"]).expect(1);
    assert!(ran.err.contains("needs is not known: its modelstrap.lock"), "{}", ran.err);
    fs::remove_file(room.place("modelstrap.lock")).unwrap();
    let ours = |name: &str| name.starts_with("p/.cache/.modelstrap");
    room.tree().without(ours).assert_eq(&before, "refused");
}

#[test]
fn the_trash_is_emptied_only_by_who_agrees_and_a_dry_run_says_so() {
    let room = lived_in();
    room.run(&["prune", "--grace", "0", "--yes", "--undo-for", "1h"]).expect(0);
    let before = room.tree();
    let says =
        |arguments: &[&str], code| rounded(&room.run(&[&["prune", "--now"], arguments].concat()).expect(code).err);
    let dry = says(&["--dry-run"], 0);
    assert_eq!(dry, "1.3 MB in the trash would be freed, and could not be brought back.\nNothing else to remove.\n");
    let refused = says(&[], 2);
    assert!(refused.contains("1.3 MB in the trash will be freed, and cannot be brought back.\n"), "{refused}");
    assert!(refused.contains("give `--yes`"), "{refused}");
    room.tree().assert_eq(&before, "nobody agreed");
    let ran = says(&["--yes"], 0);
    assert!(ran.ends_with("\n1.3 MB that earlier runs had removed are free now.\nNothing else to remove.\n"), "{ran}");
    assert_eq!(says(&["--yes"], 0), "Nothing to remove.\n");
}

#[test]
fn what_was_pruned_comes_back() {
    let room = lived_in();
    let before = room.tree();
    room.run(&["prune", "--grace", "0", "--yes", "--undo-for", "1h"]).expect(0);
    assert!(!room.exists(&format!("{ASR}/snapshots/{PINNED}")));
    let ran = room.run(&["prune", "--undo"]).expect(0);
    assert_eq!(
        rounded(&ran.out.replace('(', "( ").replace("kB).", "kB ).")),
        "\
cd.part is back ( 0.2 MB ).
org/asr: what belongs to no revision is back ( 0.7 MB ).
org/asr@111111111111 is back ( 0.4 MB ).
"
    );
    let ours = |name: &str| name.starts_with("p/.cache/.modelstrap");
    room.tree().without(ours).assert_eq(&before, "undone");
    let document = room.run(&["prune", "--undo", "--json"]).expect(0).json();
    assert_eq!((&document["undone"], &document["restored"]), (&serde_json::Value::Null, &serde_json::json!([])));
}

#[test]
fn usage_is_told() {
    let room = Room::bare();
    for arguments in [
        &["prune", "--ci", "--older-than", "3d"][..],
        &["prune", "--older-than", "long"],
        &["prune", "--max-size", "big"],
        &["prune", "--now", "--undo-for", "1h"],
        &["prune", "--undo", "--now"],
        &["clear", "--undo", "models"],
    ] {
        room.run(arguments).expect(2);
    }
    let ran = room.run(&["prune", "--yes"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "Nothing to remove.\n"));
}

#[test]
fn what_was_brought_back_is_judged_as_before() {
    let room = Room::bare();
    repository(&room, "org/asr", &[(PINNED, &[("old", 400)]), (MAIN, &[("new", 100)])]);
    room.write(&format!("{ASR}/refs/main"), MAIN);
    let folders = ["", "/blobs", "/refs", "/snapshots"].map(|folder| room.place(&format!("{ASR}{folder}")));
    let times = || folders.each_ref().map(|folder| fs::metadata(folder).unwrap().modified().unwrap());
    let before = times();
    std::thread::sleep(Duration::from_millis(4200));
    let prune = |word: &str| room.run(&["prune", "--grace", "4s", "--undo-for", "1h", word]).expect(0);
    let plan = prune("--dry-run").out;
    assert!(plan.contains("no ref and no lock names it"), "{plan}");
    prune("--yes");
    assert!(!room.exists(&format!("{ASR}/snapshots/{PINNED}")));
    room.run(&["prune", "--undo"]).expect(0);
    assert_eq!(times(), before);
    assert_eq!(prune("--dry-run").out, plan);
}
