//! Real repositories' listings, and what is taken of each.

use super::*;
use crate::fetch::Digest;

fn entries(paths: &[&str]) -> Vec<Entry> {
    let entry = |path: &str| {
        let (path, size) = path.split_once(':').unwrap_or((path, "1"));
        Entry { path: path.to_owned(), size: size.parse().unwrap(), digest: Digest::Git([0; 20]) }
    };
    paths.iter().map(|path| entry(path)).collect()
}

fn left_out(paths: &[&str], wanted: &Wanted) -> Vec<String> {
    let entries = entries(paths);
    let choice = choose(&entries, wanted);
    assert_eq!(choice.kept.len() + choice.left_out.len(), entries.len());
    choice.left_out.into_iter().map(|file| file.path).collect()
}

fn reader(name: &str) -> Wanted {
    Wanted::Auto { reader: Some(name.to_owned()) }
}

/// openai-community/gpt2
const GPT2: [&str; 15] = [
    "64-8bits.tflite",
    "64.tflite",
    "README.md",
    "config.json",
    "flax_model.msgpack",
    "merges.txt",
    "model.safetensors",
    "onnx/config.json",
    "onnx/decoder_model.onnx",
    "onnx/decoder_model_merged.onnx",
    "onnx/tokenizer.json",
    "pytorch_model.bin",
    "rust_model.ot",
    "tf_model.h5",
    "vocab.json",
];

#[test]
fn one_form_of_a_transformers_model_is_taken() {
    assert_eq!(
        left_out(&GPT2, &Wanted::default()),
        [
            "64-8bits.tflite",
            "64.tflite",
            "flax_model.msgpack",
            "onnx/decoder_model.onnx",
            "onnx/decoder_model_merged.onnx",
            "pytorch_model.bin",
            "rust_model.ot",
            "tf_model.h5",
        ]
    );
    assert_eq!(left_out(&GPT2, &Wanted::All), [""; 0]);
}

#[test]
fn the_readers_own_form_comes_first() {
    let taken = |wanted: &Wanted| {
        let out = left_out(&GPT2, wanted);
        GPT2.into_iter()
            .filter(|path| classify(path).is_some() && !out.contains(&(*path).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(&reader("onnxruntime")), ["onnx/decoder_model.onnx", "onnx/decoder_model_merged.onnx"]);
    assert_eq!(taken(&reader("tensorflow")), ["tf_model.h5"]);
    let two = Wanted::Formats(vec![Format::Pytorch.into(), Format::Flax.into()]);
    assert_eq!(taken(&two), ["flax_model.msgpack", "pytorch_model.bin"]);
    assert_eq!(taken(&Wanted::Formats(vec![Format::Gguf.into()])), ["model.safetensors"], "never nothing");
}

#[test]
fn an_incomplete_form_replaces_nothing() {
    let shards = ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "pytorch_model.bin"];
    assert_eq!(
        left_out(&shards, &Wanted::default()),
        ["model-00001-of-00002.safetensors", "model.safetensors.index.json"]
    );
    let all = [shards[0], "model-00002-of-00002.safetensors", shards[1], shards[2], "pytorch_model.bin.index.json"];
    assert_eq!(left_out(&all, &Wanted::default()), ["pytorch_model.bin", "pytorch_model.bin.index.json"]);
    let index = ["model.safetensors.index.json", "pytorch_model.bin"];
    assert_eq!(left_out(&index, &Wanted::default()), ["model.safetensors.index.json"]);
}

#[test]
fn what_is_not_known_to_be_the_same_is_taken() {
    for paths in [
        // CTranslate2's own form.
        vec!["config.json", "model.bin", "model.safetensors", "vocabulary.json"],
        // Two different things.
        vec!["adapter.bin", "model.safetensors", "segmentation.pt", "text_encoder/model.bin"],
        // Only a variant has the better format.
        vec!["unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors"],
        vec!["pytorch_model.bin", "config.yaml"],
        vec!["a/model.safetensors", "b/pytorch_model.bin"],
        vec!["original/consolidated.00.pth"],
        vec!["consolidated.safetensors", "params.json"],
        vec!["onnx/model.onnx", "config.json"],
        // mlx-whisper reads `weights.*` and nothing else.
        vec!["model.safetensors", "weights.npz"],
    ] {
        let wanted = Wanted::default();
        let expected: Vec<&str> =
            if paths.len() == 2 && paths[1].contains("fp16") { vec![paths[1]] } else { Vec::new() };
        assert_eq!(left_out(&paths, &wanted), expected, "{paths:?}");
    }
}

#[test]
fn the_authors_own_form_is_left_out_beside_the_libraries() {
    let paths = [
        "consolidated.safetensors",
        "metal/model.bin",
        "model-00001-of-00001.safetensors",
        "original/consolidated.00.pth",
        "original/params.json",
        "original/tokenizer.model",
    ];
    let expected = ["consolidated.safetensors", "metal/model.bin", "original/consolidated.00.pth"];
    assert_eq!(left_out(&paths, &Wanted::default()), expected);
    assert_eq!(left_out(&paths, &reader("mistral-inference")), ["model-00001-of-00001.safetensors"]);
}

#[test]
fn one_quantisation_is_taken() {
    let paths = ["README.md", "m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-m-f16.gguf", "mmproj-m-f32.gguf"];
    assert_eq!(left_out(&paths, &Wanted::default()), ["m-Q2_K.gguf", "m-Q8_0.gguf", "mmproj-m-f32.gguf"]);
    let folders = [
        "BF16/m-BF16-00001-of-00002.gguf",
        "BF16/m-BF16-00002-of-00002.gguf",
        "Q4_K_M/m-Q4_K_M-00001-of-00002.gguf",
        "Q5_K_M/m-Q5_K_M-00001-of-00001.gguf",
    ];
    let expected = [folders[0], folders[1], folders[2]];
    assert_eq!(left_out(&folders, &Wanted::default()), expected, "a form with a missing piece is not taken");
    assert_eq!(left_out(&["a-Q8_0.gguf", "b-Q4_0.gguf"], &Wanted::default()), [""; 0], "two models");
    let both = ["config.json", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "model.safetensors"];
    assert_eq!(left_out(&both, &Wanted::default()), ["m-Q4_K_M.gguf", "m-Q8_0.gguf"]);
    assert_eq!(left_out(&both, &reader("llama.cpp")), ["m-Q8_0.gguf", "model.safetensors"]);
    let two = Wanted::Formats(vec![Format::Gguf.into(), Format::Safetensors.into()]);
    assert_eq!(left_out(&both, &two), ["m-Q8_0.gguf"]);
}

#[test]
fn the_quantisations_that_are_named_are_taken() {
    let named = |names: &[&str]| {
        let form = |name: &&str| Form { format: Format::Gguf, quantisation: Some((*name).to_owned()) };
        Wanted::Formats(names.iter().map(form).collect())
    };
    let paths = ["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-m-f16.gguf"];
    assert_eq!(
        left_out(&paths, &named(&["Q8_0"])),
        ["m-Q2_K.gguf", "m-Q4_K_M.gguf"],
        "the projector has one form only"
    );
    assert_eq!(left_out(&paths, &named(&["Q8_0", "Q2_K"])), ["m-Q4_K_M.gguf"]);
    let entries = entries(&paths);
    assert_eq!(missing_quantisations(&entries, &named(&["Q8_0"])), None);
    let there = ["F16", "Q2_K", "Q4_K_M", "Q8_0"].map(str::to_owned).to_vec();
    assert_eq!(missing_quantisations(&entries, &named(&["Q8_0", "Q5_0"])), Some(("Q5_0".to_owned(), there)));
}

#[test]
fn a_pipeline_of_diffusers_is_taken_by_its_folders() {
    // stable-diffusion-xl-base-1.0, shortened.
    let paths = [
        "model_index.json",
        "sd_xl_base_1.0.safetensors:6938",
        "sd_xl_offset_example-lora_1.0.safetensors:49",
        "text_encoder/flax_model.msgpack",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.onnx",
        "text_encoder/model.safetensors",
        "text_encoder/openvino_model.bin",
        "text_encoder/openvino_model.xml",
        "unet/diffusion_pytorch_model.bin:10270",
        "unet/diffusion_pytorch_model.fp16.safetensors:5135",
        "unet/diffusion_pytorch_model.safetensors:10270",
    ];
    let expected = [paths[1], paths[3], paths[4], paths[5], paths[7], paths[8], paths[9], paths[10]]
        .map(|path| path.split(':').next().unwrap());
    assert_eq!(left_out(&paths, &Wanted::default()), expected);
}

proptest::proptest! {
    #[test]
    fn nothing_panics_and_something_is_always_taken(
        names in proptest::collection::vec("(a/|onnx/|)(model|pytorch_model|m-Q4_0|x)(\\.fp16|)(-00001-of-0000[12]|)\\.(safetensors|bin|gguf|onnx|h5|json)", 1..8)
    ) {
        let names: BTreeSet<String> = names.into_iter().collect();
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        for wanted in [Wanted::default(), reader("onnx"), Wanted::Formats(vec![Format::Gguf.into()])] {
            proptest::prop_assert!(left_out(&list, &wanted).len() < list.len());
        }
    }
}
