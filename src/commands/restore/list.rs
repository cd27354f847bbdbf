//! `modelstrap restore --list`: what an archive holds.

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::Exit;
use super::super::backup::listing::Listing;
use super::super::context::Context;
use crate::cache::archive::index::Index;
use crate::cache::archive::members::{Entry, What, hex};
use crate::cache::archive::names;
use crate::support::{escape, units};
use crate::ui::document::Each;

/// What the archive holds, repository by repository and file by file; nothing but its index is read.
pub(super) fn list(context: &Context, index: &Index) -> Result<Exit> {
    if context.global.json {
        document(context, index)?;
        return Ok(Exit::Done);
    }
    if context.output.verbose > 0 {
        let lines = (0..index.members.len()).map(|at| member(index, at));
        context.output.lines(lines)?;
        return Ok(Exit::Done);
    }
    let output = &context.output;
    output.say(format!(
        "Written {} by modelstrap {}: {} of contents.",
        escape::printable(&index.head.created_at),
        escape::printable(&index.head.tool),
        units::bytes(index.head.bytes)
    ));
    Listing::of(index).show(output)?;
    Ok(Exit::Done)
}

/// A line of the long list.
fn member(index: &Index, at: usize) -> String {
    let name = index.members.name(at);
    let what = match &index.members.what(at) {
        What::File { size, sum } => format!("{size:>15} {}", hex(sum)),
        What::Same { of, .. } => format!("{:>15} = {}", "", index.members.name(*of)),
        What::Link { to } => format!("{:>15} -> {}", "", names::shown(to)),
        What::Folder => format!("{:>15}", ""),
    };
    format!("{name} {what}\n")
}

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a, Units, Members> {
    schema: &'static str,
    tool: &'a str,
    created_at: &'a str,
    content_bytes: u64,
    units: Units,
    members: Members,
}

fn document(context: &Context, index: &Index) -> Result<()> {
    let listing = Listing::of(index);
    let document = Document {
        schema: "modelstrap.archive-list/1",
        tool: &index.head.tool,
        created_at: &index.head.created_at,
        content_bytes: index.head.bytes,
        units: Each(|| listing.units()),
        members: Each(|| index.members.iter().map(|entry| described(index, &entry))),
    };
    Ok(context.output.stream_document(&document)?)
}

fn described(index: &Index, entry: &Entry) -> Value {
    let mut value = json!({"name": entry.name.text()});
    match &entry.what {
        What::File { size, sum } => (value["size"], value["sha256"]) = (json!(size), json!(hex(sum))),
        What::Same { of, .. } => value["same_as"] = json!(index.members.name(*of).text()),
        What::Link { to } => value["to"] = json!(names::text(to)),
        What::Folder => value["folder"] = json!(true),
    }
    value
}
