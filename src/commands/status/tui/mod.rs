//! `modelstrap status --tui`: the loop between the browser, which knows no disk, and the disk.
//!
//! Everything that takes time is done by a thread that sends news, so that every key is answered at once. Reading is left where it
//! is when the person leaves; a removal is stopped at a clean place first.

mod cleaner;
mod folder;
mod hub;
mod marked;
mod read;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::{Exit, named};
use crate::cache::scan;
use crate::commands::Usage;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::support::interrupt::{self, Interrupted};
use crate::support::time;
use crate::ui::browser::terminal::{Input, Terminal};
use crate::ui::browser::{Browser, Dialog, Id, Look, News, Wish};
use cleaner::{Job, Told};
use marked::Marked;
use read::Request;

/// How long a key is waited for before the news are looked at.
const TICK: Duration = Duration::from_millis(60);

/// Shows the caches until the person leaves.
pub(super) fn run(context: &Context) -> Result<Exit> {
    refuse(context)?;
    interrupt::watch();
    let survey = Survey::of(context)?.without_links();
    let (tell, told) = mpsc::channel();
    let mut desk = Desk {
        context,
        jobs: cleaner(context, tell.clone())?,
        tell,
        told,
        done: Arc::default(),
        said: Vec::new(),
        browser: Browser::new(time::seconds()),
        columns: 80,
    };
    desk.scan(survey);
    let mut terminal = Terminal::open(context.output.colour_out)?;
    let left = desk.walk(&mut terminal);
    drop(terminal);
    desk.end_of_work();
    let changed = !desk.said.is_empty();
    desk.said.iter().for_each(|line| context.output.tell(line));
    match left? {
        Left::Asked => Ok(Exit::Done),
        Left::Interrupted if changed => bail!(Interrupted("left".to_owned())),
        Left::Interrupted => bail!(Interrupted("left; nothing was changed".to_owned())),
    }
}

/// The thread that deletes, and where its jobs are put.
fn cleaner(context: &Context, tell: Sender<Told>) -> Result<Sender<Job>> {
    let (jobs, list) = mpsc::channel();
    let context = context.again();
    let work = move || cleaner::work(&context, &list, &tell);
    thread::Builder::new().name("cleaner".into()).spawn(work).context("no thread can be had for deleting")?;
    Ok(jobs)
}

/// A list that moves needs a terminal under keys and screen.
fn refuse(context: &Context) -> Result<()> {
    let why = if context.global.json {
        "--tui is for a person, --json for a program: give one of them"
    } else if context.ci().is_some() {
        "--tui waits for keys, and in CI nobody presses any"
    } else if !context.has_screen() {
        "--tui needs a terminal, for keys and for the screen, and there is none"
    } else {
        return Ok(());
    };
    Err(Usage(format!("{why}\n  `modelstrap status` prints the same")).into())
}

/// How the browser was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Asked,
    Interrupted,
}

struct Desk<'a> {
    context: &'a Context,
    tell: Sender<Told>,
    told: Receiver<Told>,
    jobs: Sender<Job>,
    /// Folders read by the scan in hand.
    done: Arc<AtomicU64>,
    /// What was deleted or brought back, to be said on the screen that stays.
    said: Vec<String>,
    browser: Browser,
    columns: usize,
}

impl Desk<'_> {
    fn walk(&mut self, terminal: &mut Terminal) -> Result<Left> {
        let look = Look { colour: self.context.output.colour_out, unicode: self.context.output.unicode };
        loop {
            self.browser.hear(News::Scanning(self.done.load(Ordering::Relaxed)));
            while let Ok(told) = self.told.try_recv() {
                self.hear(told)?;
            }
            if !terminal.is_ours() {
                bail!("a part of it failed, and it cannot go on");
            }
            let size = terminal.size();
            self.columns = size.0;
            self.browser.fit_into(size);
            terminal.paint(&self.browser.frame(look, size), size)?;
            let mut wait = TICK;
            // Several keys at once, as from a held arrow or a paste, are drawn once.
            while let Some(input) = terminal.input(wait)? {
                wait = Duration::ZERO;
                let Input::Key(key) = input else { break };
                let wish = self.browser.press(key);
                if let Some(left) = self.grant(wish)? {
                    return Ok(left);
                }
                self.browser.fit_into(size);
            }
            // What is being deleted stops at a clean place first, and says so.
            if interrupt::requested() && !self.browser.is_working() {
                return Ok(Left::Interrupted);
            }
        }
    }

    fn grant(&mut self, wish: Option<Wish>) -> Result<Option<Left>> {
        let Some(wish) = wish else { return Ok(None) };
        match wish {
            Wish::Leave => return Ok(Some(Left::Asked)),
            Wish::Interrupt => return Ok(Some(Left::Interrupted)),
            Wish::Scan => match Survey::of(self.context) {
                Ok(survey) => {
                    self.give(Job::Forget);
                    self.scan(survey.without_links());
                }
                Err(error) => {
                    self.browser.hear(News::Notice(format!("{error:#}")));
                }
            },
            Wish::Read(id) => {
                let tree = self.browser.tree().ok_or_else(|| anyhow!("nothing was read yet"))?;
                let (request, generation) = (Request::of(tree, id), self.browser.generation());
                self.send(move || News::Read(generation, id, request.read()));
            }
            Wish::Weigh(serial, ids) => self.give(Job::Weigh(serial, self.marked(&ids))),
            Wish::Plan(ids) => self.give(Job::Plan(self.marked(&ids), Dialog::room(self.columns))),
            Wish::Remove => self.give(Job::Remove),
            Wish::Undo => self.give(Job::Undo),
            Wish::Stop => interrupt::request(),
        }
        Ok(None)
    }

    fn marked(&self, ids: &[Id]) -> Vec<Marked> {
        self.browser.tree().map(|tree| ids.iter().map(|id| Marked::of(tree, *id)).collect()).unwrap_or_default()
    }

    fn give(&self, job: Job) {
        // It takes jobs as long as this lives.
        let _ = self.jobs.send(job);
    }

    fn hear(&mut self, told: Told) -> Result<()> {
        match told {
            Told::News(news) => {
                let wish = self.browser.hear(news);
                self.grant(wish)?;
            }
            Told::Said(line) => self.said.push(line),
        }
        Ok(())
    }

    /// Whatever ended the walk, a removal is not left in the middle of a step.
    fn end_of_work(&mut self) {
        if self.browser.is_working() {
            interrupt::request();
        }
        while self.browser.is_working() {
            let Ok(told) = self.told.recv() else { return };
            match told {
                Told::Said(line) => self.said.push(line),
                Told::News(news) => drop(self.browser.hear(news)),
            }
        }
        // What ended with the last key was not heard yet.
        while let Ok(told) = self.told.try_recv() {
            if let Told::Said(line) = told {
                self.said.push(line);
            }
        }
    }

    /// Reads everything.
    fn scan(&mut self, survey: Survey) {
        self.done = Arc::default();
        let done = Arc::clone(&self.done);
        self.send(move || {
            let Survey { project, homes, places, layout, .. } = survey;
            let inventory = scan::counted(places, &done);
            News::Scanned(tree::of(&inventory, &named(&project, &homes), &layout))
        });
    }

    /// Does something that takes time, and sends what comes of it.
    fn send(&self, work: impl FnOnce() -> News + Send + 'static) {
        let tell = self.tell.clone();
        // Nobody listens any more when the person has left.
        let begun = thread::Builder::new().name("browser".into()).spawn(move || tell.send(Told::News(work())));
        if let Err(error) = begun {
            let _ = self.tell.send(Told::News(News::Notice(format!("no thread can be had for it: {error}"))));
        }
    }
}
