//! Include and exclude patterns with the rules of Python's `fnmatchcase`, which are not those of a shell.
//!
//! `*` and `?` cross `/`, `**` is `*`, there are no braces and no escapes; `[!x]` negates and `[^x]` does not; an unclosed `[`
//! stands for itself. A manifest is then good for `snapshot_download(allow_patterns=…)` too.

/// Which files of a repository are wanted, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A file must match one of these; without a list every file does. An empty list matches nothing.
    pub include: Option<Vec<String>>,
    /// A file must match none of these.
    pub exclude: Vec<String>,
}

impl Filter {
    /// Whether the file at `path` is wanted.
    pub fn keeps(&self, path: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, path));
        self.include.as_deref().is_none_or(any) && !any(&self.exclude)
    }

    /// True when it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }
}

/// Whether `pattern` matches the whole of `path`. A pattern that ends in `/` means everything below that folder.
pub fn matches(pattern: &str, path: &str) -> bool {
    let mut pattern = pattern.replace('\\', "/");
    if pattern.ends_with('/') {
        pattern.push('*');
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().map(|c| if c == '\\' { '/' } else { c }).collect();
    glob(&tokens(&pattern), &path)
}

enum Token<'a> {
    Any,
    One,
    Set { negated: bool, body: &'a [char] },
    Char(char),
}

fn tokens(pattern: &[char]) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut at = 0;
    while at < pattern.len() {
        at += 1;
        tokens.push(match pattern[at - 1] {
            '*' => Token::Any,
            '?' => Token::One,
            '[' => match set(&pattern[at..]) {
                Some((token, length)) => {
                    at += length;
                    token
                }
                None => Token::Char('['),
            },
            other => Token::Char(other),
        });
    }
    tokens
}

/// The set after a `[`, and how many characters it takes with its `]`; `None` when it is not closed.
fn set(rest: &[char]) -> Option<(Token<'_>, usize)> {
    let negated = rest.first() == Some(&'!');
    let start = usize::from(negated);
    // A `]` right at the start is a member.
    let search = start + usize::from(rest.get(start) == Some(&']'));
    let end = search + rest.get(search..)?.iter().position(|c| *c == ']')?;
    Some((Token::Set { negated, body: &rest[start..end] }, end + 1))
}

fn in_set(body: &[char], c: char) -> bool {
    let mut at = 0;
    while at < body.len() {
        if body.get(at + 1) == Some(&'-') && at + 2 < body.len() {
            if (body[at]..=body[at + 2]).contains(&c) {
                return true;
            }
            at += 3;
        } else {
            if body[at] == c {
                return true;
            }
            at += 1;
        }
    }
    false
}

impl Token<'_> {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Set { negated, body } => in_set(body, c) != *negated,
            Self::Char(wanted) => *wanted == c,
        }
    }
}

/// Matching with one step back to the last `*`: no pattern takes longer than both lengths multiplied.
fn glob(pattern: &[Token<'_>], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(token) if token.takes(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|token| matches!(token, Token::Any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_vectors_of_python_hold() {
        let rows: [(&str, &[&str], &[&str]); 14] = [
            ("*.json", &["config.json", "sub/config.json", ".json"], &["config.jsonl"]),
            ("**/*.json", &["sub/config.json"], &["config.json"]),
            ("dir", &["dir"], &["dir/x"]),
            ("dir/", &["dir/x", "dir/a/b.txt"], &["dir"]),
            ("[^a-c]*.json", &["config.json", "^x.json"], &["zx.json"]),
            ("[!a-c]*.json", &["sub/config.json", "zx.json"], &["config.json"]),
            ("*.{json,txt}", &["x.{json,txt}"], &["config.json"]),
            ("CONFIG.json", &["CONFIG.json"], &["config.json"]),
            ("\\*.json", &["/config.json"], &["config.json"]),
            ("a[", &["a["], &["a"]),
            ("[]]x", &["]x"], &["x"]),
            ("[!]]x", &["ax"], &["]x"]),
            ("[z-a]x", &[], &["ax", "zx", "-x"]),
            ("[a-]?", &["a1", "-1"], &["b1"]),
        ];
        for (pattern, good, bad) in rows {
            good.iter().for_each(|path| assert!(matches(pattern, path), "{pattern} should match {path}"));
            bad.iter().for_each(|path| assert!(!matches(pattern, path), "{pattern} should not match {path}"));
        }
    }

    #[test]
    fn a_filter_keeps_what_is_included_and_not_excluded() {
        let lists = |include: Option<&[&str]>, exclude: &[&str]| Filter {
            include: include.map(|list| list.iter().map(|text| (*text).to_owned()).collect()),
            exclude: exclude.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert!(lists(None, &[]).keeps("x"));
        assert!(!lists(Some(&[]), &[]).keeps("x"));
        assert!(lists(Some(&["*.json", "x"]), &["y"]).keeps("x"));
        assert!(!lists(Some(&["*"]), &["x"]).keeps("x"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics_and_a_pattern_without_specials_matches_itself(pattern in ".{0,40}", path in ".{0,40}") {
            let _ = matches(&pattern, &path);
            if !pattern.contains(['*', '?', '[', '\\']) && !pattern.ends_with('/') {
                proptest::prop_assert!(matches(&pattern, &pattern));
            }
        }
    }
}
