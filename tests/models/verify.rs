//! `modelstrap models verify`: every byte is read again, and `--fix` fetches what is damaged and nothing else.
#![cfg(unix)]

use crate::support::zoo::Zoo;

use std::fs;

/// What is compared by `verify` itself, or is there for a moment.
fn other(name: &str) -> bool {
    name.contains("/.locks/") || name.contains("/blobs/")
}

#[test]
fn damage_is_told_by_file_and_mended_alone() {
    let zoo = Zoo::start();
    let room =
        zoo.project("tiny = { source = \"hf:org/tiny\", weights = \"all\" }\nvad = \"torch-hub:owner/tiny-repo\"\n");
    room.run(&["models", "download"]).expect(0);
    let whole = room.tree().without(other);
    let ran = room.run(&["models", "verify"]).expect(0);
    assert_eq!(zoo.told(&ran), "8.39 MB read in T (V): 8 files, 0 damaged or missing.\n");

    let path = |file: &str| {
        let ran = room.run(&["models", "path", "tiny", file]).expect(0);
        fs::canonicalize(ran.out.trim_end().replace('@', room.path().to_str().unwrap())).unwrap()
    };
    let (longer, flipped, gone) = (path("README.md"), path("model.safetensors"), path("pytorch_model.bin"));
    fs::write(&longer, "A model.\n!").unwrap();
    let mut bytes = fs::read(&flipped).unwrap();
    bytes[1000] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    fs::remove_file(&gone).unwrap();

    let findings = "\
tiny README.md: 10 bytes long instead of 9
tiny model.safetensors: damaged
    expected sha256:22a08adc806518c649329cc3683d21cc16ac65bcbfcf09179e868d16df67453f
    found    sha256:FOUND
tiny pytorch_model.bin: missing
";
    let told = "\
5.24 MB read in T (V): 8 files, 3 damaged or missing.
`modelstrap models verify --fix` fetches these, and nothing else.
";
    let found = |text: String| {
        let at = text.find("found    sha256:").unwrap() + "found    sha256:".len();
        format!("{}FOUND{}", &text[..at], &text[at + 64..])
    };
    zoo.hub.forget();
    for arguments in [&["models", "verify"][..], &["models", "verify", "--fix", "--dry-run"]] {
        let ran = room.run(arguments).expect(3);
        assert_eq!((found(ran.out.clone()), zoo.told(&ran)), (findings.to_owned(), told.to_owned()));
    }
    let json = room.run(&["models", "verify", "--json"]).expect(3).json();
    let files: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["README.md", "model.safetensors", "pytorch_model.bin"]);
    let members = |at: usize| {
        let one = &json["findings"][at];
        (one["finding"].clone(), one["expected"].clone(), one["found"].clone())
    };
    assert_eq!(members(0), ("another size".into(), 9.into(), 10.into()));
    let (finding, expected, actual) = members(1);
    assert_eq!(
        (finding, &expected),
        ("damaged".into(), &"sha256:22a08adc806518c649329cc3683d21cc16ac65bcbfcf09179e868d16df67453f".into())
    );
    assert!(actual.as_str().is_some_and(|one| one.len() == 71 && one.starts_with("sha256:") && expected != one));
    assert_eq!(members(2), ("missing".into(), serde_json::Value::Null, serde_json::Value::Null));
    assert_eq!(zoo.hub.requests().len(), 0, "verify asks nobody");
    room.run(&["models", "verify", "vad"]).expect(0);

    room.run(&["models", "verify", "--fix"]).expect(0).says(&["Downloading 1 model: 3 files, 6.29 MB"]);
    let mut asked: Vec<String> = zoo
        .hub
        .requests_to("GET", "/org/*")
        .iter()
        .map(|seen| seen.path.rsplit('/').next().unwrap().to_owned())
        .collect();
    asked.sort();
    assert_eq!(asked, ["README.md", "model.safetensors", "pytorch_model.bin"], "{:?}", zoo.hub.requests());
    room.tree().without(other).assert_eq(&whole, "mended");
    room.run(&["models", "verify"]).expect(0);
}

#[test]
fn a_snapshots_own_copy_is_made_anew_from_the_good_content_behind_it() {
    for symlinks in ["", "1"] {
        let zoo = Zoo::start();
        let room = zoo.project("data = \"hf:datasets/org/speech\"\n").with("HF_HUB_DISABLE_SYMLINKS", symlinks);
        room.run(&["models", "download"]).expect(0);
        let whole = room.tree().without(|name| name.contains("/.locks/"));
        let ran = room.run(&["models", "path", "data", "data/train.parquet"]).expect(0);
        let copy = ran.out.trim_end().replace('@', room.path().to_str().unwrap());
        let mut bytes = fs::read(&copy).unwrap();
        bytes[1000] ^= 1;
        fs::remove_file(&copy).unwrap();
        fs::write(&copy, bytes).unwrap();
        zoo.hub.forget();
        let found = room.run(&["models", "verify"]).expect(3).out;
        assert!(found.starts_with("data data/train.parquet: damaged\n"), "{found}");
        room.run(&["models", "verify", "--fix"]).expect(0).says(&["Nothing to fetch: 1 model here, 50.0 kB."]);
        assert_eq!(zoo.hub.requests().len(), 0, "{:?}", zoo.hub.requests());
        room.run(&["models", "verify"]).expect(0);
        room.tree().without(|name| name.contains("/.locks/")).assert_eq(&whole, "made anew");
    }
}

#[test]
fn what_is_not_locked_cannot_be_verified_and_is_no_success() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\n");
    let told =
        |arguments: &[&str], code| zoo.told(&room.run(&[&["models", "verify"], arguments].concat()).expect(code));
    let none = "warning: tiny cannot be verified: there is no modelstrap.lock; run `modelstrap models lock`\n";
    assert_eq!(told(&[], 3), none);
    room.append("modelstrap.toml", "quant = \"hf:org/quants\"\n");
    let none =
        "warning: tiny and quant cannot be verified: there is no modelstrap.lock; run `modelstrap models lock`\n";
    assert_eq!(told(&[], 3), none);
    room.run(&["models", "download", "tiny"]).expect(0);
    let one = "warning: quant cannot be verified: modelstrap.lock does not have it as the manifest asks for it; run `modelstrap models lock`\n3.15 MB read in T (V): 3 files, 0 damaged or missing.\n";
    assert_eq!(told(&[], 3), one);
    let stranger = "warning: hf:datasets/org/speech cannot be verified: the manifest does not name it, so the lock does not have it; `modelstrap models add hf:datasets/org/speech` changes that\n";
    assert_eq!(told(&["hf:datasets/org/speech"], 3), stranger);
    let json = room.run(&["models", "verify", "--json"]).expect(3).json();
    assert_eq!(json["unverified"][0]["model"], "quant");
    room.write("modelstrap.toml", "");
    assert_eq!(told(&[], 0), "The manifest names no models: there is nothing to verify.\n");
}

#[test]
fn an_edit_that_keeps_the_length_is_found_by_verify_alone_and_mended_by_fix_alone() {
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"hf:org/tiny\"\nurl = \"url:https://files.example.org/weights.bin\"\n");
    room.run(&["models", "download"]).expect(0);
    for (model, file) in [("tiny", "config.json"), ("url", "weights.bin")] {
        let path = room.run(&["models", "path", model, file]).expect(0).out;
        let path = fs::canonicalize(path.trim_end().replace('@', room.path().to_str().unwrap())).unwrap();
        let good = fs::read(&path).unwrap();
        let mut bytes = good.clone();
        bytes[3] ^= 1;
        fs::write(&path, &bytes).unwrap();
        zoo.hub.forget();
        room.run(&["models", "download"]).expect(0).says(&["Nothing to fetch: 2 models here"]);
        room.run(&["setup", "--yes"]).expect(0).says(&["Nothing to fetch: 2 models here"]);
        room.run(&["setup", "--check"]).expect(0);
        assert!(!room.run(&["models", "list"]).expect(0).out.contains("changed"));
        let found = room.run(&["models", "verify"]).expect(3).out;
        assert!(found.starts_with(&format!("{model} {file}: damaged\n")), "{found}");
        assert_eq!(
            (fs::read(&path).unwrap(), zoo.hub.requests().len()),
            (bytes, 0),
            "looking changes nothing and asks nobody"
        );

        room.run(&["models", "verify", "--fix"]).expect(0).says(&["Downloading 1 model: 1 file"]);
        assert_eq!(fs::read(&path).unwrap(), good);
        let asked: Vec<String> = zoo.hub.requests_to("GET", "*").iter().map(|seen| seen.path.clone()).collect();
        assert!(!asked.is_empty() && asked.iter().all(|path| path.ends_with(file)), "{asked:?}");
        room.run(&["models", "verify"]).expect(0);
    }
}

#[test]
fn many_missing_files_of_a_model_are_one_line() {
    let zoo = Zoo::start();
    zoo.hub.model("org/many").files(30, |n| (format!("part-{n:02}.txt"), format!("{n}"))).commit();
    let room = zoo.project("many = \"hf:org/many\"\ntiny = \"hf:org/tiny\"\n");
    room.run(&["models", "lock"]).expect(0);
    let offline = room.run(&["--offline", "models", "download", "many"]).expect(1);
    let told = "\
error: many is not here: 30 files missing, and the network is switched off
  part-00.txt
  part-01.txt
  part-02.txt
  and 27 files more, which `modelstrap models verify --json` names
";
    assert_eq!(zoo.told(&offline), told);
    room.run(&["models", "download", "many"]).expect(0);
    let folder = room.run(&["models", "path", "many"]).expect(0).out;
    let folder = std::path::PathBuf::from(folder.trim_end().replace('@', room.path().to_str().unwrap()));
    fs::write(fs::canonicalize(folder.join("part-00.txt")).unwrap(), "long").unwrap();
    for n in 10..30 {
        fs::remove_file(folder.join(format!("part-{n}.txt"))).unwrap();
    }
    let ran = room.run(&["models", "verify"]).expect(3);
    let found = "\
many part-00.txt: 4 bytes long instead of 1
many: 20 of 30 files missing: part-10.txt, part-11.txt, part-12.txt, …
tiny README.md: missing
tiny config.json: missing
tiny model.safetensors: missing
";
    assert_eq!(ran.out, found);
    assert!(ran.err.contains("33 files, 24 damaged or missing."), "{}", ran.err);
    let json = room.run(&["models", "verify", "--json"]).expect(3).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 24, "a program gets every one");
}
