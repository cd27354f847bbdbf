//! `modelstrap models verify`: reads every byte again and compares it with the lock; no network unless `--fix`.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::super::Exit;
use super::super::context::Context;
use super::session::Pick;
use super::settle::{Ask, Settled, by_reason, settle};
use super::{Session, Wish, deliver};
use crate::cli::{Transfer, VerifyArgs};
use crate::models::locked::{File, Model, Part};
use crate::models::placement;
use crate::models::rehash::{self, Finding, Item};
use crate::support::escape::printable;
use crate::support::interrupt::{self, Interrupted};
use crate::support::{escape, quoted, units};

/// What a repair says that could not do everything.
pub(in crate::commands) const STAYS: &str =
    "What is damaged stays until the right bytes are here; the same command tries again.";

pub(super) fn run(context: &Context, arguments: &VerifyArgs) -> Result<Exit> {
    interrupt::watch();
    let session = Session::open(context)?;
    let picks = session.picks(&arguments.models, false)?;
    let settled = settle(&session, picks, Ask::Nobody, &|_| ())?;
    let unknown = settled.failures.iter().any(|(pick, _)| !pick.request.optional);
    for (names, why) in by_reason(&settled.failures) {
        context.output.warn(format!("{names} cannot be verified: {why}"));
    }
    if session.requests.is_empty() && settled.failures.is_empty() && settled.models.is_empty() {
        context.output.say("The manifest names no models: there is nothing to verify.");
    }
    let (owners, items) = items(&session, &settled.models)?;
    let workers = arguments.transfer.max_workers.unwrap_or_else(cores);
    let gauge = context.gauge("Reading", items.iter().filter_map(|item| item.size).sum());
    let findings = rehash::verify(&items, workers, &|_, bytes| gauge.add(bytes));
    let (bytes, time) = (gauge.done(), gauge.time());
    drop(gauge);
    if interrupt::requested() {
        return Err(Interrupted("stopped; nothing was changed".to_owned()).into());
    }
    let damaged: Vec<usize> =
        (0..items.len()).filter(|at| !matches!(findings[*at], Finding::Good | Finding::Unproven)).collect();
    let fixes = arguments.fix && !arguments.consent.dry_run;
    report(&session, &settled, &owners, &items, &findings, fixes)?;
    if !items.is_empty() {
        context.output.say(format!(
            "{} read in {} ({}/s): {}, {} damaged or missing.",
            units::bytes(bytes),
            units::seconds(time),
            units::bytes((bytes as f64 / time.as_secs_f64().max(0.001)) as u64),
            units::count(items.len(), "file"),
            damaged.len()
        ));
    }
    if damaged.is_empty() {
        return Ok(if unknown { Exit::Found } else { Exit::Done });
    }
    if !fixes {
        context.output.say("`modelstrap models verify --fix` fetches these, and nothing else.");
        return Ok(Exit::Found);
    }
    fix(&session, arguments, &settled.models, &owners, &items, &findings)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The model, its part, and the file's path in it: two parts can have files of the same name.
type Owner = (usize, usize, String);

/// Every file of the models, with the model that it belongs to.
fn items(session: &Session<'_>, models: &[(Pick, Model)]) -> Result<(Vec<Owner>, Vec<Item>)> {
    let (mut owners, mut items) = (Vec::new(), Vec::new());
    for (at, (_, model)) in models.iter().enumerate() {
        for (number, part) in model.parts.iter().enumerate() {
            for file in &part.files {
                owners.push((at, number, file.path.clone()));
                items.push(Item {
                    path: placement::visible(&session.world, part, file)?,
                    size: file.size,
                    digest: file.digest,
                });
            }
        }
    }
    Ok((owners, items))
}

fn report(
    session: &Session<'_>,
    settled: &Settled,
    owners: &[Owner],
    items: &[Item],
    findings: &[Finding],
    fixes: bool,
) -> Result<()> {
    let (context, models) = (session.context, &settled.models);
    let (mut listed, mut lines): (Vec<Value>, Vec<String>) = (Vec::new(), Vec::new());
    let mut counted = many_missing(models, owners, findings);
    for ((owner, item), finding) in owners.iter().zip(items).zip(findings) {
        let name = &models[owner.0].1.name;
        let words = match finding {
            Finding::Good => continue,
            Finding::Unproven => "no digest is known for it yet".to_owned(),
            Finding::Missing => "missing".to_owned(),
            Finding::Size { expected, found } => format!("{found} bytes long instead of {expected}"),
            Finding::Content { expected, found } => format!("damaged\n    expected {expected}\n    found    {found}"),
            Finding::Unreadable(error) => format!("cannot be read: {error}"),
            Finding::Stopped => "not read".to_owned(),
        };
        let mut value = json!({"model": name, "file": owner.2, "path": quoted::text(&item.path), "finding": words});
        // What was expected and what was found are members, and not words for a person.
        match finding {
            Finding::Content { expected, found } => {
                value["finding"] = json!("damaged");
                (value["expected"], value["found"]) = (json!(expected.to_string()), json!(found.to_string()));
            }
            Finding::Size { expected, found } => {
                value["finding"] = json!("another size");
                (value["expected"], value["found"]) = (json!(expected), json!(found));
            }
            _ => {}
        }
        listed.push(value);
        if matches!(finding, Finding::Missing) && counted.contains_key(&owner.0) {
            lines.extend(counted.get_mut(&owner.0).and_then(Option::take));
        } else {
            lines.push(format!("{} {}: {words}\n", printable(name), printable(&owner.2)));
        }
    }
    if !context.global.json {
        context.output.result(lines.concat())?;
    }
    if context.global.json {
        let unverified = settled.failures.iter();
        let unverified: Vec<Value> =
            unverified.map(|(pick, why)| json!({"model": pick.choice.name, "why": format!("{why:#}")})).collect();
        let document = json!({
            "schema": "modelstrap.verify/1", "files": items.len(), "findings": listed, "unverified": unverified,
        });
        // The events of a repair follow: together they are JSON lines.
        context.output.document(if fixes { format!("{document}\n") } else { format!("{document:#}\n") })?;
    }
    Ok(())
}

/// Of the models that miss more files than a person reads the names of, the line that counts them. It stands for all of them.
fn many_missing(models: &[(Pick, Model)], owners: &[Owner], findings: &[Finding]) -> HashMap<usize, Option<String>> {
    const NAMED: usize = 3;
    let mut all: HashMap<usize, (usize, Vec<String>)> = HashMap::new();
    for (owner, finding) in owners.iter().zip(findings) {
        let (files, missing) = all.entry(owner.0).or_default();
        *files += 1;
        if matches!(finding, Finding::Missing) {
            missing.push(printable(&owner.2));
        }
    }
    let many = all.into_iter().filter(|(_, (_, missing))| missing.len() > NAMED);
    many.map(|(at, (files, missing))| {
        let (name, some) = (printable(&models[at].1.name), missing[..NAMED].join(", "));
        (at, Some(format!("{name}: {} of {} missing: {some}, …\n", missing.len(), units::count(files, "file"))))
    })
    .collect()
}

/// Fetches what is damaged and what is missing. What is damaged keeps its name until the right bytes are here.
fn fix(
    session: &Session<'_>,
    arguments: &VerifyArgs,
    models: &[(Pick, Model)],
    owners: &[Owner],
    items: &[Item],
    findings: &[Finding],
) -> Result<Exit> {
    let mut damaged = Damaged::default();
    for ((owner, item), finding) in owners.iter().zip(items).zip(findings) {
        if matches!(finding, Finding::Content { .. } | Finding::Size { .. }) {
            let part = &models[owner.0].1.parts[owner.1];
            for file in part.files.iter().filter(|file| file.path == owner.2) {
                if placement::renew(&session.world, part, file)? {
                    session.context.output.detail(format!("made anew {}", escape::path(&item.path)));
                } else {
                    damaged.note(session, part, file)?;
                }
            }
        }
    }
    let whole = damaged.fetch(session, arguments.models.clone(), arguments.transfer.clone())?;
    if whole {
        return Ok(Exit::Done);
    }
    session.context.output.say(STAYS);
    Ok(Exit::Of(1))
}

/// Files that are fetched although something is there under their names.
#[derive(Default)]
struct Damaged<'a> {
    files: Vec<(&'a Part, &'a File)>,
    stale: HashSet<PathBuf>,
}

impl<'a> Damaged<'a> {
    fn note(&mut self, session: &Session<'_>, part: &'a Part, file: &'a File) -> Result<()> {
        self.stale.insert(placement::artifact(&session.world, part, file, 0)?.destination);
        self.files.push((part, file));
        Ok(())
    }

    /// Fetches them, and what is missing of the models that `words` name. True when all of those are whole.
    fn fetch(self, session: &Session<'_>, words: Vec<String>, transfer: Transfer) -> Result<bool> {
        let wish = Wish { words, frozen: true, repair: true, transfer, stale: self.stale, ..Wish::default() };
        let delivered = deliver(session, &wish)?;
        for (part, file) in self.files {
            // A snapshot's own copy, or second name, of what was damaged has the damage still.
            placement::renew(&session.world, part, file)?;
        }
        Ok(delivered.missing == 0)
    }
}

/// Fetches what is missing of the models that the manifest calls `names`, and the damaged files, each a model of the lock, its part
/// and its file by their numbers. True when all of them are whole.
pub(in crate::commands) fn fetch_again(
    session: &Session<'_>,
    names: Vec<String>,
    damaged: &[(usize, usize, usize)],
    transfer: Transfer,
) -> Result<bool> {
    let mut stale = Damaged::default();
    for (model, part, file) in damaged {
        let model = session.lock.as_ref().and_then(|lock| lock.models.get(*model));
        let Some(part) = model.and_then(|model| model.parts.get(*part)) else { continue };
        if let Some(file) = part.files.get(*file) {
            stale.note(session, part, file)?;
        }
    }
    stale.fetch(session, names, transfer)
}
