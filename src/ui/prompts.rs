//! The wizard's questions. Ctrl-C and Esc end it cleanly: the cursor comes back, nothing was changed.

use std::io;

use console::{Style, Term};
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, MultiSelect, Select};

use crate::support::interrupt::Interrupted;
use crate::ui::output::Output;

/// Asks on the terminal behind stderr.
pub struct Prompts {
    theme: Box<dyn Theme>,
}

impl Prompts {
    /// Questions in the output's style.
    pub fn new(output: &Output) -> Self {
        let theme: Box<dyn Theme> = if output.colour { Box::new(colourful()) } else { Box::new(SimpleTheme) };
        Self { theme }
    }

    /// One of `items`, by its index.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn one(&self, question: &str, items: &[String], default: usize) -> anyhow::Result<usize> {
        let asked = Select::with_theme(self.theme.as_ref()).with_prompt(question).items(items).default(default);
        answer(asked.interact_on_opt(&Term::stderr()))
    }

    /// Some of `items`, by index; those marked in `chosen` to begin with.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn some(&self, question: &str, items: &[String], chosen: &[bool]) -> anyhow::Result<Vec<usize>> {
        let asked = MultiSelect::with_theme(self.theme.as_ref()).with_prompt(question).items(items).defaults(chosen);
        answer(asked.interact_on_opt(&Term::stderr()))
    }

    /// A line of text.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn text(&self, question: &str) -> anyhow::Result<String> {
        let asked: dialoguer::Result<String> =
            Input::with_theme(self.theme.as_ref()).with_prompt(question).interact_text_on(&Term::stderr());
        answer(asked.map(Some))
    }

    /// Yes or no; yes by default.
    ///
    /// # Errors
    /// [`Interrupted`] when the person leaves.
    pub fn yes(&self, question: &str) -> anyhow::Result<bool> {
        let asked = Confirm::with_theme(self.theme.as_ref()).with_prompt(question).default(true);
        answer(asked.interact_on_opt(&Term::stderr()))
    }
}

fn answer<T>(asked: dialoguer::Result<Option<T>>) -> anyhow::Result<T> {
    match asked {
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

/// Colours that read well on dark and on light terminals alike: no white, no yellow text.
fn colourful() -> ColorfulTheme {
    let on_stderr = || Style::new().for_stderr().force_styling(true);
    ColorfulTheme {
        prompt_style: on_stderr().bold(),
        hint_style: on_stderr().dim(),
        values_style: on_stderr().green(),
        active_item_style: on_stderr().cyan().bold(),
        defaults_style: on_stderr().cyan(),
        ..ColorfulTheme::default()
    }
}
