//! JSON documents that are written while they are made: what lists a million names is never there as a whole.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::support::escape;

/// A list in a document, whose elements are made one by one.
pub struct Each<F>(pub F);

impl<T: Serialize, I: Iterator<Item = T>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

/// Writes `document` as [`escape::json`] would leave it, and a line's end.
///
/// # Errors
/// What `out` says.
pub fn write(document: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    let mut out = Escaped(out);
    serde_json::to_writer_pretty(&mut out, document)?;
    out.write_all(b"\n")
}

/// What is written here drives no terminal. It is written in whole characters.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escape::json(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Document<T> {
        schema: &'static str,
        list: T,
        none: Option<u64>,
    }

    #[test]
    fn a_document_that_is_written_while_it_is_made_is_the_same() {
        let names = ["a\u{9b}31m", "né 模型 \u{7f}\n", "\"x\\"];
        for count in 0..=names.len() {
            let list = || names[..count].iter().map(|name| serde_json::json!({"name": name, "of": []}));
            let mut text = Vec::new();
            write(&Document { schema: "s/1", list: Each(list), none: None }, &mut text).unwrap();
            let value = serde_json::json!({"schema": "s/1", "list": list().collect::<Vec<_>>(), "none": null});
            assert_eq!(String::from_utf8(text).unwrap(), escape::json(&format!("{value:#}\n")));
        }
    }
}
