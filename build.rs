//! Turns the catalogue into static data, so that a shell prompt never parses it.

#[path = "build/catalogue.rs"]
mod catalogue;
#[path = "build/models.rs"]
mod models;
#[path = "build/texts.rs"]
mod texts;

use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/catalogue");
    tell("rerun-if-changed=build.rs");
    tell("rerun-if-changed=build");
    tell(&format!("rerun-if-changed={}", folder.display()));
    if let Err(message) = generate(&folder) {
        for line in message.lines() {
            tell(&format!("error={line}"));
        }
    }
}

fn generate(folder: &Path) -> Result<(), String> {
    let libraries = catalogue::parse(&texts::read(folder)?)?;
    let models = models::parse(&texts::read(&folder.join("models"))?, &catalogue::ids(&libraries))?;
    write("catalogue.rs", &catalogue::render(&libraries))?;
    write("models.rs", &models::render(&models))
}

fn write(name: &str, text: &str) -> Result<(), String> {
    // Cargo names the output folder only while the script runs.
    #[expect(clippy::disallowed_methods, reason = "a build script's input is its environment")]
    let out = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this script is run by cargo")?;
    let file = Path::new(&out).join(name);
    std::fs::write(&file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// Speaks to cargo, whose protocol is standard output.
fn tell(line: &str) {
    println!("cargo::{line}");
}
