//! The real clients, with the network off, load what was downloaded: points 37 to 39.

use std::fs;

use serde_json::{Value, json};

use crate::support::desk::{self, CLIENTS, Desk};
use crate::support::hub::{Content, Hub, tree};
use crate::support::python::python_with;

/// What every client says of `org/tiny` at `revision`.
fn loaded(revision: &str) -> String {
    format!(
        "
from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
at = {{}} if {revision:?} == 'main' else {{'revision': {revision:?}}}
folder = snapshot_download('org/tiny', **at)
files = sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)
said = [folder, files, open(hf_hub_download('org/tiny', 'nested/dir/vocab.txt', **at)).read(),
        try_to_load_from_cache('org/tiny', 'config.json', **at) == os.path.join(folder, 'config.json')]"
    )
}

/// Point 37.
#[test]
fn every_client_loads_offline_by_branch_and_by_commit() {
    for by_commit in [false, true] {
        let hub = Hub::start();
        let commit = desk::tiny(&hub);
        let at = if by_commit { format!("@{commit}") } else { String::new() };
        let desk = Desk::at(hub, &format!("tiny = \"hf:org/tiny{at}\""));
        desk.download();
        let snapshot = desk.cached(&format!("models--org--tiny/snapshots/{commit}"));
        let files: Vec<String> = tree(&snapshot).into_keys().collect();
        for client in CLIENTS {
            for revision in ["main", &commit] {
                let Some(said) = desk.offline(client, &loaded(revision)) else { continue };
                assert_eq!(said, json!([snapshot, files, "a\nb\n", true]), "{client}, {revision}");
            }
        }
        desk.assert_no_warning(&["model/org/tiny"]);
    }
}

/// Point 37: tags, pull requests and data sets.
#[test]
fn every_client_loads_tags_pull_requests_and_data_sets() {
    let models = "pr = \"hf:org/m@refs/pr/3\"\nbranch = \"hf:org/m@feat/x\"\ntag = \"hf:org/m@v1\"\ndata = \"hf:datasets/org/d\"";
    let desk = Desk::with(models);
    desk.model("org/m").file("a.txt", "main").commit();
    desk.model("org/m").pull_request(3).file("a.txt", "pr").commit();
    desk.model("org/m").branch("feat/x").file("a.txt", "branch").commit();
    desk.model("org/m").tag("v1").file("a.txt", "tag").commit();
    desk.dataset("org/d").file("a.txt", "data").commit();
    desk.download();
    let code = "
from huggingface_hub import hf_hub_download
said = [open(hf_hub_download('org/m', 'a.txt', revision=r)).read() for r in ('refs/pr/3', 'feat/x', 'v1')]
said.append(open(hf_hub_download('org/d', 'a.txt', repo_type='dataset')).read())";
    for client in CLIENTS {
        let Some(said) = desk.offline(client, code) else { continue };
        assert_eq!(said, json!(["pr", "branch", "tag", "data"]), "{client}");
    }
    desk.assert_no_warning(&["dataset/org/d", "model/org/m"]);
}

/// Point 37: the library on top.
#[test]
fn transformers_loads_a_configuration_and_a_tokeniser_offline() {
    let desk = Desk::with("bert = \"hf:org/bert\"");
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n";
    let commit = desk
        .model("org/bert")
        .file("config.json", "{\"model_type\": \"bert\", \"hidden_size\": 48, \"architectures\": [\"BertModel\"]}")
        .file("tokenizer_config.json", "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true}")
        .file("vocab.txt", words)
        .lfs("model.safetensors", Content::pattern(5, 100))
        .commit();
    desk.download();
    for variable in ["MODELSTRAP_TEST_PYTHON_TRANSFORMERS", "MODELSTRAP_TEST_PYTHON_TRANSFORMERS_4"] {
        let Some(python) = python_with(variable, "transformers") else { continue };
        let code = format!(
            "
from transformers import AutoConfig, AutoTokenizer
said = []
for at in ({{}}, {{'revision': '{commit}'}}):
    said.append(AutoConfig.from_pretrained('org/bert', **at).hidden_size)
    said.append(AutoTokenizer.from_pretrained('org/bert', **at)('Hello world')['input_ids'])"
        );
        let vars = [("HF_HUB_OFFLINE", "1"), ("HF_ENDPOINT", "http://127.0.0.1:9")];
        let said = desk.python(&python, &vars, &code);
        assert_eq!(said, json!([48, [2, 5, 6, 3], 48, [2, 5, 6, 3]]), "{variable}");
        // As a user starts it: no variable but those of the project.
        let inner = "import json; from transformers import AutoConfig; print(AutoConfig.from_pretrained('org/bert').hidden_size)";
        let mut command = desk.room.command(&["run", "--", python.to_str().unwrap(), "-c", inner]);
        let ran = desk.room.ran(command.env("HF_HUB_OFFLINE", "1")).expect(0);
        assert_eq!(ran.out.lines().last(), Some("48"), "{variable}");
    }
}

/// Point 37: what Python leaves and what is left here are the same files with the same bytes.
#[test]
fn the_cache_is_the_one_that_python_makes_file_by_file_and_byte_by_byte() {
    let hub = Hub::start();
    hub.model("org/plain")
        .file("config.json", "{}")
        .file("we ird #1%+é.txt", "odd")
        .file("nested/dir/vocab.txt", "a\nb\n")
        .file("empty", "")
        .lfs("model.safetensors", Content::pattern(1, 12 << 20))
        .without_xet()
        .commit();
    hub.model("org/plain").pull_request(2).file("config.json", "{\"pr\": 2}").commit();
    let desk = Desk::at(hub, "one = \"hf:org/plain\"\ntwo = \"hf:org/plain@refs/pr/2\"");
    desk.download();
    let ours = desk.room.path().join("ours");
    fs::rename(desk.cache(), &ours).unwrap();
    let code = "
from huggingface_hub import snapshot_download
said = [snapshot_download('org/plain'), snapshot_download('org/plain', revision='refs/pr/2')]";
    for (client, has_trees) in CLIENTS.into_iter().zip([true, false, false]) {
        if desk.online(client, code).is_none() {
            continue;
        }
        let common = |folder: &std::path::Path| {
            let mut found = tree(folder);
            // Python escapes what is not ASCII in a listing: the same text in other bytes.
            for (path, what) in found.iter_mut().filter(|(path, _)| path.contains("/trees/")) {
                let listing: Value = serde_json::from_slice(&fs::read(folder.join(path)).unwrap()).unwrap();
                *what = listing.to_string();
            }
            found.retain(|path, _| {
                let private = ["/.modelstrap/", "/refs/refs/modelstrap/", "/.no_exist/", ".locks/"];
                let skip = private.iter().any(|part| path.contains(part)) || (path.contains("/trees/") && !has_trees);
                // 0.36 knew no tag yet.
                !skip && (has_trees || path != "CACHEDIR.TAG")
            });
            found
        };
        assert_eq!(common(&ours), common(&desk.cache()), "{client}");
        fs::rename(desk.cache(), desk.room.path().join(client)).unwrap();
    }
}

/// Point 38.
#[test]
fn a_part_has_no_listing_and_the_whole_has_one_and_both_load_without_patterns() {
    for whole in [false, true] {
        let desk = Desk::with("");
        let commit = desk::tiny(&desk.hub);
        let include = if whole { "" } else { "include = [\"*.json\", \"*.txt\"]" };
        desk.room.write("modelstrap.toml", format!("[models.tiny]\nsource = \"hf:org/tiny\"\n{include}\n"));
        desk.download();
        let listing = desk.cached(&format!("models--org--tiny/trees/{commit}.json"));
        assert_eq!(listing.exists(), whole);
        for client in CLIENTS {
            let code = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/tiny')";
            let Some(said) = desk.offline(client, code) else { continue };
            let expected = desk.cached(&format!("models--org--tiny/snapshots/{commit}"));
            assert_eq!(said, json!(expected), "{client}");
        }
    }
}

/// Point 38: a listing that Python left must go when it is wider than the files.
#[test]
fn a_listing_that_python_left_for_a_part_does_not_stay() {
    let desk = Desk::with("");
    let commit = desk::tiny(&desk.hub);
    let code =
        "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/tiny', allow_patterns='*.json')";
    if desk.online(CLIENTS[0], code).is_none() {
        return;
    }
    let listing = desk.cached(&format!("models--org--tiny/trees/{commit}.json"));
    assert!(listing.exists());
    desk.room.write("modelstrap.toml", "[models.tiny]\nsource = \"hf:org/tiny\"\ninclude = [\"*.json\"]\n");
    desk.download();
    assert!(!listing.exists());
    let code = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/tiny')";
    assert!(desk.offline(CLIENTS[0], code).is_some());
}

/// Point 39.
#[test]
fn names_that_libraries_try_are_marked_as_absent_and_no_name_that_exists_is() {
    for include in ["", "include = [\"*.json\"]"] {
        let desk = Desk::with("");
        let commit = desk::tiny(&desk.hub);
        desk.room.write("modelstrap.toml", format!("[models.tiny]\nsource = \"hf:org/tiny\"\n{include}\n"));
        desk.download();
        let marks = desk.cached(&format!("models--org--tiny/.no_exist/{commit}"));
        let exists = ["config.json", "model.safetensors", "empty", "nested"];
        assert!(exists.iter().all(|name| !marks.join(name).exists()), "{include}");
        if !include.is_empty() {
            continue;
        }
        for name in ["tokenizer.json", "added_tokens.json", "special_tokens_map.json"] {
            assert_eq!(fs::metadata(marks.join(name)).unwrap().len(), 0);
        }
        let code = "
from huggingface_hub import try_to_load_from_cache, _CACHED_NO_EXIST
said = [try_to_load_from_cache('org/tiny', n) is _CACHED_NO_EXIST for n in ('tokenizer.json', 'config.json', 'other')]";
        for client in CLIENTS {
            let Some(said) = desk.offline(client, code) else { continue };
            assert_eq!(said, Value::from(vec![true, false, false]), "{client}");
        }
    }
}
