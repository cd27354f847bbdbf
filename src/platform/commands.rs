//! The few questions that no file answers: a vendor's library, one command per system, each with a time limit.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Probe;

/// A question with its recorded form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// NVIDIA's management library, loaded at run time.
    Nvml,
    /// The program around it.
    NvidiaSmi,
    /// The kernel's own description of itself (a system call).
    Uname,
    /// macOS: one `sysctl` with a list of names.
    Sysctl,
    /// Windows: registry and system calls, written as `key: value`.
    Windows,
}

impl Command {
    /// Its file in `commands/`.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Nvml => "nvml.json",
            Self::NvidiaSmi => "nvidia-smi.txt",
            Self::Uname => "uname.txt",
            Self::Sysctl => "sysctl.txt",
            Self::Windows => "windows.txt",
        }
    }

    /// Its name in messages and as a source.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nvml => "NVML",
            Self::NvidiaSmi => "nvidia-smi",
            Self::Uname => "uname",
            Self::Sysctl => "sysctl",
            Self::Windows => "Windows",
        }
    }
}

/// What `sysctl` is asked: names of the machine's kind only, none that tells a person's machine from another.
const SYSCTL_NAMES: &[&str] = &[
    "hw.memsize",
    "hw.physicalcpu",
    "hw.logicalcpu",
    "hw.nperflevels",
    "hw.perflevel0.physicalcpu",
    "hw.perflevel1.physicalcpu",
    "hw.machine",
    "hw.model",
    "hw.optional",
    "machdep.cpu.brand_string",
    "kern.osrelease",
    "kern.hv_vmm_present",
    "sysctl.proc_translated",
    "iogpu.wired_limit_mb",
];

/// The columns asked of `nvidia-smi`, most telling first; one unknown to it makes the whole command fail.
pub(super) const SMI_COLUMNS: &[&str] = &[
    "index,uuid,pci.bus_id,name,memory.total,memory.free,driver_version,compute_cap,mig.mode.current",
    "index,uuid,pci.bus_id,name,memory.total,memory.free,driver_version",
];

/// Asks the machine that we run on.
pub(super) fn run(command: Command, probe: &Probe) -> Result<String, String> {
    match command {
        Command::Nvml => super::nvml::ask(Duration::from_secs(3)),
        Command::NvidiaSmi => nvidia_smi(probe),
        Command::Uname => uname(),
        Command::Sysctl => {
            let mut process = Process::new("/usr/sbin/sysctl");
            process.args(SYSCTL_NAMES);
            // Names that this kernel lacks go to stderr and make the status 1; the rest is still printed.
            output(process, Duration::from_secs(2)).map(|(_, text)| text)
        }
        Command::Windows => super::sys::windows_answers(),
    }
}

/// Standard output of a command that ends in time.
pub(super) fn output(mut process: Process, limit: Duration) -> Result<(bool, String), String> {
    let name = process.get_program().to_string_lossy().into_owned();
    let mut child = process
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start {name}: {error}"))?;
    let (sender, receiver) = std::sync::mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.take(1 << 20).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
    }
    let late = || format!("{name} gave no answer in {} s", limit.as_secs());
    let success = wait(&mut child, limit).ok_or_else(late)?;
    // A process that it left behind may hold the pipe open for ever.
    let bytes = receiver.recv_timeout(limit).map_err(|_| late())?;
    Ok((success, String::from_utf8_lossy(&bytes).into_owned()))
}

fn wait(child: &mut Child, limit: Duration) -> Option<bool> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < end => thread::sleep(pause),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The answer starts with the columns' names, so that the parser knows which attempt worked.
fn nvidia_smi(probe: &Probe) -> Result<String, String> {
    let program = smi_program(probe).ok_or("no nvidia-smi on the PATH")?;
    let mut why = String::from("nvidia-smi failed");
    for columns in SMI_COLUMNS {
        let mut process = Process::new(&program);
        process.arg(format!("--query-gpu={columns}")).arg("--format=csv,noheader,nounits");
        match output(process, Duration::from_secs(5)) {
            Ok((true, text)) => return Ok(format!("{columns}\n{text}")),
            Ok((false, _)) => {}
            // One that hangs would hang again.
            Err(error) => return Err(error),
        }
        why = format!("nvidia-smi refused the columns {columns}");
    }
    Err(why)
}

/// WSL keeps it outside the PATH of many shells.
fn smi_program(probe: &Probe) -> Option<PathBuf> {
    let name = if cfg!(windows) { "nvidia-smi.exe" } else { "nvidia-smi" };
    let path = probe.vars.get("PATH").unwrap_or_default();
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .chain([PathBuf::from("/usr/lib/wsl/lib")])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

#[cfg(unix)]
fn uname() -> Result<String, String> {
    let name = rustix::system::uname();
    Ok(format!("machine: {}\nrelease: {}\n", name.machine().to_string_lossy(), name.release().to_string_lossy()))
}

#[cfg(not(unix))]
fn uname() -> Result<String, String> {
    Err("there is no uname here".to_owned())
}

/// `key: value` lines, as sysctl prints them and the other recorded answers are written.
pub(super) fn key_values(text: &str) -> std::collections::BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::support::vars::Vars;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_command_that_hangs_is_killed_and_the_reason_names_it() {
        let mut process = Process::new("sleep");
        process.arg("30");
        let start = Instant::now();
        assert_eq!(output(process, Duration::from_secs(0)), Err("sleep gave no answer in 0 s".to_owned()));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn an_old_nvidia_smi_is_asked_again_with_fewer_columns() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("nvidia-smi");
        let script = "#!/bin/sh\ncase $1 in *compute_cap*) exit 2;; esac\necho '0, GPU-1, 0:1:0.0, Tesla, 15109, 15000, 460.32.03'\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::join_paths([dir.path(), std::path::Path::new("/bin")]).unwrap();
        let probe = Probe::live(Vars::default().with("PATH", path));
        let answer = "index,uuid,pci.bus_id,name,memory.total,memory.free,driver_version\n0, GPU-1, 0:1:0.0, Tesla, 15109, 15000, 460.32.03\n";
        assert_eq!(nvidia_smi(&probe), Ok(answer.to_owned()));
    }
}
