//! A text above the list: help, a plan that asks for a `y`, what is being done, what was done.

use crate::ui::table::Tone;

/// What a dialog waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// To be closed.
    None,
    /// The plan.
    Wait,
    /// A `y` deletes what the plan says.
    Remove,
    /// A `y` brings back what was deleted last.
    Undo,
    /// The end of the work: so many bytes of so many are done.
    Work {
        /// Bytes that are done.
        done: u64,
        /// Bytes in all; 0 where nobody knows.
        total: u64,
    },
}

/// A text above the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialog {
    /// What it is about.
    pub title: String,
    /// Its lines; they are folded to the terminal. A line that begins with blanks hangs below them.
    pub lines: Vec<(String, Tone)>,
    /// What it waits for.
    pub question: Question,
    /// The first line that is shown.
    pub(super) top: usize,
}

impl Dialog {
    /// A dialog that shows its beginning.
    pub fn new(title: impl Into<String>, lines: Vec<(String, Tone)>, question: Question) -> Self {
        Self { title: title.into(), lines, question, top: 0 }
    }

    /// A plain text to read and close.
    pub fn tell(title: impl Into<String>, lines: impl IntoIterator<Item = String>) -> Self {
        Self::new(title, lines.into_iter().map(|line| (line, Tone::Plain)).collect(), Question::None)
    }

    /// How wide its text may be on a terminal of `columns`: a border and a blank stand on each side, where there is room for them.
    pub const fn room(columns: usize) -> usize {
        if columns < 48 { columns } else { columns - 4 }
    }

    /// What it asks; what closes it.
    pub(super) const fn ask(&self) -> &'static str {
        match self.question {
            Question::None => "Esc close",
            Question::Wait => "Esc never mind",
            Question::Remove => "Delete?  y yes  n no",
            Question::Undo => "Bring it back?  y yes  n no",
            Question::Work { .. } => "Ctrl-C stop",
        }
    }
}

/// Every key.
pub(super) fn help() -> Dialog {
    const KEYS: [&str; 17] = [
        "Up Down     move, also with k j, PgUp PgDn, Home End g G",
        "Right       open what the arrow stands at, also with Enter and l",
        "Left        back to where it lies, also with Backspace and h",
        "Space       mark it, or take the mark back",
        "a           mark all that is shown, or none; with / only what has the letters in its own name",
        "d           delete what is marked, or what the arrow stands at: shows the plan first, and asks",
        "u           bring back what was deleted last, while the trash has it, as `modelstrap clear --undo` does",
        "/           show only what has these letters in its name, or in a name below it; Esc shows all. Files of a folder count once it was opened",
        "s           order by size, what it frees, name, last use",
        "r           read everything again",
        "Esc         one step back: shows all again, unmarks all, goes up, and leaves at the top",
        "q           leave, also with Ctrl-C",
        "",
        "Size      what programs see",
        "On disk   the blocks that it takes; a file with several names counts once",
        "Frees     what deleting it alone gives back: nothing else has a name for it",
        "Marked things that share files free more together than each alone; the sum below says how much.",
    ];
    Dialog::tell("Keys", KEYS.map(str::to_owned))
}
