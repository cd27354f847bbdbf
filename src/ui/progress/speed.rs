//! How fast bytes come, calm enough to read, and when they will all be here.

use std::collections::VecDeque;
use std::time::Duration;

/// What is looked back on: shorter jumps with each burst, longer hides a stall.
const WINDOW: Duration = Duration::from_secs(5);
/// Samples nearer than this to the last are not kept: fifty cover the window.
const APART: Duration = Duration::from_millis(100);
/// Before that much time nothing is said: the first bytes come from buffers.
const ENOUGH: Duration = Duration::from_millis(400);

/// The mean speed of the last seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Speed {
    samples: VecDeque<(Duration, u64)>,
}

impl Speed {
    /// At `now`, `bytes` had come in all.
    pub(super) fn sample(&mut self, now: Duration, bytes: u64) {
        match self.samples.back() {
            Some((last, _)) if now.saturating_sub(*last) < APART => return,
            _ => self.samples.push_back((now, bytes)),
        }
        while self.samples.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; `None` as long as that is a guess.
    pub(super) fn per_second(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let time = last.0.saturating_sub(first.0);
        (time >= ENOUGH).then(|| (last.1.saturating_sub(first.1) as f64 / time.as_secs_f64()) as u64)
    }

    /// The time for `missing` bytes more, at this speed.
    pub(super) fn left(&self, missing: u64) -> Option<Duration> {
        let speed = self.per_second().filter(|speed| *speed > 0)?;
        Some(Duration::from_secs(missing.div_ceil(speed)))
    }
}

/// A time in at most six columns: `8s`, `4m08s`, `3h20m`, `12d`.
pub(in crate::ui) fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        86_400..8_640_000 => format!("{}d", seconds / 86_400),
        _ => ">99d".to_owned(),
    }
}

/// A time that is over, or to be waited: as [`short`], and below a second not nothing but its tenths, `0.3s`.
pub(super) fn took(time: Duration) -> String {
    let tenths = (time.as_millis() / 100).max(1);
    if time.as_secs() == 0 { format!("0.{tenths}s") } else { short(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_is_that_of_the_last_seconds_and_a_stall_brings_it_to_nothing() {
        let mut speed = Speed::default();
        assert_eq!(speed.per_second(), None);
        for tenth in 0..100_u64 {
            speed.sample(Duration::from_millis(tenth * 100), tenth * 1_000_000);
        }
        assert_eq!(speed.per_second(), Some(10_000_000));
        assert_eq!(speed.left(95_000_000), Some(Duration::from_secs(10)));
        for second in 10..20 {
            speed.sample(Duration::from_secs(second), 99_000_000);
        }
        assert_eq!((speed.per_second(), speed.left(1)), (Some(0), None));
        assert!(speed.samples.len() < 60, "{}", speed.samples.len());
    }

    #[test]
    fn a_time_left_has_six_columns_at_most() {
        let shown = |seconds| short(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3599, 3600, 86_399, 86_400].map(shown),
            ["0s", "59s", "1m00s", "59m59s", "1h00m", "23h59m", "1d"]
        );
        assert_eq!(shown(u64::MAX), ">99d");
    }

    #[test]
    fn less_than_a_second_is_not_nothing() {
        let shown = |millis| took(Duration::from_millis(millis));
        assert_eq!([0, 349, 999, 1000, 61_500].map(shown), ["0.1s", "0.3s", "0.9s", "1s", "1m01s"]);
    }
}
