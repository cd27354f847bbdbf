//! Ollama's store: `manifests/HOST/NAMESPACE/MODEL/TAG` names the layers of a model, `blobs/sha256-HEX` are their bytes, and one
//! layer may belong to many models. The layout is that of its `manifest/paths.go`; nothing in a manifest is believed beyond names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::fetch::Digest;
use crate::support::bounded;

/// The registry and the namespace that its names leave out.
const REGISTRY: &str = "registry.ollama.ai";
const LIBRARY: &str = "library";

/// A manifest is a few hundred bytes.
const LARGEST: u64 = 1 << 20;

/// `HOST/NAMESPACE/MODEL/TAG`
const LEVELS: usize = 4;

/// More models than anybody has: an attack, or no store.
const MOST: usize = 100_000;

/// A model of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// `NAME:TAG`, as `ollama list` shows it.
    pub name: String,
    /// Its manifest.
    pub manifest: PathBuf,
    /// Its layers and its configuration, each once.
    pub layers: Vec<Layer>,
}

/// A layer, as a manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// What its bytes are.
    pub digest: Digest,
    /// How many there are.
    pub size: u64,
}

/// The models of a store, and what could not be read of it.
#[derive(Debug, Default)]
pub struct Models {
    /// By name.
    pub models: Vec<Model>,
    /// Manifests and folders that cannot be read. Their layers are unknown.
    pub problems: Vec<(PathBuf, io::Error)>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Option<Entry>,
    #[serde(default)]
    layers: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    #[serde(default)]
    size: u64,
}

/// Whether a folder with these folders in it is such a store.
pub fn is_store(names: impl Fn(&str) -> bool) -> bool {
    names("manifests") && names("blobs")
}

/// The file of the layer with this digest in a store.
pub fn blob(store: &Path, digest: &Digest) -> PathBuf {
    store.join("blobs").join(format!("sha256-{}", digest.hex()))
}

/// What a file of `blobs` is by its name.
pub fn digest(name: &str) -> Option<Digest> {
    name.strip_prefix("sha256-").and_then(Digest::from_hex).filter(|digest| matches!(digest, Digest::Sha256(_)))
}

/// Reads every manifest of the store.
pub fn read(store: &Path) -> Models {
    let mut found = Models::default();
    below(&store.join("manifests"), &mut Vec::new(), &mut found);
    found.models.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    found
}

fn below(folder: &Path, names: &mut Vec<String>, found: &mut Models) {
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return found.problems.push((folder.to_path_buf(), error)),
    };
    for entry in entries {
        let Ok(kind) = entry.file_type() else { continue };
        names.push(entry.file_name().to_string_lossy().into_owned());
        if kind.is_dir() && names.len() < LEVELS {
            below(&entry.path(), names, found);
        } else if kind.is_file() && names.len() == LEVELS && found.models.len() < MOST {
            match layers(&entry.path()) {
                Ok(layers) => found.models.push(Model { name: name(names), manifest: entry.path(), layers }),
                Err(error) => found.problems.push((entry.path(), error)),
            }
        }
        names.pop();
    }
}

/// `registry.ollama.ai/library/llama3/8b` is `llama3:8b`.
fn name(levels: &[String]) -> String {
    let (path, tag) = levels.split_at(levels.len().saturating_sub(1));
    let path = match path {
        [host, namespace, model] if host == REGISTRY && namespace == LIBRARY => model.clone(),
        [host, rest @ ..] if host == REGISTRY => rest.join("/"),
        all => all.join("/"),
    };
    format!("{path}:{}", tag.concat())
}

fn layers(manifest: &Path) -> io::Result<Vec<Layer>> {
    parse(&bounded::read(manifest, LARGEST)?).ok_or_else(|| io::Error::other("is no manifest of Ollama"))
}

fn parse(bytes: &[u8]) -> Option<Vec<Layer>> {
    let manifest: Manifest = serde_json::from_slice(bytes).ok()?;
    let mut layers: Vec<Layer> = Vec::new();
    for entry in manifest.config.iter().chain(&manifest.layers) {
        let digest = Digest::from_hex(entry.digest.strip_prefix("sha256:")?)?;
        if !layers.iter().any(|layer| layer.digest == digest) {
            layers.push(Layer { digest, size: entry.size });
        }
    }
    Some(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_ollama_calls_it() {
        let named = |path: &str| name(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named("registry.ollama.ai/library/llama3/8b"), "llama3:8b");
        assert_eq!(named("registry.ollama.ai/me/mine/latest"), "me/mine:latest");
        assert_eq!(named("hf.co/org/name/Q4_K_M"), "hf.co/org/name:Q4_K_M");
    }

    #[test]
    fn a_store_is_read_and_what_is_no_manifest_is_told() {
        let room = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = room.path().join("manifests").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let one = format!("sha256:{}", "1".repeat(64));
        let layer = |digest: &str| format!(r#"{{"mediaType":"x","digest":"{digest}","size":7}}"#);
        let config = layer(&format!("sha256:{}", "2".repeat(64)));
        put(
            "registry.ollama.ai/library/a/latest",
            &format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{},{}]}}"#, layer(&one), layer(&one)),
        );
        put("registry.ollama.ai/library/b/latest", "no JSON");
        put("registry.ollama.ai/library/c/latest", &format!(r#"{{"layers":[{}]}}"#, layer("sha256:../../etc")));
        let found = read(room.path());
        let [model] = &found.models[..] else { panic!("{found:?}") };
        assert_eq!((model.name.as_str(), model.layers.len(), model.layers[0].size), ("a:latest", 2, 7));
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        let blob = blob(room.path(), &model.layers[1].digest);
        assert_eq!(digest(blob.file_name().unwrap().to_str().unwrap()), Some(model.layers[1].digest));
        assert_eq!(digest(&format!("sha256-{}-partial", "1".repeat(64))), None);
    }

    proptest::proptest! {
        #[test]
        fn no_manifest_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in ".{0,80}") {
            let _ = parse(&bytes);
            let _ = parse(format!(r#"{{"layers":[{{"digest":{text:?}}}]}}"#).as_bytes());
        }
    }
}
