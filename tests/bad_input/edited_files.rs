//! The files that people edit, with our block in them or to be put there: what they are, and what became of the markers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{NOTHING_CHANGED, refused, refused_saying};
use crate::support::project::{BEGIN, END, PROGRAM, Room};

#[test]
fn an_rc_file_that_is_read_only_is_refused() {
    let room = Room::fixture();
    room.write("~/.bashrc", "alias x=y\n");
    fs::set_permissions(room.place("~/.bashrc"), fs::Permissions::from_mode(0o444)).unwrap();
    refused(
        &room,
        &["--profile", "bash"],
        "@/h/.bashrc: is read-only\n  make it writable, or leave this part out with `--skip`\nnothing was changed",
    );
}

#[test]
fn an_rc_file_that_is_a_folder_is_refused() {
    let room = Room::fixture();
    fs::create_dir(room.place("~/.bashrc")).unwrap();
    refused(
        &room,
        &["--profile", "bash"],
        "@/h/.bashrc: is a folder, and a file belongs there\n  move it away, or leave this part out with `--skip`\nnothing was changed",
    );
}

#[test]
fn an_rc_file_that_is_not_utf_8_keeps_its_bytes() {
    let room = Room::fixture();
    let bytes = b"export PS1='\xe4\xf6\xfc \x80'\r\nx=\xff\xfe";
    room.write("~/.bashrc", bytes);
    let before = room.tree();
    room.setup(&["--profile", "bash"]);
    let after = room.read("~/.bashrc");
    assert!(after.starts_with(bytes) && after.len() > bytes.len());
    room.undo(&[]);
    room.tree().assert_eq(&before, "undo");
    // UTF-16 has no bytes in common with our markers: that is refused.
    room.write("~/.bashrc", b"\xff\xfea\0l\0");
    refused_saying(&room, &["--profile", "bash"], &["@/h/.bashrc: is UTF-16", "save it as UTF-8", NOTHING_CHANGED]);
}

#[test]
fn an_rc_file_of_50_megabytes_is_refused_at_once() {
    let room = Room::fixture();
    fs::File::create(room.place("~/.bashrc")).unwrap().set_len(50 << 20).unwrap();
    let begun = Instant::now();
    refused_saying(&room, &["--profile", "bash"], &["@/h/.bashrc: is 5", "too large", "`--skip`", NOTHING_CHANGED]);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Without the profile it is nobody's concern.
    room.setup(&[]);
}

#[test]
fn a_pipe_where_a_file_belongs_is_refused_and_not_waited_for() {
    let room = Room::fixture();
    fs::remove_file(room.place(".env")).unwrap();
    assert!(Command::new("mkfifo").arg(room.place(".env")).status().unwrap().success());
    let before = room.tree();
    let mut command = room.program("timeout");
    command.args(["10", PROGRAM, "setup", "--yes"]);
    room.ran(&mut command).expect(1).says(&["@/p/.env: is neither a file nor a folder", NOTHING_CHANGED]);
    room.tree().assert_eq(&before, "a pipe");
}

#[test]
fn half_doubled_and_inverted_markers_are_shown_with_their_lines() {
    let next = "restore or remove those marker lines by hand, then run this again";
    let broken = [
        (format!("a\n{BEGIN}\nb\n"), "modelstrap's block begins but does not end", vec![(2, BEGIN)]),
        (format!("a\nb\n{END}\n"), "modelstrap's block ends but does not begin", vec![(3, END)]),
        (
            format!("{END}\na\n{BEGIN}\n"),
            "the end marker of modelstrap's block stands before its begin marker",
            vec![(1, END), (3, BEGIN)],
        ),
        (
            format!("{BEGIN}\n{END}\nx\n{BEGIN}\n{END}\n"),
            "modelstrap's block has more than one begin or end marker",
            vec![(1, BEGIN), (2, END), (4, BEGIN), (5, END)],
        ),
    ];
    for (text, problem, lines) in broken {
        let shown: String = lines.iter().map(|(number, line)| format!("\n    line {number}: {line}")).collect();
        for name in [".gitignore", ".env", "~/.bashrc"] {
            let room = Room::fixture();
            room.write(name, &text);
            let path = name.strip_prefix("~/").map_or_else(|| format!("@/p/{name}"), |name| format!("@/h/{name}"));
            let error = format!("{path}: {problem}:{shown}\n  {next}\nnothing was changed");
            let ran = refused_saying(&room, &["--profile", "bash"], &[&error]);
            assert_eq!(ran.err, format!("error: {error}\n"));
        }
    }
}

#[test]
fn every_obstacle_is_named_at_once() {
    let room = Room::fixture();
    room.write("config/hardware_cache.json", "[]");
    room.write(".env", format!("{BEGIN}\n"));
    room.write(".cache", "");
    let ran = refused_saying(&room, &["--cache-dir", ".caches"], &["hardware_cache.json", "@/p/.env", NOTHING_CHANGED]);
    assert_eq!(ran.err.matches(NOTHING_CHANGED).count(), 1);
}
