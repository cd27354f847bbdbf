//! A cache that several people and programs share: modes, and a lock that Python holds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelstrap::support::vars::Vars;

use super::client::client;
use super::room;
use super::written::{files, homes, install, whole};
use crate::support::itself;
use crate::support::python::{good, python_with};

/// A process has one umask, so another process writes: this test, started again.
#[test]
fn modes_are_what_the_umask_gives() {
    if let Some(hub) = Vars::from_process().get("MODELSTRAP_TEST_WRITE_TO").map(PathBuf::from) {
        install(&whole(), &files(), &hub, true);
        let patience = modelstrap::models::hub::locks::PATIENCE;
        drop(modelstrap::models::hub::locks::lock_within(&whole(), &files()[0], &homes(&hub), patience));
        return;
    }
    for (umask, file, folder) in
        [("002", 0o664, 0o775), ("022", 0o644, 0o755), ("027", 0o640, 0o750), ("077", 0o600, 0o700)]
    {
        let (_room, hub) = room();
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask $1; shift; exec \"$@\"", "sh", umask]).arg(itself::program());
        shell
            .args(["--exact", &itself::test(module_path!(), "modes_are_what_the_umask_gives")])
            .env("MODELSTRAP_TEST_WRITE_TO", &hub);
        good(&mut shell);
        check(&hub, file, folder);
    }
}

fn check(hub: &Path, file: u32, folder: u32) {
    let mut folders = vec![hub.to_path_buf()];
    let mut locks = 0;
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap().map(Result::unwrap) {
            let metadata = fs::symlink_metadata(entry.path()).unwrap();
            let mode = metadata.permissions().mode() & 0o7777;
            let path = entry.path().display().to_string();
            if metadata.is_dir() {
                assert_eq!(mode, folder, "{path}");
                folders.push(entry.path());
            } else if path.ends_with(".lock") {
                assert_eq!(mode, 0o664, "{path}");
                locks += 1;
            } else if metadata.is_file() {
                assert_eq!(mode, file, "{path}");
            }
        }
    }
    assert_eq!(locks, 1);
}

#[test]
fn a_lock_that_python_holds_is_waited_for_and_then_passed_by() {
    let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "filelock") else { return };
    let (_room, hub) = room();
    let file = &files()[0];
    let lock = hub.join(".locks/models--org--name").join(format!("{}.lock", file.digest.unwrap().hex()));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let script = "import sys, filelock\nwith filelock.FileLock(sys.argv[1], mode=0o664):\n  print('held', flush=True); sys.stdin.read()";
    let mut command = client(&interpreter, &hub, script, &[lock.to_str().unwrap()]);
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "held\n");
    let take = |millis| {
        let patience = std::time::Duration::from_millis(millis);
        modelstrap::models::hub::locks::lock_within(&whole(), file, &homes(&hub), patience).is_held()
    };
    assert!(!take(100));
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(take(100));
}
