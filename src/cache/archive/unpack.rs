//! The stream in an archive, whatever it is compressed with: by what it begins with, not by its name. What is not wanted is passed
//! over, in a file without reading it, where the archive is one that this tool wrote.

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::bomb::{Came, Measure};
use super::frames;
use crate::support::interrupt;

/// Frames up to this size are taken whole. This tool writes frames of 1 MiB.
const WHOLE: u64 = 4 << 20;
/// How much is read at once.
const ROOM: usize = 256 << 10;
/// How much is read at once where most is passed over: what is read beyond the few bytes that say how far costs more than to ask again.
const LITTLE: usize = 512;

/// Where an archive comes from.
pub enum Input {
    /// A file, in which one can go forward.
    File(File),
    /// Standard input, a pipe.
    Pipe(Box<dyn Read + Send>),
}

impl Input {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        match self {
            Self::File(file) => {
                let count = i64::try_from(count).map_err(|_| io::ErrorKind::InvalidData)?;
                file.seek(SeekFrom::Current(count)).map(drop)
            }
            Self::Pipe(pipe) => {
                let passed = io::copy(&mut pipe.take(count), &mut io::sink())?;
                if passed == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
        }
    }
}

impl Input {
    /// See [`Source::drain`].
    fn drain(self) {
        if let Self::Pipe(mut pipe) = self {
            drain(&mut pipe);
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Pipe(pipe) => pipe.read(buffer),
        }
    }
}

/// An input with some of it read ahead.
struct Ahead {
    input: Input,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// How much is read at once.
    most: usize,
    came: Came,
}

impl Ahead {
    fn new(input: Input) -> Self {
        Self { input, buffer: vec![0; ROOM], start: 0, end: 0, most: ROOM, came: Came::default() }
    }

    /// At least `count` bytes, or all that are left.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if self.end - self.start < count {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end < count {
            let most = self.buffer.len().min(self.most.max(count));
            match self.input.read(&mut self.buffer[self.end..most]) {
                Ok(0) => break,
                Ok(more) => {
                    self.end += more;
                    self.came.add(more as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        let held = (self.end - self.start).min(usize::try_from(count).unwrap_or(usize::MAX));
        self.start += held;
        match count - held as u64 {
            0 => Ok(()),
            rest => {
                self.came.add(rest);
                self.input.skip(rest)
            }
        }
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let held = self.fill_buf()?;
        let count = held.len().min(buffer.len());
        buffer[..count].copy_from_slice(&held[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Ahead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

enum Form {
    Plain(Ahead),
    Frames(Frames),
    /// Somebody else's zstd, or gzip: read from its beginning to its end.
    Stream(Box<dyn Read + Send>),
    /// Nothing more is to be had.
    Gone,
}

struct Frames {
    ahead: Ahead,
    decompressor: zstd::bulk::Decompressor<'static>,
    packed: Vec<u8>,
}

/// The stream in an archive.
pub struct Source {
    form: Form,
    /// What was decompressed and is not taken yet; not used where the stream is plain.
    buffer: Vec<u8>,
    start: usize,
    /// What is to be passed over before the next byte.
    skip: u64,
    measure: Measure,
}

impl Source {
    /// The stream in `input`.
    ///
    /// # Errors
    /// What the disk says.
    pub fn of(input: Input) -> io::Result<Self> {
        let mut ahead = Ahead::new(input);
        let measure = Measure::of(ahead.came.clone());
        let begin = ahead.peek(frames::LONGEST_HEADER)?;
        let form = if begin.starts_with(&frames::MAGIC) {
            let decompressor = zstd::bulk::Decompressor::new()?;
            Form::Frames(Frames { ahead, decompressor, packed: Vec::new() })
        } else if begin.starts_with(&[0x1f, 0x8b]) {
            Form::Stream(Box::new(flate2::bufread::MultiGzDecoder::new(ahead)))
        } else {
            Form::Plain(ahead)
        };
        Ok(Self { form, buffer: Vec::new(), start: 0, skip: 0, measure })
    }

    /// The next bytes, as many as there are at hand; none at the end.
    ///
    /// # Errors
    /// What the disk says, or why they cannot be decompressed.
    pub fn bytes(&mut self) -> io::Result<&[u8]> {
        while self.start >= self.buffer.len() || self.skip > 0 {
            let held = (self.buffer.len() - self.start) as u64;
            let passed = held.min(self.skip);
            self.start += usize::try_from(passed).unwrap_or(0);
            self.skip -= passed;
            if self.start < self.buffer.len() {
                break;
            }
            let is_over = !self.more()?;
            self.measure.gives(self.buffer.len())?;
            if is_over {
                if self.skip > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                return Ok(&[]);
            }
        }
        Ok(&self.buffer[self.start..])
    }

    /// So many of the bytes were taken.
    pub fn take(&mut self, count: usize) {
        self.start += count;
    }

    /// Passes over `count` bytes.
    pub fn skip(&mut self, count: u64) {
        self.skip = self.skip.saturating_add(count);
    }

    /// Reads what comes from a pipe to its end, without a look at it: whoever writes into it is told of an error otherwise. A file needs no
    /// such reader.
    pub fn drain(&mut self) {
        let form = std::mem::replace(&mut self.form, Form::Gone);
        match form {
            Form::Plain(ahead) | Form::Frames(Frames { ahead, .. }) => ahead.input.drain(),
            Form::Stream(mut stream) => drain(&mut stream),
            Form::Gone => {}
        }
    }

    /// Fills the buffer anew. False at the end.
    fn more(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.start = 0;
        match &mut self.form {
            Form::Gone => Ok(false),
            Form::Plain(ahead) => {
                ahead.skip(std::mem::take(&mut self.skip))?;
                let held = ahead.fill_buf()?;
                let count = held.len();
                self.buffer.extend_from_slice(held);
                ahead.consume(count);
                Ok(count > 0)
            }
            Form::Stream(stream) => {
                self.buffer.resize(ROOM, 0);
                let count = read_some(stream, &mut self.buffer)?;
                self.buffer.truncate(count);
                Ok(count > 0)
            }
            Form::Frames(frames) => match frames.next(&mut self.buffer, &mut self.skip)? {
                Next::Frame => Ok(true),
                Next::End => Ok(false),
                Next::Foreign => {
                    let Form::Frames(frames) = std::mem::replace(&mut self.form, Form::Gone) else { return Ok(false) };
                    self.form = Form::Stream(Box::new(zstd::stream::read::Decoder::with_buffer(frames.ahead)?));
                    self.more()
                }
            },
        }
    }
}

/// Reads to the end, or to an error, or until somebody asks to stop.
fn drain(stream: &mut impl Read) {
    let mut room = vec![0; ROOM];
    while !interrupt::requested() && read_some(stream, &mut room).is_ok_and(|count| count > 0) {}
}

fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            found => return found,
        }
    }
}

enum Next {
    /// A frame was decompressed into the buffer, or one was passed over.
    Frame,
    /// A frame that this tool did not write follows.
    Foreign,
    End,
}

impl Frames {
    fn next(&mut self, buffer: &mut Vec<u8>, skip: &mut u64) -> io::Result<Next> {
        let begin = self.ahead.peek(frames::LONGEST_HEADER)?;
        if begin.is_empty() {
            return Ok(Next::End);
        }
        let Some(header) = frames::header(begin) else { return Ok(Next::Foreign) };
        let Some(content) = header.content.filter(|size| *size <= WHOLE) else { return Ok(Next::Foreign) };
        let wanted = content > *skip;
        self.packed.clear();
        if wanted {
            self.packed.extend_from_slice(begin.get(..header.length).unwrap_or_default());
        }
        self.ahead.most = if wanted { ROOM } else { LITTLE };
        self.ahead.consume(header.length);
        self.blocks(&header, content, wanted)?;
        if wanted {
            buffer.resize(usize::try_from(content).unwrap_or(0), 0);
            let count = self.decompressor.decompress_to_buffer(&self.packed, &mut buffer[..])?;
            if count != buffer.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
        } else {
            *skip -= content;
        }
        Ok(Next::Frame)
    }

    /// Takes the blocks of a frame, or passes over them.
    fn blocks(&mut self, header: &frames::Header, content: u64, wanted: bool) -> io::Result<()> {
        // No compressor makes more of it than this: a block has three bytes more than it holds, and one may be empty.
        let most = content + content / 64 + 1024;
        let mut taken = 0;
        loop {
            let begin = self.ahead.peek(3)?;
            let three = *begin.first_chunk::<3>().ok_or(io::ErrorKind::UnexpectedEof)?;
            let block = frames::block(three).ok_or(io::ErrorKind::InvalidData)?;
            let sum = if block.last && header.checksum { 4 } else { 0 };
            let count = 3 + block.length + sum;
            taken += count as u64;
            if taken > most {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if wanted {
                let found = (&mut self.ahead).take(count as u64).read_to_end(&mut self.packed)?;
                if found != count {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            } else {
                self.ahead.skip(count as u64)?;
            }
            if block.last {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::pack::{Method, pack};
    use super::*;

    fn content() -> Vec<u8> {
        (0..1_500_000_u32).flat_map(|number| (number / 5).to_le_bytes()).collect()
    }

    fn archive(method: Method) -> Vec<u8> {
        let mut out = Vec::new();
        pack::<(), io::Error>(&mut out, method, 2, |sink| {
            let bytes = content();
            sink.put(&bytes[..3_000_000])?;
            sink.store(true)?;
            Ok(sink.put(&bytes[3_000_000..])?)
        })
        .unwrap();
        out
    }

    fn inputs(bytes: &[u8]) -> [Input; 2] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        [Input::File(file), Input::Pipe(Box::new(io::Cursor::new(bytes.to_vec())))]
    }

    /// Reads `take`, passes over `skip`, and so on, to the last `take` that begins within the content.
    fn read(input: Input, take: usize, skip: usize) -> io::Result<Vec<u8>> {
        let mut source = Source::of(input)?;
        let (mut out, mut at) = (Vec::new(), 0);
        while at < 6_000_000 {
            let mut left = take.min(6_000_000 - at);
            at += left + skip;
            while left > 0 {
                let bytes = source.bytes()?;
                let count = bytes.len().min(left);
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                out.extend_from_slice(&bytes[..count]);
                source.take(count);
                left -= count;
            }
            source.skip(skip as u64);
        }
        Ok(out)
    }

    fn expected(take: usize, skip: usize) -> Vec<u8> {
        let whole = content();
        whole.chunks(take + skip).flat_map(|part| part[..part.len().min(take)].to_vec()).collect()
    }

    #[test]
    fn a_stream_is_read_and_passed_over_from_files_and_pipes() {
        let foreign = zstd::stream::encode_all(&content()[..], 3).unwrap();
        let forms = [Method::Zstd(1), Method::Gzip(1), Method::Plain].map(archive).into_iter().chain([foreign]);
        for (form, bytes) in forms.enumerate() {
            for (take, skip) in [(6_000_000, 0), (700, 2_500_000), (1_000_000, 1), (300_000, 300_000)] {
                for input in inputs(&bytes) {
                    let whole = skip == 0;
                    let found = read(input, take, skip).unwrap();
                    let expected = if whole { content() } else { expected(take, skip) };
                    assert!(found == expected, "form {form}, {take} {skip}: {} {}", found.len(), expected.len());
                }
            }
        }
    }

    #[test]
    fn a_cut_stream_is_an_error_or_ends_early() {
        for method in [Method::Zstd(1), Method::Gzip(1)] {
            let bytes = archive(method);
            for end in [20, 1000, bytes.len() / 2, bytes.len() - 10] {
                for input in inputs(&bytes[..end]) {
                    assert!(read(input, 6_000_000, 0).is_err(), "{method:?} {end}");
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn no_stream_panics(head in 0..4_usize, bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), skip in 0..4000_u64) {
            let magic: [&[u8]; 4] = [&frames::MAGIC, &[0x28, 0xb5, 0x2f, 0xfd, 0xa0, 9, 0, 0, 0], &[0x1f, 0x8b, 8, 0], b""];
            let all = [magic[head], &bytes[..]].concat();
            let mut source = Source::of(Input::Pipe(Box::new(io::Cursor::new(all)))).unwrap();
            source.skip(skip);
            for _ in 0..50 {
                match source.bytes() {
                    Ok(&[]) | Err(_) => break,
                    Ok(bytes) => {
                        let count = bytes.len();
                        source.take(count);
                    }
                }
            }
        }
    }
}
