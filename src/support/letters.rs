//! The name of a file as bytes that can stand in one long row with others, and back.

use std::borrow::Cow;
use std::ffi::OsStr;

/// The bytes of `name`.
#[cfg(unix)]
pub fn bytes(name: &OsStr) -> Cow<'_, [u8]> {
    use std::os::unix::ffi::OsStrExt as _;
    Cow::Borrowed(name.as_bytes())
}

/// The name that those bytes are of.
#[cfg(unix)]
pub fn name(bytes: &[u8]) -> Cow<'_, OsStr> {
    use std::os::unix::ffi::OsStrExt as _;
    Cow::Borrowed(OsStr::from_bytes(bytes))
}

/// The bytes of `name`.
#[cfg(windows)]
pub fn bytes(name: &OsStr) -> Cow<'_, [u8]> {
    use std::os::windows::ffi::OsStrExt as _;
    Cow::Owned(name.encode_wide().flat_map(u16::to_le_bytes).collect())
}

/// The name that those bytes are of.
#[cfg(windows)]
pub fn name(bytes: &[u8]) -> Cow<'_, OsStr> {
    use std::os::windows::ffi::OsStringExt as _;
    let wide: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Cow::Owned(std::ffi::OsString::from_wide(&wide))
}
