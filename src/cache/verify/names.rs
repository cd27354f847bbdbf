//! What the names of files say of their bytes.

use super::Expected;

/// torch's own rule wants eight digits of the SHA-256 behind the last dash: `resnet50-0676ba61.pth` (`torch/hub.py`, `HASH_REGEX`).
const SHORTEST: usize = 8;

/// Endings of checkpoints that carry their digest.
const ENDINGS: [&str; 8] = ["pth", "pt", "th", "bin", "tar", "zip", "onnx", "safetensors"];

/// What a checkpoint of this name must be. Digits alone may be a date, as in `model-20230101.pth`: they say nothing.
pub(super) fn checkpoint(name: &str) -> Option<Expected> {
    let (stem, ending) = name.rsplit_once('.')?;
    // `model-abcdef12.pth.tar`
    let stem = match stem.rsplit_once('.') {
        Some((inner, "pth" | "pt")) if ending == "tar" => inner,
        _ => stem,
    };
    let (_, digits) = stem.rsplit_once('-')?;
    let hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let is_date = digits.len() == SHORTEST && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = hex && (SHORTEST..=64).contains(&digits.len()) && !is_date && ENDINGS.contains(&ending);
    fits.then(|| Expected::Begins(digits.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_of_a_digest_are_taken_for_them() {
        let digits = |name: &str| match checkpoint(name) {
            Some(Expected::Begins(digits)) => Some(digits),
            _ => None,
        };
        for (name, found) in [
            ("resnet50-0676ba61.pth", Some("0676ba61")),
            ("955717e8-8726e21a.th", Some("8726e21a")),
            ("x-0123456789abcdef.pth.tar", Some("0123456789abcdef")),
            ("model-20230101.pth", None),
            ("model-0676BA61.pth", None),
            ("model-0676ba6.pth", None),
            ("model-0676ba61", None),
            ("resnet50.pth", None),
            ("a-0676ba61.txt", None),
        ] {
            assert_eq!(digits(name).as_deref(), found, "{name}");
        }
    }
}
