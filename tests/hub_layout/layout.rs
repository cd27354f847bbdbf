//! What is written is exactly the official layout: as listed here, and as the client itself writes it.

use std::collections::BTreeMap;
use std::path::Path;

use super::client::client;
use super::written::{FILES, digest, files, install, tree, whole};
use super::{COMMIT, room};
use crate::support::python::{good, python_with};

#[test]
fn the_cache_is_exactly_this() {
    let (_room, hub) = room();
    install(&whole(), &files(), &hub, true);
    let mut found = tree(&hub);
    let absent: Vec<String> = found.keys().filter(|path| path.contains(".no_exist")).cloned().collect();
    for path in &absent {
        assert_eq!(found.remove(path).as_deref(), Some(""));
    }
    assert!(absent.iter().any(|path| path.ends_with("/tokenizer.json")));
    assert!(!absent.iter().any(|path| path.ends_with("/config.json") || path.ends_with("/model.safetensors")));
    let listing = found.remove(&format!("models--org--name/trees/{COMMIT}.json")).unwrap();
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap();
    assert_eq!(listing["files"].as_object().unwrap().len(), FILES.len());
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by huggingface_hub.\n\
               # For information about cache directory tags, see:\n#\thttps://bford.info/cachedir/\n";
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    expected.insert("CACHEDIR.TAG".to_owned(), tag.to_owned());
    for revision in ["main", "refs/modelstrap/project-1"] {
        expected.insert(format!("models--org--name/refs/{revision}"), COMMIT.to_owned());
    }
    // What is remembered of our own work, where no other program looks: the whole commit and the branch are ours.
    expected.insert(format!("models--org--name/.modelstrap/brought-{COMMIT}"), "/\n".to_owned());
    expected.insert("models--org--name/.modelstrap/main".to_owned(), COMMIT.to_owned());
    for (path, content, outside) in FILES {
        let blob = digest(content, outside).hex();
        let up = "../".repeat(path.matches('/').count() + 2);
        expected.insert(format!("models--org--name/blobs/{blob}"), content.to_owned());
        expected.insert(format!("models--org--name/snapshots/{COMMIT}/{path}"), format!("-> {up}blobs/{blob}"));
    }
    assert_eq!(found, expected);
    assert!(expected.contains_key("models--org--name/blobs/e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"));
}

/// A Hub in a thread, and the official client downloading from it into the folder that it is given.
const DOWNLOAD: &str = r#"
import hashlib, http.server, json, os, sys, threading, urllib.parse
hub, files, commit = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]

def git(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

def entry(path, content, lfs):
    data = content.encode()
    if not lfs:
        return {"type": "file", "path": path, "size": len(data), "oid": git(data)}
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(data)}\n".encode()
    return {"type": "file", "path": path, "size": len(data), "oid": git(pointer),
            "lfs": {"oid": sha256, "size": len(data), "pointerSize": len(pointer)}}

class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def answer(self, body, **headers):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if "/tree/" in path:
            return self.answer(json.dumps([entry(*file) for file in files]).encode(), Content_Type="application/json")
        if "/revision/" in path:
            siblings = [{"rfilename": file[0]} for file in files]
            body = json.dumps({"id": "org/name", "sha": commit, "siblings": siblings})
            return self.answer(body.encode(), Content_Type="application/json")
        name = path.split(f"/resolve/{commit}/")[1]
        content, lfs = next((file[1], file[2]) for file in files if file[0] == name)
        about = entry(name, content, lfs)
        etag = about["lfs"]["oid"] if lfs else about["oid"]
        self.answer(content.encode(), ETag=f'"{etag}"', X_Repo_Commit=commit)
    do_HEAD = do_GET

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
os.environ["HF_HUB_OFFLINE"] = "0"
from huggingface_hub import snapshot_download
snapshot_download("org/name", cache_dir=hub)
"#;

#[test]
fn the_official_client_writes_the_same() {
    let Some(interpreter) = python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub") else { return };
    let (_room, hub) = room();
    let theirs = hub.with_file_name("theirs");
    let listed = serde_json::to_string(&FILES).unwrap();
    good(&mut client(&interpreter, &hub, DOWNLOAD, &[theirs.to_str().unwrap(), &listed, COMMIT]));
    install(&whole(), &files(), &hub, true);
    let ours_alone =
        |path: &str| ["/.no_exist/", "/refs/modelstrap/", "/.modelstrap/"].iter().any(|part| path.contains(part));
    let comparable = |root: &Path| -> BTreeMap<String, String> {
        let parsed = |text: String| -> String {
            let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            format!("{value:?}")
        };
        tree(root)
            .into_iter()
            .filter(|(path, _)| !path.starts_with(".locks/") && !ours_alone(path))
            .map(|(path, text)| if path.contains("/trees/") { (path, parsed(text)) } else { (path, text) })
            .collect()
    };
    assert_eq!(comparable(&hub), comparable(&theirs));
    // Into what Python wrote, nothing but our own refs and marks is added.
    let before = tree(&theirs);
    install(&whole(), &files(), &theirs, true);
    let after: BTreeMap<String, String> = tree(&theirs).into_iter().filter(|(path, _)| !ours_alone(path)).collect();
    assert_eq!(after, before);
}
