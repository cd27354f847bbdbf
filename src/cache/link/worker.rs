//! Works through a plan: pairs are opened and compared a handful at a time, by all cores, and then replaced one by one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;

use super::one::{CHANGED, Opened, Refused, Run, is_it, words};
use super::replace::{Done, Job, Outcome};
use crate::cache::duplicates::compare::{Two, equal};
use crate::cache::duplicates::{self, Copy, How, Plan, Set};
use crate::cache::stamp::Stamp;
use crate::fetch;
use crate::platform::blocks;
use crate::support::{escape, interrupt};

/// How many pairs are open at a time, and how many bytes they have at most: between the comparison of a pair and its replacement
/// lies the comparison of these.
const MOST_PAIRS: usize = 32;
const MOST_BYTES: u64 = 2 << 30;

/// A pair, by its numbers in the plan.
#[derive(Clone, Copy)]
struct Pair<'a> {
    at: (usize, usize),
    set: &'a Set,
    copy: &'a Copy,
    how: How,
}

fn pairs(plan: &Plan) -> Vec<Pair<'_>> {
    let sets = plan.sets.iter().enumerate();
    sets.flat_map(|(number, set)| {
        let copies = set.copies.iter().enumerate();
        copies.map(move |(at, copy)| Pair { at: (number, at), set, copy, how: copy.how })
    })
    .collect()
}

/// Up to so many pairs, and no more than so many bytes unless one alone has more.
fn handful<'a, 'b>(pairs: &'b [Pair<'a>]) -> (&'b [Pair<'a>], &'b [Pair<'a>]) {
    let mut bytes = 0_u64;
    let fits = |pair: &&Pair<'_>| {
        bytes = bytes.saturating_add(pair.copy.file.stamp.size);
        bytes <= MOST_BYTES
    };
    let count = pairs.iter().take(MOST_PAIRS).take_while(fits).count().max(1).min(pairs.len());
    pairs.split_at(count)
}

/// Works through the plan of `job`; with `only_compare` it changes nothing.
pub(super) fn run(job: &Job<'_>, only_compare: bool) -> Outcome {
    let prefix = super::prefix(job.cache_root);
    let run = Run { cache_root: job.cache_root, prefix: &prefix, places: job.places };
    let mut worker = Worker { job, run, only_compare, outcome: Outcome::of(job.plan), now: HashMap::new() };
    let mut waiting = Vec::new();
    for pair in pairs(job.plan) {
        if pair.how != How::Reflink || only_compare {
            waiting.push(pair);
        } else if worker.stopped() {
            break;
        } else if let Some(otherwise) = worker.share(pair) {
            waiting.push(otherwise);
        }
    }
    let mut rest = waiting.as_slice();
    while !rest.is_empty() && !worker.stopped() {
        let (some, others) = handful(rest);
        worker.some(some);
        rest = others;
    }
    worker.outcome
}

struct Worker<'a> {
    job: &'a Job<'a>,
    run: Run<'a>,
    only_compare: bool,
    outcome: Outcome,
    /// What the kept files are by now: to give one a second name changes it.
    now: HashMap<(u64, u64), Stamp>,
}

impl Worker<'_> {
    fn stopped(&mut self) -> bool {
        self.outcome.stopped |= interrupt::requested();
        self.outcome.stopped
    }

    fn put(&mut self, pair: &Pair<'_>, result: Result<Done, Refused>) {
        self.outcome.saved += result.as_ref().map_or(0, |done| done.saved);
        if let Some(place) = self.outcome.results.get_mut(pair.at.0).and_then(|set| set.get_mut(pair.at.1)) {
            *place = Some(result);
        }
    }

    fn open(&self, pair: &Pair<'_>) -> Result<Opened, Refused> {
        let keep = &pair.set.keep;
        self.run.open(keep, self.now.get(&keep.stamp.id).unwrap_or(&keep.stamp), pair.copy)
    }

    /// Lets the copy have the blocks of the one that stays; the pair as it is to be dealt with else, if it cannot be so.
    fn share<'b>(&mut self, pair: Pair<'b>) -> Option<Pair<'b>> {
        let size = pair.copy.file.stamp.size;
        let result = self.open(&pair).map(|opened| {
            let mut go_on = |bytes| {
                (self.job.progress)(bytes);
                !interrupt::requested()
            };
            blocks::share(&opened.keep, &opened.copy, size, &mut go_on)
        });
        let result = match result {
            Ok(Ok(true)) => Ok(Done { how: How::Reflink, saved: pair.copy.file.stamp.disk }),
            Ok(Ok(false)) => Err(self.open(&pair).map_or_else(|refused| refused, |files| differs(&pair, &files))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::Unsupported => match pair.copy.otherwise {
                Ok(how) => return Some(Pair { how, ..pair }),
                Err(why) => Err(why.words().to_owned()),
            },
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return None,
            Ok(Err(error)) => Err(words(&error)),
            Err(refused) => Err(refused),
        };
        self.put(&pair, result);
        None
    }

    fn some(&mut self, pairs: &[Pair<'_>]) {
        let mut opened = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match self.open(pair) {
                Ok(files) => opened.push((pair, files)),
                Err(refused) => self.put(pair, Err(refused)),
            }
        }
        let two = |(_, files): &(&Pair<'_>, Opened)| (files.keep_stamp.size, files.copy_stamp.size);
        let twos: Vec<Two<'_>> = opened
            .iter()
            .map(|open| Two { one: &open.1.keep, other: &open.1.copy, size: two(open).0.max(two(open).1) })
            .collect();
        let equal = equal(&twos, self.job.progress);
        drop(twos);
        let written = if self.only_compare { HashSet::new() } else { (self.job.written)() };
        for ((pair, mut files), equal) in opened.into_iter().zip(equal) {
            if self.stopped() {
                return;
            }
            let result = match equal {
                Ok(true) => self.finish(pair, &mut files, &written),
                Ok(false) => Err(differs(pair, &files)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(words(&error)),
            };
            self.put(pair, result);
        }
    }

    /// What becomes of a pair whose bytes are equal.
    fn finish(&mut self, pair: &Pair<'_>, files: &mut Opened, written: &HashSet<(u64, u64)>) -> Result<Done, Refused> {
        if self.only_compare {
            return Ok(Done { how: pair.how, saved: 0 });
        }
        if written.contains(&files.copy_stamp.id) {
            return Err("a process has it open for writing".to_owned());
        }
        if written.contains(&files.keep_stamp.id) {
            return Err("a process has what it equals open for writing".to_owned());
        }
        // What this run did to the kept file since it was opened is no change.
        if let Some(now) = self.now.get(&files.keep_stamp.id) {
            files.keep_stamp = *now;
        }
        let result = self.run.replace(files, &pair.set.keep, pair.copy, pair.how);
        if let Ok(now) = duplicates::stamp(&files.keep)
            && now.is_same_content(&files.keep_stamp)
        {
            self.now.insert(files.keep_stamp.id, now);
        }
        result.map(|(how, saved)| Done { how, saved })
    }
}

const DIFFERS: &str = "its bytes differ, although its name or its hash says otherwise";

/// What is said of a pair whose bytes differ. Where the names of both say what they are, their hashes tell which of them is damaged.
fn differs(pair: &Pair<'_>, files: &Opened) -> Refused {
    let Some(known) = pair.set.keep.known.filter(|_| pair.copy.by_name) else { return DIFFERS.to_owned() };
    let is_good = |name: &duplicates::Name| {
        let hashed = fetch::hash_file(&name.path(), &known, &mut vec![0; fetch::BLOCK], &|_| ());
        hashed.ok().flatten().map(|proof| proof.digest == known)
    };
    // Those that were compared, and not what has their names by now.
    let same = |file: &fs::File, stamp: &Stamp| duplicates::stamp(file).is_ok_and(|now| is_it(&now, stamp));
    let keep = pair.set.keep.name();
    let (kept, copied) = (is_good(keep), is_good(pair.copy.file.name()));
    if !same(&files.keep, &files.keep_stamp) || !same(&files.copy, &files.copy_stamp) {
        return CHANGED.to_owned();
    }
    let keep = escape::path(&keep.path());
    match (kept, copied) {
        (Some(false), Some(true)) => format!("{keep} is damaged, and this one is sound; {FIX}"),
        (Some(true), Some(false)) => format!("it is damaged: its bytes are not what its name says; {FIX}"),
        (Some(false), Some(false)) => format!("it is damaged, and so is {keep}; {FIX}"),
        _ => DIFFERS.to_owned(),
    }
}

const FIX: &str = "`modelstrap verify --fix` mends it";
