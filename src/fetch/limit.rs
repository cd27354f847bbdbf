//! A bandwidth limit that all threads share: a bucket that fills at the rate, and that reading empties. And the other end: how
//! slow a connection may be.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Error;
use super::gate::{self, Stop, lock};

/// The bucket.
#[derive(Debug)]
pub(super) struct Limit {
    /// Bytes a second, and when the bytes taken so far are paid for.
    paid: Option<(u64, Mutex<Instant>)>,
    /// How many bodies are read at this moment.
    readers: AtomicU64,
}

/// A connection that brings less in a second, for three times as long as a stall may last, is as good as stalled.
const CRAWL: u64 = 1 << 10;

/// Connections that share a slow link have each a part of that, and this at least.
const LEAST: u64 = 64;

impl Limit {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { paid: rate.map(|rate| (rate.max(1), Mutex::new(Instant::now()))), readers: AtomicU64::new(0) }
    }

    /// One more body is read.
    pub(super) fn enter(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(super) fn leave(&self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a connection that brought `bytes` while its reader waited for `time` is slower than any that is worth keeping.
    pub(super) fn crawls(&self, bytes: u64, time: Duration) -> bool {
        let least = (CRAWL / self.readers.load(Ordering::Relaxed).max(1)).max(LEAST);
        (bytes as f64) < least as f64 * time.as_secs_f64()
    }

    /// How much to read at once: a tenth of a second's worth, so that a slow limit is not a row of bursts.
    pub(super) fn block(&self, most: usize) -> usize {
        match &self.paid {
            Some((rate, _)) => usize::try_from(rate / 10).unwrap_or(most).clamp(1, most),
            None => most,
        }
    }

    /// Takes `bytes` out, and waits until they are paid for.
    pub(super) fn take(&self, bytes: u64, stop: Stop) -> Result<(), Error> {
        let Some((rate, paid)) = &self.paid else { return Ok(()) };
        let wait = {
            let mut paid = lock(paid);
            let now = Instant::now();
            *paid = (*paid).max(now) + Duration::from_secs_f64(bytes as f64 / *rate as f64);
            paid.saturating_duration_since(now)
        };
        gate::sleep(wait, stop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_together_keep_to_the_limit() {
        let limit = Limit::new(Some(1_000_000));
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10).for_each(|_| limit.take(10_000, || false).unwrap()));
            }
        });
        let took = start.elapsed();
        assert!((Duration::from_millis(380)..Duration::from_secs(2)).contains(&took), "{took:?} for 0.4 s of bytes");
    }

    #[test]
    fn a_connection_that_shares_the_link_may_be_slower_and_never_ends_to_send() {
        let limit = Limit::new(None);
        let crawls = |bytes| limit.crawls(bytes, Duration::from_secs(60));
        limit.enter();
        assert!(crawls(61_439) && !crawls(61_440));
        (0..3).for_each(|_| limit.enter());
        assert!(crawls(15_359) && !crawls(15_360));
        (0..60).for_each(|_| limit.enter());
        assert!(crawls(3_839) && !crawls(3_840));
        (0..63).for_each(|_| limit.leave());
        assert!(crawls(61_439));
    }

    #[test]
    fn no_limit_never_waits_and_a_small_one_reads_little_at_once() {
        assert_eq!(Limit::new(None).block(4096), 4096);
        assert_eq!(Limit::new(Some(1000)).block(4096), 100);
        assert!(matches!(Limit::new(Some(1)).take(1000, || true), Err(Error::Interrupted)));
    }
}
