//! The clock, as the text that files carry.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::vars::Vars;

/// Now, in RFC 3339 with whole seconds, UTC. `SOURCE_DATE_EPOCH` (seconds) overrides it, so that builds can be reproduced.
pub fn now(vars: &Vars) -> String {
    let fixed = vars.text("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let time = match fixed {
        // Year 9999 is the last that RFC 3339 can write; humantime panics beyond it.
        Some(seconds) if seconds.as_secs() < 253_402_300_800 => UNIX_EPOCH + seconds,
        _ => SystemTime::now(),
    };
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Now, in whole seconds since 1970: what is compared with the times of files.
pub fn seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// `seconds` since 1970 in RFC 3339, UTC; `None` for a time that it cannot write.
pub fn rfc3339(seconds: i64) -> Option<String> {
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds < 253_402_300_800)?;
    Some(humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string())
}

/// The seconds since 1970 of a time in RFC 3339, UTC; `None` for what is none, or lies before.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// How long ago `then` was, as people say it: `today`, `3 d`, `14 mo`; both in seconds since 1970.
pub fn ago(now: i64, then: i64) -> String {
    match now.saturating_sub(then) / 86_400 {
        ..1 => "today".to_owned(),
        days @ 1..60 => format!("{days} d"),
        days @ 60..730 => format!("{} mo", days / 30),
        days => format!("{} y", days / 365),
    }
}

/// How long `seconds` are, in the largest unit that says it exactly: `90 d`, `36 h`.
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    match units.iter().find(|(length, _)| seconds != 0 && seconds % length == 0) {
        Some((length, unit)) => format!("{} {unit}", seconds / length),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_date_is_honoured() {
        let vars: Vars = [("SOURCE_DATE_EPOCH", "1764084046")].into_iter().collect();
        assert_eq!(now(&vars), "2025-11-25T15:20:46Z");
        let far: Vars = [("SOURCE_DATE_EPOCH", "99999999999999")].into_iter().collect();
        assert!(now(&far).starts_with("20"));
    }

    #[test]
    fn a_span_is_said_exactly() {
        assert_eq!(
            [0, 59, 60, 5_400, 129_600, 7_776_000].map(span),
            ["0 s", "59 s", "1 min", "90 min", "36 h", "90 d"]
        );
    }

    #[test]
    fn ages_are_as_long_as_people_need_them() {
        let said = [0, 86_399, 86_400, 59 * 86_400, 60 * 86_400, 729 * 86_400, 730 * 86_400].map(|age| ago(age, 0));
        assert_eq!(said, ["today", "today", "1 d", "59 d", "2 mo", "24 mo", "2 y"]);
        assert_eq!(ago(5, 99), "today", "a clock that was wrong");
        assert_eq!(rfc3339(1_764_084_046).as_deref(), Some("2025-11-25T15:20:46Z"));
        assert_eq!((rfc3339(-1), rfc3339(i64::MAX)), (None, None));
        assert_eq!((parse_rfc3339("2025-11-25T15:20:46Z"), parse_rfc3339("today")), (Some(1_764_084_046), None));
    }
}
