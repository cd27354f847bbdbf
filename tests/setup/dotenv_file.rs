//! `.env`: a block beside the lines of a person, who is told where both name the same variable.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::block;
use crate::support::project::Room;

#[test]
fn a_dotenv_keeps_its_lines_and_a_conflict_is_named() {
    let room = Room::fixture();
    room.append(".env", "export HF_HOME=\"/old/place\"\nTORCH_HOME=/x\n");
    let before = room.text(".env");
    let ran = room.setup(&[]);
    let root = room.root().to_str().unwrap();
    ran.says(&[
        "HF_HOME in .env, line 9, is \"/old/place\"; the block sets @/p/.cache/huggingface after it, and the later one counts",
        "TORCH_HOME in .env, line 10, is /x; the block sets @/p/.cache/torch after it",
    ]);
    let after = room.text(".env");
    assert!(after.starts_with(&before));
    let lines = block(&after);
    for (name, folder) in [
        ("PRIMARY_CACHE_PATH", ".cache"),
        ("HF_HOME", ".cache/huggingface"),
        ("TORCH_HOME", ".cache/torch"),
        ("MLX_CACHE_DIR", ".cache/mlx"),
        ("TRANSFORMERS_CACHE", ".cache/huggingface/hub"),
    ] {
        assert!(lines.contains(&format!("{name}={root}/{folder}").as_str()), "{name} in {lines:?}");
    }
}

#[test]
fn a_line_that_the_dotenv_has_already_is_not_repeated() {
    let room = Room::git();
    let line = format!("TORCH_HOME={}/.cache/torch", room.root().display());
    room.write(".env", format!("{line}\n"));
    room.setup(&[]);
    assert_eq!(room.text(".env").matches(&line).count(), 1);
}

#[test]
fn a_dotenv_keeps_its_mode_because_it_may_hold_secrets() {
    let room = Room::fixture();
    fs::set_permissions(room.place(".env"), fs::Permissions::from_mode(0o600)).unwrap();
    room.setup(&[]);
    let mode = |path: &str| fs::metadata(room.place(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".env"), 0o600);
    for entry in fs::read_dir(room.place(".modelstrap/journal/objects")).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
