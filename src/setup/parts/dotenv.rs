//! `.env`: the variables in a managed block, for programs that read the file.

use super::{Scene, Wishes};
use crate::generate;
use crate::plan::{State, Want, block};

pub(super) fn add(scene: &Scene<'_>, wishes: &mut Wishes) {
    let file = scene.project.root.join(".env");
    let there = State::observe(&file).ok().and_then(State::into_bytes).unwrap_or_default();
    let own = block::set(&there, &[]).unwrap_or_else(|_| there.clone());
    let own = String::from_utf8_lossy(&own).into_owned();
    let mut lines = generate::dotenv::lines(scene.variables);
    lines.retain(|line| !own.lines().any(|there| there.trim() == line));
    for line in &lines {
        let Some((name, value)) = line.split_once('=') else { continue };
        let theirs = own.lines().enumerate().filter_map(|(index, there)| Some((index + 1, assigned(there, name)?)));
        for (number, theirs) in theirs.filter(|(_, theirs)| theirs.trim_matches(['"', '\'']) != value) {
            wishes.warnings.push(format!(
                "{name} in .env, line {number}, is {}; the block sets {value} after it, and the later one counts",
                crate::support::escape::printable(theirs)
            ));
        }
    }
    wishes.want_inside(scene, file, "the variables, for programs that read .env", Want::Block { lines });
}

/// What `line` assigns to `name`, if it does.
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (found, value) = line.split_once('=')?;
    (found.trim_end() == name).then_some(value.trim())
}
