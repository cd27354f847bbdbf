//! One origin: a listening socket, a thread for each connection, and an answer for each request.

use std::collections::HashMap;
use std::io::BufReader;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::deliver::Delivery;
use super::faults::{Effect, Faults};
use super::http::{Reply, Request};
use super::record::Log;
use super::rule::Rule;
use super::wire::{Stop, Wire};

/// Enough for TLS and for everything here; there may be hundreds of connections.
const STACK: usize = 512 << 10;

/// What an origin has to say.
pub(crate) trait Answers: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: &Request) -> Reply;

    /// What the request is about, for the globs of the faults.
    fn subject(&self, request: &Request) -> String {
        request.path.clone()
    }
}

/// A server on a port of its own. It ends when it is dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    name: Arc<str>,
    answers: Arc<dyn Answers>,
    faults: Faults,
    log: Arc<Log>,
    stop: Stop,
    tls: Option<Arc<ServerConfig>>,
    open: Mutex<HashMap<u64, TcpStream>>,
    next: AtomicU64,
}

impl Origin {
    /// Starts one on a free port of the loopback interface.
    pub(crate) fn start(
        name: &str,
        log: &Arc<Log>,
        tls: Option<&Arc<ServerConfig>>,
        answers: Arc<dyn Answers>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            name: name.into(),
            answers,
            faults: Faults::default(),
            log: Arc::clone(log),
            stop: Stop::default(),
            tls: tls.cloned(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        let accept = move || accepting.accept(&listener);
        let acceptor = Builder::new().name(format!("origin {name}")).spawn(accept).unwrap();
        let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
        Self { address, url, shared, acceptor: Some(acceptor) }
    }

    /// Its URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A fault for the paths that match; `*` stands for anything, slashes too.
    pub(crate) fn on(&self, glob: &str) -> Rule<'_> {
        self.shared.faults.on(glob)
    }

    /// No faults any more.
    pub(crate) fn behaves(&self) {
        self.shared.faults.clear();
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stop.stop();
        for socket in self.shared.open.lock().unwrap().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for socket in listener.incoming() {
            if self.stop.stopped() {
                return;
            }
            let Ok(socket) = socket else { continue };
            let number = self.next.fetch_add(1, SeqCst);
            let shared = Arc::clone(self);
            self.log.connected();
            let serve = move || shared.connection(number, socket);
            let _ = Builder::new().name(format!("{} {number}", self.name)).stack_size(STACK).spawn(serve);
        }
    }

    fn connection(&self, number: u64, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        if let Ok(copy) = socket.try_clone() {
            self.open.lock().unwrap().insert(number, copy);
        }
        let wire = match &self.tls {
            None => Some(Wire::Plain(socket)),
            Some(config) => ServerConnection::new(Arc::clone(config))
                .ok()
                .map(|connection| Wire::Tls(Box::new(StreamOwned::new(connection, socket)))),
        };
        let Some(wire) = wire else { return };
        let mut reader = BufReader::with_capacity(16 << 10, wire);
        let mut resets = false;
        while !self.stop.stopped() && !resets {
            let Ok(Some(request)) = Request::read(&mut reader) else { break };
            let (going_on, reset) = self.exchange(number, &request, reader.get_mut());
            resets = reset;
            if going_on.is_break() {
                break;
            }
        }
        // The copy must go first: a socket is reset, or closed, with its last copy.
        self.open.lock().unwrap().remove(&number);
        if !resets {
            reader.get_ref().finish();
        }
    }

    /// Answers one request; also tells whether the connection is to be reset.
    fn exchange(&self, number: u64, request: &Request, wire: &mut Wire) -> (ControlFlow<()>, bool) {
        let seen = self.log.arrived(request, &self.name, number);
        let mut reply = self.answers.answer(request);
        let effects = self.faults.strike(request, || self.answers.subject(request), &reply);
        if effects.iter().any(|effect| matches!(effect, Effect::IgnoreRange)) {
            reply = self.answers.answer(&request.without_range());
        }
        for effect in &effects {
            reply = effect.spoil(request, reply);
        }
        let delivery = Delivery::of(&effects);
        let sent = delivery.send(wire, request, &reply, &seen, &self.stop);
        seen.ends();
        (sent.unwrap_or(ControlFlow::Break(())), delivery.resets())
    }
}
