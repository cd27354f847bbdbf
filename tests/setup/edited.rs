//! What a person wrote, or edited since, stays as it is until `--force`, which `undo` takes back.

use std::fs;

use crate::support::project::Room;

#[test]
fn what_a_person_edited_is_kept_without_force_and_replaced_with_it_and_undo_brings_it_back() {
    let room = Room::fixture();
    room.setup(&[]);
    room.append(".modelstrap/env.sh", "# mine\n");
    room.edit(".env", "TORCH_HOME=", "TORCH_HOME=/mine # ");
    room.edit("config/hardware_cache.json", "\"hf_home\": \".cache/huggingface\"", "\"hf_home\": \"/mine\"");
    let edited = room.tree();
    let ran = room.setup(&[]);
    ran.says(&[
        "warning: .modelstrap/env.sh stays as it is: it was edited since modelstrap wrote it; `--force` replaces it, `undo` brings it back",
        "warning: .env stays as it is: its modelstrap block was edited since modelstrap wrote it",
        "warning: config/hardware_cache.json stays as it is: `cache.hf_home` in it was edited since modelstrap wrote it",
        "Nothing to do",
    ]);
    room.tree().assert_eq(&edited, "without --force");
    room.run(&["setup", "--check"]).expect(0);
    room.setup(&["--force"]);
    for (name, mine) in [(".modelstrap/env.sh", "# mine"), (".env", "/mine"), ("config/hardware_cache.json", "/mine")] {
        assert!(!room.text(name).contains(mine), "{name}");
    }
    room.undo(&[]);
    room.tree()
        .without(|name| name.contains("/journal"))
        .assert_eq(&edited.without(|name| name.contains("/journal")), "undone");
}

#[test]
fn force_makes_a_broken_setup_whole_again() {
    let room = Room::fixture();
    room.setup(&[]);
    let ready = room.tree();
    room.write(".modelstrap/env.sh", "broken");
    fs::remove_file(room.place(".modelstrap/env.nu")).unwrap();
    fs::remove_dir(room.place(".cache/mlx")).unwrap();
    room.edit(".gitignore", "/.cache/\n", "");
    room.edit("config/hardware_cache.json", "\"hardware\": {", "\"hardware\": {\"old\": 1,");
    room.setup(&["--force"]);
    let journal = |name: &str| name.contains("/journal");
    room.tree().without(journal).assert_eq(&ready.without(journal), "--force");
    room.run(&["setup", "--check"]).expect(0);
}

#[test]
fn a_file_that_stood_where_the_cache_tag_goes_is_kept() {
    let room = Room::git();
    room.write(".cache/CACHEDIR.TAG", "a person's own\n");
    let ran = room.setup(&[]);
    ran.says(&[".cache/CACHEDIR.TAG stays as it is: it was there before modelstrap"]);
    assert_eq!(room.text(".cache/CACHEDIR.TAG"), "a person's own\n");
}
