//! The Hub's JSON, read entry by entry: 20,000 files cost their names and digests, and nothing else stays in memory.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};

use crate::fetch::Digest;
use crate::models::locked::LARGEST_FILE;

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, with `/`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// What its bytes are: Git's name for them, or their SHA-256 where they lie outside Git.
    pub digest: Digest,
}

/// What the Hub says of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Info {
    pub(super) id: String,
    pub(super) sha: Option<String>,
    #[serde(default)]
    pub(super) gated: Gated,
    #[serde(default)]
    pub(super) disabled: Option<bool>,
    #[serde(default, rename = "cardData", deserialize_with = "lenient")]
    card: Option<Card>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// `false`, or the way in which access is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Gated(pub(super) bool);

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Card {
    license: Option<serde_json::Value>,
}

impl Info {
    /// The licence's short name, such as `apache-2.0`.
    pub(super) fn license(&self) -> Option<String> {
        let from_card = self.card.as_ref().and_then(|card| match card.license.as_ref()? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Array(list) => list.first()?.as_str().map(str::to_owned),
            _ => None,
        });
        let tags = || self.tags.iter().flatten().find_map(|tag| tag.strip_prefix("license:").map(str::to_owned));
        from_card.or_else(tags).filter(|text| !text.is_empty() && text.len() <= 100)
    }
}

impl<'de> Deserialize<'de> for Gated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self(match value {
            serde_json::Value::Bool(gated) => gated,
            serde_json::Value::String(text) => text != "false" && !text.is_empty(),
            _ => false,
        }))
    }
}

/// A value of the right form, or none: an author's own words do not stop a download.
fn lenient<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(default)]
    size: u64,
    #[serde(borrow, default)]
    oid: Cow<'a, str>,
    #[serde(borrow, default)]
    lfs: Option<Lfs<'a>>,
}

#[derive(Deserialize)]
struct Lfs<'a> {
    #[serde(borrow)]
    oid: Cow<'a, str>,
    size: u64,
}

impl Item<'_> {
    fn entry<E: serde::de::Error>(self) -> Result<Option<Entry>, E> {
        if self.kind != "file" {
            return Ok(None);
        }
        let (hex, size, length) = match &self.lfs {
            Some(lfs) => (lfs.oid.strip_prefix("sha256:").unwrap_or(&lfs.oid), lfs.size, 64),
            None => (&*self.oid, self.size, 40),
        };
        if size > LARGEST_FILE {
            return Err(E::custom(format_args!("the file {:?} is said to have {size} bytes", self.path)));
        }
        let digest = Some(hex).filter(|hex| hex.len() == length).and_then(Digest::from_hex);
        let digest = digest.ok_or_else(|| E::custom(format_args!("the file {:?} has no digest", self.path)))?;
        Ok(Some(Entry { path: self.path.into_owned(), size, digest }))
    }
}

/// Adds the files of one page of a tree listing to `entries`, at most `room` of them.
pub(super) fn read_tree(json: &[u8], entries: &mut Vec<Entry>, most: usize) -> Result<(), serde_json::Error> {
    struct Page<'v>(&'v mut Vec<Entry>, usize);
    impl<'de> Visitor<'de> for Page<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of files")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
            while let Some(item) = items.next_element::<Item<'de>>()? {
                if let Some(entry) = item.entry()? {
                    if self.0.len() >= self.1 {
                        while items.next_element::<IgnoredAny>()?.is_some() {}
                        return Err(A::Error::custom(format_args!("it lists more than {} files", self.1)));
                    }
                    self.0.push(entry);
                }
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader.deserialize_seq(Page(entries, most))?;
    reader.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_gives_the_blobs_own_names() {
        let json = format!(
            r#"[{{"type":"directory","path":"onnx","oid":"x","size":0}},
                {{"type":"file","path":"a.json","size":3,"oid":"{git}","extra":[1]}},
                {{"type":"file","path":"m\u00e9.bin","size":9,"oid":"{git}","xetHash":"*",
                  "lfs":{{"oid":"{sha}","size":10,"pointerSize":134}}}}]"#,
            git = "ab".repeat(20),
            sha = "cd".repeat(32)
        );
        let mut entries = Vec::new();
        read_tree(json.as_bytes(), &mut entries, 2).unwrap();
        assert_eq!(
            entries,
            [
                Entry { path: "a.json".to_owned(), size: 3, digest: Digest::Git([0xab; 20]) },
                Entry { path: "mé.bin".to_owned(), size: 10, digest: Digest::Sha256([0xcd; 32]) },
            ]
        );
        assert!(read_tree(json.as_bytes(), &mut Vec::new(), 1).unwrap_err().to_string().contains("more than 1 files"));
    }

    #[test]
    fn a_listing_without_a_digest_is_an_error() {
        for entry in [
            r#"{"type":"file","path":"a","size":1,"oid":"short"}"#.to_owned(),
            format!(
                r#"{{"type":"file","path":"a","size":1,"oid":"{}","lfs":{{"oid":"*","size":1}}}}"#,
                "ab".repeat(20)
            ),
        ] {
            let error = read_tree(format!("[{entry}]").as_bytes(), &mut Vec::new(), 9).unwrap_err();
            assert!(error.to_string().contains("has no digest"), "{error}");
        }
    }

    #[test]
    fn what_a_repository_says_is_read_whatever_else_it_says() {
        let read = |json: &str| serde_json::from_str::<Info>(json).unwrap();
        let plain = read(r#"{"id":"o/n"}"#);
        assert_eq!(
            (plain.id.as_str(), plain.sha.as_deref(), plain.gated.0, plain.license()),
            ("o/n", None, false, None)
        );
        let full =
            read(r#"{"id":"o/n","sha":"c","gated":"auto","cardData":{"license":["mit","x"]},"tags":["license:y"]}"#);
        assert_eq!((full.gated.0, full.license().as_deref()), (true, Some("mit")));
        let odd = read(r#"{"id":"o/n","gated":null,"cardData":"what","tags":["license:y"]}"#);
        assert_eq!((odd.gated.0, odd.license().as_deref()), (false, Some("y")));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "[\\[\\]{}\",:a-z0-9]{0,80}") {
            let _ = read_tree(&bytes, &mut Vec::new(), 5);
            let _ = read_tree(text.as_bytes(), &mut Vec::new(), 5);
            let _ = serde_json::from_str::<Info>(&text);
        }
    }
}
