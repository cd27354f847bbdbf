//! Zstandard's frames (RFC 8878), as far as they must be known to store bytes without asking the compressor, and to pass over what
//! is not wanted without decompressing it.

/// What a frame begins with.
pub const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The longest header of a frame, with the magic number.
pub const LONGEST_HEADER: usize = 18;
/// A block has at most so many bytes.
const BLOCK: usize = 128 << 10;

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// How many bytes the header takes, with the magic number.
    pub length: usize,
    /// How many bytes come out, where it says so.
    pub content: Option<u64>,
    /// Whether four bytes of a checksum follow the blocks.
    pub checksum: bool,
}

/// What a block's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Whether it is the frame's last.
    pub last: bool,
    /// How many bytes of it follow.
    pub length: usize,
}

/// Reads the header at the start of `bytes`; `None` where there is none, or it uses a dictionary.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let descriptor = *rest.first()?;
    let single = descriptor & 0x20 != 0;
    if descriptor & 0x08 != 0 || descriptor & 0x03 != 0 {
        return None;
    }
    let window = usize::from(!single);
    let (size, add) = match descriptor >> 6 {
        0 => (usize::from(single), 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let field = rest.get(1 + window..1 + window + size)?;
    let value = field.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let content = (size > 0).then(|| value.checked_add(add)).flatten();
    Some(Header { length: 5 + window + size, content, checksum: descriptor & 0x04 != 0 })
}

/// Reads the header of a block; `None` for a kind that does not exist.
pub fn block(bytes: [u8; 3]) -> Option<Block> {
    let value = usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16;
    let length = match value >> 1 & 3 {
        0 | 2 => value >> 3,
        1 => 1,
        _ => return None,
    };
    (value >> 3 <= BLOCK).then_some(Block { last: value & 1 == 1, length })
}

/// Appends a frame that holds `content` as it is. `content` has less than 4 GiB.
pub fn stored(content: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&MAGIC);
    // One segment, a size of four bytes, no checksum: the index has a better one.
    out.push(0xa0);
    out.extend_from_slice(&length.to_le_bytes());
    let mut blocks = content.chunks(BLOCK).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0]);
    }
    while let Some(bytes) = blocks.next() {
        let header = bytes.len() << 3 | usize::from(blocks.peek().is_none());
        out.extend_from_slice(&[header as u8, (header >> 8) as u8, (header >> 16) as u8]);
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_by_zstandard_itself() {
        for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 20] {
            let content: Vec<u8> = (0..size).map(|at| (at * 7 % 251) as u8).collect();
            let mut frame = Vec::new();
            stored(&content, &mut frame);
            assert_eq!(zstd::stream::decode_all(&frame[..]).unwrap(), content);
            let found = header(&frame).unwrap();
            assert_eq!(found, Header { length: 9, content: Some(size as u64), checksum: false });
        }
    }

    #[test]
    fn the_blocks_of_a_frame_lead_to_its_end() {
        let content: Vec<u8> = (0..700_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        for level in [1, 9] {
            let mut compressor = zstd::bulk::Compressor::new(level).unwrap();
            compressor.include_checksum(true).unwrap();
            let frame = compressor.compress(&content).unwrap();
            let found = header(&frame).unwrap();
            assert_eq!(found.content, Some(content.len() as u64));
            let mut at = found.length;
            loop {
                let one = block(frame[at..at + 3].try_into().unwrap()).unwrap();
                at += 3 + one.length;
                if one.last {
                    break;
                }
            }
            assert_eq!(at + 4 * usize::from(found.checksum), frame.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..20), three: [u8; 3]) {
            let _ = (header(&bytes), header(&[&MAGIC[..], &bytes[..]].concat()), block(three));
        }
    }
}
