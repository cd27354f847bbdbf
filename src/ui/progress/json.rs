//! The events of a download as JSON lines.

use serde_json::{Value, json};

use super::state::{File, State};
use crate::fetch::Event;
use crate::ui::events::{Events, Kind};

/// More files at work than these are only counted.
const NAMED: usize = 32;

/// The line for `event`, which `state` holds already, if it is worth one.
pub(super) fn after(state: &State, event: &Event, to: &Events) {
    if let Some((kind, members)) = told(state, event) {
        to.say(kind, members);
    }
}

/// How far everything is.
pub(super) fn progress(state: &State, to: &Events) {
    to.say(Kind::Progress, so_far(state));
}

fn told(state: &State, event: &Event) -> Option<(Kind, Value)> {
    let (index, kind) = match event {
        Event::Started { index, .. } => (*index, Kind::Start),
        Event::Retry { index, .. } => (*index, Kind::Retry),
        Event::Done { index } => (*index, Kind::Done),
        Event::Failed { index, .. } => (*index, Kind::Failed),
        Event::Progress { .. } | Event::Restarted { .. } | Event::Verifying { .. } => return None,
    };
    let mut members = of(state, state.files.get(index)?);
    match event {
        Event::Started { resumed, .. } => members["resumed"] = (*resumed).into(),
        Event::Retry { why, wait, .. } => {
            members["why"] = why.as_str().into();
            members["wait_ms"] = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
        }
        Event::Failed { why, .. } => members["why"] = why.as_str().into(),
        _ => {}
    }
    Some((kind, members))
}

fn of(state: &State, file: &File) -> Value {
    let model = state.models.get(file.model).map(|model| model.name.as_str());
    json!({"model": model, "file": file.label, "bytes": file.bytes, "total": file.size})
}

fn so_far(state: &State) -> Value {
    let running: Vec<Value> = state
        .running
        .iter()
        .take(NAMED)
        .filter_map(|index| state.files.get(*index))
        .map(|file| of(state, file))
        .collect();
    json!({
        "bytes": state.bytes,
        "total": (state.unsized_files == 0).then_some(state.total),
        "files": state.files.len(),
        "files_done": state.done,
        "files_failed": state.failed,
        "files_running": state.running.len(),
        "retries": state.retries,
        "bytes_per_second": state.speed.per_second(),
        "seconds_left": state.left().map(|left| left.as_secs()),
        "running": running,
    })
}
