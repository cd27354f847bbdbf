//! What a file of a repository is, by its path: which format of weights, of which component, in which shard and variant.
//!
//! The names are the libraries' own: transformers (`utils/__init__.py`, `WEIGHTS_NAME` and its like), diffusers
//! (`utils/constants.py`), optimum (`onnx/`, `openvino/`), Meta's and Mistral's `original/` and `consolidated.*`.

use std::fmt;
use std::str::FromStr;

/// A format of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `.safetensors`: runs no code when it is loaded.
    Safetensors,
    /// `.bin`, `.pt`, `.pth`, `.ckpt` of PyTorch: pickles.
    Pytorch,
    /// `.npz` of MLX.
    Npz,
    /// `.gguf` of llama.cpp.
    Gguf,
    /// `.onnx`
    Onnx,
    /// OpenVINO's `.xml` and `.bin`.
    Openvino,
    /// `.msgpack` of Flax.
    Flax,
    /// `.h5` of TensorFlow.
    Tensorflow,
    /// `.tflite`
    Tflite,
    /// Apple's `.mlpackage` and `.mlmodel`.
    Coreml,
    /// `.ot` of Rust's tch.
    Rust,
    /// The authors' own form beside the one for libraries: `original/`, `metal/`, `consolidated.*`.
    Original,
}

/// Every format with its name.
const NAMES: [(Format, &str); 12] = [
    (Format::Safetensors, "safetensors"),
    (Format::Pytorch, "pytorch"),
    (Format::Npz, "npz"),
    (Format::Gguf, "gguf"),
    (Format::Onnx, "onnx"),
    (Format::Openvino, "openvino"),
    (Format::Flax, "flax"),
    (Format::Tensorflow, "tensorflow"),
    (Format::Tflite, "tflite"),
    (Format::Coreml, "coreml"),
    (Format::Rust, "rust"),
    (Format::Original, "original"),
];

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name))
    }
}

/// A word that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a format of weights: safetensors, pytorch, npz, gguf, onnx, openvino, flax, tensorflow, tflite, coreml, rust or original"
)]
pub struct NotAFormat;

impl FromStr for Format {
    type Err = NotAFormat;

    /// A format's name, or the end of its files' names.
    fn from_str(text: &str) -> Result<Self, NotAFormat> {
        let text = match text {
            "bin" | "pt" | "pth" | "ckpt" => "pytorch",
            "h5" => "tensorflow",
            "msgpack" => "flax",
            "ggml" => "gguf",
            "ot" => "rust",
            "mlpackage" | "mlmodel" => "coreml",
            other => other,
        };
        NAMES.iter().find(|(_, name)| *name == text).map(|(format, _)| *format).ok_or(NotAFormat)
    }
}

/// What a path says about weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Weight<'a> {
    pub(super) format: Format,
    /// The folder of the component whose weights these are.
    pub(super) scope: &'a str,
    /// What they are there: `model`, or the file's own name where it is not one that libraries share.
    pub(super) role: String,
    /// `fp16`, `non_ema`, or nothing.
    pub(super) variant: &'a str,
    /// Which of how many pieces.
    pub(super) shard: Option<(u32, u32)>,
    /// Whether it is the list of the pieces, not a piece.
    pub(super) index: bool,
}

/// Folders that hold a whole further form of what lies beside them.
const FOLDERS: [(&str, Format); 5] = [
    ("onnx", Format::Onnx),
    ("openvino", Format::Openvino),
    ("coreml", Format::Coreml),
    ("original", Format::Original),
    ("metal", Format::Original),
];

/// Names by which libraries find a component's weights, whatever their format: one is as good as the other.
const SHARED: [&str; 9] = [
    "model",
    "pytorch_model",
    "tf_model",
    "flax_model",
    "rust_model",
    "diffusion_pytorch_model",
    "diffusion_flax_model",
    "openvino_model",
    "consolidated",
];

/// What `path` is, if it is weights.
pub(super) fn classify(path: &str) -> Option<Weight<'_>> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, index) = match name.strip_suffix(".index.json") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    if let Some((scope, format)) = whole_folder(folder) {
        let weights = format == Format::Coreml || index || extension(stem).is_some();
        let plain = Weight { format, scope, role: "model".to_owned(), variant: "", shard: None, index };
        return weights.then_some(plain);
    }
    let (stem, mut format) = extension(stem)?;
    let (stem, shard) = sharded(stem);
    let (stem, variant) = varied(stem);
    if stem == "openvino_model" {
        format = Format::Openvino;
    } else if stem == "consolidated" || stem.starts_with("consolidated.") {
        format = Format::Original;
    }
    // CTranslate2 calls its own form `model.bin`: no other `model.*` replaces it.
    let own = (stem == "model" && format == Format::Pytorch) || format == Format::Gguf;
    // Nothing names these forms but the author, and they are exports of what lies beside them.
    let export = matches!(format, Format::Original | Format::Tflite | Format::Coreml);
    let shared = !own && (export || SHARED.contains(&stem));
    let role = if shared {
        "model".to_owned()
    } else if own {
        name.to_owned()
    } else {
        // open_clip's two names for the same thing (open_clip/constants.py).
        stem.replace("open_clip_pytorch_model", "open_clip_model")
    };
    Some(Weight { format, scope: folder, role, variant, shard, index })
}

/// The folder beside which `folder` is a further form, and which form.
fn whole_folder(folder: &str) -> Option<(&str, Format)> {
    let mut start = 0;
    for part in folder.split('/') {
        if let Some((_, format)) = FOLDERS.iter().find(|(name, _)| *name == part) {
            return Some((folder[..start].trim_end_matches('/'), *format));
        }
        if part.ends_with(".mlpackage") || part.ends_with(".mlmodelc") {
            return Some((folder[..start].trim_end_matches('/'), Format::Coreml));
        }
        start += part.len() + 1;
    }
    None
}

fn extension(name: &str) -> Option<(&str, Format)> {
    let name = name
        .strip_suffix(".onnx_data")
        .or_else(|| name.strip_suffix(".onnx.data"))
        .map_or(name, |stem| &name[..stem.len() + 5]);
    let (stem, extension) = name.rsplit_once('.')?;
    let format = match extension.to_ascii_lowercase().as_str() {
        "safetensors" => Format::Safetensors,
        "bin" | "pt" | "pth" | "ckpt" => Format::Pytorch,
        "npz" => Format::Npz,
        "gguf" => Format::Gguf,
        "onnx" => Format::Onnx,
        "msgpack" => Format::Flax,
        "h5" => Format::Tensorflow,
        "tflite" => Format::Tflite,
        "mlmodel" => Format::Coreml,
        "ot" => Format::Rust,
        "xml" if stem == "openvino_model" => Format::Openvino,
        _ => return None,
    };
    Some((stem, format))
}

/// `model-00001-of-00003` is `model`, piece 1 of 3.
fn sharded(stem: &str) -> (&str, Option<(u32, u32)>) {
    let split = || {
        let (rest, total) = stem.rsplit_once("-of-")?;
        let (name, number) = rest.rsplit_once('-')?;
        let digits = |text: &str| text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let pair = (number.parse().ok()?, total.parse().ok()?);
        (digits(number) && digits(total)).then_some((name, pair))
    };
    split().map_or((stem, None), |(name, shard)| (name, Some(shard)))
}

/// `model.fp16` is the variant `fp16` of `model`.
fn varied(stem: &str) -> (&str, &str) {
    match stem.rsplit_once('.') {
        Some((name, variant @ ("fp16" | "bf16" | "fp32" | "fp8" | "non_ema" | "ema" | "int8"))) => (name, variant),
        _ => (stem, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str) -> Option<String> {
        classify(path)
            .map(|w| format!("{} {:?} {} {:?} {:?} {}", w.format, w.scope, w.role, w.variant, w.shard, w.index))
    }

    #[test]
    fn weights_are_known_by_the_names_that_libraries_give() {
        for (path, expected) in [
            ("model.safetensors", "safetensors \"\" model \"\" None false"),
            ("model-00002-of-00003.safetensors", "safetensors \"\" model \"\" Some((2, 3)) false"),
            ("model.safetensors.index.json", "safetensors \"\" model \"\" None true"),
            ("pytorch_model.bin.index.json", "pytorch \"\" model \"\" None true"),
            ("model.bin", "pytorch \"\" model.bin \"\" None false"),
            ("unet/diffusion_pytorch_model.fp16.safetensors", "safetensors \"unet\" model \"fp16\" None false"),
            (
                "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
                "safetensors \"unet\" model \"fp16\" Some((1, 2)) false",
            ),
            ("onnx/model_q4.onnx", "onnx \"\" model \"\" None false"),
            ("a/onnx/b/decoder.onnx_data", "onnx \"a\" model \"\" None false"),
            ("original/consolidated.00.pth", "original \"\" model \"\" None false"),
            ("metal/model.bin", "original \"\" model \"\" None false"),
            ("consolidated.safetensors", "original \"\" model \"\" None false"),
            ("consolidated.00.pth", "original \"\" model \"\" None false"),
            ("weights.npz", "npz \"\" weights \"\" None false"),
            ("open_clip_pytorch_model.bin", "pytorch \"\" open_clip_model \"\" None false"),
            ("tf_model.h5", "tensorflow \"\" model \"\" None false"),
            ("m-Q4_K_M.gguf", "gguf \"\" m-Q4_K_M.gguf \"\" None false"),
            ("x/openvino_model.xml", "openvino \"x\" model \"\" None false"),
            ("coreml/m.mlpackage/Manifest.json", "coreml \"\" model \"\" None false"),
            ("v1-5.ckpt", "pytorch \"\" v1-5 \"\" None false"),
        ] {
            assert_eq!(said(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "config.json",
            "onnx/config.json",
            "original/params.json",
            "tokenizer.model",
            "README.md",
            "x.xml",
            "",
            "a/",
        ] {
            assert_eq!(said(path), None, "{path}");
        }
    }

    #[test]
    fn a_format_reads_as_it_is_written() {
        for (format, name) in NAMES {
            assert_eq!((format.to_string().as_str(), name.parse()), (name, Ok(format)));
        }
        assert_eq!("bin".parse(), Ok(Format::Pytorch));
        assert_eq!("zip".parse::<Format>(), Err(NotAFormat));
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(path in "[a-z0-9./_-]{0,60}", odd in ".{0,40}") {
            let _ = classify(&path);
            let _ = classify(&odd);
        }
    }
}
