//! Which files to take where a repository holds the same weights several times.
//!
//! A file is left out only when an equivalent is really there and is taken: same component, same variant, all of its pieces.
//! What is not known as weights is always taken, and so is what no library's name says to be the same.

use std::collections::{BTreeMap, BTreeSet};

pub use super::weights::{Format, NotAFormat};

use super::api::Entry;
use super::gguf;
use super::weights::{Weight, classify};
use crate::support::units;

/// Which forms of the same weights are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that the reader takes first; without a reader, safetensors before pickles before others.
    Auto {
        /// The library that will read it: `transformers`, `diffusers`, `onnxruntime`, `llama.cpp`, `mlx` …
        reader: Option<String>,
    },
    /// All of them.
    All,
    /// These, where they are there; elsewhere as with `Auto`.
    Formats(Vec<Form>),
}

/// A form of weights that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The format.
    pub format: Format,
    /// Of GGUF files, which quantisation, in upper case; the usual one where none is named.
    pub quantisation: Option<String>,
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        Self { format, quantisation: None }
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self::Auto { reader: None }
    }
}

/// A file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Why, as the end of "left out: …".
    pub why: String,
}

/// What is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The indices of the entries that are taken, ascending.
    pub kept: Vec<usize>,
    /// The others, in the order of the entries.
    pub left_out: Vec<LeftOut>,
}

/// The order in which formats are taken: what runs no code first, what most readers know before what few do.
const USUAL: [Format; 12] = [
    Format::Safetensors,
    Format::Pytorch,
    Format::Npz,
    Format::Onnx,
    Format::Flax,
    Format::Tensorflow,
    Format::Openvino,
    Format::Coreml,
    Format::Tflite,
    Format::Rust,
    Format::Gguf,
    Format::Original,
];

/// Chooses among `entries`.
pub fn choose(entries: &[Entry], wanted: &Wanted) -> Choice {
    let mut dropped: BTreeMap<usize, String> = BTreeMap::new();
    if *wanted != Wanted::All {
        let weights: Vec<(usize, Weight<'_>)> =
            entries.iter().enumerate().filter_map(|(at, entry)| Some((at, classify(&entry.path)?))).collect();
        drop_other_formats(&weights, wanted, &mut dropped);
        drop_variants(&weights, &mut dropped);
        drop_quantisations(entries, &weights, wanted, &mut dropped);
        drop_single_files(entries, &weights, wanted, &mut dropped);
    }
    let mut choice = Choice::default();
    for (at, entry) in entries.iter().enumerate() {
        match dropped.remove(&at) {
            Some(why) => choice.left_out.push(LeftOut { path: entry.path.clone(), size: entry.size, why }),
            None => choice.kept.push(at),
        }
    }
    choice
}

/// The format that a reader takes first, if it is not the usual one.
fn first_of(reader: Option<&str>) -> Option<Format> {
    Some(match reader?.to_ascii_lowercase().as_str() {
        "onnx" | "onnxruntime" | "optimum" | "transformers.js" | "fastembed" => Format::Onnx,
        "llama.cpp" | "llama-cpp" | "llama-cpp-python" | "ollama" | "lm-studio" => Format::Gguf,
        "openvino" | "optimum-intel" => Format::Openvino,
        "flax" | "jax" => Format::Flax,
        "tensorflow" | "keras" => Format::Tensorflow,
        "coreml" => Format::Coreml,
        "tflite" => Format::Tflite,
        "rust-bert" => Format::Rust,
        "mistral-inference" | "llama-models" => Format::Original,
        _ => return None,
    })
}

/// The formats to keep of those that are completely there.
fn wanted_of(present: &BTreeSet<Format>, wanted: &Wanted) -> BTreeSet<Format> {
    if let Wanted::Formats(list) = wanted {
        let listed: BTreeSet<Format> =
            list.iter().map(|form| form.format).filter(|format| present.contains(format)).collect();
        if !listed.is_empty() {
            return listed;
        }
    }
    let reader = if let Wanted::Auto { reader } = wanted { reader.as_deref() } else { None };
    let order = first_of(reader).into_iter().chain(USUAL);
    order.into_iter().find(|format| present.contains(format)).into_iter().collect()
}

/// Of each component and variant, the formats that are not taken.
fn drop_other_formats(weights: &[(usize, Weight<'_>)], wanted: &Wanted, dropped: &mut BTreeMap<usize, String>) {
    let mut groups: BTreeMap<(&str, &str), Vec<&(usize, Weight<'_>)>> = BTreeMap::new();
    for one in weights.iter().filter(|(_, weight)| weight.format != Format::Gguf) {
        groups.entry((one.1.scope, one.1.role.as_str())).or_default().push(one);
    }
    for group in groups.into_values() {
        // A form counts as there when its plain variant is: that is the one that libraries load unless they are told otherwise.
        let plain = |format: Format| group.iter().filter(move |(_, w)| w.format == format && w.variant.is_empty());
        let formats: BTreeSet<Format> = group.iter().map(|(_, weight)| weight.format).collect();
        let complete: BTreeSet<Format> =
            formats.iter().copied().filter(|format| is_complete(plain(*format).map(|(_, w)| w))).collect();
        let kept = wanted_of(&complete, wanted);
        let Some(first) = kept.first() else { continue };
        for (at, weight) in group.iter().filter(|(_, weight)| !kept.contains(&weight.format)) {
            dropped.insert(*at, format!("{} holds the same weights as {first}", weight.format));
        }
    }
}

/// Whether these files, all of one format and variant, are something whole: one file at least, and every piece that is numbered.
fn is_complete<'w>(weights: impl Iterator<Item = &'w Weight<'w>>) -> bool {
    let mut whole = false;
    let mut pieces: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for weight in weights.filter(|weight| !weight.index) {
        match weight.shard {
            Some((number, total)) => {
                pieces.entry(total).or_default().insert(number);
            }
            None => whole = true,
        }
    }
    whole || pieces.iter().any(|(total, numbers)| *total > 0 && numbers.len() as u64 == u64::from(*total))
}

/// `model.fp16.safetensors` beside `model.safetensors`: libraries load the plain one.
fn drop_variants(weights: &[(usize, Weight<'_>)], dropped: &mut BTreeMap<usize, String>) {
    let key = |weight: &Weight<'_>| (weight.scope.to_owned(), weight.role.clone(), weight.format);
    let mut plain: BTreeMap<_, Vec<&Weight<'_>>> = BTreeMap::new();
    for (_, weight) in weights.iter().filter(|(at, weight)| weight.variant.is_empty() && !dropped.contains_key(at)) {
        plain.entry(key(weight)).or_default().push(weight);
    }
    let mut variants = Vec::new();
    for (at, weight) in weights.iter().filter(|(at, weight)| !weight.variant.is_empty() && !dropped.contains_key(at)) {
        if plain.get(&key(weight)).is_some_and(|plain| is_complete(plain.iter().copied())) {
            variants.push((*at, format!("the variant {} of weights that are taken", weight.variant)));
        }
    }
    dropped.extend(variants);
}

/// Many quantisations of one model: one is taken. Beside weights for other libraries, none, unless the reader wants GGUF.
fn drop_quantisations(
    entries: &[Entry],
    weights: &[(usize, Weight<'_>)],
    wanted: &Wanted,
    dropped: &mut BTreeMap<usize, String>,
) {
    let is_wanted = match wanted {
        Wanted::Auto { reader } => first_of(reader.as_deref()) == Some(Format::Gguf),
        Wanted::Formats(list) => list.iter().any(|form| form.format == Format::Gguf),
        Wanted::All => true,
    };
    let others_taken = drop_others_for_gguf(weights, wanted, is_wanted, dropped);
    let mut models: BTreeMap<String, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
    for (at, _) in weights.iter().filter(|(_, weight)| weight.format == Format::Gguf) {
        if others_taken && !is_wanted {
            dropped.insert(*at, "gguf holds the same weights as those that are taken".to_owned());
            continue;
        }
        let (model, quantisation) = model_of(&entries[*at].path);
        models.entry(model).or_default().entry(quantisation).or_default().push(*at);
    }
    let named = named_quantisations(wanted);
    models.values().for_each(|quantisations| keep_quantisations(weights, quantisations, &named, dropped));
}

/// The quantisations that are asked for by name.
fn named_quantisations(wanted: &Wanted) -> BTreeSet<&str> {
    match wanted {
        Wanted::Formats(list) => list.iter().filter_map(|form| form.quantisation.as_deref()).collect(),
        Wanted::Auto { .. } | Wanted::All => BTreeSet::new(),
    }
}

/// The quantisations that are asked for by name and that no entry has, beside those that there are.
pub fn missing_quantisations(entries: &[Entry], wanted: &Wanted) -> Option<(String, Vec<String>)> {
    let is_gguf = |entry: &&Entry| classify(&entry.path).is_some_and(|weight| weight.format == Format::Gguf);
    let there: BTreeSet<String> = entries.iter().filter(is_gguf).map(|entry| model_of(&entry.path).1).collect();
    let missing = named_quantisations(wanted).into_iter().find(|name| !there.contains(*name))?;
    Some((missing.to_owned(), there.into_iter().filter(|name| !name.is_empty()).collect()))
}

/// Keeps those that are asked for by name; of a model that has none of them, the usual one.
fn keep_quantisations(
    weights: &[(usize, Weight<'_>)],
    quantisations: &BTreeMap<String, Vec<usize>>,
    named: &BTreeSet<&str>,
    dropped: &mut BTreeMap<usize, String>,
) {
    let whole =
        |files: &[usize]| is_complete(weights.iter().filter(|(at, _)| files.contains(at)).map(|(_, weight)| weight));
    let complete: Vec<&str> =
        quantisations.iter().filter(|(_, files)| whole(files)).map(|(name, _)| name.as_str()).collect();
    let best = complete.iter().copied().min_by_key(|name| (gguf::rank(name), *name));
    let mut kept: Vec<&str> = complete.into_iter().filter(|name| named.contains(name)).collect();
    if kept.is_empty() {
        kept.extend(best);
    }
    let Some(first) = kept.first() else { return };
    let taken = if first.is_empty() { "the one without".to_owned() } else { kept.join(" and ") };
    for (_, files) in quantisations.iter().filter(|(name, _)| !kept.contains(&name.as_str())) {
        dropped.extend(files.iter().map(|at| (*at, format!("another quantisation than {taken}"))));
    }
}

/// Where GGUF is wanted and there, the repository's other weights are not needed. Whether those are there, and taken.
fn drop_others_for_gguf(
    weights: &[(usize, Weight<'_>)],
    wanted: &Wanted,
    is_wanted: bool,
    dropped: &mut BTreeMap<usize, String>,
) -> bool {
    let listed =
        |format: Format| matches!(wanted, Wanted::Formats(list) if list.iter().any(|form| form.format == format));
    let is_other = |weight: &Weight<'_>| weight.role == "model" && weight.scope.is_empty();
    let taken: Vec<(usize, &Weight<'_>)> = weights
        .iter()
        .filter(|(at, weight)| is_other(weight) && !dropped.contains_key(at))
        .map(|(at, weight)| (*at, weight))
        .collect();
    let gguf = weights.iter().map(|(_, weight)| weight).filter(|weight| weight.format == Format::Gguf);
    if is_wanted && is_complete(gguf) {
        for (at, _) in taken.iter().filter(|(_, weight)| !listed(weight.format)) {
            dropped.insert(*at, "gguf, which is wanted, holds the same weights".to_owned());
        }
    }
    is_complete(taken.iter().map(|(_, weight)| *weight))
}

/// The model that a GGUF file is of, and its quantisation: by the file's name, else by its folder's.
fn model_of(path: &str) -> (String, String) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let stem = stem.split_once("-of-").and_then(|(rest, _)| rest.rsplit_once('-')).map_or(stem, |(stem, _)| stem);
    let (model, quantisation) = gguf::split(stem);
    let (place, of_folder) = gguf::split(folder);
    // A folder that is a quantisation holds one form of a model that lies elsewhere, too.
    let place = if of_folder.is_empty() { folder.to_owned() } else { place };
    (format!("{place}/{model}"), if quantisation.is_empty() { of_folder } else { quantisation })
}

/// A pipeline of diffusers loads its components' folders; checkpoints of the whole beside `model_index.json` are for other tools.
fn drop_single_files(
    entries: &[Entry],
    weights: &[(usize, Weight<'_>)],
    wanted: &Wanted,
    dropped: &mut BTreeMap<usize, String>,
) {
    if matches!(wanted, Wanted::Formats(_)) || !entries.iter().any(|entry| entry.path == "model_index.json") {
        return;
    }
    let kept =
        |at: &usize, scope: &[&str], weight: &Weight<'_>| scope.contains(&weight.scope) && !dropped.contains_key(at);
    let backbone: u64 = weights
        .iter()
        .filter(|(at, weight)| kept(at, &["unet", "transformer"], weight))
        .map(|(at, _)| entries[*at].size)
        .sum();
    if backbone == 0 {
        return;
    }
    // Smaller ones may be something else (a LoRA, an embedding); half of the backbone is its fp16 form.
    let single: Vec<usize> = weights
        .iter()
        .filter(|(at, weight)| kept(at, &[""], weight) && entries[*at].size >= backbone / 2)
        .map(|(at, _)| *at)
        .collect();
    let size = units::bytes(backbone);
    dropped
        .extend(single.into_iter().map(|at| (at, format!("the pipeline's own folders hold these weights ({size})"))));
}

#[cfg(test)]
#[path = "formats/tests.rs"]
mod tests;
