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
}
