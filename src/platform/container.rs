//! Whether this process is in a container: a list of marks, not a guess from one of them.

use super::Probe;
use super::facts::Container;

/// Files that a container engine leaves, with the engine.
const FILES: &[(&str, &str)] = &[
    ("/.dockerenv", "docker"),
    ("/run/.containerenv", "podman"),
    ("/var/run/secrets/kubernetes.io", "kubernetes"),
    ("/run/secrets/kubernetes.io", "kubernetes"),
    ("/singularity", "apptainer"),
    ("/.singularity.d", "apptainer"),
];
/// Parts of cgroup paths. A path that is only not the root says nothing: every systemd session has one.
const CGROUPS: &[(&str, &str)] = &[
    ("kubepods", "kubernetes"),
    ("libpod", "podman"),
    ("docker", "docker"),
    ("containerd", "containerd"),
    ("lxc", "lxc"),
];

/// The container with its evidence; none without evidence.
pub(super) fn container(probe: &Probe) -> Option<Container> {
    let mut found: Vec<(String, String)> = Vec::new();
    if probe.vars.get("KUBERNETES_SERVICE_HOST").is_some() {
        found.push(("kubernetes".to_owned(), "KUBERNETES_SERVICE_HOST is set".to_owned()));
    }
    for (file, kind) in FILES {
        if probe.exists(file) {
            found.push(((*kind).to_owned(), format!("{file} exists")));
        }
    }
    if let Some(kind) = probe.line("/run/systemd/container") {
        found.push((word(&kind), "/run/systemd/container names it".to_owned()));
    }
    if let Some(kind) = probe.vars.text("container") {
        found.push((word(kind), "the variable `container` names it".to_owned()));
    }
    if let Some(cgroup) = probe.text("/proc/self/cgroup") {
        for (part, kind) in CGROUPS {
            if cgroup.contains(part) {
                found.push(((*kind).to_owned(), format!("/proc/self/cgroup contains {part}")));
            }
        }
    }
    // Kubernetes is around the engine that it uses, so it names the kind.
    let kind = found
        .iter()
        .find(|(kind, _)| kind == "kubernetes")
        .or_else(|| found.iter().find(|(kind, _)| kind != "unknown"))
        .or_else(|| found.first())?
        .0
        .clone();
    Some(Container { kind, evidence: found.into_iter().map(|(_, evidence)| evidence).collect() })
}

/// The kinds that engines write; another word could be anything, a name of somebody's machine included.
fn word(kind: &str) -> String {
    match kind {
        "docker" | "podman" | "lxc" | "lxc-libvirt" | "systemd-nspawn" | "rkt" | "oci" | "wsl" | "proot" | "pouch"
        | "flatpak" => kind.to_owned(),
        _ => "unknown".to_owned(),
    }
}
