//! A download in words, for logs: what begins, what is done, what fails, and now and then how far it is.

use std::time::Duration;

use super::speed::{short, took};
use super::state::State;
use crate::fetch::Event;
use crate::support::{escape, units};
use crate::ui::text;

/// Of each model, so many failures are told one by one; the final list has them all.
const TOLD: usize = 5;

/// A name longer than this is cut in its middle: a server may send thousands of characters.
const NAME: usize = 60;

/// What is about to be fetched.
pub(super) fn start(state: &State) -> String {
    let sized = match (state.total, state.unsized_files) {
        (total, 0) => units::bytes(total),
        (0, _) => "size unknown".to_owned(),
        (total, unknown) => format!("{} and {} of unknown size", units::bytes(total), units::count(unknown, "file")),
    };
    let (models, files) = (
        units::count(state.models.iter().filter(|model| model.files > 0).count(), "model"),
        units::count(state.files.len(), "file"),
    );
    format!("Downloading {models}: {files}, {sized}")
}

/// What `event`, which `state` holds already, is worth saying.
pub(super) fn after(state: &State, event: &Event, now: Duration) -> Option<String> {
    match event {
        Event::Retry { index, why, wait } => {
            state.files.get(*index).filter(|file| file.retries == 1)?;
            let when = if wait.is_zero() { "at once".to_owned() } else { format!("in {}", took(*wait)) };
            Some(format!("{}: {}; trying again {when}", named(state, *index)?, escape::printable(why)))
        }
        Event::Failed { index, .. } => {
            let failed = failure(state, *index);
            let ended = ended(state, *index, now);
            match (failed, ended) {
                (Some(failed), Some(ended)) => Some(format!("{failed}\n{ended}")),
                (failed, ended) => failed.or(ended),
            }
        }
        Event::Done { index } => ended(state, *index, now),
        _ => None,
    }
}

/// That a file failed, as long as there are few of them. The reason is told at the end, once.
pub(super) fn failure(state: &State, index: usize) -> Option<String> {
    let model = state.models.get(state.files.get(index)?.model)?;
    (model.failed <= TOLD).then(|| named(state, index).map(|name| format!("{name} failed"))).flatten()
}

fn named(state: &State, index: usize) -> Option<String> {
    let file = state.files.get(index)?;
    let model = state.models.get(file.model)?;
    let dots = if file.label.is_ascii() { "..." } else { "…" };
    Some(format!("{}: {}", model.name, text::middle(&file.label, NAME, dots)))
}

fn ended(state: &State, index: usize, now: Duration) -> Option<String> {
    let model = state.models.get(state.files.get(index)?.model).filter(|model| model.over())?;
    let name = &model.name;
    if model.failed > 0 {
        // The line before said so of the only file.
        let failed =
            || format!("{name}: {} of {} could not be fetched", model.failed, units::count(model.files, "file"));
        return (model.files > 1).then(failed);
    }
    if model.received == 0 {
        return Some(format!("{name}: here already, {}", units::bytes(model.bytes)));
    }
    Some(format!("{name}: done, {} in {}", units::bytes(model.bytes), took(model.time(now))))
}

/// How far it is.
pub(super) fn meanwhile(state: &State) -> String {
    let over = state.done + state.failed;
    let mut line = match state.unsized_files {
        0 => format!("{} of {}", units::bytes(state.bytes), units::bytes(state.total)),
        _ => units::bytes(state.bytes),
    };
    line.push_str(&format!(", {over} of {}", units::count(state.files.len(), "file")));
    if let Some(speed) = state.speed.per_second() {
        line.push_str(&format!(", {}/s", units::bytes(speed)));
    }
    if let Some(left) = state.left() {
        line.push_str(&format!(", {} left", short(left)));
    }
    if state.retries > 0 {
        line.push_str(&format!(", {} tried again", units::count(state.retries as usize, "request")));
    }
    line
}
