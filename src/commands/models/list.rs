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
#[derive(Debug, Clone)]
pub(in crate::commands) struct Line {
    /// Its name.
    pub(in crate::commands) name: String,
    /// What it is meant to be.
    spec: String,
    /// `here`, `partly`, `missing`, `changed`, `not locked`, `for another machine`.
    pub(in crate::commands) state: &'static str,
    /// In bytes, as far as the lock or the catalogue know it.
    pub(in crate::commands) size: Option<u64>,
    /// How many of these are here.
    pub(in crate::commands) here: u64,
    /// The library that reads it.
    reader: String,
    /// Whether the project works without it.
    pub(in crate::commands) optional: bool,
}

impl Line {
    /// Whether it is for this machine, and not here as a whole.
    pub(in crate::commands) fn is_wanting(&self) -> bool {
        !matches!(self.state, "here" | "for another machine")
    }

    /// What a program is told of it.
    pub(in crate::commands) fn as_json(&self) -> Value {
        json!({
            "name": self.name, "spec": self.spec, "state": self.state, "size": self.size, "here": self.here,
            "reader": self.reader, "optional": self.optional,
        })
    }
}

/// The lines as the table's rows.
pub(in crate::commands) fn rows(lines: &[Line]) -> Vec<Vec<Cell>> {
    let row = |line: &Line| {
        let tone = match line.state {
            "here" => Tone::Good,
            "changed" => Tone::Bad,
            "for another machine" => Tone::Plain,
            _ => Tone::Pending,
        };
        let state = Cell::toned(line.state, tone);
        vec![Cell::new(&line.name), state, Cell::size(line.size), Cell::new(&line.reader)]
    };
    lines.iter().map(row).collect()
}

pub(super) fn run(context: &Context) -> Result<Exit> {
    let session = Session::open(context)?;
    let mut lines = Vec::new();
    for request in &session.requests {
        lines.extend(line(&session, request)?);
    }
    if context.global.json {
        let models: Vec<Value> = lines.iter().map(Line::as_json).collect();
        context.output.document(format!("{:#}\n", json!({"schema": "modelstrap.models/1", "models": models})))?;
        return Ok(Exit::Done);
    }
    if lines.is_empty() {
        context.output.say("The manifest names no models; `modelstrap models add` does.");
        return Ok(Exit::Done);
    }
    let output = &context.output;
    output.result(table::render(&table::LISTED, &rows(&lines), output.colour_out, output.room_out()))?;
    if lines.iter().any(Line::is_wanting) {
        context.output.say("`modelstrap models download` brings what is not here.");
    }
    Ok(Exit::Done)
}

/// How a model stands, without a request and without reading a byte of it.
pub(in crate::commands) fn line(session: &Session<'_>, request: &Request) -> Result<Option<Line>> {
    let chosen = match request.choices.iter().all(|choice| choice.when.is_always()) {
        true => request.choices.first(),
        false => request.chosen(session.facts()?),
    };
    let Some(choice) = chosen.or(request.choices.first()) else { return Ok(None) };
    let locked = session.lock.as_ref().and_then(|lock| lock.find(&choice.name));
    let locked = locked.filter(|model| model.spec == choice.spec.to_string());
    let known = catalogue::find(&choice.spec.to_string());
    let mut found = Line {
        name: choice.name.clone(),
        spec: choice.spec.to_string(),
        state: "for another machine",
        size: locked.and_then(size).or_else(|| known.and_then(|known| known.size)),
        here: 0,
        reader: reader(choice),
        optional: request.optional,
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
