//! Models on the Hub by a word.

use serde::Deserialize;

use super::listing::Gated;
use super::refusal::About;
use super::settings::Settings;
use super::{Error, origin};
use crate::models::documents::{Ask, Documents};
use crate::models::locked::RepoType;
use crate::models::names;

/// The most bytes of an answer, and the most results that are asked for.
const DOCUMENT: u64 = 8 << 20;
const MOST: usize = 100;

/// A model that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `owner/name`.
    pub id: String,
    /// Downloads in the last 30 days.
    pub downloads: u64,
    /// How many people like it.
    pub likes: u64,
    /// Whether access must be asked for.
    pub gated: bool,
    /// What it is for, such as `automatic-speech-recognition`.
    pub task: Option<String>,
    /// The library that reads it, such as `transformers`.
    pub library: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    downloads: u64,
    #[serde(default)]
    likes: u64,
    #[serde(default)]
    gated: Gated,
    pipeline_tag: Option<String>,
    library_name: Option<String>,
}

/// At most `limit` models whose name has `word` in it, the most downloaded first.
///
/// # Errors
/// Why the Hub does not say.
pub fn search(documents: &dyn Documents, settings: &Settings, word: &str, limit: usize) -> Result<Vec<Found>, Error> {
    let endpoint = &settings.endpoint;
    if origin::of(endpoint).is_none() {
        return Err(Error::Endpoint { endpoint: endpoint.clone() });
    }
    if settings.offline {
        return Err(Error::Fetch(crate::fetch::Error::Offline(endpoint.clone())));
    }
    let limit = limit.clamp(1, MOST);
    let wanted = ["downloads", "likes", "gated", "pipeline_tag", "library_name"].map(|name| format!("&expand={name}"));
    let word = names::quoted_segment(word);
    let url =
        format!("{endpoint}/api/models?search={word}&sort=downloads&direction=-1&limit={limit}{}", wanted.concat());
    let credential = settings.credential();
    let ask = Ask { url: &url, accept: Some("application/json"), credential: credential.as_deref(), limit: DOCUMENT };
    let about = About { settings, repo_type: RepoType::Model, repo: "search", revision: "main", path: None };
    let answer = documents.get(&ask).map_err(|error| match error {
        error @ crate::fetch::Error::Status(_) => match about.explain(error) {
            Error::NotFound { .. } => Error::NotAHub { url: url.clone(), why: "it knows no search".to_owned() },
            other => other,
        },
        other => Error::Fetch(other),
    })?;
    let items: Vec<Item> = serde_json::from_slice(&answer.body)
        .map_err(|_| Error::NotAHub { url: url.clone(), why: "it sent no list of models".to_owned() })?;
    // A name that is none is not shown: what is shown gets typed.
    let known = items.into_iter().filter(|item| names::hub_repo(&item.id).is_ok());
    Ok(known.take(limit).map(Found::from).collect())
}

impl From<Item> for Found {
    fn from(item: Item) -> Self {
        let short = |text: Option<String>| text.filter(|text| text.len() <= 100);
        Self {
            id: item.id,
            downloads: item.downloads,
            likes: item.likes,
            gated: item.gated.0,
            task: short(item.pipeline_tag),
            library: short(item.library_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::documents::fake::Fake;
    use crate::platform::Os;
    use crate::support::vars::Vars;

    #[test]
    fn results_come_in_the_hubs_order_and_hostile_names_are_dropped() {
        let vars: Vars = [("HF_ENDPOINT", "http://hub"), ("HOME", "/nowhere")].into_iter().collect();
        let settings = Settings::of(&vars, Os::Linux, None);
        let url = "http://hub/api/models?search=a%20b&sort=downloads&direction=-1&limit=2\
                   &expand=downloads&expand=likes&expand=gated&expand=pipeline_tag&expand=library_name";
        let body = r#"[{"id":"o/b","downloads":7,"likes":1,"gated":"manual","pipeline_tag":"asr"},{"id":"../x"},{"id":"o/a"}]"#;
        let found = search(&Fake::default().with(url, body, &[]), &settings, "a b", 2).unwrap();
        let plain =
            |id: &str| Found { id: id.to_owned(), downloads: 0, likes: 0, gated: false, task: None, library: None };
        let first = Found { downloads: 7, likes: 1, gated: true, task: Some("asr".to_owned()), ..plain("o/b") };
        assert_eq!(found, [first, plain("o/a")]);
    }
}
