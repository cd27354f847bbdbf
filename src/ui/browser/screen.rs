//! Lines of styled text, and how they get to a terminal: only lines that changed are sent, each from its first column on.
//!
//! A line is sent whole, so that a character which this terminal draws wider than the tables say spoils its own line at most.

use std::io::{self, Write};

use console::{Style, measure_text_width};

/// How a piece of text looks. Only the terminal's own colours are used, those that read well on dark and on light grounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// What is less important.
    Dim,
    /// What is more important.
    Bold,
    /// What is as it should be, or marked.
    Good,
    /// What leads the eye.
    Lead,
    /// What is wrong, or cannot be taken back.
    Bad,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    spans: Vec<(String, Paint)>,
    width: usize,
    /// The line of the cursor: dark on light where others are light on dark.
    pub(super) chosen: bool,
}

/// Everything that is on the screen.
pub type Frame = Vec<Line>;

impl Line {
    /// A line of one text, which holds no control characters.
    pub fn of(text: impl Into<String>, paint: Paint) -> Self {
        Self::default().and(text, paint)
    }

    /// The line with more text.
    #[must_use]
    pub fn and(mut self, text: impl Into<String>, paint: Paint) -> Self {
        self.push(text, paint);
        self
    }

    /// More text.
    pub fn push(&mut self, text: impl Into<String>, paint: Paint) {
        let text = text.into();
        if !text.is_empty() {
            self.width += measure_text_width(&text);
            self.spans.push((text, paint));
        }
    }

    /// The columns that it takes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Blanks up to a column.
    pub fn pad(&mut self, width: usize) {
        if let Some(missing) = width.checked_sub(self.width).filter(|missing| *missing > 0) {
            self.push(" ".repeat(missing), Paint::Plain);
        }
    }

    /// Another line behind it.
    pub fn append(&mut self, other: Self) {
        self.width += other.width;
        self.spans.extend(other.spans);
    }

    /// The line without its first piece, which is a blank.
    pub(super) fn without_first(mut self) -> Self {
        if !self.spans.is_empty() {
            let (text, _) = self.spans.remove(0);
            self.width -= measure_text_width(&text);
        }
        self
    }

    /// What it says.
    pub fn text(&self) -> String {
        self.spans.iter().map(|(text, _)| text.as_str()).collect()
    }

    /// At most so many columns of it.
    fn cut(&self, width: usize) -> Self {
        let mut line = Self { chosen: self.chosen, ..Self::default() };
        for (text, paint) in &self.spans {
            let room = width.saturating_sub(line.width);
            line.push(console::truncate_str(text, room, "").into_owned(), *paint);
        }
        line
    }

    /// As a terminal reads it.
    fn sent(&self, colour: bool) -> String {
        let mut text = String::new();
        for (words, paint) in &self.spans {
            let style = paint.style(colour);
            let style = if self.chosen { style.reverse() } else { style };
            text.push_str(&style.apply_to(words).to_string());
        }
        text
    }
}

impl Paint {
    fn style(self, colour: bool) -> Style {
        let style = Style::new().force_styling(true);
        match self {
            Self::Plain => style,
            Self::Dim => style.dim(),
            Self::Bold => style.bold(),
            Self::Good if colour => style.green(),
            Self::Lead if colour => style.cyan(),
            Self::Bad if colour => style.red(),
            // Without colours weight tells what matters.
            Self::Good | Self::Lead | Self::Bad => style.bold(),
        }
    }
}

/// What a terminal shows already.
#[derive(Debug, Default)]
pub struct Screen {
    size: (usize, usize),
    sent: Vec<String>,
}

/// A terminal that knows it shows everything between the two at once; others pass over it.
const TOGETHER: (&str, &str) = ("\x1b[?2026h", "\x1b[?2026l");

impl Screen {
    /// Sends what changed of `frame` to a terminal of this size (columns, rows).
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn paint(&mut self, frame: &[Line], size: (usize, usize), colour: bool, to: &mut impl Write) -> io::Result<()> {
        let mut text = String::new();
        if self.size != size {
            self.size = size;
            self.sent.clear();
            text.push_str("\x1b[0m\x1b[2J");
        }
        let (columns, rows) = size;
        self.sent.resize(rows, String::new());
        let empty = Line::default();
        for (row, before) in self.sent.iter_mut().enumerate() {
            let line = frame.get(row).unwrap_or(&empty).cut(columns).sent(colour);
            if line != *before {
                // The rest is cleared before the text: behind a full line the cursor stands on its last character.
                text.push_str(&format!("\x1b[{};1H\x1b[0m\x1b[K{line}", row + 1));
                *before = line;
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        to.write_all(format!("{}{text}\x1b[0m{}", TOGETHER.0, TOGETHER.1).as_bytes())?;
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(screen: &mut Screen, lines: &[&str], size: (usize, usize)) -> String {
        let frame: Vec<Line> = lines.iter().map(|line| Line::of(*line, Paint::Plain)).collect();
        let mut sent = Vec::new();
        screen.paint(&frame, size, false, &mut sent).unwrap();
        String::from_utf8(sent).unwrap().replace(TOGETHER.0, "").replace(TOGETHER.1, "").replace('\x1b', "^")
    }

    #[test]
    fn only_lines_that_changed_are_sent_and_none_is_wider_than_the_terminal() {
        let mut screen = Screen::default();
        let first = painted(&mut screen, &["one", "模型模型"], (5, 2));
        assert_eq!(first, "^[0m^[2J^[1;1H^[0m^[Kone^[2;1H^[0m^[K模型^[0m");
        assert_eq!(painted(&mut screen, &["one", "two"], (5, 2)), "^[2;1H^[0m^[Ktwo^[0m");
        assert_eq!(painted(&mut screen, &["one", "two"], (5, 2)), "");
        assert_eq!(painted(&mut screen, &["one"], (5, 2)), "^[2;1H^[0m^[K^[0m");
        assert_eq!(painted(&mut screen, &["one"], (4, 1)), "^[0m^[2J^[1;1H^[0m^[Kone^[0m");
    }

    #[test]
    fn without_colour_only_weight_is_sent() {
        let line = Line::of("bad", Paint::Bad).and(" dim", Paint::Dim);
        assert_eq!(line.sent(false), "\x1b[1mbad\x1b[0m\x1b[2m dim\x1b[0m");
        assert_eq!(line.sent(true), "\x1b[31mbad\x1b[0m\x1b[2m dim\x1b[0m");
        let chosen = Line { chosen: true, ..Line::of("x", Paint::Plain) };
        assert_eq!(chosen.sent(false), "\x1b[7mx\x1b[0m");
    }
}
