//! The hub as a program of its own, for benches and for a look with other clients.
//!
//! `cargo test --release --test tests hub_server::serve -- --ignored --nocapture` prints the environment that leads a client to
//! it, and ends when its standard input does. `HUB_ROUND_TRIP_MS` and `HUB_BYTES_A_SECOND` put it behind a slow link,
//! `HUB_CONNECTION_BYTES_A_SECOND` holds each connection of the CDN down.

use std::io::{Read, Write};
use std::time::Duration;

use modelstrap::support::vars::Vars;

use crate::support::hub::{Content, Hub, Speed};

#[test]
#[ignore = "serves until its standard input ends"]
fn serve() {
    let vars = Vars::from_process();
    let number = |name: &str| vars.raw(name).and_then(|value| value.to_str()?.parse::<u64>().ok());
    let hub = match (number("HUB_ROUND_TRIP_MS"), number("HUB_BYTES_A_SECOND")) {
        (None, None) => Hub::start(),
        (wait, rate) => Hub::behind(Speed {
            round_trip: Duration::from_millis(wait.unwrap_or(0)),
            bytes_a_second: rate.unwrap_or(u64::MAX),
        }),
    };
    if let Some(rate) = number("HUB_CONNECTION_BYTES_A_SECOND") {
        hub.cdn().on("*").crawls_at(rate);
    }
    for (name, size) in [("bench/4g", 4 << 30), ("bench/512m", 512 << 20), ("bench/128m", 128 << 20)] {
        hub.model(name).file("config.json", "{}").lfs("model.safetensors", Content::pattern(size, size)).commit();
    }
    // 127 MiB in 2,006 files: what a data set of small recordings looks like.
    let small = |i| (format!("part-{:02}/{i:04}.json", i % 40), Content::pattern(i, 66_400));
    hub.model("bench/2006").files(2_006, small).commit();
    let mut out = std::io::stdout().lock();
    for (name, value) in hub.environment() {
        writeln!(out, "{name}={value}").unwrap();
    }
    writeln!(out, "ready").unwrap();
    drop(out);
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
