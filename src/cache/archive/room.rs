//! How much of the disks a restore takes, and whether they have it: known before anything is written, and the one number that a
//! person is told.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::index::Index;
use super::merge::Merge;
use super::sharing::{Firsts, Sharing};
use super::target::Target;
use crate::platform::disk;
use crate::support::{escape, units};

/// What comes to each root takes, in bytes: each file whole blocks, and what becomes a second name nothing. Folders and long links
/// take a block each on some file systems and none on others; a disk that is so full says so itself, and loses nothing.
pub fn needs(index: &Index, merge: &Merge, target: &Target) -> Vec<(PathBuf, u64)> {
    let stores = index.stores();
    let mut needs: Vec<(PathBuf, u64, u64)> = Vec::new();
    let mut add = |at: usize, size: u64| {
        let root = target.spot(index.members.name(at).bytes()).root;
        let known = needs.iter().position(|(known, ..)| *known == root);
        let known = known.unwrap_or_else(|| {
            let block = disk::block(&root).max(1);
            needs.push((root, block, 0));
            needs.len() - 1
        });
        if let Some((_, block, sum)) = needs.get_mut(known) {
            *sum = sum.saturating_add(size.div_ceil(*block).saturating_mul(*block));
        }
    };
    for (holder, takers) in merge.wanted.contents() {
        let Some((_, size)) = index.members.content(holder) else { continue };
        let mut files = Firsts::default();
        for taker in takers.iter().map(|taker| *taker as usize) {
            if files.meet(Sharing::of(index, &stores, taker), taker).is_none() {
                add(taker, size);
            }
        }
    }
    needs.into_iter().map(|(root, _, sum)| (root, sum)).collect()
}

/// Whether the disks have room for what comes.
///
/// # Errors
/// When one has not, with how much is missing.
pub fn has_room(index: &Index, merge: &Merge, target: &Target) -> Result<()> {
    for (root, need) in needs(index, merge, target) {
        if let Some(free) = disk::free_space(&root).filter(|free| *free < need) {
            bail!(
                "{} more are needed than the disk of {} has: what comes takes {} there, {} are free\n  nothing was changed; make room, and run this again",
                units::bytes(need - free),
                escape::path(&root),
                units::bytes(need),
                units::bytes(free)
            );
        }
    }
    Ok(())
}
