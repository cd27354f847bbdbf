//! The registry: what is written once, what is believed, and who is dropped when.

use super::*;
use crate::fetch::Digest;

const NOW: i64 = 1_764_084_046;

/// A room with a cache and a project, and the environment of somebody.
struct Room {
    dir: tempfile::TempDir,
    vars: Vars,
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("cache")).unwrap();
        fs::create_dir(dir.path().join("p")).unwrap();
        let vars = [("USER", "ada"), ("USERNAME", "ada"), ("COMPUTERNAME", "desk")].into_iter().collect();
        Self { dir, vars }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("p")
    }

    fn register(&self, lock: Option<&str>, now: i64) {
        register(&self.cache(), &self.project(), lock, &self.vars, now).unwrap();
    }

    fn all(&self, now: i64) -> Vec<Known> {
        all(&self.cache(), &self.vars, now)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.cache().join(".modelstrap/projects"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        files
    }

    /// The registration as if another machine had made it.
    fn moved(&self) {
        let file = &self.files()[0];
        let mut text: Text = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        text.host = "another".into();
        fs::write(file, serde_json::to_vec(&text).unwrap()).unwrap();
        file::touch(file, NOW).unwrap();
    }
}

fn lock_text() -> String {
    Lock::new(Digest::Sha256([7; 32]), Vec::new()).render()
}

#[test]
fn a_project_is_registered_once_with_its_lock_and_touched_once_a_day() {
    let room = Room::new();
    let text = lock_text();
    room.register(Some(&text), NOW);
    let bytes = fs::read(&room.files()[0]).unwrap();
    let known = room.all(NOW + 5);
    let [one] = &known[..] else { panic!("{known:?}") };
    assert_eq!((&one.registration.project, one.registration.seen), (&room.project(), NOW));
    assert_eq!(one.registration.lock, Some(digest::sha256(text.as_bytes())));
    assert_eq!(one.standing, Standing::Unlocked { since: NOW + 5 }, "the project itself has none any more");
    assert_eq!(one.lock, Some(Lock::parse(&text).unwrap()), "and may have it again");
    room.register(Some(&text), NOW + DAY - 1);
    assert_eq!(room.all(NOW + DAY)[0].registration.seen, NOW);
    room.register(Some(&text), NOW + DAY);
    assert_eq!(room.all(NOW + DAY)[0].registration.seen, NOW + DAY);
    assert_eq!((room.files().len(), fs::read(&room.files()[0]).unwrap()), (1, bytes));
    room.register(None, NOW + DAY);
    assert_eq!(room.all(NOW + DAY)[0].registration.lock, None);
}

#[test]
fn a_project_that_cannot_be_seen_from_here_is_known_by_the_copy_of_its_lock() {
    let room = Room::new();
    let text = lock_text();
    room.register(Some(&text), NOW);
    room.moved();
    let known = room.all(NOW);
    assert_eq!((known[0].standing, known[0].lock.is_some()), (Standing::Elsewhere, true));
    fs::write(room.project().join(lock::FILE), &text).unwrap();
    assert_eq!(room.all(NOW)[0].standing, Standing::Here, "it is on a disk that both machines see");
    fs::write(room.project().join(lock::FILE), "version = 99\n").unwrap();
    assert_eq!((room.all(NOW)[0].standing, room.all(NOW)[0].lock.is_some()), (Standing::Elsewhere, true));
}

#[test]
fn a_projects_own_lock_counts_before_the_copy_and_a_broken_one_is_told() {
    let room = Room::new();
    room.register(Some(&lock_text()), NOW);
    let own = Lock::new(Digest::Sha256([8; 32]), Vec::new());
    fs::write(room.project().join(lock::FILE), own.render()).unwrap();
    assert_eq!(room.all(NOW)[0].lock, Some(own));
    fs::write(room.project().join(lock::FILE), "noise").unwrap();
    let known = room.all(NOW);
    assert_eq!(known[0].lock, Some(Lock::parse(&lock_text()).unwrap()));
    assert!(known[0].problem.as_deref().unwrap().starts_with("its modelstrap.lock: "), "{known:?}");
}

#[test]
fn a_project_that_is_gone_is_reported_and_dropped_after_a_month() {
    let room = Room::new();
    room.register(Some(&lock_text()), NOW);
    fs::write(room.project().join(lock::FILE), lock_text()).unwrap();
    fs::rename(room.project(), room.dir.path().join("unplugged")).unwrap();
    let later = NOW + 400 * DAY;
    assert_eq!(room.all(later)[0].standing, Standing::Gone { since: later });
    assert!(room.all(later)[0].lock.is_some(), "it may come back");
    assert_eq!(sweep(&room.cache(), &room.vars, later), [], "it was not used for long, and is looked for today");
    assert_eq!(room.all(later + DAY)[0].standing, Standing::Gone { since: later });
    fs::rename(room.dir.path().join("unplugged"), room.project()).unwrap();
    assert_eq!(sweep(&room.cache(), &room.vars, later + 40 * DAY), []);
    assert_eq!(room.files().len(), 1, "it is back, and the mark is gone");
    fs::remove_file(room.project().join(lock::FILE)).unwrap();
    fs::remove_dir(room.project()).unwrap();
    sweep(&room.cache(), &room.vars, later + 50 * DAY);
    assert_eq!(sweep(&room.cache(), &room.vars, later + 80 * DAY - 1), []);
    let dropped = sweep(&room.cache(), &room.vars, later + 80 * DAY);
    assert_eq!(dropped.iter().map(|one| one.project.clone()).collect::<Vec<_>>(), [room.project()]);
    assert_eq!(room.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_lock_that_is_not_there_counts_for_a_month_by_its_copy() {
    let room = Room::new();
    let at = room.project().join(lock::FILE);
    fs::write(&at, lock_text()).unwrap();
    room.register(Some(&lock_text()), NOW);
    assert_eq!(room.all(NOW)[0].standing, Standing::Here);
    fs::remove_file(&at).unwrap();
    let due = |now| due(&room.cache(), &room.vars, now).len();
    for days in [0, 10, 29] {
        assert_eq!((due(NOW + days * DAY), sweep(&room.cache(), &room.vars, NOW + days * DAY)), (0, Vec::new()));
        let known = room.all(NOW + days * DAY);
        assert_eq!((known[0].standing, known[0].lock.is_some()), (Standing::Unlocked { since: NOW }, true));
    }
    fs::write(&at, lock_text()).unwrap();
    sweep(&room.cache(), &room.vars, NOW + 30 * DAY);
    fs::remove_file(&at).unwrap();
    assert_eq!(due(NOW + 31 * DAY), 0, "it was there in between");
    sweep(&room.cache(), &room.vars, NOW + 31 * DAY);
    assert_eq!((due(NOW + 61 * DAY), room.files().len()), (1, 2), "who only asks changes nothing");
    assert_eq!(sweep(&room.cache(), &room.vars, NOW + 61 * DAY).len(), 1);
}

#[test]
fn another_machines_project_is_dropped_after_half_a_year_of_silence() {
    let room = Room::new();
    room.register(Some(&lock_text()), NOW);
    room.moved();
    assert_eq!(sweep(&room.cache(), &room.vars, NOW + 180 * DAY - 1), []);
    assert_eq!(sweep(&room.cache(), &room.vars, NOW + 180 * DAY).len(), 1);
}

#[test]
fn the_last_one_to_withdraw_leaves_nothing_behind() {
    let room = Room::new();
    let other = room.dir.path().join("q");
    room.register(None, NOW);
    register(&room.cache(), &other, None, &room.vars, NOW).unwrap();
    super::super::uses::note(&room.cache(), &[room.cache().join("x")], &room.vars, NOW).unwrap();
    withdraw(&room.cache(), &room.project(), &room.vars);
    assert_eq!(room.all(NOW).len(), 1);
    withdraw(&room.cache(), &other, &room.vars);
    assert_eq!(fs::read_dir(room.cache()).unwrap().count(), 0);
    withdraw(&room.cache(), &other, &room.vars);
}

#[test]
fn two_that_register_at_the_same_time_are_both_registered() {
    let room = Room::new();
    let texts = [lock_text(), Lock::new(Digest::Sha256([9; 32]), Vec::new()).render()];
    std::thread::scope(|scope| {
        for n in 0..16 {
            let (room, texts) = (&room, &texts);
            scope.spawn(move || {
                let project = room.dir.path().join(format!("p{}", n / 4));
                for round in 0..8 {
                    register(&room.cache(), &project, Some(&texts[(n + round) % 2]), &room.vars, NOW).unwrap();
                }
            });
        }
    });
    let known = room.all(NOW);
    assert_eq!((known.len(), room.files().len()), (4, 4), "no temporary file is left");
    assert!(known.iter().all(|one| one.problem.is_none() && one.lock.is_some()), "{known:?}");
}

#[test]
fn a_passing_machine_is_known_by_what_it_needs() {
    let room = Room::new();
    let ci = room.vars.clone().with("CI", "true");
    for text in [lock_text(), lock_text(), Lock::new(Digest::Sha256([9; 32]), Vec::new()).render()] {
        register(&room.cache(), Path::new("/app"), Some(&text), &ci, NOW).unwrap();
    }
    let standings: Vec<_> = all(&room.cache(), &ci, NOW).iter().map(|one| one.standing).collect();
    assert_eq!(standings, [Standing::Elsewhere; 2]);
    withdraw(&room.cache(), Path::new("/app"), &ci);
    assert!(all(&room.cache(), &ci, NOW).is_empty());
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_written_to_is_an_error_that_names_no_file_and_changes_none() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let room = Room::new();
    let victim = room.dir.path().join("victim");
    fs::create_dir(&victim).unwrap();
    symlink(&victim, room.cache().join(".modelstrap")).unwrap();
    assert!(register(&room.cache(), &room.project(), None, &room.vars, NOW).is_err());
    assert!(room.all(NOW).is_empty() && sweep(&room.cache(), &room.vars, NOW).is_empty());
    withdraw(&room.cache(), &room.project(), &room.vars);
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    fs::remove_file(room.cache().join(".modelstrap")).unwrap();
    if rustix::process::geteuid().is_root() {
        return;
    }
    fs::set_permissions(room.cache(), fs::Permissions::from_mode(0o555)).unwrap();
    assert!(register(&room.cache(), &room.project(), None, &room.vars, NOW).is_err());
}

#[test]
fn what_a_stranger_put_there_is_told_and_not_followed() {
    let room = Room::new();
    room.register(None, NOW);
    let folder = room.cache().join(".modelstrap/projects");
    let put = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    put("notes.txt", "mine");
    put(
        "0123456789abcdef.json",
        "{\"schema\":\"modelstrap.project/1\",\"project\":\"/a/../b\",\"host\":\"h\",\"user\":\"u\"}",
    );
    put(
        "0123456789abcde0.json",
        "{\"schema\":\"modelstrap.project/9\",\"project\":\"/a\",\"host\":\"h\",\"user\":\"u\"}",
    );
    put(
        "0123456789abcde1.json",
        "{\"schema\":\"modelstrap.project/1\",\"project\":\"/a\",\"host\":\"h\",\"user\":\"u\",\"lock\":\"x\"}",
    );
    put("0123456789abcde2.json", "");
    let problems = room.all(NOW).iter().filter(|one| one.problem.is_some() && one.lock.is_none()).count();
    assert_eq!((room.all(NOW).len(), problems), (5, 4));
    sweep(&room.cache(), &room.vars, NOW + 1000 * DAY);
    assert!(folder.join("notes.txt").exists() && folder.join("0123456789abcde2.json").exists());
}

proptest::proptest! {
    #[test]
    fn no_registration_panics(bytes: Vec<u8>, project in ".{0,40}", host in ".{0,9}", lock in "[0-9a-f]{60,66}", copy in ".{0,99}") {
        let room = Room::new();
        let folder = room.cache().join(".modelstrap/projects");
        fs::create_dir_all(&folder).unwrap();
        let (project, host) = (project.into(), host.into());
        let (lock, copy) = (Some(lock.into()), Some(copy.into()));
        let text = Text { schema: SCHEMA.into(), project, host, user: "".into(), lock, copy };
        fs::write(folder.join("0123456789abcdef.json"), serde_json::to_vec(&text).unwrap()).unwrap();
        fs::write(folder.join("0123456789abcde0.json"), &bytes).unwrap();
        proptest::prop_assert_eq!(room.all(NOW).len(), 2);
        sweep(&room.cache(), &room.vars, NOW);
        withdraw(&room.cache(), &room.project(), &room.vars);
    }
}
