//! The operating system, its version, its C library, and what surrounds it.

use super::commands::{Command, key_values};
use super::facts::{Fact, Host};
use super::{Os, Probe, ci, container, elf};

/// What is known of the host.
pub(super) fn host(probe: &Probe) -> Host {
    match probe.os {
        Os::Linux | Os::Other => linux(probe),
        Os::Macos => macos(probe),
        Os::Windows => windows(probe),
    }
}

fn linux(probe: &Probe) -> Host {
    let release =
        ["/etc/os-release", "/usr/lib/os-release"].into_iter().find_map(|path| Some((path, probe.text(path)?)));
    let field = |name: &str| match &release {
        Some((path, text)) => Fact::from(os_release(text, name), *path, format!("{path} has no {name}")),
        None => Fact::unknown("there is no os-release file"),
    };
    let uname = probe.ask(Command::Uname);
    let of_uname = |key: &str| match &uname {
        Ok(text) => Fact::from(key_values(text).get(key).map(|v| (*v).to_owned()), "uname", "uname does not say"),
        Err(reason) => Fact::unknown(reason.clone()),
    };
    let kernel = match probe.line("/proc/sys/kernel/osrelease") {
        Some(kernel) => Fact::known(kernel, "/proc/sys/kernel/osrelease"),
        None => of_uname("release"),
    };
    let container = container::container(probe);
    let wsl = wsl(probe, kernel.value.as_deref().unwrap_or_default(), container.is_some());
    Host {
        os: probe.os,
        name: field("PRETTY_NAME").or(|| field("NAME")),
        version: field("VERSION_ID"),
        kernel,
        machine: of_uname("machine"),
        model: model(probe),
        libc: (probe.os == Os::Linux).then(|| elf::libc(probe)),
        wsl,
        container,
        rosetta: false,
        ci: ci::ci(&probe.vars),
    }
}

/// Containers on WSL share the kernel's name, so there something of WSL itself must be visible too.
fn wsl(probe: &Probe, kernel: &str, container: bool) -> Option<u8> {
    if !kernel.to_ascii_lowercase().contains("microsoft") {
        return None;
    }
    let of_wsl = ["/dev/dxg", "/usr/lib/wsl", "/proc/sys/fs/binfmt_misc/WSLInterop"];
    if container && !of_wsl.into_iter().any(|path| probe.exists(path)) {
        return None;
    }
    // WSL 1 has `4.4.0-19041-Microsoft`, WSL 2 `…-microsoft-standard-WSL2`.
    Some(if kernel.ends_with("-Microsoft") { 1 } else { 2 })
}

fn model(probe: &Probe) -> Fact<String> {
    ["/proc/device-tree/model", "/sys/class/dmi/id/product_name"]
        .into_iter()
        .find_map(|path| Some(Fact::known(probe.line(path)?, path)))
        .unwrap_or_else(|| Fact::unknown("neither the device tree nor DMI names the machine"))
}

fn macos(probe: &Probe) -> Host {
    const VERSION: &str = "/System/Library/CoreServices/SystemVersion.plist";
    let plist = probe.text(VERSION).unwrap_or_default();
    let name = plist_string(&plist, "ProductName");
    let version = plist_string(&plist, "ProductVersion");
    let answer = probe.ask(Command::Sysctl);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let of = |key: &str| {
        let reason = answer.as_ref().err().cloned().unwrap_or_else(|| format!("sysctl has no {key}"));
        Fact::from(values.get(key).map(|value| (*value).to_owned()), format!("sysctl {key}"), reason)
    };
    let rosetta = values.get("sysctl.proc_translated") == Some(&"1");
    // Under Rosetta `hw.machine` says x86_64; the machine itself is what counts here.
    let machine = if values.get("hw.optional.arm64") == Some(&"1") {
        Fact::known("arm64".to_owned(), "sysctl hw.optional.arm64")
    } else {
        of("hw.machine")
    };
    let full = name.zip(version.clone()).map(|(name, version)| format!("{name} {version}"));
    Host {
        os: probe.os,
        name: Fact::from(full, VERSION, format!("{VERSION} does not say")),
        version: Fact::from(version, VERSION, format!("{VERSION} does not say")),
        kernel: of("kern.osrelease"),
        machine,
        model: of("hw.model"),
        libc: None,
        wsl: None,
        container: None,
        rosetta,
        ci: ci::ci(&probe.vars),
    }
}

fn windows(probe: &Probe) -> Host {
    let answer = probe.ask(Command::Windows);
    let values = answer.as_deref().map(key_values).unwrap_or_default();
    let of = |key: &str, source: &str| {
        let reason = answer.as_ref().err().cloned().unwrap_or_else(|| format!("{source} does not say"));
        Fact::from(values.get(key).map(|value| (*value).to_owned()), source, reason)
    };
    Host {
        os: probe.os,
        name: of("os.name", "registry CurrentVersion"),
        version: of("os.version", "registry CurrentVersion"),
        kernel: of("os.build", "registry CurrentVersion"),
        machine: of("machine", "registry PROCESSOR_ARCHITECTURE"),
        model: of("model", "registry SystemProductName"),
        libc: None,
        wsl: None,
        container: None,
        rosetta: false,
        ci: ci::ci(&probe.vars),
    }
}

/// A field of an os-release file, with the shell's quoting taken off.
pub(super) fn os_release(text: &str, name: &str) -> Option<String> {
    let raw = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))?;
    let mut value = String::new();
    let mut characters = raw.trim().chars();
    let mut quote = None;
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('\\', None | Some('"')) => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    (!value.is_empty()).then_some(value)
}

/// The string that follows a key in an XML property list.
fn plist_string(plist: &str, key: &str) -> Option<String> {
    let (_, rest) = plist.split_once(&format!("<key>{key}</key>"))?;
    let rest = rest.trim_start().strip_prefix("<string>")?;
    Some(rest.split_once("</string>")?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn os_release_values_lose_the_shells_quoting() {
        let text = "NAME=Fedora\nPRETTY_NAME=\"A \\\"quoted\\\" \\$1\"\nVERSION_ID='41'\n";
        assert_eq!(os_release(text, "PRETTY_NAME").as_deref(), Some("A \"quoted\" $1"));
        assert_eq!(os_release(text, "VERSION_ID").as_deref(), Some("41"));
        assert_eq!(os_release(text, "NAME").as_deref(), Some("Fedora"));
        assert_eq!(os_release(text, "ID"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>(), tail in any::<String>()) {
            let _ = os_release(&format!("{text}\nNAME={tail}"), "NAME");
            let _ = plist_string(&format!("{text}<key>A</key>{tail}"), "A");
        }
    }
}
