//! `modelstrap models download`: brings what is missing onto this machine.

use anyhow::Result;

use super::super::context::Context;
use super::super::{Exit, Usage};
use super::delivery::hint_at_setup;
use super::{Session, Wish, deliver};
use crate::cli::DownloadArgs;
use crate::models::request::Weights;

pub(super) fn run(context: &Context, arguments: &DownloadArgs) -> Result<Exit> {
    let session = Session::open(context)?;
    let wish = Wish {
        words: arguments.models.clone(),
        locked: arguments.locked,
        frozen: arguments.frozen,
        repair: false,
        stale: std::collections::HashSet::new(),
        everywhere: arguments.all_platforms,
        weights: weights(&arguments.weights)?,
        dry_run: arguments.consent.dry_run,
        transfer: arguments.transfer.clone(),
    };
    if session.requests.is_empty() && wish.words.is_empty() {
        context.output.say("The manifest names no models; `modelstrap models add` does.");
        return Ok(Exit::Done);
    }
    let delivered = deliver(&session, &wish)?;
    hint_at_setup(&session, &delivered);
    Ok(if delivered.missing > 0 { Exit::Of(1) } else { Exit::Done })
}

/// `--weights`, as the manifest would say it.
pub(super) fn weights(words: &[String]) -> Result<Option<Weights>> {
    if words.is_empty() {
        return Ok(None);
    }
    Weights::of_words(words).map(Some).map_err(|why| Usage(format!("`--weights {}`: {why}", words.join(","))).into())
}
