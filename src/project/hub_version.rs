//! Which `huggingface_hub` an environment holds, read from its files: no Python is run.
//!
//! From 1.32 on the library shares blobs between repositories; older versions delete them without counting references
//! (proved on 0.36), so one old environment decides for the whole project.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The first version that knows the shared store.
const SHARED_STORE: (u32, u32) = (1, 32);

/// True when the environment at `path` has, or may have, a `huggingface_hub` older than 1.32:
/// one that is not built yet may get any version.
pub fn may_be_old(path: &Path) -> bool {
    match version(path) {
        Found::Version(version) => version < SHARED_STORE,
        Found::NotInstalled => false,
        Found::Unknown => true,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Version((u32, u32)),
    NotInstalled,
    Unknown,
}

fn version(environment: &Path) -> Found {
    let unix = std::fs::read_dir(environment.join("lib")).into_iter().flatten().filter_map(Result::ok);
    let folders = unix
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"))
        .map(|entry| entry.path().join("site-packages"))
        .chain([environment.join("Lib").join("site-packages")]);
    let mut built = false;
    for folder in folders.filter(|folder| folder.is_dir()) {
        built = true;
        let init = folder.join("huggingface_hub").join("__init__.py");
        let mut head = Vec::new();
        if init.exists() && !init.is_file() {
            return Found::Unknown;
        }
        match File::open(init) {
            // The version stands in the first lines, after the licence and a comment.
            Ok(file) => match file.take(8192).read_to_end(&mut head) {
                Ok(_) => return parse(&String::from_utf8_lossy(&head)).map_or(Found::Unknown, Found::Version),
                Err(_) => return Found::Unknown,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return Found::Unknown,
        }
    }
    if built { Found::NotInstalled } else { Found::Unknown }
}

fn parse(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    let mut numbers = line.split(['"', '\'']).nth(1)?.split('.').map(|part| {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(version: Option<&str>) -> tempfile::TempDir {
        let room = tempfile::tempdir().unwrap();
        let site = room.path().join("lib/python3.11/site-packages");
        std::fs::create_dir_all(&site).unwrap();
        if let Some(version) = version {
            std::fs::create_dir(site.join("huggingface_hub")).unwrap();
            let text = format!("# Copyright\n\"\"\"Docs\"\"\"\n\n__version__ = \"{version}\"\n");
            std::fs::write(site.join("huggingface_hub/__init__.py"), text).unwrap();
        }
        room
    }

    #[test]
    fn old_is_below_1_32() {
        for (text, old) in
            [("0.36.0", true), ("1.31.4", true), ("1.32.0", false), ("1.32.0.rc1", false), ("2.4.0", false)]
        {
            assert_eq!(may_be_old(environment(Some(text)).path()), old, "{text}");
        }
    }

    #[test]
    fn an_environment_without_it_is_not_old_and_one_that_is_not_built_may_be() {
        assert!(!may_be_old(environment(None).path()));
        assert!(may_be_old(Path::new("/nowhere/at/all")));
        assert!(may_be_old(environment(Some("dev")).path()));
    }
}
