//! A tiny HTTP server on loopback whose every answer a test decides, faults included.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request: its path with query, and its headers in lower case.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, and after how many bytes of its body something happens to the connection.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<(usize, Fault)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is closed.
    Cut,
    /// Nothing more comes.
    Stall,
    /// The rest comes byte by byte, ten in a second.
    Drip,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), fault: None }
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn then(mut self, at: usize, fault: Fault) -> Self {
        self.fault = Some((at, fault));
        self
    }

    /// What a well-behaved server answers for a file with this content and tag.
    pub(super) fn file(request: &Request, content: &[u8], etag: &str) -> Self {
        let range = request.header("range").and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            Some((first.parse::<usize>().ok()?, last.parse::<usize>().unwrap_or(usize::MAX)))
        });
        let same = request.header("if-range").is_none_or(|tag| tag == etag);
        let (first, last) = match range {
            Some(range) if same => range,
            _ => return Self::new(200, content).with("etag", etag).with("accept-ranges", "bytes"),
        };
        if first >= content.len() {
            return Self::new(416, "").with("content-range", format!("bytes */{}", content.len()));
        }
        let last = last.min(content.len() - 1);
        let of = format!("bytes {first}-{last}/{}", content.len());
        Self::new(206, &content[first..=last]).with("content-range", of).with("etag", etag)
    }
}

type Handler = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// The server; it stops when it is dropped.
pub(super) struct Server {
    pub(super) port: u16,
    log: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    /// `handler` gets each request and how many came before it.
    pub(super) fn new(handler: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (all, end) = (Arc::clone(&log), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, all, end) = (Arc::clone(&handler), Arc::clone(&all), Arc::clone(&end));
                std::thread::spawn(move || drop(serve(&stream, &*handler, &all, &end)));
            }
        });
        Self { port, log, over }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The `Range` headers that came, `-` for none.
    pub(super) fn ranges(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.header("range").unwrap_or("-").to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn serve(
    mut stream: &TcpStream,
    handler: &Handler,
    log: &Mutex<Vec<Request>>,
    over: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next().transpose()? {
        let path = first.split(' ').nth(1).unwrap_or("").to_owned();
        let mut headers = Vec::new();
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let request = Request { path, headers };
        let number = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        let answer = handler(&request, number);
        let mut head = format!("HTTP/1.1 {} X\r\n", answer.status);
        if !answer.headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding") {
            head += &format!("content-length: {}\r\n", answer.body.len());
        }
        for (name, value) in &answer.headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all((head + "\r\n").as_bytes())?;
        let Some((at, fault)) = answer.fault else {
            stream.write_all(&answer.body)?;
            continue;
        };
        stream.write_all(&answer.body[..at.min(answer.body.len())])?;
        if fault == Fault::Drip {
            for byte in &answer.body[at..] {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(100));
            }
            continue;
        }
        while fault == Fault::Stall && !over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        return stream.shutdown(std::net::Shutdown::Both);
    }
    Ok(())
}
