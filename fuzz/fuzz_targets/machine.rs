//! Any machine is detected: the files that the kernel and vendors' tools write, with anything in them.
//!
//! The parsers are private, so the whole detection runs over a recorded machine that holds the input as one of its files.
#![no_main]

use std::fs;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use modelstrap::platform::{Options, Probe, detect, recommend::recommend};

const FILES: [&str; 12] = [
    "proc/self/mountinfo",
    "proc/self/cgroup",
    "proc/cpuinfo",
    "proc/meminfo",
    "proc/version",
    "etc/os-release",
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/cpu.max",
    "sys/fs/cgroup/cpuset.cpus.effective",
    "commands/nvidia-smi.txt",
    "commands/nvml.json",
    "commands/uname.txt",
];

fuzz_target!(|parts: Vec<(u8, &[u8])>| {
    let Ok(folder) = tempfile::tempdir() else { return };
    if fs::write(folder.path().join("os"), "linux").is_err() {
        return;
    }
    for (which, bytes) in parts {
        let path = folder.path().join(FILES[usize::from(which) % FILES.len()]);
        let _ = fs::create_dir_all(path.parent().unwrap_or(Path::new("/")));
        let _ = fs::write(path, bytes);
    }
    let probe = Probe::recorded(folder.path()).expect("the folder names its system");
    let facts = detect(&probe, &Options::default());
    let settings = recommend(&facts);
    serde_json::to_string(&(facts.hardware_json(), &settings)).expect("facts are JSON");
});
