//! `config/hardware_cache.json`: what this machine is and where its caches are, for the project's own programs.
//!
//! The names of the members are a contract with those programs; DESIGN's "machine config" section lists them.

use serde_json::{Map, Value};

use super::{Scene, Wishes};
use crate::catalogue;
use crate::plan::{JsonMembers, Want};
use crate::platform::Os;
use crate::support::paths;

/// The version of the file's format, not of the tool.
const VERSION: &str = "1.0.0";

/// The homes that the contract names, whatever the libraries in use.
const CONTRACT: [(&str, &str); 3] = [("torch_home", "torch"), ("hf_home", "huggingface"), ("mlx_home", "mlx")];

pub(super) fn add(scene: &Scene<'_>, wishes: &mut Wishes) {
    let mut members = JsonMembers::default();
    let mut set = |pointer: &[&str], value: Value| {
        members.set.push((pointer.iter().map(|key| (*key).to_owned()).collect(), value));
    };
    set(&["version"], VERSION.into());
    set(&["hardware"], Value::Object(scene.hardware.clone()));
    set(&["recommended_settings"], scene.recommended.clone());
    for (name, environment) in &scene.project.manifest.environments {
        if !environment.platforms.is_empty() && !environment.platforms.iter().any(|platform| is(platform, scene.os)) {
            continue;
        }
        let path = paths::absolute(&scene.project.root, environment.path.as_ref());
        set(&["environments", name, "path"], paths::portable(&scene.project.root, &path).into());
        let further = [
            ("purpose", &environment.purpose),
            ("python", &environment.python),
            ("requirements", &environment.requirements),
        ];
        for (key, value) in further.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            set(&["environments", name, key], value.as_str().into());
        }
    }
    for (key, path) in homes(scene) {
        set(&["cache", &key], path.into());
    }
    // What else a project keeps in this section, caches that the manifest does not name among it, is its own.
    for (name, cache) in &scene.project.manifest.application_caches {
        let path = paths::absolute(&scene.project.root, cache.path.as_ref());
        set(&["cache", "application_caches", name], paths::portable(&scene.project.root, &path).into());
    }
    members.defaults.push((vec!["cache".to_owned(), "application_caches".to_owned()], Value::Object(Map::new())));
    members.stamp = Some(("created_at".to_owned(), scene.now.into()));
    let path = scene.project.root.join("config").join("hardware_cache.json");
    wishes.want_inside(scene, path, "what this machine is, and its cache paths", Want::Json(members));
}

/// The members of `cache` that name folders: the cache root and each home, by its folder's name.
fn homes(scene: &Scene<'_>) -> Vec<(String, String)> {
    let cache_root = &scene.layout.cache_root;
    let portable = |folder: &str| paths::portable(&scene.project.root, &cache_root.join(folder));
    let mut homes = vec![("base_dir".to_owned(), paths::portable(&scene.project.root, cache_root))];
    homes.extend(CONTRACT.map(|(key, folder)| (key.to_owned(), portable(folder))));
    for home in catalogue::homes(&scene.layout.libraries) {
        // Only the homes themselves: what lies deeper follows from them.
        let named = CONTRACT.iter().any(|(_, folder)| *folder == home.folder);
        if !named && !home.folder.contains('/') {
            homes.push((format!("{}_home", home.folder.replace('-', "_")), portable(home.folder)));
        }
    }
    homes
}

fn is(platform: &str, os: Os) -> bool {
    match os {
        Os::Linux => platform == "linux",
        Os::Macos => platform == "macos",
        Os::Windows => platform == "windows",
        Os::Other => false,
    }
}
