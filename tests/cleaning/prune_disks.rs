//! `prune --until-free`, `status --min-free`: room is made on the disk that lacks it, and by what makes room there.
#![cfg(target_os = "linux")]

use std::fs;

use crate::support::aged::{four, linked};
use crate::support::lived::HUB;
use crate::support::project::{PROGRAM, Ran, Room, may_mount};

const PRUNE: &str = "\"$1\" prune --yes --grace 0 --until-free";

/// Runs `script` in a room whose project lies on a disk of 40 MB of its own, `$2/disk/p`; beside it is another one of 30 MB, `$2/other`.
fn on_two_disks(room: &Room, script: &str) -> Ran {
    for disk in ["disk", "other"] {
        fs::create_dir(room.path().join(disk)).unwrap();
    }
    let script = format!(
        "mount -t tmpfs -o size=40m none \"$2/disk\"; mount -t tmpfs -o size=30m none \"$2/other\"
         cp -a \"$2/p\" \"$2/disk/\"; cd \"$2/disk/p\"
         there() {{ ls {HUB} 2>/dev/null | grep org | sed 's/.*--//' | tr -d '\\n'; echo; }}; {script}"
    );
    let mut command = room.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(room.path());
    room.ran(&mut command)
}

/// Half of what is in the cache lies on the other disk: a library's home, by a link.
const APART: &str = "mv .cache/huggingface ../../other/hf; ln -s \"$2/other/hf\" .cache/huggingface
     echo 'Signature: 8a477f597d28d172789f06886806bc55' >../../other/hf/CACHEDIR.TAG
     mkdir -p .cache/torch/hub; head -c 6000000 /dev/zero >.cache/torch/hub/z.pth;";

#[test]
fn a_model_that_has_another_name_makes_no_room_and_the_next_goes() {
    if !may_mount() {
        return;
    }
    // The model that nobody used for the longest time is `a`, which `dedupe` has linked to a file of `./models`.
    let ran = on_two_disks(&linked(), &format!("{PRUNE} 24MB; there")).expect(0);
    assert!(ran.out.ends_with("\nacd\n"), "{ran:?}");
    // With its other name it would make room, and all that is left is not enough.
    let ran = on_two_disks(&linked(), &format!("{PRUNE} 39MB || there")).expect(0);
    assert!(ran.out.ends_with("\na\n") && ran.err.contains("cannot be reached"), "{ran:?}");
    assert!(ran.out.contains("org/a") && ran.out.contains("makes no room"), "{ran:?}");
}

#[test]
fn what_lies_on_another_disk_stays_when_this_one_is_full() {
    if !may_mount() {
        return;
    }
    // A disk that can never have so much free is not meant.
    let ran = on_two_disks(&four(), &format!("{APART} {PRUNE} 36MB; there; ls .cache/torch/hub")).expect(0);
    assert!(ran.out.ends_with("\nabcd\ncheckpoints\n"), "{ran:?}");
}

#[test]
fn the_disk_of_a_librarys_home_is_looked_after_as_that_of_the_cache_root() {
    if !may_mount() {
        return;
    }
    let check = "\"$1\" status --check --min-free 24MB";
    let ran =
        on_two_disks(&four(), &format!("{APART} {check} || {PRUNE} 24MB; there; ls .cache/torch/hub; {check} -q"))
            .expect(0);
    let said = ran.out.clone() + &ran.err;
    assert!(said.contains("the disk of .cache/huggingface has 11.4 MB free, less than 24.0 MB"), "{ran:?}");
    assert!(ran.out.ends_with("\nd\ncheckpoints\nz.pth\n"), "{ran:?}");
    // Nearly full, it keeps nothing of what goes.
    let script = format!(
        "{APART} cat /dev/zero >\"$2/other/ballast\" 2>/dev/null || :; \"$1\" clear --yes org/a; df --output=avail -B1 \"$2/other\" | tail -1"
    );
    let ran = on_two_disks(&four(), &script).expect(0);
    assert!(ran.out.contains("since the disk of "), "{ran:?}");
    let free: u64 = ran.out.lines().last().unwrap().trim().parse().unwrap();
    assert!(free > 4_900_000, "{free}: {ran:?}");
}
