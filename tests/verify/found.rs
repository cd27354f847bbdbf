//! What `verify` reads, what it finds, and how it is told.

use std::fs;

use super::caches::{blob, every_kind, summary};
use crate::support::bytes::{flip, sha256};
use crate::support::project::Room;

#[test]
fn whatever_names_its_own_digest_is_read_once_and_found_good() {
    let room = every_kind();
    let before = room.tree();
    let ran = room.run(&["verify"]).expect(0);
    assert_eq!(ran.out, "");
    assert_eq!(summary(&ran), "1.05 MB: 5 files, 0 damaged, 0 missing. Of 1 file, 9 B, nobody says what they are.");
    room.tree().assert_eq(&before, "verify changes nothing");
    let json = room.run(&["verify", "--json"]).expect(0).json();
    assert_eq!(json["schema"], "modelstrap.verify/1");
    assert_eq!((&json["files"], &json["read_bytes"]), (&5.into(), &1_048_597.into()));
    assert_eq!(json["unproven"], serde_json::json!({"files": 1, "bytes": 9}));
}

#[test]
fn damage_is_told_with_what_it_is_where_and_what_mends_it() {
    let room = every_kind();
    flip(&blob(&room, b"weights"));
    flip(&room.place(&format!(".cache/torch/hub/checkpoints/net-{}.pth", &sha256(b"a net")[..8])));
    let layer = sha256(b"a layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), "a l");
    flip(&room.place("models/copy/weights.safetensors"));
    let ran = room.run(&["verify"]).expect(3);
    let found = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        sha256(&bytes)
    };
    let (weights, mega, net) = (sha256(b"weights"), vec![7; 1 << 20], &sha256(b"a net")[..8]);
    let expected = format!(
        "\
copy weights.safetensors: damaged
    models/copy/weights.safetensors (1.05 MB)
    expected sha256:{} (the mark of its download)
    found    sha256:{}
    remove it: the program that brought it fetches it again
llama3:8b sha256-{layer}: of another size
    ~/.ollama/models/blobs/sha256-{layer} (3 B, expected 7 B by its model's manifest)
    `ollama pull llama3:8b` fetches it again
net-{net}.pth: damaged
    .cache/torch/hub/checkpoints/net-{net}.pth (5 B)
    expected sha256:{net}… (its name)
    found    sha256:{}
    remove it: the program that brought it fetches it again
org/asr again.bin: damaged
    .cache/huggingface/hub/models--org--asr/blobs/{weights} (7 B)
    expected sha256:{weights} (its name)
    found    sha256:{}
    `modelstrap verify --fix org/asr` fetches it again
",
        sha256(&mega),
        found(&mega),
        found(b"a net"),
        found(b"weights"),
    );
    assert_eq!(ran.out, expected);
    assert_eq!(summary(&ran), "1.05 MB: 5 files, 4 damaged, 0 missing. Of 1 file, 9 B, nobody says what they are.");
    ran.says(&["`modelstrap verify --fix` fetches what can be fetched of these."]);
    let json = room.run(&["verify", "--json"]).expect(3).json();
    let one = &json["findings"][1];
    assert_eq!(
        (&one["finding"], &one["expected"], &one["found"], &one["fixable"]),
        (&"another size".into(), &7.into(), &3.into(), &false.into())
    );
    assert_eq!(json["findings"][3]["mend"], "modelstrap verify --fix org/asr");
}

#[test]
fn a_size_that_differs_by_little_is_told_to_the_byte() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    let bytes = vec![3; 5_000_000];
    let layer = sha256(&bytes);
    room.write(&format!("~/.ollama/models/blobs/sha256-{layer}"), &bytes[1..]);
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/llama3/8b",
        format!(r#"{{"layers":[{{"digest":"sha256:{layer}","size":5000000}}]}}"#),
    );
    let ran = room.run(&["verify"]).expect(3);
    assert!(ran.out.contains("(4999999 bytes, expected 5000000 bytes by its model's manifest)"), "{}", ran.out);
}

#[test]
fn folders_that_only_look_like_a_librarys_say_nothing_of_their_files() {
    let room = Room::bare();
    room.write("modelstrap.toml", "");
    // A training run names its checkpoints by commit, and a person's own whisper is not OpenAI's.
    room.write("models/run/checkpoints/step-deadbeef.pth", vec![1; 1 << 20]);
    room.write("models/whisper/base.pt", vec![1; 1 << 20]);
    room.run(&["verify"]).expect(0).says(&["Nothing here has a known digest: 2 files, 2.10 MB."]);
    room.write("~/.cache/whisper/base.pt", vec![1; 1000]);
    let ran = room.run(&["verify"]).expect(3);
    let expected = "whisper-base base.pt: of another size\n    ~/.cache/whisper/base.pt (1.00 kB, expected 145 MB by the catalogue)\n    `modelstrap verify --fix whisper-base` fetches it again\n";
    assert_eq!(ran.out, expected);
    room.run(&["verify", "whisper-base"]).expect(3);
}

#[test]
fn what_the_disk_does_not_give_is_named_and_the_rest_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = every_kind();
    let closed = room.place(".cache/torch/hub");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    let refused = fs::read_dir(&closed).is_err();
    let ran = room.run(&["verify"]);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    if refused {
        ran.expect(1).says(&["hub: ", "could not be read"]);
    }
}

#[test]
fn ctrl_c_stops_it_at_once_and_says_so() {
    let room = every_kind();
    let big =
        fs::File::create(room.place(&format!(".cache/torch/hub/checkpoints/big-{}.pth", "0".repeat(16)))).unwrap();
    big.set_len(64 << 30).unwrap();
    let mut run = room.command(&["verify"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(600));
    let id = run.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(130));
}
