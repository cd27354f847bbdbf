//! The catalogue's files as they are read: what libraries and models have in common.

use std::path::Path;

/// The `.toml` files in `folder` by file name, each a group's name and its text.
pub(crate) fn read(folder: &Path) -> Result<Vec<(String, String)>, String> {
    let listing = std::fs::read_dir(folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry.map_err(|e| format!("cannot list {}: {e}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut texts = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let group = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        texts.push((group, text));
    }
    Ok(texts)
}
