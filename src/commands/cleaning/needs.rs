//! What must stay in a cache, read from the disk: locks of projects, links that `dedupe` made, files that are open.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Projects, Scope};
use crate::cache::link;
use crate::cache::select::Needs;
use crate::cache::select::locked::AsksLocks;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::models::homes::Homes;
use crate::models::hub::locks;
use crate::platform::mapped_files::mapped_files;
use crate::platform::open_files::open_files;
use crate::support::{escape, paths};

/// What must stay, and for whom.
pub(in crate::commands) struct Needed {
    pub(in crate::commands) needs: Needs,
    pub(in crate::commands) projects: Projects,
    /// The links that `dedupe` made.
    pub(in crate::commands) links: Vec<PathBuf>,
    /// Those of them that cannot be seen right now: what they lead to stays.
    pub(in crate::commands) unseen: Vec<link::Root>,
    /// The homes, links followed, below which the needs are named.
    pub(in crate::commands) homes: Homes,
}

impl Needed {
    /// As it is `now`, in seconds since 1970.
    ///
    /// # Errors
    /// When the notes of `dedupe` cannot be read.
    pub(in crate::commands) fn read(context: &Context, survey: &Survey, now: i64, scope: Scope) -> Result<Self> {
        let homes = crate::cache::select::needs::real_homes(&survey.homes);
        let mut needs = Needs::default();
        let projects = Projects::read(context, survey, &homes, now, scope, &mut needs);
        if !scope.dry_run {
            link::look(&survey.layout.cache_root, now);
        }
        let mut unseen = add_links(survey, &mut needs)?;
        warn_of_damage(context, &survey.layout.cache_root);
        let links = unseen.iter().map(|root| root.link.clone()).collect();
        unseen.retain(|root| root.unseen.is_some());
        if let Some(open) = open_files(Path::new("/")) {
            needs.add_open(open.all);
        }
        needs.add_open(mapped_files(Path::new("/")));
        needs.ask_locks(AsksLocks { of_repository: locks::is_any_held, at: locks::is_held });
        Ok(Self { needs, projects, links, unseen, homes })
    }
}

/// Says which lines of the notes of `dedupe` in the cache at `cache_root` are damaged: what they said is not among the needs.
pub(in crate::commands) fn warn_of_damage(context: &Context, cache_root: &Path) {
    // Notes that cannot be read at all are told of by who asks for the needs.
    let Ok((path, lines)) = link::damaged(cache_root) else { return };
    const NAMED: usize = 5;
    let path = escape::path(&path);
    let which = match lines.as_slice() {
        [] => return,
        [line] => {
            let text = "nobody knows what the link that it was about needs; put it right, or delete it";
            return context.output.warn(format!("line {line} of {path} is damaged, and {text}"));
        }
        [first @ .., last] => {
            let named: Vec<String> = first.iter().take(NAMED).map(usize::to_string).collect();
            match first.len() - named.len() {
                0 => format!("{} and {last}", named.join(", ")),
                more => format!("{} and {} more", named.join(", "), more + 1),
            }
        }
    };
    let text = "nobody knows what the links that they were about need; put them right, or delete them";
    context.output.warn(format!("lines {which} of {path} are damaged, and {text}"));
}

/// Adds to `needs` what the links of `dedupe` lead to: those links.
///
/// # Errors
/// When the notes of `dedupe` cannot be read.
fn add_links(survey: &Survey, needs: &mut Needs) -> Result<Vec<link::Root>> {
    let unread =
        "what dedupe noted of its links cannot be read, so that nobody knows what they need; nothing was removed";
    let roots = link::roots(&survey.layout.cache_root).context(unread)?;
    for root in &roots {
        let target = paths::real_place(&root.target).unwrap_or_else(|| root.target.clone());
        needs.add_link(&root.link, target);
    }
    Ok(roots)
}
