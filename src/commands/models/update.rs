//! `modelstrap models update`: moves models to what their branch or release is now, and shows what that changes.

use anyhow::Result;

use super::super::Exit;
use super::super::context::Context;
use super::Session;
use super::lock::lock;
use super::settle::Ask;
use crate::cli::UpdateArgs;

pub(super) fn run(context: &Context, arguments: &UpdateArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    // What was trusted on first use is given up only where somebody names it.
    let ask = if arguments.models.is_empty() { Ask::AboutAll } else { Ask::Anew };
    lock(&session, &arguments.models, ask, arguments.consent.dry_run)
}
