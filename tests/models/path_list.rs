//! `modelstrap models path` and `list`.
#![cfg(unix)]

use crate::support::zoo::Zoo;

#[test]
fn the_states_of_models_are_told_as_they_are() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\napple = { source = \"hf:org/tiny\", when = \"apple\" }\nurl = \"url:https://files.example.org/weights.bin\"\nwhisper = \"openai-whisper:tiny\"\n");
    let listed = || room.run(&["models", "list"]).expect(0).out;
    assert_eq!(
        listed(),
        "\
Model    State                   Size  Read by
tiny     not locked                 ?  huggingface
apple    for another machine        ?  huggingface
url      not locked                 ?
whisper  not locked           75.6 MB  openai-whisper
"
    );
    room.run(&["models", "lock"]).expect(0);
    room.run(&["models", "download", "tiny"]).expect(0);
    let readme = room.run(&["models", "path", "tiny", "README.md"]).expect(0).out;
    assert_eq!(
        listed(),
        "\
Model    State                   Size  Read by
tiny     here                 3.15 MB  huggingface
apple    for another machine  3.15 MB  huggingface
url      missing                    ?
whisper  missing              75.6 MB  openai-whisper
"
    );
    std::fs::write(readme.trim_end().replace('@', room.path().to_str().unwrap()), "other").unwrap();
    let json = room.run(&["models", "list", "--json"]).expect(0).json();
    assert_eq!((&json["models"][0]["name"], &json["models"][0]["state"]), (&"tiny".into(), &"changed".into()));
    assert_eq!(json["models"][2]["size"], serde_json::Value::Null);
}

#[test]
fn a_path_is_given_when_the_file_is_there_and_else_the_command_that_brings_it() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nboth = [\"hf:org/quants\", \"hf:org/evil-twin\"]\napple = { source = \"hf:org/tiny\", when = \"apple\" }\nurl = \"url:https://files.example.org/weights.bin\"\n");
    let told = |arguments: &[&str], code| zoo.told(&room.run(&[&["models", "path"], arguments].concat()).expect(code));
    assert_eq!(
        told(&["tiny"], 1),
        "error: tiny is not locked, so nobody knows which files it has\n  run `modelstrap models download tiny`\n"
    );
    room.run(&["models", "lock"]).expect(0);
    assert_eq!(told(&["tiny"], 1), "error: tiny is not here\n  run `modelstrap models download tiny`\n");
    assert_eq!(
        told(&["tiny", "config.json"], 1),
        "error: config.json of tiny is not here\n  run `modelstrap models download tiny`\n"
    );
    room.run(&["models", "download"]).expect(0);
    assert_eq!(told(&["tiny", "confg.json"], 1), "error: tiny has no file confg.json\n  the nearest is config.json\n");
    assert_eq!(told(&["both"], 2), "error: both means several models: both/quants, both/evil-twin\n");
    assert_eq!(
        told(&["apple"], 1),
        "error: apple is not for this machine\n  its `when` in the manifest does not hold here\n"
    );
    assert_eq!(
        told(&["tini"], 2),
        "error: `tini` is no model of this project, and not a well-known one\n  the project has tiny, both/quants, both/evil-twin, apple and url\n  the nearest one is `tiny`\n"
    );
    for verb in ["path", "verify", "download"] {
        let ran = room.run(&["models", verb, "nope"]).expect(2);
        let has = "  the project has tiny, both/quants, both/evil-twin, apple and url\n  name its source: `hf:`, ";
        assert!(zoo.told(&ran).contains(has), "{verb}: {}", ran.err);
    }
    let stranger = "hf:datasets/org/speech";
    room.run(&["models", "download", stranger]).expect(0);
    assert_eq!(
        told(&[stranger], 1),
        "error: the manifest does not name hf:datasets/org/speech, so nobody noted which files it has\n  run `modelstrap models add hf:datasets/org/speech`\n"
    );
    zoo.hub.forget();
    let out = |arguments: &[&str]| room.run(&[&["models", "path"], arguments].concat()).expect(0).out;
    assert_eq!(out(&["url"]), "@/p/.cache/files/58611014ee1b44c8/weights.bin\n");
    let folder = out(&["tiny"]);
    assert!(folder.starts_with("@/p/.cache/huggingface/hub/models--org--tiny/snapshots/"), "{folder}");
    assert_eq!(out(&["tiny", "./config.json"]), format!("{}/config.json\n", folder.trim_end()));
    assert_eq!(zoo.hub.requests().len(), 0);
}
