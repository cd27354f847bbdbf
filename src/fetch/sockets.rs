//! Sockets whose waiting reads end when another thread shuts them down, on Windows, too. There, `shutdown` does not wake a read
//! that waits already (rust-lang/rust#121594), and whoever stops a download would wait as long as a silent server may be
//! waited for. Elsewhere ureq's own sockets do, and are used.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, RustlsConnector,
    ShutdownHandle, Transport,
};

/// How long one look for bytes lasts: after that, a socket that was shut down says so.
const LOOK: Duration = Duration::from_millis(100);

/// An address has at least this long to answer, however many there are.
const SHORTEST: Duration = Duration::from_millis(10);

/// ureq's own chain of connectors, with these sockets in it.
pub(super) fn connector() -> impl Connector<()> {
    ().chain(ConnectProxyConnector::default()).chain(Sockets).chain(RustlsConnector::default())
}

#[derive(Debug)]
struct Sockets;

impl<In: Transport> Connector<In> for Sockets {
    type Out = Either<In, Socket>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        if let Some(tunnel) = chained {
            return Ok(Some(Either::A(tunnel)));
        }
        let stream = Arc::new(open(details)?);
        let handle: Weak<dyn ShutdownHandle> = Arc::downgrade(&stream) as _;
        (details.register_shutdown)(handle)?;
        stream.set_read_timeout(Some(LOOK))?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(Socket { stream, buffers })))
    }
}

/// A connection to the first address that answers; each has an equal share of the time that is left.
fn open(details: &ConnectionDetails<'_>) -> Result<TcpStream, ureq::Error> {
    let end = end_of(details.timeout);
    let mut last = None;
    for (at, address) in details.addrs.iter().enumerate() {
        let others = u32::try_from(details.addrs.len() - at).unwrap_or(u32::MAX);
        let opened = match end {
            Some(end) => {
                let share = end.saturating_duration_since(Instant::now()) / others;
                TcpStream::connect_timeout(address, share.max(SHORTEST))
            }
            None => TcpStream::connect(address),
        };
        match opened {
            Ok(stream) => {
                stream.set_nodelay(details.config.no_delay())?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or(ureq::Error::ConnectionFailed, |error| said(error, details.timeout)))
}

fn end_of(timeout: NextTimeout) -> Option<Instant> {
    timeout.not_zero().and_then(|left| Instant::now().checked_add(*left))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn said(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    if is_timeout(&error) { ureq::Error::Timeout(timeout.reason) } else { error.into() }
}

#[derive(Debug)]
struct Socket {
    /// Shared with the handle that shuts it down.
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
}

impl Socket {
    /// Waits until there is something to read: bytes, or the end.
    ///
    /// It peeks, since a read on Windows that times out may take bytes with it (`SO_RCVTIMEO` in the Winsock reference), and a
    /// peek takes none.
    fn wait(&self, end: Option<Instant>) -> io::Result<()> {
        loop {
            match self.stream.peek(&mut [0]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) && end.is_none_or(|end| Instant::now() < end) => {}
                other => return other.map(drop),
            }
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(timeout.not_zero().map(|left| *left))?;
        let output = &self.buffers.output()[..amount];
        (&*self.stream).write_all(output).map_err(|error| said(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.wait(end_of(timeout)).map_err(|error| said(error, timeout))?;
        let amount = (&*self.stream).read(self.buffers.input_append_buf()).map_err(|error| said(error, timeout))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        let quiet = self.stream.set_nonblocking(true).and_then(|()| self.stream.peek(&mut [0]));
        let again = self.stream.set_nonblocking(false);
        again.is_ok() && quiet.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use ureq::Agent;
    use ureq::config::Config;
    use ureq::unversioned::resolver::DefaultResolver;

    use super::*;

    fn agent(stall: Duration) -> Agent {
        let config = Config::builder().timeout_per_read(Some(stall)).proxy(None).build();
        Agent::with_parts(config, connector(), DefaultResolver::default())
    }

    /// A server that sends `answers`, one for each request, on one connection, and holds that until the thread is joined.
    fn server(answers: Vec<&'static str>) -> (String, thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
            // Until the other side has closed it.
            while stream.read(&mut [0; 64]).is_ok_and(|amount| amount > 0) {}
        };
        (url, thread::spawn(serve))
    }

    #[test]
    fn requests_share_a_connection_and_bodies_arrive() {
        let (url, server) = server(vec![
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nyo",
        ]);
        let agent = agent(Duration::from_secs(20));
        for body in ["hello", "yo"] {
            assert_eq!(agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap(), body);
        }
        drop(agent);
        server.join().unwrap();
    }

    #[test]
    fn a_shutdown_ends_a_read_that_waits() {
        let (url, server) = server(vec!["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"]);
        let agent = agent(Duration::from_secs(20));
        let mut answer = agent.get(&url).call().unwrap();
        let start = Instant::now();
        let waiting = thread::spawn(move || answer.body_mut().read_to_string().is_err());
        thread::sleep(Duration::from_millis(300));
        agent.shutdown();
        assert!(waiting.join().unwrap());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        server.join().unwrap();
    }

    #[test]
    fn a_server_that_falls_silent_is_left_after_the_time_of_one_read() {
        let (url, server) = server(vec!["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"]);
        let agent = agent(Duration::from_millis(400));
        let mut answer = agent.get(&url).call().unwrap();
        let start = Instant::now();
        let error = answer.body_mut().read_to_string().unwrap_err();
        assert!(matches!(error, ureq::Error::Timeout(ureq::Timeout::PerRead)), "{error:?}");
        assert!((400..3000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
        drop((answer, agent));
        server.join().unwrap();
    }
}
