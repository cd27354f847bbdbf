//! Reads the catalogue of well-known models, refuses a mistake in it, and writes it down as Rust.
//!
//! A part of the build script. `tests/catalogue/sources.rs` includes it too, to see that each kind of mistake is refused.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The words before the colon of a spec.
const SOURCES: &[&str] = &[
    "hf",
    "openai-whisper",
    "faster-whisper",
    "mlx-whisper",
    "torch-hub",
    "torchaudio",
    "pyannote",
    "spacy",
    "sentence-transformers",
];

/// What `recommended_settings` may answer for Whisper: `WHISPER` in `src/platform/recommend.rs`.
const WHISPERS: &[&str] = &["large-v3", "turbo", "medium", "small", "base", "tiny"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    common: Common,
    #[serde(default)]
    model: Vec<Model>,
}

/// What the entries of one file share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    reader: String,
    license: Option<String>,
    evidence: Vec<String>,
}

/// One entry as it stands in a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    #[serde(skip)]
    group: String,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    spec: String,
    reader: Option<String>,
    size: Option<u64>,
    license: Option<String>,
    #[serde(default)]
    gated: bool,
    whisper: Option<String>,
    note: Option<String>,
    #[serde(default)]
    files: Vec<File>,
    #[serde(default)]
    part: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    repo: String,
    commit: Option<String>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    gated: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    url: Option<String>,
    size: Option<u64>,
    sha256: Option<String>,
    git: Option<String>,
}

/// Every model of `texts`, each a group's name and its TOML, checked. `libraries` are the ids that a reader may have.
pub(crate) fn parse(texts: &[(String, String)], libraries: &[&str]) -> Result<Vec<Model>, String> {
    let mut models = Vec::new();
    let mut found = Vec::new();
    for (name, text) in texts {
        let group: Group = toml::from_str(text).map_err(|e| format!("catalogue/models/{name}.toml: {e}"))?;
        if group.common.evidence.is_empty() || group.common.evidence.iter().any(|text| text.trim().is_empty()) {
            found.push(format!("catalogue/models/{name}.toml: has no evidence"));
        }
        for mut model in group.model {
            model.group.clone_from(name);
            model.reader.get_or_insert_with(|| group.common.reader.clone());
            model.license = model.license.or_else(|| group.common.license.clone());
            model.size = model.size.or_else(|| model.sum());
            models.push(model);
        }
    }
    found.extend(mistakes(&models, libraries));
    if found.is_empty() { Ok(models) } else { Err(found.join("\n")) }
}

impl Model {
    fn every_file(&self) -> impl Iterator<Item = &File> {
        self.files.iter().chain(self.part.iter().flat_map(|part| &part.files))
    }

    /// The size, where each part lists its files and each file its size.
    fn sum(&self) -> Option<u64> {
        let listed = !self.files.is_empty() || !self.part.is_empty();
        if !listed || self.part.iter().any(|part| part.files.is_empty()) {
            return None;
        }
        self.every_file().map(|file| file.size).sum()
    }
}

/// What is wrong, one line each, so that a person mends all of it at once.
fn mistakes(models: &[Model], libraries: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for model in models {
        let mut complain =
            |what: String| found.push(format!("catalogue/models/{}.toml: {}: {what}", model.group, model.name));
        // The spec is a name too: it is unique, and no alias of another model.
        for name in [&model.name, &model.spec].into_iter().chain(&model.aliases) {
            if !names.insert(name.to_lowercase()) {
                complain(format!("the name, alias or spec {name:?} is there twice"));
            }
            if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
                complain(format!("{name:?} is no name"));
            }
        }
        check(model, libraries, &mut complain);
    }
    found
}

fn check(model: &Model, libraries: &[&str], complain: &mut impl FnMut(String)) {
    if model.name.contains([':', '/', '@']) {
        complain("a bare name has no `:`, `/` or `@`: it would be read as a spec".to_owned());
    }
    if !model.spec.split_once(':').is_some_and(|(source, name)| SOURCES.contains(&source) && !name.is_empty()) {
        complain(format!("{:?} is no spec", model.spec));
    }
    if !model.reader.as_deref().is_some_and(|reader| libraries.contains(&reader)) {
        complain(format!("the reader {:?} is no library of the catalogue", model.reader));
    }
    if let Some(whisper) = model.whisper.as_deref().filter(|whisper| !WHISPERS.contains(whisper)) {
        complain(format!("{whisper:?} is not among the recommended sizes of Whisper"));
    }
    if model.license.iter().chain(&model.note).any(|text| text.trim().is_empty()) {
        complain("has an empty value".to_owned());
    }
    if model.gated != model.part.iter().any(|part| part.gated && !part.optional) {
        complain("`gated` says the same as its parts".to_owned());
    }
    let known: u64 = model.every_file().filter_map(|file| file.size).sum();
    if model.size.is_some_and(|size| size == 0 || size < known) {
        complain("is smaller than its files".to_owned());
    }
    for file in model.every_file() {
        check_file(file, complain);
    }
    for file in &model.files {
        if !file.url.as_deref().is_some_and(good_url) {
            complain(format!("{}: has no https URL", file.path));
        }
    }
    for part in &model.part {
        if part.repo.split('/').count() > 2 || !part.repo.split('/').all(plain) {
            complain(format!("{:?} is no repository of the Hub", part.repo));
        }
        if !part.commit.as_deref().is_none_or(|commit| hex(commit, 40)) {
            complain(format!("{:?} is no commit", part.commit));
        }
        if part.files.iter().any(|file| file.url.is_some()) {
            complain("the Hub says the URLs of its files".to_owned());
        }
    }
}

fn check_file(file: &File, complain: &mut impl FnMut(String)) {
    if !file.path.split('/').all(plain) {
        complain(format!("{:?} is no plain path", file.path));
    }
    if file.size == Some(0) {
        complain(format!("{}: is empty", file.path));
    }
    if !file.sha256.as_deref().is_none_or(|digits| hex(digits, 64)) {
        complain(format!("{}: sha256 is 64 lower-case hexadecimal digits", file.path));
    }
    if !file.git.as_deref().is_none_or(|digits| hex(digits, 40)) || (file.git.is_some() && file.sha256.is_some()) {
        complain(format!("{}: git is 40 lower-case hexadecimal digits, where there is no sha256", file.path));
    }
}

fn good_url(url: &str) -> bool {
    url.strip_prefix("https://").is_some_and(|rest| rest.contains('/') && !rest.contains(['@', '?', '#', ' ', '\\']))
}

fn plain(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0'])
}

fn hex(digits: &str, length: usize) -> bool {
    digits.len() == length && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The models as a Rust expression, for `src/catalogue/models.rs` to include.
pub(crate) fn render(models: &[Model]) -> String {
    let mut out = String::from("&[\n");
    for model in models {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "Known {{ name: {:?}, aliases: &{:?}, spec: {:?}, reader: {:?}, size: {:?}, license: {:?}, gated: {:?}, \
             whisper: {:?}, note: {:?}, files: &[{}], parts: &[{}] }},",
            model.name,
            model.aliases,
            model.spec,
            model.reader.as_deref().unwrap_or_default(),
            model.size,
            model.license,
            model.gated,
            model.whisper,
            model.note,
            render_files(&model.files),
            model.part.iter().map(render_part).collect::<String>(),
        );
    }
    out.push(']');
    out
}

fn render_part(part: &Part) -> String {
    format!(
        "KnownPart {{ repo: {:?}, commit: {:?}, include: &{:?}, exclude: &{:?}, gated: {:?}, optional: {:?}, files: &[{}] }}, ",
        part.repo,
        part.commit,
        part.include,
        part.exclude,
        part.gated,
        part.optional,
        render_files(&part.files),
    )
}

fn render_files(files: &[File]) -> String {
    let digest = |file: &File| {
        let sha256 = file.sha256.as_ref().map(|digits| format!("sha256:{digits}"));
        sha256.or_else(|| file.git.as_ref().map(|digits| format!("git:{digits}")))
    };
    let mut out = String::new();
    for file in files {
        let _ = write!(
            out,
            "KnownFile {{ path: {:?}, url: {:?}, size: {:?}, digest: {:?} }}, ",
            file.path,
            file.url,
            file.size,
            digest(file)
        );
    }
    out
}
