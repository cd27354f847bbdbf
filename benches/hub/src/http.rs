//! HTTP/1.1 for one connection: requests in, answers out, over the link that is pretended.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::hub::{Answer, Body, Hub};
use crate::link::Lane;
use crate::repos::PERIOD;

pub struct Request {
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    pub range: Option<String>,
    close: bool,
}

pub fn serve(mut stream: TcpStream, hub: &Hub) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    stream.set_nodelay(true)?;
    let mut pattern = File::open(&hub.store.pattern)?;
    let mut lane = Lane::new(NUMBER.fetch_add(1, Relaxed));
    let mut buffer = Vec::new();
    let mut counted = false;
    while let Some(request) = read_request(&mut stream, &mut buffer)? {
        if let Some(answer) = hub.steer(&request) {
            answer_plainly(&mut stream, &answer)?;
            continue;
        }
        hub.counts.requests.fetch_add(1, Relaxed);
        if !counted {
            counted = true;
            hub.counts.connections.fetch_add(1, Relaxed);
        }
        let terms = hub.road.terms();
        if !terms.plain() {
            lane.arrive(&terms);
        }
        let answer = hub.answer(&request);
        send(&mut stream, &mut pattern, hub, &mut lane, &request, &answer)?;
        if request.close {
            break;
        }
    }
    Ok(())
}

fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(found) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break found;
        }
        let mut block = [0; 4096];
        let count = stream.read(&mut block)?;
        if count == 0 || buffer.len() > 1 << 16 {
            return Ok(None);
        }
        buffer.extend_from_slice(&block[..count]);
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut request = Request { method, target, range: None, close: false };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.trim().to_owned()),
            "connection" => request.close = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Ok(Some(request))
}

fn answer_plainly(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn send(
    stream: &mut TcpStream,
    pattern: &mut File,
    hub: &Hub,
    lane: &mut Lane,
    request: &Request,
    answer: &Answer,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {}\r\n{}", answer.status, answer.headers);
    let length = match &answer.body {
        Body::Text(text) => text.len() as u64,
        Body::Cut { length, .. } => *length,
    };
    head.push_str(&format!("Content-Length: {length}\r\nConnection: keep-alive\r\n\r\n"));
    let mut head = head.into_bytes();
    let bodyless = request.method == "HEAD";
    let mut cut = None;
    match &answer.body {
        _ if bodyless => {}
        Body::Text(text) => head.extend_from_slice(text.as_bytes()),
        Body::Cut { start, length } => {
            hub.counts.asked.fetch_add(*length, Relaxed);
            cut = Some((*start % PERIOD, *length));
        }
    }
    let mut front = head.as_slice();
    let total = front.len() as u64 + cut.map_or(0, |(_, length)| length);
    let mut write = |mut count: u64| -> io::Result<()> {
        let from_front = count.min(front.len() as u64) as usize;
        if from_front > 0 {
            stream.write_all(&front[..from_front])?;
            front = &front[from_front..];
            count -= from_front as u64;
        }
        while count > 0 {
            let Some((at, left)) = cut.as_mut() else { return Ok(()) };
            let step = count.min(PERIOD - *at).min(*left).min(1 << 24);
            pattern.seek(SeekFrom::Start(*at))?;
            // On Linux this is sendfile: the bytes never enter this process.
            let done = io::copy(&mut (&*pattern).take(step), stream)?;
            hub.counts.written.fetch_add(done, Relaxed);
            if done == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            *at = (*at + done) % PERIOD;
            *left -= done;
            count -= done;
        }
        Ok(())
    };
    if hub.road.terms().plain() { write(total) } else { lane.send(&hub.road, total, &mut write) }
}
