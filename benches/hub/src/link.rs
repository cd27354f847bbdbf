//! A wide-area link, in the server's own clock: round trip, shared bandwidth, a cap for each connection, loss.
//!
//! A kernel's `netem` would be the honest tool, and few kernels have it. So the server decides, packet train by
//! packet train, when real TCP would have delivered it, and writes it into the loopback socket at that moment.
//! What is modelled, as Linux does it (CUBIC of RFC 9438, with its Reno-friendly region and HyStart):
//!
//! - a new connection costs one round trip before its first request arrives, each request half of one;
//! - slow start from 10 segments of 1,460 bytes, doubling each round trip, until a queue begins to grow;
//! - the sender notices a lost packet a round trip later, takes three tenths off its window once for all that
//!   were lost in it, sends again, and what came after waits for it, since a socket delivers in order;
//! - at most 2.5 MiB are on their way and unread (what Linux's largest default receive buffer, 6 MiB, offers);
//! - the bottleneck is one queue for all connections, 20 ms long: what does not fit is dropped;
//! - a connection that was idle for longer than its retransmission timer starts slow again.
//!
//! Not modelled: the handshake's loss, a lost request, retransmission timeouts, SACK's finer points, TLS.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const SEGMENT: f64 = 1460.0;
const INITIAL_WINDOW: f64 = 10.0 * SEGMENT;
const RECEIVE_WINDOW: u64 = 5 << 19;
const BETA: f64 = 0.7;
/// The queue at which slow start ends, as Linux's HyStart has it for an eighth of the round trip.
const HYSTART: Duration = Duration::from_millis(5);
const QUEUE: Duration = Duration::from_millis(20);
/// A train of 16 segments takes 0.2 ms on a link of 1 Gbit/s, longer than a thread needs to wake.
const TRAIN: u64 = 16 * 1460;

#[derive(Clone, Copy, Default)]
pub struct Terms {
    pub round_trip: Duration,
    /// Bytes a second of all connections together; 0: no limit.
    pub rate: f64,
    /// Bytes a second of each connection; 0: no limit.
    pub each: f64,
    /// Of one packet.
    pub loss: f64,
}

impl Terms {
    pub fn plain(&self) -> bool {
        self.round_trip.is_zero() && self.rate == 0.0 && self.each == 0.0 && self.loss == 0.0
    }
}

/// What all connections share.
#[derive(Default)]
pub struct Road {
    state: Mutex<(Terms, Option<Instant>)>,
    /// Bytes under way and answers under way, of all connections.
    under_way: AtomicI64,
    answers: AtomicI64,
}

impl Road {
    fn state(&self) -> MutexGuard<'_, (Terms, Option<Instant>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn terms(&self) -> Terms {
        self.state().0
    }

    pub fn set(&self, terms: Terms) {
        *self.state() = (terms, None);
    }

    /// How long what is sent now would wait.
    fn queue(&self, now: Instant) -> Duration {
        self.state().1.map_or(Duration::ZERO, |free| free.saturating_duration_since(now))
    }

    /// When a train that is sent now has left the bottleneck; `None` where the queue is full.
    ///
    /// A full queue drops from those who have more than their share under way, as `fq_codel` does, the usual
    /// queue of Linux and of home routers: connections that compete come to equal speeds.
    fn pass(&self, now: Instant, size: u64, own: f64) -> Option<Instant> {
        let mut state = self.state();
        if state.0.rate == 0.0 {
            return Some(now);
        }
        let free = state.1.map_or(now, |free| free.max(now));
        let share = self.under_way.load(Relaxed) as f64 / self.answers.load(Relaxed).max(1) as f64;
        if free - now > QUEUE && (own > share || free - now > 2 * QUEUE) {
            return None;
        }
        let left = free + Duration::from_secs_f64(size as f64 / state.0.rate);
        state.1 = Some(left);
        Some(left)
    }
}

/// What one answer has told the road to be under way: taken back however the answer ends.
struct Told<'a>(&'a Road, i64);

impl<'a> Told<'a> {
    fn new(road: &'a Road) -> Self {
        road.answers.fetch_add(1, Relaxed);
        Self(road, 0)
    }

    fn tell(&mut self, under_way: f64) {
        let now = under_way as i64;
        self.0.under_way.fetch_add(now - self.1, Relaxed);
        self.1 = now;
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Relaxed);
        self.0.under_way.fetch_sub(self.1, Relaxed);
    }
}

/// One connection's side of the link.
pub struct Lane {
    window: f64,
    threshold: f64,
    used: Option<Instant>,
    /// Losses of what was sent before this moment have had their answer.
    answered: Option<Instant>,
    own_free: Instant,
    random: u64,
    /// Sent and not acknowledged.
    under_way: f64,
    acks: BinaryHeap<Reverse<(Instant, u64)>>,
    trains: VecDeque<Train>,
    /// Number of the first train in `trains`.
    first: u64,
    again: VecDeque<(Instant, u64)>,
    /// Window and time of the last loss, from which CUBIC grows.
    peak: f64,
    /// Seconds until CUBIC would be back at the peak.
    bend: f64,
    /// When this round trip began, and the shortest queue in it.
    round: (Instant, Duration),
    friendly: f64,
    /// When the sender hears that the client has taken bytes out of its buffer.
    taken: VecDeque<(Instant, u64)>,
}

struct Train {
    size: u64,
    sent: Instant,
    due: Option<Instant>,
    lost: bool,
}

impl Lane {
    pub fn new(seed: u64) -> Self {
        Self {
            window: INITIAL_WINDOW,
            threshold: f64::INFINITY,
            used: None,
            answered: None,
            own_free: Instant::now(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            under_way: 0.0,
            acks: BinaryHeap::new(),
            trains: VecDeque::new(),
            first: 0,
            again: VecDeque::new(),
            peak: 0.0,
            bend: 0.0,
            round: (Instant::now(), Duration::MAX),
            friendly: 0.0,
            taken: VecDeque::new(),
        }
    }

    /// The time that a request needs to arrive.
    pub fn arrive(&mut self, terms: &Terms) {
        let opened = self.used.is_some();
        let trips = if opened { 0.5 } else { 1.5 };
        if !terms.round_trip.is_zero() {
            thread::sleep(terms.round_trip.mul_f64(trips));
        }
        let now = Instant::now();
        if self.used.is_some_and(|used| now - used > terms.round_trip * 2 + Duration::from_millis(200)) {
            self.window = INITIAL_WINDOW;
        }
        self.used = Some(now);
    }

    /// Sends `total` bytes: `write(n)` is called with the next `n` of them when they would have arrived.
    pub fn send(&mut self, road: &Road, total: u64, write: &mut dyn FnMut(u64) -> io::Result<()>) -> io::Result<()> {
        let terms = road.terms();
        let (mut sent, mut written, mut taken) = (0, 0, 0);
        let mut told = Told::new(road);
        while written < total {
            told.tell(self.under_way);
            let now = Instant::now();
            self.take_acks(now, terms.round_trip);
            self.leave_slow_start(road, &terms, now);
            while let Some((_, size)) = self.taken.front().copied().filter(|(when, _)| *when <= now) {
                self.taken.pop_front();
                taken += size;
            }
            self.send_again(road, &terms, now);
            while sent < total && self.may_send(now, sent - taken) {
                let size = TRAIN.min(total - sent).min((self.window - self.under_way) as u64);
                self.send_train(road, &terms, now, size);
                sent += size;
            }
            let mut arrived = 0;
            while let Some(train) = self.trains.front().filter(|train| train.due.is_some_and(|due| due <= now)) {
                arrived += train.size;
                self.trains.pop_front();
                self.first += 1;
            }
            if arrived > 0 {
                write(arrived)?;
                written += arrived;
                self.taken.push_back((Instant::now() + terms.round_trip / 2, arrived));
                continue;
            }
            self.wait(sent < total, sent - taken);
        }
        self.taken.clear();
        self.used = Some(Instant::now());
        Ok(())
    }

    fn may_send(&self, now: Instant, unread: u64) -> bool {
        self.under_way + SEGMENT <= self.window
            && unread < RECEIVE_WINDOW
            && self.own_free <= now + Duration::from_millis(4)
    }

    fn send_train(&mut self, road: &Road, terms: &Terms, now: Instant, size: u64) {
        let number = self.first + self.trains.len() as u64;
        self.trains.push_back(Train { size, sent: now, due: None, lost: false });
        self.under_way += size as f64;
        self.pass(road, terms, now, number, size);
    }

    fn pass(&mut self, road: &Road, terms: &Terms, now: Instant, number: u64, size: u64) {
        let segments = (size as f64 / SEGMENT).ceil();
        let spared = (1.0 - terms.loss).powf(segments);
        let kept = road.pass(now, size, self.under_way).filter(|_| terms.loss == 0.0 || self.chance() < spared);
        let Some(left) = kept else {
            self.again.push_back((now + terms.round_trip + QUEUE / 2, number));
            return;
        };
        let mut left = left;
        if terms.each > 0.0 {
            self.own_free = self.own_free.max(now) + Duration::from_secs_f64(size as f64 / terms.each);
            left = left.max(self.own_free);
        }
        let due = left + terms.round_trip / 2;
        self.acks.push(Reverse((due + terms.round_trip / 2, size)));
        if let Some(train) = self.trains.get_mut((number - self.first) as usize) {
            train.due = Some(due);
        }
    }

    fn take_acks(&mut self, now: Instant, round_trip: Duration) {
        while let Some(Reverse((when, size))) = self.acks.peek().copied() {
            if when > now {
                break;
            }
            self.acks.pop();
            let size = size as f64;
            // A window that is not filled does not grow.
            if self.under_way * 2.0 >= self.window {
                self.grow(now, size, round_trip);
            }
            self.under_way -= size;
        }
    }

    /// Where the queue was never short for a whole round trip.
    fn leave_slow_start(&mut self, road: &Road, terms: &Terms, now: Instant) {
        if self.window >= self.threshold {
            return;
        }
        self.round.1 = self.round.1.min(road.queue(now));
        if now - self.round.0 >= terms.round_trip {
            if self.round.1 > HYSTART {
                self.threshold = self.window;
            }
            self.round = (now, Duration::MAX);
        }
    }

    /// In segments: `0.4 (t - K)^3 + peak`, at least what Reno would have.
    fn grow(&mut self, now: Instant, size: f64, round_trip: Duration) {
        if self.window < self.threshold {
            self.window += size;
            return;
        }
        let since = *self.answered.get_or_insert(now);
        if self.peak == 0.0 {
            (self.peak, self.friendly) = (self.window, self.window);
        }
        let peak = self.peak / SEGMENT;
        let at = (now - since + round_trip).as_secs_f64() - self.bend;
        let target = (0.4 * at.powi(3) + peak) * SEGMENT;
        self.friendly += 3.0 * (1.0 - BETA) / (1.0 + BETA) * SEGMENT * size / self.window;
        if target > self.window {
            self.window += ((target - self.window) * size / self.window).min(size / 2.0);
        }
        self.window = self.window.max(self.friendly);
    }

    /// What was lost and is known to be, within the window.
    fn send_again(&mut self, road: &Road, terms: &Terms, now: Instant) {
        for (_, number) in self.again.iter().take_while(|(when, _)| *when <= now) {
            let Some(train) = self.trains.get_mut((number - self.first) as usize) else { continue };
            if !train.lost {
                train.lost = true;
                self.under_way -= train.size as f64;
            }
            if self.answered.is_none_or(|answered| train.sent >= answered) {
                self.peak = self.window;
                self.bend = (self.peak / SEGMENT * (1.0 - BETA) / 0.4).cbrt();
                self.threshold = (self.window * BETA).max(2.0 * SEGMENT);
                self.window = self.threshold;
                self.friendly = self.window;
                self.answered = Some(now);
            }
        }
        while let Some((_, number)) = self.again.front().copied().filter(|(when, _)| *when <= now) {
            let Some(train) = self.trains.get_mut((number - self.first) as usize) else { return };
            if self.under_way + SEGMENT > self.window {
                return;
            }
            let size = train.size;
            (train.sent, train.lost) = (now, false);
            self.under_way += size as f64;
            self.again.pop_front();
            self.pass(road, terms, now, number, size);
        }
    }

    /// Until the next thing can happen.
    fn wait(&self, more: bool, unread: u64) {
        let mut next: Option<Instant> = self.trains.front().and_then(|train| train.due);
        let mut earlier = |when: Instant| next = Some(next.map_or(when, |next| next.min(when)));
        if let Some((when, _)) = self.again.iter().find(|(when, _)| *when > Instant::now()) {
            earlier(*when);
        }
        if let Some(Reverse((when, _))) = self.acks.peek().filter(|_| !self.again.is_empty()) {
            earlier(*when);
        }
        if let Some((when, _)) = self.taken.front().filter(|_| more && unread >= RECEIVE_WINDOW) {
            earlier(*when);
        }
        if more && unread < RECEIVE_WINDOW {
            if self.under_way + SEGMENT > self.window {
                if let Some(Reverse((when, _))) = self.acks.peek() {
                    earlier(*when);
                }
            } else {
                earlier(self.own_free - Duration::from_millis(3));
            }
        }
        let left = next.map_or(Duration::from_millis(1), |next| next.saturating_duration_since(Instant::now()));
        if !left.is_zero() {
            thread::sleep(left.max(Duration::from_micros(50)));
        }
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(round_trip: u64, rate: f64, each: f64, loss: f64) -> Terms {
        Terms { round_trip: Duration::from_millis(round_trip), rate, each, loss }
    }

    fn seconds(terms: Terms, total: u64) -> f64 {
        let road = Road::default();
        road.set(terms);
        let mut lane = Lane::new(7);
        let begun = Instant::now();
        lane.arrive(&terms);
        let mut written = 0;
        let sent = lane.send(&road, total, &mut |count| {
            written += count;
            Ok(())
        });
        assert!(sent.is_ok());
        assert_eq!(written, total);
        begun.elapsed().as_secs_f64()
    }

    #[test]
    fn a_small_answer_takes_a_handshake_and_a_round_trip() {
        let took = seconds(terms(40, 0.0, 0.0, 0.0), 1000);
        assert!((0.079..0.2).contains(&took), "{took}");
    }

    #[test]
    fn slow_start_doubles_a_window_of_ten_segments() {
        // 10 + 20 + 40 + 80 segments: three more round trips than the first.
        let took = seconds(terms(40, 0.0, 0.0, 0.0), 140 * 1460);
        assert!((0.199..0.4).contains(&took), "{took}");
    }

    #[test]
    fn a_connection_keeps_to_its_cap() {
        let took = seconds(terms(0, 0.0, 20e6, 0.0), 10_000_000);
        assert!((0.49..0.9).contains(&took), "{took}");
    }

    #[test]
    fn what_is_lost_arrives_all_the_same() {
        let took = seconds(terms(4, 50e6, 0.0, 0.05), 1_000_000);
        assert!(took < 20.0, "{took}");
    }
}
