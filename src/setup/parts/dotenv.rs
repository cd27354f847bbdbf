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
        if let Some((name, value)) = line.split_once('=') {
            contradictions(&there, name, value, wishes);
        }
    }
    wishes.want_inside(scene, file, "the variables, for programs that read .env", Want::Block { lines });
}

/// Notes each line of a person's that gives `name` another value: the later line counts for whoever reads the file.
fn contradictions(file: &[u8], name: &str, value: &str, wishes: &mut Wishes) {
    let block = block::find(file).ok().flatten().map_or(file.len()..file.len(), |found| found.span);
    let mut start = 0;
    for (index, line) in file.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (at, number) = (start, index + 1);
        start += line.len();
        let line = String::from_utf8_lossy(line);
        let Some(theirs) = assigned(&line, name).filter(|theirs| theirs.trim_matches(['"', '\'']) != value) else {
            continue;
        };
        let theirs = crate::support::escape::printable(theirs);
        if at < block.start {
            wishes.warnings.push(format!(
                "{name} in .env, line {number}, is {theirs}; the block sets {value} after it, and the later one counts"
            ));
        } else if at >= block.end {
            wishes.warnings.push(format!(
                "{name} in .env, line {number}, is {theirs} and counts, because it stands after the block, which sets {value}"
            ));
        }
    }
}

/// What `line` assigns to `name`, if it does.
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (found, value) = line.split_once('=')?;
    (found.trim_end() == name).then_some(value.trim())
}
