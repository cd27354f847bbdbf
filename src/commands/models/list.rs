//! `modelstrap models list`: each model, whether it is here, how large it is, and who reads it.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::Exit;
use super::super::context::Context;
use super::Session;
use crate::catalogue::models as catalogue;
use crate::models::locked::Model;
use crate::models::placement::{self, FileState};
use crate::models::request::{Choice, Request};
use crate::models::spec::Spec;
use crate::ui::table::{self, Cell, Tone};

/// What is known of one model.
struct Line {
    name: String,
    spec: String,
    state: &'static str,
    size: Option<u64>,
    here: u64,
    reader: String,
}

pub(super) fn run(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let mut lines = Vec::new();
    for request in &session.requests {
        lines.extend(line(&session, request)?);
    }
    if context.global.json {
        let models: Vec<Value> = lines
            .iter()
            .map(|line| {
                json!({
                    "name": line.name, "spec": line.spec, "state": line.state, "size": line.size,
                    "here": line.here, "reader": line.reader,
                })
            })
            .collect();
        context.output.result(format!("{:#}\n", json!({"schema": "modelstrap.models/1", "models": models})))?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        context.output.say("The manifest names no models; `modelstrap models add` does.");
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = lines
        .iter()
        .map(|line| {
            let tone = match line.state {
                "here" => Tone::Good,
                "changed" => Tone::Bad,
                "for another machine" => Tone::Plain,
                _ => Tone::Pending,
            };
            let state = Cell::toned(line.state, tone);
            vec![Cell::new(&line.name), state, Cell::size(line.size), Cell::new(&line.reader)]
        })
        .collect();
    let output = &context.output;
    output.result(table::render(&table::LISTED, &rows, output.colour_out, output.room_out()))?;
    if lines.iter().any(|line| !matches!(line.state, "here" | "for another machine")) {
        context.output.say("`modelstrap models download` brings what is not here.");
    }
    Ok(Exit::Done)
}

fn line(session: &Session<'_>, request: &Request) -> Result<Option<Line>> {
    let chosen = match request.choices.iter().all(|choice| choice.when.is_always()) {
        true => request.choices.first(),
        false => request.chosen(session.facts()?),
    };
    let Some(choice) = chosen.or(request.choices.first()) else { return Ok(None) };
    let locked = session.lock.as_ref().and_then(|lock| lock.find(&choice.name));
    let known = catalogue::find(&choice.spec.to_string());
    let mut found = Line {
        name: choice.name.clone(),
        spec: choice.spec.to_string(),
        state: "for another machine",
        size: locked.and_then(size).or_else(|| known.and_then(|known| known.size)),
        here: 0,
        reader: reader(choice),
    };
    if chosen.is_some() {
        found.state = match locked {
            Some(model) => state(session, model, &mut found.here)?,
            None => "not locked",
        };
    }
    Ok(Some(found))
}

/// `None` where nobody knows the size of a file before it is here.
fn size(model: &Model) -> Option<u64> {
    model.parts.iter().flat_map(|part| &part.files).map(|file| file.size).sum()
}

/// `here`, `partly`, `missing` or `changed`, and how many bytes are here.
fn state(session: &Session<'_>, model: &Model, here: &mut u64) -> Result<&'static str> {
    let (mut whole, mut some, mut changed) = (true, false, false);
    for part in &model.parts {
        for file in &part.files {
            match placement::state(&session.world, part, file)? {
                FileState::Here => {
                    some = true;
                    *here += file.size.unwrap_or(0);
                }
                FileState::Partly(bytes) => {
                    (whole, some) = (false, true);
                    *here += bytes;
                }
                FileState::Missing => whole = false,
                FileState::Changed => (whole, changed) = (false, true),
            }
        }
    }
    Ok(match (changed, whole, some) {
        (true, ..) => "changed",
        (_, true, _) => "here",
        (_, _, true) => "partly",
        _ => "missing",
    })
}

/// The library that reads it, as far as the catalogue or the source tells.
fn reader(choice: &Choice) -> String {
    let known = catalogue::find(&choice.spec.to_string()).map(|known| known.reader);
    known
        .unwrap_or(match &choice.spec {
            Spec::Hub { .. } => "huggingface",
            Spec::TorchHub { .. } | Spec::Torchaudio(_) => "torch",
            Spec::Url { .. } => "",
            other => other.kind(),
        })
        .to_owned()
}
