//! The wizard's question for models: a list with sizes, those that fit this machine marked to begin with.

use anyhow::Result;

use crate::support::{escape, units};
use crate::ui::prompts::Prompts;
use crate::ui::text;

/// A model that the wizard offers.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Offer {
    /// What it is called: the manifest's key, or a well-known name.
    pub(in crate::commands) name: String,
    /// What it takes, in bytes, where that is known.
    pub(in crate::commands) size: Option<u64>,
    /// What it is for, who reads it, a licence: a few words.
    pub(in crate::commands) note: String,
    /// Whether this machine can run it.
    pub(in crate::commands) fits: bool,
    /// Whether it is marked to begin with.
    pub(in crate::commands) chosen: bool,
}

/// Asks which of `offers` to download, and gives their indices. Nothing is asked where nothing is offered.
pub(in crate::commands) fn ask(offers: &[Offer], prompts: &Prompts) -> Result<Vec<usize>> {
    if offers.is_empty() {
        return Ok(Vec::new());
    }
    let chosen: Vec<bool> = offers.iter().map(|offer| offer.chosen).collect();
    prompts.some("Which models should be downloaded?  space marks, enter goes on", &items(offers), &chosen)
}

/// The lines of the list: name, size, and what else there is to know.
fn items(offers: &[Offer]) -> Vec<String> {
    let size = |offer: &Offer| offer.size.map_or_else(|| "?".to_owned(), units::bytes);
    let widest = offers.iter().map(|offer| size(offer).chars().count()).max().unwrap_or_default();
    let rows: Vec<(String, String)> = offers
        .iter()
        .map(|offer| {
            let large = if offer.fits { "" } else { "too large for this machine" };
            let notes: Vec<String> =
                [large, &offer.note].into_iter().filter(|note| !note.is_empty()).map(escape::printable).collect();
            let rest = format!("{:>widest$}  {}", size(offer), notes.join(" · "));
            // Two spaces end the name of an answer: within a name there is one.
            let name = escape::printable(&offer.name).split_whitespace().collect::<Vec<_>>().join(" ");
            (name, rest.trim_end().to_owned())
        })
        .collect();
    text::columns(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(name: &str, size: Option<u64>, note: &str, fits: bool) -> Offer {
        Offer { name: name.into(), size, note: note.into(), fits, chosen: fits }
    }

    #[test]
    fn the_list_shows_sizes_in_a_column_and_what_does_not_fit() {
        let offers = [
            offer("openai-whisper:base", Some(145_262_807), "openai-whisper", true),
            offer("large-v3", Some(3_087_371_615), "openai-whisper", false),
            offer("hf:a/模型\u{1b}[2J", None, "", true),
        ];
        assert_eq!(
            items(&offers),
            [
                "openai-whisper:base   145 MB  openai-whisper",
                "large-v3             3.09 GB  too large for this machine · openai-whisper",
                "hf:a/模型\\u{1b}[2J         ?",
            ]
        );
    }
}
