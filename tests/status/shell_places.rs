//! Where the variables of the user's own shell lead: `export HF_HOME=~/hf` in a `.bashrc` is where models have gone until now.
#![cfg(unix)]

use crate::support::project::Room;

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// A shell with `HF_HOME`, `TRANSFORMERS_CACHE` and `TORCH_HOME`, and models in each.
fn room() -> Room {
    let room = Room::bare();
    let home = room.home();
    let at = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let (hf, tc, torch) = (at("hf"), at("tc"), at("th"));
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    let room = room.with("HF_HOME", &hf).with("TRANSFORMERS_CACHE", &tc).with("TORCH_HOME", &torch);
    for (hub, name) in [("hf/hub", "org--asr"), ("tc", "org--old")] {
        let folder = format!("~/{hub}/models--{name}");
        room.write(&format!("{folder}/blobs/{name}"), vec![7; 2_000_000]);
        room.write(&format!("{folder}/refs/main"), COMMIT);
        room.link(&format!("{folder}/snapshots/{COMMIT}/model.bin"), &format!("../../blobs/{name}"));
    }
    room.write("~/th/hub/checkpoints/resnet.pth", vec![8; 1_500_000]);
    room
}

#[test]
fn status_counts_where_the_shell_leads_the_libraries() {
    let room = room();
    let ran = room.run(&["status", "--models"]).expect(0);
    let plain: Vec<String> =
        ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let says = |text: &str| assert!(plain.iter().any(|line| line.contains(text)), "{text}\n{}", ran.out);
    says("Not set up: programs use ~/.cache here, or where HF_HOME, TORCH_HOME and TRANSFORMERS_CACHE lead;");
    for (place, name) in [("hf", "HF_HOME"), ("tc", "TRANSFORMERS_CACHE"), ("th", "TORCH_HOME")] {
        says(&format!("~/{place} ({name} of this shell)"));
    }
    says("`modelstrap migrate ~/hf` brings in what HF_HOME of this shell leads to");
    for model in ["org/asr", "org/old", "resnet.pth"] {
        says(&format!("{model} "));
    }
    let places = room.run(&["status", "--json"]).expect(0).json()["places"].clone();
    let shell: Vec<_> = places.as_array().unwrap().iter().filter(|place| place["kind"] == "shell").collect();
    assert_eq!(shell.len(), 3, "{places}");
    assert!(shell.iter().any(|place| place["variable"] == "HF_HOME"), "{places}");
}

#[test]
fn what_the_shell_leads_to_is_moved_only_by_its_name() {
    let room = room();
    room.setup(&[]);
    let before = room.tree().without(|name| name.starts_with("p/"));
    let after = |what: &str| room.tree().without(|name| name.starts_with("p/")).assert_eq(&before, what);
    let ran = room.run(&["migrate", "--yes"]).expect(0);
    assert!(ran.err.contains("~/hf: HF_HOME of this shell leads there"), "{}", ran.err);
    assert!(ran.err.contains("`modelstrap migrate ~/hf`"), "{}", ran.err);
    after("migrate");
    room.run(&["dedupe", "--yes", "--grace", "0"]).expect(0);
    after("dedupe");
    room.run(&["prune", "--yes", "--grace", "0", "--older-than", "0", "--now"]).expect(0);
    after("prune");
    room.run(&["clear", "all", "--yes", "--now"]).expect(0);
    after("clear");
    let hf = room.place("~/hf");
    room.run(&["migrate", "--yes", hf.to_str().unwrap()]).expect(0);
    assert!(room.exists(&format!(".cache/huggingface/hub/models--org--asr/snapshots/{COMMIT}/model.bin")));
    assert!(!room.exists("~/hf/hub/models--org--asr"));
}

#[test]
fn a_variable_that_leads_to_the_home_or_above_makes_no_place() {
    let room = room();
    let (home, above) = (room.home(), room.path().to_path_buf());
    room.write("~/thesis.pt", vec![1; 2_000_000]);
    for path in [home.as_path(), above.as_path(), std::path::Path::new("/")] {
        let ran = room.ran(room.command(&["status", "--json"]).env("HF_HOME", path)).expect(0).json();
        let places = ran["places"].as_array().unwrap();
        assert!(!places.iter().any(|place| place["variable"] == "HF_HOME"), "{places:?}");
    }
}

#[test]
fn in_an_activated_project_the_variables_lead_to_its_own_cache() {
    let room = room();
    room.setup(&[]);
    let cache = room.place(".cache/huggingface");
    let mut command = room.command(&["status", "--json"]);
    command.env("HF_HOME", &cache).env_remove("TRANSFORMERS_CACHE").env_remove("TORCH_HOME");
    let ran = room.ran(&mut command).expect(0).json();
    assert!(ran["places"].as_array().unwrap().iter().all(|place| place["kind"] != "shell"), "{ran}");
}
