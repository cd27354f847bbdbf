//! What answers say about themselves: how long to wait, which bytes they are, and of which version of the file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;

/// The text of a header, if it is there and is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// How long the server asks to be left alone: `RateLimit` when its quota is used up, else `Retry-After`.
pub(super) fn wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let limits = headers.get_all("ratelimit").iter().filter_map(|value| rate_limit(value.to_str().ok()?));
    limits.max().or_else(|| retry_after(text(headers, "retry-after")?, now))
}

/// `"api";r=0;t=55`: with nothing remaining, the seconds until the window ends and one more, as the Hub's own client
/// waits (huggingface_hub, `utils/_http.py`). Several quotas may stand in one header, parted by commas.
fn rate_limit(value: &str) -> Option<Duration> {
    value.split(',').filter_map(one_quota).max()
}

fn one_quota(quota: &str) -> Option<Duration> {
    let number = |key: &str| {
        let part = quota.split(';').map(str::trim).find_map(|part| part.strip_prefix(key))?;
        part.trim().parse::<u64>().ok()
    };
    if number("r=")? > 0 {
        return None;
    }
    Some(Duration::from_secs(number("t=")?.saturating_add(1)))
}

/// Seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(http_date(value)?))?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as seconds since 1970. The two obsolete forms are not read: no server sends them.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: u64 = parts.next()?.parse().ok()?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let in_range = (1970..=9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !in_range || parts.next() != Some("GMT") {
        return None;
    }
    // Days since 1970 in the Gregorian calendar, years counted from March: Hinnant, "chrono-compatible date algorithms".
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468).map(|days| days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// `Content-Range`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First and last byte; `None` in an answer 416.
    pub(super) bytes: Option<(u64, u64)>,
    /// How long the whole file is, where the server says it.
    pub(super) total: Option<u64>,
}

/// `bytes 0-99/1234`, `bytes 0-99/*` or `bytes */1234`.
pub(super) fn content_range(value: &str) -> Option<ContentRange> {
    let (bytes, total) = value.strip_prefix("bytes ")?.trim().split_once('/')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    let bytes = if bytes == "*" {
        None
    } else {
        let (first, last) = bytes.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        if last < first || last == u64::MAX || total.is_some_and(|total| last >= total) {
            return None;
        }
        Some((first, last))
    };
    Some(ContentRange { bytes, total })
}

/// The entity tag, if it is a strong one: only that promises the same bytes.
pub(super) fn strong_etag(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "etag")?;
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"') && tag.len() <= 256).then(|| tag.to_owned())
}

/// Why a page for people is not taken for a file that nobody has a digest of.
pub const PAGE: &str = "a web page came in the place of the file: maybe its server wants a login, or the file is gone; \
                        if it is meant to be this page, name its digest, `#sha256=…`";

/// Whether a file with this path is meant to be a page.
pub fn is_named_as_a_page(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".html", ".htm", ".xhtml"].iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<Vec<_>>()
            .into_iter()
            .fold(HeaderMap::new(), |mut all, (name, value): (ureq::http::HeaderName, ureq::http::HeaderValue)| {
                all.append(name, value);
                all
            })
    }

    fn seconds(pairs: &[(&'static str, &str)]) -> Option<u64> {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        wait(&headers(pairs), now).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_form_of_please_wait_is_understood() {
        assert_eq!(seconds(&[("retry-after", "2")]), Some(2));
        assert_eq!(seconds(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(7));
        assert_eq!(seconds(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT")]), Some(0));
        assert_eq!(seconds(&[("ratelimit", "\"api\";r=0;t=55"), ("retry-after", "2")]), Some(56));
        assert_eq!(seconds(&[("ratelimit", "\"api\";r=9;t=55"), ("retry-after", "2")]), Some(2));
        assert_eq!(seconds(&[("ratelimit", "\"a\";r=9;t=5, \"b\"; r=0; t=7")]), Some(8));
        assert_eq!(seconds(&[("retry-after", "soon")]), None);
        assert_eq!(seconds(&[]), None);
    }

    #[test]
    fn a_date_counts_its_days_right() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Thu, 29 Feb 2024 25:00:00 GMT", None),
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
    }

    #[test]
    fn a_content_range_is_read_or_refused() {
        let range = |bytes, total| Some(ContentRange { bytes, total });
        assert_eq!(content_range("bytes 0-99/1234"), range(Some((0, 99)), Some(1234)));
        assert_eq!(content_range("bytes 5-5/*"), range(Some((5, 5)), None));
        assert_eq!(content_range("bytes */0"), range(None, Some(0)));
        for bad in ["bytes 9-5/10", "bytes 0-10/10", "lines 0-1/2", "bytes 0-1", "bytes -1/2", "bytes a-b/c"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_weak_or_broken_tag_promises_nothing() {
        assert_eq!(strong_etag(&headers(&[("etag", "\"abc\"")])).as_deref(), Some("\"abc\""));
        for bad in ["W/\"abc\"", "abc", "\"", "\"a\"b\""] {
            assert_eq!(strong_etag(&headers(&[("etag", bad)])), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in "[ -~]{0,60}", numbers in "[0-9]{1,25}") {
            for value in [value.clone(), format!("bytes {numbers}-{value}/{numbers}"), format!("\"a\";r=0;t={numbers}"),
                format!("Sun, {numbers} Nov {numbers} {numbers}:49:37 GMT")] {
                let map = headers(&[("retry-after", &value), ("ratelimit", &value), ("etag", &value)]);
                let _ = (wait(&map, SystemTime::now()), content_range(&value), strong_etag(&map));
            }
        }
    }
}
