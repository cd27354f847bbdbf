//! Texts and numbers as pickles write them. What is read in a way that is not known here counts as unknown, which no
//! import may be.

use super::machine::Value;

/// A text in UTF-8; any other bytes count as unknown, since the loader decides how they are read.
pub(super) fn as_text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or(Value::Unknown, |text| Value::Text(text.into()))
}

/// A text that is written out on a line: quoted for STRING, and with escapes, which only matter for a name's looks.
pub(super) fn spelled(line: &[u8], quoted: bool) -> Value {
    let trimmed = if quoted { line.trim_ascii() } else { line };
    let inner = match trimmed {
        [b'\'' | b'"', inner @ .., b'\'' | b'"'] if quoted => inner,
        _ => trimmed,
    };
    if inner.contains(&b'\\') { unescaped(inner) } else { as_text(inner) }
}

/// `\xHH`, `\uHHHH` and `\ooo`; with any other escape the text counts as unknown.
fn unescaped(bytes: &[u8]) -> Value {
    let mut text = String::new();
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            text.push(char::from(*first));
            continue;
        }
        let (radix, digits) = match rest {
            [b'x', ..] => (16, rest.get(1..3)),
            [b'u', ..] => (16, rest.get(1..5)),
            [b'0'..=b'7', ..] => (8, rest.get(..3)),
            _ => return Value::Unknown,
        };
        let code = digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok());
        let Some(character) = code.and_then(char::from_u32) else { return Value::Unknown };
        text.push(character);
        rest = &rest[digits.map_or(0, <[u8]>::len) + usize::from(radix == 16)..];
    }
    Value::Text(text.into())
}

/// A key of the memo, written in digits. Python takes more forms of a number, for which the key counts as unknown.
pub(super) fn number(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.trim_ascii().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: Value) -> String {
        match value {
            Value::Text(text) => text.to_string(),
            other => format!("({other:?})"),
        }
    }

    #[test]
    fn a_text_is_read_with_its_quotes_and_escapes_or_not_at_all() {
        for (line, quoted, expected) in [
            (&b"'os'"[..], true, "os"),
            (b"\"os\" ", true, "os"),
            (b"'os'", false, "'os'"),
            (b"'\\x6f\\163'", true, "os"),
            (b"\\u006fs", false, "os"),
            (b"'\\N{BULLET}'", true, "(Unknown)"),
            (b"'\\x6'", true, "(Unknown)"),
            (b"'\\ud800'", true, "(Unknown)"),
            (b"'\\", true, "(Unknown)"),
            (b"'\xff'", true, "(Unknown)"),
        ] {
            assert_eq!(told(spelled(line, quoted)), expected, "{line:?}");
        }
    }

    #[test]
    fn a_key_that_python_alone_can_read_is_none() {
        assert_eq!(number(b"10"), Some(10));
        assert_eq!(number(b" +10\r"), Some(10));
        for line in [&b"1_0"[..], b"-1", b"", "\u{661}".as_bytes(), b"99999999999999999999"] {
            assert_eq!(number(line), None, "{line:?}");
        }
    }
}
