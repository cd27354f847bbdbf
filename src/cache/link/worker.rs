//! Works through a plan: pairs are opened and compared a handful at a time, by all cores, and then replaced one by one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::iter::Peekable;

use super::one::{CHANGED, Opened, Refused, Run, is_it, words};
use super::replace::{Done, Job, Outcome};
use crate::cache::duplicates::compare::{Two, equal};
use crate::cache::duplicates::{self, Copy, File, How, Name};
use crate::cache::stamp::Stamp;
use crate::fetch;
use crate::platform::blocks;
use crate::support::{escape, interrupt};

/// How many pairs are open at a time, and how many bytes they have at most: between the comparison of a pair and its replacement
/// lies the comparison of these.
const MOST_PAIRS: usize = 32;
const MOST_BYTES: u64 = 2 << 30;

/// A copy, and the file that it becomes.
#[derive(Clone, Copy)]
struct Pair<'a> {
    keep: File<'a>,
    copy: Copy<'a>,
    how: How,
}

/// Works through the plan of `job`; with `only_compare` it changes nothing.
pub(super) fn run(job: &Job<'_>, only_compare: bool) -> Outcome {
    let prefix = super::prefix(job.cache_root);
    let run = Run { cache_root: job.cache_root, prefix: &prefix, places: job.places };
    let mut worker = Worker { job, run, only_compare, outcome: Outcome::of(job.plan), now: HashMap::new() };
    // What cannot share its blocks after all, and how it is to be dealt with then.
    let mut otherwise: HashMap<u32, How> = HashMap::new();
    if !only_compare {
        worker.share_all(&mut otherwise);
    }
    let is_left = |copy: &Copy<'_>| only_compare || copy.how != How::Reflink || otherwise.contains_key(&copy.number);
    let left = job.plan.copies().filter(|(_, copy)| is_left(copy)).map(|(set, copy)| Pair {
        keep: set.keep,
        copy,
        how: otherwise.get(&copy.number).copied().unwrap_or(copy.how),
    });
    let mut left = left.peekable();
    while left.peek().is_some() && !worker.stopped() {
        worker.some(&handful(&mut left));
    }
    worker.outcome
}

/// Up to so many pairs, and no more than so many bytes unless one alone has more.
fn handful<'a>(pairs: &mut Peekable<impl Iterator<Item = Pair<'a>>>) -> Vec<Pair<'a>> {
    let mut bytes = 0_u64;
    let mut some: Vec<Pair<'_>> = Vec::new();
    while some.len() < MOST_PAIRS
        && let Some(pair) = pairs.next_if(|pair| {
            bytes = bytes.saturating_add(pair.copy.file.size());
            some.is_empty() || bytes <= MOST_BYTES
        })
    {
        some.push(pair);
    }
    some
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
        self.outcome.put(pair.copy.number, result);
    }

    fn open(&self, pair: &Pair<'_>) -> Result<Opened, Refused> {
        let found = pair.keep.stamp();
        self.run.open(pair.keep, self.now.get(&found.id).unwrap_or(&found), pair.copy)
    }

    /// Lets what can share blocks do so.
    fn share_all(&mut self, otherwise: &mut HashMap<u32, How>) {
        for (set, copy) in self.job.plan.copies().filter(|(_, copy)| copy.how == How::Reflink) {
            if self.stopped() {
                return;
            }
            let other = self.share(Pair { keep: set.keep, copy, how: copy.how });
            otherwise.extend(other.map(|how| (copy.number, how)));
        }
    }

    /// Lets the copy have the blocks of the one that stays; how the pair is to be dealt with else, if it cannot be so.
    fn share(&mut self, pair: Pair<'_>) -> Option<How> {
        let size = pair.copy.file.size();
        let result = self.open(&pair).map(|opened| {
            let mut go_on = |bytes| {
                (self.job.progress)(bytes);
                !interrupt::requested()
            };
            blocks::share(&opened.keep, &opened.copy, size, &mut go_on)
        });
        let result = match result {
            Ok(Ok(true)) => Ok(Done { how: How::Reflink, saved: pair.copy.saves }),
            Ok(Ok(false)) => Err(self.open(&pair).map_or_else(|refused| refused, |files| differs(&pair, &files))),
            Ok(Err(error)) if error.kind() == io::ErrorKind::Unsupported => match pair.copy.otherwise {
                Ok(how) => return Some(how),
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
        // Pairs of one file that stays follow each other: what became of those before the first of these is asked by nobody.
        let first = pairs.first().map(|pair| pair.keep.stamp().id);
        self.now.retain(|id, _| Some(*id) == first);
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
        let result = self.run.replace(files, pair.keep, pair.copy, pair.how);
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
    let Some(known) = pair.keep.known().filter(|_| pair.copy.by_name) else { return DIFFERS.to_owned() };
    let is_good = |name: Name<'_>| {
        let hashed = fetch::hash_file(&name.path(), &known, &mut vec![0; fetch::BLOCK], &|_| ());
        hashed.ok().flatten().map(|proof| proof.digest == known)
    };
    // Those that were compared, and not what has their names by now.
    let same = |file: &fs::File, stamp: &Stamp| duplicates::stamp(file).is_ok_and(|now| is_it(&now, stamp));
    let keep = pair.keep.name();
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
