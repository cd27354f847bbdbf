//! Where a project may lie: below another folder, in a worktree, copied, or under a name that shells stumble over.

use super::git_ignores;
use crate::support::project::{Room, copy};

#[test]
fn a_subfolder_finds_its_project() {
    let room = Room::fixture();
    let mut command = room.command(&["setup", "--yes"]);
    room.ran(command.current_dir(room.place("stages"))).expect(0);
    assert!(room.exists(".cache") && !room.exists("stages/.cache"));
    room.run(&["-C", "stages", "setup", "--check"]).expect(0);
    // A manifest below the Git root is a project of its own; the ignore file stands beside it.
    let room = Room::git();
    room.write(".gitignore", "*.pyc\n");
    room.write("tools/ml/modelstrap.toml", "");
    room.run(&["-C", "tools/ml", "setup", "--yes"]).expect(0);
    assert!(room.exists("tools/ml/.cache") && !room.exists(".cache"));
    assert_eq!(room.text(".gitignore"), "*.pyc\n");
    assert!(git_ignores(&room, "tools/ml/.cache/x"));
}

#[test]
fn a_worktree_and_a_submodule_are_projects() {
    let room = Room::fixture();
    room.run_git(&["add", "--all"]);
    room.run_git(&["commit", "-q", "-m", "x"]);
    room.run_git(&["worktree", "add", "-q", "../tree"]);
    let origin = room.root().to_str().unwrap().to_owned();
    let room = room.at("tree");
    room.setup(&[]);
    assert!(room.exists(".cache/torch") && git_ignores(&room, ".cache/x"));
    room.run(&["setup", "--check"]).expect(0);
    let room = room.at("super");
    room.run_git(&["init", "-q"]);
    room.run_git(&["submodule", "--quiet", "add", &origin, "sub"]);
    let room = room.at("super/sub");
    room.setup(&[]);
    assert!(room.exists(".cache/torch") && git_ignores(&room, ".cache/x"));
    assert!(!room.exists("../.cache"));
    assert_eq!(
        room.run_git(&["status", "--porcelain", "--ignored=no"]).out,
        " M .gitignore\n M config/hardware_cache.json\n"
    );
}

#[test]
fn a_copy_of_a_project_with_our_files_in_it_becomes_ready_where_it_is() {
    let room = Room::fixture();
    room.setup(&[]);
    let other = Room::bare();
    copy(room.root(), other.root());
    other.run(&["setup", "--check"]).expect(3);
    other.setup(&[]);
    other.run(&["setup", "--check"]).expect(0);
    let env = other.text(".env");
    assert!(!env.contains(room.path().to_str().unwrap()), "{env}");
}

#[test]
fn a_path_with_blanks_quotes_and_letters_comes_out_right() {
    let room = Room::bare().at("it's a \"projéct\" $HOME `x` \\ модели");
    room.setup(&[]);
    let mut command = room.program("sh");
    let ran = room.ran(command.args(["-c", ". ./.modelstrap/env.sh; printf %s \"$TORCH_HOME\""])).expect(0);
    assert_eq!(ran.out, room.place(".cache/torch").to_str().unwrap().replace(room.path().to_str().unwrap(), "@"));
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_first_setup_names_what_lies_outside_of_the_cache_and_a_second_does_not() {
    let room = Room::git();
    room.write("~/.cache/whisper/base.pt", "x");
    room.write("~/.cache/torch/hub/x", "x");
    std::fs::create_dir_all(room.place("~/.cache/huggingface/hub")).unwrap();
    std::fs::create_dir_all(room.place("~/.cache/clip")).unwrap();
    room.write("models/small.gguf", "x");
    let told = "
Outside of the cache, and left as it is; `modelstrap status` says what it holds:
  ~/.cache/huggingface  (Hugging Face Hub)
  ~/.cache/whisper      (OpenAI Whisper)
  ~/.cache/torch        (PyTorch Hub)
  models                (this project)

";
    let ran = room.run(&["setup", "--dry-run"]).expect(0);
    assert!(ran.err.contains(told), "{}", ran.err);
    room.setup(&[]).says(&[told, "\n`modelstrap migrate` brings 2 B in 2 files from outside into the cache.\n"]);
    assert!(!room.setup(&["--force"]).err.contains("Outside of the cache"));
    // Code is often kept in a folder of that name.
    let room = Room::git();
    room.write("models/user.py", "x");
    assert!(!room.setup(&[]).err.contains("Outside of the cache"));
    // A place that leads into the cache is no other place.
    let room = Room::git();
    room.write(".cache/whisper/base.pt", "x");
    std::fs::create_dir_all(room.place("~/.cache")).unwrap();
    std::os::unix::fs::symlink(room.place(".cache/whisper"), room.place("~/.cache/whisper")).unwrap();
    assert!(!room.setup(&[]).err.contains("Outside of the cache"));
}
