//! When the time of a trash is over. The date can be wrong when a trash is made, or when it is looked at; what may still be brought
//! back must not be emptied early for that, and not be kept for ever.
//!
//! Within one start of the machine the date is not asked at all. Over several, a date that lies before that of the removal says that
//! one of the two was wrong: the time is counted anew then, from when that was first seen. A date that lies ahead is believed, since
//! nothing tells that it is wrong.

use serde::{Deserialize, Serialize};

use crate::platform::boot::Uptime;

/// Clocks of two machines that share a disk differ by so much, in seconds.
const APART: i64 = 60;

/// A moment, by both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// Seconds since 1970, by the date.
    pub(super) date: i64,
    /// By the time that the machine runs, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) up: Option<Uptime>,
}

/// Whether a trash is to be emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Yes,
    No,
    /// No, and that the date lies before the removal's is to be noted.
    SeenBack,
}

impl Moment {
    /// By the date alone.
    pub(super) const fn of(date: i64) -> Self {
        Self { date, up: None }
    }

    /// Whether a trash that is kept until `until` by the date of `made` is to be emptied now. `seen`: when it was first seen that the
    /// date lies before `made`.
    pub(super) fn is_over(&self, until: i64, made: Option<&Self>, seen: Option<i64>) -> Over {
        let over = |is: bool| if is { Over::Yes } else { Over::No };
        let Some(made) = made else { return over(until <= self.date) };
        let time = until.saturating_sub(made.date);
        if let (Some(then), Some(now)) = (&made.up, &self.up)
            && then.boot == now.boot
        {
            return over(now.seconds.saturating_sub(then.seconds) >= time);
        }
        if self.date.saturating_add(APART) >= made.date {
            return over(until <= self.date);
        }
        match seen {
            Some(seen) if seen <= self.date => over(self.date.saturating_sub(seen) >= time),
            _ => Over::SeenBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wrong_date_empties_a_trash_early_or_keeps_it_for_ever() {
        const YEAR: i64 = 31_536_000;
        let up = |boot: &str, seconds| Some(Uptime { boot: boot.to_owned(), seconds });
        let made = Moment { date: 1000 * YEAR, up: up("a", 50) };
        let until = made.date + 3600;
        let at = |date, up| Moment { date, up };
        for (now, seen, expected) in [
            // Since the same start: whatever the date says.
            (at(made.date + 10 * YEAR, up("a", 3649)), None, Over::No),
            (at(made.date - 10 * YEAR, up("a", 3650)), None, Over::Yes),
            // Since another: by the date.
            (at(until - 1, up("b", 9)), None, Over::No),
            (at(until, up("b", 9)), None, Over::Yes),
            (at(until, None), Some(5), Over::Yes),
            // The date lies before: an hour from when that was seen.
            (at(made.date - YEAR, up("b", 9)), None, Over::SeenBack),
            (at(made.date - YEAR, None), Some(made.date - YEAR), Over::No),
            (at(made.date - YEAR + 3599, None), Some(made.date - YEAR), Over::No),
            (at(made.date - YEAR + 3600, None), Some(made.date - YEAR), Over::Yes),
            // And further back: anew.
            (at(made.date - 2 * YEAR, None), Some(made.date - YEAR), Over::SeenBack),
            // Two machines of which one is a little late.
            (at(made.date - 30, None), None, Over::No),
        ] {
            assert_eq!(now.is_over(until, Some(&made), seen), expected, "{now:?} {seen:?}");
        }
        // Of an earlier modelstrap.
        assert_eq!(Moment::of(5).is_over(5, None, None), Over::Yes);
        assert_eq!(Moment::of(5).is_over(6, None, None), Over::No);
    }
}
