//! The beginning and the end of a text that may have a million lines, for a dialog in which nobody reads them all.

use std::collections::VecDeque;
use std::io::{self, Write};

/// Takes a text as it is written, and keeps its first lines and its last.
#[derive(Debug)]
pub struct Excerpt {
    first: usize,
    last: usize,
    begin: Vec<u8>,
    lines: usize,
    end: VecDeque<Vec<u8>>,
    left_out: u64,
    line: Vec<u8>,
}

impl Excerpt {
    /// One of so many lines.
    pub const fn of(first: usize, last: usize) -> Self {
        Self { first, last, begin: Vec::new(), lines: 0, end: VecDeque::new(), left_out: 0, line: Vec::new() }
    }

    /// What was kept. In the place of the other lines stands what `left_out` says of their number.
    pub fn text(mut self, left_out: impl FnOnce(u64) -> String) -> String {
        let mut text = self.begin;
        if self.left_out > 0 {
            text.extend_from_slice(left_out(self.left_out).as_bytes());
            text.push(b'\n');
        }
        self.end.push_back(self.line);
        text.extend(self.end.into_iter().flatten());
        String::from_utf8_lossy(&text).into_owned()
    }

    fn ended(&mut self) {
        let line = std::mem::take(&mut self.line);
        if self.lines < self.first {
            self.begin.extend(line);
            self.lines += 1;
            return;
        }
        self.end.push_back(line);
        if self.end.len() > self.last {
            self.end.pop_front();
            self.left_out += 1;
        }
    }
}

impl Write for Excerpt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.ended();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_long_text_is_left_out_and_a_short_one_is_whole() {
        let kept = |count: usize, piece: usize| {
            let text: String = (1..=count).map(|line| format!("line {line}\n")).collect::<String>() + "end";
            let mut excerpt = Excerpt::of(2, 3);
            text.as_bytes().chunks(piece).for_each(|chunk| excerpt.write_all(chunk).unwrap());
            (text, excerpt.text(|lines| format!("{lines} more")))
        };
        for piece in [1, 4, 1000] {
            for count in 0..=5 {
                let (text, kept) = kept(count, piece);
                assert_eq!(kept, text);
            }
            assert_eq!(kept(9, piece).1, "line 1\nline 2\n4 more\nline 7\nline 8\nline 9\nend");
        }
    }
}
