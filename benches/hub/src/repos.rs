//! The repositories, made from one pattern on the disk, so that no case waits for the server's disk.
//!
//! A file is a cut of the pattern that repeats. The pattern's length is a prime, so no range that a client
//! may choose falls on it: bytes written at the wrong place change the digest.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The largest prime below 64 MiB.
pub const PERIOD: u64 = 67_108_859;
const MIB: u64 = 1 << 20;

pub struct Store {
    pub pattern: PathBuf,
    pub repos: Vec<Repo>,
}

pub struct Repo {
    pub name: &'static str,
    pub commit: String,
    pub files: Vec<Entry>,
    by_path: HashMap<String, usize>,
}

impl Repo {
    pub fn file(&self, path: &str) -> Option<&Entry> {
        self.by_path.get(path).and_then(|at| self.files.get(*at))
    }
}

pub struct Entry {
    pub path: String,
    pub size: u64,
    /// Where in the pattern it begins.
    pub start: u64,
    /// SHA-256 where it is large, else the name that Git gives a blob.
    pub digest: String,
    /// Large files are kept by the storage host, small ones by the hub itself.
    pub large: bool,
}

impl Store {
    pub fn open(folder: &Path) -> io::Result<Self> {
        let pattern = folder.join("pattern");
        if fs::metadata(&pattern).map(|found| found.len()).ok() != Some(PERIOD) {
            write_pattern(&pattern)?;
        }
        let mut known = Known::open(folder.join("digests"));
        let mut repos = Vec::new();
        for (name, files) in [
            ("bench/four-gib", vec![large("model.safetensors", 4096 * MIB, 1)]),
            ("bench/half-gib", vec![large("model.safetensors", 512 * MIB, 2)]),
            ("bench/eighth-gib", vec![large("model.safetensors", 128 * MIB, 3)]),
            ("bench/many", many()),
            ("bench/one", vec![large("model.safetensors", 16 * MIB, 4)]),
        ] {
            let mut entries = Vec::with_capacity(files.len());
            for (path, size, start, large) in files {
                let digest = known.digest(&pattern, size, start, large)?;
                entries.push(Entry { path, size, start, digest, large });
            }
            repos.push(repo(name, entries));
        }
        let mut bytes = vec![0; 8 << 20];
        File::open(&pattern)?.read_exact(&mut bytes)?;
        repos.push(repo("bench/crowd", crowd(20_000, &bytes)));
        repos.push(repo("bench/throng", crowd(100_000, &bytes)));
        Ok(Self { pattern, repos })
    }
}

fn repo(name: &'static str, files: Vec<Entry>) -> Repo {
    let by_path = files.iter().enumerate().map(|(at, file)| (file.path.clone(), at)).collect();
    Repo { name, commit: hex(&Sha1::digest(name)), files, by_path }
}

/// So many files of 100 bytes and a little more, no two alike, and none that begins as a pickle could.
fn crowd(count: usize, bytes: &[u8]) -> Vec<Entry> {
    let entry = |number: usize| {
        let (place, size) = (number * 64, 100 + number % 50);
        let start = place + bytes[place..place + 64].iter().position(|byte| *byte >= 0xa0).unwrap_or(0);
        let mut hasher = Sha1::new();
        hasher.update(format!("blob {size}\0"));
        hasher.update(&bytes[start..start + size]);
        let path = format!("data/part-{:03}/item-{number:06}.json", number % 400);
        Entry { path, size: size as u64, start: start as u64, digest: hex(&hasher.finalize()), large: false }
    };
    (0..count).map(entry).collect()
}

type Plan = (String, u64, u64, bool);

fn large(path: &str, size: u64, seed: u64) -> Plan {
    (path.to_owned(), size, seed * 7_919_191 % PERIOD, true)
}

/// 2,006 files, 127 MiB: 6 large ones of 8 MiB, and 2,000 small ones whose sizes lie evenly on a logarithmic
/// scale between 1 KiB and about 180 KiB, as the files of a dataset or of a repository of voices do.
fn many() -> Vec<Plan> {
    let mut all: Vec<Plan> =
        (0..6).map(|number| large(&format!("weights/part-{number}.safetensors"), 8 * MIB, 10 + number)).collect();
    let target = 127 * MIB - 6 * 8 * MIB;
    let scale = 180.4_f64;
    let raw: Vec<f64> =
        (0..2000).map(|number| 1024.0 * scale.powf(f64::from((number * 1237) % 2000) / 1999.0)).collect();
    let sum: f64 = raw.iter().sum();
    let mut left = target;
    for (number, size) in raw.iter().enumerate() {
        let last = number == raw.len() - 1;
        let size = if last { left } else { (size * target as f64 / sum) as u64 };
        left -= size;
        let path = format!("data/{:02}/item-{number:04}.json", number % 40);
        all.push((path, size, number as u64 * 31_337 % PERIOD, false));
    }
    all
}

/// Digests that were computed before: 4 GiB take some seconds.
struct Known {
    path: PathBuf,
    lines: Vec<(String, String)>,
}

impl Known {
    fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(key, digest)| (key.into(), digest.into()))
            .collect();
        Self { path, lines }
    }

    fn digest(&mut self, pattern: &Path, size: u64, start: u64, large: bool) -> io::Result<String> {
        let key = format!("{size}@{start}{}", if large { "L" } else { "G" });
        if let Some((_, digest)) = self.lines.iter().find(|(found, _)| *found == key) {
            return Ok(digest.clone());
        }
        let digest = if large {
            let mut hasher = Sha256::new();
            each_block(pattern, size, start, &mut |block| hasher.update(block))?;
            hex(&hasher.finalize())
        } else {
            let mut hasher = Sha1::new();
            hasher.update(format!("blob {size}\0"));
            each_block(pattern, size, start, &mut |block| hasher.update(block))?;
            hex(&hasher.finalize())
        };
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
        writeln!(file, "{key} {digest}")?;
        self.lines.push((key, digest.clone()));
        Ok(digest)
    }
}

fn each_block(pattern: &Path, mut size: u64, start: u64, then: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(pattern)?;
    let mut at = start;
    let mut block = vec![0; 1 << 20];
    while size > 0 {
        let step = size.min(PERIOD - at).min(block.len() as u64);
        let room = &mut block[..step as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(room)?;
        then(room);
        at = (at + step) % PERIOD;
        size -= step;
    }
    Ok(())
}

/// Bytes that no compression shortens.
fn write_pattern(path: &Path) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(PERIOD as usize + 8);
    while (bytes.len() as u64) < PERIOD {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(PERIOD as usize);
    fs::write(path, bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
