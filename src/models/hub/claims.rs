//! What projects hold in a hub by references of ours, whichever projects these are: when each held something anew last, and how its
//! claims go once it is known to need nothing any more.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::layout::Repository;
use super::refs;

/// When each project, by its mark ([`crate::project::Project::tag`]), held something anew last, in seconds since 1970.
pub fn newest(hub: &Path) -> BTreeMap<String, i64> {
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    each(hub, &mut |repository, name, mark| {
        let written = fs::symlink_metadata(repository.reference(name)).and_then(|found| found.modified());
        let newest = found.entry(mark.to_owned()).or_insert(i64::MIN);
        // Where nobody can say when, it counts as new.
        *newest = (*newest).max(written.map_or(i64::MAX, seconds));
    });
    found
}

/// Takes back everything that the project with this mark holds.
///
/// # Errors
/// What the disk says of the first that stays; the others go.
pub fn release(hub: &Path, project: &str) -> io::Result<()> {
    let mut outcome = Ok(());
    each(hub, &mut |repository, name, mark| {
        if mark == project {
            let held = refs::read(repository, name);
            let removed = refs::remove(repository, name);
            let unnamed = held.map_or(Ok(()), |commit| refs::unname(repository, &commit));
            outcome = std::mem::replace(&mut outcome, Ok(())).and(removed).and(unnamed);
        }
    });
    outcome
}

/// Calls `visit` for each reference of ours: the repository, the reference, the project's mark. No link is followed.
fn each(hub: &Path, visit: &mut dyn FnMut(&Repository, &str, &str)) {
    for entry in fs::read_dir(hub).into_iter().flatten().filter_map(Result::ok) {
        let Ok(folder) = entry.file_name().into_string() else { continue };
        let repository = Repository::called(hub, folder);
        let ours = repository.refs().join("refs").join("modelstrap");
        let is_plain = |path: &Path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !(is_plain(&ours) && ours.ancestors().take(4).all(is_plain)) {
            continue;
        }
        for entry in fs::read_dir(&ours).into_iter().flatten().filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{}{name}", refs::OURS);
            if let Some(holder) = refs::holder(&name) {
                visit(&repository, &name, holder.split_once('-').map_or(holder, |(mark, _)| mark));
            }
        }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(since).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::models::locked::RepoType;

    #[test]
    fn the_claims_of_one_project_go_and_no_link_leads_to_others() {
        let room = tempfile::tempdir().unwrap();
        let hub = room.path().join("hub");
        let commit = "a".repeat(40);
        let [one, two] = ["o/one", "o/two"].map(|name| Repository::named(RepoType::Model, name, &hub));
        for (repository, holders) in [(&one, &["0badcafe-1", "0badcafe-2", "12345678-1"][..]), (&two, &["0badcafe-1"])]
        {
            holders.iter().for_each(|id| refs::write(repository, &refs::protecting(id), &commit).unwrap());
        }
        refs::write(&one, &commit, &commit).unwrap();
        refs::write(&two, &commit, &commit).unwrap();
        refs::write(&two, &refs::awaiting("0badcafe-3"), &commit).unwrap();
        let away = Repository::named(RepoType::Model, "o/away", room.path());
        refs::write(&away, &refs::protecting("0badcafe-1"), &commit).unwrap();
        std::os::unix::fs::symlink(away.root(), hub.join("models--o--away")).unwrap();
        let old = SystemTime::now() - std::time::Duration::from_secs(1000);
        let file = fs::File::options().write(true).open(one.reference(&refs::protecting("12345678-1"))).unwrap();
        file.set_modified(old).unwrap();
        let found = newest(&hub);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["0badcafe", "12345678"]);
        assert_eq!(found["12345678"], seconds(old));
        release(&hub, "0badcafe").unwrap();
        let names =
            |repository: &Repository| refs::all(repository).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&one), [commit.as_str(), "refs/modelstrap/12345678-1"]);
        assert_eq!((names(&two).len(), names(&away).len()), (0, 1));
    }
}
