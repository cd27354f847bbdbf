//! The way from wanted models to files on the disk, as `models download`, `models add` and `setup` go it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::super::notes;
use super::super::setup::shelf;
use super::relock::{self, Written};
use super::session::{Pick, Session};
use super::settle::{Ask, Settled, insist, merged, settle};
use super::{install, json};
use crate::cli::Transfer;
use crate::fetch::{Digest, Event, Options};
use crate::models::bring::{Brought, Delivery};
use crate::models::keeper::Trust;
use crate::models::locked::{Model, Place};
use crate::models::placement;
use crate::models::request::Weights;
use crate::models::resolve::{self, Resolution};
use crate::support::escape::printable;
use crate::support::interrupt::{self, Interrupted};
use crate::support::units;
use crate::ui::events::Events;
use crate::ui::progress::{FileLine, ModelLine, Progress, Summary};
use crate::ui::table::{self, Cell, Tone};

/// What is to be brought, and how.
#[derive(Debug, Clone, Default)]
pub(in crate::commands) struct Wish {
    /// Which models; all of the manifest when empty.
    pub(in crate::commands) words: Vec<String>,
    /// `--locked`
    pub(in crate::commands) locked: bool,
    /// `--frozen`
    pub(in crate::commands) frozen: bool,
    /// Nobody is asked what a model is, and yet whose a locked commit is: a repair goes by a lock that nobody said to trust.
    pub(in crate::commands) repair: bool,
    /// `--all-platforms`
    pub(in crate::commands) everywhere: bool,
    /// `--weights`
    pub(in crate::commands) weights: Option<Weights>,
    /// `--dry-run`
    pub(in crate::commands) dry_run: bool,
    /// How fast, how many, how trusting.
    pub(in crate::commands) transfer: Transfer,
    /// Final names whose files are damaged: each is fetched, and keeps what it has until the right bytes are here.
    pub(in crate::commands) stale: HashSet<PathBuf>,
}

/// How it ended.
#[derive(Debug, Default)]
pub(in crate::commands) struct Delivered {
    /// Models that are wholly here.
    pub(in crate::commands) here: usize,
    /// Models that are not, without the optional ones.
    pub(in crate::commands) missing: usize,
    /// Bytes that came over the network.
    pub(in crate::commands) received: u64,
}

/// Brings what is wished for.
///
/// # Errors
/// When nothing could be begun, or the person stopped it. A model that fails is no error: the result counts it.
pub(in crate::commands) fn deliver(session: &Session<'_>, wish: &Wish) -> Result<Delivered> {
    interrupt::watch();
    if wish.locked || wish.frozen {
        insist_on_lock(session, wish)?;
    }
    let mut picks = session.picks(&wish.words, wish.everywhere)?;
    if let Some(weights) = &wish.weights {
        // Another choice than the manifest's: the lock does not keep it.
        for pick in &mut picks {
            pick.choice.weights.clone_from(weights);
            pick.in_manifest = false;
        }
    }
    let ask = match (wish.frozen, wish.locked) {
        (true, _) => Ask::Nobody,
        (_, true) => Ask::AboutStrangers,
        _ => Ask::AboutTheMissing,
    };
    let output = &session.context.output;
    let mut settled = settle(session, picks, ask, &|name| output.detail(format!("asking about {}", printable(name))))?;
    if (!wish.frozen || wish.repair) && !wish.dry_run {
        refuse_strangers(session, &mut settled);
    }
    tell(session, &settled.resolutions);
    let events = session.context.global.json.then(Events::stdout);
    if let Some(events) = &events {
        json::resolved(events, &settled);
    }
    if wish.dry_run {
        return preview(session, wish, &settled);
    }
    let known = vouched(session);
    let locks = !wish.locked && !wish.frozen;
    let moved = if locks { write_what_moved(session, wish, &settled)? } else { None };
    let models = || settled.models.iter().map(|(_, model)| model);
    install::distrust(session, models())?;
    notes::register(session.context, &session.project, &session.layout.cache_root);
    let (mut brought, summary) = fetch(session, wish, &settled, known)?;
    install::install(session, models(), &mut brought);
    let learnt = relock::learnt(&settled, &brought);
    let mut locked = moved.as_ref().is_some_and(|written| written.changed);
    if locks && !learnt.is_empty() {
        // Of what stayed as it was, the lock that was read says all.
        let base = moved.as_ref().map(|written| &written.own).or(session.lock.as_ref());
        locked |= relock::write(session, base, &learnt)?.changed;
    }
    mark_absent(session, wish, &settled, &brought);
    session.unseen().came(brought.iter().filter(|one| one.is_whole()).map(|one| &one.model))?;
    notes::register(session.context, &session.project, &session.layout.cache_root);
    let whole = brought.iter().filter(|one| one.is_whole()).map(|one| &one.model);
    notes::used(session.context, &session.world.homes, whole);
    if !locks {
        relock::tell_unpinned(session, &learnt);
    }
    if locked {
        output.say(format!("Wrote {}. Commit it.", session.shown(&session.lock_path())));
    }
    let delivered = conclude(session, wish, &settled, &brought, summary.as_ref())?;
    if let Some(events) = &events {
        json::summary(events, session, &settled, &brought, summary.as_ref());
    }
    Ok(delivered)
}

/// Takes out what the lock has at a commit that its repository does not. What was resolved just now was looked at then.
fn refuse_strangers(session: &Session<'_>, settled: &mut Settled) {
    if session.context.global.offline || session.world.hub.offline {
        return;
    }
    let fresh: HashSet<&str> = settled.resolutions.iter().map(|one| one.model.name.as_str()).collect();
    let mut failures = Vec::new();
    settled.models.retain(|(pick, model)| {
        let found =
            if fresh.contains(model.name.as_str()) { Ok(()) } else { resolve::check_commits(&session.world, model) };
        let why = "\n  run `modelstrap models update`, or, where you trust who wrote the lock, give `--frozen`";
        let good = found.is_ok();
        failures.extend(found.err().map(|error| (pick.clone(), anyhow!("{error:#}{why}"))));
        good
    });
    settled.failures.extend(failures);
}

/// What the same models are on other machines: the lock has every alternative, or it would be another one on each machine.
fn for_other_machines(session: &Session<'_>, wish: &Wish, settled: &Settled) -> Result<Vec<(Pick, Model)>> {
    if wish.weights.is_some() {
        return Ok(Vec::new());
    }
    let here = settled.models.iter().map(|(pick, _)| pick).chain(settled.failures.iter().map(|(pick, _)| pick));
    let here: HashSet<&str> = here.map(|pick| pick.choice.name.as_str()).collect();
    let mut picks = session.picks(&wish.words, true)?;
    picks.retain(|pick| pick.in_manifest && !here.contains(pick.choice.name.as_str()));
    let output = &session.context.output;
    let told = |name: &str| output.detail(format!("asking about {}", printable(name)));
    let found = settle(session, picks, Ask::AboutTheMissing, &told)?;
    for (pick, error) in &found.failures {
        output.warn(format!("{}, for other machines, is not locked: {error:#}", printable(&pick.choice.name)));
    }
    Ok(found.models)
}

/// Locks what the sources said, if that is something else than was locked. The lock of thousands of files is gone again
/// when the first of them comes.
fn write_what_moved(session: &Session<'_>, wish: &Wish, settled: &Settled) -> Result<Option<Written>> {
    let all = [&settled.models[..], &for_other_machines(session, wish, settled)?].concat();
    let lock = merged(session, &all);
    let old = session.lock.as_ref();
    let says_something = old.is_some() || !lock.models.is_empty();
    let moved = says_something && old != Some(&lock);
    if moved { relock::write(session, old, &all).map(Some) } else { Ok(None) }
}

fn insist_on_lock(session: &Session<'_>, wish: &Wish) -> Result<()> {
    // `--frozen` goes by the lock alone; what of it does not fit is told model by model.
    if wish.locked { insist(session) } else { Ok(()) }
}

/// What the sources had to say, and which weights were left out.
pub(super) fn tell(session: &Session<'_>, resolutions: &[Resolution]) {
    let output = &session.context.output;
    for resolution in resolutions {
        let name = printable(&resolution.model.name);
        for note in &resolution.notes {
            output.tell(format!("{name}: {note}"));
        }
        let files: Vec<table::LeftOut> =
            resolution.left_out.iter().map(|one| table::LeftOut { path: one.path.clone(), size: one.size }).collect();
        if let Some(line) = table::left_out(&files) {
            output.tell(format!("{name}: {line}"));
        }
        for one in &resolution.left_out {
            output.detail(format!("  {} {}: {}", printable(&one.path), units::bytes(one.size), one.why));
        }
    }
}

/// What would be fetched.
fn preview(session: &Session<'_>, wish: &Wish, settled: &Settled) -> Result<Delivered> {
    let output = &session.context.output;
    let mut delivered = Delivered::default();
    for (pick, model) in &settled.models {
        let (mut missing, mut bytes, mut unsized_files) = (0, 0, 0);
        for part in &model.parts {
            for file in &part.files {
                let known = missing;
                match placement::state(&session.world, part, file)? {
                    placement::FileState::Here => {}
                    placement::FileState::Partly(have) => {
                        (missing, bytes) = (missing + 1, bytes + file.size.unwrap_or(0).saturating_sub(have));
                    }
                    _ => (missing, bytes) = (missing + 1, bytes + file.size.unwrap_or(0)),
                }
                unsized_files += usize::from(missing > known && file.size.is_none());
            }
        }
        delivered.here += usize::from(missing == 0);
        output.say(match missing {
            0 => format!("{}: here", printable(&pick.choice.name)),
            _ => format!(
                "{}: {} to fetch, {}",
                printable(&pick.choice.name),
                units::count(missing, "file"),
                match (bytes, unsized_files) {
                    (bytes, 0) => units::bytes(bytes),
                    (0, _) => "size unknown".to_owned(),
                    (bytes, more) => {
                        format!("{} and {} of unknown size", units::bytes(bytes), units::count(more, "file"))
                    }
                }
            ),
        });
    }
    delivered.missing = report_failures(session, wish, settled, &[]);
    Ok(delivered)
}

fn fetch(
    session: &Session<'_>,
    wish: &Wish,
    settled: &Settled,
    known: HashSet<Digest>,
) -> Result<(Vec<Brought>, Option<Summary>)> {
    let models: Vec<&Model> = settled.models.iter().map(|(_, model)| model).collect();
    let trust = Trust { known, allow_pickle: wish.transfer.allow_pickle, stale: wish.stale.clone() };
    let delivery = Delivery::of(&session.world, &models, &trust)?;
    let options =
        Options { max_workers: wish.transfer.max_workers, limit_rate: wish.transfer.limit_rate, ..Options::default() };
    let lines = models.iter().map(|model| ModelLine { name: model.name.clone() }).collect();
    let missing = delivery.missing();
    let offline = session.context.global.offline || session.world.hub.offline;
    let line = |at: &usize| {
        let (file, model) = delivery.file(*at)?;
        Some(FileLine { label: file.path.clone(), model, size: file.size })
    };
    let files = missing.iter().filter_map(line);
    // Without a network nothing is downloaded, and the end names each file that is missing.
    if missing.is_empty() || (offline && !session.context.global.json) {
        let brought = delivery.carry_out(&options, &|_| ());
        return Ok((brought, None));
    }
    let progress = Progress::new(&session.context.output, session.context.global.json, lines, files);
    let brought = delivery.carry_out(&options, &|event: Event| {
        // Of what is here already, nothing is shown.
        if let Ok(place) = missing.binary_search(&event.index()) {
            progress.event(event.at(place));
        }
    });
    let summary = progress.finish();
    if interrupt::requested() {
        return Err(Interrupted(
            "stopped; what was fetched is kept, and the same command goes on from there".to_owned(),
        )
        .into());
    }
    Ok((brought, Some(summary)))
}

/// What the committed lock vouches for.
fn vouched(session: &Session<'_>) -> HashSet<Digest> {
    session.lock.as_ref().map(|lock| session.unseen().vouched(lock)).unwrap_or_default()
}

/// Marks what the repositories do not have, where it is certain that the lock was made for what the manifest asks for.
fn mark_absent(session: &Session<'_>, wish: &Wish, settled: &Settled, brought: &[Brought]) {
    let certain = !wish.frozen || !session.is_behind();
    for ((pick, _), one) in settled.models.iter().zip(brought).filter(|(_, one)| certain && one.is_whole()) {
        resolve::mark_absent(&session.world, &pick.choice, &one.model);
    }
}

/// Says what is where, and what is not.
fn conclude(
    session: &Session<'_>,
    wish: &Wish,
    settled: &Settled,
    brought: &[Brought],
    summary: Option<&Summary>,
) -> Result<Delivered> {
    let output = &session.context.output;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut delivered = Delivered::default();
    for (at, ((pick, _), one)) in settled.models.iter().zip(brought).enumerate().filter(|(_, (_, one))| one.is_whole())
    {
        delivered.here += 1;
        // Of a file with a digest and no size nobody says how long it is.
        let size: Option<u64> = one.model.parts.iter().flat_map(|part| &part.files).map(|file| file.size).sum();
        let time = summary.and_then(|summary| summary.models.get(at)).map_or(Duration::ZERO, |model| model.time);
        bytes += size.unwrap_or(0);
        rows.push(vec![
            Cell::new(&pick.choice.name),
            Cell::size(size),
            if one.received == 0 { Cell::new("was here") } else { Cell::time(time) },
            Cell::new(place(session, &one.model)),
            Cell::toned("", Tone::Good),
        ]);
    }
    let total = rows.len();
    if !session.context.global.json && total > 0 {
        match summary {
            Some(_) => output.say(table::render(&table::BROUGHT, &rows, output.colour, output.room()).trim_end()),
            None => {
                let begins = if brought.iter().all(Brought::is_whole) { "Nothing to fetch: " } else { "" };
                output.say(format!("{begins}{} here, {}.", units::count(total, "model"), units::bytes(bytes)));
            }
        }
    }
    if let Some(summary) = summary.filter(|summary| summary.received > 0 && !session.context.global.json) {
        let speed = (summary.received as f64 / summary.time.as_secs_f64().max(0.001)) as u64;
        let (received, time) = (units::bytes(summary.received), units::seconds(summary.time));
        output.say(format!("Fetched {received} in {time}, {}/s.", units::bytes(speed)));
    }
    delivered.missing = report_failures(session, wish, settled, brought);
    delivered.received = summary.map_or(0, |summary| summary.received);
    Ok(delivered)
}

/// Says after a download into a project that was never set up what is still missing: Git sees the cache, programs do not.
pub(super) fn hint_at_setup(session: &Session<'_>, delivered: &Delivered) {
    if delivered.here == 0 || delivered.received == 0 || session.context.global.json {
        return;
    }
    if shelf(&session.project).record().is_set_up() {
        return;
    }
    let cache = &session.layout.cache_root;
    let ignored = match cache.starts_with(&session.project.root) {
        true => format!("keeps {} out of Git and ", session.shown(cache)),
        false => String::new(),
    };
    session
        .context
        .output
        .tell(format!("This project is not set up yet: `modelstrap setup` {ignored}lets programs find these models."));
}

/// The folder of a model's first part, of a repository its own: a commit's 40 digits tell a person nothing, and
/// `models path` has them. Several parts are counted.
fn place(session: &Session<'_>, model: &Model) -> String {
    let first = model.parts.first().and_then(|part| {
        let folder = placement::folder(&session.world, part).ok().flatten()?;
        let up = if matches!(part.place, Place::Hub(_)) { 2 } else { 0 };
        folder.ancestors().nth(up).map(Path::to_path_buf)
    });
    let shown = first.map_or_else(String::new, |path| session.shown(&path));
    match model.parts.len() {
        0 | 1 => shown,
        more => format!("{shown} and {} more", more - 1),
    }
}

/// Tells of what did not come; the number of models that were needed.
fn report_failures(session: &Session<'_>, wish: &Wish, settled: &Settled, brought: &[Brought]) -> usize {
    let output = &session.context.output;
    // What is damaged is here.
    let (state, lacking) =
        if wish.repair { ("is not mended", "damaged or missing") } else { ("is not here", "missing") };
    let mut needed = 0;
    let mut tell = |pick: &Pick, why: String| {
        let name = printable(&pick.choice.name);
        if pick.request.optional {
            output.warn(format!("{name} (optional) {state}: {why}"));
        } else {
            needed += 1;
            output.error(format!("{name} {state}: {why}"));
        }
    };
    for (pick, error) in &settled.failures {
        tell(pick, format!("{error:#}"));
    }
    for ((pick, _), one) in settled.models.iter().zip(brought).filter(|(_, one)| !one.is_whole()) {
        tell(pick, reasons(one, lacking));
    }
    needed
}

/// Without a network each missing file is named, since somebody has to carry them here; of more than a screen of them, some.
fn while_offline(missing: &[&str], lacking: &str) -> String {
    const FEW: usize = 20;
    const SOME: usize = 3;
    let mut lines = vec![format!("{} {lacking}, and the network is switched off", units::count(missing.len(), "file"))];
    let named = if missing.len() > FEW { SOME } else { FEW };
    lines.extend(missing.iter().take(named).map(|label| printable(label)));
    if missing.len() > named {
        let more = units::count(missing.len() - named, "file");
        lines.push(format!("and {more} more, which `modelstrap models verify --json` names"));
    }
    lines.join("\n  ")
}

/// Why a model is not whole: the first failures with their reasons, the others by name, so that each missing file is named; `lacking`
/// says in a word what such files are.
pub(super) fn reasons(one: &Brought, lacking: &str) -> String {
    const SHOWN: usize = 3;
    const NAMED: usize = 100;
    if let Some(why) = &one.unfinished {
        return why.clone();
    }
    let missing: Vec<&str> =
        one.failures.iter().filter(|failure| failure.offline).map(|failure| failure.label.as_str()).collect();
    if !missing.is_empty() {
        return while_offline(&missing, lacking);
    }
    let mut lines: Vec<String> = one.failures.iter().take(SHOWN).map(|failure| failure.why.clone()).collect();
    lines.dedup();
    if one.failures.len() > SHOWN {
        let rest = &one.failures[SHOWN..];
        let names: Vec<String> = rest.iter().take(NAMED).map(|failure| printable(&failure.label)).collect();
        let dots = if rest.len() > NAMED { ", …" } else { "" };
        lines.push(format!("and {} more: {}{dots}", units::count(rest.len(), "file"), names.join(", ")));
    }
    lines.join("\n  ")
}
