//! What an unattended install says through its environment, on the built binary.

use std::process::Command;

/// The exit code of `setup` in an empty folder with `variables` set, and whether it wrote anything.
fn setup(variables: &[(&str, &str)]) -> (Option<i32>, bool) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let output = Command::new(env!("CARGO_BIN_EXE_modelstrap"))
        .args(["setup", "--skip", "machine-config"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path().join("home"))
        .envs(variables.iter().copied())
        .output()
        .expect("the built binary starts");
    (output.status.code(), folder.path().join(".cache").exists())
}

#[test]
fn a_switch_is_on_whatever_word_says_so() {
    for yes in ["1", "true", "yes", "on", "y"] {
        assert_eq!(setup(&[("MODELSTRAP_YES", yes)]), (Some(0), true), "MODELSTRAP_YES={yes}");
    }
}

#[test]
fn a_switch_that_is_empty_or_says_no_is_off() {
    for no in ["", "0", "false", "no", "off", "n"] {
        assert_eq!(setup(&[("MODELSTRAP_YES", no)]), (Some(2), false), "MODELSTRAP_YES={no}");
    }
}

#[test]
fn every_switch_takes_a_one() {
    let looks = [("MODELSTRAP_CHECK", Some(3)), ("MODELSTRAP_DRY_RUN", Some(0))];
    for (name, code) in looks {
        assert_eq!(setup(&[(name, "1")]), (code, false), "{name}=1");
    }
    for name in
        ["MODELSTRAP_FORCE", "MODELSTRAP_JSON", "MODELSTRAP_QUIET", "MODELSTRAP_OFFLINE", "MODELSTRAP_LINK_WHISPER"]
    {
        assert_eq!(setup(&[(name, "1"), ("MODELSTRAP_YES", "1")]), (Some(0), true), "{name}=1");
    }
}
