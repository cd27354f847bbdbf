//! Hubs, `local_dir` downloads and old folders as the real clients leave them, small.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

pub(crate) use super::bytes::{git, sha256};
use super::project::Room;

/// A commit of the Hub, and one that came after it.
pub(crate) const OLD: &str = "1111111111111111111111111111111111111111";
pub(crate) const NEW: &str = "2222222222222222222222222222222222222222";
/// The commit of what `local_dir` brought.
pub(crate) const LOCAL: &str = "3333333333333333333333333333333333333333";

/// Makes what is at `path`, a link itself, older, in seconds.
pub(crate) fn age(path: &Path, seconds: u64) {
    let then = SystemTime::now() - Duration::from_secs(seconds);
    let at = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let done = Command::new("touch").args(["-h", "-d", &format!("@{at}")]).arg(path).status().unwrap();
    assert!(done.success());
}

/// A repository in a hub of a room.
pub(crate) struct Repo<'a> {
    room: &'a Room,
    at: String,
}

impl<'a> Repo<'a> {
    pub(crate) fn new(room: &'a Room, hub: &str, folder: &str) -> Self {
        Self { room, at: format!("{hub}/{folder}") }
    }

    /// A file of a revision, whose content is called `etag`.
    pub(crate) fn file(&self, commit: &str, path: &str, text: &str, etag: String) {
        self.room.write(&format!("{}/blobs/{etag}", self.at), text);
        self.pointer(commit, path, &etag);
    }

    /// A file of a revision whose content lies in the hub's shared store.
    pub(crate) fn shared(&self, commit: &str, path: &str, text: &str, etag: &str, hash: &str) {
        let (hub, folder) = self.at.rsplit_once('/').unwrap();
        let payload = format!("{hub}/blobs/{}/{hash}", &hash[..2]);
        self.room.write(&format!("{hub}/blobs/.huggingface-shared-blobs"), "1\n");
        if !self.room.exists(&payload) {
            self.room.write(&payload, text);
            self.room.write(&format!("{payload}.refs"), "");
            self.room.write(&format!("{payload}.lock"), "");
        }
        self.room.append(&format!("{payload}.refs"), &format!("{folder}/blobs/{etag}\n"));
        let blob = self.room.place(&format!("{}/blobs/{etag}", self.at));
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        symlink(format!("../../blobs/{}/{hash}", &hash[..2]), blob).unwrap();
        self.pointer(commit, path, etag);
    }

    pub(crate) fn pointer(&self, commit: &str, path: &str, etag: &str) {
        let at = self.room.place(&format!("{}/snapshots/{commit}/{path}", self.at));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let up = "../".repeat(path.split('/').count() + 1);
        symlink(format!("{up}blobs/{etag}"), at).unwrap();
    }

    pub(crate) fn reference(&self, name: &str, commit: &str) {
        self.room.write(&format!("{}/refs/{name}", self.at), commit);
    }
}

/// What `snapshot_download(local_dir=)` makes.
pub(crate) fn local_dir(room: &Room, at: &str, commit: &str, files: &[(&str, &str, String)]) {
    room.write(&format!("{at}/.cache/huggingface/.gitignore"), "*");
    for (path, text, etag) in files {
        room.write(&format!("{at}/{path}"), text);
        room.write(
            &format!("{at}/.cache/huggingface/download/{path}.metadata"),
            format!("{commit}\n{etag}\n4102444800.5\n"),
        );
        room.write(&format!("{at}/.cache/huggingface/download/{path}.lock"), "");
    }
}

/// What a few months leave behind, everywhere.
pub(crate) fn lived_in() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[legacy]\npaths = [\"shared/model-cache\"]\n");
    room.write("src/main.py", "print()");
    room.write("~/.cache/torch/hub/checkpoints/resnet.pth", "resnet");
    room.write("~/.cache/torch/hub/trusted_list", "evil_repo\n");
    room.write("~/.cache/whisper/base.pt", "base");
    room.write("~/.cache/huggingface/token", "hf_secret");
    room.write("~/.cache/huggingface/stored_tokens", "[x]\n");
    room.write("~/.cache/huggingface/hub/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# x\n");
    let asr = Repo::new(&room, "~/.cache/huggingface/hub", "models--org--asr");
    asr.file(OLD, "config.json", "config", git("config"));
    asr.file(NEW, "config.json", "config", git("config"));
    asr.pointer(OLD, "model.bin", &sha256("weights"));
    asr.file(OLD, "onnx/model.bin", "weights", sha256("weights"));
    asr.file(NEW, "onnx/model.bin", "new weights", sha256("new weights"));
    asr.reference("main", NEW);
    room.write("~/.cache/huggingface/hub/.locks/models--org--asr/x.lock", "");
    for (hub, name, text) in [
        (".cache/huggingface", "split", "split"),
        ("~x/.cache/huggingface/hub", "tilde", "tilde"),
        ("shared/model-cache/huggingface/hub", "legacy", "legacy"),
    ] {
        // A folder that is called `~`: the room itself would expand it.
        let hub = if let Some(rest) = hub.strip_prefix("~x/") { format!("./~/{rest}") } else { hub.to_owned() };
        let repo = Repo::new(&room, &hub, &format!("models--org--{name}"));
        repo.file(NEW, "model.bin", text, sha256(text));
        repo.reference("main", NEW);
    }
    room.write("shared/model-cache/whisper/small.pt", "small");
    let local = [
        ("config.json", "local config", git("local config")),
        ("sub/weights.bin", "local weights", sha256("local weights")),
        ("changed.json", "changed since", git("as it was")),
    ];
    local_dir(&room, "models/x", LOCAL, &local);
    room.write("models/x/mine.txt", "mine");
    // What the client notes of it in the hub.
    room.write(".cache/huggingface/hub/models--org--local/refs/main", LOCAL);
    room
}
