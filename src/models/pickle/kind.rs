//! What a file is, by its first bytes and never by its name.

use std::fmt;

use super::tar;

/// What a file is. Which of these can hold a pickle is the scan's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One pickle, or several in sequence.
    Pickle,
    /// What `torch.save` writes since 1.6: a zip with a pickle and the tensors beside it.
    TorchZip,
    /// What `torch.save` wrote before: pickles in sequence, and then the tensors.
    TorchLegacy,
    /// A compiled torch program: a zip that its own interpreter runs.
    TorchScript,
    /// Another zip.
    Zip,
    /// A tar.
    Tar,
    /// A numpy array.
    Numpy,
    /// One stream, compressed.
    Compressed,
    /// `.safetensors`: numbers and their names.
    Safetensors,
    /// `.gguf`, likewise.
    Gguf,
    /// `.onnx`: a graph of known operations.
    Onnx,
    /// CTranslate2's `model.bin`: numbers and their names.
    CTranslate2,
    /// Text, JSON for one.
    Text,
    /// Something else, without code that a loader of pickles would run.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pickle => "a pickle",
            Self::TorchZip => "a torch file",
            Self::TorchLegacy => "a torch file of the old format",
            Self::TorchScript => "a TorchScript program",
            Self::Zip => "a zip",
            Self::Tar => "a tar",
            Self::Numpy => "a numpy array",
            Self::Compressed => "a compressed file",
            Self::Safetensors => "safetensors",
            Self::Gguf => "GGUF",
            Self::Onnx => "ONNX",
            Self::CTranslate2 => "a CTranslate2 model",
            Self::Text => "text",
            Self::Other => "no pickle",
        })
    }
}

/// Compressions that cannot be looked into here: magic and name.
const SEALED: [(&[u8], &str); 6] = [
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x5d\0\0", "lzma"),
];

/// The compression of a file that begins so, if it is one that cannot be looked into.
pub(super) fn sealed(head: &[u8]) -> Option<&'static str> {
    SEALED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// Whether a zip begins so.
pub(super) fn is_zip(head: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| head.starts_with(*magic))
}

/// Whether a gzip stream begins so.
pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(b"\x1f\x8b\x08")
}

/// Whether a zlib stream begins so: joblib compresses with it.
pub(super) fn is_zlib(head: &[u8]) -> bool {
    matches!(head, [0x78, flags, ..] if (0x78 * 256 + u32::from(*flags)).is_multiple_of(31))
}

/// What a file of `size` bytes is that begins with `head`, where that is told by its beginning alone.
pub(super) fn by_beginning(head: &[u8], size: u64) -> Kind {
    if is_safetensors(head, size) {
        Kind::Safetensors
    } else if head.starts_with(b"GGUF") {
        Kind::Gguf
    } else if is_zip(head) {
        Kind::Zip
    } else if is_gzip(head) || is_zlib(head) || sealed(head).is_some() {
        Kind::Compressed
    } else if head.starts_with(b"\x93NUMPY") {
        Kind::Numpy
    } else if tar::is_header(head) {
        Kind::Tar
    } else if is_onnx(head) {
        Kind::Onnx
    } else if is_ctranslate2(head) {
        Kind::CTranslate2
    } else if is_text(head) {
        Kind::Text
    } else {
        Kind::Other
    }
}

/// The length of a JSON object, which safetensors limits to 100 MB, and the object.
fn is_safetensors(head: &[u8], size: u64) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    rest.first() == Some(&b'{') && length <= 100_000_000 && length <= size.saturating_sub(8)
}

/// A protobuf whose first field is the version of ONNX' own format, and whose second is a text or a number that it knows.
fn is_onnx(head: &[u8]) -> bool {
    matches!(head, [0x08, 1..=20, 0x12 | 0x1a | 0x22 | 0x2a | 0x3a | 0x42, ..])
}

/// The version of the format, and the name of what the model is: a length and that many letters, with a NUL.
fn is_ctranslate2(head: &[u8]) -> bool {
    let [1..=20, 0, 0, 0, length, 0, rest @ ..] = head else { return false };
    let name = rest.get(..usize::from(*length)).unwrap_or_default();
    matches!(name, [letters @ .., 0] if !letters.is_empty() && letters.iter().all(u8::is_ascii_graphic))
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.contains(|c: char| c.is_control() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let mut tensors = 16_u64.to_le_bytes().to_vec();
        tensors.extend_from_slice(b"{\"a\":{}}        ");
        for (head, size, kind) in [
            (tensors.as_slice(), 24, Kind::Safetensors),
            (tensors.as_slice(), 20, Kind::Other),
            (b"GGUF\x03\0\0\0", 8, Kind::Gguf),
            (b"\x08\x07\x12\x07pytorch", 11, Kind::Onnx),
            (b"\x06\0\0\0\x0c\0WhisperSpec\0", 18, Kind::CTranslate2),
            (b"{\"model_type\": \"whisper\"}", 25, Kind::Text),
            ("né".as_bytes(), 3, Kind::Text),
            (b"\x93NUMPY\x01\0", 8, Kind::Numpy),
            (b"PK\x03\x04", 4, Kind::Zip),
            (b"\x1f\x8b\x08\0", 4, Kind::Compressed),
            (b"\x78\x9c", 2, Kind::Compressed),
            (b"\x78\x9d", 2, Kind::Other),
            (b"", 0, Kind::Other),
        ] {
            assert_eq!(by_beginning(head, size), kind, "{head:?}");
        }
    }
}
