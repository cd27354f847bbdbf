//! Python with the network shut: what a library finds, it finds on the disk.

use std::path::Path;

use serde_json::Value;

use super::project::Room;
use super::python::NO_NETWORK;

/// What `code` prints as its last line, in a process that `modelstrap run` started with the network shut.
pub(crate) fn ask(room: &Room, python: &Path, code: &str) -> Value {
    let code = format!("{NO_NETWORK}\n{code}");
    let mut command = room.command(&["run", "--", python.to_str().unwrap(), "-c", &code]);
    // Nothing leads to the test's own servers: only the cache can answer.
    for name in ["HF_ENDPOINT", "MODELSTRAP_MIRRORS"] {
        command.env_remove(name);
    }
    command.env("HF_HUB_OFFLINE", "1");
    last_line(&room.ran(&mut command).expect(0).out)
}

/// The same without modelstrap, to make what is then served; `code` finds `folder` as `sys.argv[1]`.
pub(crate) fn make(room: &Room, python: &Path, folder: &Path, code: &str) -> Value {
    std::fs::create_dir_all(folder).unwrap();
    let code = format!("{NO_NETWORK}\n{code}");
    let mut command = room.program(python);
    command.args(["-c", &code, folder.to_str().unwrap()]);
    last_line(&room.ran(&mut command).expect(0).out)
}

fn last_line(text: &str) -> Value {
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}
