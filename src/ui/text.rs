//! Lines that fit: folded between words, or cut at the edge of the terminal.

use console::{measure_text_width, truncate_str};

/// `text` folded between words to `width` columns. Its first line begins at column `used`; a line that was folded goes
/// on below its own first word, and at least two columns in. A longer word stands alone, whole.
pub fn fold(text: &str, width: usize, used: usize) -> String {
    let mut folded = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        let (mut at, hang) = if number == 0 { (used, used) } else { (indent, indent.max(2)) };
        let mut out = " ".repeat(indent);
        for (place, word) in bare.split(' ').enumerate() {
            let wide = measure_text_width(word);
            if place > 0 && at + 1 + wide > width.max(20) {
                out.push('\n');
                out.push_str(&" ".repeat(hang));
                at = hang;
            } else if place > 0 {
                out.push(' ');
                at += 1;
            }
            out.push_str(word);
            at += wide;
        }
        folded.push(out);
    }
    folded.join("\n")
}

/// `line` cut to `width` columns, with a mark where something is missing.
pub fn cut(line: &str, width: usize) -> String {
    truncate_str(line, width, "…").into_owned()
}

/// Rows of two columns, as lines; the second column of a row may be empty.
pub fn columns(rows: &[(String, String)]) -> Vec<String> {
    let width = rows.iter().map(|(first, _)| measure_text_width(first)).max().unwrap_or_default();
    let pad = |first: &str| " ".repeat(width.saturating_sub(measure_text_width(first)) + 2);
    rows.iter().map(|(first, second)| format!("{first}{}{second}", pad(first)).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_line_hangs_below_its_beginning() {
        assert_eq!(
            fold("one two three four five six\n    more", 20, 9),
            "one two\n         three four\n         five six\n    more"
        );
        assert_eq!(fold("a\n  bb cc dd ee ff gg hh ii", 20, 0), "a\n  bb cc dd ee ff gg\n  hh ii");
    }

    #[test]
    fn what_fits_and_what_has_no_spaces_stays_as_it_is() {
        assert_eq!(fold("/a/very/long/path/that/fits/nowhere", 20, 9), "/a/very/long/path/that/fits/nowhere");
        assert_eq!(fold("", 20, 9), "");
        assert_eq!(cut("模型模型", 5), "模型…");
    }
}
