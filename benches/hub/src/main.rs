//! A server for benchmarks: it speaks as much of the Hub's protocol as a download needs, from generated
//! files, and can pretend that a wide-area link lies between it and its clients.
//!
//!   bench-hub FOLDER      keeps its pattern and its digests there; prints `hub http://127.0.0.1:PORT`
//!
//! It is steered while it runs, so that every case of a comparison meets the same process:
//! `/bench/link?rtt=40&rate=125&each=20&loss=0.001` (milliseconds, MB/s, MB/s, a probability; what is not
//! named is off), `/bench/reset` sets the counters to nought, `/bench/counts` tells them,
//! `/bench/list?repo=bench/one` lists `SIZE URL PATH` for programs that know no hub.

mod counts;
mod http;
mod hub;
mod link;
mod repos;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: bench-hub FOLDER");
        std::process::exit(2);
    };
    fs::create_dir_all(&folder)?;
    let store = repos::Store::open(&folder)?;
    let origin = TcpListener::bind("127.0.0.1:0")?;
    let storage = TcpListener::bind("127.0.0.1:0")?;
    let hub = Arc::new(hub::Hub {
        origin: format!("http://{}", origin.local_addr()?),
        storage: format!("http://{}", storage.local_addr()?),
        store,
        road: link::Road::default(),
        counts: counts::Counts::default(),
    });
    println!("hub {}", hub.origin);
    io::stdout().flush()?;
    let beside = Arc::clone(&hub);
    thread::spawn(move || accept(&storage, &beside));
    accept(&origin, &hub);
    Ok(())
}

/// One thread for each connection: a few hundred at most, and mostly asleep.
fn accept(listener: &TcpListener, hub: &Arc<hub::Hub>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let hub = Arc::clone(hub);
        // What a client breaks off is its own affair: a killed download is one of the cases.
        thread::spawn(move || drop(http::serve(stream, &hub)));
    }
}
