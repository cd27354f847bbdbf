//! An archive, read strictly: first the index, then exactly the members that it names, in its order, with its sizes. Whatever else
//! comes is refused where it comes, so that nobody's tar can put in what was not declared.

use std::io;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};

use super::bomb;
use super::index::{self, Index, Reader};
use super::members::{Entry, What};
use super::names::shown;
use super::tar::{self, BLOCK, Kind, Member, Record};
use super::unpack::{Input, Source};
use crate::platform::Os;

/// An archive whose index was read.
pub struct Archive {
    source: Source,
    /// What it holds.
    pub index: Arc<Index>,
}

/// Who takes what an archive holds.
pub trait Taker {
    /// Whether the bytes of the member `at` are wanted. Asked once for each content, in order.
    fn wants(&mut self, at: usize) -> bool;

    /// Some of the bytes of the member `at`, in order.
    ///
    /// # Errors
    /// When no more is wanted.
    fn bytes(&mut self, at: usize, bytes: &[u8]) -> Result<()>;

    /// The member `at` is over, whatever it is.
    ///
    /// # Errors
    /// When no more is wanted.
    fn over(&mut self, at: usize) -> Result<()>;
}

/// An archive that ends too early.
#[derive(Debug, thiserror::Error)]
#[error("it is cut off: the copy, or the download, did not end")]
struct Cut;

/// An archive that ends too early, or cannot be decompressed.
fn broken(error: &io::Error) -> anyhow::Error {
    match error.kind() {
        _ if bomb::is_one(error) => anyhow!("{error}"),
        io::ErrorKind::UnexpectedEof => anyhow!(Cut),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => anyhow!("it is damaged: it cannot be decompressed"),
        _ => anyhow!("it cannot be read: {error}"),
    }
}

impl Archive {
    /// Reads the index of the archive in `input`, with names as `os` has them.
    ///
    /// # Errors
    /// When it is none, or its index is refused.
    pub fn open(input: Input, os: Os) -> Result<Self> {
        const NO_INDEX: &str = "it has no index, so that nothing in it can be verified: modelstrap did not write it\n  \
            restore what `modelstrap backup` wrote; another tar is unpacked with tar, and `modelstrap migrate` takes it in";
        const NO_ARCHIVE: &str =
            "it is no archive of modelstrap\n  `modelstrap restore` takes what `modelstrap backup` wrote";
        let mut source = Source::of(input).map_err(|error| broken(&error))?;
        // What begins otherwise is no archive that was cut off.
        let begin = source.bytes().map_err(|error| broken(&error))?;
        let foreign = !begin.iter().zip(index::NAME.as_bytes()).all(|(one, other)| one == other);
        let mut archive = Self { source, index: Arc::default() };
        let first = match archive.member() {
            Ok(Some(first)) if first.name == index::NAME.as_bytes() && first.kind == Kind::File => first,
            // A tar of another program, or nothing but zeros.
            Ok(_) => bail!(NO_INDEX),
            // What is no tar at all.
            Err(error) if foreign && (error.is::<Strange>() || error.is::<Cut>()) => bail!(NO_ARCHIVE),
            Err(error) if error.is::<Strange>() => bail!(NO_INDEX),
            Err(error) => return Err(error),
        };
        if first.size > index::LARGEST {
            bail!("its index is larger than any that modelstrap writes");
        }
        let mut reader = Reader::new(os);
        archive.content(first.size, &mut |bytes| {
            reader.feed(bytes).map_err(|why| anyhow!("its index is refused: {why}"))
        })?;
        archive.index = Arc::new(reader.end().map_err(|why| anyhow!("its index is refused: {why}"))?);
        Ok(archive)
    }

    /// Reads all members to their end, and hands over what is wanted.
    ///
    /// # Errors
    /// When it is cut, damaged, or holds something else than its index says; or what `taker` says.
    pub fn read(&mut self, taker: &mut dyn Taker) -> Result<()> {
        let index = Arc::clone(&self.index);
        for (at, entry) in index.members.iter().enumerate() {
            let member = self.member()?.ok_or_else(|| anyhow!("it is cut off: members are missing"))?;
            if let Some(differs) = differs(&index, &entry, &member) {
                bail!(
                    "it does not hold what its index says: {differs}, where {} should be\n  nothing of this member is used",
                    entry.name
                );
            }
            if let What::File { size, .. } = entry.what {
                if taker.wants(at) {
                    self.content(size, &mut |bytes| taker.bytes(at, bytes))?;
                } else {
                    self.source.skip(size + tar::padding(size) as u64);
                }
            }
            taker.over(at)?;
        }
        match self.member()? {
            None => Ok(()),
            Some(more) => bail!("it holds more than its index says: {}", shown(&more.name)),
        }
    }

    /// Nothing more of it is needed: what still comes from a pipe is passed over.
    pub fn pass_over(&mut self) {
        self.source.drain();
    }

    /// The next member; `None` at the end.
    fn member(&mut self) -> Result<Option<Member>> {
        let (mut name, mut to) = (None, None);
        loop {
            let mut block = [0; BLOCK];
            self.exactly(&mut block)?;
            match tar::read(&block).map_err(Strange)? {
                Record::End => return Ok(None),
                Record::LongName(size) if name.is_none() => name = Some(self.long(size)?),
                Record::LongLink(size) if to.is_none() => to = Some(self.long(size)?),
                Record::Member(member) => {
                    let (name, to) = (name.unwrap_or(member.name), to.unwrap_or(member.to));
                    return Ok(Some(Member { name, to, ..member }));
                }
                Record::LongName(_) | Record::LongLink(_) => bail!(Strange("has two names")),
            }
        }
    }

    fn long(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut name = vec![0; usize::try_from(size).unwrap_or(0)];
        self.exactly(&mut name)?;
        self.source.skip(tar::padding(size) as u64);
        if name.pop() != Some(0) || name.contains(&0) {
            bail!(Strange("has a name that ends nowhere"));
        }
        Ok(name)
    }

    fn exactly(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            let bytes = self.source.bytes().map_err(|error| broken(&error))?;
            let count = bytes.len().min(buffer.len() - filled);
            if count == 0 {
                return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
            }
            buffer[filled..filled + count].copy_from_slice(&bytes[..count]);
            self.source.take(count);
            filled += count;
        }
        Ok(())
    }

    /// Hands over `size` bytes, and passes over what fills their last block.
    fn content(&mut self, size: u64, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut left = size;
        while left > 0 {
            let bytes = self.source.bytes().map_err(|error| broken(&error))?;
            let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if count == 0 {
                return Err(broken(&io::ErrorKind::UnexpectedEof.into()));
            }
            take(&bytes[..count])?;
            self.source.take(count);
            left -= count as u64;
        }
        self.source.skip(tar::padding(size) as u64);
        Ok(())
    }
}

/// A record that this tool does not write.
#[derive(Debug, thiserror::Error)]
#[error("it is damaged, or another program wrote it: a member {0}")]
struct Strange(&'static str);

/// How `member` is not the one of the index at `at`.
fn differs(index: &Index, entry: &Entry, member: &Member) -> Option<String> {
    if member.name != entry.name.bytes() {
        return Some(format!("the member {} comes", shown(&member.name)));
    }
    let fits = match &entry.what {
        What::File { size, .. } => {
            if member.kind == Kind::File && member.size != *size {
                return Some(format!("{} bytes come instead of {size}", member.size));
            }
            member.kind == Kind::File
        }
        What::Same { of, .. } => member.kind == Kind::Hard && index.members.name(*of).bytes() == member.to,
        What::Link { to } => member.kind == Kind::Link && member.to == **to,
        What::Folder => member.kind == Kind::Folder,
    };
    (!fits).then(|| "something of another kind comes".to_owned())
}

/// Opens the archive at `path`; `-` is standard input.
///
/// # Errors
/// When it is no file, or cannot be read.
pub fn open(path: &std::path::Path, os: Os) -> Result<Archive> {
    if path.as_os_str() == "-" {
        return Archive::open(Input::Pipe(Box::new(io::stdin())), os).context("the archive on standard input");
    }
    let shown = crate::support::escape::path(path);
    let found = std::fs::metadata(path).with_context(|| format!("{shown} cannot be read"))?;
    if found.is_dir() {
        bail!("{shown} is a folder, and no archive");
    }
    let file = std::fs::File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    // A named pipe has no place to go to.
    let input = if found.is_file() { Input::File(file) } else { Input::Pipe(Box::new(file)) };
    Archive::open(input, os).with_context(|| shown)
}
