//! What somebody may have meant who wrote a word that is not known: one measure for keys, names, libraries, models and files, so that
//! the same slip is met alike everywhere.

/// The shortest word that may stand for a name which begins with it: two letters begin too many.
const BEGINNING: usize = 3;

/// What of `known` resembles `word` most, the first of equals, if anything does.
///
/// Letter case does not count, nor does which of `-` and `_` was written. Of `openai/whisper.pt` the last part and its stem may be
/// meant as well as the whole.
pub fn nearest<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> Option<S> {
    let word = folded(word);
    let mut best: Option<(f64, f64, S)> = None;
    for name in known {
        let Some((likeness, whole)) = likeness(&word, &folded(name.as_ref())) else { continue };
        if best.as_ref().is_none_or(|(most, most_whole, _)| (likeness, whole) > (*most, *most_whole)) {
            best = Some((likeness, whole, name));
        }
    }
    best.map(|(.., name)| name)
}

/// Below this a suggestion reads as a guess: half of the letters have to be right.
const ENOUGH: f64 = 0.5;

/// How much `word` is like `name` or a part of it, and like the whole of it: of two models with the same last part, the whole tells
/// which is nearer.
fn likeness(word: &str, name: &str) -> Option<(f64, f64)> {
    let part = name.rsplit('/').next().unwrap_or(name);
    let stem = part.rsplit_once('.').map_or(part, |(stem, _)| stem);
    let whole = alike(word, name);
    let most = whole.max(alike(word, part)).max(alike(word, stem));
    let begins = word.chars().count() >= BEGINNING && [name, part].iter().any(|name| name.starts_with(word));
    (most >= ENOUGH || begins).then_some((most, whole))
}

/// The part of the longer text that is right: 1 for equals. Two letters that changed places are one slip.
fn alike(one: &str, other: &str) -> f64 {
    let (short, long) = (one.chars().count(), other.chars().count());
    let (short, long) = (short.min(long), short.max(long));
    // Texts of such different lengths are not compared: a cache has thousands of names.
    if long == 0 || (short as f64) < ENOUGH * long as f64 {
        return 0.0;
    }
    1.0 - strsim::osa_distance(one, other) as f64 / long as f64
}

fn folded(text: &str) -> String {
    text.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_met_with_what_was_meant() {
        let meant = |word: &str, known: &[&'static str]| nearest(word, known.iter().copied());
        assert_eq!(meant("modles", &["all", "models"]), Some("models"), "two letters changed places");
        assert_eq!(meant("base_dri", &["base_dir", "budget"]), Some("base_dir"));
        assert_eq!(meant("Torch_Hub", &["hf", "torch-hub"]), Some("torch-hub"), "case and bars do not count");
        assert_eq!(meant("hg", &["url", "hf"]), Some("hf"), "half of it is right");
        assert_eq!(meant("large-v4", &["large-v1", "large-v2"]), Some("large-v1"), "the first of equals");
        assert_eq!(meant("große", &["grosse", "größe"]), Some("größe"));
    }

    #[test]
    fn the_last_part_of_a_name_its_stem_or_its_beginning_may_be_meant() {
        let models = [
            "openai/whisper-large-v3-turbo",
            "openai/whisper-large-v3",
            "small/large-v3.pt",
            "org/mistral-7b-instruct",
        ];
        let meant = |word: &str| nearest(word, models);
        assert_eq!(meant("whisper-large-v33"), Some("openai/whisper-large-v3"));
        assert_eq!(meant("large-v3"), Some("small/large-v3.pt"));
        assert_eq!(meant("mistral"), Some("org/mistral-7b-instruct"));
        assert_eq!(meant("mi"), None, "two letters begin too many");
    }

    #[test]
    fn what_is_like_nothing_is_not_guessed_at() {
        for (word, known) in [("xyz", "uv"), ("zzz", "org/asr"), ("", "a"), ("qqqq", ""), ("a", "models")] {
            assert_eq!(nearest(word, [known]), None, "{word} {known}");
        }
    }
}
