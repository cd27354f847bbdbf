//! What `clear` and `prune` take of memory for a large cache: some bytes a name, whatever they do with it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and stops")]

#[path = "support/large.rs"]
mod large;
mod support;

use large::{filled, peak};
use support::project::Room;

/// A million names may take 150 MB: a release build took 99 to 144 MB for a plan. This small cache gets a name more in a debug build, since what is
/// there once weighs more: 100 to 180 bytes. While each name had a path and a stamp of its own, it was 570 and more.
const A_NAME: u64 = 250;

#[test]
fn a_name_takes_few_bytes_whatever_is_done_with_it() {
    let (small, large) = (Room::bare(), Room::bare());
    for room in [&small, &large] {
        room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    }
    let names = [filled(&small, 1), filled(&large, 24)];
    for arguments in [
        &["prune", "--dry-run", "--json"][..],
        &["prune", "--dry-run", "--json", "--grace", "0"],
        &["clear", "all", "--dry-run", "--json"],
        &["prune", "--yes", "--json", "--grace", "0"],
        &["clear", "all", "--yes", "--now", "--json"],
    ] {
        let is_back = arguments[0] == "clear" && arguments.contains(&"--yes");
        [&small, &large].iter().filter(|_| is_back).for_each(|room| drop(room.run(&["prune", "--undo"]).expect(0)));
        let [base, all] = [&small, &large].map(|room| peak(room, arguments));
        let each = all.saturating_sub(base) / (names[1] - names[0]);
        eprintln!("{arguments:?}: {each} bytes a name, {} kB for {} names", all / 1024, names[1]);
        assert!(
            each < A_NAME,
            "{arguments:?}: {each} bytes a name; {base} bytes for {}, {all} for {}",
            names[0],
            names[1]
        );
    }
    assert!(!large.exists(".cache/torch/one"), "it was removed");
}
