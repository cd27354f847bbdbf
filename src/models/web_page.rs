//! A page for people in the place of a file: what a server answers to who has not logged in, and what it answers to everything
//! once its file is gone. Where a digest is known it proves that; the first download of a `url:` without one has only this.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::fetch;

/// A page begins within this, whatever stands before it.
const HEAD: u64 = 1024;

/// What browsers take for HTML by its first bytes ([WHATWG](https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type)),
/// without what other formats begin with, too.
const OPENINGS: [&str; 8] = ["<!doctype html", "<html", "<head", "<body", "<script", "<title", "<meta", "<style"];

/// Refuses the file at `path`, which came for `label` without a digest, when it is a page; `bytes` is what it holds, where that is
/// still at hand.
///
/// # Errors
/// What it is, and the way out.
pub(super) fn refuse(label: &str, path: &Path, bytes: Option<&[u8]>) -> Result<(), String> {
    let begins = || bytes.map_or_else(|| begins_as_a_page(path).unwrap_or(false), is_page);
    if fetch::is_named_as_a_page(label) || !begins() {
        return Ok(());
    }
    Err(fetch::PAGE.to_owned())
}

fn begins_as_a_page(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(is_page(&head))
}

fn is_page(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    OPENINGS.iter().any(|opening| {
        let begins = head.get(..opening.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(opening.as_bytes()));
        begins && !head.get(opening.len()).is_some_and(u8::is_ascii_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_how_it_begins() {
        for page in ["<!DOCTYPE html>", "\u{feff}\r\n <HTML lang=en>", "<head>", "<html", "<script src=x>"] {
            assert!(is_page(page.as_bytes()), "{page}");
        }
        for other in ["", "<?xml version=\"1.0\"?><net/>", "<!-- x -->", "PK\u{3}\u{4}", "<headline>", "<htm", "html"] {
            assert!(!is_page(other.as_bytes()), "{other}");
        }
    }
}
