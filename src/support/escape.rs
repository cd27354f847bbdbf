//! Makes foreign text safe to print: nothing in a file name or an environment may drive a terminal.

/// `text` with every control character (and Unicode's direction overrides) written as an escape such as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if drives_a_terminal(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a terminal obeys `character`, or hides it: a control character, one that turns the direction of the text or ends a line, one that
/// has no width and makes two names look alike. Joiners stay: words of Persian and pictures of people need them.
pub fn drives_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A JSON document with no control character that a terminal would obey: serde writes those below U+0020 as escapes, and U+007F to
/// U+009F as they are. Outside of its strings JSON has none of them.
pub fn json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for character in document.chars() {
        match character {
            '\u{7f}'..='\u{9f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}

/// A path for a person to read, and to give back.
pub fn path(path: &std::path::Path) -> String {
    super::quoted::shown(path)
}

#[cfg(test)]
mod tests {

    use super::{json, printable};

    #[test]
    fn escape_codes_are_shown_and_not_sent() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\nc");
        assert_eq!(printable("né 模型 👩\u{200d}🔬"), "né 模型 👩\u{200d}🔬");
        let hidden = "a\u{61c}\u{200b}\u{2028}\u{2060}\u{feff}\u{e0041}";
        assert_eq!(printable(hidden), "a\\u{61c}\\u{200b}\\u{2028}\\u{2060}\\u{feff}\\u{e0041}");
    }

    #[test]
    fn a_document_has_the_same_strings_and_drives_no_terminal() {
        let value = serde_json::json!({"a\u{9b}31m": ["\u{7f}\u{1b}\n", "né 模型 \\u009b"]});
        let text = json(&format!("{value:#}\n"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert!(text.contains(r#""a\u009b31m""#) && text.contains("né 模型"), "{text}");
        assert!(!text.chars().any(|one| one != '\n' && one.is_control()));
    }
}
