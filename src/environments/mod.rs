//! Running a command with the project's variables, and inside one of its Python environments; what such an environment holds.

pub mod packages;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command with the environment that it gets.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program and its arguments.
    pub command: &'a [OsString],
    /// Variables to set.
    pub set: Vec<(OsString, OsString)>,
    /// Variables to remove.
    pub unset: Vec<OsString>,
}

impl Job<'_> {
    /// Runs the job in the place of this process where the system can (then this does not return), else as a child.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn run(&self) -> io::Result<i32> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        command.args(arguments).envs(self.set.iter().map(|(name, value)| (name, value)));
        for name in &self.unset {
            command.env_remove(name);
        }
        replace_or_wait(command)
    }
}

/// The variables that activate the environment at `path`, as its own `activate` script would.
pub fn activation(path: &Path, search_path: Option<&OsStr>) -> Vec<(OsString, OsString)> {
    let programs: PathBuf = path.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let mut folders = vec![programs];
    folders.extend(search_path.map(|value| std::env::split_paths(value).collect::<Vec<_>>()).unwrap_or_default());
    let joined = std::env::join_paths(folders).unwrap_or_else(|_| search_path.unwrap_or_default().to_owned());
    vec![("VIRTUAL_ENV".into(), path.into()), ("PATH".into(), joined)]
}

/// Signals, exit code and terminal are the command's own, because it takes this process' place.
#[cfg(unix)]
fn replace_or_wait(mut command: Command) -> io::Result<i32> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

#[cfg(not(unix))]
fn replace_or_wait(mut command: Command) -> io::Result<i32> {
    // Ctrl-C reaches the child by the console; this process only has to outlive it.
    crate::support::interrupt::watch();
    command.status().map(|status| status.code().unwrap_or(1))
}
