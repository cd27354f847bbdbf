//! The facts of every recorded machine, byte for byte. `MODELSTRAP_BLESS=1` rewrites them: then read the
//! difference against `git`, for a snapshot is only worth what the eye that checked it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its fixture has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use modelstrap::platform::{Facts, Options, Probe, detect, dump, recommend};
use modelstrap::support::vars::Vars;
use modelstrap::ui::card;

fn machines() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/machines");
    let mut machines: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    machines.sort();
    machines
}

fn facts(dir: &Path) -> Facts {
    let probe = Probe::recorded(dir).unwrap();
    detect(&probe, &Options { disk_at: Some(PathBuf::from("/srv/project")), run_pythons: false })
}

/// Compares with the file, or writes it when asked to.
fn matches_snapshot(file: &Path, text: &str) -> Result<(), String> {
    if std::env::vars().any(|(name, value)| name == "MODELSTRAP_BLESS" && value == "1") {
        fs::write(file, text).unwrap();
        return Ok(());
    }
    // Git may check text out with CRLF.
    let expected = fs::read_to_string(file).unwrap_or_default().replace("\r\n", "\n");
    if expected == text { Ok(()) } else { Err(format!("{} differs; now it is\n{text}", file.display())) }
}

#[test]
fn every_recorded_machine_gives_the_facts_beside_it() {
    let mut wrong = Vec::new();
    let machines = machines();
    assert_eq!(machines.len(), 15, "a machine was added or lost: change this number with it");
    for dir in machines {
        let facts = facts(&dir);
        let settings = recommend::recommend(&facts);
        let whole = serde_json::json!({
            "facts": facts,
            "recommended_settings": settings,
            "hardware": facts.hardware_json(),
        });
        let text = serde_json::to_string_pretty(&whole).unwrap() + "\n";
        wrong.extend(matches_snapshot(&dir.join("facts.json"), &text).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_dump_of_a_machine_gives_the_same_facts_and_settings() {
    for dir in machines() {
        let without_programs = |dir: &Path| {
            let probe = Probe::recorded(dir).unwrap();
            let mut facts = detect(&probe, &Options::default());
            // Their places name the user, so a dump leaves them out.
            facts.pythons.clear();
            facts.uv = None;
            facts
        };
        let copy = tempfile::tempdir().unwrap();
        dump::dump(&Probe::recorded(&dir).unwrap(), &copy.path().join("dump")).unwrap();
        assert_eq!(without_programs(&copy.path().join("dump")), without_programs(&dir), "{}", dir.display());
    }
}

#[test]
fn a_dump_of_this_machine_gives_the_same_facts_apart_from_what_moves() {
    let settle = |mut facts: Facts| {
        facts.pythons.clear();
        facts.uv = None;
        facts.memory.available.value = None;
        facts
    };
    let probe = Probe::live(Vars::from_process());
    let copy = tempfile::tempdir().unwrap();
    dump::dump(&probe, &copy.path().join("dump")).unwrap();
    let again = detect(&Probe::recorded(&copy.path().join("dump")).unwrap(), &Options::default());
    assert_eq!(settle(again), settle(detect(&probe, &Options::default())));
}

#[test]
fn a_dump_into_a_folder_with_something_in_it_is_refused() {
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("mine"), "x").unwrap();
    let error = dump::dump(&Probe::recorded(&machines()[0]).unwrap(), copy.path()).unwrap_err();
    assert!(error.to_string().ends_with("is not empty: name a new folder for the dump"), "{error}");
    assert_eq!(fs::read_dir(copy.path()).unwrap().count(), 1);
}

#[test]
fn nothing_personal_gets_into_a_dump() {
    let secrets =
        ["4d1f0c6e", "alice", "nas.example", "10000000deadbeef", "GPU-7c1e", "MIG-5f3a", "10.0.0.1", "ghp_secret"];
    let machine = tempfile::tempdir().unwrap();
    let root = machine.path();
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("os", "linux");
    put(
        "environment.json",
        r#"{"PATH":"/home/alice/bin","KUBERNETES_SERVICE_HOST":"10.0.0.1","CUDA_VISIBLE_DEVICES":"GPU-7c1e","HF_TOKEN":"ghp_secret","JENKINS_URL":"http://nas.example","container":"alice"}"#,
    );
    put("proc/cpuinfo", "processor: 0\nCPU part: 0xd08\nSerial: 10000000deadbeef\n");
    put("proc/self/status", "Name: alice\nCpus_allowed_list:\t0\n");
    put("proc/self/cgroup", "0::/user.slice/alice.service/docker-4d1f0c6e.scope\n");
    put(
        "proc/self/mountinfo",
        "1 0 8:1 / / rw - ext4 /dev/alice rw\n2 1 0:2 / /home/alice rw - nfs nas.example:/alice rw\n3 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
    );
    put("sys/fs/cgroup/user.slice/alice.service/docker-4d1f0c6e.scope/memory.max", "1073741824\n");
    put("run/.containerenv", "name=\"alice\"\n");
    put("run/systemd/container", "alice\n");
    put("sys/module/nvidia/version", "550.54.15\n");
    put("dev/nvidiactl", "");
    put("proc/driver/nvidia/gpus/0000%3A01%3A00.0/information", "Model: X\nGPU UUID: GPU-7c1e\n");
    put(
        "commands/nvml.json",
        r#"{"driver":"550.54.15","cuda":12040,"devices":[{"name":"X","uuid":"GPU-7c1e0001","mig_enabled":true,"mig":[{"name":"X","uuid":"MIG-5f3a0002"}]}]}"#,
    );
    let before = detect(&Probe::recorded(root).unwrap(), &Options::default());
    assert_eq!(before.memory.limit.as_ref().and_then(|limit| limit.value), Some(1 << 30));
    let copy = tempfile::tempdir().unwrap();
    let dir = copy.path().join("dump");
    dump::dump(&Probe::recorded(root).unwrap(), &dir).unwrap();
    let mut folders = vec![dir.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.to_string_lossy().into_owned();
            let text = if path.is_dir() {
                String::new()
            } else {
                String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()
            };
            for secret in secrets {
                assert!(!name.contains(secret) && !text.contains(secret), "{secret} is in {name}:\n{text}");
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    assert_eq!(detect(&Probe::recorded(&dir).unwrap(), &Options::default()), before);
}

#[test]
fn the_card_of_every_machine_is_as_recorded_and_fits_the_terminal() {
    let mut wrong = Vec::new();
    for dir in machines() {
        let facts = facts(&dir);
        let settings = recommend::recommend(&facts);
        for width in [80, 120] {
            let plain = card::render(&facts, &settings, false, width);
            assert!(!plain.contains('\x1b'), "{plain}");
            let widest = plain.lines().map(console::measure_text_width).max().unwrap();
            assert!(widest <= width, "{} is {widest} wide\n{plain}", dir.display());
            let coloured = card::render(&facts, &settings, true, width);
            assert!(coloured.contains('\x1b'));
            assert_eq!(console::strip_ansi_codes(&coloured), plain);
        }
        let narrow = card::render(&facts, &settings, false, 80);
        wrong.extend(matches_snapshot(&dir.join("card.txt"), &narrow).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[cfg(unix)]
#[test]
fn nothing_is_run_on_a_machine_without_a_driver_or_where_nobody_asked() {
    use crate::support::programs::script;
    let dir = tempfile::tempdir().unwrap();
    let programs = dir.path().join("bin");
    fs::create_dir(&programs).unwrap();
    for name in ["nvidia-smi", "python3", "uv", "rocm_agent_enumerator"] {
        script(&programs.join(name), &format!("#!/bin/sh\ntouch {}/ran-$(basename $0)\n", programs.display()));
    }
    // Commands are looked up on the real PATH, interpreters under the probe's root: both lead to these.
    let path = std::env::join_paths([Path::new("/bin"), &programs]).unwrap();
    let mut probe = Probe::live(Vars::default().with("PATH", path));
    // This root has no driver, whatever this machine has.
    probe.root = dir.path().to_path_buf();
    let facts = detect(&probe, &Options::default());
    assert_eq!((facts.pythons.len(), facts.uv), (1, Some(PathBuf::from("/bin/uv"))));
    assert_eq!(fs::read_dir(&programs).unwrap().count(), 4, "something was run");
}
