//! The renames of a journal, read from its file each time that somebody asks: those of a million things would be some hundred
//! megabytes, and nobody needs them at once.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use super::rows::{Move, Row};

/// So many are in memory at once.
const BLOCK: u32 = 512;

/// Where the renames of a journal are.
#[derive(Debug)]
pub(super) struct Moves {
    file: File,
    blocks: Vec<Block>,
    /// How many places and trashes there are.
    bounds: (usize, usize),
    /// On which disk the first lay that went into each trash, where the system tells.
    devices: Vec<Option<u64>>,
    /// Whether they were copied with their journal.
    is_copied: bool,
}

/// Lines of the file that follow each other.
#[derive(Debug, Clone, Copy)]
struct Block {
    begin: u64,
    end: u64,
    renames: u32,
}

impl Moves {
    /// Those of `file`, none of which was seen yet.
    pub(super) const fn of(file: File, is_copied: bool) -> Self {
        Self { file, blocks: Vec::new(), bounds: (0, 0), devices: Vec::new(), is_copied }
    }

    /// `one` stands in the file from `begin` to `end`, after those before it. `bounds`: how many places and trashes it may name.
    pub(super) fn see(&mut self, one: &Move, (begin, end): (u64, u64), bounds: (usize, usize)) {
        self.bounds = bounds;
        self.devices.resize(bounds.1, None);
        if let Some(device) = self.devices.get_mut(one.trash) {
            *device = device.or_else(|| one.device());
        }
        match self.blocks.last_mut().filter(|last| last.renames < BLOCK) {
            Some(last) => *last = Block { end, renames: last.renames + 1, ..*last },
            None => self.blocks.push(Block { begin, end, renames: 1 }),
        }
    }

    /// On which disk that was which went into this trash first.
    pub(super) fn device(&self, trash: usize) -> Option<u64> {
        self.devices.get(trash).copied().flatten()
    }

    /// All of them, as they were made. Where some cannot be read any more, there is an error in their place.
    pub(super) fn iter(&self) -> impl Iterator<Item = io::Result<Move>> {
        self.blocks.iter().flat_map(|block| self.read(*block))
    }

    /// The last first.
    pub(super) fn rev(&self) -> impl Iterator<Item = io::Result<Move>> {
        self.blocks.iter().rev().flat_map(|block| self.read(*block).into_iter().rev())
    }

    fn read(&self, block: Block) -> Vec<io::Result<Move>> {
        let changed = || io::Error::other("its journal was changed while it was read");
        let text = self.text(block);
        let text = match text.and_then(|text| String::from_utf8(text).map_err(|_| changed())) {
            Ok(text) => text,
            Err(error) => return vec![Err(error)],
        };
        let mut found: Vec<io::Result<Move>> = Vec::new();
        for line in text.lines() {
            if let Ok(Row::Move(line)) = serde_json::from_str::<Row>(line)
                && let Some(one) = line.checked(self.bounds.0, self.bounds.1)
            {
                let mark = if self.is_copied { one.mark.copied() } else { one.mark };
                found.push(Ok(Move { mark, ..one }));
            }
        }
        let is_whole = u32::try_from(found.len()).is_ok_and(|count| count == block.renames);
        found.extend((!is_whole).then(|| Err(changed())));
        found
    }

    fn text(&self, block: Block) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(block.begin))?;
        let mut text = Vec::new();
        file.take(block.end - block.begin).read_to_end(&mut text)?;
        Ok(text)
    }
}
