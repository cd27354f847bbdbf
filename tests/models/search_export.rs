//! `modelstrap models search` and `export`.
#![cfg(unix)]

use crate::support::zoo::Zoo;

#[test]
fn a_search_finds_well_known_names_and_the_hubs_and_each_can_be_added() {
    let zoo = Zoo::start();
    let room = zoo.project("");
    let ran = room.run(&["models", "search", "tiny", "--limit", "3"]).expect(0);
    assert_eq!(
        ran.out,
        "\
Name                               Size  Read by         Licence
faster-whisper-tiny.en                ?  faster-whisper  MIT
faster-whisper-tiny             78.2 MB  faster-whisper  MIT
mlx-whisper-tiny.en                   ?  mlx             MIT
hf:org/tiny                           ?  huggingface
hf:Systran/faster-whisper-tiny        ?  huggingface
"
    );
    assert_eq!(
        zoo.told(&ran),
        "3 more are well known; `--limit 6` shows them.\n`modelstrap models add NAME` names one in the manifest and downloads it.\n"
    );
    for name in ["faster-whisper-tiny.en", "hf:org/tiny"] {
        room.run(&["models", "add", name, "--dry-run"]).expect(0);
    }
    room.run(&["models", "search", "gated"]).expect(0).says(&[]);
    let json = room.run(&["models", "search", "gated", "--json"]).expect(0).json();
    assert_eq!(json["hub"][0]["gated"], true);
    assert_eq!(zoo.told(&room.run(&["models", "search", "xyzzyqq"]).expect(1)), "Nothing is called xyzzyqq\n");
    zoo.hub.forget();
    room.run(&["models", "search", "tiny", "--offline"]).expect(0).says(&["The Hub was not asked: offline."]);
    assert_eq!(
        zoo.told(&room.run(&["models", "search", "xyzzyqq", "--offline"]).expect(1)),
        "The Hub was not asked: offline.\nNothing is called xyzzyqq\n"
    );
    assert_eq!(zoo.hub.requests().len(), 0);
    zoo.hub.delete("org/tiny");
}

#[test]
fn a_bill_of_materials_names_every_file_and_is_the_same_each_time() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    let ran = room.run(&["models", "export"]).expect(1);
    assert_eq!(zoo.told(&ran), "error: there is no modelstrap.lock\n  run `modelstrap models lock` first\n");
    let none = zoo.project("").run(&["models", "export"]).expect(1);
    assert_eq!(zoo.told(&none), "error: the manifest names no models: there is nothing to export\n");
    room.run(&["models", "lock"]).expect(0);
    zoo.hub.forget();
    room.run(&["models", "export", "-o", "bom.json"]).expect(0).says(&["Wrote bom.json."]);
    let text = room.text("bom.json");
    assert_eq!(room.run(&["models", "export", "--format", "cyclonedx"]).expect(0).out, text);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["specVersion"], &json["components"][0]["name"]), (&"1.6".into(), &"tiny".into()));
    assert_eq!(json["components"][0]["components"].as_array().unwrap().len(), 3);
    assert_eq!(zoo.hub.requests().len(), 0);
    room.run(&["models", "export", "--format", "spdx"]).expect(2);
    let folder = room.run(&["models", "export", "-o", "."]).expect(2);
    assert_eq!(
        zoo.told(&folder),
        "error: `--output .` is a folder\n  give the name of a file, as in `--output ./models.cdx.json`\n"
    );
}
