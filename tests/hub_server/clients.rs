//! The real Python clients download from the hub, and leave the official cache layout.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::hub::{Content, Hub, Kind, Later, Proxy, shared_part};
use crate::support::python::{House, good, python_with};

/// The newest client and the oldest that is still in use, as far as they are installed.
fn clients() -> Vec<PathBuf> {
    let names = ["MODELSTRAP_TEST_PYTHON", "MODELSTRAP_TEST_PYTHON_OLD"];
    let mut found: Vec<_> = names.iter().filter_map(|name| python_with(name, "huggingface_hub")).collect();
    found.dedup();
    found
}

/// One client with an empty cache.
struct Client<'a> {
    house: House,
    python: &'a Path,
    vars: Vec<(&'static str, String)>,
}

impl<'a> Client<'a> {
    fn of(hub: &Hub, python: &'a Path) -> Self {
        let house = House::bare("client");
        let mut vars = hub.environment();
        vars.push(("HF_HOME", house.at("hf").to_str().unwrap().to_owned()));
        Self { house, python, vars }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.vars.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.vars.retain(|(found, _)| *found != name);
        self
    }

    /// Runs code that leaves its answer in `said`.
    fn run(&self, code: &str) -> Value {
        let code = format!(
            "import json\nfrom huggingface_hub import *\nfrom huggingface_hub.errors import *\nsaid = None\n{code}\nprint(json.dumps(said))"
        );
        let mut command = self.house.command(self.python);
        command.envs(self.vars.iter().cloned()).args(["-c", &code]);
        let text = good(&mut command);
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }

    fn cache(&self, folder: &str) -> PathBuf {
        self.house.at("hf/hub").join(folder)
    }
}

/// A repository with everything that a real one has: folders, odd names, an empty file, two large files, one small content twice.
fn tiny(hub: &Hub) -> String {
    hub.model("org/tiny")
        .file("config.json", "{\"model_type\": \"bert\"}")
        .file("we ird #1%+é.txt", "odd")
        .file("onnx/config.json", "{\"model_type\": \"bert\"}")
        .file("empty", "")
        .lfs("model.safetensors", Content::pattern(1, 12 << 20))
        .lfs("onnx/deep/model.onnx", Content::pattern(2, 70_000))
        .commit()
}

#[test]
fn a_snapshot_by_branch_and_by_commit_has_the_official_layout() {
    for python in clients() {
        let hub = Hub::start();
        let commit = tiny(&hub);
        for revision in ["main", &commit] {
            let client = Client::of(&hub, &python);
            let path = client.run(&format!("said = snapshot_download('org/tiny', revision='{revision}')"));
            let folder = client.cache("models--org--tiny");
            assert_eq!(path, json!(folder.join("snapshots").join(&commit)));
            assert_eq!(shared_part(&folder), hub.expected_cache(Kind::Model, "org/tiny", revision, |_| true));
        }
        assert_eq!(hub.requests_to("GET", "/repos/*").len(), 4, "{:#?}", hub.requests());
    }
}

#[test]
fn single_files_and_filtered_snapshots_bring_what_was_asked_for() {
    for python in clients() {
        let hub = Hub::start();
        let commit = tiny(&hub);
        let client = Client::of(&hub, &python);
        client.run(&format!(
            "hf_hub_download('org/tiny', 'onnx/config.json')\nhf_hub_download('org/tiny', 'onnx/deep/model.onnx', revision='{commit}')\nhf_hub_download('org/tiny', 'empty')"
        ));
        let wanted = |path: &str| ["onnx/config.json", "onnx/deep/model.onnx", "empty"].contains(&path);
        let folder = client.cache("models--org--tiny");
        assert_eq!(shared_part(&folder), hub.expected_cache(Kind::Model, "org/tiny", "main", wanted));

        let client = Client::of(&hub, &python);
        client.run("snapshot_download('org/tiny', allow_patterns=['*.json', '*.onnx'], ignore_patterns='onnx/c*')");
        let wanted = |path: &str| ["config.json", "onnx/deep/model.onnx"].contains(&path);
        let folder = client.cache("models--org--tiny");
        assert_eq!(shared_part(&folder), hub.expected_cache(Kind::Model, "org/tiny", "main", wanted));
    }
}

#[test]
fn data_sets_branches_pull_requests_and_names_of_one_word_are_found() {
    for python in clients() {
        let hub = Hub::start();
        hub.dataset("org/data").file("train.csv", "a,b\n").lfs("train.parquet", Content::pattern(3, 9_000)).commit();
        hub.model("gpt2").file("config.json", "{}").commit();
        hub.model("gpt2").branch("feat/x").file("config.json", "{\"x\": 1}").commit();
        hub.model("gpt2").pull_request(7).file("config.json", "{\"pr\": 7}").commit();
        let client = Client::of(&hub, &python);
        client.run("snapshot_download('org/data', repo_type='dataset')\nfor r in ('main', 'feat/x', 'refs/pr/7'): snapshot_download('gpt2', revision=r)");
        let data = hub.expected_cache(Kind::Dataset, "org/data", "main", |_| true);
        assert_eq!(shared_part(&client.cache("datasets--org--data")), data);
        let revisions =
            ["main", "feat/x", "refs/pr/7"].map(|name| hub.expected_cache(Kind::Model, "gpt2", name, |_| true));
        assert_eq!(shared_part(&client.cache("models--gpt2")), revisions.into_iter().flatten().collect());
    }
}

#[test]
fn a_gated_model_opens_with_the_right_token_and_the_cdn_never_sees_it() {
    for python in clients() {
        let hub = Hub::start();
        hub.user("hf_stranger", "stranger");
        hub.model("org/gated")
            .gated()
            .readable_with("hf_good")
            .file("config.json", "{}")
            .lfs("model.bin", Content::pattern(4, 30_000))
            .commit();
        hub.model("org/secret").private().readable_with("hf_good").file("config.json", "{}").commit();
        let code = "
said = []
for repo in ('org/gated', 'org/secret', 'org/none'):
    try: snapshot_download(repo); said.append('here')
    except Exception as e: said.append(type(e).__name__)
";
        let said = |client: Client<'_>| client.run(code);
        let missing = "RepositoryNotFoundError";
        assert_eq!(said(Client::of(&hub, &python)), json!(["GatedRepoError", missing, missing]));
        let stranger = Client::of(&hub, &python).with("HF_TOKEN", "hf_stranger");
        assert_eq!(said(stranger), json!(["GatedRepoError", missing, missing]));
        let friend = Client::of(&hub, &python).with("HF_TOKEN", "hf_good");
        assert_eq!(said(friend), json!(["here", "here", missing]));
        assert_eq!(hub.requests_to("GET", "/repos/*").len(), 1);
        assert!(hub.requests_to("*", "/org/gated/*").iter().any(|seen| seen.authorization() == Some("Bearer hf_good")));
    }
}

#[test]
fn the_clients_read_every_document_of_the_api() {
    for python in clients() {
        let hub = Hub::start();
        hub.page_size(2);
        let commit = tiny(&hub);
        hub.tag("org/tiny", "v1", &commit);
        hub.user("hf_me", "me");
        hub.model("org/Gated").gated_by_hand().license("mit").popular(5, 6).file("a", "1").commit();
        hub.rename("org/Gated", "org/New");
        let client = Client::of(&hub, &python);
        let said = client.run(
            "
api = HfApi()
info = api.model_info('org/tiny', files_metadata=True)
large = [s for s in info.siblings if s.rfilename == 'model.safetensors'][0]
tree = list(api.list_repo_tree('org/tiny', recursive=True))
paths = api.get_paths_info('org/tiny', ['config.json', 'onnx', 'none'])
refs = api.list_repo_refs('org/tiny')
new = api.model_info('org/Gated')
codes = []
for call in (lambda: hf_hub_download('org/tiny', 'none'), lambda: hf_hub_download('org/tiny', 'config.json', revision='none')):
    try: call()
    except Exception as e: codes.append(type(e).__name__)
said = {
    'sha': info.sha, 'large': [large.size, large.lfs.sha256], 'tree': len(tree),
    'expanded': len(list(api.list_repo_tree('org/tiny', path_in_repo='onnx', expand=True))),
    'paths': sorted(p.path for p in paths), 'branches': [b.name for b in refs.branches], 'tags': [t.name for t in refs.tags],
    'new': [new.id, new.gated, new.card_data.license], 'found': [m.id for m in api.list_models(search='TIN')],
    'me': api.whoami(token='hf_me')['name'], 'codes': codes,
}",
        );
        let sha256 = Content::pattern(1, 12 << 20).sha256();
        let not_found =
            if said["codes"][0] == "EntryNotFoundError" { "EntryNotFoundError" } else { "RemoteEntryNotFoundError" };
        assert_eq!(
            said,
            json!({
                "sha": commit, "large": [12 << 20, sha256], "tree": 8, "expanded": 2,
                "paths": ["config.json", "onnx"], "branches": ["main"], "tags": ["v1"],
                "new": ["org/New", "manual", "mit"], "found": ["org/tiny"], "me": "me",
                "codes": [not_found, "RevisionNotFoundError"],
            })
        );
    }
}

#[test]
fn the_clients_come_over_https_and_through_a_proxy_to_the_true_host_name() {
    for python in clients() {
        let hub = Hub::https();
        tiny(&hub);
        let expected = hub.expected_cache(Kind::Model, "org/tiny", "main", |_| true);
        let client = Client::of(&hub, &python);
        client.run("snapshot_download('org/tiny')");
        assert_eq!(shared_part(&client.cache("models--org--tiny")), expected);

        let proxy = Proxy::http();
        proxy.leads("huggingface.co", hub.address());
        let client = Client::of(&hub, &python).without("HF_ENDPOINT").with("HTTPS_PROXY", &proxy.url());
        client.run("snapshot_download('org/tiny')");
        assert_eq!(shared_part(&client.cache("models--org--tiny")), expected);
        assert!(proxy.hosts().contains(&"huggingface.co:443".to_owned()), "{:?}", proxy.hosts());
        assert!(proxy.hosts().contains(&hub.cdn().address().to_string()), "{:?}", proxy.hosts());
    }
}

#[test]
fn the_clients_survive_what_they_are_known_to_survive() {
    for python in clients() {
        let hub = Hub::start();
        tiny(&hub);
        let cut = hub.cdn().on("*model.safetensors").once().cuts_at(11 << 20);
        // 0.36 takes its list from the answer before, and tries no refusal again.
        hub.on("*/tree/*").once().answers(429, Later::Seconds(0));
        let client = Client::of(&hub, &python);
        // 0.36 gives up at once and resumes in the next run; 2.4 resumes at once.
        let zipped = hub.on("/api/resolve-cache/*/config.json").method("GET").once().sends_gzip();
        let code = "
for last in (False, True):
    try: snapshot_download('org/tiny'); break
    except Exception:
        if last: raise
";
        client.run(code);
        let expected = hub.expected_cache(Kind::Model, "org/tiny", "main", |_| true);
        assert_eq!(shared_part(&client.cache("models--org--tiny")), expected);
        assert_eq!((cut.count(), zipped.count()), (1, 1));
        let trees: Vec<_> = hub.requests_to("GET", "*/tree/*").iter().map(|seen| seen.status()).collect();
        assert!(trees.is_empty() || trees == [429, 200], "{trees:?}");
        assert!(hub.requests_to("GET", "/repos/*").iter().any(|seen| seen.range().is_some()), "{:#?}", hub.requests());
    }
}

#[test]
fn a_body_with_one_wrong_byte_is_taken_by_the_clients_which_is_why_ours_hashes() {
    for python in clients() {
        let hub = Hub::start();
        tiny(&hub);
        hub.cdn().on("*model.onnx").flips_the_byte_at(5);
        let client = Client::of(&hub, &python);
        client.run("snapshot_download('org/tiny')");
        let name = format!("blobs/{}", Content::pattern(2, 70_000).sha256());
        let wrong = Content::pattern(2, 70_000).with_flipped_byte(5).sha256();
        let blob = &shared_part(&client.cache("models--org--tiny"))[&name];
        assert_eq!(*blob, format!("70000 bytes, sha256 {wrong}"));
    }
}
