//! The decisions over a stock that is made up: times, links and locks that no test could put on a disk.

mod downloads;
mod links;
mod making;
mod properties;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::clear::{self, Terms, Wanted};
use super::picks::Pick;
use super::prune::{self, Goal, Room, Rules};
use super::stock::{Application, Entry, EntryKind, Payload, Stock, ThingKind, entry};
use super::words::{self, Meaning, Named, Problem};
use super::{Needs, Role, Selection, UseLog, Victim};
use making::{Making, hub, needing, payload, thing};

const NOW: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
const HUB: &str = "/c/huggingface/hub";

fn commit(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn rules() -> Rules {
    Rules { now: NOW, grace: 3600, pinned: 7 * DAY, ..Rules::default() }
}

fn pruned<'a>(stock: &'a Stock, needs: &Needs, rules: &Rules) -> Selection<'a> {
    prune::select(stock, needs, &UseLog::new(), &[], rules)
}

/// Name, what it frees, why.
fn lines(selection: &Selection<'_>) -> Vec<(&'static str, u64, &'static str)> {
    selection.lines.iter().map(|line| (text(&line.name), line.frees, text(&line.why))).collect()
}

fn kept(selection: &Selection<'_>) -> Vec<(&'static str, &'static str)> {
    selection.kept.iter().map(|kept| (text(&kept.name), text(&kept.why))).collect()
}

fn text(of: &str) -> &'static str {
    of.to_owned().leak()
}

/// What goes for the line at `at`.
fn victims(selection: &Selection<'_>, at: usize) -> Vec<Victim> {
    selection.lines.iter().nth(at).unwrap().victims.iter().collect()
}

#[test]
fn what_a_branch_has_left_behind_goes_with_the_blobs_that_it_alone_has() {
    let made = Making::of("org/a", 100).blob("both", 800, 300).blob("old", 400, 2).blob("new", 600, 1);
    let made = made.revision('1', &["both", "old"], 300).revision('2', &["both", "new"], 30).reference("main", '2', 30);
    let stock = hub(vec![made.done()]);
    let found = pruned(&stock, &Needs::default(), &rules());
    // It was used two days ago; but the branch has a later one, so nothing says that its commit is named.
    assert_eq!(lines(&found), [("org/a@111111111111", 400, "no ref and no lock names it")]);
    let roles: Vec<Role> = victims(&found, 0).iter().map(|victim| victim.role).collect();
    assert_eq!(roles, [Role::Snapshot, Role::Blob]);
    assert_eq!(lines(&pruned(&stock, &needing('1', false), &rules())), []);
}

#[test]
fn a_revision_that_only_its_commit_names_stays_while_it_is_used() {
    let stock = |days| hub(vec![Making::of("org/a", 100).blob("x", 400, days).revision('1', &["x"], 300).done()]);
    let (two, eight) = (stock(2), stock(8));
    let found = pruned(&two, &Needs::default(), &rules());
    let why = "no ref names it, but it was used 2 d ago (mtime): a program may name its commit";
    assert_eq!((lines(&found), kept(&found)), (vec![], vec![("org/a@111111111111", why)]));
    let found = pruned(&eight, &Needs::default(), &rules());
    assert_eq!(lines(&found), [("org/a@111111111111", 400, "no ref and no lock names it")]);
    let going = victims(&found, 0);
    let victims: Vec<_> = going.iter().map(|one| (one.path.to_str().unwrap(), one.role)).collect();
    assert_eq!(
        victims,
        [("/c/huggingface/hub/models--org--a", Role::Tree)],
        "its folder goes, since nothing else is in it"
    );
}

#[test]
fn what_a_project_holds_stays_until_its_lock_is_known_not_to_name_it() {
    let made = Making::of("org/a", 100).blob("x", 400, 90).revision('1', &["x"], 90);
    let stock = hub(vec![made.reference("refs/modelstrap/0badcafe-12345678", '1', 90).done()]);
    assert_eq!(lines(&pruned(&stock, &Needs::default(), &rules())), []);
    let old = Rules { older_than: Some(DAY), ..rules() };
    let found = pruned(&stock, &Needs::default(), &old);
    assert_eq!(kept(&found), [("org/a@111111111111", "a project whose lock is not known holds it")]);
    let mut needs = needing('2', false);
    needs.settle("0badcafe");
    assert_eq!(lines(&pruned(&stock, &needs, &rules())), [("org/a@111111111111", 400, "no ref and no lock names it")]);
}

#[test]
fn what_is_young_open_or_not_to_be_read_stays() {
    let stock = |days: i64, problem: bool| {
        let made =
            Making::of("org/a", 100).blob("x", 400, 90).blob("lost", 50, days).unfinished("y.incomplete", 70, days);
        let mut holding = made.revision('1', &["x"], 90).reference("main", '1', 90).reference("gone", '9', days).done();
        if problem {
            holding.repository.problems.push((PathBuf::from("/c/shut"), std::io::Error::other("denied")));
        }
        hub(vec![holding])
    };
    let (open, shut) = (stock(1, false), stock(1, true));
    let found = pruned(&open, &Needs::default(), &rules());
    let expected = [
        ("org/a", 70, "unfinished download that nobody writes"),
        ("org/a", 50, "no revision has it"),
        ("org/a refs/gone", 0, "names a commit that is not there"),
    ];
    assert_eq!(lines(&found), expected);
    assert_eq!(lines(&pruned(&stock(0, false), &Needs::default(), &rules())), []);
    let found = pruned(&shut, &Needs::default(), &rules());
    assert_eq!((lines(&found), kept(&found)), (vec![], vec![("org/a", "/c/shut could not be read: denied")]));
    let mut needs = Needs::default();
    let all = stock(1, false);
    needs.add_open(all.hubs[0].repositories[0].entries.iter().map(|entry| entry.stamp.id));
    assert_eq!(lines(&pruned(&all, &needs, &rules())), [], "a download writes its reference first");
}

#[test]
fn age_takes_what_no_lock_names_and_says_what_stays() {
    let made = |name: &str, inode, days| {
        Making::of(name, inode).blob("x", 400, days).revision('1', &["x"], days).reference("main", '1', days).done()
    };
    let mut stock = hub(vec![made("org/a", 100, 90), made("org/b", 200, 90), made("org/c", 300, 3)]);
    stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 90), thing("/c/whisper/tiny.pt", 2, 70, 90)].into();
    let old = Rules { older_than: Some(30 * DAY), ..rules() };
    let found = pruned(&stock, &needing('1', false), &old);
    assert_eq!(lines(&found), [("org/b@111111111111", 400, "not used for 90 d"), ("tiny.pt", 70, "not used for 90 d")]);
    let expected = [
        ("org/a@111111111111", "the lock of /home/ada/p (asr) names it"),
        ("base.pt", "the lock of /home/ada/p (base) names it"),
    ];
    assert_eq!(kept(&found), expected);
    let keep = words::meaning("org/b", None, &stock, &[]).unwrap();
    let Meaning::Picks(keep) = keep else { panic!("{keep:?}") };
    let keep: Vec<Pick> = keep.iter().collect();
    let found = prune::select(&stock, &needing('1', false), &UseLog::new(), &keep, &old);
    assert_eq!(lines(&found), [("tiny.pt", 70, "not used for 90 d")]);
    let log: UseLog = [("/c/whisper/tiny.pt".into(), NOW - DAY)].into_iter().collect();
    assert_eq!(lines(&prune::select(&stock, &needing('1', false), &log, &keep, &old)), []);
}

#[test]
fn a_goal_takes_the_least_recently_used_first_and_stops_when_it_is_reached() {
    let mut stock = Stock::default();
    for (inode, (name, days)) in [("a", 50), ("b", 90), ("c", 70), ("base.pt", 300)].into_iter().enumerate() {
        stock.things.push(thing(&format!("/c/whisper/{name}"), inode as u64 + 1, 100, days));
    }
    let goal = |bytes| Goal { name: "--max-size".into(), bytes, room: Room::Homes };
    let select = |bytes| pruned(&stock, &needing('1', false), &Rules { goals: vec![goal(bytes)], ..rules() });
    assert_eq!(lines(&select(100)), [("b", 100, "for --max-size")]);
    let found = select(101);
    assert_eq!(lines(&found).iter().map(|line| line.0).collect::<String>(), "bc");
    assert_eq!((found.short.len(), found.kept.len()), (0, 0));
    let found = select(500);
    assert_eq!(found.lines.iter().count(), 3, "what a lock needs is never taken");
    assert_eq!(found.short, ["--max-size cannot be reached: 200 B more would have to go"]);
    assert_eq!(kept(&found), [("base.pt", "the lock of /home/ada/p (base) names it")]);
    let elsewhere = Goal { room: Room::Disk(Some(99)), ..goal(1) };
    let found = pruned(&stock, &Needs::default(), &Rules { goals: vec![elsewhere], ..rules() });
    assert_eq!(found.short.len(), 1, "what lies on another disk frees nothing on this one");
}

#[test]
fn a_goal_counts_what_leavings_free_and_shared_bytes_once() {
    let made =
        Making::of("org/a", 100).blob("both", 800, 50).blob("one", 10, 90).blob("two", 10, 80).blob("orphan", 100, 90);
    let made = made.revision('1', &["both", "one"], 90).reference("v1", '1', 90);
    let stock = hub(vec![made.revision('2', &["both", "two"], 80).reference("main", '2', 80).done()]);
    let select = |bytes| {
        let goal = Goal { name: "goal".into(), bytes, room: Room::Homes };
        pruned(&stock, &Needs::default(), &Rules { goals: vec![goal], ..rules() })
    };
    assert_eq!(select(100).frees(), 100, "the orphan is enough");
    assert_eq!(select(101).frees(), 110);
    // Only with both revisions the blob goes that both have; the whole repository then, and each part of it says why.
    let found = select(111);
    let expected = [
        ("org/a", 100, "no revision has it"),
        ("org/a@111111111111", 10, "for goal"),
        ("org/a@222222222222", 810, "for goal"),
    ];
    assert_eq!(lines(&found), expected);
    let victims: Vec<Role> = found.into_victims().iter().map(|victim| victim.role).collect();
    assert_eq!(victims, [Role::Tree]);
}

#[test]
fn a_goal_counts_what_goes_with_the_last_revision() {
    let made =
        Making::of("org/a", 100).blob("x", 400, 90).noted(30).revision('1', &["x"], 90).reference("main", '1', 90);
    let stock = hub(vec![made.done()]);
    let goal = Goal { name: "goal".into(), bytes: 430, room: Room::Homes };
    let found = pruned(&stock, &Needs::default(), &Rules { goals: vec![goal], ..rules() });
    assert_eq!((found.frees(), found.short), (430, vec![]));
}

#[test]
fn ci_keeps_exactly_what_the_lock_names() {
    let made = Making::of("org/a", 100).blob("x", 400, 0).blob("y", 300, 0).blob("z", 20, 0);
    let made = made.revision('1', &["x"], 0).revision('2', &["y"], 0).reference("main", '2', 0);
    let other =
        Making::of("org/b", 200).blob("x", 50, 0).revision('1', &["x"], 0).reference("refs/modelstrap/0-1", '1', 0);
    let mut stock = hub(vec![made.done(), other.done()]);
    stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 0), thing("/c/huggingface/xet", 2, 70, 0)].into();
    let mut locks = thing(&format!("{HUB}/.locks"), 3, 0, 0);
    locks.lot.kind = ThingKind::Locks;
    stock.things.push(locks);
    let ci = Rules { now: NOW + 1, ci: true, ..Rules::default() };
    let found = pruned(&stock, &needing('1', true), &ci);
    let mut names: Vec<&str> = lines(&found).iter().map(|line| line.0).collect();
    names.sort_unstable();
    assert_eq!(names, [".locks", "org/a", "org/a@222222222222", "org/b@111111111111", "xet"]);
    assert_eq!(found.frees(), 20 + 300 + 50 + 70);
    assert_eq!(kept(&found), []);
}

#[test]
fn a_payload_goes_with_its_last_user_and_only_where_its_list_can_be_read() {
    let (one, two) = (payload("aa11", 1, 5000), Payload { listed: false, ..payload("bb22", 2, 7000) });
    let loose = Payload { used: false, ..payload("cc33", 3, 900) };
    let user = |name: &str, inode| {
        let made = Making::of(name, inode).shared("e1", &one).shared("e2", &two);
        made.revision('1', &["e1", "e2"], 90).done()
    };
    let mut stock = hub(vec![user("org/a", 100), user("org/b", 200)]);
    stock.hubs[0].payloads = vec![one.clone(), two.clone(), loose].into();
    let terms = Terms { now: NOW, busy: 60, force: false };
    let clear = |word: &str, needs: &Needs| {
        let meaning = words::meaning(word, None, &stock, &[]).unwrap();
        clear::select(&stock, needs, &UseLog::new(), &[Wanted::Named(word.into(), meaning)], terms)
    };
    assert_eq!(clear("org/a", &Needs::default()).unwrap().frees(), 0, "the other repository has it still");
    let both: Vec<Wanted> = ["org/a", "org/b"]
        .map(|word| Wanted::Named(word.into(), words::meaning(word, None, &stock, &[]).unwrap()))
        .into();
    let found = clear::select(&stock, &Needs::default(), &UseLog::new(), &both, terms).unwrap();
    assert_eq!(lines(&found), [("org/a", 0, "you named it"), ("org/b", 5000, "you named it")]);
    let last = victims(&found, 1).pop().unwrap();
    assert_eq!((last.role, &last.path), (Role::Payload, &one.entry.path));
    let found = pruned(&stock, &Needs::default(), &Rules { pinned: 365 * DAY, ..rules() });
    assert_eq!(
        lines(&found),
        [
            ("shared store", 900, "no repository uses it"),
            ("org/a@111111111111", 0, "no ref and no lock names it"),
            ("org/b@111111111111", 5000, "no ref and no lock names it")
        ]
    );
    let refused = clear("org/a", &needing('1', false)).unwrap_err();
    assert_eq!((refused[0].name.as_str(), refused[0].holders[0].text()), ("org/a", "/home/ada/p (asr)".to_owned()));
    assert_eq!(clear("org/a", &needing('1', true)).unwrap().lines.iter().count(), 1, "one's own model may be cleared");
}

#[test]
fn without_a_grace_what_changed_this_very_second_goes_with_its_folder() {
    let made = Making::of("org/a", 100).blob("x", 400, 0).blob("lost", 50, 0).unfinished("y.incomplete", 70, 0);
    let stock = hub(vec![made.revision('1', &["x"], 0).reference("main", '1', 0).done()]);
    let all = Rules { now: NOW, older_than: Some(0), ..Rules::default() };
    let victims = pruned(&stock, &Needs::default(), &all).into_victims();
    assert_eq!(victims.iter().map(|victim| victim.role).collect::<Vec<_>>(), [Role::Tree]);
}

#[test]
fn the_last_revision_keeps_its_name_and_what_goes_with_it_says_so() {
    let made = Making::of("org/a", 100).blob("x", 400, 9).blob("lost", 50, 9).unfinished("y.incomplete", 70, 9);
    let stock = hub(vec![made.noted(30).revision('1', &["x"], 9).reference("main", '1', 9).done()]);
    let clear = |words: &[&str]| {
        let meaning = |word: &&str| words::meaning(word, None, &stock, &[]).unwrap();
        let wanted: Vec<Wanted> = words.iter().map(|word| Wanted::Named((*word).into(), meaning(word))).collect();
        let terms = Terms { now: NOW, busy: 60, force: false };
        clear::select(&stock, &Needs::default(), &UseLog::new(), &wanted, terms).unwrap()
    };
    let found = clear(&["org/a@main"]);
    let expected = [
        ("org/a@111111111111", 430, "you named it"),
        ("org/a", 70, "goes with the last revision"),
        ("org/a", 50, "goes with the last revision"),
    ];
    assert_eq!(lines(&found), expected);
    assert_eq!(
        found.lines.iter().map(|line| (line.kind, line.count)).collect::<Vec<_>>(),
        [("revision", 3), ("unfinished", 1), ("blobs", 1)]
    );
    assert_eq!(found.into_victims().len(), 1, "its folder, with all that is in it");
    assert_eq!(lines(&clear(&["org/a@main", "org/a"])), [("org/a", 550, "you named it")]);
}

#[test]
fn clearing_all_models_leaves_those_that_other_projects_need() {
    let made = Making::of("org/a", 100).blob("x", 400, 9).blob("y", 300, 9);
    let made = made.revision('1', &["x"], 9).revision('2', &["y"], 9).reference("main", '2', 9);
    let mut stock = hub(vec![made.done()]);
    stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 9), thing("/c/whisper/tiny.pt", 2, 70, 9)].into();
    let select = |force| {
        let terms = Terms { now: NOW, busy: 60, force };
        clear::select(&stock, &needing('1', false), &UseLog::new(), &[Wanted::Models], terms).unwrap()
    };
    let found = select(false);
    assert_eq!(lines(&found), [("org/a@222222222222", 300, "every model"), ("tiny.pt", 70, "every model")]);
    let why = |model| format!("the lock of /home/ada/p ({model}) names it; `--force` takes it");
    assert_eq!(kept(&found), [("org/a", why("asr").as_str()), ("base.pt", why("base").as_str())]);
    assert_eq!(
        lines(&select(true)),
        [("org/a", 700, "every model"), ("base.pt", 140, "every model"), ("tiny.pt", 70, "every model")]
    );
}

#[test]
fn what_a_project_holds_that_nobody_knows_is_not_cleared_without_force() {
    let made = Making::of("org/a", 100).blob("x", 400, 9).revision('1', &["x"], 9);
    let stock = hub(vec![made.reference("refs/modelstrap/0badcafe-12345678", '1', 9).done()]);
    let select = |needs: &Needs| {
        let meaning = words::meaning("org/a", None, &stock, &[]).unwrap();
        let terms = Terms { now: NOW, busy: 60, force: false };
        clear::select(&stock, needs, &UseLog::new(), &[Wanted::Named("org/a".into(), meaning)], terms)
    };
    let refused = select(&Needs::default()).unwrap_err();
    assert_eq!(refused[0].holders[0].who(), "a project that is not registered here");
    let mut own = Needs::default();
    own.own("0badcafe");
    assert_eq!(select(&own).unwrap().frees(), 400, "the project that asks may");
}

#[test]
fn a_model_of_the_project_is_its_revision_and_its_files() {
    let made = Making::of("org/a", 100).blob("x", 400, 9).blob("y", 300, 9);
    let made = made.revision('1', &["x"], 9).revision('2', &["y"], 9).reference("main", '2', 9);
    let mut stock = hub(vec![made.done()]);
    stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 9)].into();
    let named = [
        Named { name: "asr".into(), revisions: vec![("models--org--a".into(), commit('1'))], ..Named::default() },
        Named {
            name: "base".into(),
            paths: vec!["/c/whisper/base.pt".into()],
            spec: "openai-whisper:base".into(),
            ..Named::default()
        },
        Named { name: "gone".into(), ..Named::default() },
    ];
    let meaning = |word: &str| words::meaning(word, None, &stock, &named);
    let at = super::picks::At { hub: 0, repository: 0 };
    assert_eq!(meaning("asr"), Ok(Meaning::Picks(vec![Pick::Revision(at, 0)].into())));
    assert_eq!(meaning("base"), Ok(Meaning::Picks(vec![Pick::Thing(0)].into())));
    assert_eq!(meaning("openai-whisper:base"), Ok(Meaning::Picks(vec![Pick::Thing(0)].into())));
    assert_eq!(meaning("gone"), Ok(Meaning::NotHere));
    for word in ["org/a@main", "org/a@2222", "hf:org/a@main", "ORG/A@main", "models/org/a@main"] {
        assert_eq!(meaning(word), Ok(Meaning::Picks(vec![Pick::Revision(at, 1)].into())), "{word}");
    }
    assert_eq!(meaning("org/a"), Ok(Meaning::Picks(vec![Pick::Repository(at)].into())));
    assert_eq!(
        meaning("org/a@222"),
        Err(Problem::NoRevision(vec![commit('1'), commit('2')])),
        "too short to be a commit"
    );
    assert_eq!(meaning("gone2"), Err(Problem::Unknown(Some("gone".into()))));
}

#[test]
fn an_application_cache_gives_up_what_is_older_than_it_may_be() {
    let file = |name: &str, inode, days: i64, came: i64| {
        let mut entry = entry(&format!("/p/out/{name}"), inode, 10, NOW - days * DAY, NOW - days * DAY);
        entry.stamp.changed = i128::from(NOW - came) * 1_000_000_000;
        entry
    };
    let cache = Application {
        name: "tmdb".into(),
        path: "/p/out".into(),
        max_age: Some(90 * DAY),
        entries: vec![
            file("a", 1, 91, DAY),
            file("b", 2, 89, DAY),
            file("c", 3, 99, 60),
            file(".gitignore", 4, 99, DAY),
        ]
        .into(),
        tracked: HashSet::from(["/p/out/d".into()]),
        git: Vec::new(),
        shut: HashSet::new(),
        obscure: false,
    };
    let mut stock = Stock { applications: vec![cache], ..Stock::default() };
    stock.applications[0].entries.push(&file("d", 5, 99, DAY));
    let found = pruned(&stock, &Needs::default(), &rules());
    assert_eq!(lines(&found), [("tmdb", 10, "older than its max_age of 90 d")]);
    assert_eq!(victims(&found, 0)[0].path, Path::new("/p/out/a"));
    assert_eq!(kept(&found), [("tmdb", "1 file came here less than 1 h ago")]);
}

#[test]
fn a_folder_with_a_login_in_it_goes_file_by_file() {
    let path = "/c/modelscope/x";
    let mut folder = thing(path, 1, 0, 9);
    folder.lot.kind = ThingKind::Folder;
    let at = NOW - 9 * DAY;
    let inside = [("credentials", 2), ("a/weights.bin", 3)];
    let inside = inside.map(|(name, inode)| entry(&format!("{path}/{name}"), inode, 50, at, at));
    let itself = Entry { kind: EntryKind::Folder, ..entry(path, 1, 0, at, at) };
    folder.entries = std::iter::once(itself).chain(inside).collect::<Vec<_>>().into();
    let stock = Stock { things: vec![folder].into(), ..Stock::default() };
    let terms = Terms { now: NOW, busy: 60, force: false };
    let found = clear::select(&stock, &Needs::default(), &UseLog::new(), &[Wanted::Models], terms).unwrap();
    let going = victims(&found, 0);
    let victims: Vec<_> = going.iter().map(|one| (one.path.to_str().unwrap(), one.role)).collect();
    assert_eq!((victims, found.frees()), (vec![("/c/modelscope/x/a/weights.bin", Role::File)], 50));
}
