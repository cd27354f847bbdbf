//! An ML bill of materials: CycloneDX 1.6 as JSON. The same lock gives the same bytes, on every machine, at any time.
//!
//! A model is a component of type `machine-learning-model`; one of several parts (a pipeline with the models that it
//! needs) has a component for each; its files are components of type `file`, with digest, size and URL.

use serde::Serialize;
use sha1::{Digest as _, Sha1};

use super::{licence, purl};
use crate::fetch::Digest;
use crate::models::locked::{File, HubPlace, Model, Part, Place, RepoType};
use crate::support::digest::sha256;

/// RFC 9562's namespace for names that are URLs.
const URL_NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// A model to be listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// The model, as the lock has it.
    pub model: &'a Model,
    /// Its licence, in the Hub's words or as an SPDX identifier, where it is known.
    pub licence: Option<&'a str>,
}

/// The bill of materials for these models, with a line end. `timestamp` (RFC 3339) is left out by default, since the same
/// lock should give the same bytes; `hub` is the Hub's endpoint, without a final slash.
///
/// # Errors
/// None that can be told: what is written is text and numbers.
pub fn render(models: &[Listed<'_>], hub: &str, timestamp: Option<&str>) -> serde_json::Result<String> {
    let mut bill = Bill {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp,
            tools: Tools {
                components: [Tool {
                    kind: "application",
                    name: env!("CARGO_PKG_NAME"),
                    version: env!("CARGO_PKG_VERSION"),
                }],
            },
        },
        components: models.iter().map(|listed| of_model(listed, hub)).collect(),
    };
    bill.serial_number = Some(serial(&serde_json::to_string(&bill)?));
    serde_json::to_string_pretty(&bill).map(|text| text + "\n")
}

/// A UUID of version 5, made from the document's own content.
fn serial(content: &str) -> String {
    let name = format!("urn:sha256:{}", sha256(content.as_bytes()));
    let hash = Sha1::new_with_prefix(URL_NAMESPACE).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn of_model(listed: &Listed<'_>, hub: &str) -> Component {
    let model = listed.model;
    let mut component = match model.parts.as_slice() {
        [part] => of_part(part, &model.name, hub),
        parts => {
            let part = |(index, part): (usize, &Part)| of_part(part, &format!("{}#{index}", model.name), hub);
            Component { components: parts.iter().enumerate().map(part).collect(), ..Component::default() }
        }
    };
    component.kind = kind_of_model(model);
    component.name.clone_from(&model.name);
    component.reference.clone_from(&model.name);
    component.licenses = listed.licence.map(|licence| Licensed { license: Licence::of(licence) }).into_iter().collect();
    component.properties.insert(0, Property::new("modelstrap:spec", &model.spec));
    component
}

fn kind_of_model(model: &Model) -> &'static str {
    let is_data = |part: &Part| matches!(&part.place, Place::Hub(hub) if hub.repo_type == RepoType::Dataset);
    if !model.parts.is_empty() && model.parts.iter().all(is_data) { "data" } else { "machine-learning-model" }
}

fn of_part(part: &Part, reference: &str, hub: &str) -> Component {
    let mut component =
        Component { kind: "machine-learning-model", reference: reference.into(), ..Component::default() };
    match &part.place {
        Place::Hub(place) => {
            let folder = if place.repo_type == RepoType::Dataset { "datasets/" } else { "" };
            component.kind = if place.repo_type == RepoType::Dataset { "data" } else { component.kind };
            component.name.clone_from(&place.repo);
            component.version = Some(place.commit.clone());
            component.purl = purl::hub(place);
            component.references =
                vec![Reference::distribution(format!("{hub}/{folder}{}/tree/{}", place.repo, place.commit))];
            component.properties.push(Property::new("modelstrap:requested", &place.requested));
        }
        Place::TorchHub { owner, repo, reference, commit } => {
            component.name = format!("{owner}/{repo}");
            component.version = Some(commit.clone());
            component.purl = Some(purl::github(owner, repo, commit));
            component.properties.push(Property::new("modelstrap:requested", reference));
        }
        Place::Files { .. } | Place::Wheel { .. } => {
            component.name = part.files.first().map(|file| file.path.clone()).unwrap_or_default();
            component.purl = match &*part.files {
                [file] => purl::generic(file),
                _ => None,
            };
        }
    }
    component.components = part.files.iter().map(|file| of_file(file, part, reference, hub)).collect();
    component
}

fn of_file(file: &File, part: &Part, owner: &str, hub: &str) -> Component {
    let mut component = Component {
        kind: "file",
        reference: format!("{owner}/{}", file.path),
        name: file.path.clone(),
        ..Component::default()
    };
    match file.digest {
        Some(digest @ Digest::Sha256(_)) => component.hashes.push(Hash { alg: "SHA-256", content: digest.hex() }),
        // Git hashes a header with the bytes: it is no SHA-1 of the content, and may not be listed as one.
        Some(digest @ Digest::Git(_)) => component.properties.push(Property::new("modelstrap:git-sha1", &digest.hex())),
        None => {}
    }
    if let Some(size) = file.size {
        component.properties.push(Property::new("modelstrap:size", &size.to_string()));
    }
    let url = file.url.clone().or_else(|| match &part.place {
        Place::Hub(place) => Some(on_the_hub(place, &file.path, hub)),
        _ => None,
    });
    component.references = url.map(Reference::distribution).into_iter().collect();
    component
}

fn on_the_hub(place: &HubPlace, path: &str, hub: &str) -> String {
    let folder = if place.repo_type == RepoType::Dataset { "datasets/" } else { "" };
    format!("{hub}/{folder}{}/resolve/{}/{}", place.repo, place.commit, purl::path(path))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bill<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    tools: Tools,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize, Default)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<Licensed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(rename = "externalReferences", skip_serializing_if = "Vec::is_empty")]
    references: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<Component>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Licensed {
    license: Licence,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Licence {
    Id(&'static str),
    Name(String),
}

impl Licence {
    fn of(licence: &str) -> Self {
        licence::spdx(licence).map_or_else(|| Self::Name(licence.trim().to_owned()), Self::Id)
    }
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

impl Reference {
    fn distribution(url: String) -> Self {
        Self { kind: "distribution", url }
    }
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

impl Property {
    fn new(name: &'static str, value: &str) -> Self {
        Self { name, value: value.to_owned() }
    }
}
