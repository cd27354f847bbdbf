//! A client that hides nothing: it says what came, byte for byte, and how the connection ended.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::hub::Origin;

/// How a connection ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Ended {
    InOrder,
    Reset,
    Stalled,
}

/// Everything that came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: Ended,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &&str| line.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name));
        self.head.lines().skip(1).find(named).and_then(|line| line.split_once(": ")).map(|(_, value)| value)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks once. `headers` are whole lines.
pub(crate) fn ask(origin: &Origin, method: &str, target: &str, headers: &[&str]) -> Answer {
    ask_patiently(origin, method, target, headers, Duration::from_secs(20))
}

/// Asks once, and waits so long for further bytes.
pub(crate) fn ask_patiently(
    origin: &Origin,
    method: &str,
    target: &str,
    headers: &[&str],
    patience: Duration,
) -> Answer {
    let mut socket = TcpStream::connect(origin.address()).unwrap();
    socket.set_read_timeout(Some(patience)).unwrap();
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    socket
        .write_all(format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{lines}\r\n").as_bytes())
        .unwrap();
    let (bytes, ended) = everything(&mut socket);
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes.get(split + 4..).unwrap_or_default().to_vec(), ended }
}

fn everything(socket: &mut TcpStream) -> (Vec<u8>, Ended) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => return (bytes, Ended::InOrder),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted].contains(&error.kind()) => {
                return (bytes, Ended::Reset);
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                return (bytes, Ended::Stalled);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The path and query of a URL.
pub(crate) fn target(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    &url[host + url[host..].find('/').unwrap()..]
}
