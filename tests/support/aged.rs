//! A cache of models that were used at different times.

use std::fs;
use std::time::{Duration, SystemTime};

use super::lived::{HUB, MAIN, repository};
use super::project::Room;

/// Four repositories of 5 MB, the first of them not used for the longest time.
pub(crate) fn four() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    for (name, days) in [("org/a", 90), ("org/b", 80), ("org/c", 70), ("org/d", 60)] {
        let blob = &name[4..];
        repository(&room, name, &[(MAIN, &[(blob, 5_000)])]);
        let folder = format!("{HUB}/models--{}", name.replace('/', "--"));
        room.write(&format!("{folder}/refs/main"), MAIN);
        let then = SystemTime::now() - Duration::from_secs(days * 86_400);
        let file = fs::File::options().write(true).open(room.place(&format!("{folder}/blobs/{blob}"))).unwrap();
        file.set_times(fs::FileTimes::new().set_accessed(then).set_modified(then)).unwrap();
    }
    room
}

pub(crate) fn there(room: &Room) -> String {
    ["a", "b", "c", "d"].into_iter().filter(|name| room.exists(&format!("{HUB}/models--org--{name}"))).collect()
}

/// As `dedupe` leaves it: the oldest model has a second name in `./models`.
pub(crate) fn linked() -> Room {
    let room = four();
    fs::create_dir(room.place("models")).unwrap();
    fs::hard_link(room.place(&format!("{HUB}/models--org--a/blobs/a")), room.place("models/a.safetensors")).unwrap();
    room
}
