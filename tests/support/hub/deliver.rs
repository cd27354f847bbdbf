//! How an answer goes onto the wire: at once, or as slowly and as incompletely as the faults want.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant, SystemTime};

use super::faults::Effect;
use super::http::{Reply, Request};
use super::record::Seen;
use super::text;
use super::wire::{Stop, Wire};

/// The most that is given to the system at once.
const PIECE: u64 = 1 << 20;
/// A client that waits longer for a stalled answer will wait for ever.
const STALL: Duration = Duration::from_secs(120);

/// How a body ends.
#[derive(Clone, Copy)]
enum End {
    Cut,
    Reset,
    Stall,
}

/// What the faults say about the delivery of one answer.
#[derive(Default)]
pub(super) struct Delivery {
    hang_up: bool,
    latency: Duration,
    end: Option<(u64, End)>,
    drip: Option<(u64, Duration)>,
    rate: Option<u64>,
}

impl Delivery {
    /// Collects what concerns the delivery.
    pub(super) fn of(effects: &[Effect]) -> Self {
        let mut delivery = Self::default();
        for effect in effects {
            match effect {
                Effect::HangUp => delivery.hang_up = true,
                Effect::Latency(wait) => delivery.latency += *wait,
                Effect::Cut(at) => delivery.end = Some((*at, End::Cut)),
                Effect::Reset(at) => delivery.end = Some((*at, End::Reset)),
                Effect::Stall(at) => delivery.end = Some((*at, End::Stall)),
                Effect::Drip(bytes, pause) => delivery.drip = Some((*bytes as u64, *pause)),
                Effect::Bandwidth(rate) => delivery.rate = Some(*rate),
                _ => {}
            }
        }
        delivery
    }

    /// Sends the answer. `Break` means that the connection is at its end.
    pub(super) fn send(
        &self,
        wire: &mut Wire,
        request: &Request,
        reply: &Reply,
        seen: &Seen,
        stop: &Stop,
    ) -> io::Result<ControlFlow<()>> {
        if !self.latency.is_zero() {
            stop.wait(self.latency);
        }
        if self.hang_up || stop.stopped() {
            return Ok(ControlFlow::Break(()));
        }
        seen.answered(reply.status);
        let mut head = head(reply, request);
        let bare = request.method == "HEAD" || [204, 304].contains(&reply.status);
        let plain = self.end.is_none() && self.drip.is_none() && self.rate.is_none() && !reply.chunked;
        if bare || (plain && reply.length() <= 64 << 10) {
            if !bare {
                reply.content.each_piece(reply.span.clone(), |piece| head.extend_from_slice(piece));
                seen.add_sent(reply.length());
            }
            seen.ends();
            wire.write_all(&head)?;
        } else {
            wire.write_all(&head)?;
            if self.body(wire, reply, seen, stop)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        wire.flush()?;
        let closes = reply.claimed.is_some() || request.header("connection").is_some_and(|value| value == "close");
        Ok(if closes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn body(&self, wire: &mut Wire, reply: &Reply, seen: &Seen, stop: &Stop) -> io::Result<ControlFlow<()>> {
        let begin = Instant::now();
        let (mut at, mut sent) = (reply.span.start, 0);
        let ends_at = self.end.map_or(u64::MAX, |(at, _)| at);
        while at < reply.span.end && sent < ends_at {
            if stop.stopped() {
                return Ok(ControlFlow::Break(()));
            }
            let most = self.step().min(reply.span.end - at).min(ends_at - sent);
            let (stamp, slice) = reply.content.piece(at, usize::try_from(most).unwrap_or(usize::MAX));
            let bytes = (stamp.as_slice().len() + slice.len()) as u64;
            if reply.chunked {
                write!(wire, "{bytes:x}\r\n")?;
            }
            if at + bytes >= reply.span.end {
                seen.ends();
            }
            wire.write_both(stamp.as_slice(), slice)?;
            if reply.chunked {
                wire.write_all(b"\r\n")?;
            }
            at += bytes;
            sent += bytes;
            seen.add_sent(bytes);
            self.pause(sent, begin, wire, stop)?;
        }
        if let Some((at, end)) = self.end
            && sent >= at
        {
            return self.finish(end, wire, stop);
        }
        if reply.chunked {
            wire.write_all(b"0\r\n\r\n")?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// How much is given to the system at once.
    fn step(&self) -> u64 {
        let paced = self.rate.map_or(PIECE, |rate| (rate / 100).clamp(1, PIECE));
        self.drip.map_or(paced, |(bytes, _)| paced.min(bytes))
    }

    fn pause(&self, sent: u64, begin: Instant, wire: &mut Wire, stop: &Stop) -> io::Result<()> {
        if let Some((_, pause)) = self.drip {
            wire.flush()?;
            stop.wait(pause);
        }
        if let Some(rate) = self.rate {
            stop.wait_until(begin + Duration::from_secs_f64(sent as f64 / rate as f64));
        }
        Ok(())
    }

    fn finish(&self, end: End, wire: &mut Wire, stop: &Stop) -> io::Result<ControlFlow<()>> {
        wire.flush()?;
        match end {
            End::Cut => {}
            End::Reset => wire.reset_when_closed(),
            End::Stall => wait_for_the_other_side(wire, stop),
        }
        Ok(ControlFlow::Break(()))
    }

    /// Whether closing this connection resets it: nothing may shut it down in order before.
    pub(super) fn resets(&self) -> bool {
        matches!(self.end, Some((_, End::Reset)))
    }
}

/// Until the client gives up or the server ends.
fn wait_for_the_other_side(wire: &Wire, stop: &Stop) {
    let socket = wire.socket();
    let _ = socket.set_read_timeout(Some(Duration::from_millis(20)));
    let begin = Instant::now();
    while !stop.stopped() && begin.elapsed() < STALL {
        match socket.peek(&mut [0]) {
            Ok(0) => return,
            Ok(_) => stop.wait(Duration::from_millis(20)),
            Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return,
        }
    }
}

/// Status line and headers.
fn head(reply: &Reply, request: &Request) -> Vec<u8> {
    let mut head = Vec::with_capacity(1024 + usize::try_from(reply.length().min(64 << 10)).unwrap_or_default());
    let date = text::http_date(SystemTime::now());
    let _ = write!(head, "HTTP/1.1 {} {}\r\nDate: {date}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if reply.chunked && request.method != "HEAD" {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if ![204, 304].contains(&reply.status) {
        let _ = write!(head, "Content-Length: {}\r\n", reply.claimed.unwrap_or_else(|| reply.length()));
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
