//! A command line that cannot be meant, or that leaves a question open which nobody is there to answer.

use crate::support::project::Room;

#[test]
fn no_terminal_and_no_yes_is_wrong_usage_that_names_the_flag() {
    let room = Room::fixture();
    let before = room.tree();
    let ran = room.run(&["setup"]).expect(2);
    let error = "error: setup asks before it changes anything, and there is no terminal to ask on\n  give `--yes` to apply the plan, or `--dry-run` to look at it\n";
    assert!(ran.err.ends_with(error), "{}", ran.err);
    room.tree().assert_eq(&before, "setup without an answer");
    room.setup(&[]);
    let ready = room.tree();
    let ran = room.run(&["undo"]).expect(2);
    let error = "error: undo asks before it changes anything, and there is no terminal to ask on\n  give `--yes`\n";
    assert!(ran.err.ends_with(error), "{}", ran.err);
    room.tree().assert_eq(&ready, "undo without an answer");
}

#[test]
fn wrong_words_in_flags_are_wrong_usage() {
    let room = Room::fixture();
    let before = room.tree();
    let usage = |flags: &[&str]| room.run(&[&["setup", "--yes"], flags].concat()).expect(2);
    let parts = "the parts are cache, machine-config, gitignore, dotenv, snippets, profile";
    usage(&["--skip", "dotenvs"]).says(&["`--skip dotenvs`: there is no such part", parts]);
    usage(&["--only", "cache,x"]).says(&["`--only x`: there is no such part", parts]);
    usage(&["--profile", "basch"]).says(&["`--profile basch`: neither a shell with an rc file nor a path", "bash"]);
    let known = "`modelstrap env --list-libraries` shows every library that is known";
    usage(&["--libraries", "torch,torsh"]).says(&["--libraries: ", "torsh", known]);
    usage(&["--skip", "cache", "--only", "cache"]).says(&["--skip", "--only", "cannot be used with"]);
    room.tree().assert_eq(&before, "wrong usage");
    // From the manifest it is no usage.
    let room = Room::git();
    room.write("modelstrap.toml", "[cache]\nlibraries = [\"torsh\"]\n");
    room.run(&["setup", "--yes"]).expect(1).says(&["modelstrap.toml: [cache] libraries: ", known]);
}
