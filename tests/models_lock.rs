//! `modelstrap models lock` and `update`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

#[path = "support/hub/mod.rs"]
mod hub;
mod support;
#[path = "support/zoo.rs"]
mod zoo;

use zoo::Zoo;

#[test]
#[ignore = "serves until its standard input ends"]
fn serve() {
    let zoo = Zoo::start();
    let mut out = std::io::stdout().lock();
    use std::io::{Read as _, Write as _};
    for (name, value) in zoo.environment() {
        writeln!(out, "export {name}='{value}'").unwrap();
    }
    writeln!(out, "ready").unwrap();
    drop(out);
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "move" => drop(
                zoo.hub
                    .model("org/tiny")
                    .file("config.json", "{\"v\": 2}")
                    .without("README.md")
                    .file("new.txt", "n")
                    .commit(),
            ),
            "log" => {
                let text = zoo.hub.requests().iter().map(|seen| format!("{seen:?}\n")).collect::<String>();
                std::fs::write("/tmp/zoo.log", text).unwrap();
                zoo.hub.forget();
            }
            _ => {}
        }
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
