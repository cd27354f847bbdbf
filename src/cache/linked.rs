//! Repositories of a hub that are links to a folder elsewhere, as somebody leaves them who moved a model to a larger disk. Clients follow such a
//! link. Here it is named and left: what lies behind it is in none of the places, so nothing may be deleted, moved or counted there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::hub::named;
use super::places::{Kind, Place};
use crate::support::{escape, quoted};

/// Such a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Where it stands.
    pub path: PathBuf,
    /// The folder that it leads to, links followed.
    pub leads: PathBuf,
}

/// Where the link at `path` leads, if it is called like a repository and leads to a folder in none of `places`. What leads to nothing, or to
/// what is counted anyway, is no repository of its own.
pub fn leads_out(path: &Path, places: &[Place]) -> Option<PathBuf> {
    named(&quoted::text(path.file_name()?))?;
    path.is_symlink().then_some(())?;
    let real = fs::canonicalize(path).ok()?;
    let is_elsewhere = real.is_dir() && !places.iter().any(|place| real.starts_with(&place.real));
    is_elsewhere.then_some(real)
}

/// Those in `places`: in the folders in which hubs are kept. An application cache is no hub.
pub fn among(places: &[Place]) -> Vec<Linked> {
    let hubs = places.iter().filter(|place| !matches!(place.kind, Kind::Application { .. }));
    let folders = hubs.flat_map(|place| [place.path.clone(), place.path.join("hub")]);
    let entries = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    let link = |path: PathBuf| leads_out(&path, places).map(|leads| Linked { path, leads });
    let mut found: Vec<Linked> = entries.filter_map(|entry| link(entry.path())).collect();
    found.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    found.dedup();
    found
}

/// Lists a part of a repository.
///
/// # Errors
/// What the disk says, and that it is a link: what is behind that is somebody else's.
pub(super) fn list(part: &Path) -> io::Result<fs::ReadDir> {
    behind(part).map_or_else(|| fs::read_dir(part), Err)
}

/// Why nothing is read or changed below `part`, where that is a link.
pub(super) fn behind(part: &Path) -> Option<io::Error> {
    let leads = fs::read_link(part).ok()?;
    Some(io::Error::other(format!("it is a link to {}, and what is behind it is left alone", escape::path(&leads))))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_out_of_all_places_is_one_and_no_other() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().canonicalize().unwrap();
        let home = root.join("home");
        fs::create_dir_all(home.join("hub/models--org--here")).unwrap();
        fs::create_dir(root.join("far")).unwrap();
        for (name, target) in [
            ("models--org--far", "far"),
            ("models--org--gone", "nowhere"),
            ("models--org--twin", "home/hub/models--org--here"),
            ("notes", "far"),
        ] {
            symlink(root.join(target), home.join("hub").join(name)).unwrap();
        }
        let places = [Place::at("huggingface".to_owned(), home.clone(), Kind::Home)];
        let far = Linked { path: home.join("hub/models--org--far"), leads: root.join("far") };
        assert_eq!(among(&places), [far]);
        let said = list(&home.join("hub/notes")).unwrap_err().to_string();
        assert_eq!(
            said,
            format!("it is a link to {}, and what is behind it is left alone", root.join("far").display())
        );
    }
}
