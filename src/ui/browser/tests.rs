//! Keys in, whole frames out.

use std::path::PathBuf;

use super::screen::Line;
use super::*;
use crate::cache::Sizes;
use crate::ui::table::Tone;

const NOW: i64 = 100 * 86_400;
const PLAIN: Look = Look { colour: false, unicode: true };
const ASCII: Look = Look { colour: false, unicode: false };

fn node(name: &str, kind: Kind, mega: [u64; 2], days: i64, below: Below) -> Branch {
    let [disk, exclusive] = mega.map(|mega| mega * 1_000_000);
    let node = Node {
        name: name.to_owned(),
        path: PathBuf::from("/cache").join(name),
        kind,
        sizes: Sizes { apparent: disk, disk, exclusive, files: 2 },
        used: Some(NOW - days * 86_400),
        about: String::new(),
        tone: Tone::Plain,
        stays: None,
    };
    Branch { node, below }
}

fn revision(commit: char, about: &str, mega: [u64; 2]) -> Branch {
    let mut branch = node(&commit.to_string().repeat(40), Kind::Revision, mega, 3, Below::Unread);
    branch.node.about = about.to_owned();
    branch
}

/// A hub with a repository of two revisions, a home of files with all kinds of names, a stray.
fn tree() -> Tree {
    let asr = vec![revision('1', "no ref", [12, 4]), revision('2', "main", [24, 16])];
    let hub = vec![
        node("org/asr", Kind::Repository, [28, 28], 3, Below::Here(asr)),
        node("org/small", Kind::Repository, [2, 2], 80, Below::Here(Vec::new())),
    ];
    let mut own = node(".locks", Kind::Folder, [0, 0], 0, Below::Unread);
    own.node.stays = Some("it is not deleted");
    own.node.tone = Tone::Pending;
    let torch = vec![
        node("模型模型模型模型模型模型模型模型模型模型-large.pth", Kind::File, [9, 9], 9, Below::Nothing),
        node("evil\u{1b}[31m\n.pth", Kind::File, [1, 0], 20, Below::Nothing),
        own,
    ];
    let mut stray = node("~/.cache/whisper", Kind::Place, [6, 6], 40, Below::Here(Vec::new()));
    stray.node.tone = Tone::Bad;
    let places = vec![
        node("torch", Kind::Place, [10, 9], 9, Below::Here(torch)),
        node("huggingface", Kind::Place, [30, 30], 3, Below::Here(hub)),
        stray,
    ];
    let mut root = node("caches", Kind::Root, [46, 45], 0, Below::Here(places));
    root.node.stays = Some("all of it");
    Tree::new(root)
}

struct Walk {
    browser: Browser,
    size: (usize, usize),
    wishes: Vec<Wish>,
}

impl Walk {
    fn of(columns: usize, rows: usize) -> Self {
        let mut browser = Browser::new(NOW);
        browser.hear(News::Scanned(tree()));
        Self { browser, size: (columns, rows), wishes: Vec::new() }
    }

    fn press(&mut self, keys: &[Key]) -> &mut Self {
        for key in keys {
            self.browser.fit_into(self.size);
            self.wishes.extend(self.browser.press(*key));
        }
        self
    }

    fn typed(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|letter| {
            self.press(&[Key::Char(letter)]);
        });
        self
    }

    fn frame(&mut self, look: Look) -> Vec<Line> {
        self.browser.fit_into(self.size);
        self.browser.frame(look, self.size)
    }

    #[track_caller]
    fn shows(&mut self, look: Look, expected: &str) -> &mut Self {
        let frame = self.frame(look);
        assert_eq!(frame.len(), self.size.1, "as many lines as the terminal has");
        let wide: Vec<&Line> = frame.iter().filter(|line| line.width() > self.size.0).collect();
        assert!(wide.is_empty(), "wider than the terminal: {wide:?}");
        let text: Vec<String> = frame.iter().map(|line| line.text().trim_end().to_owned()).collect();
        assert_eq!(text.join("\n").trim_end(), expected.trim_end(), "\n{}", text.join("\n"));
        self
    }
}

#[test]
fn places_models_and_revisions_each_have_their_sizes_use_and_share() {
    let mut walk = Walk::of(80, 20);
    walk.shows(
        PLAIN,
        "\
modelstrap                                                       46.0 MB on disk
   Name                                 Size  On disk    Frees   Used Share
❯  huggingface/                      30.0 MB  30.0 MB  30.0 MB    3 d ██████▌
   torch/                            10.0 MB  10.0 MB  9.00 MB    9 d ██▏
   ~/.cache/whisper/                 6.00 MB  6.00 MB  6.00 MB   40 d █▎










── huggingface ─────────────────────────────────────────────────────────────────
/cache/huggingface
2 files

? help  q quit  space mark  d delete  / filter  u undo  r refresh  s sort",
    );
    walk.press(&[Key::Enter, Key::Right]).shows(
        PLAIN,
        "\
modelstrap › huggingface › org/asr                               28.0 MB on disk
   Name                                 Size  On disk    Frees   Used Share
❯  222222222222/ main                24.0 MB  24.0 MB  16.0 MB    3 d ████████▋
   111111111111/ no ref              12.0 MB  12.0 MB  4.00 MB    3 d ████▎











── 2222222222222222222222222222222222222222 ────────────────────────────────────
/cache/2222222222222222222222222222222222222222
2 files, main

? help  q quit  space mark  d delete  Esc up  / filter  u undo  r refresh",
    );
    assert_eq!(walk.wishes, [], "the inventory has it all");
    walk.press(&[Key::Left, Key::Backspace, Key::Char('h')]);
    assert_eq!(walk.browser.levels.len(), 1);
    assert_eq!(walk.browser.notice.as_deref(), Some("this is the top"));
}

#[test]
fn a_small_screen_without_unicode_has_what_matters_and_no_name_drives_it() {
    let mut walk = Walk::of(40, 9);
    walk.press(&[Key::Down, Key::Enter, Key::Down]).shows(
        ASCII,
        "\
modelstrap > torch               10.0 MB
   Name                 On disk    Frees
   \\u{6a21}...arge.pth  9.00 MB  9.00 MB
>  evil\\u{1...1m\\n.pth  1.00 MB      0 B
   .locks/                  0 B      0 B


1.00 MB, 2 files, used 20 d
? help  q quit  space mark  d delete",
    );
    assert!(walk.frame(ASCII).iter().all(|line| line.text().is_ascii()));
    walk.shows(
        PLAIN,
        "\
modelstrap › torch               10.0 MB
   Name                 On disk    Frees
   模型模型…-large.pth  9.00 MB  9.00 MB
❯  evil\\u{1b…31m\\n.pth  1.00 MB      0 B
   .locks/                  0 B      0 B


1.00 MB, 2 files, used 20 d
? help  q quit  space mark  d delete",
    );
}

#[test]
fn a_long_name_keeps_its_ends_in_its_row_and_stands_whole_below() {
    let name = "sentence-transformers/paraphrase-multilingual-mpnet-base-v2";
    let mut browser = Browser::new(NOW);
    let place = node(
        "hub",
        Kind::Place,
        [30, 30],
        3,
        Below::Here(vec![node(name, Kind::Repository, [30, 30], 3, Below::Here(Vec::new()))]),
    );
    browser.hear(News::Scanned(Tree::new(node("caches", Kind::Root, [30, 30], 3, Below::Here(vec![place])))));
    let mut walk = Walk { browser, size: (80, 24), wishes: Vec::new() };
    walk.press(&[Key::Enter]);
    let mut lines = |rows: usize| -> Vec<String> {
        walk.size = (80, rows);
        walk.frame(PLAIN).iter().map(|line| line.text().trim_end().to_owned()).collect()
    };
    let row = "❯  sentence-transf…l-mpnet-base-v2/  30.0 MB  30.0 MB  30.0 MB    3 d ██████████";
    let high = lines(24);
    assert_eq!((high[2].as_str(), high[19].clone()), (row, format!("── {name} {}", "─".repeat(80 - 63))));
    let low = lines(12);
    assert_eq!((low[2].as_str(), low[10].clone()), (row, format!("{name}, 2 files")));
}

#[test]
fn every_size_of_terminal_gets_a_frame_of_that_size() {
    for columns in 1..130 {
        for rows in [1, 2, 3, 5, 7, 12, 24, 60] {
            let mut walk = Walk::of(columns, rows);
            for keys in [&[][..], &[Key::Down, Key::Enter], &[Key::Char(' ')], &[Key::Char('?')]] {
                walk.press(keys);
                for look in [PLAIN, ASCII] {
                    let frame = walk.frame(look);
                    assert!(frame.len() <= rows, "{columns}x{rows} after {keys:?}");
                }
            }
        }
    }
}

#[test]
fn rows_are_ordered_by_size_by_what_they_free_by_name_and_by_use() {
    let mut walk = Walk::of(80, 24);
    walk.press(&[Key::Down, Key::Enter]);
    let names = |walk: &Walk| -> Vec<char> {
        let (tree, level) = (walk.browser.tree.as_ref().unwrap(), walk.browser.levels.last().unwrap());
        level.rows.iter().map(|id| tree.node(*id).name.chars().next().unwrap()).collect()
    };
    assert_eq!(names(&walk), ['模', 'e', '.']);
    walk.press(&[Key::Down, Key::Char('s')]);
    assert_eq!(names(&walk), ['模', '.', 'e']);
    assert_eq!(walk.browser.levels.last().unwrap().cursor, 2, "the cursor stays on what it was on");
    walk.press(&[Key::Char('s')]);
    assert_eq!(names(&walk), ['.', 'e', '模']);
    walk.press(&[Key::Char('s')]);
    assert_eq!(names(&walk), ['e', '模', '.'], "what was not used for longest first");
    assert_eq!(walk.browser.notice.as_deref(), Some("ordered by last use, oldest first"));
}

#[test]
fn a_filter_shows_only_names_with_its_letters() {
    let mut walk = Walk::of(60, 9);
    walk.press(&[Key::Char('/')]).typed("WHI").shows(
        PLAIN,
        "\
modelstrap                                   46.0 MB on disk
   Name                     On disk    Frees   Used Share
❯  ~/.cache/whisper/        6.00 MB  6.00 MB   40 d █




6.00 MB, 2 files
/WHI▏  names here and below",
    );
    walk.press(&[Key::Enter]).typed("q");
    assert_eq!(walk.wishes, [Wish::Leave]);
    walk.press(&[Key::Escape]);
    assert_eq!(walk.browser.levels[0].rows.len(), 3, "Esc shows all before it leaves");
    walk.press(&[Key::Escape]);
    assert_eq!(walk.wishes, [Wish::Leave, Wish::Leave]);
    walk.press(&[Key::Char('/')]).typed("nowhere").press(&[Key::Enter, Key::Enter, Key::Char(' '), Key::Char('d')]);
    assert_eq!(walk.wishes.len(), 2, "nothing is there to open, mark or delete");
}

#[test]
fn escape_steps_back_one_by_one_and_says_where_to() {
    let mut walk = Walk::of(80, 24);
    walk.press(&[Key::Enter, Key::Char('a'), Key::Char('/')]).typed("asr").press(&[Key::Enter]);
    for (word, marked) in [("show all", true), ("unmark all", true), ("up", false), ("quit", false)] {
        let has = walk.browser.marks.count() > 0;
        assert_eq!((walk.browser.back(), has), (word, marked));
        let keys = walk.frame(PLAIN).pop().unwrap().text();
        assert_eq!(keys.contains(&format!("Esc {word}")), word != "quit", "{keys}");
        assert!(!walk.wishes.contains(&Wish::Leave));
        walk.press(&[Key::Escape]);
    }
    assert_eq!(walk.wishes.last(), Some(&Wish::Leave));
}

#[test]
fn a_filter_leads_to_what_lies_deeper_and_marks_no_more_than_it_names() {
    let mut walk = Walk::of(60, 9);
    let names = |walk: &Walk| -> Vec<String> {
        let (tree, level) = (walk.browser.tree.as_ref().unwrap(), walk.browser.levels.last().unwrap());
        level.rows.iter().map(|id| tree.node(*id).name.clone()).collect()
    };
    walk.press(&[Key::Char('/')]).typed("org/s").press(&[Key::Enter]);
    assert_eq!(names(&walk), ["huggingface"]);
    walk.press(&[Key::Char('a')]);
    assert_eq!(walk.browser.notice.as_deref(), Some("nothing here can be marked"));
    assert_eq!(walk.browser.marks.count(), 0, "the place holds more than what was looked for");
    walk.press(&[Key::Enter]);
    assert_eq!(names(&walk), ["org/small"]);
    walk.press(&[Key::Char('a')]);
    assert_eq!(walk.browser.marks.count(), 1);
    walk.press(&[Key::Escape]);
    assert_eq!(names(&walk), ["org/asr", "org/small"]);
    // What is called so itself is opened whole.
    walk.press(&[Key::Left, Key::Escape, Key::Char('/')]).typed("hugging").press(&[Key::Enter, Key::Enter]);
    assert_eq!(names(&walk), ["org/asr", "org/small"]);
}

#[test]
fn marks_are_weighed_together_and_cover_what_is_below() {
    let mut walk = Walk::of(80, 9);
    walk.press(&[Key::Enter, Key::Enter, Key::Char(' '), Key::Char(' ')]);
    let ids = |walk: &Walk, at: usize| match &walk.wishes[at] {
        Wish::Weigh(serial, ids) => (*serial, ids.len()),
        other => panic!("{other:?}"),
    };
    assert_eq!([ids(&walk, 0), ids(&walk, 1)], [(2, 1), (3, 2)]);
    walk.browser.hear(News::Weighed(2, Weight::Frees(16_000_000)));
    assert_eq!(walk.browser.weight, Weight::Weighing, "the marks have changed since");
    walk.browser.hear(News::Weighed(3, Weight::Frees(28_000_000)));
    walk.shows(
        PLAIN,
        "\
modelstrap › huggingface › org/asr                               28.0 MB on disk
   Name                                 Size  On disk    Frees   Used Share
 ● 222222222222/ main                24.0 MB  24.0 MB  16.0 MB    3 d ████████▋
❯● 111111111111/ no ref              12.0 MB  12.0 MB  4.00 MB    3 d ████▎



2 files, no ref
2 marked: deleting them frees 28.0 MB; Esc: unmark all",
    );
    walk.press(&[Key::Left]);
    assert!(walk.frame(PLAIN)[2].text().starts_with("❯◐ org/asr/"), "something below it is marked");
    walk.press(&[Key::Char(' '), Key::Up, Key::Enter]);
    assert_eq!(ids(&walk, 2).1, 1, "the mark above takes the place of those below");
    walk.press(&[Key::Char(' ')]);
    assert_eq!(walk.browser.notice.as_deref(), Some("it goes with org/asr, which is marked"));
    assert!(walk.frame(PLAIN)[2].text().starts_with("❯○ 2222"));
    walk.press(&[Key::Left, Key::Char(' ')]);
    assert_eq!((walk.browser.weight.clone(), walk.browser.marks.count()), (Weight::Nothing, 0));
}

#[test]
fn all_rows_are_marked_at_once_but_those_that_stay() {
    let mut walk = Walk::of(80, 24);
    walk.press(&[Key::Down, Key::Enter, Key::Char('a')]);
    assert_eq!(walk.browser.marks.count(), 2);
    walk.press(&[Key::End, Key::Char(' ')]);
    assert_eq!(walk.browser.notice.as_deref(), Some("it is not deleted"));
    walk.press(&[Key::Char('a')]);
    assert_eq!(walk.browser.marks.count(), 0);
}

#[test]
fn what_is_below_is_read_when_it_is_opened_and_late_answers_to_another_tree_are_no_news() {
    let mut walk = Walk::of(60, 9);
    walk.press(&[Key::Enter, Key::Enter, Key::Enter]);
    let [Wish::Read(id)] = walk.wishes[..] else { panic!("{:?}", walk.wishes) };
    assert!(walk.frame(PLAIN).iter().any(|line| line.text().trim() == "reading"));
    let file = node("model.bin", Kind::File, [24, 16], 3, Below::Nothing);
    walk.browser.hear(News::Read(walk.browser.generation(), id, Ok(vec![file.clone()])));
    walk.press(&[Key::Enter]);
    assert_eq!(walk.browser.notice.as_deref(), Some("there is nothing below it"));
    walk.press(&[Key::Left, Key::Enter]);
    assert_eq!(walk.wishes.len(), 1, "it was read");

    let before = walk.browser.generation();
    walk.press(&[Key::Char('r')]);
    walk.browser.hear(News::Scanned(tree()));
    walk.browser.hear(News::Read(before, id, Ok(vec![file])));
    let way: Vec<_> = walk.browser.levels.iter().map(|level| level.cursor).collect();
    assert_eq!(way, [0, 0, 0], "the way is found again as far as it was read");
    walk.press(&[Key::Enter]);
    let Some(Wish::Read(id)) = walk.wishes.last().cloned() else { panic!("{:?}", walk.wishes) };
    walk.browser.hear(News::Read(walk.browser.generation(), id, Err("Permission denied".to_owned())));
    assert!(walk.frame(PLAIN).iter().any(|line| line.text().trim() == "cannot be read: Permission denied"));
}

#[test]
fn nothing_is_deleted_without_a_y_to_the_plan() {
    let plan = || {
        let lines = (1..=30).map(|line| (format!("victim {line}"), Tone::Plain)).collect();
        News::Planned(Dialog::new("Delete 30 things: frees 1 GB", lines, Question::Remove))
    };
    for no in [Key::Escape, Key::Char('n'), Key::Char('q')] {
        let mut walk = Walk::of(60, 9);
        walk.press(&[Key::Char('d')]);
        assert!(matches!(&walk.wishes[..], [Wish::Plan(ids)] if ids.len() == 1));
        walk.browser.hear(plan());
        walk.press(&[Key::PageDown, Key::Enter, Key::Char('x')]).shows(
            PLAIN,
            "\
modelstrap                                   46.0 MB on disk
┌─ Delete 30 things: frees 1 GB ───────────────────────────┐
│ victim 6                                                 │
│ victim 7                                                 │
│ victim 8                                                 │
│ victim 9                                                 │
│ victim 10                                                │
│ victim 11                                                │
└─ Delete?  y yes  n no ─────────────────────── 6-11 of 30 ┘",
        );
        walk.press(&[no]);
        assert_eq!((walk.wishes.len(), walk.browser.notice.as_deref()), (1, Some("nothing was changed")), "{no:?}");
    }
    let mut walk = Walk::of(60, 9);
    walk.press(&[Key::Char('d'), Key::Escape]);
    walk.browser.hear(plan());
    walk.press(&[Key::Char('y')]);
    assert_eq!(walk.wishes.len(), 1, "a plan that comes too late asks nothing");
    walk.press(&[Key::Char('d')]);
    walk.browser.hear(plan());
    walk.press(&[Key::Char('y'), Key::Char('q'), Key::Escape, Key::Char('y')]);
    assert_eq!(walk.wishes.last(), Some(&Wish::Remove));
    assert!(walk.browser.is_working(), "work is not left by a key");
    walk.press(&[Key::Interrupt]);
    assert_eq!(walk.wishes.last(), Some(&Wish::Stop));
}

#[test]
fn before_anything_was_read_one_can_leave() {
    let mut browser = Browser::new(NOW);
    browser.hear(News::Scanning(1234));
    browser.fit_into((40, 9));
    let text: Vec<String> = browser.frame(PLAIN, (40, 9)).iter().map(|line| line.text().trim().to_owned()).collect();
    assert!(text.contains(&"Reading the caches".to_owned()) && text.contains(&"1234 folders".to_owned()), "{text:?}");
    for key in [Key::Enter, Key::Char(' '), Key::Char('d'), Key::Char('s'), Key::Char('/'), Key::Char('a'), Key::Down] {
        assert_eq!(browser.press(key), None, "{key:?}");
    }
    assert_eq!(browser.press(Key::Interrupt), Some(Wish::Interrupt));
    assert_eq!(browser.press(Key::Char('q')), Some(Wish::Leave));
}
