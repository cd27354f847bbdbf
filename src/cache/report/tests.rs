//! The page as a strict reader sees it: whatever names a cache holds, the same tags come out, and no other.

use std::ffi::OsString;

use super::*;
use crate::cache::Sizes;
use crate::cache::inventory::{Found, Heap, Problem, Repository, Revision, Unit, UnitKind};
use crate::cache::notes::projects::{Registration, Standing};
use crate::cache::places::{Kind, Place};

const NOW: i64 = 1_764_084_046;
const DAY: i64 = 86_400;

/// A tag: its name with `/` before one that closes, and the names of its attributes.
type Tag = (String, Vec<String>);

/// What a page is made of.
#[derive(Debug, Default)]
struct Read {
    tags: Vec<Tag>,
    /// The contents of `script` and `style` elements.
    raw: Vec<String>,
    attributes: Vec<(String, String)>,
    text: String,
}

/// Reads a page, and panics where a browser would have to guess.
fn read(page: &str) -> Read {
    const VOID: [&str; 6] = ["meta", "br", "input", "wbr", "rect", "path"];
    let mut found = Read::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    while let Some((text, after)) = rest.split_once('<') {
        found.text.push_str(&plain(text));
        if let Some(after) = after.strip_prefix("!--") {
            rest = after.split_once("-->").unwrap().1;
            continue;
        }
        let closes = after.starts_with('/');
        let (name, mut after) = word(after.strip_prefix('/').unwrap_or(after));
        let mut names = Vec::new();
        let empty = loop {
            after = after.trim_start_matches([' ', '\n']);
            if let Some(next) = after.strip_prefix("/>") {
                after = next;
                break true;
            }
            if let Some(next) = after.strip_prefix('>') {
                after = next;
                break false;
            }
            let (attribute, next) = word(after);
            after = next;
            if let Some(quoted) = next.strip_prefix("=\"") {
                let (value, next) = quoted.split_once('"').unwrap();
                assert!(!value.contains(['<', '>', '\n']), "{attribute}={value}");
                found.attributes.push((attribute.clone(), plain(value)));
                after = next;
            }
            names.push(attribute);
        };
        if closes {
            assert_eq!(open.pop().as_ref(), Some(&name), "</{name}> closes another element");
        } else if !empty && !VOID[..4].contains(&&*name) {
            open.push(name.clone());
        }
        if !closes && (name == "script" || name == "style") {
            let (content, next) = after.split_once(&format!("</{name}")).unwrap();
            assert!(!content.contains("<!--"), "a script that a comment begins in never ends");
            found.raw.push(content.to_owned());
            after = next.strip_prefix('>').unwrap();
            open.pop();
        }
        assert!(names.iter().all(|name| !name.starts_with("on") && name != "style"), "{names:?}");
        // Where a name may be broken depends on the name.
        if name == "wbr" {
            rest = after;
            continue;
        }
        found.tags.push((if closes { format!("/{name}") } else { name }, names));
        rest = after;
    }
    assert_eq!(open, Vec::<String>::new(), "elements that nothing closes");
    found
}

/// A name of a tag or an attribute.
fn word(text: &str) -> (String, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap();
    assert!(end > 0, "no name: {}", &text[..text.len().min(40)]);
    (text[..end].to_owned(), &text[end..])
}

/// Text with its references resolved; only those that are written here are there.
fn plain(text: &str) -> String {
    assert!(!text.contains('>'), "{text}");
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, next) = after.split_once(';').unwrap();
        out.push_str(before);
        out.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "#39" => "'",
            other => panic!("&{other};"),
        });
        rest = next;
    }
    out + rest
}

fn sizes(disk: u64) -> Sizes {
    Sizes { apparent: disk + 7, disk, exclusive: disk, files: 3 }
}

fn unit(name: &str, disk: u64, kind: UnitKind, days: i64) -> Unit {
    let path = PathBuf::from("/p/.cache/x").join(name.trim_start_matches('/'));
    let partial = Heap { files: 1, bytes: disk / 9 };
    let (elsewhere, with) = (0, None);
    Unit {
        name: OsString::from(name),
        path,
        elsewhere,
        with,
        sizes: sizes(disk),
        used: Some(NOW - days * DAY),
        partial,
        kind,
    }
}

/// An inventory in which everything is called `name`.
fn inventory(name: &str) -> Inventory {
    let revision = Revision { commit: name.into(), sizes: sizes(500), ..Revision::default() };
    let repository = Repository {
        kind: "model",
        revisions: vec![revision],
        orphans: Heap { files: 2, bytes: 900 },
        dangling: 1,
        lost: 0,
        foreign: 2,
        broken_refs: vec![name.to_owned()],
        beside: 4096,
    };
    let units = vec![
        unit(&format!("{name}/a"), 900_000, UnitKind::Repository(Box::new(repository)), 200),
        unit(&format!("{name}/b"), 500_000, UnitKind::File, 3),
        unit(name, 100_000, UnitKind::Folder, 800),
        unit(".locks", 4096, UnitKind::Own, 1),
    ];
    let place = |at: &str, kind: Kind, units: Vec<Unit>, disk: u64| Found {
        place: Place { name: name.to_owned(), path: at.into(), real: at.into(), kind },
        exists: true,
        sizes: sizes(disk),
        expired: sizes(77),
        units,
    };
    let stray = format!("/p/{}", name.trim_start_matches('/'));
    Inventory {
        places: vec![
            place("/p/.cache/x", Kind::Home, units, 1_504_096),
            place("/p/out", Kind::Application { max_age: Some(90 * DAY) }, Vec::new(), 700_000),
            place(&stray, Kind::Stray { whose: name.to_owned() }, Vec::new(), 300_000),
        ],
        total: sizes(2_504_096),
        homes: sizes(1_504_096),
        trash: Sizes::default(),
        unmarked: Vec::new(),
        twins: Vec::new(),
        problems: vec![Problem { path: stray.into(), why: name.to_owned() }],
        more_problems: 3,
    }
}

/// The page of a cache in which everything is called `name`.
fn page(name: &str) -> String {
    let inventory = inventory(name);
    let leaf = |disk| Leaf { name: name.to_owned(), disk, id: None };
    let mut contents = Contents::default();
    contents.files.insert(inventory.places[0].units[0].path.clone(), vec![leaf(600_000), leaf(300_000)]);
    contents.duplicates.push(Duplicate { paths: vec![name.into(), format!("{name}2").into()], bytes: 5 });
    let registration = Registration {
        project: name.into(),
        host: name.to_owned(),
        user: name.to_owned(),
        lock: None,
        seen: NOW - 5 * DAY,
    };
    let known = [Known { registration, standing: Standing::Here, lock: None, problem: Some(name.to_owned()) }];
    let moment = |days: i64, disk| Moment {
        time: NOW - days * DAY,
        apparent: disk,
        disk,
        homes: std::collections::BTreeMap::new(),
    };
    let claims = [Claim {
        what: "Unfinished downloads".to_owned(),
        count: 2,
        bytes: 14_000_000,
        bound: "about ",
        command: "modelstrap prune".to_owned(),
        note: "not `before` the end".to_owned(),
    }];
    render(&Subject {
        project: name,
        root: Path::new("/p"),
        home: Some(Path::new("/home/ada")),
        cache_root: Path::new("/p/.cache"),
        inventory: &inventory,
        contents: &contents,
        claims: &claims,
        refused: Some(name),
        no_project: false,
        known: &known,
        needs: &Needs::default(),
        uses: &HashMap::from([(PathBuf::from("x").join(name.trim_start_matches('/')), NOW)]),
        history: &[moment(30, 1_000_000), moment(10, 1_400_000)],
        budget: Some(1_500_000),
        free: Some(9_000_000_000),
        now: NOW,
    })
}

#[test]
fn the_page_is_whole_and_allows_nothing_but_itself() {
    let page = page("plain");
    assert!(page.starts_with(MARK) && page.ends_with("</html>\n") && !page.contains("@@"));
    let found = read(&page);
    assert_eq!(found.raw.len(), 3);
    let policy = &found.attributes.iter().find(|(name, value)| name == "content" && value.contains("src")).unwrap().1;
    let [style, data, script] = &found.raw[..] else { panic!() };
    let expected = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        html::allowed(style),
        html::allowed(script)
    );
    assert_eq!(*policy, expected);
    for (name, value) in &found.attributes {
        assert!(!["src", "srcset", "action", "data"].contains(&name.as_str()), "{name}={value}");
        assert!(name != "href" || value.starts_with('#'), "{value}");
    }
    for far in ["http:", "https:", "//cdn", "@import", "url("] {
        assert!(!page.contains(far), "{far}");
    }
    let tree: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(tree[0], "everything");
    assert_eq!(tree[1], 1_504_096 + 700_000 + 300_000);
    assert_eq!(tree[3][0][3][0][3][0], serde_json::json!(["plain", 600_000, 3]));
}

#[test]
fn every_number_of_the_pictures_is_in_a_table_with_the_command_that_helps() {
    let found = read(&page("plain"));
    for words in [
        "takes nothing here: plain",
        "Unfinished downloads",
        "about 14.0 MB",
        "modelstrap dedupe",
        "up to 5 B",
        "modelstrap prune --older-than 90d",
        "plain/ain plain · ",
        "1 unfinished download, 2 orphan blobs, 1 dangling link, 2 foreign links, 1 broken ref",
        "application cache, 90 d",
        "outside: plain",
        "and 3 more",
        "2025-10-26 15:20",
        "+400 kB",
        "4.10 kB too much",
    ] {
        assert!(found.text.contains(words), "no {words:?} in\n{}", found.text);
    }
    let headings = found.tags.iter().filter(|(name, _)| name == "h2").count();
    let captions = found.tags.iter().filter(|(name, _)| name == "caption").count();
    let tables = found.tags.iter().filter(|(name, _)| name == "table").count();
    assert_eq!((headings, captions, tables), (10, tables, 9));
}

#[test]
fn the_same_cache_gives_the_same_bytes_and_an_empty_one_a_page_as_well() {
    assert_eq!(page("a"), page("a"));
    let inventory = Inventory::default();
    let empty = render(&Subject {
        project: "p",
        root: Path::new("/p"),
        home: None,
        cache_root: Path::new("/p/.cache"),
        inventory: &inventory,
        contents: &Contents::default(),
        claims: &[],
        refused: None,
        no_project: false,
        known: &[],
        needs: &Needs::default(),
        uses: &HashMap::new(),
        history: &[],
        budget: None,
        free: None,
        now: NOW,
    });
    let found = read(&empty);
    assert!(found.tags.iter().all(|(name, _)| name != "svg") && found.text.contains("Nothing is here yet."));
    assert!(found.text.contains("Nothing is cached yet.") && found.text.contains("The history begins now"));
}

#[test]
fn sizes_and_times_beyond_all_reason_break_nothing() {
    let mut inventory = inventory("plain");
    inventory.homes = sizes(u64::MAX - 7);
    inventory.total = sizes(u64::MAX - 7);
    for found in &mut inventory.places {
        found.sizes = sizes(u64::MAX - 7);
        for unit in &mut found.units {
            (unit.sizes, unit.used) = (sizes(u64::MAX - 7), Some(i64::MAX));
            unit.partial = Heap { files: u64::MAX, bytes: u64::MAX };
        }
    }
    let moment = |time, disk| Moment { time, apparent: disk, disk, homes: std::collections::BTreeMap::new() };
    let history = [moment(i64::MIN, 0), moment(0, u64::MAX), moment(NOW - 1, 0)];
    for (budget, now) in [(Some(0), NOW), (Some(u64::MAX), 0), (Some(u64::MAX), i64::MAX), (None, i64::MIN)] {
        let page = render(&Subject {
            project: "p",
            root: Path::new("/p"),
            home: None,
            cache_root: Path::new("/p/.cache"),
            inventory: &inventory,
            contents: &Contents::default(),
            claims: &[],
            refused: None,
            no_project: false,
            known: &[],
            needs: &Needs::default(),
            uses: &HashMap::new(),
            history: &history,
            budget,
            free: Some(u64::MAX),
            now,
        });
        assert!(!page.contains("NaN") && !page.contains("inf"), "{budget:?} {now}");
        read(&page);
    }
}

#[test]
fn ten_thousand_models_are_a_page_of_less_than_three_megabytes() {
    let mut inventory = inventory("plain");
    let units = (0..10_000_u32).map(|n| {
        unit(
            &format!("an-organisation-{}/a-model-with-a-long-name-{n:05}", n % 40),
            u64::from(n) * 4096,
            UnitKind::Folder,
            9,
        )
    });
    inventory.places[0].units = units.collect();
    let mut contents = Contents::default();
    for unit in &inventory.places[0].units[9600..] {
        let leaf =
            |n: u64| Leaf { name: format!("model-{n:05}-of-00024.safetensors"), disk: unit.sizes.disk / 24, id: None };
        contents.files.insert(unit.path.clone(), (0..24).map(leaf).collect());
    }
    let history: Vec<Moment> = (0..1000)
        .map(|n| Moment {
            time: NOW - 5000 * 3600 + n * 3600,
            apparent: 1,
            disk: 1_000_000,
            homes: std::collections::BTreeMap::new(),
        })
        .collect();
    let page = render(&Subject {
        project: "p",
        root: Path::new("/p"),
        home: None,
        cache_root: Path::new("/p/.cache"),
        inventory: &inventory,
        contents: &contents,
        claims: &[],
        refused: None,
        no_project: false,
        known: &[],
        needs: &Needs::default(),
        uses: &HashMap::new(),
        history: &history,
        budget: None,
        free: None,
        now: NOW,
    });
    let found = read(&page);
    assert!(found.text.contains("9000 more, all smaller") && found.raw[1].contains("9000 smaller ones"));
    assert!(page.len() < 2_000_000, "{}", page.len());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(128))]
    #[test]
    fn no_name_changes_the_page(
        name in "([a-z<>&\"'/\\\\`=\\-!@{}\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{202e}\u{200f}\u{feff}é模\u{1f600}]|</script>|<!--|-->|]]>|&lt;|@@DATA@@|\\}\\})\
                {1,40}",
        any: String,
    ) {
        let tags = read(&page("plain")).tags;
        for name in [name, format!("x{any}")] {
            let found = read(&page(&name));
            proptest::prop_assert_eq!(&found.tags, &tags, "{:?}", name);
            let text: String = found.text.chars().chain(found.attributes.iter().flat_map(|(_, value)| value.chars())).chain(found.raw[1].chars()).collect();
            let unseen = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            proptest::prop_assert!(!text.contains(unseen), "{:?}", name);
            let data: serde_json::Value = serde_json::from_str(&found.raw[1]).unwrap();
            proptest::prop_assert_eq!(data[3].as_array().map(Vec::len), Some(3));
        }
    }
}
