//! The bill of materials is the one that is kept in the fixtures, to the byte, and CycloneDX' own schema accepts it.
//!
//! `MODELSTRAP_TEST_CYCLONEDX` names a Python that has `cyclonedx-python-lib[json-validation]`.
#![cfg(unix)]

use std::process::Command;

use crate::support::python::{both, skipped};
use modelstrap::fetch::Digest;
use modelstrap::models::export::cyclonedx::{Listed, render};
use modelstrap::models::locked::{File, FilesHome, HubPlace, Model, Part, Place, RepoType};
use modelstrap::support::vars::Vars;

const HUB: &str = "https://huggingface.co";
const GOLDEN: &str = include_str!("../fixtures/bill-of-materials.json");

fn file(path: &str, size: u64, hex: &str, url: Option<&str>) -> File {
    let digest = Digest::from_hex(&hex.repeat(if hex.len() == 8 { 8 } else { 20 }));
    File { path: path.into(), size: Some(size), digest, url: url.map(Into::into) }
}

fn hub(repo_type: RepoType, repo: &str, files: Vec<File>) -> Part {
    let place = HubPlace {
        repo_type,
        repo: repo.into(),
        requested: "main".into(),
        commit: "edaa852ec7e145841d8ffdb056a99866b5f0a478".into(),
        complete: false,
    };
    Part { place: Place::Hub(place), files: files.into() }
}

fn model(name: &str, spec: &str, parts: Vec<Part>) -> Model {
    Model { name: name.into(), spec: spec.into(), parts }
}

/// One model of each kind of source, and one that is made of two repositories.
fn models() -> Vec<Model> {
    let whisper = file("base.pt", 145_262_807, "ed3a0b6b", Some("https://openaipublic.azureedge.net/main/base.pt"));
    let wheel = file("en_core_web_sm-3.8.0.whl", 12_806_118, "1932429d", Some("https://github.com/x/y.whl"));
    let torch = Place::TorchHub {
        owner: "snakers4".into(),
        repo: "Silero-VAD".into(),
        reference: "master".into(),
        commit: "0123456789abcdef0123456789abcdef01234567".into(),
    };
    let config = || file("config.json", 2394, "0a", None);
    vec![
        model(
            "asr",
            "hf:Systran/faster-whisper-large-v3",
            vec![hub(
                RepoType::Model,
                "Systran/faster-whisper-large-v3",
                vec![config(), file("sub/model one.bin", 3_087_284_237, "69f74147", None)],
            )],
        ),
        model(
            "diarize",
            "pyannote:speaker-diarization-3.1",
            vec![
                hub(RepoType::Model, "pyannote/speaker-diarization-3.1", vec![config()]),
                hub(RepoType::Model, "pyannote/segmentation-3.0", vec![config()]),
            ],
        ),
        model("words", "hf:datasets/owner/words", vec![hub(RepoType::Dataset, "owner/words", vec![config()])]),
        model("vad", "torch-hub:snakers4/Silero-VAD", vec![Part { place: torch, files: vec![config()].into() }]),
        model(
            "whisper",
            "openai-whisper:base",
            vec![Part { place: Place::Files { home: FilesHome::Whisper }, files: vec![whisper].into() }],
        ),
        model(
            "en",
            "spacy:en_core_web_sm",
            vec![Part { place: Place::Wheel { environment: None }, files: vec![wheel].into() }],
        ),
        model(
            "unfetched",
            "url:https://example.org/a",
            vec![Part {
                place: Place::Files { home: FilesHome::Files },
                files: vec![File {
                    path: "a".into(),
                    size: None,
                    digest: None,
                    url: Some("https://example.org/a".into()),
                }]
                .into(),
            }],
        ),
    ]
}

fn bill(models: &[Model], timestamp: Option<&str>) -> String {
    let licence = |model: &Model| match model.name.as_str() {
        "asr" => Some("mit"),
        "diarize" => Some("openrail++"),
        _ => None,
    };
    let listed: Vec<_> = models.iter().map(|model| Listed { model, licence: licence(model) }).collect();
    render(&listed, HUB, timestamp).unwrap()
}

fn serial(bill: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(bill).unwrap()["serialNumber"].clone()
}

#[test]
fn the_same_lock_gives_the_same_bill_to_the_byte() {
    let found = bill(&models(), None).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let without_serial =
        |bill: &str| bill.lines().filter(|line| !line.contains("\"serialNumber\"")).collect::<Vec<_>>().join("\n");
    // The number depends on the version of modelstrap, which the bill names.
    assert_eq!(without_serial(&found), without_serial(GOLDEN));
    assert_eq!(bill(&models(), None), bill(&models(), None));
}

#[test]
fn the_serial_number_follows_the_content() {
    let mut changed = models();
    changed[0].parts[0].files.to_mut()[0].size = Some(2395);
    let (first, second) = (serial(&bill(&models(), None)), serial(&bill(&changed, None)));
    assert_ne!(first, second);
    let text = first.as_str().unwrap();
    let id = text.strip_prefix("urn:uuid:").unwrap();
    assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert!(id[14..].starts_with('5') && matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
}

#[test]
fn the_bill_is_what_cyclonedx_says_it_should_be() {
    let Some(python) = Vars::from_process().raw("MODELSTRAP_TEST_CYCLONEDX").map(ToOwned::to_owned) else {
        return skipped("MODELSTRAP_TEST_CYCLONEDX is not set");
    };
    let code = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
import json
text = open(sys.argv[1]).read()
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert problem is None, problem
def walk(component):
    yield component
    for inner in component.get('components', []):
        yield from walk(inner)
references = []
for top in json.loads(text)['components']:
    for component in walk(top):
        references.append(component['bom-ref'])
        if 'purl' in component:
            assert PackageURL.from_string(component['purl']).to_string() == component['purl'], component['purl']
assert len(references) == len(set(references)), references
";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bill.json");
    for models in [models(), Vec::new()] {
        for timestamp in [None, Some("2025-11-25T15:20:46Z")] {
            std::fs::write(&path, bill(&models, timestamp)).unwrap();
            let output = Command::new(&python).args(["-c", code]).arg(&path).output().unwrap();
            assert!(output.status.success(), "{}", both(&output));
        }
    }
}
