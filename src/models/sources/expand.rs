//! Sources whose models lie on the Hub: which repositories a name means, and what the library reads of each.

use super::torchaudio::unknown;
use super::{Error, HubPart};
use crate::catalogue::models::{self, KnownPart};
use crate::models::locked::RepoType;
use crate::models::names;

/// Repositories of the early Hub, without an owner: sentence-transformers (2.7 to 5, `basic_transformer_models`) takes these
/// names as they are. A set of beginnings would not do: `bert-base-nli-mean-tokens` is one of its own.
const WITHOUT_OWNER: &str = "albert-base-v1 albert-base-v2 albert-large-v1 albert-large-v2 albert-xlarge-v1 albert-xlarge-v2 \
    albert-xxlarge-v1 albert-xxlarge-v2 bert-base-cased-finetuned-mrpc bert-base-cased bert-base-chinese \
    bert-base-german-cased bert-base-german-dbmdz-cased bert-base-german-dbmdz-uncased bert-base-multilingual-cased \
    bert-base-multilingual-uncased bert-base-uncased bert-large-cased-whole-word-masking-finetuned-squad \
    bert-large-cased-whole-word-masking bert-large-cased bert-large-uncased-whole-word-masking-finetuned-squad \
    bert-large-uncased-whole-word-masking bert-large-uncased camembert-base ctrl distilbert-base-cased-distilled-squad \
    distilbert-base-cased distilbert-base-german-cased distilbert-base-multilingual-cased \
    distilbert-base-uncased-distilled-squad distilbert-base-uncased-finetuned-sst-2-english distilbert-base-uncased \
    distilgpt2 distilroberta-base gpt2-large gpt2-medium gpt2-xl gpt2 openai-gpt roberta-base-openai-detector roberta-base \
    roberta-large-mnli roberta-large-openai-detector roberta-large t5-11b t5-3b t5-base t5-large t5-small transfo-xl-wt103 \
    xlm-clm-ende-1024 xlm-clm-enfr-1024 xlm-mlm-100-1280 xlm-mlm-17-1280 xlm-mlm-en-2048 xlm-mlm-ende-1024 \
    xlm-mlm-enfr-1024 xlm-mlm-enro-1024 xlm-mlm-tlm-xnli15-1024 xlm-mlm-xnli15-1024 xlm-roberta-base \
    xlm-roberta-large-finetuned-conll02-dutch xlm-roberta-large-finetuned-conll02-spanish \
    xlm-roberta-large-finetuned-conll03-english xlm-roberta-large-finetuned-conll03-german xlm-roberta-large \
    xlnet-base-cased xlnet-large-cased";

/// What sentence-transformers leaves alone: the same weights in other formats.
const SENTENCE_TRANSFORMERS_EXCLUDE: &[&str] =
    &["onnx/*", "openvino/*", "rust_model.ot", "tf_model.h5", "flax_model.msgpack"];

/// The repository that faster-whisper takes for `name`, or the one that it names itself.
///
/// # Errors
/// When the library has no such model.
pub fn faster_whisper(name: &str) -> Result<Vec<HubPart>, Error> {
    let Some(parts) = known("faster-whisper", name) else {
        if !name.contains('/') {
            return Err(unknown("faster-whisper", name));
        }
        // The patterns are the library's, whatever the repository.
        let include = known("faster-whisper", "tiny").and_then(|parts| parts.into_iter().next()?.include);
        return Ok(vec![HubPart { include, ..whole(name)? }]);
    };
    Ok(parts)
}

/// The repository that holds Whisper's model `name` for MLX, or the one that it names itself. mlx-whisper reads it whole.
///
/// # Errors
/// When there is no such model.
pub fn mlx_whisper(name: &str) -> Result<Vec<HubPart>, Error> {
    match known("mlx-whisper", name) {
        Some(parts) => Ok(parts),
        None if name.contains('/') => Ok(vec![whole(name)?]),
        None => Err(unknown("mlx-whisper", name)),
    }
}

/// The repositories of pyannote's pipeline or model `name`. One that the catalogue does not know is taken to be one repository.
///
/// # Errors
/// When the name is none of a repository.
pub fn pyannote(name: &str) -> Result<Vec<HubPart>, Error> {
    let bare = name.strip_prefix("pyannote/").unwrap_or(name);
    match known("pyannote", bare) {
        Some(parts) => Ok(parts),
        None if bare.contains('/') => Ok(vec![whole(bare)?]),
        None => Ok(vec![whole(&format!("pyannote/{bare}"))?]),
    }
}

/// The repository that sentence-transformers takes for `name`.
///
/// # Errors
/// When the name is none of a repository.
pub fn sentence_transformers(name: &str) -> Result<Vec<HubPart>, Error> {
    let bare = name.strip_prefix("sentence-transformers/").unwrap_or(name);
    if let Some(parts) = known("sentence-transformers", bare) {
        return Ok(parts);
    }
    let lower = name.to_lowercase();
    let old = WITHOUT_OWNER.split(' ').any(|known| known == lower);
    let repo = if name.contains('/') || old { name.to_owned() } else { format!("sentence-transformers/{name}") };
    let exclude = SENTENCE_TRANSFORMERS_EXCLUDE.iter().map(|pattern| (*pattern).to_owned()).collect();
    Ok(vec![HubPart { exclude, ..whole(&repo)? }])
}

fn known(source: &str, name: &str) -> Option<Vec<HubPart>> {
    let known = models::find(&format!("{source}:{name}"))?;
    (!known.parts.is_empty()).then(|| known.parts.iter().map(HubPart::from).collect())
}

impl From<&KnownPart> for HubPart {
    fn from(part: &KnownPart) -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Self {
            repo_type: RepoType::Model,
            repo: part.repo.to_owned(),
            // Not the commit of the catalogue: offline, the library asks for the branch, and its reference must exist.
            revision: None,
            include: (!part.include.is_empty()).then(|| texts(part.include)),
            exclude: texts(part.exclude),
            gated: part.gated,
            optional: part.optional,
        }
    }
}

fn whole(repo: &str) -> Result<HubPart, Error> {
    let refuse = |why| Error::Name { what: "the repository", name: repo.chars().take(120).collect(), why };
    names::hub_repo(repo).map_err(refuse)?;
    Ok(HubPart {
        repo_type: RepoType::Model,
        repo: repo.to_owned(),
        revision: None,
        include: None,
        exclude: Vec::new(),
        gated: false,
        optional: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repos(parts: Result<Vec<HubPart>, Error>) -> Vec<String> {
        parts.unwrap().into_iter().map(|part| part.repo).collect()
    }

    #[test]
    fn faster_whisper_names_and_repositories_come_with_its_patterns() {
        let turbo = faster_whisper("turbo").unwrap();
        assert_eq!(turbo, faster_whisper("large-v3-turbo").unwrap());
        assert_eq!(
            turbo[0].repo, "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
            "the old name, which the library asks for"
        );
        let patterns = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"];
        assert_eq!(turbo[0].include.as_deref().unwrap(), patterns);
        assert_eq!(faster_whisper("me/my-ct2").unwrap()[0].include.as_deref().unwrap(), patterns);
        assert_eq!(
            faster_whisper("smal").unwrap_err().to_string(),
            "faster-whisper has no model `smal`; did you mean `small`?"
        );
    }

    #[test]
    fn mlx_whisper_is_read_whole() {
        let part = &mlx_whisper("large-v3").unwrap()[0];
        assert_eq!((part.repo.as_str(), &part.include), ("mlx-community/whisper-large-v3-mlx", &None));
        assert_eq!(repos(mlx_whisper("me/mine")), ["me/mine"]);
        assert!(mlx_whisper("huge").is_err());
    }

    #[test]
    fn a_diarization_pipeline_brings_its_models_and_the_plda_of_another() {
        let parts = pyannote("speaker-diarization-3.1").unwrap();
        assert_eq!(parts, pyannote("pyannote/speaker-diarization-3.1").unwrap());
        assert_eq!(parts.len(), 4);
        let plda = &parts[3];
        assert_eq!(plda.repo, "pyannote/speaker-diarization-community-1");
        assert_eq!((plda.include.as_deref(), plda.optional), (Some(["plda/*".to_owned()].as_slice()), true));
        assert_eq!(repos(pyannote("voice-activity-detection")), ["pyannote/voice-activity-detection"]);
    }

    #[test]
    fn sentence_transformers_adds_its_organisation_to_bare_names() {
        assert_eq!(repos(sentence_transformers("all-MiniLM-L6-v2")), ["sentence-transformers/all-MiniLM-L6-v2"]);
        assert_eq!(repos(sentence_transformers("LaBSE")), ["sentence-transformers/LaBSE"]);
        assert_eq!(repos(sentence_transformers("BAAI/bge-m3")), ["BAAI/bge-m3"]);
        assert_eq!(repos(sentence_transformers("bert-base-uncased")), ["bert-base-uncased"]);
        let own = "bert-base-nli-mean-tokens";
        assert_eq!(repos(sentence_transformers(own)), [format!("sentence-transformers/{own}")]);
        assert!(sentence_transformers("LaBSE").unwrap()[0].exclude.contains(&"onnx/*".to_owned()));
    }

    #[test]
    fn a_name_that_is_no_repository_is_refused() {
        for bad in ["a/b/c", "../x", "a b/c", "", "/", "a/", "https://huggingface.co/a/b"] {
            assert!(
                mlx_whisper(bad).is_err() && pyannote(bad).is_err() && sentence_transformers(bad).is_err(),
                "{bad}"
            );
        }
    }
}
