//! How the cache grew: what it takes now, beside what it took when it was counted a month ago.

use super::Report;
use crate::cache::notes::history::{self, Moment};
use crate::support::units;

const DAY: i64 = 86_400;

/// So far is looked back.
const MONTH: i64 = 30 * DAY;

/// Less than this is no change, in bytes: folders grow by a block now and then.
const LEAST: u64 = 1_000_000;

/// How the cache's size changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    /// Since when, in seconds since 1970.
    pub(super) since: i64,
    /// By how many bytes on the disk; less than nothing where it shrank.
    pub(super) bytes: i64,
}

/// Of the cache that `report` is about; `None` where it was not counted a day or more ago.
pub(super) fn of(report: &Report<'_>) -> Option<Growth> {
    between(&history::all(&report.layout.cache_root), report.taken(), report.now)
}

/// The oldest moment of the last month is what it is measured by; where all are older, the last of them.
fn between(past: &[Moment], disk: u64, now: i64) -> Option<Growth> {
    let age = |moment: &&Moment| now.saturating_sub(moment.time);
    let then = past.iter().find(|moment| age(moment) <= MONTH).or(past.last()).filter(|moment| age(moment) >= DAY)?;
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Some(Growth { since: then.time, bytes: signed(disk).saturating_sub(signed(then.disk)) })
}

/// `grew 3.10 GB in 30 d`; nothing where it stayed as it was.
pub(super) fn words(growth: Growth, now: i64) -> Option<String> {
    let bytes = growth.bytes.unsigned_abs();
    let days = now.saturating_sub(growth.since) / DAY;
    let verb = if growth.bytes < 0 { "shrank by" } else { "grew" };
    (bytes >= LEAST).then(|| format!("{verb} {} in {days} d", units::bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_looked_back_and_a_day_at_least() {
        let moment =
            |days: i64, disk| Moment { time: 100 * DAY - days * DAY, apparent: 0, disk, homes: Default::default() };
        let (now, mega) = (100 * DAY, 1_000_000);
        let said = |past: &[Moment], disk| between(past, disk, now).and_then(|growth| words(growth, now));
        assert_eq!(
            said(&[moment(40, 9 * mega), moment(29, mega), moment(2, 3 * mega)], 5 * mega).as_deref(),
            Some("grew 4.00 MB in 29 d")
        );
        assert_eq!(said(&[moment(40, 9 * mega)], 5 * mega).as_deref(), Some("shrank by 4.00 MB in 40 d"));
        assert_eq!(said(&[moment(9, mega)], mega + 4096), None);
        assert_eq!((said(&[moment(0, mega)], 5 * mega), said(&[], 5 * mega)), (None, None));
    }
}
