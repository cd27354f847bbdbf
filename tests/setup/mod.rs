//! `modelstrap setup` on real projects: what it writes, what it leaves alone, and what it says.
#![cfg(unix)]

mod again;
mod answers;
mod dotenv_file;
mod edited;
mod hostile_project;
mod ignored;
mod interrupted;
mod machine_config;
mod places;
mod profile;
mod real_libraries;
mod unattended;
mod undo;
mod wizard;

use crate::support::project::{BEGIN, END, Room};

/// The lines of the managed block in `text`, which must have one.
fn block(text: &str) -> Vec<&str> {
    let (_, rest) = text.split_once(&format!("{BEGIN}\n")).unwrap_or_else(|| panic!("no block in:\n{text}"));
    rest.split_once(END).unwrap().0.lines().collect()
}

/// What Git says of `path`: whether it ignores it.
fn git_ignores(room: &Room, path: &str) -> bool {
    let mut command = room.program("git");
    room.ran(command.args(["check-ignore", "-q", path])).code == 0
}
