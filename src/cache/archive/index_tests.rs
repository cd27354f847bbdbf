//! The index as it is written, read again, and refused.

use super::*;

fn name(text: &str) -> Name {
    Name::of(text.as_bytes(), Os::Linux).unwrap()
}

fn entry(text: &str, what: What) -> Entry {
    Entry { name: name(text), mtime: 5, mode: 0o644, what }
}

fn file(size: u64) -> What {
    What::File { size, sum: [7; 32] }
}

fn link(to: &str) -> What {
    What::Link { to: to.as_bytes().into() }
}

fn index(entries: Vec<Entry>) -> Index {
    let bytes = entries.iter().map(|entry| if let What::File { size, .. } = entry.what { size } else { 0 }).sum();
    let head = Head {
        schema: SCHEMA.to_owned(),
        tool: "0.1.0".to_owned(),
        created_at: "2025-11-25T15:20:46Z".to_owned(),
        stores: vec!["huggingface/hub".to_owned()],
        entries: entries.len() as u64,
        bytes,
    };
    let mut members = Members::default();
    entries.iter().for_each(|entry| members.push(entry).unwrap());
    Index { head, members }
}

fn entries(index: &Index) -> Vec<Entry> {
    index.members.iter().collect()
}

fn written(index: &Index) -> Vec<u8> {
    let mut text = Vec::new();
    let _: Result<(), ()> = index.write(|bytes| {
        text.extend_from_slice(bytes);
        Ok(())
    });
    text
}

fn read(bytes: &[u8]) -> Result<Index, String> {
    let mut reader = Reader::new(Os::Linux);
    for piece in bytes.chunks(100) {
        reader.feed(piece)?;
    }
    reader.end()
}

fn sample() -> Index {
    index(vec![
        entry("huggingface/hub/models--a/blobs/x", file(1000)),
        entry("huggingface/hub/models--a/snapshots/c/f", link("../../blobs/x")),
        entry("huggingface/hub/models--b/blobs/x", What::Same { of: 0, with: 2 }),
        entry("torch/empty", What::Folder),
        Entry { name: Name::of(b"torch/\xff%\n", Os::Linux).unwrap(), ..entry("torch/x", file(3)) },
    ])
}

#[test]
fn an_index_comes_back_as_it_was_written() {
    let text = written(&sample());
    assert_eq!(text.len() as u64, sample().size());
    let again = read(&text).unwrap();
    assert_eq!((&again.head, entries(&again)), (&sample().head, entries(&sample())));
    let text = String::from_utf8(text).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            r#"{"schema":"modelstrap.archive/1","tool":"0.1.0","created_at":"2025-11-25T15:20:46Z","stores":["huggingface/hub"],"entries":5,"bytes":1003}"#,
            r#"{"file":"huggingface/hub/models--a/blobs/x","size":1000,"sha256":"0707070707070707070707070707070707070707070707070707070707070707","mtime":5,"mode":420}"#,
            r#"{"link":"huggingface/hub/models--a/snapshots/c/f","to":"../../blobs/x"}"#,
            r#"{"same":"huggingface/hub/models--b/blobs/x","of":0,"with":2,"mtime":5,"mode":420}"#,
        ]
    );
    assert!(lines[5].contains(r"torch/%FF%25\n"), "{}", lines[5]);
}

#[test]
fn a_cut_or_edited_index_is_refused() {
    let text = written(&sample());
    for end in 0..text.len() {
        assert!(read(&text[..end]).is_err(), "cut at {end}");
    }
    let edited = String::from_utf8(text.clone()).unwrap().replace("\"size\":3", "\"size\":4");
    assert_eq!(read(edited.as_bytes()).unwrap_err(), "its digest does not fit: it was damaged");
    assert_eq!(read(&[&text[..], b"{}\n"].concat()).unwrap_err(), "it has lines after its end");
    let newer = String::from_utf8(text).unwrap().replace("archive/1", "archive/2");
    assert!(read(newer.as_bytes()).unwrap_err().contains("this version of modelstrap reads modelstrap.archive/1"));
}

#[test]
fn members_that_do_not_fit_each_other_are_refused() {
    let refused = |entries: Vec<Entry>| read(&written(&index(entries))).unwrap_err();
    let found = [
        vec![entry("a/x", file(1)), entry("a/x", file(1))],
        vec![entry("b/x", file(1)), entry("a/x", file(1))],
        vec![entry("top", file(1))],
        vec![entry("a/x", file(1)), entry("a/x-", file(1)), entry("a/x/y", file(1))],
        vec![entry("a/l", link("x")), entry("a/l/y", file(1)), entry("a/x", file(1))],
        vec![entry("a/l", link("../../etc/passwd"))],
        vec![entry("a/l", link("/etc/passwd"))],
        vec![entry("a/l", link("y")), entry("a/x", file(1))],
        vec![entry("a/x", What::Same { of: 0, with: 0 })],
        vec![entry("a/x", link("y")), entry("a/y", What::Same { of: 0, with: 0 })],
        vec![entry("huggingface/token", file(1))],
        vec![entry("a/.modelstrap/projects/x.json", file(1))],
        vec![entry("huggingface/hub/models--a/refs/main", file(5000))],
        vec![entry("a/x", file(u64::MAX))],
    ]
    .map(refused);
    assert_eq!(
        found,
        [
            "the member a/x comes twice, or out of order",
            "the member a/x comes twice, or out of order",
            "the member top lies in no library's folder",
            "the member a/x/y lies below another member that is no folder",
            "the member a/l/y lies below another member that is no folder",
            "the member a/l is a link to nothing in the archive",
            "the member a/l is a link to nothing in the archive",
            "the member a/l is a link to nothing in the archive",
            "the member a/x is a second name of no content",
            "the member a/y is a second name of no content",
            "the member huggingface/token is a login, which no archive of modelstrap holds",
            "the member a/.modelstrap/projects/x.json is modelstrap's own, which no archive of modelstrap holds",
            "the member huggingface/hub/models--a/refs/main is a reference, and too long for one",
            "it has a line that says nothing that is known",
        ]
    );
}

proptest::proptest! {
    #[test]
    fn no_index_panics(damage in proptest::collection::vec((0_usize..900, proptest::num::u8::ANY), 0..6)) {
        let mut text = written(&sample());
        for (at, byte) in damage {
            let at = at % text.len();
            text[at] = byte;
        }
        let _ = read(&text);
    }
}
