//! A person's word before something is changed: one rule for every verb, whoever asks.
//!
//! Without a terminal nobody can be asked, and what was not agreed to is not done: that is wrong usage, and its message says which
//! flag gives the word beforehand.

use anyhow::Result;

use super::Usage;
use super::context::Context;
use crate::support::interrupt::Interrupted;
use crate::ui::prompts::Prompts;

/// Asks `question`, with No for an Enter; where nobody can be asked, `alone` is the error, as of [`nobody`].
///
/// # Errors
/// [`Interrupted`] for a No, [`Usage`] where there is no terminal.
pub(super) fn sure(context: &Context, question: &str, alone: (&str, &str)) -> Result<()> {
    ask(context, alone, |prompts| prompts.sure(question))
}

/// The same with Yes for an Enter: for what can be taken back.
///
/// # Errors
/// As of [`sure`].
pub(super) fn yes(context: &Context, question: &str, alone: (&str, &str)) -> Result<()> {
    ask(context, alone, |prompts| prompts.yes(question))
}

/// That nobody can be asked: `(what asks, what to give instead)`.
pub(super) fn nobody((what, instead): (&str, &str)) -> anyhow::Error {
    Usage(format!("{what}, and there is no terminal to ask on\n  give {instead}")).into()
}

fn ask(context: &Context, alone: (&str, &str), asked: impl FnOnce(&Prompts) -> Result<bool>) -> Result<()> {
    if !context.can_ask() {
        return Err(nobody(alone));
    }
    match asked(&Prompts::new(&context.output))? {
        true => Ok(()),
        false => Err(Interrupted("left; nothing was changed".to_owned()).into()),
    }
}
