//! The smallest template engine that the shells' files need: a loop and two placeholders.
//!
//! Every file stays a readable shell script in `templates/`, and a value is inserted exactly once,
//! so that a path which happens to hold `{{name}}` is never expanded a second time.

/// One turn of a loop: what `{{name}}` and `{{value}}` stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Replaces `{{name}}`.
    pub name: String,
    /// Replaces `{{value}}`, already quoted for its shell.
    pub value: String,
}

/// Renders `template`: `{{each LIST}}…{{end}}` repeats its body for the items of `LIST`.
///
/// A loop tag that stands alone on its line leaves no line behind. A list that is not given is empty, and
/// any other text in braces stays as it is, because shells use braces too.
pub fn render(template: &str, lists: &[(&str, &[Item])]) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, list, body, after)) = next_loop(rest) {
        out.push_str(before);
        let items = lists.iter().find(|(name, _)| *name == list).map_or(&[][..], |(_, items)| items);
        for item in items {
            fill(&mut out, body, item);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The text before the next loop, its list, its body, and the text after it.
fn next_loop(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, tail) = text.split_once("{{each ")?;
    let (list, tail) = tail.split_once("}}")?;
    let (body, after) = tail.split_once("{{end}}")?;
    let (before, body) = own_line(before, body);
    let (body, after) = own_line(body, after);
    Some((before, list, body, after))
}

/// Takes a tag's line away when nothing but the tag stands on it.
fn own_line<'a>(before: &'a str, after: &'a str) -> (&'a str, &'a str) {
    let indented = before.trim_end_matches(' ');
    match after.strip_prefix('\n') {
        Some(next) if indented.is_empty() || indented.ends_with('\n') => (indented, next),
        _ => (before, after),
    }
}

fn fill(out: &mut String, mut body: &str, item: &Item) {
    while let Some(at) = body.find("{{") {
        out.push_str(&body[..at]);
        body = &body[at..];
        if let Some(after) = body.strip_prefix("{{name}}") {
            out.push_str(&item.name);
            body = after;
        } else if let Some(after) = body.strip_prefix("{{value}}") {
            out.push_str(&item.value);
            body = after;
        } else {
            // One brace only: `${{{name}}}` is a placeholder within a shell's own braces.
            out.push('{');
            body = &body[1..];
        }
    }
    out.push_str(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(pairs: &[(&str, &str)]) -> Vec<Item> {
        pairs.iter().map(|(name, value)| Item { name: (*name).into(), value: (*value).into() }).collect()
    }

    #[test]
    fn a_loop_repeats_its_body_and_other_braces_stay() {
        let set = items(&[("A", "1"), ("B", "2")]);
        let text =
            "x {{ y\n  {{each set}}\n  ${{{name}}}={{value}} {{z}}\n  {{end}}\nq: {{each set}}{{name}};{{end}}.\n";
        assert_eq!(render(text, &[("set", &set)]), "x {{ y\n  ${A}=1 {{z}}\n  ${B}=2 {{z}}\nq: A;B;.\n");
    }

    #[test]
    fn a_value_is_never_expanded_again() {
        let set = items(&[("A", "{{name}}{{each set}}{{end}}")]);
        assert_eq!(render("{{each set}}{{value}}{{end}}", &[("set", &set)]), "{{name}}{{each set}}{{end}}");
    }

    #[test]
    fn a_list_that_is_not_given_is_empty() {
        assert_eq!(render("a\n{{each none}}\n{{name}}\n{{end}}\nb\n", &[]), "a\nb\n");
    }
}
