//! What `clear` and `prune` take of memory for a large cache: some bytes a name, whatever they do with it.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::support::large::filled;
use crate::support::memory::in_memory;
use crate::support::peak::{most_of, peak};
use crate::support::project::Room;
use crate::support::strike::nothing_can_be_struck;
use crate::support::terminal::Terminal;

/// A million names may take 150 MB: a release build took 99 to 144 MB for a plan. This small cache gets a name more in a debug build, since what is
/// there once weighs more: 80 to 155 bytes. While each name had a path and a stamp of its own, it was 570 and more.
const A_NAME: u64 = 200;

/// What a name may take that is in the trash, or goes back: its journal is never in memory as a whole.
const WAITING: u64 = 100;

/// The most memory that modelstrap has with these arguments, in bytes, in a small room and in a large one.
fn most([small, large]: [&Room; 2], arguments: &[&str]) -> [u64; 2] {
    let of = |room: &Room, arguments: &[&str]| peak(&mut room.command(arguments));
    let asks = !arguments.contains(&"--yes") && arguments.contains(&"all") && !arguments.contains(&"--dry-run");
    if asks {
        // A small one is over before anybody has looked.
        [of(small, &[arguments, &["--dry-run"]].concat()), asked(large, arguments)]
    } else {
        [of(small, arguments), of(large, arguments)]
    }
}

/// What it has where a person is asked, and wants it: as much as was seen each millisecond.
fn asked(room: &Room, arguments: &[&str]) -> u64 {
    let mut terminal = Terminal::open(200, 40, &mut room.command(arguments));
    terminal.wait_for("Remove this?");
    let process = terminal.id();
    let watch = std::thread::spawn(move || {
        let (mut most, mut now) = (0, most_of(process));
        while now > 0 {
            most = now.max(most);
            std::thread::sleep(Duration::from_millis(1));
            now = most_of(process);
        }
        most
    });
    terminal.press("y");
    let ended = terminal.end();
    assert_eq!(ended.status.code(), Some(0), "{arguments:?}: {}", ended.raw);
    watch.join().unwrap()
}

/// What each of these takes for a name more, in a small room and in a large one.
fn measure(rooms: [&Room; 2], names: [u64; 2], cases: &[(&[&str], u64)]) {
    for (arguments, bar) in cases {
        let [base, all] = most(rooms, arguments);
        let each = all.saturating_sub(base) / (names[1] - names[0]);
        eprintln!("{arguments:?}: {each} bytes a name, {} kB for {} names", all / 1024, names[1]);
        assert!(
            each < *bar,
            "{arguments:?}: {each} bytes a name; {base} bytes for {}, {all} for {}",
            names[0],
            names[1]
        );
    }
}

fn empty() -> Room {
    let room = in_memory(Room::bare);
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room
}

#[test]
fn a_name_takes_few_bytes_whatever_is_done_with_it() {
    if nothing_can_be_struck() {
        return;
    }
    let (small, large) = (empty(), empty());
    let names = [filled(&small, 1), filled(&large, 14)];
    measure(
        [&small, &large],
        names,
        &[
            (&["prune", "--dry-run", "--json"], A_NAME),
            (&["prune", "--dry-run", "--json", "--grace", "0"], A_NAME),
            (&["clear", "all", "--dry-run", "--json"], A_NAME),
            (&["prune", "--yes", "--json", "--grace", "0"], A_NAME),
            (&["status"], WAITING),
            (&["clear", "trash", "--dry-run"], WAITING),
            (&["prune", "--undo"], A_NAME),
            (&["clear", "all", "--yes", "--now", "--json"], A_NAME),
        ],
    );
    assert!(!large.exists(".cache/torch/one"), "it was removed");
}

/// One repository with so many contents, each with a link, and half as many files that go one by one, for the login beside them.
fn wide(room: &Room, contents: usize) -> u64 {
    let at = room.place(".cache/huggingface/hub/models--org--wide");
    let commits = ["1", "2"].map(|digit| digit.repeat(40));
    for folder in
        ["blobs", "refs"].map(String::from).into_iter().chain(commits.iter().map(|one| format!("snapshots/{one}")))
    {
        fs::create_dir_all(at.join(folder)).unwrap();
    }
    fs::write(at.join("refs/main"), &commits[1]).unwrap();
    for number in 0..contents {
        let blob = format!("{:040x}", (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        fs::write(at.join("blobs").join(&blob), b"").unwrap();
        let link = at.join("snapshots").join(&commits[number % 2]).join(format!("file-{number}"));
        symlink(format!("../../blobs/{blob}"), link).unwrap();
    }
    let torch = room.place(".cache/torch/hub/loose");
    fs::create_dir_all(&torch).unwrap();
    fs::write(torch.join("token"), b"secret").unwrap();
    for number in 0..contents / 2 {
        fs::write(torch.join(format!("file-{number}")), b"").unwrap();
    }
    (contents * 5 / 2) as u64
}

#[test]
fn neither_one_repository_nor_one_folder_of_many_names_takes_more_also_on_the_way_back() {
    if nothing_can_be_struck() {
        return;
    }
    let (small, large) = (empty(), empty());
    let names = [wide(&small, 200), wide(&large, 8000)];
    measure(
        [&small, &large],
        names,
        &[
            (&["status", "--models", "--revisions"], WAITING),
            (&["prune", "--dry-run", "--grace", "0"], A_NAME),
            (&["clear", "org/wide", "--dry-run"], A_NAME),
            (&["prune", "--yes", "--grace", "0"], A_NAME),
            (&["status"], WAITING),
            (&["clear", "trash", "--dry-run"], WAITING),
            (&["prune", "--undo"], WAITING),
            (&["clear", "all"], A_NAME),
            (&["clear", "--undo"], WAITING),
            (&["clear", "all", "--yes"], A_NAME),
            (&["clear", "trash", "--yes"], WAITING),
        ],
    );
    assert!(!large.exists(".cache/torch/hub/loose/file-1") && large.exists(".cache/torch/hub/loose/token"));
}

/// So many files, each a thing of its own, in one folder of a home; and in an application cache, and what a program has left in another.
fn loose(room: &Room, count: usize) -> u64 {
    room.write(
        "modelstrap.toml",
        "[project]\nname = \"p\"\n[cache]\nbudget = \"1B\"\n[application_caches]\ntmdb = { path = \"data/tmdb\", max_age = \"1h\" }\n",
    );
    for folder in [".cache/torch/hub/checkpoints", "data/tmdb", ".cache/whisper/.modelstrap/partials"] {
        let at = room.place(folder);
        fs::create_dir_all(&at).unwrap();
        for number in 0..count {
            fs::write(at.join(format!("file-{number}")), b"").unwrap();
        }
    }
    (count * 3) as u64
}

#[test]
fn nor_do_files_that_lie_loose_in_one_folder() {
    if nothing_can_be_struck() {
        return;
    }
    let (small, large) = (empty(), empty());
    let names = [loose(&small, 200), loose(&large, 8000)];
    measure(
        [&small, &large],
        names,
        &[
            (&["status"], WAITING),
            (&["prune", "--dry-run", "--json"], A_NAME),
            (&["prune", "--dry-run", "--grace", "0"], A_NAME),
            (&["prune", "--dry-run", "--json", "--older-than", "0s"], A_NAME),
            (&["prune", "--dry-run", "--json", "--grace", "0", "--older-than", "0s"], A_NAME),
            (&["clear", "torch", "--dry-run"], A_NAME),
            (&["clear", "tmdb", "--dry-run"], A_NAME),
            (&["clear", "all"], A_NAME),
            (&["clear", "--undo"], A_NAME),
            (&["clear", "all", "--yes", "--json"], A_NAME),
            (&["clear", "--undo", "--json"], A_NAME),
            (&["prune", "--yes", "--grace", "0", "--older-than", "0s"], A_NAME),
        ],
    );
    assert!(!large.exists(".cache/torch/hub/checkpoints/file-1"), "it was removed");
}
