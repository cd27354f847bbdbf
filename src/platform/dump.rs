//! A real machine as a folder: exactly what detection reads, without what tells whose machine it is.
//! Such a folder is a test's fixture and a bug report's best attachment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::probe::{Trace, encode};
use super::{Options, Os, Probe, detect};

/// Variables that detection reads and whose value is worth keeping.
const KEPT: &[&str] = &[
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "HSA_OVERRIDE_GFX_VERSION",
    "ZE_AFFINITY_MASK",
    "ONEAPI_DEVICE_SELECTOR",
];
/// Variables of which only their presence counts: values are addresses and job numbers.
const PRESENT: &[&str] = &[
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "CIRCLECI",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "KAGGLE_KERNEL_RUN_TYPE",
    "COLAB_RELEASE_TAG",
    "SLURM_JOB_ID",
    "KUBERNETES_SERVICE_HOST",
];
/// Container kinds, as engines write them.
const CONTAINERS: &[&str] =
    &["docker", "podman", "lxc", "lxc-libvirt", "systemd-nspawn", "rkt", "oci", "wsl", "flatpak"];
/// Lines worth keeping, by the file's place: other lines hold serial numbers or nothing that is read.
const LINES: &[(&str, &[&str])] = &[
    ("/proc/driver/nvidia/gpus/", &["Model:"]),
    ("/proc/driver/nvidia/version", &["NVRM version"]),
    ("/proc/self/status", &["Cpus_allowed_list:"]),
    ("/proc/meminfo", &["MemTotal:", "MemAvailable:"]),
    ("/etc/os-release", &["NAME=", "PRETTY_NAME=", "VERSION_ID="]),
    ("/usr/lib/os-release", &["NAME=", "PRETTY_NAME=", "VERSION_ID="]),
    (
        "/sys/class/kfd/",
        &["vendor_id ", "device_id ", "drm_render_minor ", "gfx_target_version ", "location_id ", "domain "],
    ),
];

/// Writes what detection reads of `probe` into `dir`, which must be new or empty. Interpreters on the PATH
/// are left out: their places name the user.
pub fn dump(probe: &Probe, dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let mut entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    anyhow::ensure!(entries.next().is_none(), "{} is not empty: name a new folder for the dump", dir.display());
    let (_, trace) = probe.traced(|| detect(probe, &Options::default()));
    let mut masks = Masks::default();
    write_answers(&trace, dir, &mut masks)?;
    write_files(&trace, dir, &mut masks)?;
    let os = match probe.os {
        Os::Linux => "linux",
        Os::Macos => "macos",
        Os::Windows => "windows",
        Os::Other => "other",
    };
    put(&dir.join("os"), format!("{os}\n").as_bytes())?;
    let mut text = serde_json::to_string_pretty(&environment(probe, &mut masks))?;
    text.push('\n');
    put(&dir.join("environment.json"), text.as_bytes())
}

fn environment(probe: &Probe, masks: &mut Masks) -> BTreeMap<&'static str, String> {
    let mut kept = BTreeMap::new();
    for name in KEPT {
        if let Some(value) = probe.vars.raw(name).and_then(|value| value.to_str()) {
            let parts: Vec<String> = value.split(',').map(|part| masks.device_or_plain(part.trim())).collect();
            kept.insert(*name, parts.join(","));
        }
    }
    for name in PRESENT {
        if let Some(value) = probe.vars.get(name) {
            kept.insert(*name, if value == "false" { "false" } else { "true" }.to_owned());
        }
    }
    if let Some(kind) = probe.vars.text("container") {
        kept.insert("container", known_container(kind).to_owned());
    }
    kept
}

fn known_container(kind: &str) -> &str {
    if CONTAINERS.contains(&kind) { kind } else { "unknown" }
}

fn write_answers(trace: &Trace, dir: &Path, masks: &mut Masks) -> anyhow::Result<()> {
    for (file, answer) in &trace.answers {
        let clean = match *file {
            "nvml.json" => {
                let mut value: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
                masks.in_json(&mut value);
                serde_json::to_string_pretty(&value)? + "\n"
            }
            "nvidia-smi.txt" => answer
                .lines()
                .map(|line| line.split(',').map(|part| masks.device(part)).collect::<Vec<_>>().join(",") + "\n")
                .collect(),
            _ => answer.clone(),
        };
        put(&dir.join("commands").join(file), clean.as_bytes())?;
    }
    Ok(())
}

fn write_files(trace: &Trace, dir: &Path, masks: &mut Masks) -> anyhow::Result<()> {
    let place = |path: &str, masks: &mut Masks| {
        let path = masks.path(path);
        let parts = path.split('/').filter(|part| !part.is_empty()).map(encode);
        parts.fold(dir.to_path_buf(), |place, part| place.join(part))
    };
    for (path, bytes) in &trace.files {
        let clean = clean(path, bytes, masks);
        put(&place(path, masks), &clean)?;
    }
    for (path, name) in &trace.links {
        // A file that holds the target works where links do not, and is read just the same.
        put(&place(path, masks), name.as_bytes())?;
    }
    for (path, content) in &trace.markers {
        let place = place(path, masks);
        if !place.exists() {
            put(&place, content.as_bytes())?;
        }
    }
    for (path, names) in &trace.folders {
        let folder = place(path, masks);
        for name in names {
            let child = folder.join(encode(name));
            if !child.exists() {
                fs::create_dir_all(&child).with_context(|| format!("cannot create {}", child.display()))?;
            }
        }
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The content of a file without what is personal.
fn clean(path: &str, bytes: &[u8], masks: &mut Masks) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let keep = |wanted: &dyn Fn(&str) -> bool| -> Vec<u8> {
        text.lines().filter(|line| wanted(line)).flat_map(|line| [line, "\n"].concat().into_bytes()).collect()
    };
    if let Some((_, names)) = LINES.iter().find(|(prefix, _)| path.starts_with(prefix)) {
        return keep(&|line| names.iter().any(|name| line.trim_start().starts_with(name)));
    }
    match path {
        // Single-board computers write their serial number there.
        "/proc/cpuinfo" => keep(&|line| !line.starts_with("Serial")),
        "/run/systemd/container" => known_container(text.trim()).as_bytes().to_vec(),
        "/proc/self/cgroup" => text
            .lines()
            .filter_map(|line| line.rsplit_once(':').map(|(front, group)| format!("{front}:{}\n", masks.group(group))))
            .collect::<String>()
            .into_bytes(),
        "/proc/self/mountinfo" => mountinfo(&text, masks).into_bytes(),
        _ => bytes.to_vec(),
    }
}

/// The lines for control groups and for the root; others name users, hosts and shares.
fn mountinfo(text: &str, masks: &mut Masks) -> String {
    text.lines()
        .filter_map(|line| {
            let (front, back) = line.split_once(" - ")?;
            let fields: Vec<&str> = front.split(' ').collect();
            let (root, point) = (*fields.get(3)?, *fields.get(4)?);
            let mut back = back.split(' ');
            let (kind, options) = (back.next()?, back.nth(1).unwrap_or_default());
            match kind {
                "cgroup" | "cgroup2" => {
                    Some(format!("1 0 0:1 {} {point} rw - {kind} none {options}\n", masks.group(root)))
                }
                _ if point == "/" => Some(format!("1 0 0:1 / / rw - {kind} none rw\n")),
                _ => None,
            }
        })
        .collect()
}

/// Stand-ins for identifiers, the same one for each wherever it occurs.
#[derive(Default)]
struct Masks {
    devices: Vec<String>,
    groups: Vec<String>,
}

impl Masks {
    /// A device's identifier, `GPU-…` or `MIG-…`; anything else stays.
    fn device(&mut self, text: &str) -> String {
        let name = text.trim();
        let Some(kind) = ["GPU-", "MIG-"].into_iter().find(|kind| name.starts_with(kind)) else {
            return text.to_owned();
        };
        let at = match self.devices.iter().position(|known| known == name) {
            Some(at) => at,
            None => {
                self.devices.push(name.to_owned());
                self.devices.len() - 1
            }
        };
        text.replace(name, &format!("{kind}{at:04}"))
    }

    /// An entry of a visibility variable: a prefix of an identifier, or a word made of harmless characters.
    fn device_or_plain(&mut self, entry: &str) -> String {
        if entry.starts_with("GPU-") || entry.starts_with("MIG-") {
            let full = self.devices.iter().find(|known| known.starts_with(entry)).cloned();
            return full.map_or_else(|| format!("{}none", &entry[..4]), |full| self.device(&full));
        }
        entry.replace(['/', '\\'], "")
    }

    fn in_json(&mut self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(text) if key == "uuid" => *text = self.device(text),
                        value => self.in_json(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.in_json(item)),
            _ => {}
        }
    }

    /// A control group's path: names of users, services and containers become numbers.
    fn group(&mut self, path: &str) -> String {
        let mask = |part: &str, groups: &mut Vec<String>| {
            if matches!(
                part,
                "" | ".." | "docker" | "kubepods" | "kubepods.slice" | "system.slice" | "user.slice" | "init.scope"
            ) {
                return part.to_owned();
            }
            let at = match groups.iter().position(|known| known == part) {
                Some(at) => at,
                None => {
                    groups.push(part.to_owned());
                    groups.len() - 1
                }
            };
            let kinds = ["kubepods", "libpod", "docker", "containerd", "lxc"];
            let kind = kinds.iter().filter(|kind| part.contains(*kind)).copied().collect::<Vec<_>>().join("-");
            format!("{}-{at}", if kind.is_empty() { "group" } else { &kind })
        };
        path.split('/').map(|part| mask(part, &mut self.groups)).collect::<Vec<_>>().join("/")
    }

    /// A place in the file system, with control groups masked as in `/proc/self/cgroup`.
    fn path(&mut self, path: &str) -> String {
        const CGROUPS: &str = "/sys/fs/cgroup/";
        let Some(rest) = path.strip_prefix(CGROUPS) else { return path.to_owned() };
        // Mount points of version 1 and the files themselves keep their names; all groups are known by now.
        let parts: Vec<String> = rest
            .split('/')
            .map(|part| if self.groups.iter().any(|known| known == part) { self.group(part) } else { part.to_owned() })
            .collect();
        format!("{CGROUPS}{}", parts.join("/"))
    }
}
