//! `modelstrap report`: the page is written where one expects it, over nothing of anybody's, and a real browser takes it as it is meant.
#![cfg(unix)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::programs;
use crate::support::project::{Room, Tree};

const PAGE: &str = "modelstrap-report.html";
const COMMIT: &str = "2222222222222222222222222222222222222222";

/// Names that would be tags, scripts or orders to a terminal elsewhere.
const EVIL: [&[u8]; 6] = [
    b"</script><script>document.title='owned'<!--",
    b"\"><img src=x onerror=\"document.title='owned'\">",
    b"line\nbreak\x1b[2J\x07",
    "gnp.\u{202e}exe \u{200b}\u{2028}".as_bytes(),
    b"not \xff\xfe text",
    b"&lt;b&gt; {{ @@DATA@@ }} ${x} `y` 'z'",
];

fn lived_in() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"<b>Speech</b>\"\n[cache]\nbudget = \"20 MB\"\n");
    let repository = ".cache/huggingface/hub/models--org--asr";
    let mega = |count: usize| vec![7_u8; count * 1_000_000];
    for (blob, size) in [("a".repeat(64), 9), ("b".repeat(64), 4)] {
        room.write(&format!("{repository}/blobs/{blob}"), mega(size));
        let at = room.place(&format!("{repository}/snapshots/{COMMIT}/{}.bin", &blob[..1]));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(format!("../../blobs/{blob}"), at).unwrap();
    }
    room.write(&format!("{repository}/blobs/x.incomplete"), mega(2));
    room.write(&format!("{repository}/refs/main"), COMMIT);
    room.write(&format!("~/.ollama/models/blobs/sha256-{}", "a".repeat(64)), mega(9));
    room.write(".cache/torch/hub/checkpoints/resnet.pth", mega(5));
    room.write("models/copy.safetensors", mega(3));
    for (at, name) in EVIL.iter().enumerate() {
        let name: Vec<u8> = name.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).collect();
        let folder = room.place(".cache/whisper");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(OsStr::from_bytes(&name)), vec![1_u8; 1_100_000 + at * 100_000]).unwrap();
    }
    room
}

#[test]
fn the_page_is_written_into_the_project_and_nothing_else_is() {
    let room = lived_in();
    let before = room.tree();
    let ran = room.run(&["report"]).expect(0);
    assert!(ran.out.is_empty() && ran.err.starts_with(&format!("Wrote {PAGE} (")), "{ran:?}");
    room.tree().without(|name| name.ends_with(PAGE)).assert_eq(&before, "but for the page");
    let page = room.text(PAGE);
    for words in ["&lt;b&gt;Speech&lt;/b&gt;: model cache", "modelstrap dedupe", "What could go, and how", "resnet.pth"]
    {
        assert!(page.contains(words), "no {words:?}");
    }
    // A page of ours gives way to the next.
    room.run(&["report", "--quiet"]).expect(0);
    let document = room.run(&["report", "--json", "-o", "other.html"]).expect(0).json();
    assert_eq!(
        (&document["schema"], &document["bytes"]),
        (&"modelstrap.report/1".into(), &room.read("other.html").len().into())
    );
    assert!(document["path"].as_str().unwrap().ends_with("/p/other.html"));
}

#[test]
fn the_same_cache_at_the_same_time_is_the_same_page_wherever_it_goes() {
    let room = lived_in();
    let first = room.run(&["report", "-o", "-"]).expect(0).out;
    assert!(first.contains("2025-11-25 15:20:46 UTC") && !first.contains("Free on the disk"));
    assert_eq!(room.run(&["report", "--output", "-"]).expect(0).out, first);
    assert!(!room.exists(PAGE));
    let mut command = room.command(&["report"]);
    room.ran(command.env_remove("SOURCE_DATE_EPOCH")).expect(0);
    assert!(room.text(PAGE).contains("Free on the disk"));
}

/// What the page says in the row of a table that begins so: the values by which its cells are sorted, and its command.
fn row(page: &str, name: &str) -> Option<(Vec<u64>, String)> {
    let (_, rest) = page.split_once(&format!("<tr><th scope=\"row\">{name}<"))?;
    let (row, _) = rest.split_once("</tr>").unwrap();
    let values = row.split("data-v=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.parse().unwrap()).collect();
    let command =
        row.rsplit_once("<td data-l=\"Command\"><code>").map_or("", |(_, rest)| rest.split_once('<').unwrap().0);
    Some((values, command.to_owned()))
}

#[test]
fn what_could_go_is_what_the_commands_would_take_and_status_says() {
    let room = lived_in();
    let outside = "~/.cache/huggingface/hub/models--org--half/blobs";
    room.write(&format!("{outside}/ab.incomplete"), vec![1; 3_000_000]);
    room.write("~/.cache/llama.cpp/half.gguf.downloadInProgress", vec![1; 2_000_000]);
    room.write("~/.cache/whisper/old.pt", vec![1; 2_500_000]);
    let old = std::time::SystemTime::now() - Duration::from_secs(400 * 86_400);
    for path in ["~/.cache/whisper/old.pt", ".cache/torch/hub/checkpoints/resnet.pth"] {
        let file = fs::File::options().append(true).open(room.place(path)).unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(old).set_modified(old)).unwrap();
    }
    let status = room.run(&["status", "--json"]).expect(0).json();
    let mut command = room.command(&["report"]);
    room.ran(command.env_remove("SOURCE_DATE_EPOCH")).expect(0);
    let page = room.text(PAGE);
    let said = |what: &str| {
        let all = status["reclaimable"].as_array().unwrap();
        let one = all.iter().find(|one| one["what"] == what).unwrap_or_else(|| panic!("{what}: {status}"));
        let number = |name: &str| one[name].as_u64().unwrap();
        (vec![number("bytes"), number("count")], one["command"].as_str().unwrap().to_owned())
    };
    for (name, what) in [
        ("Unfinished downloads outside of the cache", "unfinished_downloads_outside"),
        ("Files that belong into the cache", "outside"),
    ] {
        assert_eq!(row(&page, name), Some(said(what)), "{name}");
    }
    let (unfinished, command) = said("unfinished_downloads_outside");
    assert!(unfinished[0] >= 5_000_000 && unfinished[1] == 2 && command == "modelstrap clear PATH", "{unfinished:?}");
    // What may be there twice is what `status` tells of it.
    let (twice, command) = row(&page, "What lies outside of the cache and may be there twice").unwrap();
    assert_eq!((vec![status["perhaps_twice_bytes"].as_u64().unwrap()], "modelstrap dedupe"), (twice, command.as_str()));
    // Of old models `prune` takes those of the cache alone, and says the same.
    let (old, command) = row(&page, "Models not used for 90 days").unwrap();
    let plan = room.run(&["prune", "--older-than", "90d", "--grace", "0", "--dry-run", "--json"]).expect(0).json();
    let lines = plan["plan"].as_array().unwrap().iter();
    let freed: Vec<u64> = lines
        .filter(|line| line["why"].as_str().unwrap().starts_with("not used"))
        .map(|line| line["exclusive_bytes"].as_u64().unwrap())
        .collect();
    assert_eq!((old, command.as_str()), (vec![freed.iter().sum(), 1], "modelstrap prune --older-than 90d"));
    let (old, command) = row(&page, "Models outside of the cache not used for 90 days").unwrap();
    assert!(old[1] == 1 && (2_500_000..2_600_000).contains(&old[0]) && command == "modelstrap clear PATH", "{old:?}");
}

#[test]
fn what_is_no_report_is_not_replaced() {
    let room = lived_in();
    room.write(PAGE, "<!DOCTYPE html>\n<p>mine");
    let ran = room.run(&["report"]).expect(1);
    assert!(ran.err.contains("is no report of modelstrap's, and is left as it is\n  give `--force`"), "{}", ran.err);
    assert_eq!(room.text(PAGE), "<!DOCTYPE html>\n<p>mine");
    room.run(&["report", "--force"]).expect(0);
    assert!(room.text(PAGE).starts_with("<!DOCTYPE html>\n<!-- A report of modelstrap"));
    fs::remove_file(room.place(PAGE)).unwrap();
    room.write("~/.bashrc", "mine");
    for target in ["../h/.bashrc", "../h/new"] {
        symlink(target, room.place(PAGE)).unwrap();
        let before = Tree::of(&room.home());
        room.run(&["report"]).expect(1).says(&["is a link: it is not written through"]);
        room.run(&["report", "--force"]).expect(1);
        Tree::of(&room.home()).assert_eq(&before, "a link that came with a project");
        fs::remove_file(room.place(PAGE)).unwrap();
    }
    room.run(&["report", "-o", "models"]).expect(1).says(&["is a folder"]);
    room.run(&["report", "--force", "-o", "/dev/null"]).expect(1).says(&["is no regular file"]);
    room.run(&["report", "-o", "no/such/page.html"]).expect(1).says(&["there is no such folder"]);
    room.run(&["report", "-o", "-", "--open"]).expect(2).says(&["do not go together"]);
}

#[test]
fn a_cache_that_is_not_there_is_a_page_too_and_what_cannot_be_read_is_said() {
    let room = Room::bare();
    room.run(&["report"]).expect(0);
    assert!(room.text(PAGE).contains("Nothing is cached yet."));
    assert!(!room.exists(".cache") && !room.exists(".modelstrap"));
}

#[test]
fn the_page_is_opened_with_what_opens_pages_here() {
    let room = lived_in();
    if !cfg!(target_os = "linux") {
        return;
    }
    programs::script(
        &room.place("bin/xdg-open"),
        "#!/bin/sh\nprintf '%s' \"$*\" > \"$HOME/opened.new\" && mv \"$HOME/opened.new\" \"$HOME/opened\"\n",
    );
    let path = format!("{}:/usr/bin:/bin", room.place("bin").display());
    room.ran(room.command(&["report", "--open"]).env("PATH", path)).expect(0);
    let begun = Instant::now();
    while !room.exists("~/opened") && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(room.text("~/opened"), room.place(PAGE).display().to_string());
    let ran = room.ran(room.command(&["report", "--open"]).env("PATH", "/nowhere")).expect(0);
    assert!(ran.err.contains("the page was not opened: `xdg-open` could not be started"), "{}", ran.err);
    // It is there, and knows no browser.
    room.write("bin/xdg-open", "#!/bin/sh\nexit 3\n");
    let path = format!("{}:/usr/bin:/bin", room.place("bin").display());
    let ran = room.ran(room.command(&["report", "--open"]).env("PATH", path)).expect(0);
    let said = "the page was not opened: `xdg-open` found nothing to open it with (exit status: 3); open it by hand";
    assert!(ran.err.contains(said) && !ran.err.contains("give `--open`"), "{}", ran.err);
}

/// The page in a real browser: what its document is in the end, and what the browser complained of.
fn browse(page: &Path) -> Option<(String, String)> {
    let room = tempfile::tempdir().unwrap();
    let (out, err) = (room.path().join("out"), room.path().join("err"));
    let file = |path: &PathBuf| Stdio::from(fs::File::create(path).unwrap());
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1200,900"]);
    command
        .arg("--virtual-time-budget=4000")
        .arg("--dump-dom")
        .arg(format!("--user-data-dir={}", room.path().display()));
    let Ok(mut child) = command.arg(page).stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn() else {
        eprintln!("skipped: there is no chromium, and no page was looked at in a real browser");
        return None;
    };
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(90) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("chromium does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    Some((text(&out), text(&err)))
}

#[test]
fn a_real_browser_runs_the_pages_own_script_and_nothing_from_a_name() {
    let room = lived_in();
    room.run(&["report"]).expect(0);
    let Some((dom, said)) = browse(&room.place(PAGE)) else { return };
    assert!(dom.contains("<title>&lt;b&gt;Speech&lt;/b&gt;: model cache</title>"), "{dom}");
    assert!(!said.contains("Refused") && !said.contains("violates") && !said.contains("CONSOLE"), "{said}");
    assert!(dom.contains("id=\"walk\" class=\"on\"") && dom.matches("class=\"c0").count() > 2, "the script has drawn");
    // Headers became buttons by which one sorts.
    assert!(dom.contains("<th scope=\"col\"><button type=\"button\">Model</button>"), "{dom}");
    let labels = dom.split("aria-label=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert!(
        labels.clone().any(|label| label.starts_with("huggingface / org/asr / a.bin: 9.00 MB, ")),
        "{:?}",
        labels.collect::<Vec<_>>()
    );
}

#[test]
fn a_real_browser_refuses_a_script_that_is_not_the_pages_own() {
    let room = lived_in();
    room.run(&["report"]).expect(0);
    let page = room.text(PAGE);
    let evil = "<script>document.title = 'owned'</script><img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\" onload=\"document.title = 'owned'\">";
    fs::write(room.place("evil.html"), page.replace("</body>", &format!("{evil}</body>"))).unwrap();
    let Some((dom, said)) = browse(&room.place("evil.html")) else { return };
    assert!(!dom.contains("<title>owned"), "the policy holds");
    assert!(said.contains("CONSOLE") && said.contains("violates"), "and the browser says so: {said}");
}

#[test]
fn the_treemap_is_walked_through_with_the_keyboard() {
    let room = lived_in();
    room.run(&["report"]).expect(0);
    let page = room.text(PAGE);
    let (before, rest) = page.split_once("<meta http-equiv=").unwrap();
    let (_, after) = rest.split_once(">\n").unwrap();
    let script = "<script>
        const log = [], map = document.getElementById('map');
        const at = () => { const tile = document.activeElement; return tile.trail ? tile.trail.slice(1).map((one) => one[0]).join('/') : tile.tagName; };
        const press = (key) => { document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })); log.push(key + ' ' + at()); };
        map.querySelector('[tabindex=\"0\"]').focus(); log.push('first ' + at());
        document.activeElement.click(); log.push('in ' + at());
        press('ArrowDown'); press('ArrowUp'); press('Escape');
        log.push('stops ' + map.querySelectorAll('[tabindex=\"0\"]').length);
        document.title = log.join('; ');
        </script>";
    let driven = format!("{before}<meta {after}")
        .replacen("<meta <meta", "<meta", 1)
        .replace("</body>", &format!("{script}</body>"));
    fs::write(room.place("driven.html"), driven).unwrap();
    let Some((dom, _)) = browse(&room.place("driven.html")) else { return };
    let title = dom.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
    assert_eq!(
        title,
        "first huggingface; in huggingface/org/asr; ArrowDown huggingface/org/asr/a.bin; ArrowUp huggingface/org/asr; \
         Escape huggingface; stops 1"
    );
}

/// The tree that the page's script draws: `[name, bytes, class of age, children]`.
fn drawn(page: &str) -> serde_json::Value {
    let data = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    serde_json::from_str(data).unwrap()
}

/// Every rectangle is as large as what is in it.
fn adds_up(node: &serde_json::Value) {
    let Some(below) = node[3].as_array() else { return };
    let sum: u64 = below.iter().map(|one| one[1].as_u64().unwrap()).sum();
    assert_eq!(sum, node[1], "{node:#}");
    below.iter().for_each(adds_up);
}

#[test]
fn a_file_with_several_names_is_drawn_once_and_the_total_is_that_of_status() {
    let room = lived_in();
    room.write(".cache/torch/kept/one.bin", vec![3; 4_000_000]);
    room.write(".cache/torch/kept/own.bin", vec![4; 2_000_000]);
    room.write(".cache/mlx/other/own.bin", vec![5; 1_000_000]);
    let link = |from: &str, to: &str| {
        fs::create_dir_all(room.place(to).parent().unwrap()).unwrap();
        fs::hard_link(room.place(from), room.place(to)).unwrap();
    };
    link(".cache/torch/kept/one.bin", ".cache/torch/kept/deep/two.bin");
    link(".cache/torch/kept/one.bin", ".cache/mlx/other/three.bin");
    link(".cache/torch/hub/checkpoints/resnet.pth", ".cache/mlx/copy/resnet.pth");
    room.write(".cache/whisper/gone.pt", vec![6; 3_000_000]);
    room.run(&["clear", "gone.pt", "--grace", "0", "--undo-for", "1h", "--yes"]);
    let status = room.run(&["status", "--json"]).expect(0).json();
    let total = &status["total"]["disk_bytes"];
    let page = room.run(&["report", "-o", "-"]).expect(0).out;
    let tree = drawn(&page);
    assert_eq!(tree[1], *total, "{tree:#}");
    adds_up(&tree);
    assert_eq!(room.run(&["report", "--json"]).expect(0).json()["total_bytes"], *total);
    for words in
        ["4.00 MB of it are the same bytes as in .cache/mlx/other", "of it are the same bytes as in .cache/mlx/copy"]
    {
        assert!(page.contains(words), "no {words:?}");
    }
}

/// A payload of the hub's shared store, of which `users` have the file `model.bin`, and whom its list names.
fn payload(room: &Room, hub: &str, digit: &str, size: usize, users: &[&str], noted: &str) {
    let (shard, name) = (digit.repeat(2), digit.repeat(64));
    room.write(&format!("{hub}/blobs/.huggingface-shared-blobs"), "1\n");
    room.write(&format!("{hub}/blobs/{shard}/{name}"), vec![7; size]);
    room.write(&format!("{hub}/blobs/{shard}/{name}.refs"), format!("models--{noted}/blobs/etag\n"));
    for user in users {
        let folder = format!("{hub}/models--{user}");
        room.link(&format!("{folder}/blobs/etag{digit}"), &format!("../../blobs/{shard}/{name}"));
        room.link(&format!("{folder}/snapshots/{COMMIT}/{digit}.bin"), &format!("../../blobs/etag{digit}"));
        room.write(&format!("{folder}/refs/main"), COMMIT);
    }
}

#[test]
fn files_of_a_shared_store_are_drawn_once_and_by_the_model_that_has_them() {
    let room = Room::bare();
    let hub = ".cache/huggingface/hub";
    payload(&room, hub, "a", 9_000_000, &["org--one", "org--two"], "org--one");
    payload(&room, hub, "b", 4_000_000, &["org--two"], "org--two");
    payload(&room, hub, "c", 3_000_000, &[], "org--gone");
    // As dedupe links copies.
    for (digit, to) in [("a", "models/copy/a.bin"), ("c", "models/other/c.bin")] {
        fs::create_dir_all(room.place(to).parent().unwrap()).unwrap();
        fs::hard_link(room.place(&format!("{hub}/blobs/{0}{0}/{1}", digit, digit.repeat(64))), room.place(to)).unwrap();
    }
    let mut du = Command::new("du");
    du.args(["-sc", "-B1"]).args([".cache/huggingface", "models/copy", "models/other"].map(|at| room.place(at)));
    let du = String::from_utf8(du.output().unwrap().stdout).unwrap();
    let du: u64 = du.lines().last().unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let status = room.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["total"]["disk_bytes"], du, "{status:#}");
    let page = room.run(&["report", "-o", "-"]).expect(0).out;
    let tree = drawn(&page);
    assert_eq!(tree[1], du);
    adds_up(&tree);
    let mut leaves = Vec::new();
    for place in tree[3].as_array().unwrap() {
        for model in place[3].as_array().into_iter().flatten() {
            for file in model[3].as_array().into_iter().flatten().filter(|file| file[1].as_u64().unwrap() > 1_000_000) {
                leaves.push([&model[0], &file[0]].map(|name| name.as_str().unwrap().to_owned()));
            }
        }
    }
    leaves.sort();
    let wanted = [
        ("org/one", "a.bin"),
        ("org/two", "b.bin"),
        ("shared store (used by nobody)", "cccccccccccc (once of org/gone)"),
    ];
    assert_eq!(leaves, wanted.map(|(model, file)| [model, file].map(str::to_owned)), "{tree:#}");
    for words in [
        "shared store (used by nobody)</bdi>",
        "what no repository of the hub has",
        "9.00 MB of it are the same bytes as in ",
    ] {
        assert!(page.contains(words), "{words}");
    }
}
