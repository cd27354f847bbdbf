//! Many short texts in one long row. What begins with a digest in hexadecimal digits, as most names of a cache of a million do,
//! takes half of its letters.

/// Fewer pairs of digits than these are letters like others.
const LEAST: usize = 8;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Texts, each at its place. Of one: how many pairs of digits it begins with, how many letters follow (seven bits a byte, the last
/// without the highest bit), the pairs, the letters.
#[derive(Debug, Clone, Default)]
pub(super) struct Letters(Vec<u8>);

impl Letters {
    /// Adds `text`, and gives its place; `None` when the row has 4 GiB.
    pub(super) fn put(&mut self, text: &[u8]) -> Option<u32> {
        let at = u32::try_from(self.0.len()).ok()?;
        let pairs = text.chunks_exact(2).take(255).map_while(pair);
        let count = Some(pairs.clone().count()).filter(|count| *count >= LEAST).unwrap_or(0);
        self.0.push(u8::try_from(count).unwrap_or(0));
        let rest = &text[2 * count..];
        let mut length = rest.len();
        while length > 0x7f {
            self.0.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        self.0.push(length as u8);
        self.0.extend(pairs.take(count));
        self.0.extend_from_slice(rest);
        Some(at)
    }

    /// The text at `at`.
    pub(super) fn get(&self, at: u32) -> impl Iterator<Item = u8> {
        let (pairs, rest) = self.parts(at);
        let digits = |pair: &u8| [DIGITS[usize::from(pair >> 4)], DIGITS[usize::from(pair & 15)]];
        pairs.iter().flat_map(digits).chain(rest.iter().copied())
    }

    fn parts(&self, at: u32) -> (&[u8], &[u8]) {
        let mut bytes = usize::try_from(at).ok().and_then(|at| self.0.get(at..)).unwrap_or_default().iter();
        let pairs = bytes.next().map_or(0, |count| usize::from(*count));
        let (mut length, mut shift) = (0_usize, 0);
        for byte in bytes.by_ref() {
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (digits, rest) = bytes.as_slice().split_at_checked(pairs).unwrap_or_default();
        (digits, rest.get(..length).unwrap_or_default())
    }

    /// Gives back the room that nothing needs any more.
    pub(super) fn settle(&mut self) {
        self.0.shrink_to_fit();
    }
}

fn pair(two: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    Some(digit(*two.first()?)? << 4 | digit(*two.get(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_takes_half_of_its_letters() {
        let mut letters = Letters::default();
        letters.put(&[b'a'; 64]);
        letters.put(format!("{}.refs", "0f".repeat(32)).as_bytes());
        assert_eq!(letters.0.len(), 2 + 32 + 2 + 32 + 5);
    }

    proptest::proptest! {
        #[test]
        fn a_text_comes_back_as_it_was(
            texts in proptest::collection::vec("[0-9a-f]{0,40}|[0-9a-f]{14,18}[g-z.]{0,9}|[0-9a-f]{500,600}|x{120,400}|[A-Fa-f]{20}", 0..9)
        ) {
            let mut letters = Letters::default();
            let places: Vec<u32> = texts.iter().map(|text| letters.put(text.as_bytes()).unwrap()).collect();
            for (text, at) in texts.iter().zip(places) {
                proptest::prop_assert_eq!(letters.get(at).collect::<Vec<u8>>(), text.as_bytes());
            }
        }
    }
}
