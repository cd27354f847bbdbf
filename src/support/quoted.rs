//! Names of files as a person sees them and can give them back. Most are what they are. One that holds what a terminal obeys, or bytes that
//! are no UTF-8, is written as bash, zsh and ksh read it, and as `ls` of GNU coreutils shows it: `$'caf\xe9.pt'`. Pasted into such a shell it
//! is the name again; from anywhere else it comes as it is written, and [`given`] reads it. A shell takes `~` for the home only where it is
//! not quoted: `~/$'caf\xe9.pt'`.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Bytes;

use super::escape::drives_a_terminal;

/// How a path in the home begins for a person.
const HOME: &str = "~/";

/// `name` for a person.
pub fn shown(name: impl AsRef<OsStr>) -> String {
    let name = name.as_ref();
    match name.to_str() {
        Some(text) if !text.chars().any(drives_a_terminal) => text.to_owned(),
        _ => quote(name),
    }
}

/// `name` as text that is it and no other's: itself, if it is UTF-8.
pub fn text(name: &OsStr) -> String {
    name.to_str().map_or_else(|| quote(name), str::to_owned)
}

/// What somebody gave as a word, as [`text`] has names, however it was written.
pub fn given(word: &OsStr) -> String {
    text(&meant(word))
}

/// The name that is written exactly as the word, where [`given`] reads it as another one: a name may look quoted itself.
pub fn literal(word: &OsStr) -> Option<String> {
    let text = word.to_str()?;
    (*meant(word) != *word).then(|| text.to_owned())
}

/// The path that a word is which [`given`] has made of one.
pub fn path(word: &str) -> PathBuf {
    meant(OsStr::new(word)).into_owned().into()
}

/// `path` as a word of a shell.
pub fn word(path: &Path) -> String {
    let shown = shown(path);
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    match path.to_str() {
        Some(text) if plain(text) => shown,
        Some(text) if text == shown => format!("'{}'", text.replace('\'', "'\\''")),
        // A folder that is called `~` is meant where a path begins so, and not the home.
        _ => quote_all(path.as_os_str().as_encoded_bytes()),
    }
}

fn quote(name: &OsStr) -> String {
    match name.as_encoded_bytes().strip_prefix(HOME.as_bytes()) {
        Some(inside) => format!("{HOME}{}", quote_all(inside)),
        None => quote_all(name.as_encoded_bytes()),
    }
}

fn quote_all(name: &[u8]) -> String {
    let mut out = String::from("$'");
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\'' | '\\' => out.extend(['\\', character]),
                other if drives_a_terminal(other) => bytes(&mut out, other.encode_utf8(&mut [0; 4]).as_bytes()),
                other => out.push(other),
            }
        }
        bytes(&mut out, chunk.invalid());
    }
    out.push('\'');
    out
}

fn bytes(out: &mut String, bytes: &[u8]) {
    bytes.iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
}

/// The name that a word means: what is quoted as a whole, or below the home, is read, all else is what it is.
fn meant(word: &OsStr) -> Cow<'_, OsStr> {
    let read_quoted = |text: &str| {
        let (before, quoted) = text.strip_prefix(HOME).map_or(("", text), |inside| (HOME, inside));
        let inner = read(quoted.strip_prefix("$'")?.strip_suffix('\'')?)?;
        Some([before.as_bytes(), &inner].concat())
    };
    word.to_str().and_then(read_quoted).map_or(Cow::Borrowed(word), |bytes| Cow::Owned(name(bytes)))
}

/// The bytes between the quotes; `None` where a shell would read on.
fn read(inner: &str) -> Option<Vec<u8>> {
    let mut bytes = inner.bytes().peekable();
    let mut out = Vec::with_capacity(inner.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\'' => return None,
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'e' | b'E' => 0x1b,
                b'x' => digits(&mut bytes, 16, 2, 0)?,
                digit @ b'0'..=b'7' => digits(&mut bytes, 8, 2, u32::from(digit - b'0'))?,
                other @ (b'\'' | b'\\' | b'"' | b'?') => other,
                _ => return None,
            },
            other => other,
        });
    }
    (!out.contains(&0)).then_some(out)
}

/// Up to `most` digits more.
fn digits(bytes: &mut Peekable<Bytes<'_>>, base: u32, most: usize, begun: u32) -> Option<u8> {
    let mut number = begun;
    for _ in 0..most {
        let Some(digit) = bytes.peek().and_then(|byte| char::from(*byte).to_digit(base)) else { break };
        number = number * base + digit;
        bytes.next();
    }
    u8::try_from(number).ok()
}

#[cfg(unix)]
fn name(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn name(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use proptest::prelude::*;

    use super::*;

    fn os(bytes: &[u8]) -> &OsStr {
        OsStr::from_bytes(bytes)
    }

    #[test]
    fn odd_names_are_quoted_as_shells_read_them_and_others_stay() {
        for (name, wanted) in [
            (&b"large-v3.pt"[..], "large-v3.pt"),
            ("né 模型's".as_bytes(), "né 模型's"),
            (b"caf\xe9.pt", r"$'caf\xe9.pt'"),
            (b"it's\x1b[2J\\\n", r"$'it\'s\x1b[2J\\\n'"),
            ("gnp.\u{202e}exe".as_bytes(), r"$'gnp.\xe2\x80\xaeexe'"),
            (b"~/a b", "~/a b"),
            (b"~/a\xff", r"~/$'a\xff'"),
        ] {
            assert_eq!(shown(os(name)), wanted);
        }
        assert_eq!(text(os(b"a\x1b")), "a\x1b", "what is UTF-8 is itself where no terminal shows it");
        assert_eq!(given(OsStr::new(r"$'caf\351.pt'")), r"$'caf\xe9.pt'", "octal digits are GNU's");
        assert_eq!(given(OsStr::new(r"$'a\zb'")), r"$'a\zb'");
        assert_eq!(
            given(OsStr::new(r"~/$'caf\351.pt'")),
            given(OsStr::new(r"$'~/caf\xe9.pt'")),
            "the home, in both forms"
        );
        let words = [&b"a/b"[..], b"a b's", b"\xff", b"~/\xff"].map(|path| word(Path::new(os(path))));
        assert_eq!(words, ["a/b", r"'a b'\''s'", r"$'\xff'", r"$'~/\xff'"]);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_taken_for_the_name_again(name in proptest::collection::vec(1_u8.., 0..12)) {
            let name = os(&name);
            prop_assume!(![&b"$'"[..], b"~/$'"].iter().any(|quoted| name.as_bytes().starts_with(quoted)));
            let seen = shown(name);
            prop_assert!(!seen.chars().any(drives_a_terminal));
            let (back, again) = (path(&seen), path(&given(name)));
            prop_assert_eq!((back.as_os_str(), again.as_os_str()), (name, name));
            let bash = std::process::Command::new("bash").arg("-c").arg(format!("printf %s {}", word(Path::new(name)))).env("LC_ALL", "C.UTF-8").output();
            if let Ok(ran) = bash {
                prop_assert_eq!(ran.stdout, name.as_bytes());
            }
        }
    }
}
