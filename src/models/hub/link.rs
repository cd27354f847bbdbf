//! The `Link` header (RFC 8288), as far as paging needs it.

/// The target of the first link whose relation is `next`.
pub(super) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(open) = rest.find('<') {
        let (target, after) = rest[open + 1..].split_once('>')?;
        let end = end_of_parameters(after);
        if after[..end].split(';').any(is_next) {
            return Some(target.trim());
        }
        rest = after.get(end + 1..)?;
    }
    None
}

/// Where the parameters of one link end: at the next comma outside quotes.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    text.find(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .unwrap_or(text.len())
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("rel")
        && value.trim().trim_matches('"').split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for (header, expected) in [
            ("<https://h/a?b=1&c=%2C>; rel=\"next\"", Some("https://h/a?b=1&c=%2C")),
            ("<x>; rel=prev, <y>; rel=next", Some("y")),
            ("<x>; rel=\"xet-auth\", <y>; title=\"a, b\"; REL=\"last Next\"", Some("y")),
            ("<x,y>;rel=next", Some("x,y")),
            ("<x>; rel=\"prev\"", None),
            ("<x", None),
            ("", None),
            ("x; rel=next", None),
        ] {
            assert_eq!(next(header), expected, "{header}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(header in ".{0,200}", parts in proptest::collection::vec("[<>;,=\" relnxt]{1,8}", 0..12)) {
            let _ = next(&header);
            let _ = next(&parts.concat());
        }
    }
}
