//! openai-whisper: a checkpoint of the library's own shape, a few layers deep and narrow, at the place of `tiny`.
//!
//! The catalogue has the digests of the real checkpoints, and nobody can make other bytes with them. So the lock is written as it
//! would be if the catalogue had ours, and the library's own table is told the same; all between is what really runs.

use serde_json::Value;

use crate::support::hub::Content;
use crate::support::makers::{WHISPER_ASKED, bytes, interpreter, lock_our_own, whisper};
use crate::support::offline::ask;
use crate::support::zoo::Zoo;

#[test]
fn openai_whisper_loads_a_downloaded_checkpoint_by_its_name_and_computes_with_it() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_WHISPER", "whisper, torch") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("speech = \"openai-whisper:tiny\"\n");
    let folder = room.path().join("made");
    let (theirs, made) = whisper(&room, &python, &folder);
    let content = Content::from(bytes(&folder, "tiny.pt"));
    let url = zoo.whisper.whisper_model("tiny.pt", &content);

    room.run(&["models", "lock"]).expect(0);
    let lock = room.text("modelstrap.lock");
    assert!(lock.contains(&theirs) && lock.contains("size = 75572083"), "the library's own address is locked: {lock}");
    lock_our_own(&room, &content);
    let lock = room.text("modelstrap.lock");
    let came = room.run(&["models", "download", "--frozen"]).expect(0);
    assert_eq!(room.text("modelstrap.lock"), lock, "{came:?}");

    let code = format!(
        "{WHISPER_ASKED}
assert whisper._MODELS['tiny'] == {theirs:?}
whisper._MODELS['tiny'] = {url:?}
print(json.dumps(asked(whisper.load_model('tiny', device='cpu'))))"
    );
    let seen = ask(&room, &python, &code);
    assert_eq!(seen, made);
    assert_eq!(seen[0], Value::from(vec![1, 2, 64]));
    // Where it lies is a model's name as well.
    let path = room.run(&["models", "path", "speech"]).expect(0).out;
    let path = path.trim_end().replace('@', room.path().to_str().unwrap());
    let code = format!("{WHISPER_ASKED}\nprint(json.dumps(asked(whisper.load_model({path:?}, device='cpu'))[:2]))");
    assert_eq!(ask(&room, &python, &code), Value::from(made.as_array().unwrap()[..2].to_vec()));
}
