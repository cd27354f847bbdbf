//! The second look, with the lock held: while this run asked or waited, another one may have moved things, and what stands in a
//! place now may be a link into the cache, or somebody else's folder.

use anyhow::Result;

use super::super::context::Context;
use super::super::survey::Survey;
use super::{Run, plan};
use crate::cache::migrate::{self, Copies, Options};

/// Looks once more, and keeps of the run what is still as it was shown: what is new since was not agreed to, and what is gone is
/// gone. What stands in the place of something else is named.
pub(super) fn look(run: &mut Run<'_>, context: &Context) -> Result<Options<'static>> {
    let survey = Survey::of(context)?;
    survey.check_root()?;
    let plan::Prepared { mut found, mut options, .. } = plan::prepare(context, &survey, run.arguments, true)?;
    let now = std::mem::take(&mut found.parts);
    options.links = migrate::pointing_out(&survey.layout.cache_root);
    let mut counted = Copies::default();
    for (shown, _) in std::mem::take(&mut run.parts) {
        match now.iter().find_map(|part| part.clone().agreed(&shown)) {
            Some(part) => {
                let outcome = migrate::look(&part, &options, &mut counted).map_err(|stop| run.stopped(&stop, false))?;
                run.parts.push((part, outcome));
            }
            None => found.stays.extend(shown.replaced()),
        }
    }
    found.roots.retain(|root| run.found.roots.contains(root));
    found.beside.retain(|beside| run.found.beside.contains(beside));
    run.found = found;
    run.has_room()?;
    Ok(options)
}
