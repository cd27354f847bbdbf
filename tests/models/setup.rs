//! The last step of `setup`: the models of the manifest, those of flags, none, and what fails.
#![cfg(unix)]

use crate::support::zoo::Zoo;

use std::thread;
use std::time::{Duration, Instant};

use crate::support::project;
use crate::support::project::Room;
use crate::support::terminal::{Terminal, keys};

const MODELS: &str = "tiny = \"hf:org/tiny\"\nvad = \"torch-hub:owner/tiny-repo\"\n";
const TINY: &str = ".cache/huggingface/hub/models--org--tiny/snapshots";
const VAD: &str = ".cache/torch/hub/owner_tiny-repo_main";
const MACHINE: &str = "config/hardware_cache.json";

fn there(room: &Room) -> (bool, bool, bool) {
    (room.exists(MACHINE), room.exists(TINY), room.exists(VAD))
}

#[test]
fn the_manifests_models_come_unless_flags_or_a_variable_say_otherwise() {
    let zoo = Zoo::start();
    for (arguments, variable, expected) in [
        (&[][..], None, (true, true, true)),
        (&["--models", "vad"], None, (true, false, true)),
        (&["--models", "vad,hf:org/tiny"], None, (true, true, true)),
        (&["--no-models"], None, (true, false, false)),
        (&[], Some("true"), (true, false, false)),
        (&["--dry-run"], None, (false, false, false)),
    ] {
        let mut room = zoo.project(MODELS);
        if let Some(value) = variable {
            room = room.with("SKIP_MODEL_DOWNLOAD", value);
        }
        room.setup(arguments);
        assert_eq!(there(&room), expected, "{arguments:?} {variable:?}");
    }
}

#[test]
fn a_word_that_means_nothing_is_refused_before_anything_is_done() {
    let zoo = Zoo::start();
    let room = zoo.project(MODELS);
    let before = room.tree();
    let ran = room.run(&["setup", "--yes", "--models", "tini"]).expect(2);
    assert_eq!(
        zoo.told(&ran),
        "error: --models: `tini` is no model of this project, and not a well-known one\n  the project has tiny and vad\n  the nearest one is `tiny`\n"
    );
    room.tree().assert_eq(&before, "nothing was done");
}

#[test]
fn a_model_that_fails_leaves_the_setup_done_and_only_a_needed_one_is_a_failure() {
    let zoo = Zoo::start();
    let room =
        zoo.project("nope = { source = \"hf:org/nope\", optional = true }\nvad = \"torch-hub:owner/tiny-repo\"\n");
    let ran = room.setup(&[]);
    assert!(zoo.told(&ran).contains("warning: nope (optional) is not here: HUB has no model org/nope"), "{}", ran.err);
    assert_eq!(there(&room), (true, false, true));
    room.edit("modelstrap.toml", ", optional = true", "");
    let ran = room.run(&["setup", "--yes"]).expect(1);
    let told = zoo.told(&ran);
    let end = "\
Nothing to fetch: 1 model here, 108 B.
error: nope is not here: HUB has no model org/nope, or it is private (then set HF_TOKEN)
The project is set up; 1 model could not be brought. `modelstrap models download` tries again.
";
    assert!(told.ends_with(end), "{told}");
    // With --json every line is a document, and setup's own is the last.
    let ran = room.run(&["setup", "--yes", "--json"]).expect(1);
    let last =
        ran.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).next_back().unwrap();
    assert_eq!(last["schema"], "modelstrap.setup/1");
}

#[test]
fn a_person_who_stops_the_download_has_a_finished_setup_and_goes_on_later() {
    let zoo = Zoo::start();
    zoo.hub.cdn().on("*").once().stalls_at(1 << 20);
    let room = zoo.project(MODELS);
    let mut command = room.command(&["setup", "--yes"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while zoo.hub.requests_to("GET", "/repos/*").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "no download began");
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(Duration::from_millis(200));
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(
        said.contains("what was fetched is kept, and the same command goes on from there")
            && said.contains("The project itself is set up."),
        "{said}"
    );
    assert!(begun.elapsed() < Duration::from_secs(25));
    assert!(room.exists(MACHINE));
    room.setup(&[]);
    assert_eq!(there(&room), (true, true, true));
    room.run(&["models", "verify"]).expect(0);
}

#[test]
fn the_wizard_asks_which_models_and_remembers_those_that_were_left_out() {
    let zoo = Zoo::start();
    let room = zoo.project(&format!("{MODELS}whisper = \"openai-whisper:tiny\"\n"));
    let mut terminal = Terminal::open(120, 40, room.command(&["setup"]).env("SHELL", "/bin/false"));
    terminal.wait_for("? Where should the models be kept?").press(keys::ENTER);
    terminal.wait_for("? Which libraries does the project use?").press(keys::ENTER);
    terminal.wait_for("? Should openai-whisper use the cache everywhere?").press(keys::ENTER);
    terminal.wait_for("? Which models should be downloaded?").wait_for("75.6 MB");
    // All are marked: the second and the third are left out.
    terminal.press(keys::DOWN).press(keys::SPACE).press(keys::DOWN).press(keys::SPACE).press(keys::ENTER);
    terminal.wait_for("✔ Which models should be downloaded?  tiny\n");
    terminal.wait_for("? Apply this plan?").press(keys::ENTER);
    terminal.wait_for("Fetched 3.15 MB").wait_for(" is ready.");
    let ended = terminal.end();
    assert!(ended.status.success() && ended.restored, "{}", ended.raw);
    assert_eq!(there(&room), (true, true, false));

    zoo.hub.forget();
    room.setup(&[]);
    assert_eq!(there(&room), (true, true, false), "what was left out stays out");
    assert_eq!(zoo.hub.requests().len(), 0);
    let check = room.run(&["setup", "--check"]).expect(0);
    assert!(check.err.contains("\nLeft out on this machine: vad, whisper.\n"), "{}", check.err);
    assert_eq!(zoo.hub.requests().len(), 0);
    room.run(&["setup", "--check", "--models", "vad"]).expect(3).says(&["`modelstrap setup --models vad` does that."]);
    room.setup(&["--models", "vad"]);
    assert_eq!(there(&room), (true, true, true), "a flag overrules it");
}

/// What `setup` says after the lines on project and machine, without `warning:` lines.
fn said(zoo: &Zoo, ran: &project::Ran) -> String {
    let told = zoo.told(ran);
    let lines = told.lines().filter(|line| !line.starts_with("Project ") && !line.starts_with("Machine "));
    lines.map(|line| format!("{line}\n")).collect()
}

const SEVERAL: &str = "tiny = \"hf:org/tiny\"\nnope = { source = \"hf:org/nope\", optional = true }\napple = { source = \"hf:org/quants\", when = \"apple\" }\nurl = \"url:https://files.example.org/weights.bin\"\nwhisper = \"openai-whisper:tiny\"\n";

#[test]
fn a_check_and_a_dry_run_say_how_each_model_stands_and_ask_nobody() {
    let zoo = Zoo::start();
    let room = zoo.project(SEVERAL);
    room.setup(&["--no-models"]);
    zoo.hub.forget();
    let before = room.tree();
    let check = room.run(&["setup", "--check"]).expect(3);
    let unlocked = "\
Nothing to do but to download what is missing.

Models
Model State Size Read by
tiny not locked ? huggingface
nope not locked ? huggingface
apple for another machine ? huggingface
url not locked ?
whisper not locked 75.6 MB openai-whisper
To download: 75.6 MB and 3 models of unknown size. `modelstrap setup` does that.
There is no modelstrap.lock: the download writes it, and so does `modelstrap models lock`.
";
    assert_eq!(said(&zoo, &check), unlocked);
    assert_eq!(said(&zoo, &room.run(&["setup", "--dry-run"]).expect(0)), unlocked);
    room.tree().assert_eq(&before, "nothing was written");
    let json = room.run(&["setup", "--check", "--json"]).expect(3).json();
    assert_eq!(json["models"]["list"][4]["state"], "not locked");
    assert_eq!(json["models"]["list"][4]["size"], 75_572_083);
    assert_eq!(json["models"]["lock"], serde_json::json!(["there is no modelstrap.lock"]));
    assert_eq!((&json["models"]["bytes"], &json["models"]["unknown"]), (&75_572_083.into(), &3.into()));

    for arguments in [&["--no-models"][..], &["--models", "apple"]] {
        let ran = room.run(&[&["setup", "--check"], arguments].concat());
        assert_eq!(ran.code, if arguments.len() == 1 { 0 } else { 3 }, "{}", ran.err);
    }
    let skipping = room.ran(room.command(&["setup", "--check"]).env("SKIP_MODEL_DOWNLOAD", "true")).expect(0);
    assert_eq!(said(&zoo, &skipping), "Nothing to do: this project is ready.\n");
    assert_eq!(zoo.hub.requests().len(), 0, "nobody is asked");
}

#[test]
fn a_check_passes_when_what_this_machine_needs_is_here_and_locked() {
    let zoo = Zoo::start();
    let room = zoo.project(&SEVERAL.replace("whisper = \"openai-whisper:tiny\"\n", ""));
    room.setup(&[]);
    zoo.hub.forget();
    let ran = room.run(&["setup", "--check"]).expect(0);
    let here = "\
Nothing to do but to download what is missing.

Models
Model State Size Read by
tiny here 3.15 MB huggingface
nope not locked ? huggingface
apple for another machine 400 kB huggingface
url here 5.00 kB
To download: 1 model of unknown size (optional). `modelstrap setup` does that.
";
    assert_eq!(said(&zoo, &ran), here);

    // A file with other bytes, one that is gone, a lock that is behind: each is found.
    let readme = room.run(&["models", "path", "tiny", "README.md"]).expect(0).out;
    let readme = readme.trim_end().replace('@', room.path().to_str().unwrap());
    std::fs::write(&readme, "other").unwrap();
    let told = said(&zoo, &room.run(&["setup", "--check"]).expect(3));
    assert!(
        told.contains("\ntiny changed 3.15 MB huggingface\n")
            && told.contains("\nTo download: 9 B and 1 model of unknown size. `modelstrap setup` does that.\n"),
        "{told}"
    );
    std::fs::remove_file(&readme).unwrap();
    let told = said(&zoo, &room.run(&["setup", "--check"]).expect(3));
    assert!(told.contains("\ntiny partly 3.15 MB huggingface\n"), "{told}");
    let told = said(&zoo, &room.setup(&[]));
    let begin = "\
Nothing to do but to download what is missing.

Models
Model State Size Read by
tiny partly 3.15 MB huggingface
nope not locked ? huggingface
To download: 9 B and 1 model of unknown size.
";
    assert!(told.starts_with(begin), "{told}");

    room.run(&["setup", "--check"]).expect(0);
    room.append("modelstrap.toml", "data = { source = \"hf:datasets/org/speech\", when = \"apple\" }\n");
    let told = said(&zoo, &room.run(&["setup", "--check"]).expect(3));
    assert!(
        told.ends_with(
            "modelstrap.lock does not fit the manifest: data is not locked\n  `modelstrap models lock` mends that\n"
        ),
        "{told}"
    );
    room.run(&["setup", "--check", "--no-models"]).expect(0);
    room.write("modelstrap.lock", "garbage");
    room.run(&["setup", "--check"]).expect(1).says(&["modelstrap.lock"]);
}

#[test]
fn a_setup_that_only_downloads_asks_a_person_and_nobody_else() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = { source = \"hf:org/tiny\", optional = true }\n");
    room.setup(&["--no-models"]);
    let open = |room: &Room| Terminal::open(120, 40, room.command(&["setup"]).env("SHELL", "/bin/false"));
    let mut terminal = open(&room);
    terminal.wait_for("Nothing to do but to download what is missing.").wait_for("\ntiny ");
    terminal.wait_for("To download: 1 model of unknown size (optional).").wait_for("? Download now?").press("n");
    let ended = terminal.end();
    assert_eq!(ended.status.code(), Some(130));
    assert!(ended.raw.contains("left; nothing was downloaded"), "{}", ended.raw);
    assert_eq!(there(&room), (true, false, false));

    let mut terminal = open(&room);
    terminal.wait_for("? Download now?").press(keys::ENTER).wait_for("Fetched 3.15 MB");
    assert!(terminal.end().status.success());
    assert_eq!(there(&room), (true, true, false));
    let mut terminal = open(&room);
    terminal.wait_for("Nothing to do: this project is ready.\n").wait_for("Nothing to fetch: 1 model here, 3.15 MB.");
    assert!(terminal.end().status.success(), "what is here is not asked about");

    // With a plan there is one question, and it is about both.
    room.run(&["models", "remove", "tiny", "--purge", "--yes"]).expect(0);
    room.append("modelstrap.toml", "tiny = \"hf:org/tiny\"\n");
    std::fs::remove_file(room.place(MACHINE)).unwrap();
    let mut terminal = open(&room);
    terminal.wait_for("To download: 1 model").wait_for("? Apply this plan?").press(keys::ENTER);
    terminal.wait_for("Fetched 3.15 MB");
    let ended = terminal.end();
    assert!(ended.status.success() && !ended.raw.contains("Download now"), "{}", ended.raw);
}
