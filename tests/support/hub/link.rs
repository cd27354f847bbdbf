//! A link between client and server: so long for a round trip, so many bytes a second for all connections together.
//!
//! It stands for a network in benches and tests where no kernel can be told to be slow. What it does not have is TCP's
//! own behaviour on such a link: no slow start, no loss; opening a connection costs a round trip, as it should.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::wire::Stop;

/// The most bytes that are under way on one connection: what a receive window of Linux grows to.
const WINDOW: usize = 6 << 20;
/// What is read at once.
const PIECE: usize = 64 << 10;

/// How a link is.
#[derive(Clone, Copy)]
pub(crate) struct Speed {
    /// How long a byte takes there and another one back.
    pub(crate) round_trip: Duration,
    /// For all connections together, towards the client.
    pub(crate) bytes_a_second: u64,
}

/// The capacity that all connections share.
pub(super) struct Capacity {
    speed: Speed,
    free_at: Mutex<Instant>,
}

impl Capacity {
    pub(super) fn new(speed: Speed) -> Arc<Self> {
        Arc::new(Self { speed, free_at: Mutex::new(Instant::now()) })
    }

    /// When these bytes will have left, if they are given now.
    fn left_at(&self, bytes: usize) -> Instant {
        let time = Duration::from_secs_f64(bytes as f64 / self.speed.bytes_a_second as f64);
        let mut free_at = self.free_at.lock().unwrap();
        *free_at = (*free_at).max(Instant::now()) + time;
        *free_at
    }
}

/// A link to one server. It ends when it is dropped.
pub(crate) struct Link {
    address: SocketAddr,
    stop: Arc<Stop>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Link {
    /// A link to `server`.
    pub(super) fn to(server: SocketAddr, capacity: &Arc<Capacity>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let link = Self { address: listener.local_addr().unwrap(), stop: Arc::default(), open: Arc::default() };
        let (stop, open, capacity) = (Arc::clone(&link.stop), Arc::clone(&link.open), Arc::clone(capacity));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if stop.stopped() {
                    return;
                }
                if let Ok(server) = TcpStream::connect(server) {
                    open.lock().unwrap().extend(client.try_clone().into_iter().chain(server.try_clone()));
                    relay(&client, &server, &capacity);
                }
            }
        });
        link
    }

    /// Its end at the client.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.stop();
        for socket in self.open.lock().unwrap().iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// Copies both ways. The first bytes towards the server also wait for the handshake that they should have come after.
fn relay(client: &TcpStream, server: &TcpStream, capacity: &Arc<Capacity>) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let half = capacity.speed.round_trip / 2;
    let opened = Instant::now() + capacity.speed.round_trip;
    if let (Ok(from), Ok(to)) = (client.try_clone(), server.try_clone()) {
        delayed(from, to, move |_| opened.max(Instant::now()) + half);
    }
    let capacity = Arc::clone(capacity);
    if let (Ok(from), Ok(to)) = (server.try_clone(), client.try_clone()) {
        delayed(from, to, move |bytes| capacity.left_at(bytes) + half);
    }
}

#[derive(Default)]
struct UnderWay {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    ended: bool,
}

/// Two threads and what is under way between them. `arrival` says when bytes that are read now arrive.
fn delayed(mut from: TcpStream, mut to: TcpStream, arrival: impl Fn(usize) -> Instant + Send + 'static) {
    let line = Arc::new((Mutex::new(UnderWay::default()), Condvar::new()));
    let far = Arc::clone(&line);
    thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            let at = arrival(count);
            let (under_way, changed) = &*line;
            let mut under_way = under_way.lock().unwrap();
            if count == 0 {
                under_way.ended = true;
                changed.notify_all();
                return;
            }
            under_way.pieces.push_back((at, buffer[..count].to_vec()));
            under_way.bytes += count;
            changed.notify_all();
            drop(changed.wait_while(under_way, |under_way| under_way.bytes >= WINDOW && !under_way.ended));
        }
    });
    thread::spawn(move || {
        let (under_way, changed) = &*far;
        loop {
            let waiting = under_way.lock().unwrap();
            let mut ready = changed.wait_while(waiting, |line| line.pieces.is_empty() && !line.ended).unwrap();
            let Some((at, piece)) = ready.pieces.pop_front() else { break };
            drop(ready);
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let sent = to.write_all(&piece);
            let mut line = under_way.lock().unwrap();
            line.bytes -= piece.len();
            line.ended |= sent.is_err();
            changed.notify_all();
            if sent.is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
