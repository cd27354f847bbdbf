//! `modelstrap clear trash`: frees what earlier runs removed and could still be brought back, and nothing else.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;

use super::json::holders;
use super::remover;
use super::said::held;
use crate::cache::hub;
use crate::cache::remove::Swept;
use crate::cli::Consent;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::commands::{Exit, consent, notes};
use crate::support::{escape, interrupt, paths, quoted, units};

/// Says how much it is, asks, and frees it.
///
/// # Errors
/// When the journals cannot be read, nobody can be asked, or something of it stays.
pub(in crate::commands) fn clear_trash(context: &Context, agreed: &Consent) -> Result<Exit> {
    interrupt::watch();
    let survey = Survey::of(context)?;
    let remover = remover(&survey);
    let mut swept = if agreed.dry_run { Swept::default() } else { remover.sweep_now()? };
    let waiting = remover.waiting()?;
    let there = remover.removed()?;
    if !context.global.json {
        context.output.say(match (there.is_empty(), agreed.dry_run, units::bytes(waiting)) {
            (true, ..) => "There is nothing in the trash.".to_owned(),
            (_, true, bytes) => format!("{bytes} in the trash would be freed, and could not be brought back."),
            (_, false, bytes) => format!("{bytes} in the trash will be freed, and cannot be brought back."),
        });
    }
    if !agreed.dry_run && !there.is_empty() {
        if !agreed.yes {
            let alone = ("this deletes files", "`--yes`, or `--dry-run` to see what would go");
            consent::sure(context, "Empty the trash for good?", alone)?;
        }
        let emptied = remover.sweep_all()?;
        swept.freed = swept.freed.saturating_add(emptied.freed);
        swept.held = swept.held.saturating_add(emptied.held);
        swept.holders.extend(emptied.holders);
        swept.back.extend(emptied.back.iter());
        swept.problems.extend(emptied.problems);
        notes::count(context, &survey.layout.cache_root);
    }
    for (path, why) in &swept.problems {
        let layout = &survey.layout;
        let shown = paths::friendly(&layout.root, layout.home.as_deref(), path);
        context.output.warn(format!("{shown}: {}", escape::printable(why)));
    }
    if context.global.json {
        let document = json!({
            "schema": "modelstrap.clear/1",
            "project": quoted::text(&survey.project.root),
            "cache_root": quoted::text(&survey.layout.cache_root),
            "dry_run": agreed.dry_run,
            "trash_bytes": waiting,
            "swept_bytes": swept.freed,
            "held_bytes": swept.held,
            "held_by": holders(&swept.holders),
        });
        context.output.document(format!("{document:#}\n"))?;
    } else if swept.freed > 0 && !context.output.quiet {
        let held = held(swept.held, &swept.holders);
        context.output.result(format!("{} freed.{held}\n", units::bytes(swept.freed)))?;
    }
    if !swept.problems.is_empty() {
        bail!("not all of the trash could be freed, as said above");
    }
    Ok(Exit::Done)
}

/// Whether what lay at one of these paths, and is in the trash now, is called `word`: a repository, with or without its kind, or a
/// file.
pub(super) fn is_called(mut there: impl Iterator<Item = PathBuf>, word: &str) -> bool {
    let word = word.strip_prefix("hf:").unwrap_or(word);
    let (repository, commit) = word.split_once('@').map_or((word, None), |(name, commit)| (name, Some(commit)));
    let parts = |path: &PathBuf| -> Vec<String> {
        path.components().filter_map(|part| part.as_os_str().to_str()).map(str::to_owned).collect()
    };
    there.any(|path| {
        if path.file_name().is_some_and(|name| name == word) {
            return true;
        }
        let parts = parts(&path);
        let Some(at) = parts.iter().position(|part| hub::full_name(part).is_some_and(|name| name == repository)) else {
            return false;
        };
        match (commit, parts.get(at + 1).map(String::as_str), parts.get(at + 2)) {
            (_, None, _) => true,
            (Some(commit), Some("snapshots"), Some(there)) => there.starts_with(commit),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_trash_is_known_by_the_name_that_it_had() {
        let there: Vec<PathBuf> = [
            "/c/huggingface/hub/models--org--asr",
            "/c/huggingface/hub/models--org--tts/snapshots/1a2b3c4d",
            "/c/huggingface/hub/models--org--tts/blobs/both",
            "/c/whisper/large-v3.pt",
        ]
        .map(PathBuf::from)
        .to_vec();
        for (word, is_there) in [
            ("org/asr", true),
            ("hf:org/asr", true),
            ("org/asr@main", true),
            ("org/tts@1a2b", true),
            ("org/tts@2b", false),
            ("org/tts", false),
            ("large-v3.pt", true),
            ("org/other", false),
            ("", false),
        ] {
            assert_eq!(is_called(there.iter().cloned(), word), is_there, "{word}");
        }
    }
}
