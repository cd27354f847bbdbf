//! What is done with the trashes of earlier runs: emptied when their time is over, put back when the run was cut off before it
//! had looked at everything again, or when a person wants it.
//!
//! A run that was killed among its renames has decided nothing: everything goes back, as if it had never been. One that was killed
//! after its decision is finished. What an undo could not put back waits as trash does, and no run but an undo tries it again. What
//! was taken by a run that was killed, and cannot go back, is nobody's leave to delete it, however old it is: a cache whose
//! disk is away, or a clock that was wrong, must not cost a model. It stays, and is named each time, until a person has cleared
//! the way or has taken it from the trash.

use anyhow::{Context as _, Result};

use super::clock::{Moment, Over};
use super::held::Held;
use super::journal::{self, Fate, Past};
use super::lent::Wanted;
use super::lost::{self, Lost};
use super::opened::Opened;
use super::{Remover, Restored, Role, Swept};
use crate::cache::roll::Roll;
use crate::support::escape;

/// Which trashes are emptied: of runs that were decided alone. What goes back is emptied by neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sweep {
    /// Those whose time is over at this moment.
    Expired(Moment),
    /// All of them, whatever their time and the clock say.
    AllDecided,
}

/// What a dry run says of what something stands in the way of.
const IN_THE_WAY: &str =
    "something stands there again, or what it belongs to is gone: what is the same counts as back, anything else stays";

impl Sweep {
    /// Whether the trash of `past`, which is kept until `until`, is emptied.
    fn empties(&self, until: Option<i64>, past: &mut Past) -> bool {
        let (Self::Expired(now), Some(until)) = (self, until) else { return true };
        let over = now.is_over(until, past.decided.as_ref(), past.seen_back);
        if over == Over::SeenBack {
            // Where it cannot be noted, it is kept until it can.
            let _ = past.journal.seen_back(now.date);
        }
        over == Over::Yes
    }
}

/// Brings back the last run that can be. What an undo before could not put back is tried again in its turn, and stands in no older
/// one's way.
pub(super) fn undo(remover: &Remover) -> Result<Option<Restored>> {
    let past = read(remover)?.into_iter().filter(|past| past.fate != Fate::Undecided);
    let (decided, returning): (Vec<_>, Vec<_>) = past.partition(|past| past.fate != Fate::Returning);
    let (decided, spent): (Vec<_>, Vec<_>) = decided.into_iter().partition(|past| past.fate != Fate::Decided(None));
    let spent: Vec<Opened> = spent.into_iter().map(|past| Opened::open(past, &remover.guard())).collect();
    let restored = last_of(remover, decided, returning, &spent);
    spent.into_iter().for_each(Opened::close);
    journal::tidy(&remover.cache_root);
    restored
}

/// The same, of runs that are decided and those that go back already. What of shared stores they need comes from those that are spent.
fn last_of(
    remover: &Remover,
    mut decided: Vec<Past>,
    returning: Vec<Past>,
    spent: &[Opened],
) -> Result<Option<Restored>> {
    let mut restored = Restored { is_whole: true, ..Restored::default() };
    let now = remover.moment();
    for past in returning.into_iter().rev() {
        let mut run = Opened::open(past, &remover.guard());
        restored.verb.clone_from(&run.past.verb);
        lend(&run, spent);
        run.wait_as_trash(&now);
        run.give_back(&mut restored.back, None, &mut restored.stayed);
        run.keep_rest(now.clone());
        run.close();
    }
    while let Some(last) = decided.pop() {
        // What a run did in several steps comes back in one.
        let mut steps = vec![last];
        while let Some(before) = decided.pop_if(|before| steps.last().is_some_and(|step| step.goes_on(before))) {
            steps.push(before);
        }
        let mut is_done = false;
        for step in steps {
            is_done |= take_back(remover, step, spent, &mut restored)?;
        }
        if is_done {
            return Ok(Some(restored));
        }
    }
    restored.is_whole = restored.stayed.is_empty();
    let is_nothing = restored.back.is_empty() && restored.stayed.is_empty();
    Ok((!is_nothing).then_some(restored))
}

/// Brings one run back. Whether there was anything of it that could be.
fn take_back(remover: &Remover, past: Past, spent: &[Opened], restored: &mut Restored) -> Result<bool> {
    let mut run = Opened::open(past, &remover.guard());
    if !run.has_anything() {
        // On a disk that is away now, there may be something.
        if run.away().is_empty() {
            run.close();
        }
        return Ok(false);
    }
    // Before that is noted: who goes on with it finds them in their store.
    lend(&run, spent);
    let (now, is_rest) = (remover.moment(), run.past.is_tried);
    run.wait_as_trash(&now);
    if !is_rest {
        run.past.journal.give_back().context("the undo cannot be noted in its journal")?;
        run.past.fate = Fate::Returning;
    }
    restored.verb.clone_from(&run.past.verb);
    let (before, stuck) = (restored.back.len(), restored.stayed.len());
    restored.sizes.resize(before, 0);
    run.give_back(&mut restored.back, Some(&mut restored.sizes), &mut restored.stayed);
    run.keep_rest(now);
    run.close();
    // What an undo before could not put back, and still cannot be, stands in no older one's way.
    let is_done = !is_rest || restored.back.len() > before;
    restored.is_whole &= !is_done || restored.stayed.len() == stuck;
    Ok(is_done)
}

/// Puts the payloads back that `run` leads to, from `others` that are spent but for these.
fn lend(run: &Opened, others: &[Opened]) {
    if !others.is_empty() {
        let mut wanted = Wanted::default();
        wanted.add(run);
        others.iter().for_each(|other| wanted.give_back(other));
    }
}

pub(super) fn sweep(remover: &Remover, which: &Sweep) -> Result<Swept> {
    let mut swept = Swept::default();
    let guard = remover.guard();
    let is_decided = |past: &Past| matches!(past.fate, Fate::Decided(_));
    let (decided, returning): (Vec<_>, Vec<_>) = read(remover)?.into_iter().partition(is_decided);
    let (mut over, mut kept) = (Vec::new(), Vec::new());
    for mut past in decided {
        let fate = past.fate;
        match fate {
            Fate::Decided(until) if !which.empties(until, &mut past) => kept.push(past),
            _ => over.push(Opened::open(past, &guard)),
        }
    }
    let (mut wanted, now) = (Wanted::default(), remover.moment());
    for past in returning {
        let mut run = Opened::open(past, &guard);
        lend(&run, &over);
        if run.past.fate == Fate::Returning {
            run.wait_as_trash(&now);
        }
        run.give_back(&mut swept.back, None, &mut swept.problems);
        run.keep_rest(now.clone());
        wanted.add(&run);
        run.close();
    }
    let has_payloads = |run: &Opened| run.past.moves.iter().flatten().any(|one| one.role == Role::Payload);
    if !kept.is_empty() && over.iter().any(has_payloads) {
        kept.into_iter().for_each(|past| wanted.add(&Opened::open(past, &guard)));
    }
    empty(remover, over, &wanted, &mut swept)?;
    for lost in lost(remover)? {
        let is_over = match which {
            Sweep::Expired(now) => lost.is_over(now.date),
            Sweep::AllDecided => true,
        };
        if is_over {
            lost.empty(&mut swept);
        }
    }
    journal::tidy(&remover.cache_root);
    Ok(swept)
}

/// Frees what lies in the trashes of `over`, but for what is `wanted` by others.
fn empty(remover: &Remover, over: Vec<Opened>, wanted: &Wanted, swept: &mut Swept) -> Result<()> {
    let mut held: Option<Held> = None;
    for mut run in over {
        if run.is_left(&mut swept.problems) {
            continue;
        }
        if let Fate::Decided(until) = run.past.fate {
            run.give_up(until);
        }
        run.empty(swept, held.get_or_insert_with(|| Held::now(&remover.machine)), wanted)?;
        run.close();
    }
    held.into_iter().for_each(|held| held.tell(&mut swept.held, &mut swept.holders));
    Ok(())
}

pub(super) fn waiting(remover: &Remover) -> Result<u64> {
    let is_over = |past: &Past| matches!(past.fate, Fate::Decided(_));
    let runs = read(remover)?.into_iter().filter(is_over).map(|past| Opened::open(past, &remover.guard()));
    let told = runs.fold(0, |sum: u64, run| sum.saturating_add(run.bytes()));
    Ok(lost(remover)?.iter().fold(told, |sum, lost| sum.saturating_add(lost.bytes())))
}

/// What an undo would bring back now.
pub(super) fn would_return(remover: &Remover, now: &Moment) -> Result<Option<Restored>> {
    let is_over = |past: &Past, until| now.is_over(until, past.decided.as_ref(), past.seen_back) == Over::Yes;
    let mut runs: Vec<Past> = read(remover)?;
    runs.retain(|past| match past.fate {
        Fate::Decided(until) => until.is_some_and(|until| !is_over(past, until)),
        Fate::Undecided | Fate::Returning => true,
    });
    // One that was killed before it had decided anything goes back by itself, and is all that does.
    let is_killed = runs.iter().any(|past| past.fate == Fate::Undecided);
    let mut restored = Restored::default();
    let mut is_last = !is_killed;
    let mut runs = runs.into_iter().rev().peekable();
    while let Some(past) = runs.next() {
        let is_decided = matches!(past.fate, Fate::Decided(_));
        if is_decided && !is_last {
            continue;
        }
        let goes_on = runs.peek().is_some_and(|before| past.goes_on(before));
        let run = Opened::open(past, &remover.guard());
        let moves = run.past.moves.iter().filter_map(Result::ok);
        for one in moves.filter(|one| !one.is_list && run.holds(one).unwrap_or(false)) {
            // Only a run compares.
            if run.stands(&one) || !run.would_return(&one) {
                restored.stayed.push((run.path(&one), IN_THE_WAY.to_owned()));
                is_last &= !is_decided || goes_on || run.past.is_tried;
                continue;
            }
            restored.back.push(&run.path(&one));
            restored.sizes.push(run.bytes_of(&one));
            restored.verb.clone_from(&run.past.verb);
            is_last &= !is_decided || goes_on;
        }
    }
    Ok(Some(restored).filter(|restored| !restored.back.is_empty() || !restored.stayed.is_empty()))
}

/// Where that lay which could be brought back now.
pub(super) fn removed(remover: &Remover) -> Result<Roll> {
    let mut paths = Roll::default();
    for past in read(remover)?.into_iter().filter(|past| matches!(past.fate, Fate::Decided(Some(_)))) {
        let run = Opened::open(past, &remover.guard());
        paths.extend(run.past.moves.iter().filter_map(Result::ok).map(|one| run.path(&one)));
    }
    paths.extend(lost(remover)?.iter().map(Lost::path));
    Ok(paths)
}

/// The trashes of which no journal tells.
fn lost(remover: &Remover) -> Result<Vec<Lost>> {
    lost::all(remover, &remover.guard()).with_context(|| unread(remover))
}

fn read(remover: &Remover) -> Result<Vec<Past>> {
    journal::past(&remover.cache_root).with_context(|| unread(remover))
}

fn unread(remover: &Remover) -> String {
    format!("the journals of what was removed cannot be read in {}", escape::path(&remover.cache_root))
}
