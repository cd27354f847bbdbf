//! Makes foreign text safe to print: nothing in a file name or an environment may drive a terminal.

/// `text` with every control character (and Unicode's direction overrides) written as an escape such as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let drives_a_terminal = character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if drives_a_terminal {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// A path for a person to read.
pub fn path(path: &std::path::Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escape_codes_are_shown_and_not_sent() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(printable("né 模型"), "né 模型");
    }
}
