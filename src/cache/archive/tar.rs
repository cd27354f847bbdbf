//! The tar format as this tool writes it, which is that of GNU: long names in records of their own, large sizes in binary. Every
//! tar reads it. What is read is held to exactly this dialect: who wrote something else did not write this archive.

/// Everything in a tar comes in blocks of so many bytes.
pub const BLOCK: usize = 512;
/// What is written as a number of octal digits; larger ones are binary.
const LARGEST_OCTAL: u64 = 0o77_777_777_777;
/// A record's name is at most so long; longer ones have a record before it.
const SHORT: usize = 100;
/// The longest name of a record: that of an archive, and the zero at its end.
const LONGEST_NAME: u64 = 4096;
const MAGIC: &[u8; 8] = b"ustar  \0";

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, with its bytes.
    File,
    /// Another name for a file that came before.
    Hard,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: Vec<u8>,
    /// Where a link leads.
    pub to: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// How many bytes follow.
    pub size: u64,
    /// Its mode, `0o644`.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}

/// One block, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A member.
    Member(Member),
    /// What follows is the name of the next member: so many bytes.
    LongName(u64),
    /// What follows is where the next member leads: so many bytes.
    LongLink(u64),
    /// The end.
    End,
}

/// How many bytes fill the last block of `size` bytes.
pub const fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// The blocks that go before the bytes of `member`.
pub fn header(member: &Member) -> Vec<u8> {
    let mut blocks = Vec::new();
    for (bytes, kind) in [(&member.to, b'K'), (&member.name, b'L')] {
        if bytes.len() > SHORT {
            blocks.extend_from_slice(&block(b"././@LongLink", b"", kind, bytes.len() as u64 + 1, 0o644, 0));
            blocks.extend_from_slice(bytes);
            blocks.push(0);
            blocks.resize(blocks.len() + padding(bytes.len() as u64 + 1), 0);
        }
    }
    let kind = match member.kind {
        Kind::File => b'0',
        Kind::Hard => b'1',
        Kind::Link => b'2',
        Kind::Folder => b'5',
    };
    let short = |bytes: &'_ [u8]| bytes[..bytes.len().min(SHORT)].to_vec();
    blocks.extend_from_slice(&block(
        &short(&member.name),
        &short(&member.to),
        kind,
        member.size,
        member.mode,
        member.mtime,
    ));
    blocks
}

fn block(name: &[u8], to: &[u8], kind: u8, size: u64, mode: u32, mtime: i64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name);
    number(&mut block[100..108], u64::from(mode));
    number(&mut block[108..116], 0);
    number(&mut block[116..124], 0);
    number(&mut block[124..136], size);
    number(&mut block[136..148], u64::try_from(mtime).unwrap_or(0));
    block[156] = kind;
    put(&mut block, 157, to);
    put(&mut block, 257, MAGIC);
    let sum = checksum(&block);
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Octal digits and a zero, or the number in binary with the highest bit set.
fn number(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    if value <= LARGEST_OCTAL {
        let text = format!("{value:0digits$o}");
        field[..digits].copy_from_slice(text.as_bytes());
    } else {
        let start = field.len() - 8;
        field[start..].copy_from_slice(&value.to_be_bytes());
        field[0] = 0x80;
    }
}

/// The sum of all bytes, with spaces in place of the sum itself.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let all: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    all - own + 8 * u32::from(b' ')
}

/// Reads a block.
///
/// # Errors
/// Why it is not one of this tool's.
pub fn read(block: &[u8; BLOCK]) -> Result<Record, &'static str> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(Record::End);
    }
    if &block[257..265] != MAGIC {
        return Err("is not in the form that modelstrap writes");
    }
    if value(&block[148..154]) != Some(u64::from(checksum(block))) {
        return Err("has a checksum that does not fit");
    }
    let size = value(&block[124..136]).ok_or("has a size that is no number")?;
    let kind = match block[156] {
        b'0' => Kind::File,
        b'1' => Kind::Hard,
        b'2' => Kind::Link,
        b'5' => Kind::Folder,
        b'L' | b'K' if size == 0 || size > LONGEST_NAME => return Err("has a name that is too long"),
        b'L' => return Ok(Record::LongName(size)),
        b'K' => return Ok(Record::LongLink(size)),
        b'3' | b'4' => return Err("is a device, which no cache holds"),
        b'6' => return Err("is a pipe, which no cache holds"),
        _ => return Err("is of a kind that modelstrap does not write"),
    };
    if kind != Kind::File && size != 0 {
        return Err("has bytes where there can be none");
    }
    let mode =
        value(&block[100..108]).and_then(|mode| u32::try_from(mode).ok()).ok_or("has a mode that is no number")?;
    let mtime =
        value(&block[136..148]).and_then(|time| i64::try_from(time).ok()).ok_or("has a time that is no number")?;
    Ok(Record::Member(Member { name: text(&block[..100]), to: text(&block[157..257]), kind, size, mode, mtime }))
}

fn text(field: &[u8]) -> Vec<u8> {
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

fn value(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first == 0x80 {
        let (high, low) = rest.split_at(rest.len().checked_sub(8)?);
        return high.iter().all(|byte| *byte == 0).then(|| u64::from_be_bytes(low.try_into().unwrap_or_default()));
    }
    let digits = text(field);
    let digits = std::str::from_utf8(&digits).ok()?.trim_end_matches(' ');
    u64::from_str_radix(digits, 8).ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &[u8], to: &[u8], kind: Kind, size: u64) -> Member {
        Member { name: name.to_vec(), to: to.to_vec(), kind, size, mode: 0o644, mtime: 1_764_084_046 }
    }

    /// Reads what `header` wrote, with the records of long names.
    fn again(bytes: &[u8]) -> Member {
        let (mut name, mut to) = (None, None);
        let mut rest = bytes;
        loop {
            let (first, after) = rest.split_first_chunk::<BLOCK>().unwrap();
            let long = |size: u64| (after[..size as usize - 1].to_vec(), size as usize + padding(size));
            match read(first).unwrap() {
                Record::LongName(size) => (name, rest) = (Some(long(size).0), &after[long(size).1..]),
                Record::LongLink(size) => (to, rest) = (Some(long(size).0), &after[long(size).1..]),
                Record::Member(mut member) => {
                    assert!(after.is_empty());
                    member.name = name.unwrap_or(member.name);
                    member.to = to.unwrap_or(member.to);
                    return member;
                }
                Record::End => panic!("an end"),
            }
        }
    }

    #[test]
    fn members_of_every_kind_and_size_come_back() {
        for member in [
            member(b"a/b", b"", Kind::File, 0),
            member(&[b'n'; 100], &[b't'; 100], Kind::Link, 0),
            member(&[b'n'; 101], &[b't'; 300], Kind::Hard, 0),
            member(b"a/\xff\n", b"", Kind::File, LARGEST_OCTAL),
            member(b"huge", b"", Kind::File, LARGEST_OCTAL + 1),
            member(b"d", b"", Kind::Folder, 0),
        ] {
            assert_eq!(again(&header(&member)), member);
        }
    }

    #[test]
    fn what_this_tool_does_not_write_is_refused() {
        let sound = block(b"a", b"", b'0', 3, 0o644, 0);
        let of_kind = |kind: u8| read(&block(b"a", b"", kind, 0, 0o644, 0)).unwrap_err();
        assert_eq!(of_kind(b'3'), "is a device, which no cache holds");
        assert_eq!(of_kind(b'6'), "is a pipe, which no cache holds");
        assert_eq!(of_kind(b'x'), "is of a kind that modelstrap does not write");
        let mut other = sound;
        other[0] = b'b';
        assert_eq!(read(&other), Err("has a checksum that does not fit"));
        assert_eq!(read(&block(b"a", b"b", b'2', 3, 0o644, 0)), Err("has bytes where there can be none"));
        assert_eq!(read(&block(b"a", b"", b'L', 1 << 40, 0o644, 0)), Err("has a name that is too long"));
        assert_eq!(read(&[0; BLOCK]), Ok(Record::End));
    }

    proptest::proptest! {
        #[test]
        fn no_block_panics(damage in proptest::collection::vec((0_usize..BLOCK, proptest::num::u8::ANY), 0..8), fits: bool) {
            let mut bytes = block(b"a", b"", b'0', 3, 0o644, 0);
            for (at, byte) in damage {
                bytes[at] = byte;
            }
            if fits {
                let sum = checksum(&bytes);
                put(&mut bytes, 148, format!("{sum:06o}\0 ").as_bytes());
            }
            let _ = read(&bytes);
        }
    }
}
