//! Archives for tests, made by hand: no checksum in them is right, and nobody who reads them strictly minds.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// A zip; a member whose name ends with `z` is deflated.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let packed = if name.ends_with('z') { deflated(content) } else { content.to_vec() };
        let method: u16 = if name.ends_with('z') { 8 } else { 0 };
        let offset = bytes.len() as u32;
        let mut common = Vec::new();
        common.extend_from_slice(&[20, 0, 0, 0]);
        common.extend_from_slice(&method.to_le_bytes());
        common.extend_from_slice(&[0; 8]);
        common.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        common.extend_from_slice(&(content.len() as u32).to_le_bytes());
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(b"PK\x03\x04");
        bytes.extend_from_slice(&common);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(&packed);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend_from_slice(&directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend_from_slice(&(members.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(members.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

/// The wheel of a model of spaCy, with files more.
pub(crate) fn wheel(package: &str, version: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let (language, name) = package.split_once('_').unwrap();
    let meta = format!(r#"{{"lang": "{language}", "name": "{name}", "version": "{version}"}}"#);
    let (info, init) = (format!("{package}-{version}.dist-info"), format!("{package}/__init__.py"));
    let (meta_name, metadata) = (format!("{package}/meta.json"), format!("{info}/METADATA"));
    let mut members: Vec<(&str, &[u8])> =
        vec![(&init, b"x = 1\n"), (&meta_name, meta.as_bytes()), (&metadata, b"Metadata-Version: 2.1\n")];
    members.extend(more);
    let record = format!("{info}/RECORD");
    let list: String = members.iter().map(|(name, _)| format!("{name},,\n")).collect();
    zip(&[&members[..], &[(&record, list.as_bytes())]].concat())
}

/// `bytes` as a zip packs them.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
