//! Draws a block of lines over and over, each time in one write: nothing flickers, and the cursor is never hidden, so
//! that a process which is killed leaves the terminal as it should be.

use console::measure_text_width;

/// The block that stands on the terminal now.
#[derive(Debug, Default)]
pub(super) struct Painter {
    widths: Vec<usize>,
}

impl Painter {
    /// What to write so that `lines` stand where the block stood, below `notes`, that stay for good.
    pub(super) fn paint(&mut self, notes: &str, lines: &[String], columns: usize) -> String {
        let mut text = self.back(columns);
        for line in notes.lines() {
            text.push_str(&format!("{line}\x1b[K\n"));
        }
        for line in lines {
            text.push_str(&format!("{line}\x1b[K\n"));
        }
        text.push_str("\x1b[J");
        self.widths = lines.iter().map(|line| measure_text_width(line)).collect();
        text
    }

    /// Takes the block away.
    pub(super) fn clear(&mut self, columns: usize) -> String {
        let text = self.back(columns);
        self.widths.clear();
        if text.is_empty() { text } else { format!("{text}\x1b[J") }
    }

    /// To the block's first column. In a terminal that became narrower its lines were broken, and take more rows.
    fn back(&self, columns: usize) -> String {
        let rows: usize = self.widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        if rows == 0 { String::new() } else { format!("\r\x1b[{rows}A") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_drawn_over_itself_also_when_the_terminal_became_narrower() {
        let mut painter = Painter::default();
        let lines = ["a".repeat(79), "b".repeat(30)];
        assert_eq!(painter.paint("", &lines, 80), format!("{}\x1b[K\n{}\x1b[K\n\x1b[J", lines[0], lines[1]));
        assert_eq!(painter.paint("note", &["c".into()], 40), "\r\x1b[3Anote\x1b[K\nc\x1b[K\n\x1b[J");
        assert_eq!((painter.clear(40), painter.clear(40)), ("\r\x1b[1A\x1b[J".to_owned(), String::new()));
    }
}
