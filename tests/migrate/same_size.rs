//! What has the name and the size of a file in the cache, and may be another one, is not promised by the plan.
#![cfg(unix)]

use crate::support::project::Room;

#[test]
fn another_content_of_the_same_size_is_not_said_to_be_there() {
    let room = Room::bare();
    room.write("modelstrap.toml", "[project]\nname = \"p\"\n");
    room.setup(&[]);
    room.write("~/.cache/whisper/mine.pt", vec![1; 1_500_000]);
    room.write(".cache/whisper/mine.pt", vec![2; 1_500_000]);
    let dry = room.run(&["migrate", "--dry-run"]).expect(0);
    let said = "up to 1.50 MB of it is in the cache already: compared byte by byte, and kept once where it is the same";
    assert!(dry.out.contains(said), "{}{}", dry.out, dry.err);
    room.run(&["migrate", "--yes"]).expect(1).says(&["another content stands"]);
    let status = room.run(&["status"]).expect(0);
    assert!(status.out.contains("`modelstrap migrate` brings up to 1.50 MB in 1 file"), "{}", status.out);
    let one = room.run(&["status", "--json"]).expect(0).json();
    let outside = one["reclaimable"].as_array().unwrap().iter().find(|one| one["what"] == "outside").unwrap().clone();
    assert_eq!(outside["bound"], "up_to");
}
