//! The words after `verify`: models, repositories, files and folders; and a word that is none of them.

use super::caches::{COMMIT, every_kind, summary};
use crate::support::bytes::sha256;

#[test]
fn words_limit_it_to_models_repositories_files_and_folders() {
    let room = every_kind();
    let other = sha256(b"another layer");
    room.write(&format!("~/.ollama/models/blobs/sha256-{other}"), "another layer");
    room.write(
        "~/.ollama/models/manifests/registry.ollama.ai/library/mine/latest",
        format!(r#"{{"layers":[{{"digest":"sha256:{other}","size":13}}]}}"#),
    );
    let net = format!("net-{}.pth", &sha256(b"a net")[..8]);
    let snapshot = format!(".cache/huggingface/hub/models--org--asr/snapshots/{COMMIT}");
    for (word, files) in [
        ("org/asr", 2),
        ("ORG/ASR", 2),
        (".cache/huggingface", 2),
        (&*snapshot, 2),
        (&*format!("{snapshot}/model.bin"), 1),
        (&*net, 1),
        ("llama3:8b", 1),
        ("mine", 1),
        ("models", 1),
        (".cache", 3),
    ] {
        let ran = room.run(&["verify", word]).expect(0);
        let told = if files == 1 { "1 file,".to_owned() } else { format!("{files} files,") };
        assert!(summary(&ran).contains(&told), "{word}: {}", ran.err);
    }
    room.run(&["verify", "nothing/like-this"]).expect(2).says(&["nothing in the cache is called nothing/like-this"]);
}

#[test]
fn what_has_no_known_digest_is_said_to_have_none_and_a_name_that_is_none_is_met_with_the_nearest() {
    let room = every_kind();
    room.write("models/mine/checkpoints/step.bin", vec![1; 9_000_000]);
    for words in ["models/mine", "models/mine/checkpoints/step.bin", "step.bin"] {
        let ran = room.run(&["verify", words]).expect(0);
        assert_eq!(ran.err, "Nothing here has a known digest: 1 file, 9.00 MB.\n", "{words}");
        let json = room.run(&["verify", words, "--json"]).expect(0).json();
        assert_eq!(json["unproven"], serde_json::json!({"files": 1, "bytes": 9_000_000}));
    }
    let says = |word: &str| room.run(&["verify", word]).expect(2).err;
    assert!(says("org/asn").contains("nothing in the cache is called org/asn; did you mean `org/asr`?"));
    assert!(says("lama3:8b").contains("did you mean `llama3:8b`?"));
    assert!(says("othr.pth").contains("did you mean `other.pth`?"));
    assert!(!says("zzz").contains("did you mean"));
}
