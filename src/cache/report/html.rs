//! Text for a page: nothing in a name may become a tag, end a script, or turn the direction of what stands beside it.

use sha2::{Digest as _, Sha256};

use crate::support::escape;

/// Longer names are cut, in characters: a table must stay one.
const LONGEST: usize = 160;

/// A name of so many characters, and a longer one, says where it may be broken.
const BREAKS: usize = 24;

/// `text` as it may stand in an element or a quoted attribute.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    visible(text).chars().for_each(|character| push(&mut out, character));
    out
}

/// A name: a long one is broken between its parts rather than within them.
pub(super) fn name(name: &str) -> String {
    let shown = visible(name);
    let is_long = shown.chars().count() > BREAKS;
    let mut out = String::with_capacity(shown.len());
    for character in shown.chars() {
        push(&mut out, character);
        if is_long && matches!(character, '/' | '_' | '-') {
            out.push_str("<wbr>");
        }
    }
    out
}

/// A sentence of ours, in which commands stand between backticks.
pub(super) fn sentence(words: &str) -> String {
    let part = |(number, part): (usize, &str)| match number % 2 {
        0 => text(part),
        _ => format!("<code>{}</code>", text(part)),
    };
    words.split('`').enumerate().map(part).collect()
}

fn push(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        other => out.push(other),
    }
}

/// `text` as a string of JSON that may stand in a script element.
pub(super) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in visible(text).chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' | '<' | '>' | '\'' | '`' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `text` with everything written out that is not seen, or turns what is: control characters, marks of direction, signs without width.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let cut = text.char_indices().nth(LONGEST).map_or(text, |(at, _)| &text[..at]);
    for character in escape::printable(cut).chars() {
        let unseen = matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        if unseen {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}

/// The source expression by which a policy allows exactly this script or style.
pub(super) fn allowed(content: &str) -> String {
    format!("'sha256-{}'", base64(&Sha256::digest(content.as_bytes())))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            out.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(
            text("</script><img src='x' onerror=\"y\">&amp;"),
            "&lt;/script&gt;&lt;img src=&#39;x&#39; onerror=&quot;y&quot;&gt;&amp;amp;"
        );
        assert_eq!(text("a\u{202e}b\nc\u{200b}d"), "a\\u{202e}b\\nc\\u{200b}d");
        assert_eq!(json("</script>\"\\\u{2028}"), "\"\\u003c/script\\u003e\\\"\\\\\\\\u{2028}\"");
        assert_eq!(visible(&"é".repeat(200)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_policy_names_a_content_as_browsers_do() {
        assert_eq!(
            ["", "f", "fo", "foo", "foobar"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]
        );
        assert_eq!(allowed(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
    }
}
