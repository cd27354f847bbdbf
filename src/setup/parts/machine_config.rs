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
        let further =
            [("purpose", &environment.purpose), ("python", &environment.python), ("requirements", &environment.requirements)];
        for (key, value) in further.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            set(&["environments", name, key], value.as_str().into());
        }
    }
    set(&["cache"], Value::Object(cache(scene)));
    members.stamp = Some(("created_at".to_owned(), scene.now.into()));
    let path = scene.project.root.join("config").join("hardware_cache.json");
    wishes.want_inside(scene, path, "what this machine is, and its cache paths", Want::Json(members));
}

fn cache(scene: &Scene<'_>) -> Map<String, Value> {
    let root = &scene.project.root;
    let cache_root = &scene.layout.cache_root;
    let mut cache = Map::new();
    cache.insert("base_dir".to_owned(), paths::portable(root, cache_root).into());
    for (key, folder) in CONTRACT {
        cache.insert(key.to_owned(), paths::portable(root, &cache_root.join(folder)).into());
    }
    for home in catalogue::homes(&scene.layout.libraries) {
        // Only the homes themselves: what lies deeper follows from them.
        let named = CONTRACT.iter().any(|(_, folder)| *folder == home.folder);
        if !named && !home.folder.contains('/') {
            let key = format!("{}_home", home.library.replace('-', "_"));
            cache.insert(key, paths::portable(root, &cache_root.join(home.folder)).into());
        }
    }
    let application_caches = scene.project.manifest.application_caches.iter().map(|(name, cache)| {
        let path = paths::absolute(root, cache.path.as_ref());
        (name.clone(), Value::from(paths::portable(root, &path)))
    });
    cache.insert("application_caches".to_owned(), Value::Object(application_caches.collect()));
    cache
}

fn is(platform: &str, os: Os) -> bool {
    match os {
        Os::Linux => platform == "linux",
        Os::Macos => platform == "macos",
        Os::Windows => platform == "windows",
        Os::Other => false,
    }
}
