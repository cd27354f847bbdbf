//! One value of the manifest's `[models]`: a source, several, or a table. Only its shape is checked here; what a source and a
//! condition mean is `models::request`'s matter.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

/// One key of `[models]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The line of the manifest where it stands, from 1; for messages.
    pub line: usize,
    /// What it says.
    pub value: ModelValue,
}

/// What stands after a key of `[models]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelValue {
    /// `key = "source"`
    One(String),
    /// `key = ["source", "source"]`
    Several(Vec<String>),
    /// `key = { source = "…", … }`
    Table(Box<ModelTable>),
}

/// A model as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelTable {
    /// Its spec.
    pub source: Option<String>,
    /// The branch, tag, commit or version, where the source names none.
    pub revision: Option<String>,
    /// Patterns of the files to take; everything where it is absent.
    pub include: Option<Words>,
    /// Patterns of the files to leave out.
    pub exclude: Words,
    /// `auto`, `all`, or the formats of weights to take.
    pub weights: Option<Words>,
    /// Where the source is wanted: all of these must hold.
    pub when: Words,
    /// True when setup may go on without it.
    pub optional: bool,
    /// True when its owner asks people to agree to something first.
    pub gated: bool,
    /// The Python environment that it is installed into.
    pub environment: Option<String>,
    /// Other sources, for the machines that their `when` names.
    pub alternatives: Vec<AlternativeTable>,
}

impl ModelTable {
    /// What it says of its own source, as its alternatives say it of theirs; the source is empty where it has none.
    pub fn own(&self) -> AlternativeTable {
        AlternativeTable {
            source: self.source.clone().unwrap_or_default(),
            revision: self.revision.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            weights: self.weights.clone(),
            when: self.when.clone(),
        }
    }
}

/// Another source of a model, for some machines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlternativeTable {
    /// Its spec.
    pub source: String,
    /// As in [`ModelTable`].
    pub revision: Option<String>,
    /// As in [`ModelTable`].
    pub include: Option<Words>,
    /// As in [`ModelTable`].
    pub exclude: Words,
    /// As in [`ModelTable`].
    pub weights: Option<Words>,
    /// As in [`ModelTable`].
    pub when: Words,
}

/// One word or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Words;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Words, E> {
                Ok(Words(vec![word.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Words, A::Error> {
                Deserialize::deserialize(de::value::SeqAccessDeserializer::new(list)).map(Words)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for ModelValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = ModelValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source, a list of sources, or a table with `source`")
            }
            fn visit_str<E: de::Error>(self, source: &str) -> Result<ModelValue, E> {
                Ok(ModelValue::One(source.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ModelValue, A::Error> {
                Deserialize::deserialize(de::value::SeqAccessDeserializer::new(list)).map(ModelValue::Several)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelValue, A::Error> {
                let table = ModelTable::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ModelValue::Table(Box::new(table)))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// `[models]` in the file's order. `line` holds the offset of the value until [`lines`] has counted.
pub(super) fn ordered<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, ModelEntry)>, D::Error> {
    struct Entries<T>(PhantomData<T>);
    impl<'de> Visitor<'de> for Entries<ModelEntry> {
        type Value = Vec<(String, ModelEntry)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of models")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, toml::Spanned<ModelValue>>()? {
                let line = value.span().start;
                entries.push((key, ModelEntry { line, value: value.into_inner() }));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries(PhantomData))
}

/// Turns the offsets that [`ordered`] left into lines of `text`.
pub(super) fn lines(entries: &mut [(String, ModelEntry)], text: &str) {
    // Listed once: a manifest may hold tens of thousands of models, and be a stranger's.
    let ends: Vec<usize> = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    for (_, entry) in entries {
        entry.line = ends.partition_point(|end| *end < entry.line) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Manifest;

    #[test]
    fn a_model_is_a_source_a_list_or_a_table() {
        let manifest = Manifest::parse(
            "[models]\nvad = \"silero-vad\"\nwhisper = [\"openai-whisper:base\"]\n\n[models.asr]\nsource = \"hf:a/b\"\ninclude = \"*.json\"\nalternatives = [{ source = \"hf:c/d\", when = [\"apple\"] }]\n",
        )
        .unwrap();
        let words = |word: &str| Words(vec![word.to_owned()]);
        let asr = ModelTable {
            source: Some("hf:a/b".to_owned()),
            include: Some(words("*.json")),
            alternatives: vec![AlternativeTable {
                source: "hf:c/d".to_owned(),
                when: words("apple"),
                ..AlternativeTable::default()
            }],
            ..ModelTable::default()
        };
        let expected = [
            ("vad", 2, ModelValue::One("silero-vad".to_owned())),
            ("whisper", 3, ModelValue::Several(vec!["openai-whisper:base".to_owned()])),
            ("asr", 5, ModelValue::Table(Box::new(asr))),
        ];
        let expected = expected.map(|(key, line, value)| (key.to_owned(), ModelEntry { line, value }));
        assert_eq!(manifest.models, expected);
    }

    #[test]
    fn a_misspelt_key_and_a_wrong_type_show_their_place() {
        let problem = |text: &str| Manifest::parse(text).unwrap_err().to_string();
        assert_eq!(
            problem("[models]\nqwen = { sorce = \"hf:a/b\" }\n"),
            ":2:10: unknown key `sorce`\n  2 | qwen = { sorce = \"hf:a/b\" }\n    |          ^^^^^\n  the nearest known key is `source`"
        );
        assert!(problem("[models]\nx = 5\n").starts_with(
            ":2:5: invalid type: integer `5`, expected a source, a list of sources, or a table with `source`"
        ));
        assert!(problem("[models]\nx = [1]\n").starts_with(":2:6: invalid type: integer `1`, expected a string"));
        assert!(problem("[models.x]\nwhen = 1\n").starts_with(":2:8: invalid type"));
        assert!(problem("models = 1\n").starts_with(":1:10: invalid type: integer `1`, expected a table of models"));
    }
}
