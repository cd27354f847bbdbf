//! What loading a file would import is found, whatever the file is called and whatever it is packed in; what torch writes
//! for weights is let through; and no file, however hostile, is executed, hangs the scan or brings it down.
//!
//! `MODELSTRAP_TEST_PYTHON_TORCH` names an interpreter with torch.
#![cfg(unix)]

mod any_bytes;
mod imports;
mod packed;
mod plain;
mod pythons;
mod refused;

use modelstrap::models::pickle::{Report, Verdict, scan_bytes};

/// `os.system('id')`, protocol 2.
const SYSTEM: &[u8] = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.";

/// `{'a': 1}`, protocol 2.
const PLAIN: &[u8] = b"\x80\x02}X\x01\x00\x00\x00aK\x01s.";

fn of(bytes: &[u8]) -> Report {
    scan_bytes(bytes).unwrap()
}

/// The names that a file would import, with the members that do it; or the verdict in a word.
fn told(bytes: &[u8]) -> String {
    match of(bytes).verdict {
        Verdict::NotAPickle => "no pickle".to_owned(),
        Verdict::Plain => "plain".to_owned(),
        Verdict::Unreadable(why) => format!("unreadable: {why}"),
        Verdict::Imports(imports) => imports
            .iter()
            .map(|import| match &import.member {
                Some(member) => format!("{import} in {member}"),
                None => import.to_string(),
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
