//! Managed blocks: lines of ours in a file of theirs, between two markers.
//!
//! Files are bytes. Any encoding, CRLF, a byte order mark and a missing final newline survive, because only whole
//! lines between the markers are ever touched, and removing the block takes out exactly what inserting it put in.

use std::ops::Range;

/// The first line of a block, without its line end.
pub const BEGIN: &str =
    "# >>> modelstrap >>> generated, edits are lost: change modelstrap.toml and run `modelstrap setup`";
/// The last line of a block.
pub const END: &str = "# <<< modelstrap <<<";

const BEGIN_KEY: &[u8] = b"# >>> modelstrap >>>";
const END_KEY: &[u8] = b"# <<< modelstrap <<<";

/// A marker pair that cannot be trusted: what is wrong, and the marker lines with their numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}:{}", lines.iter().map(|(n, l)| format!("\n    line {n}: {l}")).collect::<String>())]
pub struct BrokenMarkers {
    /// What is wrong.
    pub problem: String,
    /// Line numbers from 1, and the lines.
    pub lines: Vec<(usize, String)>,
}

/// A block that was found: where it is, and the lines between its markers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// From the first byte of the begin marker to the last of the end marker's line end.
    pub span: Range<usize>,
    /// The lines between, without line ends, joined by `\n`.
    pub body: Vec<u8>,
}

/// Finds the block in `file`.
///
/// # Errors
/// When a marker is missing, doubled, or they stand in the wrong order.
pub fn find(file: &[u8]) -> Result<Option<Found>, BrokenMarkers> {
    let mut begins = Vec::new();
    let mut ends = Vec::new();
    let mut start = 0;
    for (index, line) in file.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let bare = line.trim_ascii();
        if bare.starts_with(BEGIN_KEY) {
            begins.push((index + 1, start..start + line.len()));
        } else if bare.starts_with(END_KEY) {
            ends.push((index + 1, start..start + line.len()));
        }
        start += line.len();
    }
    let problem = match (begins.as_slice(), ends.as_slice()) {
        ([], []) => return Ok(None),
        ([(_, begin)], [(_, end)]) if begin.end <= end.start => {
            let body = file[begin.end..end.start]
                .split(|byte| *byte == b'\n')
                .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
                .collect::<Vec<_>>()
                .join(&b'\n');
            let body = body.strip_suffix(b"\n").map_or_else(|| body.clone(), <[u8]>::to_vec);
            return Ok(Some(Found { span: begin.start..end.end, body }));
        }
        ([_], [_]) => "the end marker of modelstrap's block stands before its begin marker",
        ([_], []) => "modelstrap's block begins but does not end",
        ([], [_]) => "modelstrap's block ends but does not begin",
        _ => "modelstrap's block has more than one begin or end marker",
    };
    let mut lines: Vec<(usize, String)> = begins
        .into_iter()
        .chain(ends)
        .map(|(number, span)| {
            (number, crate::support::escape::printable(String::from_utf8_lossy(&file[span]).trim_end()))
        })
        .collect();
    lines.sort();
    Err(BrokenMarkers { problem: problem.to_owned(), lines })
}

/// `file` with its block's lines replaced by `lines`; a new block goes to the end. No lines: the block is removed.
///
/// # Errors
/// As [`find`].
pub fn set(file: &[u8], lines: &[String]) -> Result<Vec<u8>, BrokenMarkers> {
    let found = find(file)?;
    if lines.is_empty() {
        return Ok(found.map_or_else(|| file.to_vec(), |found| cut(file, found.span, b"")));
    }
    let eol = line_end(file);
    Ok(match found {
        Some(found) => {
            let closed = file[..found.span.end].ends_with(b"\n");
            let mut block = render(lines, eol);
            if !closed {
                // The person took the final newline away; it stays away.
                block.truncate(block.len() - eol.len());
            }
            [&file[..found.span.start], &block, &file[found.span.end..]].concat()
        }
        None => [file, glue(file).as_slice(), &render(lines, eol)].concat(),
    })
}

/// `file` without its block and without the line ends that [`set`] put before it when it appended to `before`.
///
/// # Errors
/// As [`find`].
pub fn remove(file: &[u8], before: &[u8]) -> Result<Vec<u8>, BrokenMarkers> {
    Ok(find(file)?.map_or_else(|| file.to_vec(), |found| cut(file, found.span, &glue(before))))
}

/// The body that `set` would write, as [`Found::body`] reads it back.
pub fn body(lines: &[String]) -> Vec<u8> {
    lines.join("\n").into_bytes()
}

fn render(lines: &[String], eol: &str) -> Vec<u8> {
    let mut text = String::new();
    for line in [BEGIN].into_iter().chain(lines.iter().flat_map(|line| line.split('\n'))).chain([END]) {
        text.push_str(line);
        text.push_str(eol);
    }
    text.into_bytes()
}

/// What stands between the end of `file` and a block that is appended: the missing line end, and one empty line.
fn glue(file: &[u8]) -> Vec<u8> {
    let eol = line_end(file);
    let bare = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    match bare {
        [] => Vec::new(),
        [.., b'\n'] => eol.as_bytes().to_vec(),
        _ => eol.repeat(2).into_bytes(),
    }
}

fn cut(file: &[u8], span: Range<usize>, glue: &[u8]) -> Vec<u8> {
    let (head, tail) = (&file[..span.start], &file[span.end..]);
    // Text that a person added after the block must not be joined to the line before it.
    let head = if tail.is_empty() { head.strip_suffix(glue).unwrap_or(head) } else { head };
    [head, tail].concat()
}

/// The line end of the file's last line that has one; `\n` for a file without.
fn line_end(file: &[u8]) -> &'static str {
    match file.iter().rposition(|byte| *byte == b'\n') {
        Some(at) if at > 0 && file[at - 1] == b'\r' => "\r\n",
        _ => "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_block_is_appended_after_an_empty_line() {
        let file = set(b"export A=1\n", &lines(&["x", "y"])).unwrap();
        let expected = format!("export A=1\n\n{BEGIN}\nx\ny\n{END}\n");
        assert_eq!(String::from_utf8(file).unwrap(), expected);
    }

    #[test]
    fn carriage_returns_and_a_missing_final_newline_survive() {
        let before = b"a\r\nb";
        let with = set(before, &lines(&["x"])).unwrap();
        assert_eq!(with, format!("a\r\nb\r\n\r\n{BEGIN}\r\nx\r\n{END}\r\n").into_bytes());
        assert_eq!(find(&with).unwrap().unwrap().body, b"x");
        assert_eq!(remove(&with, before).unwrap(), before);
    }

    #[test]
    fn a_block_stays_where_the_person_moved_it() {
        let file = format!("one\n{BEGIN}\nold\n{END}\ntwo\n");
        let file = set(file.as_bytes(), &lines(&["new"])).unwrap();
        assert_eq!(String::from_utf8(file).unwrap(), format!("one\n{BEGIN}\nnew\n{END}\ntwo\n"));
    }

    #[test]
    fn half_doubled_and_inverted_markers_are_shown_with_their_lines() {
        let half = find(format!("a\n{BEGIN}\nb\n").as_bytes()).unwrap_err();
        assert_eq!(half.lines, vec![(2, BEGIN.to_owned())]);
        assert!(find(format!("{END}\n").as_bytes()).is_err());
        assert!(find(format!("{END}\n{BEGIN}\n").as_bytes()).unwrap_err().problem.contains("before"));
        let doubled = format!("{BEGIN}\n{END}\n{BEGIN}\n{END}\n");
        assert_eq!(find(doubled.as_bytes()).unwrap_err().lines.len(), 4);
    }

    #[test]
    fn text_that_mentions_a_marker_is_not_a_marker() {
        assert_eq!(find(format!("echo '{BEGIN}'\n").as_bytes()).unwrap(), None);
    }

    #[test]
    fn text_after_the_block_is_not_joined_to_the_line_before() {
        let with = set(b"a", &lines(&["x"])).unwrap();
        let edited = [with.as_slice(), b"mine\n"].concat();
        assert_eq!(remove(&edited, b"a").unwrap(), b"a\n\nmine\n");
    }

    proptest! {
        #[test]
        fn any_bytes_survive_a_block_and_its_removal(file: Vec<u8>, text in "[ -~]{0,20}") {
            prop_assume!(find(&file).is_ok_and(|found| found.is_none()));
            let with = set(&file, std::slice::from_ref(&text)).unwrap();
            prop_assert_eq!(find(&with).unwrap().unwrap().body, text.trim_end_matches('\r').as_bytes());
            prop_assert_eq!(set(&with, std::slice::from_ref(&text)).unwrap(), with.clone());
            prop_assert_eq!(remove(&with, &file).unwrap(), file);
        }

        #[test]
        fn changing_a_block_touches_nothing_around_it(head in "([a-z]{0,5}\r?\n){0,4}", tail in "([a-z]{0,5}\r?\n){0,4}") {
            let file = format!("{head}{BEGIN}\nold\n{END}\n{tail}").into_bytes();
            let new = set(&file, &["new".to_owned()]).unwrap();
            prop_assert!(new.starts_with(head.as_bytes()) && new.ends_with(tail.as_bytes()));
        }
    }
}
