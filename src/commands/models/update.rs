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
    lock(&session, &arguments.models, Ask::AboutAll, arguments.consent.dry_run)
}
