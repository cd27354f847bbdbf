//! Where words go: results to stdout, everything else to stderr, styled when a person reads.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use console::Style;
use serde::Serialize;

use crate::support::escape;
use crate::support::vars::Vars;
use crate::ui::text::Folding;
use crate::ui::{document, text};

/// How much is said, and how.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether stderr is styled.
    pub colour: bool,
    /// Whether stdout is styled.
    pub colour_out: bool,
    /// Only what went wrong.
    pub quiet: bool,
    /// 0, 1 or 2.
    pub verbose: u8,
    /// Columns of the terminal; 80 when there is none.
    pub width: usize,
    /// Whether stderr is a terminal: long lines are folded there, long diffs cut.
    pub terminal: bool,
    /// Whether the cursor can be moved on stderr, so that a line can be drawn again.
    pub moves: bool,
    /// Whether stderr takes more than ASCII.
    pub unicode: bool,
}

/// What a person asked for with `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// By terminal and environment.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Output {
    /// The output for this process.
    pub fn new(wanted: Wanted, quiet: bool, verbose: u8, vars: &Vars) -> Self {
        let decide = |terminal: bool| match wanted {
            Wanted::Always => true,
            Wanted::Never => false,
            Wanted::Auto if vars.get("NO_COLOR").is_some() => false,
            Wanted::Auto if vars.flag("CLICOLOR_FORCE") => true,
            Wanted::Auto => terminal && vars.text("TERM") != Some("dumb"),
        };
        // Without a terminal behind stderr, that of stdout is what a person looks at.
        let size = console::Term::stderr().size_checked().or_else(|| console::Term::stdout().size_checked());
        let width = size.map_or(80, |(_, columns)| usize::from(columns));
        Self {
            colour: decide(io::stderr().is_terminal()),
            colour_out: decide(io::stdout().is_terminal()),
            quiet,
            verbose,
            width,
            terminal: io::stderr().is_terminal(),
            // An old Windows console takes no escape codes; asking about colours switches them on where it can.
            moves: io::stderr().is_terminal()
                && vars.text("TERM") != Some("dumb")
                && (cfg!(unix) || console::Term::stderr().features().colors_supported()),
            unicode: unicode(vars),
        }
    }

    /// How wide a table on stderr may be: a log has room for whole names.
    pub fn room(&self) -> usize {
        if self.terminal { self.width } else { usize::MAX }
    }

    /// How wide a table on stdout may be: a pipe has room for whole names.
    pub fn room_out(&self) -> usize {
        if io::stdout().is_terminal() { self.width } else { usize::MAX }
    }

    /// Whether results are shown on a terminal: then a person reads them.
    pub fn shows_results(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// A result for a person, to stdout; on a terminal its sentences are folded between words.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn result(&self, text: impl Display) -> io::Result<()> {
        match self.room_out() {
            usize::MAX => self.exact(text),
            width => self.exact(text::sentences(&text.to_string(), width)),
        }
    }

    /// A plan, which is written bit by bit, in colours or not and in so many columns: a result, but where a question about it follows and stdout is no terminal, lines for the person who is asked. Whatever reads
    /// a pipe may show it long after the question.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn plan(
        &self,
        write: impl FnOnce(&mut dyn Write, bool, usize) -> io::Result<()>,
        asks: bool,
    ) -> io::Result<()> {
        let (colour, width) = (self.colour_out, self.room_out());
        let folded = |out: &mut dyn Write, room: usize| match room {
            usize::MAX => write(out, colour, width),
            room => write(&mut Folding::new(out, room), colour, width),
        };
        if !asks || self.shows_results() {
            return self.stream(|out| folded(out, width));
        }
        if !self.quiet {
            // Nobody can be told where stderr is closed.
            let mut out = io::BufWriter::new(io::stderr().lock());
            let _ = folded(&mut out, self.room()).and_then(|()| out.flush());
        }
        Ok(())
    }

    /// A result for programs and shells, to stdout, as it is.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn exact(&self, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{text}")?;
        out.flush()
    }

    /// A JSON document, to stdout.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn document(&self, text: impl Display) -> io::Result<()> {
        self.exact(escape::json(&text.to_string()))
    }

    /// A JSON document, to stdout, which is written while it is made.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn stream_document(&self, document: &impl Serialize) -> io::Result<()> {
        self.stream(|out| document::write(document, out))
    }

    /// A result for programs and shells, to stdout, as it is: `write` writes it bit by bit.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn stream(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        out.flush()
    }

    /// A result of many lines, to stdout, as [`Output::result`] prints one.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn lines(&self, mut lines: impl Iterator<Item = String>) -> io::Result<()> {
        match self.room_out() {
            usize::MAX => self.stream(|out| lines.try_for_each(|line| out.write_all(line.as_bytes()))),
            width => {
                self.stream(|out| lines.try_for_each(|line| out.write_all(text::sentences(&line, width).as_bytes())))
            }
        }
    }

    /// Lines for the person, to stderr; nothing with `--quiet`. On a terminal sentences are folded between words.
    pub fn say(&self, text: impl Display) {
        if self.quiet {
            return;
        }
        let text = text.to_string();
        let text = if self.terminal { text::sentences(&text, self.width) } else { text };
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// The same for a sentence: on a terminal it is folded between words.
    pub fn tell(&self, text: impl Display) {
        self.say(self.folded(text, 0));
    }

    /// The same for a sentence behind a heading, below whose first word it goes on. Spaces that do not break are spaces then.
    pub fn headed(&self, heading: &str, text: impl Display) {
        let text = self.folded(text, heading.chars().count() + 1).replace('\u{a0}', " ");
        self.say(format!("{} {text}", self.style().bold().apply_to(heading)));
    }

    /// The same for a sentence that stands two columns in.
    pub fn remark(&self, text: impl Display) {
        self.say(format!("  {}", self.folded(text, 2)));
    }

    /// The same for what a command does, beside the command where there is room for it; `width` is that of the longest one.
    pub fn explained(&self, command: &str, width: usize, what: &str) {
        let beside = width + 4;
        let (gap, used) = match self.terminal && beside + 24 > self.width {
            true => ("\n    ".to_owned(), 4),
            false => (" ".repeat((width + 2).saturating_sub(command.chars().count())), beside),
        };
        self.say(format!("  {}{gap}{}", self.style().cyan().apply_to(command), self.folded(what, used)));
    }

    /// A line for who asked for more with `-v`, to stderr.
    pub fn detail(&self, text: impl Display) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    /// A warning, to stderr.
    pub fn warn(&self, text: impl Display) {
        let _ =
            writeln!(io::stderr().lock(), "{} {}", self.style().yellow().apply_to("warning:"), self.folded(text, 9));
    }

    /// An error, to stderr.
    pub fn error(&self, text: impl Display) {
        let _ =
            writeln!(io::stderr().lock(), "{} {}", self.style().red().bold().apply_to("error:"), self.folded(text, 7));
    }

    /// Lines for a person, folded between words on a terminal.
    pub fn fitting(&self, text: impl Display) -> String {
        self.folded(text, 0)
    }

    /// On a terminal, `text` folded between words; the first line begins at column `used`, the others hang below it.
    fn folded(&self, text: impl Display, used: usize) -> String {
        let text = text.to_string();
        if self.terminal { text::fold(&text, self.width, used) } else { text }
    }

    /// A style for stderr that is plain where colour is not wanted.
    pub fn style(&self) -> Style {
        Style::new().force_styling(self.colour)
    }
}

/// Containers set no locale and yet write to terminals of today: only a locale that says so is taken for a narrow one.
fn unicode(vars: &Vars) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| vars.text(name));
    let wide = |locale: &str| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    };
    vars.text("TERM") != Some("dumb") && locale.is_none_or(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_dumb_terminal_or_a_narrow_locale_gets_ascii() {
        let wide = |pairs: &[(&str, &str)]| unicode(&pairs.iter().copied().collect());
        assert!(wide(&[]) && wide(&[("LANG", "de_DE.UTF-8")]) && wide(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(!wide(&[("LANG", "C")]) && !wide(&[("LC_CTYPE", "de_DE.ISO-8859-1")]) && !wide(&[("TERM", "dumb")]));
    }
}
