//! `.env` lines that python-dotenv and docker compose read alike, as far as the two agree.
//!
//! Sources: python-dotenv `parser.py` and `variables.py`; compose's "Syntax for environment files".
//! Both take an unquoted line as it is up to ` #`, and a single-quoted text, and know `\'` in it.
//! python-dotenv also reads `\\` there, and expands `${…}` in any quotes: where they differ, it wins.
//! Before 1.2.4 it cannot find the end of a quoted text that ends in a backslash: such a value stays bare.

use crate::catalogue::variables::VariableSet;
use crate::generate::shell::named;

/// One `NAME=value` entry for each variable to set; a value may span lines.
///
/// The format has no way to remove a variable, so `unset` is not in it.
pub fn lines(variables: &VariableSet) -> Vec<String> {
    named(variables).map(|variable| line(&variable.name, &variable.value)).collect()
}

/// The entry for one.
pub fn line(name: &str, value: &str) -> String {
    format!("{name}={}", quote(value))
}

fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=~-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    let value = keep_braces(value);
    let unsafe_in_quotes = value.ends_with('\\') || value.contains(r"\\") || value.contains(r"\'");
    if unsafe_in_quotes && stays_bare(&value) {
        return value;
    }
    // Readers turn a bare carriage return into a line break; only double quotes have an escape for it.
    if value.contains('\r') {
        let escaped = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\r', r"\r");
        return format!("\"{escaped}\"");
    }
    let mut out = String::from("'");
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => out.push_str(r"\'"),
            // A lone backslash is itself to both; only one that would escape what follows is doubled.
            '\\' if matches!(chars.peek(), None | Some('\\' | '\'')) => out.push_str(r"\\"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// True when an unquoted line is read back as it stands: a comment starts at a `#` after white space.
fn stays_bare(value: &str) -> bool {
    let comment = value.chars().zip(value.chars().skip(1)).any(|(before, c)| before.is_whitespace() && c == '#');
    value.trim() == value && !value.starts_with(['\'', '"', '#']) && !value.contains(char::is_control) && !comment
}

/// python-dotenv has no escape for `${NAME}`, but an empty name with a default is the default.
fn keep_braces(value: &str) -> String {
    match value.find("${").map(|at| value[at..].contains('}')) {
        Some(true) => value.replace("${", "${:-$}{"),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_bare_and_the_rest_is_single_quoted() {
        assert_eq!(quote("/srv/cache-1/hub"), "/srv/cache-1/hub");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("/my cache/$x #1"), "'/my cache/$x #1'");
        assert_eq!(quote(r"C:\models\new"), r"'C:\models\new'");
        assert_eq!(quote(r"\\srv\it's\end\"), r"\\srv\it's\end\");
        assert_eq!(quote(r" it's \\srv\end\"), r"' it\'s \\\srv\end\\'");
        assert_eq!(quote("a\nb"), "'a\nb'");
        assert_eq!(quote("a\rb\"c"), r#""a\rb\"c""#);
        assert_eq!(quote("/${HOME}/x"), "'/${:-$}{HOME}/x'");
    }
}
