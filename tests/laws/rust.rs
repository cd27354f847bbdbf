//! Rust as far as the laws need it: tokens, the items of a test build left out, and the paths that are used.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(String),
    Text(String),
    /// `::`
    Step,
    Mark(char),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// Rust's tokens as far as the laws need them: comments are gone, literals are whole, a lifetime is a mark.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let (start, begun) = (i, line);
        let kind = match chars[i] {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && chars[i] != '\n' {
                    i += 1;
                }
                None
            }
            '/' if at(i + 1) == '*' => {
                let mut open = 1;
                i += 2;
                while i < chars.len() && open > 0 {
                    match (chars[i], at(i + 1)) {
                        ('/', '*') => (open, i) = (open + 1, i + 2),
                        ('*', '/') => (open, i) = (open - 1, i + 2),
                        _ => i += 1,
                    }
                }
                None
            }
            '"' => {
                i += 1;
                while i < chars.len() && chars[i] != '"' {
                    i += if chars[i] == '\\' { 2 } else { 1 };
                }
                i += 1;
                Some(Kind::Text(chars[start + 1..(i - 1).min(chars.len())].iter().collect()))
            }
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
                Some(Kind::Mark('\''))
            }
            c if c.is_alphanumeric() || c == '_' => {
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let body = i + hashes + 1;
                    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                    let length = chars[body..].windows(end.len()).position(|window| window == end);
                    let close = length.map_or(chars.len(), |length| body + length);
                    i = (close + end.len()).min(chars.len());
                    Some(Kind::Text(chars[body..close].iter().collect()))
                } else {
                    Some(Kind::Word(word))
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                Some(Kind::Step)
            }
            c => {
                i += 1;
                (!c.is_whitespace()).then_some(Kind::Mark(c))
            }
        };
        i = i.min(chars.len());
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
        found.extend(kind.map(|kind| Token { kind, line: begun }));
    }
    found
}

/// The tokens without the items that only a test build holds (`#[cfg(test)] mod tests { … }` and the like).
pub(crate) fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mark = |i: usize, c: char| tokens.get(i).is_some_and(|token| token.kind == Kind::Mark(c));
    let word =
        |i: usize, w: &str| matches!(tokens.get(i).map(|token| &token.kind), Some(Kind::Word(word)) if word == w);
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !(mark(i, '#') && mark(i + 1, '[') && word(i + 2, "cfg")) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let end = closing(&tokens, i + 1);
        let test = (i..end).any(|k| word(k, "test")) && !(i..end).any(|k| word(k, "not") || word(k, "any"));
        if !test {
            kept.extend_from_slice(&tokens[i..end]);
            i = end;
            continue;
        }
        i = end;
        while mark(i, '#') {
            i = closing(&tokens, i + 1);
        }
        let import = word(i, "use") || word(i + 1, "use");
        while i < tokens.len() && !mark(i, ';') && (import || !mark(i, '{')) {
            i = if "([{".chars().any(|open| mark(i, open)) { closing(&tokens, i) } else { i + 1 };
        }
        i = if mark(i, '{') { closing(&tokens, i) } else { i + 1 };
    }
    kept
}

/// The index behind the bracket that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// A path as it is used: `a::{b, c::d}` gives two.
pub(crate) struct Used {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// Whether `as` follows, which would hide what is used from here on.
    pub(crate) renamed: bool,
}

pub(crate) fn paths(tokens: &[Token]) -> Vec<Used> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        i = match tokens[i].kind {
            // The keyword is no part of `use ::std::fs`.
            Kind::Word(ref word) if word != "use" => path_at(tokens, i, Vec::new(), &mut found),
            _ => i + 1,
        };
    }
    found
}

/// Reads the path that starts at `i`, groups included, and returns the index behind it.
pub(crate) fn path_at(tokens: &[Token], mut i: usize, mut segments: Vec<String>, found: &mut Vec<Used>) -> usize {
    let kind = |i: usize| tokens.get(i).map(|token| &token.kind);
    let line = tokens[i].line;
    loop {
        match kind(i) {
            Some(Kind::Word(word)) => segments.push(word.clone()),
            Some(Kind::Mark('*')) => segments.push(String::from("*")),
            Some(Kind::Mark('{')) => {
                let end = closing(tokens, i);
                i += 1;
                while i < end - 1 {
                    i = match kind(i) {
                        Some(Kind::Word(_) | Kind::Mark('*' | '{')) => path_at(tokens, i, segments.clone(), found),
                        _ => i + 1,
                    };
                    // `as name` belongs to the element before it.
                    if kind(i) == Some(&Kind::Word(String::from("as"))) {
                        i += 2;
                    }
                }
                return end;
            }
            _ => break,
        }
        i += 1;
        let steps = kind(i) == Some(&Kind::Step) && matches!(kind(i + 1), Some(Kind::Word(_) | Kind::Mark('*' | '{')));
        if !steps {
            break;
        }
        i += 1;
    }
    let renamed = kind(i) == Some(&Kind::Word(String::from("as")));
    found.push(Used { segments, line, renamed });
    i
}
