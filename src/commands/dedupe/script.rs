//! The plan as a shell script that a person can read, keep and run: POSIX, each pair compared again before anything is done to it.
//!
//! Names are bytes: whatever they hold, quotes around them make them one word, and all of them are absolute, so that none is
//! taken for a flag. The script itself is text that a terminal may show: no name in it drives one.

use std::io::{self, Write as _};
use std::path::Path;

use super::Report;
use crate::cache::duplicates::{Copy, How, Set};
use crate::cache::link;
use crate::support::{escape, units};

/// What the script begins with.
const HEAD: &str = include_str!("../../../templates/dedupe.sh");

/// Prints it to stdout.
pub(super) fn print(report: &Report<'_>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(report, &mut out)?;
    out.flush()
}

fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    let mut text = Vec::new();
    for (set, copy) in report.plan.copies() {
        // What was compared and differs is no pair.
        if report.refusal(copy).is_none() {
            text.clear();
            pair(report, set, copy, &mut text);
            out.write_all(&text)?;
        }
    }
    out.write_all(b"\nexit \"$failed\"\n")
}

fn pair(report: &Report<'_>, set: Set<'_>, copy: Copy<'_>, text: &mut Vec<u8>) {
    let keep = set.keep.name().path();
    let first = copy.file.name().path();
    let frees = units::bytes(copy.saves);
    let by = if copy.by_name { "name" } else { "bytes" };
    text.extend_from_slice(format!("\n# frees {frees}, known by its {by}\n").as_bytes());
    for (at, name) in copy.file.names().enumerate() {
        let name = name.path();
        match copy.how {
            How::HardLink => call(text, "hard_link", &[&keep, &name], ""),
            How::Reflink if at == 0 => {
                let (user, group) = copy.file.owner();
                let mode = copy.file.stamp().mode & 0o7777;
                call(text, "reflink", &[&keep, &name], &format!(" {mode:04o} {user}:{group}"));
            }
            How::Reflink => call(text, "same_file", &[&first, &name], ""),
            How::Symlink => {
                let line = link::note_line(&name, &keep);
                text.extend_from_slice(b"note ");
                quote(report.layout.cache_root.join(".modelstrap").as_os_str().as_encoded_bytes(), text);
                text.push(b' ');
                quote(line.as_bytes(), text);
                text.push(b'\n');
                call(text, "symlink", &[&keep, &name], "");
            }
        }
    }
}

fn call(text: &mut Vec<u8>, function: &str, paths: &[&Path], more: &str) {
    text.extend_from_slice(function.as_bytes());
    for path in paths {
        text.push(b' ');
        quote(path.as_os_str().as_encoded_bytes(), text);
    }
    text.extend_from_slice(more.as_bytes());
    text.push(b'\n');
}

/// One word of a shell, whatever is in it. What would drive a terminal, and what is no text, is written in digits.
fn quote(bytes: &[u8], text: &mut Vec<u8>) {
    let mut word = Word { text, part: Part::Outside };
    word.begin(Part::Plain);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                // At the end of what a command prints it would be lost.
                '\n' => word.add(Part::Outside, b"\"$newline\""),
                '\'' => word.add(Part::Plain, b"'\\''"),
                other => {
                    let mut room = [0; 4];
                    let bytes = other.encode_utf8(&mut room).as_bytes();
                    match escape::drives_a_terminal(other) {
                        true => word.digits(bytes),
                        false => word.add(Part::Plain, bytes),
                    }
                }
            }
        }
        word.digits(chunk.invalid());
    }
    word.begin(Part::Outside);
}

/// A word that is being written.
struct Word<'a> {
    text: &'a mut Vec<u8>,
    part: Part,
}

/// In which quotes a word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Outside,
    Plain,
    Digits,
}

impl Word<'_> {
    fn begin(&mut self, part: Part) {
        if self.part == part {
            return;
        }
        self.text.extend_from_slice(match self.part {
            Part::Outside => b"",
            Part::Plain => b"'",
            Part::Digits => b"')\"",
        });
        self.text.extend_from_slice(match part {
            Part::Outside => b"",
            Part::Plain => b"'",
            Part::Digits => b"\"$(printf '",
        });
        self.part = part;
    }

    fn add(&mut self, part: Part, bytes: &[u8]) {
        self.begin(part);
        self.text.extend_from_slice(bytes);
    }

    fn digits(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.add(Part::Digits, format!("\\{byte:03o}").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_no_control_character_and_no_byte_that_is_no_text() {
        let quoted = |bytes: &[u8]| {
            let mut text = Vec::new();
            quote(bytes, &mut text);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(quoted("/né/$(x) `y`".as_bytes()), "'/né/$(x) `y`'");
        assert_eq!(quoted(b"it's"), r"'it'\''s'");
        assert_eq!(quoted(b"a\x1b]0;x\x07"), r#"'a'"$(printf '\033')"']0;x'"$(printf '\007')""#);
        assert_eq!(quoted(b"\n\n\xffa\n"), r#"''"$newline""$newline""$(printf '\377')"'a'"$newline""#);
        assert_eq!(
            quoted("\u{9b}31m\u{202e}".as_bytes()),
            r#"''"$(printf '\302\233')"'31m'"$(printf '\342\200\256')""#
        );
        assert_eq!(quoted(b""), "''");
    }
}
