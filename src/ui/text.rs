//! Lines that fit: folded between words, or cut at the edge of the terminal; and the bar in them.

use console::{measure_text_width, truncate_str};

/// A bar of `width` columns, in what is done and what is missing: thick and thin, to be told apart without colours, too. It is full
/// only when all is done.
pub fn bar(done: u64, total: u64, width: usize, unicode: bool) -> (String, String) {
    let share = if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) };
    let full = ((share * width as f64) as usize).min(width);
    let (thick, thin) = if unicode { ("━", "─") } else { ("#", "-") };
    (thick.repeat(full), thin.repeat(width - full))
}

/// `text` folded between words to `width` columns. Its first line begins at column `used`; a line that was folded goes
/// on below its own first word, and at least two columns in. A longer word stands alone, whole; so does what stands between backticks, since it
/// is there to be copied, and what the terminal itself folds is copied as one line.
pub fn fold(text: &str, width: usize, used: usize) -> String {
    let mut folded = Vec::new();
    for (number, line) in text.split('\n').enumerate() {
        let bare = line.trim_start_matches(' ');
        let indent = line.len() - bare.len();
        let (mut at, hang) = if number == 0 { (used, used) } else { (indent, indent.max(2)) };
        let mut out = " ".repeat(indent);
        for (place, word) in words(bare).into_iter().enumerate() {
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

/// Between backticks there is no more than that, in bytes: a name may hold one, too, and be followed by another far away.
const QUOTED: usize = 1024;

/// The words of a line, at its spaces. What stands between backticks is one word, with what is written close to it.
pub fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let end = end_of_word(rest);
        words.push(rest.get(..end).unwrap_or(rest));
        match rest.get(end + 1..) {
            Some(more) => rest = more,
            None => return words,
        }
    }
}

/// Where the first word of a line ends: at a space that stands in no backticks.
fn end_of_word(line: &str) -> usize {
    let mut at = 0;
    while let Some(stop) = line.get(at..).and_then(|rest| rest.find([' ', '`'])) {
        let stop = at + stop;
        if line.as_bytes().get(stop) == Some(&b' ') {
            return stop;
        }
        let quoted = line.get(stop + 1..).and_then(|rest| rest.find('`')).filter(|length| *length <= QUOTED);
        at = stop + 1 + quoted.map_or(0, |length| length + 1);
    }
    line.len()
}

/// `text` with its sentences folded between words to `width` columns. A line that stands in is a command to be copied, or a part of what was
/// folded before: it stays as it is.
pub fn sentences(text: &str, width: usize) -> String {
    let fold = |(number, line): (usize, &str)| match line.starts_with(' ') || measure_text_width(line) <= width {
        true => line.to_owned(),
        false if number == 0 => fold(line, width, 0),
        // Below another line it hangs, so that it is seen where each begins.
        false => fold(&format!("\n{line}"), width, 0).trim_start_matches('\n').to_owned(),
    };
    text.split('\n').enumerate().map(fold).collect::<Vec<_>>().join("\n")
}

/// `line` cut to `width` columns, with a mark where something is missing.
pub fn cut(line: &str, width: usize) -> String {
    truncate_str(line, width, "…").into_owned()
}

/// `text` cut to `width` columns in its middle, where `mark` stands: the end of a file's name tells as much as its beginning.
pub fn middle(text: &str, width: usize, mark: &str) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(measure_text_width(mark)) else { return mark.chars().take(width).collect() };
    let wide = |c: char| measure_text_width(c.encode_utf8(&mut [0; 4]));
    let mut left = room.div_ceil(2);
    let begin: String = text.chars().take_while(|c| take(&mut left, wide(*c))).collect();
    // What the beginning left over, half of a wide character, goes to the end.
    let mut left = left + room / 2;
    let mut end: Vec<char> = text.chars().rev().take_while(|c| take(&mut left, wide(*c))).collect();
    end.reverse();
    format!("{begin}{mark}{}", end.into_iter().collect::<String>())
}

/// Takes `wide` columns from `left`, if they are there.
fn take(left: &mut usize, wide: usize) -> bool {
    left.checked_sub(wide).map(|rest| *left = rest).is_some()
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
    fn sentences_are_folded_and_commands_are_not() {
        assert_eq!(
            sentences("one two three four five six\n  modelstrap a b c d e f g\none two three four five six\n", 20),
            "one two three four\nfive six\n  modelstrap a b c d e f g\none two three four\n  five six\n"
        );
    }

    #[test]
    fn what_stands_between_backticks_is_copied_in_one_piece() {
        assert_eq!(
            fold("give `a b c` or (`d e f`), and then `modelstrap clear --undo` again", 20, 0),
            "give `a b c` or\n(`d e f`), and then\n`modelstrap clear --undo`\nagain"
        );
        // One that stands alone quotes nothing, and a name that holds one makes no endless line.
        assert_eq!(fold("it`s one two three four five", 20, 0), "it`s one two three\nfour five");
        let long = format!("a`b {}c`d e", "word ".repeat(300));
        assert!(fold(&long, 20, 0).lines().all(|line| line.len() <= 20));
        assert_eq!(words("a  b `c d`e f "), ["a", "", "b", "`c d`e", "f", ""]);
    }

    #[test]
    fn what_fits_and_what_has_no_spaces_stays_as_it_is() {
        assert_eq!(fold("/a/very/long/path/that/fits/nowhere", 20, 9), "/a/very/long/path/that/fits/nowhere");
        assert_eq!(fold("", 20, 9), "");
        assert_eq!(cut("模型模型", 5), "模型…");
    }

    #[test]
    fn a_name_that_is_cut_in_its_middle_keeps_both_ends_and_fits() {
        assert_eq!(middle("model-00001-of-00009.safetensors", 15, "…"), "model-0…tensors");
        assert_eq!(middle("short.bin", 9, "…"), "short.bin");
        assert_eq!(middle("模型模型模型", 6, "…"), "模…型");
        assert_eq!((middle("abcdef", 2, "..."), middle("abc", 0, "…")), ("..".to_owned(), String::new()));
        for width in 0..12 {
            for name in ["模型模型模型", "e\u{301}e\u{301}e\u{301}模a模a", &"a".repeat(4000)] {
                let cut = middle(name, width, "…");
                assert!(measure_text_width(&cut) <= width, "{width}: {cut}");
            }
        }
    }
}
