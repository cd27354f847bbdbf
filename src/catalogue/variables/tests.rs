//! Whole sets, and what must hold for every library on every system.

use super::*;
use crate::catalogue::{DEFAULT_LIBRARIES, select};
use proptest::prelude::*;
use std::ffi::OsString;

const SYSTEMS: [Os; 4] = [Os::Linux, Os::Macos, Os::Windows, Os::Other];

fn request<'a>(libraries: &'a [&'static Library], vars: &'a Vars, os: Os) -> Request<'a> {
    let [cache, project, home] = match os {
        Os::Windows => [r"C:\work\p\.cache", r"C:\work\p", r"C:\Users\ada"],
        _ => ["/srv/p/.cache", "/srv/p", "/home/ada"],
    };
    Request {
        cache: Path::new(cache),
        project: Path::new(project),
        libraries,
        home: Some(Path::new(home)),
        vars,
        os,
        transformers_cache: true,
        old_huggingface_hub: false,
        legacy_ccache: false,
    }
}

fn pairs(list: &[Variable]) -> Vec<String> {
    list.iter().map(|v| format!("{}={} [{}]", v.name, v.value, v.library)).collect()
}

/// The environment of a process that got `set`.
fn inside(vars: &Vars, set: &VariableSet) -> Vars {
    let kept = vars.iter().filter(|(name, _)| set.unset.iter().all(|gone| *name != gone.as_str()));
    let ours = set.set.iter().chain(&set.scoped).map(|v| (OsString::from(&v.name), OsString::from(&v.value)));
    kept.map(|(name, value)| (name.to_owned(), value.to_owned())).chain(ours).collect()
}

#[test]
fn the_default_libraries_on_linux_get_exactly_these_variables() {
    let libraries = select(DEFAULT_LIBRARIES).unwrap();
    let set = variables(&request(&libraries, &Vars::default(), Os::Linux));
    assert_eq!(
        pairs(&set.set),
        [
            "PRIMARY_CACHE_PATH=/srv/p/.cache [modelstrap]",
            "HF_HOME=/srv/p/.cache/huggingface [huggingface]",
            "HF_HUB_CACHE=/srv/p/.cache/huggingface/hub [huggingface]",
            "HUGGINGFACE_HUB_CACHE=/srv/p/.cache/huggingface/hub [huggingface]",
            "HF_TOKEN_PATH=/home/ada/.cache/huggingface/token [huggingface]",
            "HF_XET_CACHE=/srv/p/.cache/huggingface/xet [huggingface]",
            "HF_DATASETS_CACHE=/srv/p/.cache/huggingface/datasets [huggingface]",
            "TRANSFORMERS_CACHE=/srv/p/.cache/huggingface/hub [huggingface]",
            "PYANNOTE_CACHE=/srv/p/.cache/huggingface/hub [huggingface]",
            "TORCH_HOME=/srv/p/.cache/torch [torch]",
            "MLX_CACHE_DIR=/srv/p/.cache/mlx [mlx]",
        ]
    );
    assert_eq!(set.unset, ["TORCH_HUB", "TORCH_MODEL_ZOO", "PARAKEET_CACHE_DIR"]);
    assert_eq!(
        pairs(&set.scoped),
        [
            "XDG_CACHE_HOME=/srv/p/.cache [openai-whisper]",
            "PIP_CACHE_DIR=/home/ada/.cache/pip [openai-whisper]",
            "UV_CACHE_DIR=/home/ada/.cache/uv [openai-whisper]",
            "CCACHE_DIR=/home/ada/.cache/ccache [openai-whisper]",
        ]
    );
}

#[test]
fn the_places_of_other_programs_follow_the_rules_of_macos_and_windows() {
    let libraries = select(&["openai-whisper"]).unwrap();
    let vars = Vars::default();
    assert_eq!(
        pairs(&variables(&request(&libraries, &vars, Os::Macos)).scoped),
        [
            "XDG_CACHE_HOME=/srv/p/.cache [openai-whisper]",
            "PIP_CACHE_DIR=/home/ada/Library/Caches/pip [openai-whisper]",
            "UV_CACHE_DIR=/home/ada/.cache/uv [openai-whisper]",
            "CCACHE_DIR=/home/ada/Library/Caches/ccache [openai-whisper]",
        ]
    );
    assert_eq!(
        pairs(&variables(&request(&libraries, &vars, Os::Windows)).scoped),
        [
            r"XDG_CACHE_HOME=C:\work\p\.cache [openai-whisper]",
            r"PIP_CACHE_DIR=C:\Users\ada\AppData\Local\pip\Cache [openai-whisper]",
            r"UV_CACHE_DIR=C:\Users\ada\AppData\Local\uv\cache [openai-whisper]",
            r"CCACHE_DIR=C:\Users\ada\AppData\Local\ccache [openai-whisper]",
        ]
    );
}

#[test]
fn what_the_user_chose_for_pip_uv_and_ccache_stays() {
    let libraries = select(&["openai-whisper"]).unwrap();
    let vars: Vars = [("PIP_CACHE_DIR", "/fast/pip"), ("UV_CACHE_DIR", "~/uv"), ("XDG_CACHE_HOME", "/fast/xdg")]
        .into_iter()
        .collect();
    let set = variables(&request(&libraries, &vars, Os::Linux));
    let values: Vec<_> = set.scoped.iter().map(|v| v.value.as_str()).collect();
    assert_eq!(values, ["/srv/p/.cache", "/fast/pip", "/home/ada/uv", "/fast/xdg/ccache"]);
    let old = Request { legacy_ccache: true, ..request(&libraries, &vars, Os::Linux) };
    assert_eq!(variables(&old).scoped[3].value, "/home/ada/.ccache");
}

#[test]
fn the_manifest_can_leave_transformers_cache_unset() {
    let libraries = select(&["huggingface"]).unwrap();
    let vars = Vars::default();
    let set = variables(&Request { transformers_cache: false, ..request(&libraries, &vars, Os::Linux) });
    assert_eq!(set.unset, ["TRANSFORMERS_CACHE"]);
    assert!(set.set.iter().all(|variable| variable.name != "TRANSFORMERS_CACHE"));
}

#[test]
fn shared_blobs_are_switched_off_only_beside_an_old_hub_client() {
    let libraries = select(&["huggingface"]).unwrap();
    let vars = Vars::default();
    let value = |old| {
        let set = variables(&Request { old_huggingface_hub: old, ..request(&libraries, &vars, Os::Linux) });
        set.set.into_iter().find(|v| v.name == "HF_HUB_DISABLE_SHARED_BLOBS").map(|v| v.value)
    };
    assert_eq!(value(true).as_deref(), Some("1"));
    assert_eq!(value(false), None);
}

#[test]
fn the_login_stays_where_the_user_has_it() {
    let libraries = select(&["huggingface"]).unwrap();
    let token = |vars: &[(&str, &str)]| {
        let vars: Vars = vars.iter().copied().collect();
        let set = variables(&request(&libraries, &vars, Os::Linux));
        set.set.into_iter().find(|v| v.name == "HF_TOKEN_PATH").map(|v| v.value).unwrap()
    };
    assert_eq!(token(&[("HF_TOKEN_PATH", "/secrets/hf"), ("HF_HOME", "/data/hf")]), "/secrets/hf");
    assert_eq!(token(&[("HF_TOKEN_PATH", "~/hf-token")]), "/home/ada/hf-token");
    assert_eq!(token(&[("HF_HOME", "/data/hf/")]), "/data/hf/token");
    assert_eq!(token(&[("HF_HOME", "$HOME/hf")]), "/home/ada/hf/token");
    assert_eq!(token(&[("HF_HOME", "/srv/p/.cache/huggingface")]), "/home/ada/.cache/huggingface/token");
    assert_eq!(token(&[("HF_HOME", "/srv/p-2/huggingface")]), "/srv/p-2/huggingface/token");
    assert_eq!(token(&[("HF_HOME", "relative")]), "/home/ada/.cache/huggingface/token");
    assert_eq!(token(&[("XDG_CACHE_HOME", "/fast/xdg")]), "/fast/xdg/huggingface/token");
    assert_eq!(token(&[("XDG_CACHE_HOME", "/srv/p/.cache")]), "/home/ada/.cache/huggingface/token");
}

#[test]
fn without_a_home_folder_the_login_is_not_moved_to_a_guess() {
    let libraries = select(DEFAULT_LIBRARIES).unwrap();
    let vars = Vars::default();
    let set = variables(&Request { home: None, ..request(&libraries, &vars, Os::Linux) });
    assert!(set.set.iter().all(|variable| variable.name != "HF_TOKEN_PATH"));
    assert_eq!(pairs(&set.scoped), ["XDG_CACHE_HOME=/srv/p/.cache [openai-whisper]"]);
}

#[test]
fn openai_whisper_can_be_served_by_a_link_instead() {
    let vars = Vars::default();
    let link = |os| whisper_link(&request(&[], &vars, os)).unwrap();
    assert_eq!(
        link(Os::Linux),
        WhisperLink { at: "/home/ada/.cache/whisper".into(), target: "/srv/p/.cache/whisper".into() }
    );
    assert_eq!(link(Os::Windows).at, PathBuf::from(r"C:\Users\ada\.cache\whisper"));
    let shared = Request { cache: Path::new("/home/ada/.cache"), ..request(&[], &vars, Os::Linux) };
    assert_eq!(whisper_link(&shared), None);
}

#[test]
fn every_library_on_every_system_gets_each_variable_once_with_an_absolute_value() {
    let vars = Vars::default();
    let switches = ["1"];
    for os in SYSTEMS {
        let root = if os == Os::Windows { r"C:\" } else { "/" };
        let all: Vec<_> = libraries().iter().collect();
        for chosen in libraries().iter().map(|library| vec![library]).chain([all]) {
            let mut request = request(&chosen, &vars, os);
            request.old_huggingface_hub = true;
            let set = variables(&request);
            let mut names: Vec<_> = set.set.iter().chain(&set.scoped).map(|v| &v.name).chain(&set.unset).collect();
            for variable in set.set.iter().chain(&set.scoped) {
                let value = variable.value.as_str();
                let inside = value.starts_with(root) && value.len() > root.len() && !value.contains(['{', '}']);
                assert!(inside || switches.contains(&value), "{os:?}: {variable:?}");
                assert!(os != Os::Windows || !value.contains('/'), "{variable:?}");
                assert!(!value.ends_with(['/', '\\']) && !value.contains("//"), "{variable:?}");
            }
            names.sort();
            names.dedup();
            assert_eq!(names.len(), set.set.len() + set.scoped.len() + set.unset.len(), "{os:?}: {set:?}");
        }
    }
}

#[test]
fn every_default_location_is_known_on_every_system_or_belongs_to_one_environment() {
    let vars = Vars::default().with("USER", "ada");
    for os in SYSTEMS {
        for library in libraries() {
            let known = default_locations(&request(&[], &vars, os), library).len();
            let own = ["{site_packages}", "{sys_prefix}", "{conda_root}", "{stanza_resources_version}"];
            let templates = library.default_locations.on(os);
            let elsewhere = templates.iter().filter(|t| own.iter().any(|name| t.contains(name))).count();
            assert_eq!(known + elsewhere, templates.len(), "{} on {os:?}", library.id);
        }
    }
}

proptest! {
    #[test]
    fn variables_are_the_same_in_an_environment_that_has_them_already(
        chosen in proptest::sample::subsequence(libraries().iter().collect::<Vec<_>>(), 0..12),
        os in proptest::sample::select(&SYSTEMS[..]),
        home in any::<bool>(),
        switches in any::<(bool, bool, bool)>(),
        user in proptest::collection::vec((
            proptest::sample::select(vec![
                "HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME", "PIP_CACHE_DIR", "UV_CACHE_DIR", "CCACHE_DIR", "A",
                "PRIMARY_CACHE_PATH", "LOCALAPPDATA", "TRANSFORMERS_CACHE",
            ]),
            prop_oneof![
                proptest::sample::select(vec![
                    "", "~", "~/x", "$HOME/x", "$A", "${A}/y", "$HF_HOME/z", "/", "/srv/p/.cache", "/srv/p/.cache/in", "/d/$A/", "C:\\x\\",
                    "C:/srv/p/.CACHE", "relative", "C:\\",
                ]).prop_map(str::to_owned),
                "\\PC{0,12}",
            ],
        ), 0..6),
    ) {
        let vars: Vars = user.into_iter().collect();
        let mut request = request(&chosen, &vars, os);
        (request.transformers_cache, request.old_huggingface_hub, request.legacy_ccache) = switches;
        if !home { request.home = None; }
        let first = variables(&request);
        let within = inside(&vars, &first);
        prop_assert_eq!(variables(&Request { vars: &within, ..request }), first);
    }
}
