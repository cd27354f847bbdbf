//! What the names of files say of their bytes.

use std::fmt;

use super::Expected;
use crate::fetch::Digest;

/// torch's own rule wants eight digits of the SHA-256 behind the last dash: `resnet50-0676ba61.pth` (`torch/hub.py`, `HASH_REGEX`).
const SHORTEST: usize = 8;

/// Endings of checkpoints that carry their digest.
const ENDINGS: [&str; 8] = ["pth", "pt", "th", "bin", "tar", "zip", "onnx", "safetensors"];

/// The first digits of a SHA-256, lower-case hexadecimal: 64 at most.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digits {
    /// Two a byte.
    bytes: [u8; 32],
    count: u8,
}

impl Digits {
    /// `None` where `text` is something else.
    pub fn of(text: &str) -> Option<Self> {
        let mut digits = Self { bytes: [0; 32], count: u8::try_from(text.len()).ok()? };
        for (at, digit) in text.bytes().enumerate() {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *digits.bytes.get_mut(at / 2)? |= if at % 2 == 0 { value << 4 } else { value };
        }
        Some(digits)
    }

    /// Whether `digest` is a SHA-256 that begins with them.
    pub fn begin(&self, digest: &Digest) -> bool {
        matches!(digest, Digest::Sha256(_)) && digest.hex().starts_with(&self.to_string())
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Digest::Sha256(self.bytes).hex();
        f.write_str(all.get(..usize::from(self.count)).unwrap_or(&all))
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What a checkpoint of this name must be. Digits alone may be a date, as in `model-20230101.pth`: they say nothing.
pub(super) fn checkpoint(name: &str) -> Option<Expected> {
    let (stem, ending) = name.rsplit_once('.')?;
    // `model-abcdef12.pth.tar`
    let stem = match stem.rsplit_once('.') {
        Some((inner, "pth" | "pt")) if ending == "tar" => inner,
        _ => stem,
    };
    let (_, digits) = stem.rsplit_once('-')?;
    let is_date = digits.len() == SHORTEST && digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = digits.len() >= SHORTEST && !is_date && ENDINGS.contains(&ending);
    Digits::of(digits).filter(|_| fits).map(Expected::Begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_of_a_digest_are_taken_for_them() {
        let digits = |name: &str| match checkpoint(name) {
            Some(Expected::Begins(digits)) => Some(digits.to_string()),
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
