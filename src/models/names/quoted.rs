//! Foreign names as parts of a URL: everything but letters, digits and `_.-~` is percent-encoded, as the official client of
//! the Hub does.

use std::fmt::Write as _;

/// A name as one segment of a URL's path: a slash is encoded too. For revisions.
pub fn quoted_segment(text: &str) -> String {
    quoted(text, false)
}

/// A file's path as part of a URL: as a segment, but slashes stay.
pub fn quoted_path(path: &str) -> String {
    quoted(path, true)
}

fn quoted(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_quoted_as_the_official_client_quotes() {
        assert_eq!(quoted_segment("refs/pr/1"), "refs%2Fpr%2F1");
        assert_eq!(quoted_path("a b/c#%+é&=?.bin"), "a%20b/c%23%25%2B%C3%A9%26%3D%3F.bin");
        assert_eq!(quoted_path("it's(1)!*~.txt"), "it%27s%281%29%21%2A~.txt");
    }
}
