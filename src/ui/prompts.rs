//! The wizard's questions. Ctrl-C and Esc end it cleanly: the cursor comes back, nothing was changed.

use std::io;

use console::{Key, Term};
use dialoguer::theme::Theme as _;
use dialoguer::{Input, MultiSelect, Select};

use crate::support::interrupt::{self, Asking, Interrupted};
use crate::ui::leftover;
use crate::ui::output::Output;
use crate::ui::text;
use crate::ui::theme::{MARGIN, Questions};

/// Asks on the terminal behind stderr.
pub struct Prompts {
    theme: Questions,
    width: usize,
}

/// Ctrl-D.
const END: char = '\u{4}';

impl Prompts {
    /// Questions in the output's style.
    pub fn new(output: &Output) -> Self {
        Self { theme: Questions::new(output.colour, output.width), width: output.width }
    }

    /// One of `items`, by its index.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn one(&self, question: &str, items: &[String], default: usize) -> anyhow::Result<usize> {
        let asked = Select::with_theme(&self.theme).with_prompt(question).items(self.fitting(items)).default(default);
        answer(false, || asked.interact_on_opt(&Term::stderr()))
    }

    /// Some of `items`, by index; those marked in `chosen` to begin with.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn some(&self, question: &str, items: &[String], chosen: &[bool]) -> anyhow::Result<Vec<usize>> {
        let asked =
            MultiSelect::with_theme(&self.theme).with_prompt(question).items(self.fitting(items)).defaults(chosen);
        answer(false, || asked.interact_on_opt(&Term::stderr()))
    }

    /// The items, cut to the terminal: one that wraps would be drawn over and over.
    fn fitting(&self, items: &[String]) -> Vec<String> {
        items.iter().map(|item| text::cut(item, self.width.saturating_sub(MARGIN))).collect()
    }

    /// A line of text.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn text(&self, question: &str) -> anyhow::Result<String> {
        let asked = Input::<String>::with_theme(&self.theme).with_prompt(question);
        answer(true, || asked.interact_text_on(&Term::stderr()).map(Some))
    }

    /// Yes or no; yes by default: for what deletes, moves and replaces no model, and can be taken back or done again.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn yes(&self, question: &str) -> anyhow::Result<bool> {
        self.confirm(question, true)
    }

    /// Yes or no; no by default: an Enter too many deletes, moves and replaces nothing.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn sure(&self, question: &str) -> anyhow::Result<bool> {
        self.confirm(question, false)
    }

    fn confirm(&self, question: &str, default: bool) -> anyhow::Result<bool> {
        answer(true, || Ok(self.key(&Term::stderr(), question, default)?))
    }

    /// One key answers, as in other programs: `y`, `n`, Enter; Escape, `q` and Ctrl-D leave. Who types a word is not answered by the rest of
    /// it; one that begins with another letter is no answer, though it has a `y` in it, and after its Enter the question stands again.
    fn key(&self, terminal: &Term, question: &str, default: bool) -> io::Result<Option<bool>> {
        let mut line = String::new();
        self.theme.format_confirm_prompt(&mut line, question, Some(default)).map_err(io::Error::other)?;
        terminal.write_str(&line)?;
        terminal.hide_cursor()?;
        terminal.flush()?;
        let mut is_word = false;
        let (answer, is_letter) = loop {
            match terminal.read_key()? {
                Key::Enter if is_word => {
                    is_word = false;
                    terminal.clear_line()?;
                    terminal.write_str(&format!("{line}y or n: "))?;
                    terminal.flush()?;
                }
                Key::Char(_) if is_word => {}
                Key::Char('y' | 'Y') => break (Some(true), true),
                Key::Char('n' | 'N') => break (Some(false), true),
                Key::Char('q') => break (None, true),
                Key::Enter => break (Some(default), false),
                Key::Escape | Key::Char(END) => break (None, false),
                Key::Char(letter) if !letter.is_control() => is_word = true,
                _ => {}
            }
        };
        if is_letter {
            leftover::drop_word();
        }
        line.clear();
        self.theme.format_confirm_prompt_selection(&mut line, question, answer).map_err(io::Error::other)?;
        terminal.clear_line()?;
        terminal.write_line(&line)?;
        terminal.show_cursor()?;
        terminal.flush()?;
        Ok(answer)
    }
}

/// Asks. With `in_line`, Ctrl-C finds the cursor behind the question. Ctrl-C comes as a key, and the terminal's library turns it into the signal: without somebody to note it,
/// that would end the process with the cursor hidden.
fn answer<T>(in_line: bool, ask: impl FnOnce() -> dialoguer::Result<Option<T>>) -> anyhow::Result<T> {
    let asking = Asking::begin();
    let asked = ask();
    drop(asking);
    if in_line && asked.is_err() {
        let _ = Term::stderr().write_line("");
    }
    match asked {
        _ if interrupt::requested() => Err(left()),
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(left()),
        Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted => Err(left()),
        Err(error) => Err(error.into()),
    }
}

fn left() -> anyhow::Error {
    // A question that is left hides the cursor for good otherwise.
    let _ = Term::stderr().show_cursor();
    Interrupted("left; nothing was changed".to_owned()).into()
}
