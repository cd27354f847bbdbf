//! Tests of requests: what a manifest and the words of `--models` mean, and what is refused.

use super::*;
use crate::platform::{Options, Probe, detect};
use crate::project::model_entry::{ModelTable, Words};

const KNOWN: WellKnown<'static> = WellKnown {
    find: &|name| (name == "silero-vad").then_some("torch-hub:snakers4/silero-vad"),
    nearest: &|name| name.starts_with("sil").then(|| "silero-vad".to_owned()),
};

fn read(text: &str) -> Result<Vec<Request>, String> {
    let manifest = Manifest::parse(text).map_err(|problem| problem.to_string())?;
    of_manifest(&manifest, &KNOWN).map_err(|error| error.to_string())
}

fn names(requests: &[Request]) -> Vec<String> {
    let choices = requests.iter().flat_map(|request| &request.choices);
    choices.map(|choice| format!("{} = {}", choice.name, choice.spec)).collect()
}

#[test]
fn the_manifest_of_the_design_is_understood() {
    let requests = read(
        r#"
        [models]
        whisper = ["openai-whisper:base", "openai-whisper:large-v3"]
        vad     = "silero-vad"
        diarize = { source = "hf:pyannote/speaker-diarization-3.1", gated = true, optional = true }
        qwen    = { source = "hf:Qwen/Qwen-Image", revision = "main", include = ["*.safetensors", "*.json"], when = "gpu" }
        "#,
    )
    .unwrap();
    let expected = [
        "whisper/base = openai-whisper:base",
        "whisper/large-v3 = openai-whisper:large-v3",
        "vad = torch-hub:snakers4/silero-vad",
        "diarize = hf:pyannote/speaker-diarization-3.1",
        "qwen = hf:Qwen/Qwen-Image@main",
    ];
    assert_eq!(names(&requests), expected);
    assert_eq!((requests[3].gated, requests[3].optional), (true, true));
    let qwen = &requests[4].choices[0];
    assert_eq!(qwen.include.as_deref(), Some(["*.json".to_owned(), "*.safetensors".to_owned()].as_slice()));
    assert_eq!(qwen.when.to_string(), "gpu");
}

#[test]
fn names_of_a_list_tell_its_models_apart() {
    let requests =
        read("[models]\na = [\"openai-whisper:base\", \"faster-whisper:base\", \"openai-whisper:tiny\"]").unwrap();
    let names: Vec<_> = requests.iter().map(|request| request.name.as_str()).collect();
    assert_eq!(names, ["a/openai-whisper:base", "a/faster-whisper:base", "a/tiny"]);
    assert!(requests.iter().all(|request| request.key == "a"));
}

#[test]
fn the_first_alternative_that_fits_wins_and_all_have_their_names() {
    let text = r#"
        [models.asr]
        source = "faster-whisper:large-v3"
        alternatives = [
            { source = "mlx-whisper:large-v3", when = "mlx" },
            { source = "openai-whisper:base", when = ["linux", "!gpu"] },
        ]
    "#;
    let requests = read(text).unwrap();
    let expected =
        ["asr@mlx = mlx-whisper:large-v3", "asr@!gpu+linux = openai-whisper:base", "asr = faster-whisper:large-v3"];
    assert_eq!(names(&requests), expected);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("os"), "linux").unwrap();
    let mut facts = detect(&Probe::recorded(dir.path()).unwrap(), &Options::default());
    facts.accelerators.clear();
    assert_eq!(
        requests[0].chosen(&facts).map(|choice| choice.spec.to_string()).as_deref(),
        Some("openai-whisper:base")
    );
    facts.host.os = crate::platform::Os::Windows;
    assert_eq!(requests[0].chosen(&facts).map(|choice| choice.name.as_str()), Some("asr"));
    let only = read("[models]\nx = { source = \"hf:a/b\", when = \"macos\" }").unwrap();
    assert_eq!(only[0].chosen(&facts), None);
}

#[test]
fn what_makes_no_sense_says_where_and_why() {
    for (model, message) in [
        ("x = \"hg:a/b\"", "x: hg:a/b: there is no source called `hg`\n  the nearest one is `hf`"),
        (
            "x = \"silerovad\"",
            "x: `silerovad` is not the name of a well-known model\n  the nearest one is `silero-vad`",
        ),
        ("x = { optional = true }", "x: needs `source`, or `alternatives`"),
        ("x = { source = \"hf:a/b\", when = \"gpus\" }", "x: `when` knows no `gpus`\n  the nearest one is `gpu`"),
        (
            "x = { source = \"hf:a/b\", weights = \"gguff\" }",
            "x: `weights` knows no \"gguff\": it is `auto`, `all` or formats\n  the nearest one is `gguf`",
        ),
        (
            "x = { source = \"hf:a/b@v1\", revision = \"v2\" }",
            "x: revision: the source names a revision already; say it once",
        ),
        (
            "x = { source = \"hf:a/b\", include = [] }",
            "x: `include` is empty, which would take no file; leave it out to take all",
        ),
        (
            "x = { source = \"openai-whisper:base\", include = \"*\" }",
            "x: `include`, `exclude` and `weights` choose among a repository's files; `openai-whisper:` knows itself which it needs",
        ),
        (
            "x = { source = \"hf:a/b\", alternatives = [{ source = \"hf:c/d\" }] }",
            "x: the alternative hf:c/d needs a `when`: what follows it is never taken",
        ),
        (
            "x = { source = \"hf:a/b\", alternatives = [{ source = \"hf:c/d\", when = \"mlx\" }, { source = \"hf:e/f\", when = \"mlx\" }] }",
            "x: has two alternatives for `mlx`: the second is never taken",
        ),
        (
            "x = { when = \"gpu\", alternatives = [{ source = \"hf:c/d\" }] }",
            "x: has no `source`, so `revision`, `include`, `exclude`, `weights` and `when` belong to its alternatives",
        ),
        (
            "x = { source = \"spacy:en_core_web_sm\", environment = \"nlp\" }",
            "x: there is no [environments.nlp]\n  in the manifest: there is none",
        ),
        (
            "x = { source = \"hf:a/b\", environment = \"nlp\" }",
            "x: `environment` is for models that are installed, such as `spacy:`; a cache serves all of them",
        ),
        ("x = [\"hf:a/b\", \"hf:a/b\"]", "x: names hf:a/b twice"),
        (
            "\"../x\" = \"hf:a/b\"",
            "../x: the key is not a name of 1 to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first",
        ),
    ] {
        assert_eq!(read(&format!("[models]\n{model}\n")), Err(format!("modelstrap.toml:2: [models] {message}")));
    }
}

#[test]
fn words_of_the_command_line_are_keys_names_or_specs_and_come_once() {
    let requests =
        read("[models]\nwhisper = [\"openai-whisper:base\", \"openai-whisper:tiny\"]\nvad = \"silero-vad\"").unwrap();
    let select = |words: &[&str]| {
        select(words, &requests, &KNOWN)
            .map_err(|error| error.to_string())
            .map(|found| found.into_iter().map(|request| request.name).collect::<Vec<_>>())
    };
    assert_eq!(select(&["whisper", "whisper/tiny"]).unwrap(), ["whisper/base", "whisper/tiny"]);
    assert_eq!(select(&["whisper/tiny", " vad "]).unwrap(), ["whisper/tiny", "vad"]);
    assert_eq!(select(&["torch-hub:snakers4/silero-vad", "silero-vad", "vad"]).unwrap(), ["vad"]);
    assert_eq!(select(&["hf:a/b", "hf://a/b"]).unwrap(), ["hf:a/b"]);
    assert_eq!(
        select(&["whispr"]).unwrap_err(),
        "`whispr` is no model of this project, and not a well-known one\n  the project has whisper/base, whisper/tiny and vad\n  the nearest one is `whisper`"
    );
}

#[test]
fn the_digest_follows_what_is_asked_for_and_not_how_it_is_written() {
    let digest = |text: &str| digest(&read(text).unwrap()).to_string();
    let one = digest("[models]\na = \"hf:x/y@main\"\nb = { source = \"hf:z/w\", include = [\"1\", \"2\"] }");
    let other = digest(
        "# note\n[models.b]\ninclude = [\"2\", \"1\"]\nsource = \"hf://z/w\"\nwhen = \"gpu\"\noptional = true\n[models.a]\nsource = \"hf:x/y\"\nrevision = \"main\"",
    );
    assert_eq!(one, other);
    assert_ne!(one, digest("[models]\na = \"hf:x/y@main\"\nb = { source = \"hf:z/w\", include = [\"1\"] }"));
    assert_ne!(one, digest("[models]\na = \"hf:x/y@main\"\nc = { source = \"hf:z/w\", include = [\"1\", \"2\"] }"));
    // Written down once: a change of the canonical form would make every lock stale.
    assert_eq!(
        digest("[models]\na = \"hf:x/y\""),
        "sha256:f13301c8643532365811eb00e67078d6aa71b05f3da4f6c9a859ad5e4abf2f70"
    );
}

#[test]
fn the_manifests_that_the_documents_show_are_understood() {
    let readme = include_str!("../../../README.md");
    let blocks: Vec<_> = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    let known = WellKnown { find: &|_| None, nearest: &|_| None };
    for text in blocks.into_iter().chain([include_str!("../../../templates/modelstrap.toml")]) {
        let manifest = Manifest::parse(text).map_err(|problem| problem.to_string()).unwrap();
        let requests = of_manifest(&manifest, &known).map_err(|error| error.to_string()).unwrap();
        assert_eq!(requests.is_empty(), !text.contains("[models]"));
    }
}

proptest::proptest! {
    #[test]
    fn no_words_make_it_panic(words in proptest::collection::vec("[a-z:/@.#!*é\u{0}-]{0,12}", 0..4), key in "[a-z/.]{1,6}") {
        let table = ModelTable {
            source: words.first().map(|word| format!("hf:a/{word}")),
            revision: words.get(1).cloned(),
            include: words.get(2).map(|word| Words(vec![word.clone()])),
            when: Words(words.get(3).cloned().into_iter().collect()),
            ..ModelTable::default()
        };
        let value = ModelValue::Table(Box::new(table));
        let _ = Request::from_manifest(&key, &ModelEntry { line: 1, value }, &KNOWN);
        let value = ModelValue::Several(words.clone());
        let requests = Request::from_manifest(&key, &ModelEntry { line: 1, value }, &KNOWN).unwrap_or_default();
        let _ = select(&words, &requests, &KNOWN).map_err(|error| error.to_string());
    }
}
