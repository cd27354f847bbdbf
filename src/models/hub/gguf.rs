//! Which quantisation a GGUF file holds, by its name, and which one is taken where a repository has many.

/// Best compromise first: what llama.cpp takes for `-hf` without a tag is Q4_K_M; the order after it is by closeness to it.
const PREFERENCE: [&str; 27] = [
    "Q4_K_M", "Q4_K_S", "Q4_K", "Q4_0", "Q4_1", "IQ4_XS", "IQ4_NL", "MXFP4", "Q4_K_L", "Q5_K_M", "Q5_K_S", "Q5_K",
    "Q5_0", "Q5_1", "Q6_K", "Q8_0", "Q3_K_M", "Q3_K_L", "Q3_K_S", "IQ3_M", "IQ3_XS", "Q2_K", "IQ2_M", "BF16", "F16",
    "FP16", "F32",
];

/// The file's name without its quantisation, and the quantisation in upper case (empty where the name has none).
pub(super) fn split(name: &str) -> (String, String) {
    let upper = name.to_ascii_uppercase();
    let starts = std::iter::once(0).chain(upper.match_indices(['-', '.', '_']).map(|(at, _)| at + 1));
    let mut found = starts.filter_map(|start| quantisation(&upper[start..]).map(|length| (start, length)));
    match found.next_back() {
        Some((start, length)) => {
            let rest = format!("{}{}", name[..start].trim_end_matches(['-', '.', '_']), &name[start + length..]);
            (rest, upper[start..start + length].to_owned())
        }
        None => (name.to_owned(), String::new()),
    }
}

/// How many characters at the start of `text` are a quantisation that ends there, or before a `-` or `.`.
fn quantisation(text: &str) -> Option<usize> {
    let end = text.find(['-', '.']).unwrap_or(text.len());
    let word = &text[..end];
    if ["BF16", "F16", "F32", "FP16", "FP32"].contains(&word) {
        return Some(end);
    }
    let rest = ["MXFP", "TQ", "IQ", "Q"].into_iter().find_map(|kind| word.strip_prefix(kind))?;
    let mut parts = rest.split('_');
    let bits = parts.next().is_some_and(|bits| bits.len() == 1 && bits.as_bytes()[0].is_ascii_digit());
    let known = |part: &str| ["K", "S", "M", "L", "XS", "XXS", "XL", "NL", "0", "1"].contains(&part);
    (bits && parts.all(known)).then_some(end)
}

/// Where a quantisation stands in the order of preference; lower is better.
pub(super) fn rank(quantisation: &str) -> usize {
    PREFERENCE.iter().position(|known| *known == quantisation).unwrap_or(PREFERENCE.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantisation_is_found_in_the_names_that_people_give() {
        for (name, rest, found) in [
            ("model-Q4_K_M.gguf", "model.gguf", "Q4_K_M"),
            ("llama-3.2-1b-instruct-q4_0.gguf", "llama-3.2-1b-instruct.gguf", "Q4_0"),
            ("Qwen2.5-7B.IQ4_XS.gguf", "Qwen2.5-7B.gguf", "IQ4_XS"),
            ("m-Q8_0-00001-of-00002.gguf", "m-00001-of-00002.gguf", "Q8_0"),
            ("m_f16.gguf", "m.gguf", "F16"),
            ("mmproj-model-f16.gguf", "mmproj-model.gguf", "F16"),
            ("Q-Learning.gguf", "Q-Learning.gguf", ""),
            ("model.gguf", "model.gguf", ""),
            ("é-Q4_K_M", "é", "Q4_K_M"),
        ] {
            assert_eq!(split(name), (rest.to_owned(), found.to_owned()), "{name}");
        }
        assert!(rank("Q4_K_M") < rank("Q4_0") && rank("Q8_0") < rank("F32") && rank("F32") < rank("odd"));
    }
}
