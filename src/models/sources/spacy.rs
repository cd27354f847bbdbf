//! spaCy's models: wheels among the releases of a repository on GitHub, chosen by a table of versions.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Error;
use crate::models::documents::{Ask, Documents};
use crate::models::locked::{File, Part, Place};
use crate::support::bounded;
use crate::support::nearest::nearest;

const TABLE: &str = "https://raw.githubusercontent.com/explosion/spacy-models/master/compatibility.json";
const RELEASES: &str = "https://github.com/explosion/spacy-models/releases/download";
/// It has 1 MB today.
const TABLE_LIMIT: u64 = 16 << 20;

/// spaCy's versions, each with the models that fit it, each with its versions, the best first.
type Table = BTreeMap<String, BTreeMap<String, Vec<String>>>;

#[derive(Deserialize)]
struct Document {
    spacy: Table,
}

/// The wheel of the model `name`: at `version`, if one is given; else the version that fits `spacy`, the version that the
/// environment has; else the newest. `environment` is its name in the manifest.
///
/// # Errors
/// When there is none, or the table cannot be had.
pub fn resolve(
    client: &dyn Documents,
    name: &str,
    version: Option<&str>,
    spacy: Option<&str>,
    environment: Option<&str>,
) -> Result<Part, Error> {
    model_name(name)?;
    let version = match version {
        Some(version) => version.to_owned(),
        None => {
            let bytes = client.get(&Ask { url: TABLE, accept: None, credential: None, limit: TABLE_LIMIT })?.body;
            let document: Document = serde_json::from_slice(&bytes)
                .map_err(|error| Error::Answer { url: TABLE.to_owned(), why: format!("is no table: {error}") })?;
            choose(&document.spacy, name, spacy)?
        }
    };
    check("the version", &version, |byte| byte.is_ascii_alphanumeric() || byte == b'.')?;
    let wheel = format!("{name}-{version}-py3-none-any.whl");
    let file = File {
        url: wheel_url(&wheel),
        path: wheel,
        size: None,
        // Nobody publishes one: the first download's is kept in the lock.
        digest: None,
    };
    Ok(Part { place: Place::Wheel { environment: environment.map(str::to_owned) }, files: vec![file].into() })
}

/// That `name` can be a model's: `en_core_web_sm`, a language's two or three letters before the rest. Python starts some packages
/// by itself (`sitecustomize`), and others belong to it: none of those has such a name but the ones that are refused here.
pub(super) fn model_name(name: &str) -> Result<(), Error> {
    check("the model", name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')?;
    let language = name.split_once('_').filter(|(_, rest)| !rest.is_empty()).map(|(language, _)| language);
    let is_language = |code: &str| matches!(code.len(), 2 | 3) && code.bytes().all(|byte| byte.is_ascii_lowercase());
    // `sre_parse` and its like are Python's own.
    if language.is_some_and(|code| is_language(code) && code != "sre") {
        return Ok(());
    }
    let why = "does not begin with a language, as `en_core_web_sm` does";
    Err(Error::Name { what: "the model", name: name.chars().take(120).collect(), why })
}

/// Whether `folder` is the package of the model `name`, by what spaCy has written into it.
pub(super) fn is_model(folder: &Path, name: &str) -> bool {
    #[derive(Deserialize)]
    struct Meta {
        lang: String,
        name: String,
    }
    let bytes = bounded::read(&folder.join("meta.json"), bounded::CONFIGURATION).unwrap_or_default();
    let meta: Option<Meta> = serde_json::from_slice(&bytes).ok();
    meta.is_some_and(|meta| format!("{}_{}", meta.lang, meta.name) == name)
}

/// Where the wheel with this name lies among the releases.
pub(super) fn wheel_url(wheel: &str) -> Option<String> {
    let release = wheel.strip_suffix("-py3-none-any.whl")?;
    model_name(release.split_once('-')?.0).ok()?;
    Some(format!("{RELEASES}/{release}/{wheel}"))
}

/// The version of `name` that fits `spacy`; without one, the version for the newest spaCy that has the model.
fn choose(table: &Table, name: &str, spacy: Option<&str>) -> Result<String, Error> {
    let best = |models: &BTreeMap<String, Vec<String>>| models.get(name).and_then(|all| all.first()).cloned();
    let Some(spacy) = spacy else {
        let mut rows: Vec<_> =
            table.iter().filter_map(|(spacy, models)| Some((release(spacy)?, best(models)?))).collect();
        rows.sort();
        return rows.pop().map(|(_, version)| version).ok_or_else(|| {
            let names = table.values().flat_map(BTreeMap::keys).map(String::as_str);
            Error::Unknown {
                source_name: "spacy",
                name: name.to_owned(),
                nearest: nearest(name, names).map(str::to_owned),
            }
        });
    };
    let wanted = release(spacy);
    let row = table.iter().find(|(known, _)| wanted.is_some() && release(known) == wanted);
    let found = row.and_then(|(_, models)| best(models));
    found.ok_or_else(|| {
        let nearest = row.and_then(|(_, models)| nearest(name, models.keys().map(String::as_str)));
        let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        Error::NotThere(format!("there is no `{name}` for spaCy {spacy}, which the environment has{hint}"))
    })
}

/// The first two numbers of a version: models fit a minor release as a whole.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn check(what: &'static str, text: &str, good: impl Fn(u8) -> bool) -> Result<(), Error> {
    let plain = text.bytes().all(good) && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if plain && text.len() <= 100 && !text.contains("..") && !text.ends_with('.') {
        return Ok(());
    }
    let why = "has more than letters, digits and `_` in a name, letters, digits and dots in a version";
    Err(Error::Name { what, name: text.chars().take(120).collect(), why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch;
    use crate::models::documents::Answer;
    use proptest::prelude::*;

    struct Fixed(&'static str);

    impl Documents for Fixed {
        fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
            assert!(ask.credential.is_none());
            assert_eq!(ask.url, TABLE);
            Ok(Answer { body: self.0.into(), ..Answer::default() })
        }
    }

    const VERSIONS: &str = r#"{"spacy": {
        "3.8": {"en_core_web_sm": ["3.8.0"], "de_core_news_sm": ["3.8.0"]},
        "3.10": {"en_core_web_sm": ["3.10.1", "3.10.0"]},
        "3.7": {"en_core_web_sm": ["3.7.1", "3.7.0"], "old_model": ["3.7.0"]},
        "2.1.0a1": {}}}"#;

    fn file(name: &str, version: Option<&str>, spacy: Option<&str>) -> Result<String, String> {
        resolve(&Fixed(VERSIONS), name, version, spacy, None)
            .map(|part| part.files[0].path.clone())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn the_wheel_fits_the_environments_spacy_or_the_newest() {
        assert_eq!(file("en_core_web_sm", None, Some("3.7.5")).unwrap(), "en_core_web_sm-3.7.1-py3-none-any.whl");
        assert_eq!(file("en_core_web_sm", None, None).unwrap(), "en_core_web_sm-3.10.1-py3-none-any.whl");
        assert_eq!(file("old_model", None, None).unwrap(), "old_model-3.7.0-py3-none-any.whl");
        assert_eq!(
            file("en_core_web_sm", Some("3.1.0"), Some("3.8.2")).unwrap(),
            "en_core_web_sm-3.1.0-py3-none-any.whl"
        );
        let part = resolve(&Fixed(VERSIONS), "en_core_web_sm", None, Some("3.8.18"), Some("nlp")).unwrap();
        assert_eq!(
            part.files[0].url.as_deref(),
            Some(
                "https://github.com/explosion/spacy-models/releases/download/en_core_web_sm-3.8.0/en_core_web_sm-3.8.0-py3-none-any.whl"
            )
        );
        assert_eq!(part.place, Place::Wheel { environment: Some("nlp".to_owned()) });
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        assert_eq!(
            file("en_core_web_smm", None, None).unwrap_err(),
            "spacy has no model `en_core_web_smm`; did you mean `en_core_web_sm`?"
        );
        assert_eq!(
            file("old_model", None, Some("3.8.1")).unwrap_err(),
            "there is no `old_model` for spaCy 3.8.1, which the environment has"
        );
        assert!(file("en_core_web_sm", None, Some("9.9")).unwrap_err().contains("for spaCy 9.9"));
        assert!(
            resolve(&Fixed("<html>"), "en_core_web_sm", None, None, None)
                .unwrap_err()
                .to_string()
                .contains("is no table")
        );
    }

    #[test]
    fn a_hostile_name_or_version_becomes_no_path_and_no_url() {
        for bad in [
            "",
            "../x",
            "a/b",
            "a-b",
            "a b",
            "é",
            "_x",
            "sitecustomize",
            "usercustomize",
            "json",
            "sre_parse",
            "numpy",
            "en_",
            "En_x",
            "pydoc_data",
            "__future__",
        ] {
            assert!(file(bad, Some("1.0"), None).is_err(), "{bad}");
        }
        for bad in ["", "../1", "1/2", "1..2", "1.", "1?x", "1#x"] {
            assert!(file("en_core_web_sm", Some(bad), None).is_err(), "{bad}");
        }
        let hostile = r#"{"spacy": {"3.8": {"en": ["../../x"]}}}"#;
        assert!(resolve(&Fixed(hostile), "en", None, None, None).is_err());
    }

    proptest! {
        #[test]
        fn no_version_panics(version in "\\PC{0,20}", spacy in "[0-9.]{0,8}") {
            let _ = (file("en_core_web_sm", Some(&version), None), file("en_core_web_sm", None, Some(&spacy)));
        }
    }
}
