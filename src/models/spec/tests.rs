//! Tests of the grammar: every form, every refusal, and that the canonical form reads as itself.

use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Result<Spec, Error> {
    Spec::parse(text, &|name| (name == "silero-vad").then_some("torch-hub:snakers4/silero-vad"))
}

#[test]
fn every_form_reads_and_shows_in_its_canonical_form() {
    let sum = "0a".repeat(32);
    let url = format!("url:https://example.org/m.bin#sha256={sum}");
    for text in [
        "hf:openai/whisper-large-v3",
        "hf:gpt2",
        "hf:Qwen/Qwen-Image@refs/pr/1",
        "hf:datasets/mozilla-foundation/common_voice@main",
        "openai-whisper:large-v3",
        "faster-whisper:distil-large-v3.5",
        "mlx-whisper:large-v3-turbo",
        "torch-hub:snakers4/silero-vad",
        "torch-hub:snakers4/silero-vad:v6.2.1",
        "torchaudio:WAV2VEC2_ASR_BASE_960H",
        "pyannote:speaker-diarization-3.1",
        "spacy:en_core_web_sm",
        "spacy:en_core_web_sm@3.8.0",
        "sentence-transformers:all-MiniLM-L6-v2",
        "sentence-transformers:BAAI/bge-m3",
        "url:https://example.org/m.bin",
        &url,
    ] {
        assert_eq!(parse(text).map(|spec| spec.to_string()).as_deref(), Ok(text));
    }
    for (text, canonical) in [
        ("hf://datasets/a/b@c", "hf:datasets/a/b@c"),
        ("hf:models/a/b", "hf:a/b"),
        (" silero-vad ", "torch-hub:snakers4/silero-vad"),
        ("url:HTTPS://Example.org/M.bin", "url:https://example.org/M.bin"),
    ] {
        assert_eq!(parse(text).map(|spec| spec.to_string()).as_deref(), Ok(canonical));
    }
}

#[test]
fn what_is_wrong_says_what_is_right() {
    for (text, message) in [
        ("higgingface:a/b", "higgingface:a/b: there is no source called `higgingface`\n  there are"),
        ("huggingface:a/b", "huggingface:a/b: there is no source called `huggingface`\n  the nearest one is `hf`"),
        ("torchhub:a/b", "torchhub:a/b: there is no source called `torchhub`\n  the nearest one is `torch-hub`"),
        (
            "https://huggingface.co/a/b/tree/main",
            "https://huggingface.co/a/b/tree/main: there is no source called `https`\n  write `hf:a/b`",
        ),
        ("https://a/b", "https://a/b: there is no source called `https`\n  for a file, write `url:` before it"),
        ("a/b", "`a/b` is not the name of a well-known model\n  for a repository of the Hub, write `hf:a/b`"),
        (
            "hf:../b",
            "hf:../b: it holds `--` or `..`, which no repository may\n  the form is `hf:OWNER/NAME[@REVISION]`",
        ),
        ("hf:spaces/a/b", "hf:spaces/a/b: it names a Space, which is a program and no model"),
        ("hf:a/b@../c", "hf:a/b@../c: it has a revision that leads upwards"),
        ("torch-hub:a", "torch-hub:a: it names no repository\n  the form is `torch-hub:OWNER/REPO[:REF]`"),
        ("openai-whisper:\u{1b}[2J", "openai-whisper:\\u{1b}[2J: it may hold letters"),
    ] {
        let shown = parse(text).unwrap_err().to_string();
        assert!(shown.starts_with(message), "{shown}");
    }
    let shown = parse("silero").unwrap_err().with_nearest(|_| Some("silero-vad".to_owned())).to_string();
    assert_eq!(shown, "`silero` is not the name of a well-known model\n  the nearest one is `silero-vad`");
}

#[test]
fn a_revision_is_said_once_and_where_there_is_one() {
    let at = |text: &str, revision: &str| parse(text).unwrap().at(revision).map(|spec| spec.to_string());
    assert_eq!(at("hf:a/b", "v1"), Ok("hf:a/b@v1".to_owned()));
    assert_eq!(at("spacy:en_core_web_sm", "3.8.0"), Ok("spacy:en_core_web_sm@3.8.0".to_owned()));
    assert_eq!(at("openai-whisper:base", "v1"), Err("`openai-whisper` has no revisions".to_owned()));
    assert_eq!(at("hf:a/b@v1", "v1"), Err("the source names a revision already; say it once".to_owned()));
    assert!(at("hf:a/b", "../x").is_err());
}

#[test]
fn a_catalogue_that_names_itself_makes_no_loop() {
    assert!(Spec::parse("a", &|_| Some("a")).is_err());
}

fn specs() -> impl Strategy<Value = Spec> {
    let name = || "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,20}[a-zA-Z0-9]".prop_filter("two dots", |s| !s.contains(".."));
    let repo =
        || ("[b-c0-9]{3,9}", "[a-zA-Z0-9][a-zA-Z0-9_]{0,12}").prop_map(|(owner, name)| format!("{owner}/{name}"));
    let revision = || proptest::option::of("[a-z0-9]{1,8}(/[a-z0-9@]{1,8})?");
    prop_oneof![
        (any::<bool>(), repo(), revision()).prop_map(|(dataset, repo, revision)| Spec::Hub {
            repo_type: if dataset { RepoType::Dataset } else { RepoType::Model },
            repo,
            revision
        }),
        name().prop_map(Spec::OpenaiWhisper),
        name().prop_map(Spec::FasterWhisper),
        name().prop_map(Spec::MlxWhisper),
        name().prop_map(Spec::Torchaudio),
        name().prop_map(Spec::Pyannote),
        repo().prop_map(Spec::SentenceTransformers),
        ("[a-z][a-z-]{0,9}", name(), revision())
            .prop_filter(".git", |(_, repo, _)| !repo.ends_with(".git"))
            .prop_map(|(owner, repo, reference)| Spec::TorchHub { owner, repo, reference }),
        ("[a-z][a-z_0-9]{0,20}", proptest::option::of("[0-9]{1,2}\\.[0-9]"))
            .prop_map(|(name, version)| Spec::Spacy { name, version }),
        ("[a-z]{1,9}\\.org", "[a-zA-Z0-9/._-]{0,20}[a-z]", proptest::option::of(any::<[u8; 32]>())).prop_map(
            |(host, path, digest)| Spec::Url {
                url: format!("https://{host}/{path}"),
                digest: digest.map(Digest::Sha256)
            }
        ),
    ]
}

proptest! {
    #[test]
    fn a_spec_that_is_shown_reads_as_itself(spec in specs()) {
        prop_assert_eq!(parse(&spec.to_string()), Ok(spec));
    }

    #[test]
    fn no_text_makes_it_panic_and_what_is_accepted_is_stable(
        text in "(hf|url|spacy|torch-hub|pyannote|x)?:?(//|https://)?[a-zA-Z0-9/:@#é\u{0}. _-]{0,40}"
    ) {
        match parse(&text) {
            Ok(spec) => {
                let canonical = spec.to_string();
                prop_assert_eq!(parse(&canonical), Ok(spec));
            }
            Err(error) => prop_assert!(!error.to_string().contains(char::from(0))),
        }
    }
}
