//! What is wrong with a manifest: shown with its line, a mark below it, and the nearest thing that is known.

use std::fmt;

use crate::support::escape;
use crate::support::nearest::nearest;

/// What is wrong with a manifest, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line and column from 1, the line, and how many characters are meant.
    place: Option<(usize, usize, String, usize)>,
    message: String,
    hint: Option<String>,
}

impl Problem {
    /// One of the whole file.
    pub(super) fn plain(message: String) -> Self {
        Self { place: None, message, hint: None }
    }

    /// What the TOML parser says, with the place.
    pub(super) fn of(text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().map(|span| {
            let start = span.start.min(text.len());
            let head = &text[..text.floor_char_boundary(start)];
            let line_start = head.rfind('\n').map_or(0, |at| at + 1);
            let line = text[line_start..].lines().next().unwrap_or("");
            let column = head[line_start..].chars().count() + 1;
            let marked = text.get(span).map_or(1, |marked| marked.lines().next().unwrap_or("").chars().count().max(1));
            (head.matches('\n').count() + 1, column, escape::printable(line), marked)
        });
        let message = error.message();
        let mut words = message.split('`').skip(1).step_by(2);
        if message.starts_with("unknown field") {
            let unknown = words.next().unwrap_or("").to_owned();
            let nearest = nearest(&unknown, words);
            let hint = nearest.map(|known| format!("the nearest known key is `{known}`"));
            return Self { place, message: format!("unknown key `{unknown}`"), hint };
        }
        Self { place, message: message.trim_end().replace('\n', ", "), hint: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((line, column, text, marked)) => {
                let gutter = line.to_string();
                let pad = " ".repeat(gutter.len());
                write!(f, ":{line}:{column}: {}\n  {gutter} | {text}", escape::printable(&self.message))?;
                write!(f, "\n  {pad} | {}{}", " ".repeat(column - 1), "^".repeat((*marked).min(80)))?;
            }
            None => write!(f, ": {}", escape::printable(&self.message))?,
        }
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  {}", escape::printable(hint)))
    }
}
