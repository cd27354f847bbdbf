//! Strings as TOML writes them, for the few lines of TOML that the tool writes itself.

use std::fmt::Write as _;

/// `text` as a basic string, on one line.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `text` as a key: bare where TOML allows it.
pub fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_reads_as_itself(name in any::<String>(), value in any::<String>()) {
            let table: toml::Table = toml::from_str(&format!("{} = {}", key(&name), quoted(&value))).unwrap();
            prop_assert_eq!(table.get(&name).and_then(toml::Value::as_str), Some(value.as_str()));
        }
    }
}
