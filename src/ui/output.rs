//! Where words go: results to stdout, everything else to stderr, styled when a person reads.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use console::Style;

use crate::support::vars::Vars;

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
        let width = console::Term::stderr().size_checked().map_or(80, |(_, columns)| usize::from(columns));
        Self {
            colour: decide(io::stderr().is_terminal()),
            colour_out: decide(io::stdout().is_terminal()),
            quiet,
            verbose,
            width,
        }
    }

    /// A result, to stdout.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn result(&self, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{text}")?;
        out.flush()
    }

    /// A line for the person, to stderr; nothing with `--quiet`.
    pub fn say(&self, text: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// A warning, to stderr.
    pub fn warn(&self, text: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{} {text}", self.style().yellow().apply_to("warning:"));
    }

    /// An error, to stderr.
    pub fn error(&self, text: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{} {text}", self.style().red().bold().apply_to("error:"));
    }

    /// A style for stderr that is plain where colour is not wanted.
    pub fn style(&self) -> Style {
        Style::new().force_styling(self.colour)
    }
}
