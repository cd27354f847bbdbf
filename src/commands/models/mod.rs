//! `modelstrap models`: name, lock, download, check and find the models of a project.

mod add;
mod delivery;
mod download;
mod export;
mod hubs;
mod install;
mod json;
mod list;
mod lock;
mod needed;
mod others;
mod path;
mod purge;
mod relock;
mod remove;
mod scan;
mod search;
mod session;
mod settle;
mod update;
mod verify;

use anyhow::Result;

use super::Exit;
use super::context::Context;
use crate::cli::{ModelsArgs, ModelsVerb};

pub(super) use add::name_in_manifest;
pub(super) use delivery::{Wish, deliver};
pub(super) use list::{Line, line, rows};
pub(super) use relock::prune;
pub(super) use session::{Session, known};
pub(super) use verify::{STAYS, fetch_again};

pub(super) fn run(context: &Context, arguments: &ModelsArgs) -> Result<Exit> {
    match &arguments.verb {
        ModelsVerb::List => list::run(context),
        ModelsVerb::Add(given) => add::run(context, given),
        ModelsVerb::Remove(given) => remove::run(context, given),
        ModelsVerb::Lock(given) => lock::run(context, given),
        ModelsVerb::Update(given) => update::run(context, given),
        ModelsVerb::Download(given) => download::run(context, given),
        ModelsVerb::Verify(given) => verify::run(context, given),
        ModelsVerb::Path(given) => path::run(context, given),
        ModelsVerb::Search(given) => search::run(context, given),
        ModelsVerb::Export(given) => export::run(context, given),
        ModelsVerb::Scan(given) => scan::run(context, given),
    }
}
