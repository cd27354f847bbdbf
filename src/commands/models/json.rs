//! A delivery for programs: a line for each model that was settled, and the result as the last line.

use serde_json::{Value, json};

use super::delivery::reasons;
use super::session::Session;
use super::settle::Settled;
use crate::models::bring::Brought;
use crate::models::locked::{Model, Place};
use crate::models::placement;
use crate::support::quoted;
use crate::ui::events::{Events, Kind};
use crate::ui::progress::Summary;

/// What each wanted model is.
pub(super) fn resolved(events: &Events, settled: &Settled) {
    for (pick, model) in &settled.models {
        let commits: Vec<&str> = model
            .parts
            .iter()
            .filter_map(|part| match &part.place {
                Place::Hub(hub) => Some(hub.commit.as_str()),
                Place::TorchHub { commit, .. } => Some(commit.as_str()),
                _ => None,
            })
            .collect();
        let files: usize = model.parts.iter().map(|part| part.files.len()).sum();
        events.say(
            Kind::Resolve,
            json!({
                "model": pick.choice.name, "spec": model.spec, "commits": commits, "files": files, "bytes": size(model),
            }),
        );
    }
    for (pick, error) in &settled.failures {
        events.say(Kind::Failed, json!({"model": pick.choice.name, "why": format!("{error:#}")}));
    }
}

/// The result: the last line.
pub(super) fn summary(
    events: &Events,
    session: &Session<'_>,
    settled: &Settled,
    brought: &[Brought],
    summary: Option<&Summary>,
) {
    let mut models: Vec<Value> = Vec::new();
    for ((pick, _), one) in settled.models.iter().zip(brought) {
        let first = one.model.parts.first();
        let path = first.and_then(|part| placement::folder(&session.world, part).ok().flatten());
        let why = (!one.is_whole()).then(|| reasons(one, "missing"));
        models.push(json!({
            "model": pick.choice.name, "state": if one.is_whole() { "here" } else { "failed" },
            "optional": pick.request.optional, "bytes": size(&one.model), "received": one.received,
            "path": path.map(quoted::text), "why": why,
        }));
    }
    for (pick, error) in &settled.failures {
        models.push(json!({
            "model": pick.choice.name, "state": "failed", "optional": pick.request.optional, "bytes": null,
            "received": 0, "path": null, "why": format!("{error:#}"),
        }));
    }
    events.say(
        Kind::Summary,
        json!({
            "models": models,
            "received": summary.map_or(0, |summary| summary.received),
            "milliseconds": summary.map_or(0, |summary| u64::try_from(summary.time.as_millis()).unwrap_or(u64::MAX)),
            "retries": summary.map_or(0, |summary| summary.retries),
        }),
    );
}

fn size(model: &Model) -> u64 {
    model.parts.iter().flat_map(|part| &part.files).filter_map(|file| file.size).sum()
}
