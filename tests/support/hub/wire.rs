//! One connection, plain or encrypted, and the ways to end it.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};

/// A connection.
pub(super) enum Wire {
    /// HTTP.
    Plain(TcpStream),
    /// HTTPS.
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// The socket under it.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Ends it in order (FIN), encrypted or not: what was sent arrives.
    pub(super) fn finish(&self) {
        let _ = self.socket().shutdown(Shutdown::Both);
    }

    /// Closing it will reset it (RST). What was sent gets a moment to arrive.
    pub(super) fn reset_when_closed(&self) {
        std::thread::sleep(Duration::from_millis(20));
        let _ = socket2::SockRef::from(self.socket()).set_linger(Some(Duration::ZERO));
    }

    /// Writes both, if possible with one call to the system.
    pub(super) fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let (Self::Plain(socket), false) = (&mut *self, first.is_empty()) else {
            self.write_all(first)?;
            return self.write_all(second);
        };
        let sent = socket.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?;
        match first.get(sent..) {
            Some(rest) => {
                socket.write_all(rest)?;
                socket.write_all(second)
            }
            None => socket.write_all(&second[sent - first.len()..]),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Tells every waiting thread that the server ends.
#[derive(Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Wakes everybody.
    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap() = true;
        self.changed.notify_all();
    }

    /// Whether the server ends.
    pub(super) fn stopped(&self) -> bool {
        *self.stopped.lock().unwrap()
    }

    /// Waits so long, less if the server ends.
    pub(super) fn wait(&self, time: Duration) {
        let guard = self.stopped.lock().unwrap();
        drop(self.changed.wait_timeout_while(guard, time, |stopped| !*stopped));
    }

    /// Waits until this moment, less if the server ends.
    pub(super) fn wait_until(&self, moment: Instant) {
        self.wait(moment.saturating_duration_since(Instant::now()));
    }
}
