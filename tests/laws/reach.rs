//! Who writes, who asks the process or the machine, who is unsafe, who deletes: each in its room alone.

use super::says;

#[test]
fn a_writer_outside_its_rooms_is_found() {
    let writes =
        |named: &str| format!("src/setup/apply.rs:2: `{named}` writes: what changes the disk goes through a plan");
    for (body, named) in [
        ("fn f() { std::fs::write(p, b); }", "std::fs::write"),
        ("use std::fs::{self, rename};", "std::fs::rename"),
        ("fn f() { File::create(p); }", "File::create"),
        ("use std::fs::OpenOptions;", "std::fs::OpenOptions"),
        ("use std::fs::*;", "std::fs::*"),
        ("use std::fs as disk;", "std::fs"),
        ("fn f() { fs::create_dir_all(p)?; }", "fs::create_dir_all"),
        ("use std::os::unix::fs::symlink;", "std::os::unix::fs::symlink"),
        ("fn f() { fs::set_permissions(p, m) }", "fs::set_permissions"),
        ("fn f<'a>(c: char) -> bool { c == '\"' || g(fs::remove_file(p)) || c == '\\'' }", "fs::remove_file"),
        ("fn f() { rustix::fs::unlinkat(a, b) }", "rustix::fs::unlinkat"),
    ] {
        says("src/setup/apply.rs", body, &[&writes(named)]);
    }
    for room in [
        "src/plan/apply.rs",
        "src/support/atomic.rs",
        "src/platform/disk.rs",
        "src/platform/dump.rs",
        "src/platform/probe.rs",
        "src/environments/venv.rs",
    ] {
        says(room, "fn f() { std::fs::write(p, b); }", &[]);
    }
    says("src/setup/apply.rs", "fn f() { std::fs::read(p); io.write(b); fs::metadata(p); File::open(p); }", &[]);
}

#[test]
fn asking_the_process_or_the_machine_is_found() {
    let asks = |named: &str| format!("src/platform/host.rs:2: `{named}`: take the environment as support::vars::Vars");
    for named in ["std::env::var", "env::var_os", "std::env::vars"] {
        says("src/platform/host.rs", &format!("fn f() {{ {named}(x) }}"), &[&asks(named)]);
    }
    says("src/platform/host.rs", "use std::env::{consts::OS, var};", &[&asks("std::env::var")]);
    says("src/main.rs", "fn f() { std::env::vars_os() }", &[]);
    says("src/support/vars.rs", "fn f() { std::env::vars_os() }", &[]);
    says(
        "src/platform/host.rs",
        "const V: &str = env!(\"CARGO_PKG_VERSION\"); fn f() { std::env::current_dir() }",
        &[],
    );

    let opens =
        |path: &str| format!("src/setup/x.rs:2: opens {path:?}: only platform reads the machine, below a given root");
    says("src/setup/x.rs", "fn f() { fs::read_to_string(\"/proc/meminfo\") }", &[&opens("/proc/meminfo")]);
    says("src/setup/x.rs", "fn f() { root.join(&\"/sys\") }", &[&opens("/sys")]);
    says("src/setup/x.rs", "const OS: &str = r\"/etc/os-release\";", &[&opens("/etc/os-release")]);
    says(
        "src/setup/x.rs",
        "fn f() { bail!(\"/etc is not a cache\"); root.join(\"/etcetera\"); matches!(p, \"/proc\") }",
        &[],
    );
    says("src/platform/host.rs", "fn f() { root.join(\"/proc/meminfo\") }", &[]);
}

#[test]
fn unsafe_code_and_removal_of_trees_have_one_room_each() {
    says(
        "src/platform/disk.rs",
        "fn f() { unsafe { g() } }",
        &["src/platform/disk.rs:2: `unsafe` outside src/platform/sys"],
    );
    says("src/platform/sys/windows.rs", "fn f() { unsafe { g() } }", &[]);
    says("src/platform/disk.rs", "#![allow(unsafe_code)] // unsafe", &[]);
    says(
        "src/support/atomic.rs",
        "use std::fs::remove_dir_all;",
        &["src/support/atomic.rs:2: `remove_dir_all`: only support::delete removes trees"],
    );
    says("src/support/delete.rs", "fn f() { std::fs::remove_dir_all(p) }", &[]);
}
