//! Tests of the lock: its one text, every edit that is refused, and that writing and reading are inverse.

use super::*;
use crate::fetch::Digest;
use crate::models::locked::{File, Files, FilesHome, HubPlace, Part, Place, RepoType};
use proptest::prelude::*;

fn file(path: &str, size: u64, digest: Digest) -> File {
    File { path: path.to_owned(), size: Some(size), digest: Some(digest), url: None }
}

/// One model of every kind of place.
fn example() -> Lock {
    let hub = Part {
        place: Place::Hub(HubPlace {
            repo_type: RepoType::Model,
            repo: "a/b".to_owned(),
            requested: "main".to_owned(),
            commit: "0a".repeat(20),
            complete: true,
        }),
        files: vec![file("model.bin", 9, Digest::Sha256([2; 32])), file("config.json", 2, Digest::Git([1; 20]))].into(),
    };
    let torch = Part {
        place: Place::TorchHub {
            owner: "snakers4".to_owned(),
            repo: "silero-vad".to_owned(),
            reference: "master".to_owned(),
            commit: "0b".repeat(20),
        },
        files: vec![File {
            path: "hubconf.py".to_owned(),
            size: None,
            digest: None,
            url: Some("https://example.org/hubconf.py".to_owned()),
        }]
        .into(),
    };
    let files = Part { place: Place::Files { home: FilesHome::Whisper }, files: Files::default() };
    let wheel = Part { place: Place::Wheel { environment: Some("nlp".to_owned()) }, files: Files::default() };
    let model = |name: &str, spec: &str, parts| Model { name: name.to_owned(), spec: spec.to_owned(), parts };
    Lock::new(
        Digest::Sha256([3; 32]),
        vec![
            model("z", "spacy:en_core_web_sm", vec![wheel]),
            model("asr@mlx", "hf:a/b", vec![hub, files]),
            model("vad", "torch-hub:snakers4/silero-vad", vec![torch]),
        ],
    )
}

fn problem(text: &str) -> String {
    Lock::parse(text).unwrap_err().to_string()
}

#[test]
fn a_lock_has_one_text() {
    let expected = format!(
        r##"# What every model of this project is, exactly: written by `modelstrap models lock`, to be committed and not edited.
# After a merge conflict: take either side, then run `modelstrap models lock`.

version = 1
manifest = "sha256:{m}"

[[model]]
name = "asr@mlx"
spec = "hf:a/b"

[[model.part]]
place = "hub"
type = "model"
repo = "a/b"
requested = "main"
commit = "{c}"
complete = true
files = [
  {{ path = "config.json", size = 2, digest = "git:{g}" }},
  {{ path = "model.bin", size = 9, digest = "sha256:{s}" }},
]

[[model.part]]
place = "files"
home = "whisper"
files = []

[[model]]
name = "vad"
spec = "torch-hub:snakers4/silero-vad"

[[model.part]]
place = "torch-hub"
owner = "snakers4"
repo = "silero-vad"
reference = "master"
commit = "{t}"
files = [
  {{ path = "hubconf.py", url = "https://example.org/hubconf.py" }},
]

[[model]]
name = "z"
spec = "spacy:en_core_web_sm"

[[model.part]]
place = "wheel"
environment = "nlp"
files = []

# the end of modelstrap.lock
"##,
        m = "03".repeat(32),
        c = "0a".repeat(20),
        g = "01".repeat(20),
        s = "02".repeat(32),
        t = "0b".repeat(20),
    );
    assert_eq!(example().render(), expected);
    assert_eq!(Lock::parse(&expected), Ok(example()));
    assert_eq!(Lock::parse(&expected.replace('\n', "\r\n")), Ok(example()), "Git may give it Windows' line ends");
}

#[test]
fn a_lock_of_a_later_format_says_what_reads_it() {
    let text = "version = 2\nneeds = \"0.4.0\"\nsomething = [1, 2]\n";
    let expected = format!(
        ":1: has version 2, and modelstrap {} reads version 1\n  this lock needs modelstrap 0.4.0 or newer",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(problem(text), expected);
    assert!(problem("version = 7\n").ends_with("this lock needs modelstrap a newer one"));
    assert_eq!(problem("version = 0\n"), ":1: has version 0, which there never was");
    assert_eq!(problem(""), ": has no `version`: it is not a lock, or its head was cut off");
}

#[test]
fn a_lock_cut_anywhere_is_refused() {
    let text = example().render();
    for end in (0..text.len() - 1).filter(|end| text.is_char_boundary(*end)) {
        assert!(Lock::parse(&text[..end]).is_err(), "cut after {end} bytes");
    }
    let end = text.find("\n[[model]]\nname = \"z\"").unwrap();
    assert!(problem(&text[..end]).starts_with(": was cut: its last line is not"), "{}", problem(&text[..end]));
}

#[test]
fn a_conflict_that_git_left_is_named_as_one() {
    let text = example().render().replace("[[model]]\nname = \"z\"", "<<<<<<< HEAD\n[[model]]\nname = \"z\"");
    assert_eq!(problem(&text), ":42: Git left a conflict here\n  take either side, then run `modelstrap models lock`");
}

#[test]
fn an_edit_names_its_line_and_what_is_wrong() {
    let text = example().render();
    let commit = "0a".repeat(20);
    for (from, to, expected) in [
        ("\"config.json\"", "\"../x\"", ":19: ../x: the path leads upwards with `..`"),
        ("\"config.json\"", "\"/etc/passwd\"", ":19: /etc/passwd: the path is absolute"),
        ("\"config.json\"", "\"C:/x\"", ":19: C:/x: the path has a part that names a drive"),
        ("\"config.json\"", "\"a\\\\b\"", ":19: a\\b: the path holds a `\\`, which parts folders on Windows"),
        ("\"config.json\"", "\"a\\u0000b\"", ":19: a\\u{0}b: the path holds a control character"),
        ("\"config.json\"", "\"model.bin\"", ":20: the path model.bin comes twice"),
        ("size = 9", "size = -9", ":20: model.bin: the size is less than nothing"),
        ("size = 9, ", "", ":20: model.bin: needs `size` and `digest`"),
        ("digest = \"git:01", "digest = \"git:0X", ":19: config.json: not a digest: it is written"),
        ("manifest = \"sha256:", "manifest = \"git:", ":5: `manifest` is not a digest"),
        (&commit, "main", ":16: `commit` is `main`: it is not a commit: 40 lower-case hexadecimal digits"),
        ("repo = \"a/b\"", "repo = \"../b\"", ":14: `repo` is `../b`: it holds `--` or `..`"),
        (
            "requested = \"main\"",
            "requested = \"../../x\"",
            ":15: `requested` is `../../x`: it has a revision that leads",
        ),
        ("reference = \"master\"", "reference = \"a/b\"", ":36: `reference` is `a/b`: it holds a `/`"),
        ("spec = \"hf:a/b\"", "spec = \"hf://a/b\"", ":9: the spec is not written as `hf:a/b`"),
        ("spec = \"hf:a/b\"", "spec = \"hg:a/b\"", ":9: hg:a/b: there is no source called `hg`"),
        ("name = \"z\"", "name = \"vad\"", ":43: the model vad comes twice"),
        ("home = \"whisper\"", "home = \"/etc\"", ":25: `home` is `/etc`: it is not the home of a library"),
        (
            "home = \"whisper\"",
            "home = \"whisper\"\nowner = \"x\"",
            ":26: `owner` does not belong to the place `files`",
        ),
        ("home = \"whisper\"\n", "", ":24: a part of the place `files` needs `home`"),
        ("place = \"wheel\"", "place = \"wheels\"", ":47: there is no place called `wheels`"),
        ("https://example.org", "https://u:p@example.org", ":39: hubconf.py: the address holds a user or a password"),
        ("https://example.org", "file://example.org", ":39: hubconf.py: the address does not start with `https://`"),
        ("complete = true", "complete = true\nextra = 1", ":18: unknown field `extra`"),
    ] {
        assert!(text.contains(from), "{from}");
        let shown = problem(&text.replacen(from, to, 1));
        assert!(shown.starts_with(expected), "{from} -> {to}: {shown}");
    }
}

#[test]
fn a_lock_that_is_far_too_large_is_not_read() {
    let line = "  { path = \"";
    let files: String = (0..=MAX_FILES).map(|n| format!("{line}{n}\" }},\n")).collect();
    let text = example()
        .render()
        .replace("home = \"whisper\"\nfiles = []", &format!("home = \"whisper\"\nfiles = [\n{files}]"));
    assert_eq!(problem(&text), ":8: the lock has more than 100000 files");
    let text = "#".repeat(usize::try_from(MAX_SIZE).unwrap() + 1);
    assert_eq!(problem(&text), ": is 67.1 MB, far too large for a lock");
}

#[test]
fn an_agreeing_lock_is_silent_and_a_stale_one_says_what_changed() {
    use crate::models::request::{Request, digest};
    use crate::models::spec::Spec;
    let request = |name: &str, spec: &str| {
        let mut request = Request::of_spec(Spec::parse(spec, &|_| None).unwrap());
        request.name = name.to_owned();
        request.choices[0].name = name.to_owned();
        request
    };
    let mut requests = vec![
        request("asr@mlx", "hf:a/b"),
        request("vad", "torch-hub:snakers4/silero-vad"),
        request("z", "spacy:en_core_web_sm"),
    ];
    let mut lock = example();
    assert_eq!(lock.disagreements(&requests), [Disagreement::Details]);
    lock.manifest = digest(&requests);
    assert_eq!(lock.disagreements(&requests), []);
    requests[0] = request("asr@mlx", "hf:a/c");
    requests[2] = request("y", "hf:c/d");
    let said: Vec<_> = lock.disagreements(&requests).iter().map(ToString::to_string).collect();
    let expected = [
        "asr@mlx: locked as hf:a/b, wanted as hf:a/c",
        "y: not locked yet",
        "z: locked, but the manifest does not name it",
    ];
    assert_eq!(said, expected);
}

fn locks() -> impl Strategy<Value = Lock> {
    let hex = || "[0-9a-f]{40}";
    let digest = || prop_oneof![any::<[u8; 32]>().prop_map(Digest::Sha256), any::<[u8; 20]>().prop_map(Digest::Git)];
    let path = || {
        "[^/\\\\:\\p{C}]{1,12}(/[^/\\\\:\\p{C}]{1,12}){0,2}"
            .prop_filter("dots", |path| crate::models::names::file_path(path).is_ok())
    };
    let files = move || {
        proptest::collection::btree_map(path(), (0..=crate::models::locked::LARGEST_FILE, digest()), 0..5).prop_map(
            |files| files.into_iter().map(|(path, (size, digest))| file(&path, size, digest)).collect::<Vec<_>>(),
        )
    };
    let place = move || {
        prop_oneof![
            (any::<bool>(), "[a-z]{1,9}/[a-z]{1,9}", "[a-z]{1,8}", hex(), any::<bool>()).prop_map(
                |(model, repo, requested, commit, complete)| Place::Hub(HubPlace {
                    repo_type: if model { RepoType::Model } else { RepoType::Dataset },
                    repo,
                    requested,
                    commit,
                    complete,
                })
            ),
            Just(Place::Files { home: FilesHome::Files }),
            ("[a-z]{1,9}", "[a-z]{1,9}", "[a-z]{1,9}", hex())
                .prop_map(|(owner, repo, reference, commit)| Place::TorchHub { owner, repo, reference, commit }),
            proptest::option::of("[^\\p{C}]{1,9}").prop_map(|environment| Place::Wheel { environment }),
        ]
    };
    let part = (place(), files()).prop_map(|(place, files)| Part { place, files: files.into() });
    let models = proptest::collection::btree_map("[^\\p{C}]{1,12}", proptest::collection::vec(part, 1..3), 0..4);
    (any::<[u8; 32]>(), models).prop_map(|(manifest, models)| {
        let model = |(name, parts)| Model { name, spec: "hf:a/b".to_owned(), parts };
        Lock::new(Digest::Sha256(manifest), models.into_iter().map(model).collect())
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_as_the_same(lock in locks()) {
        prop_assert_eq!(Lock::parse(&lock.render()), Ok(lock));
    }

    #[test]
    fn the_order_of_the_models_does_not_show(lock in locks()) {
        let mut turned = lock.clone();
        turned.models.reverse();
        prop_assert_eq!(turned.render(), lock.render());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(version = 1\n)?[\\[\\]a-z_=\".\n{}#0-9é ]{0,60}") {
        let _ = Lock::parse(&text).map_err(|problem| problem.to_string());
    }

    #[test]
    fn no_edit_of_a_lock_makes_it_panic(at in 0usize..900, cut in 0usize..9, put in "[\\[\\]a-z_=\".\n{}#0-9é ]{0,4}") {
        let mut text = example().render();
        let start = text.floor_char_boundary(at.min(text.len()));
        let end = text.floor_char_boundary((start + cut).min(text.len()));
        text.replace_range(start..end, &put);
        if let Ok(lock) = Lock::parse(&text) {
            prop_assert_eq!(Lock::parse(&lock.render()), Ok(lock));
        }
    }
}
