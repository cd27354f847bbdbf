//! `clear` and `prune` in a cache that several projects and the real `huggingface_hub` share: what anybody needs stays, and every
//! client sees whole repositories.
#![cfg(unix)]

use std::fs;

use crate::support::desk::{CLIENTS, Desk, tiny};
use crate::support::hub::{Content, Hub};
use crate::support::project;
use crate::support::project::Ran;
use modelstrap::support::delete;

/// Two projects with one cache: `p` needs `org/tiny`, `q` needs `org/other` and another commit of `org/tiny`.
struct Two {
    desk: Desk,
    first: String,
}

impl Two {
    fn start() -> Self {
        let hub = Hub::start();
        let first = tiny(&hub);
        hub.model("org/other").file("config.json", "{}").lfs("model.safetensors", Content::pattern(7, 60_000)).commit();
        let desk = Desk::at(hub, "tiny = \"hf:org/tiny\"");
        desk.download();
        hub_moves(&desk);
        let base = desk.room.root().join(".cache");
        let manifest =
            format!("[cache]\nbase_dir = {base:?}\n[models]\nnew = \"hf:org/tiny\"\nother = \"hf:org/other\"\n");
        fs::create_dir(desk.room.path().join("q")).unwrap();
        fs::write(desk.room.path().join("q/modelstrap.toml"), manifest).unwrap();
        let two = Self { desk, first };
        two.q(&["models", "download"]).expect(0);
        two
    }

    fn p(&self, arguments: &[&str]) -> Ran {
        self.desk.room.run(arguments)
    }

    fn q(&self, arguments: &[&str]) -> Ran {
        self.desk.room.run(&[&["-C", "../q"], arguments].concat())
    }

    fn has(&self, path: &str) -> bool {
        self.desk.cached(path).symlink_metadata().is_ok()
    }
}

/// `main` of `org/tiny` is another commit from now on.
fn hub_moves(desk: &Desk) {
    desk.hub.model("org/tiny").lfs("added.bin", Content::pattern(8, 30_000)).commit();
}

/// What each client must load, offline.
fn loads(desk: &Desk, repository: &str, file: &str, revision: Option<&str>) {
    let revision = revision.map_or_else(|| "None".to_owned(), |commit| format!("'{commit}'"));
    for client in CLIENTS {
        let code = format!(
            "from huggingface_hub import hf_hub_download\nsaid = os.path.getsize(hf_hub_download('{repository}', '{file}', revision={revision}))"
        );
        let Some(size) = desk.offline(client, &code) else { continue };
        assert!(size.as_u64().unwrap() > 0, "{client}");
    }
}

#[test]
fn what_the_lock_of_another_project_names_is_neither_pruned_nor_cleared() {
    let two = Two::start();
    let before = project::Tree::of(&two.desk.cache());
    let ran = two.p(&["prune", "--grace", "0", "--older-than", "0", "--yes", "--now"]).expect(0);
    assert!(ran.err.contains("Nothing to remove.\nStays:\n"), "{}", ran.err);
    project::Tree::of(&two.desk.cache()).assert_eq(&before, "both locks are needed");

    let ran = two.p(&["clear", "org/other", "--yes", "--now"]).expect(1);
    assert_eq!(
        ran.err,
        "error: org/other is needed by the lock of @/q (other); nothing was removed\n  \
         give `--force` to remove it all the same\n"
    );
    let ran = two.p(&["clear", "models", "--yes", "--now"]).expect(0);
    assert!(ran.out.contains("org/other: the lock of @/q (other) names it; `--force` takes it"), "{}", ran.out);
    assert!(!two.has(&format!("models--org--tiny/snapshots/{}", two.first)) && two.has("models--org--other/refs/main"));
    two.q(&["models", "verify"]).expect(0);
    two.desk.assert_no_warning(&["model/org/other", "model/org/tiny"]);
    loads(&two.desk, "org/tiny", "added.bin", None);
    loads(&two.desk, "org/other", "model.safetensors", None);

    two.p(&["clear", "org/other", "--yes", "--now", "--force"]).expect(0);
    assert!(!two.has("models--org--other"));
    two.desk.assert_no_warning(&["model/org/tiny"]);
}

#[test]
fn a_project_that_is_gone_is_told_and_its_models_stay_for_a_while() {
    let two = Two::start();
    delete::tree(&two.desk.room.path().join("q"), two.desk.room.path()).unwrap();
    let ran = two.p(&["prune", "--grace", "0", "--older-than", "0", "--yes", "--now"]).expect(0);
    assert!(
        ran.err.starts_with(
            "warning: the project @/q is gone (today); what its lock names is kept for it until 30 days have passed\n"
        ),
        "{}",
        ran.err
    );
    assert!(two.has("models--org--other"));
}

#[test]
fn ci_drops_what_the_lock_does_not_name_and_every_client_loads_what_it_does() {
    let (desk, commit) = Desk::tiny();
    desk.download();
    for (client, repository) in [(CLIENTS[0], "org/new"), (CLIENTS[2], "org/old")] {
        desk.hub.model(repository).file("config.json", "{}").lfs("w.bin", Content::pattern(9, 50_000)).commit();
        let code = format!("from huggingface_hub import snapshot_download\nsaid = snapshot_download('{repository}')");
        if desk.online(client, &code).is_none() {
            return;
        }
    }
    desk.room.write(".cache/huggingface/xet/x/chunk", vec![1; 5000]);
    desk.room.write(".cache/huggingface/token", "hf_secret");
    let ran = desk.room.run(&["prune", "--ci", "--yes"]).expect(0);
    assert!(ran.out.contains("It is freed at once because of --ci, and cannot be brought back."), "{}", ran.out);
    let names: Vec<String> =
        fs::read_dir(desk.cache()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "CACHEDIR.TAG").collect();
    names.sort_unstable();
    assert_eq!(names, ["models--org--tiny"]);
    assert!(!desk.room.exists(".cache/huggingface/xet") && desk.room.exists(".cache/huggingface/token"));
    desk.assert_no_warning(&["model/org/tiny"]);
    desk.assert_whole();
    loads(&desk, "org/tiny", "model.safetensors", Some(&commit));
    assert_eq!(desk.room.run(&["prune", "--ci", "--yes"]).expect(0).err, "Nothing to remove.\n");
}

#[test]
fn ci_keeps_what_another_project_on_the_machine_needs_and_passes_over_what_containers_left() {
    let two = Two::start();
    two.p(&["prune", "--ci", "--yes"]).expect(0);
    assert!(two.has("models--org--other"), "the project q is here, and needs it");
    // The same cache in a runner that knows nothing of q but its registration.
    let mut command = two.desk.room.command(&["-C", "../q", "models", "lock"]);
    two.desk.room.ran(command.env("CI", "1")).expect(0);
    let projects = two.desk.room.place(".cache/.modelstrap/projects");
    for entry in fs::read_dir(&projects).unwrap().map(Result::unwrap) {
        if !fs::read_to_string(entry.path()).unwrap().contains("\"container\"") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    delete::tree(&two.desk.room.path().join("q"), two.desk.room.path()).unwrap();
    let mut command = two.desk.room.command(&["prune", "--ci", "--yes"]);
    two.desk.room.ran(command.env("CI", "1")).expect(0);
    assert!(!two.has("models--org--other") && two.has(&format!("models--org--tiny/snapshots/{}", two.first)));
    two.desk.assert_no_warning(&["model/org/tiny"]);
}

/// What huggingface_hub 2.4 does after a Xet download, which the test's hub does not serve.
const SHARE: &str = "
import glob
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
hub = os.environ['HF_HUB_CACHE']
for name in sys.argv[1:] or ['one', 'two']:
    [blob] = [path for path in glob.glob(f'{hub}/models--org--{name}/blobs/*') if os.path.getsize(path) > 10000]
    assert publish_blob_to_shared_store(blob_path=blob, xet_hash='ab' * 32, cache_dir=hub, expected_size=os.path.getsize(blob))
said = 1
";

#[test]
fn a_neighbour_in_the_shared_store_keeps_its_weights_and_the_last_user_takes_them_along() {
    let hub = Hub::start();
    for name in ["org/one", "org/two"] {
        hub.model(name).file("config.json", "{}").lfs("model.safetensors", Content::pattern(3, 900_000)).commit();
    }
    let desk = Desk::at(hub, "one = \"hf:org/one\"");
    desk.download();
    let code = "from huggingface_hub import snapshot_download\nsaid = snapshot_download('org/two')";
    // The old client fills its repository beside the store.
    if desk.online(CLIENTS[2], code).is_none() || desk.online(CLIENTS[0], SHARE).is_none() {
        return;
    }
    let payload = format!("blobs/ab/{}", "ab".repeat(32));
    assert!(desk.cached(&payload).is_file());
    let clear = |what: &str| {
        let arguments = ["clear", what, "--yes", "--now", "--force", "--json"];
        desk.room.run(&arguments).expect(0).json()
    };
    let document = clear("org/one");
    assert_eq!(document["plan"][0]["entries"], 1, "{document:#}");
    assert!(document["exclusive_bytes"].as_u64().unwrap() < 200_000, "{document:#}");
    assert!(desk.cached(&payload).is_file());
    loads(&desk, "org/two", "model.safetensors", None);
    desk.assert_no_warning(&["model/org/two"]);
    let document = clear("org/two");
    assert_eq!(document["plan"][0]["entries"], 2, "{document:#}");
    assert!(document["exclusive_bytes"].as_u64().unwrap() > 900_000, "{document:#}");
    // The plan counts contents; what is measured has the store's own list and folder, too.
    let bytes = |name: &str| document[name].as_u64().unwrap();
    let more = bytes("freed_bytes").checked_sub(bytes("exclusive_bytes"));
    assert!(more.is_some_and(|more| more <= 8192), "{document:#}");
    assert!(!desk.cached(&payload).exists() && !desk.cached(&format!("{payload}.refs")).exists());
    desk.assert_no_warning(&[]);
}

#[test]
fn an_unused_payload_goes_by_the_stores_own_rules() {
    let hub = Hub::start();
    for name in ["org/one", "org/two"] {
        hub.model(name).file("config.json", "{}").lfs("model.safetensors", Content::pattern(3, 900_000)).commit();
    }
    let desk = Desk::at(hub, "one = \"hf:org/one\"\ntwo = \"hf:org/two\"");
    desk.download();
    if desk.online(CLIENTS[0], SHARE).is_none() {
        return;
    }
    let payload = desk.cached(&format!("blobs/ab/{}", "ab".repeat(32)));
    delete::tree(&desk.cached("models--org--two"), &desk.cache()).unwrap();
    let ran = desk.room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(payload.is_file(), "org/one has it: {}", ran.out);
    delete::tree(&desk.cached("models--org--one"), &desk.cache()).unwrap();
    // While its list cannot be read, nobody knows who uses it.
    let list = payload.with_extension("refs");
    let text = fs::read(&list).unwrap();
    fs::write(&list, b"\xff\xfe").unwrap();
    let ran = desk.room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(payload.is_file(), "{ran:?}");
    // Without one, every repository of the hub can be asked, and none has it: but it may be on its way.
    fs::remove_file(&list).unwrap();
    let ran = desk.room.run(&["prune", "--yes", "--now"]).expect(0);
    assert!(payload.is_file(), "{ran:?}");
    fs::write(&list, text).unwrap();
    let ran = desk.room.run(&["prune", "--grace", "0", "--yes", "--now"]).expect(0);
    assert!(ran.out.contains("shared store: 1 payload"), "{}", ran.out);
    assert!(!payload.exists());
}
