//! How the shells quote whose rules take more than a line.

use std::fmt::Write as _;

/// PowerShell takes the typographic single quotes for quotes, and Windows PowerShell reads a file
/// or a program's output in the machine's code page: only plain ASCII is sure to arrive.
pub(crate) fn powershell(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.chars().all(plain) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::from("('");
    let mut open = true;
    for c in text.chars() {
        if plain(c) {
            out.push_str(if open { "" } else { " + '" });
            open = true;
            if c == '\'' {
                out.push(c);
            }
            out.push(c);
        } else {
            out.push_str(if open { "'" } else { "" });
            open = false;
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, " + [char]{unit}");
            }
        }
    }
    out.push_str(if open { "')" } else { ")" });
    out
}

/// A double-quoted string with the escapes that nushell, Python and JSON share, and `control` for the rest.
pub(crate) fn escaped(text: &str, control: impl Fn(u32) -> String) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&control(c.into())),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Single quotes do not stop tcsh's history (`!`), and a line break needs a backslash in them.
pub(crate) fn tcsh(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''").replace('!', r"\!").replace('\n', "\\\n"))
}

/// Elvish refuses to read control characters as they are, except in double quotes as escapes.
pub(crate) fn elvish(text: &str) -> String {
    if text.chars().any(|c| c.is_ascii_control() && c != '\n') {
        return escaped(text, |code| format!("\\x{code:02x}"));
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Between the quotes of `set "NAME=…"`: `%` doubled, as in a batch file, and a caret before what is special
/// wherever a quote in the value has closed ours.
pub(crate) fn cmd(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = true;
    for c in text.chars() {
        match c {
            '%' => out.push_str("%%"),
            '"' => {
                quoted = !quoted;
                out.push('"');
            }
            '&' | '|' | '<' | '>' | '^' | '(' | ')' if !quoted => {
                out.push('^');
                out.push(c);
            }
            '\n' | '\r' => {}
            c => out.push(c),
        }
    }
    out
}

/// True for a value that cmd can hold: one without a line break.
pub(crate) fn fits_cmd(value: &str) -> bool {
    !value.contains(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powershell_writes_what_is_not_plain_as_code_points() {
        assert_eq!(powershell("it's $x `y"), "'it''s $x `y'");
        assert_eq!(powershell("a‘\n🤗b"), "('a' + [char]8216 + [char]10 + [char]55358 + [char]56599 + 'b')");
        assert_eq!(powershell("é"), "('' + [char]233)");
    }

    #[test]
    fn tcsh_needs_its_history_and_its_line_breaks_escaped() {
        assert_eq!(tcsh("it's !x\\\ny"), "'it'\\''s \\!x\\\\\ny'");
    }

    #[test]
    fn cmd_escapes_only_where_a_quote_has_closed_ours() {
        assert_eq!(cmd("%P% & \"a & b\" & c"), "%%P%% & \"a ^& b\" & c");
    }
}
