//! Edits of a JSON file that leave every other byte alone: unknown keys, their order, indentation, numbers as written.
//!
//! `serde_json` parses and validates; its raw values tell where each member's text stands, and only that text is
//! replaced. Re-serialising the whole document would reflow a person's inline arrays and rewrite `1.0` or `1e3`.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// What JSON takes for white space: less than Unicode does, so that a form feed around a document is an error.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// A member of an object: its key, and where its value stands in the text.
struct Member {
    key: String,
    value: Range<usize>,
}

/// The value at `pointer` in `text`, when there is one.
///
/// # Errors
/// When `text` is not JSON.
pub fn get(text: &str, pointer: &[String]) -> serde_json::Result<Option<Value>> {
    let mut span = 0..text.len();
    for key in pointer {
        let Some(members) = members(text, span.clone())? else { return Ok(None) };
        let Some(member) = members.into_iter().rfind(|member| member.key == *key) else { return Ok(None) };
        span = member.value;
    }
    serde_json::from_str(&text[span]).map(Some)
}

/// `text` with `value` at `pointer`; objects on the way are made where they are missing (or are something else).
/// A new member goes to the end, or after the member named `after` where that exists.
///
/// # Errors
/// When `text` is not JSON.
pub fn set(text: &str, pointer: &[String], value: &Value, after: Option<&str>) -> serde_json::Result<String> {
    let Some((key, rest)) = pointer.split_first() else { return Ok(text.to_owned()) };
    let style = Style::of(text);
    // The document's own span: a final newline is not part of it.
    let start = text.len() - text.trim_start_matches(BLANKS).len();
    set_in(text, start..text.trim_end_matches(BLANKS).len().max(start), 0, key, rest, value, after, &style)
}

/// `text` without the member at `pointer`.
///
/// # Errors
/// When `text` is not JSON.
pub fn remove(text: &str, pointer: &[String]) -> serde_json::Result<String> {
    let Some((last, parents)) = pointer.split_last() else { return Ok(text.to_owned()) };
    let mut span = 0..text.len();
    for key in parents {
        let Some(found) = members(text, span.clone())? else { return Ok(text.to_owned()) };
        let Some(member) = found.into_iter().rfind(|member| member.key == *key) else { return Ok(text.to_owned()) };
        span = member.value;
    }
    let Some(found) = members(text, span.clone())? else { return Ok(text.to_owned()) };
    let Some(at) = found.iter().rposition(|member| member.key == *last) else { return Ok(text.to_owned()) };
    // From the end of the value before (or the brace) to the end of this value; with it goes one comma.
    let cut = if at > 0 {
        found[at - 1].value.end..found[at].value.end
    } else {
        let open = text[span.clone()].find('{').map_or(span.start, |offset| span.start + offset + 1);
        let mut end = found[0].value.end;
        if found.len() > 1 {
            end += text[end..].find(',').map_or(0, |offset| offset + 1);
        }
        open..end
    };
    Ok([&text[..cut.start], &text[cut.end..]].concat())
}

#[expect(clippy::too_many_arguments, reason = "one recursive step; bundling them would only move the list")]
fn set_in(
    text: &str,
    span: Range<usize>,
    depth: usize,
    key: &str,
    rest: &[String],
    value: &Value,
    after: Option<&str>,
    style: &Style,
) -> serde_json::Result<String> {
    let Some(found) = members(text, span.clone())? else {
        // Not an object: it becomes one.
        let whole = nest(key, rest, value);
        return Ok(splice(text, span, &style.render(&whole, depth)));
    };
    if let Some(member) = found.iter().rfind(|member| member.key == key) {
        return match rest.split_first() {
            Some((next, deeper)) => set_in(text, member.value.clone(), depth + 1, next, deeper, value, None, style),
            None => Ok(splice(text, member.value.clone(), &style.render(value, depth + 1))),
        };
    }
    let tail = rest.split_first().map_or_else(|| value.clone(), |(next, deeper)| nest(next, deeper, value));
    let member = format!("{}: {}", Value::from(key), style.render(&tail, depth + 1));
    let indent = style.line(depth + 1);
    let place = after.and_then(|after| found.iter().rfind(|member| member.key == after)).or_else(|| found.last());
    Ok(match place {
        Some(previous) => splice(text, previous.value.end..previous.value.end, &format!(",{indent}{member}")),
        None => splice(text, span, &format!("{{{indent}{member}{}}}", style.line(depth))),
    })
}

fn nest(key: &str, rest: &[String], value: &Value) -> Value {
    let inner = rest.split_first().map_or_else(|| value.clone(), |(next, deeper)| nest(next, deeper, value));
    Value::Object([(key.to_owned(), inner)].into_iter().collect())
}

fn splice(text: &str, span: Range<usize>, new: &str) -> String {
    [&text[..span.start], new, &text[span.end..]].concat()
}

/// The members of the object that stands in `span` of `text`; `None` when something else stands there.
fn members(text: &str, span: Range<usize>) -> serde_json::Result<Option<Vec<Member>>> {
    let part = &text[span];
    if !part.trim_start().starts_with('{') {
        serde_json::from_str::<serde::de::IgnoredAny>(part)?;
        return Ok(None);
    }
    let Members(raw) = serde_json::from_str(part)?;
    let base = text.as_ptr() as usize;
    Ok(Some(
        raw.into_iter()
            .map(|(key, value)| {
                let start = value.get().as_ptr() as usize - base;
                Member { key, value: start..start + value.get().len() }
            })
            .collect(),
    ))
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry::<String, &RawValue>()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// How a document is laid out: its indentation and line ends, or all on one line.
struct Style {
    indent: String,
    eol: &'static str,
    inline: bool,
}

impl Style {
    fn of(text: &str) -> Self {
        let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let body = text.trim_start().strip_prefix('{').unwrap_or("");
        let lead: String = body.chars().take_while(|c| c.is_ascii_whitespace()).collect();
        let empty = body.trim_start().starts_with('}') || body.trim().is_empty();
        match lead.rsplit_once('\n') {
            Some((_, indent)) if !indent.is_empty() && !empty => Self { indent: indent.to_owned(), eol, inline: false },
            None if !empty => Self { indent: String::new(), eol, inline: true },
            _ => Self { indent: "  ".to_owned(), eol, inline: false },
        }
    }

    fn line(&self, depth: usize) -> String {
        match self.inline {
            true if depth == 0 => String::new(),
            true => " ".to_owned(),
            false => format!("{}{}", self.eol, self.indent.repeat(depth)),
        }
    }

    fn render(&self, value: &Value, depth: usize) -> String {
        if self.inline {
            return value.to_string();
        }
        let mut out = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.indent.as_bytes());
        // A Value always serialises into memory.
        let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter));
        String::from_utf8_lossy(&out).replace('\n', &self.line(depth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn pointer(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    const PROJECT: &str = "{\n    \"version\": \"0.9\",\n    \"mine\": [1.0, 2e3,\t3],\n    \"cache\": {\"a\": 1},\n    \"é\": \"\\u00e9\"\n}\n";

    #[test]
    fn only_the_member_that_changes_changes() {
        let text = set(PROJECT, &pointer(&["cache"]), &json!({"base_dir": ".cache"}), None).unwrap();
        let expected = PROJECT.replace("{\"a\": 1}", "{\n        \"base_dir\": \".cache\"\n    }");
        assert_eq!(text, expected);
    }

    #[test]
    fn what_only_unicode_calls_white_space_makes_no_json() {
        for text in ["\u{c}{}", "1\u{a0}", "\u{85}{\"a\": 1}\u{2028}"] {
            assert!(set(text, &pointer(&["a"]), &json!(1), None).is_err(), "{text:?}");
        }
        assert_eq!(set(" \r\n{}\t", &pointer(&["a"]), &json!(1), None).unwrap(), " \r\n{\r\n  \"a\": 1\r\n}\t");
    }

    #[test]
    fn a_new_member_takes_the_files_own_indentation() {
        let text = set("{\r\n\t\"a\": 1\r\n}", &pointer(&["b", "c"]), &json!(true), None).unwrap();
        assert_eq!(text, "{\r\n\t\"a\": 1,\r\n\t\"b\": {\r\n\t\t\"c\": true\r\n\t}\r\n}");
        assert_eq!(set("{}", &pointer(&["a"]), &json!(1), None).unwrap(), "{\n  \"a\": 1\n}");
        assert_eq!(set("{\"a\":1}", &pointer(&["b"]), &json!([1, 2]), None).unwrap(), "{\"a\":1, \"b\": [1,2]}");
    }

    #[test]
    fn a_nested_member_is_set_beside_its_siblings() {
        let text = "{\n  \"environments\": {\n    \"a\": {\"path\": \"old\", \"purpose\": \"x\"}\n  }\n}\n";
        let edited = set(text, &pointer(&["environments", "a", "path"]), &json!("new"), None).unwrap();
        assert_eq!(edited, text.replace("old", "new"));
    }

    #[test]
    fn a_member_is_removed_with_its_comma() {
        assert_eq!(remove("{\"a\": 1, \"b\": 2}", &pointer(&["a"])).unwrap(), "{ \"b\": 2}");
        assert_eq!(remove("{\"a\": 1, \"b\": 2}", &pointer(&["b"])).unwrap(), "{\"a\": 1}");
        assert_eq!(remove("{\"a\": 1}", &pointer(&["a"])).unwrap(), "{}");
        assert_eq!(remove("{\"a\": 1}", &pointer(&["x"])).unwrap(), "{\"a\": 1}");
    }

    #[test]
    fn broken_json_is_an_error() {
        for text in ["", "{", "{\"a\": }", "{\"a\": 1} x", "\u{feff}{}"] {
            assert!(set(text, &pointer(&["a"]), &json!(1), None).is_err(), "{text:?}");
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        let tree = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,5}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        prop::collection::vec((".{0,5}", tree), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back_and_the_rest_is_equal(before in document(), key in ".{0,4}", inner in ".{0,4}", value in document(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&before).unwrap() } else { before.to_string() };
            let at = vec![key.clone(), inner];
            let edited = set(&text, &at, &value, None).unwrap();
            prop_assert_eq!(get(&edited, &at).unwrap(), Some(value));
            let mut rest: Value = serde_json::from_str(&edited).unwrap();
            let mut expected = before;
            rest.as_object_mut().unwrap().shift_remove(&key);
            expected.as_object_mut().unwrap().shift_remove(&key);
            prop_assert_eq!(rest, expected);
        }

        #[test]
        fn a_member_set_and_removed_leaves_equal_json(before in document(), value in document()) {
            let text = serde_json::to_string_pretty(&before).unwrap();
            let at = vec!["a key that no document has".to_owned()];
            let edited = remove(&set(&text, &at, &value, None).unwrap(), &at).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&edited).unwrap(), before);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[{}\\[\\]\",:a0 \\\\\n]{0,30}") {
            let at = vec!["a".to_owned(), "b".to_owned()];
            let _ = set(&text, &at, &json!(1), None);
            let _ = remove(&text, &at);
        }
    }
}
