//! `modelstrap models search`: the catalogue, and the Hub when it can be asked.

use anyhow::Result;
use serde_json::json;

use super::super::Exit;
use super::super::context::Context;
use super::Session;
use crate::catalogue::models as catalogue;
use crate::cli::SearchArgs;
use crate::models::hub::search::{Found, search};
use crate::support::escape::printable;
use crate::ui::table::{self, Cell, Column};

/// The columns of what was found. The name is what `models add` takes.
const FOUND: [Column; 4] =
    [Column::name("Name"), Column::number("Size"), Column::words("Read by"), Column::plain("Licence")];

pub(super) fn run(context: &Context, arguments: &SearchArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    let mut known = catalogue::search(&arguments.word);
    let more = known.len().saturating_sub(arguments.limit);
    known.truncate(arguments.limit);
    let online = !context.global.offline && !session.world.hub.offline;
    let found = match online {
        true => match search(&session.world.client, &session.world.hub, &arguments.word, arguments.limit) {
            Ok(found) => found,
            Err(error) => {
                context.output.warn(format!("the Hub could not be asked: {error:#}"));
                Vec::new()
            }
        },
        false => Vec::new(),
    };
    if context.global.json {
        return as_json(context, &known, &found);
    }
    if !online {
        context.output.say("The Hub was not asked: offline.");
    }
    if known.is_empty() && found.is_empty() {
        let near =
            catalogue::nearest(&arguments.word).map_or_else(String::new, |name| format!("; did you mean {name}?"));
        context.output.say(format!("Nothing is called {}{near}", printable(&arguments.word)));
        return Ok(Exit::Of(1));
    }
    let mut rows: Vec<Vec<Cell>> = known
        .iter()
        .map(|one| {
            vec![
                Cell::new(one.name),
                Cell::size(one.size),
                Cell::new(one.reader),
                Cell::new(licence(one.license, one.gated)),
            ]
        })
        .collect();
    rows.extend(found.iter().map(|one| {
        vec![
            Cell::new(format!("hf:{}", one.id)),
            // The Hub's search tells none.
            Cell::size(None),
            Cell::new("huggingface"),
            Cell::new(licence(None, one.gated)),
        ]
    }));
    let output = &context.output;
    output.result(table::render(&FOUND, &rows, output.colour_out, output.room_out()))?;
    if more > 0 {
        output.say(format!("{more} more are well known; `--limit {}` shows them.", arguments.limit + more));
    }
    output.say("`modelstrap models add NAME` names one in the manifest and downloads it.");
    Ok(Exit::Done)
}

fn licence(name: Option<&str>, gated: bool) -> String {
    let name = name.unwrap_or_default();
    if gated { format!("{name} gated").trim_start().to_owned() } else { name.to_owned() }
}

fn as_json(context: &Context, known: &[&catalogue::Known], found: &[Found]) -> Result<Exit> {
    let known: Vec<_> = known
        .iter()
        .map(|one| {
            json!({
                "name": one.name, "spec": one.spec, "size": one.size, "reader": one.reader,
                "license": one.license, "gated": one.gated,
            })
        })
        .collect();
    let hub: Vec<_> = found
        .iter()
        .map(|one| json!({"id": one.id, "spec": format!("hf:{}", one.id), "downloads": one.downloads, "gated": one.gated}))
        .collect();
    let empty = known.is_empty() && hub.is_empty();
    let document = json!({"schema": "modelstrap.search/1", "catalogue": known, "hub": hub});
    context.output.document(format!("{document:#}\n"))?;
    Ok(if empty { Exit::Of(1) } else { Exit::Done })
}
