//! A project whose cache has been lived in, for the verbs that clean: what a few months leave behind, and what must outlast them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::project::{Room, Tree};

/// The commit that `main` names.
pub(crate) const MAIN: &str = "2222222222222222222222222222222222222222";
/// One that no ref names.
pub(crate) const PINNED: &str = "1111111111111111111111111111111111111111";

/// The hub of a project.
pub(crate) const HUB: &str = ".cache/huggingface/hub";

/// A repository with a revision for each of `revisions`: commit, and blobs with their sizes in kB.
pub(crate) fn repository(room: &Room, name: &str, revisions: &[(&str, &[(&str, usize)])]) {
    let folder = format!("{HUB}/models--{}", name.replace('/', "--"));
    for (commit, blobs) in revisions {
        for (blob, size) in *blobs {
            room.write(&format!("{folder}/blobs/{blob}"), vec![7; size * 1000]);
            let at = room.place(&format!("{folder}/snapshots/{commit}/{blob}.bin"));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            symlink(format!("../../blobs/{blob}"), at).unwrap();
        }
    }
}

/// A hub with a repository of two revisions, an orphan and unfinished downloads; torch, whisper, an application cache; logins; and
/// outside of the cache a stray, `./models` and files of the user's own.
pub(crate) fn lived_in() -> Room {
    let room = Room::bare();
    room.write("modelstrap.toml", "[application_caches]\ntmdb = { path = \"out/tmdb\", max_age = \"90d\" }\n");
    let both = ("both", 800);
    repository(&room, "org/asr", &[(PINNED, &[both, ("old", 400)]), (MAIN, &[both, ("new", 1600)])]);
    let folder = format!("{HUB}/models--org--asr");
    room.write(&format!("{folder}/blobs/orphan"), vec![7; 200_000]);
    room.write(&format!("{folder}/blobs/new.1a2b3c4d.incomplete"), vec![7; 300_000]);
    room.write(&format!("{folder}/.modelstrap/partials/ab.part"), vec![7; 200_000]);
    room.write(&format!("{folder}/refs/main"), MAIN);
    room.write(&format!("{folder}/trees/{PINNED}.json"), "{}");
    room.write(&format!("{folder}/.no_exist/{PINNED}/x.json"), "");
    room.write(&format!("{HUB}/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
    room.write(&format!("{HUB}/.locks/models--org--asr/both.lock"), "");
    room.write(".cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    room.write(".cache/huggingface/token", "hf_secret");
    room.write(".cache/huggingface/stored_tokens", "[a]\nhf_token = hf_secret\n");
    room.write(".cache/huggingface/xet/chunks/1", vec![7; 100_000]);
    room.write(".cache/torch/hub/checkpoints/resnet.pth", vec![7; 500_000]);
    room.write(".cache/torch/hub/trusted_list", "snakers4_silero-vad\n");
    room.write(".cache/whisper/large-v3.pt", vec![7; 1_200_000]);
    room.write(".cache/whisper/.modelstrap/partials/cd.part", vec![7; 200_000]);
    room.write(".cache/photos/holiday.jpg", vec![7; 2_000_000]);
    room.write("out/tmdb/film.json", vec![7; 100_000]);
    room.write("out/tmdb/deep/er/film.json", vec![7; 100_000]);
    room.write("out/precious.txt", "not a cache");
    room.write("models/copy.safetensors", vec![7; 1_600_000]);
    room.write("~/.cache/whisper/base.pt", vec![7; 1_100_000]);
    room.write("~/thesis.tex", "years of work");
    room
}

/// Everything in the room but the cache root and the application cache: no run may change a byte of it.
pub(crate) fn outside(room: &Room) -> Tree {
    room.tree().without(|name| {
        let inside = |folder: &str| Path::new(name).starts_with(folder);
        inside("p/.cache") || inside("p/out/tmdb")
    })
}

/// The names of what is in the cache, without this tool's own notes.
pub(crate) fn cached(room: &Room) -> Vec<String> {
    let tree = room.tree().without(|name| name.contains("/.modelstrap/") || name.ends_with("/.modelstrap"));
    let names = tree.names().into_iter().filter_map(|name| name.strip_prefix("p/.cache/"));
    names.map(str::to_owned).collect()
}

/// What a run printed, without what only this disk decides: how large folders are, so that sizes are rounded to full 100 kB.
pub(crate) fn rounded(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut said: Vec<String> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let unit =
                words.get(at + 1).copied().unwrap_or_default().trim_end_matches(|c: char| !c.is_ascii_alphabetic());
            let scale = match unit {
                "kB" => 1e3,
                "MB" => 1e6,
                _ => 0.0,
            };
            match word.parse::<f64>() {
                Ok(number) if scale > 0.0 => said.push(format!("{:.1}", number * scale / 1e6)),
                _ if at > 0 && matches!(*word, "kB" | "kB." | "kB,") => said.push(word.replace("kB", "MB")),
                _ => said.push((*word).to_owned()),
            }
        }
        out.push_str(&said.join(" "));
        out.push('\n');
    }
    out
}
