//! What `backup` and `restore` take of memory for a large cache: some bytes a name, wherever the archive comes from and whatever is there.
#![cfg(target_os = "linux")]

use crate::support::large::filled;
use crate::support::memory::in_memory;
use crate::support::peak::peak;
use crate::support::project::Room;
use crate::support::strike::nothing_can_be_struck;

/// A million names may take 150 MB: a release build took 96 MB for 787,000. A debug build gets more for each; while each name had a box
/// of its own, it was 500 bytes and more in each of these runs.
const A_NAME: u64 = 250;

/// A project with a cache of so many repositories, and how many names there are.
fn cache(repositories: usize) -> (Room, u64) {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    let names = filled(&room, repositories);
    (room, names)
}

#[test]
fn a_name_takes_few_bytes_in_an_archive_on_its_way_in_and_out() {
    if nothing_can_be_struck() {
        return;
    }
    let (small, few) = in_memory(|| cache(6));
    // The smaller one fills what is there once: the pieces on their way through the compressor.
    let (large, many) = in_memory(|| cache(14));
    let archives = [&small, &large].map(|room| room.place("a.tar.zst").display().to_string());
    // What blobs are called in this cache is not what is in them.
    for arguments in [
        &["backup", "--allow-damaged", "--yes"][..],
        &["backup", "--allow-damaged", "--dry-run"],
        &["backup", "--allow-damaged", "--dry-run", "--json"],
        &["restore", "--list"],
        &["restore", "--list", "--json"],
    ] {
        let of = |at: usize| peak(&mut [&small, &large][at].command(&[arguments, &[&archives[at]]].concat()));
        let (base, all) = (of(0), of(1));
        let each = all.saturating_sub(base) / (many - few);
        eprintln!("{arguments:?}: {each} bytes a name, {} kB for {many} names", all / 1024);
        assert!(each < A_NAME, "{arguments:?}: {each} bytes a name; {base} bytes for {few}, {all} for {many}");
    }
}
