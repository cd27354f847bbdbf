//! Which C library a Linux system has, told from files: the interpreter of a program, and the text in the loader.

use super::Probe;
use super::facts::{Fact, Libc};

/// Programs that every system of some size has; the first that is an ELF file with an interpreter decides.
const PROGRAMS: &[&str] = &["/bin/sh", "/usr/bin/env", "/bin/dash", "/bin/ls"];
/// Where loaders live, for images without programs.
const LOADER_FOLDERS: &[&str] = &["/lib64", "/lib", "/usr/lib64", "/usr/lib"];
/// The interpreter's path lies right behind the program headers in every linker's output.
const HEAD_BYTES: u64 = 4096;

/// The C library of the system, which need not be the one that this binary was built for.
pub(super) fn libc(probe: &Probe) -> Fact<Libc> {
    let Some((loader, source)) = loader(probe) else {
        return Fact::unknown("no program with an ELF interpreter and no loader in /lib or /lib64");
    };
    let file = loader.rsplit('/').next().unwrap_or_default();
    if file.starts_with("ld-musl-") {
        let version = probe.search(&loader, musl_version).and_then(|bytes| text_between_nuls(&bytes));
        return Fact::known(Libc { name: "musl".to_owned(), version }, source);
    }
    if file.starts_with("ld-linux") || file.starts_with("ld64.so") || file.starts_with("ld.so") {
        let real = probe.resolved(&loader);
        let beside = real.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/libc.so.6"));
        // Loaders before 2.33 do not name their version; the library always does.
        let version = [loader.as_str(), beside.as_str(), "/lib64/libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6"]
            .into_iter()
            .find_map(|path| probe.search(path, glibc_text));
        // On the record the loader itself says it: other paths are links that a recorded machine lacks.
        if let Some(text) = &version {
            probe.note_file(&loader, text.clone());
        }
        let version = version.and_then(|text| glibc_version(&text));
        return Fact::known(Libc { name: "glibc".to_owned(), version }, source);
    }
    Fact::unknown(format!("the loader {file} belongs to no known C library"))
}

fn loader(probe: &Probe) -> Option<(String, String)> {
    for program in PROGRAMS {
        let Some(interpreter) = probe.head(program, HEAD_BYTES).and_then(|head| interpreter(&head)) else { continue };
        probe.note_file(program, minimal(&interpreter));
        return Some((interpreter, format!("PT_INTERP of {program}")));
    }
    LOADER_FOLDERS.iter().find_map(|folder| {
        let names = probe.list(folder, |name| name.starts_with("ld-musl-") || name.starts_with("ld-linux"));
        names.first().map(|name| (format!("{folder}/{name}"), format!("a loader in {folder}")))
    })
}

/// The interpreter that an ELF file names; none for anything broken.
pub(super) fn interpreter(elf: &[u8]) -> Option<String> {
    if elf.get(..4)? != b"\x7fELF" {
        return None;
    }
    let wide = match elf.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let little = match elf.get(5)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let number = |at: usize, bytes: usize| -> Option<usize> {
        let slice = elf.get(at..at.checked_add(bytes)?)?;
        let fold = |total: u64, byte: &u8| (total << 8) | u64::from(*byte);
        let value = if little { slice.iter().rev().fold(0, fold) } else { slice.iter().fold(0, fold) };
        usize::try_from(value).ok()
    };
    let (table, entry, count) = if wide {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(entry)?)?;
        if number(header, 4)? != 3 {
            continue;
        }
        let (offset, size) = if wide {
            (number(header.checked_add(8)?, 8)?, number(header.checked_add(32)?, 8)?)
        } else {
            (number(header.checked_add(4)?, 4)?, number(header.checked_add(16)?, 4)?)
        };
        let bytes = elf.get(offset..offset.checked_add(size)?)?;
        let path = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0');
        return (path.starts_with('/') && !path.contains('\0')).then(|| path.to_owned());
    }
    None
}

/// The smallest ELF file that names `interpreter`: what a dump keeps of a program.
pub(super) fn minimal(interpreter: &str) -> Vec<u8> {
    let mut elf = vec![0u8; 120];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[32] = 64; // program headers start here
    elf[54] = 56; // the size of one
    elf[56] = 1; // and their number
    elf[64] = 3; // PT_INTERP
    elf[72] = 120; // where the path is
    let length = u64::try_from(interpreter.len() + 1).unwrap_or(0);
    elf[96..104].copy_from_slice(&length.to_le_bytes());
    elf.extend_from_slice(interpreter.as_bytes());
    elf.push(0);
    elf
}

const RELEASE: &[u8] = b"release version ";

fn glibc_text(library: &[u8]) -> Option<Vec<u8>> {
    let at = library.windows(RELEASE.len()).position(|window| window == RELEASE)?;
    let rest = library.get(at..)?;
    let end = rest.iter().position(|byte| !(32..127).contains(byte)).unwrap_or(rest.len()).min(64);
    Some(rest.get(..end)?.to_vec())
}

fn glibc_version(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.strip_prefix("release version ")?;
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let version = text.get(..end)?.trim_end_matches('.');
    (!version.is_empty()).then(|| version.to_owned())
}

/// musl keeps its version as a string of its own, such as `1.2.5`.
fn musl_version(library: &[u8]) -> Option<Vec<u8>> {
    library
        .split(|byte| *byte == 0)
        .find(|piece| {
            piece.len() <= 8
                && piece.starts_with(b"1.")
                && piece.iter().filter(|byte| **byte == b'.').count() == 2
                && piece.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
                && piece.last().is_some_and(u8::is_ascii_digit)
        })
        .map(|piece| [b"\0", piece, b"\0"].concat())
}

fn text_between_nuls(bytes: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(bytes).ok()?.trim_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minimal_program_names_its_interpreter() {
        assert_eq!(interpreter(&minimal("/lib/ld-musl-x86_64.so.1")).as_deref(), Some("/lib/ld-musl-x86_64.so.1"));
    }

    #[test]
    fn versions_are_found_in_the_text_of_both_libraries() {
        let glibc = b"\0\x01GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright";
        assert_eq!(glibc_text(glibc).and_then(|text| glibc_version(&text)).as_deref(), Some("2.36"));
        assert_eq!(musl_version(b"x\x001.2.5\0libc\0"), Some(b"\x001.2.5\0".to_vec()));
        assert_eq!(musl_version(b"x\x001.2.\0libc\0"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_elf_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), elf in any::<bool>()) {
            if elf {
                let head = minimal("/lib/ld");
                for (to, from) in bytes.iter_mut().zip(head.iter().take(60)) { *to = *from; }
            }
            let _ = interpreter(&bytes);
            let _ = glibc_text(&bytes).and_then(|text| glibc_version(&text));
            let _ = musl_version(&bytes);
        }
    }
}
