//! `modelstrap status --tui`: the loop between the browser, which knows no disk, and the disk.
//!
//! Everything that takes time is done by a thread that sends news, so that every key is answered at once. Reading is left where it
//! is when the person leaves; a removal is stopped at a clean place first.

mod folder;
mod hub;
mod read;
mod tree;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::{Exit, named};
use crate::cache::scan;
use crate::commands::Usage;
use crate::commands::context::Context;
use crate::commands::survey::Survey;
use crate::support::interrupt::{self, Interrupted};
use crate::support::time;
use crate::ui::browser::terminal::{Input, Terminal};
use crate::ui::browser::{Browser, Look, News, Wish};
use read::Request;

/// How long a key is waited for before the news are looked at.
const TICK: Duration = Duration::from_millis(60);

/// Shows the caches until the person leaves.
pub(super) fn run(context: &Context) -> Result<Exit> {
    refuse(context)?;
    interrupt::watch();
    let survey = Survey::of(context)?;
    let (tell, news) = mpsc::channel();
    let mut desk = Desk { context, tell, done: Arc::default(), browser: Browser::new(time::seconds()) };
    desk.scan(survey);
    let mut terminal = Terminal::open(context.output.colour_out)?;
    let left = desk.walk(&mut terminal, &news);
    drop(terminal);
    match left? {
        Left::Asked => Ok(Exit::Done),
        Left::Interrupted => bail!(Interrupted("left; nothing was changed".to_owned())),
    }
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
    tell: Sender<News>,
    /// Folders read by the scan in hand.
    done: Arc<AtomicU64>,
    browser: Browser,
}

impl Desk<'_> {
    fn walk(&mut self, terminal: &mut Terminal, news: &Receiver<News>) -> Result<Left> {
        let look = Look { colour: self.context.output.colour_out, unicode: self.context.output.unicode };
        loop {
            self.browser.hear(News::Scanning(self.done.load(Ordering::Relaxed)));
            while let Ok(news) = news.try_recv() {
                let wish = self.browser.hear(news);
                self.grant(wish)?;
            }
            if !terminal.is_ours() {
                bail!("a part of it failed, and it cannot go on");
            }
            let size = terminal.size();
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
            if interrupt::requested() {
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
                Ok(survey) => self.scan(survey),
                Err(error) => {
                    self.browser.hear(News::Notice(format!("{error:#}")));
                }
            },
            Wish::Read(id) => {
                let tree = self.browser.tree().ok_or_else(|| anyhow!("nothing was read yet"))?;
                let (request, generation) = (Request::of(tree, id), self.browser.generation());
                self.send(move || News::Read(generation, id, request.read()));
            }
            Wish::Weigh(..) | Wish::Plan(_) | Wish::Remove | Wish::Undo | Wish::Stop => {}
        }
        Ok(None)
    }

    /// Reads everything.
    fn scan(&mut self, survey: Survey) {
        self.done = Arc::default();
        let done = Arc::clone(&self.done);
        self.send(move || {
            let Survey { project, homes, places, layout } = survey;
            let inventory = scan::counted(places, &done);
            News::Scanned(tree::of(&inventory, &named(&project, &homes), &layout))
        });
    }

    /// Does something that takes time, and sends what comes of it.
    fn send(&self, work: impl FnOnce() -> News + Send + 'static) {
        let tell = self.tell.clone();
        // Nobody listens any more when the person has left.
        let begun = thread::Builder::new().name("browser".into()).spawn(move || tell.send(work()));
        if let Err(error) = begun {
            let _ = self.tell.send(News::Notice(format!("no thread can be had for it: {error}")));
        }
    }
}
