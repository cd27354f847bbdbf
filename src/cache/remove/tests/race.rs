//! Somebody swaps a folder on the way, or the victim itself, for a link to what lies outside, while a removal is under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

const TIMES: usize = 400;

/// Swaps `one` and the link `other` until told to stop: the parent of the victims, and the victim.
fn swapping<T>(pairs: &[(PathBuf, PathBuf)], work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (one, other) in pairs {
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    let _ = rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, flags);
                }
            }
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
#[cfg(target_os = "linux")]
fn a_link_that_is_swapped_in_leads_no_removal_out_of_the_cache() {
    let room = Room::in_memory();
    let outside = room.top.join("outside");
    for name in ["victim/a", "victim/b", "tree/victim/a", "file"] {
        put(&outside.join(name), "precious");
    }
    let before = inventory(&outside);
    let (mut gone, mut stayed) = (0, 0);
    for turn in 0..TIMES {
        let base = room.home.join(format!("{turn}"));
        for name in ["folder/victim/a", "folder/file", "tree/victim/a", "file"] {
            put(&base.join(name), "x");
        }
        let pair = |name: &str, target: &Path| {
            let link = base.join(format!("{name} link"));
            symlink(target, &link).unwrap();
            (base.join(name), link)
        };
        let victims = vec![
            room.victim(&base.join("folder/victim"), Role::Tree),
            room.victim(&base.join("folder/file"), Role::File),
            room.victim(&base.join("tree"), Role::Tree),
            room.victim(&base.join("file"), Role::File),
        ];
        let pairs =
            [pair("folder", &outside), pair("tree", &outside.join("tree")), pair("file", &outside.join("file"))];
        let keep = if turn % 2 == 0 { Keep::Now } else { HOUR };
        let outcome = swapping(&pairs, || room.remover.remove(order(victims, keep), &|_| {}));
        let outcome = outcome.unwrap_or_default();
        (gone, stayed) = (gone + outcome.gone, stayed + outcome.stayed.len());
        if keep == HOUR {
            swapping(&pairs, || room.remover.undo()).unwrap();
            swapping(&pairs, || room.remover.sweep(i64::MAX)).unwrap();
        }
        assert_eq!(inventory(&outside), before, "turn {turn}");
    }
    assert!(gone > 0 && stayed > 0, "both ends of the race were seen: {gone} gone, {stayed} stayed");
}
