//! Tables for people: what a download brought, which models there are, which weights were left out.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use console::{Style, measure_text_width};

use crate::support::{escape, paths, units};
use crate::ui::fit::{self, Counted, Gives, Measured, Widths};
use crate::ui::text;

/// How well a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not there, or not all of it, and that is no surprise.
    Pending,
    /// Wrong.
    Bad,
    /// Only for information.
    Plain,
}

/// One cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A plain cell; foreign text is escaped.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::toned(text, Tone::Plain)
    }

    /// A cell in the colour of `tone`.
    pub fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: escape::printable(text.as_ref()), tone }
    }

    /// A size in bytes; `?` where nobody knows it.
    pub fn size(bytes: Option<u64>) -> Self {
        Self::new(bytes.map_or_else(|| "?".to_owned(), units::bytes))
    }

    /// A time as people say it.
    pub fn time(time: Duration) -> Self {
        Self::new(match time.as_secs() {
            0 => format!("{} ms", time.as_millis()),
            seconds @ 1..60 => format!("{seconds} s"),
            seconds @ 60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
            seconds => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        })
    }

    /// A folder or file, as near to the project as it can be named.
    pub fn place(project: &Path, home: Option<&Path>, path: &Path) -> Self {
        Self::new(paths::friendly(project, home, path))
    }
}

/// A column's heading, whether its cells stand right, and what it gives up on a narrow terminal.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    heading: &'static str,
    right: bool,
    gives: Gives,
}

impl Column {
    /// Names: the last to be cut.
    pub const fn name(heading: &'static str) -> Self {
        Self { heading, right: false, gives: Gives::Name }
    }

    /// Numbers, which stand right.
    pub const fn number(heading: &'static str) -> Self {
        Self { heading, right: true, gives: Gives::Nothing }
    }

    /// A word or two.
    pub const fn plain(heading: &'static str) -> Self {
        Self { heading, right: false, gives: Gives::Nothing }
    }

    /// Words that may be folded, or stand below their row.
    pub const fn words(heading: &'static str) -> Self {
        Self { heading, right: false, gives: Gives::Words("") }
    }

    /// The same; `before` tells what they are where they stand below their row.
    pub const fn words_below(heading: &'static str, before: &'static str) -> Self {
        Self { heading, right: false, gives: Gives::Words(before) }
    }

    /// The same column, left out where names have no room otherwise: that of the least `rank` first.
    pub const fn yields(self, rank: u8) -> Self {
        Self { gives: Gives::Itself(rank), ..self }
    }
}

/// The columns after a download.
pub const BROUGHT: [Column; 5] = [
    Column::name("Model"),
    Column::number("Size"),
    Column::number("Time").yields(0),
    Column::words("Where"),
    Column::plain(""),
];

/// The columns of `models list`.
pub const LISTED: [Column; 4] =
    [Column::name("Model"), Column::plain("State"), Column::number("Size"), Column::words("Read by")];

/// Writes the rows as lines, as [`render`] does: of many rows none is held. `rows` gives them as often as it is asked.
///
/// # Errors
/// What `out` says.
pub fn write<R: Iterator<Item = Vec<Cell>>>(
    columns: &[Column],
    rows: impl Fn() -> R,
    colour: bool,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let width = width.max(40);
    let mut counted = Counted::new();
    rows().for_each(|row| *counted.entry(measure(columns, &row)).or_default() += 1);
    let given: Vec<(Gives, usize)> =
        columns.iter().map(|column| (column.gives, measure_text_width(column.heading))).collect();
    let table = Table { columns, widths: fit::widths(&given, &counted, width), colour, width };
    let heading: Vec<Cell> = columns.iter().map(|column| Cell::new(column.heading)).collect();
    let mut text = table.line(|at| Some((heading[at].text.clone(), true)), &heading);
    for row in rows() {
        out.write_all(text.as_bytes())?;
        text.clear();
        table.row(&row, &measure(columns, &row), &mut text);
    }
    out.write_all(text.as_bytes())
}

/// The rows as lines, aligned by what they take on the screen, in `width` columns of a terminal. [`fit`](super::fit) says what gives way.
pub fn render(columns: &[Column], rows: &[Vec<Cell>], colour: bool, width: usize) -> String {
    let mut text = Vec::new();
    // Nothing fails where all is kept.
    let _ = write(columns, || rows.iter().cloned(), colour, width, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn measure(columns: &[Column], row: &[Cell]) -> Measured {
    let words = columns.iter().zip(row).find(|(column, _)| matches!(column.gives, Gives::Words(_)));
    Measured {
        widths: row.iter().map(|cell| measure_text_width(&cell.text)).collect(),
        longest: words.map_or(0, |(_, cell)| fit::longest(&cell.text)),
    }
}

/// A table of which it is known how wide its columns are.
struct Table<'a> {
    columns: &'a [Column],
    widths: Widths,
    colour: bool,
    width: usize,
}

impl Table<'_> {
    fn row(&self, row: &[Cell], measured: &Measured, text: &mut String) {
        if let (true, Some(first)) = (measured.is_heading(), row.first()) {
            return self.alone(first, text);
        }
        let wide = |at: usize| measured.widths.get(at).copied().unwrap_or_default();
        let mut above = None;
        let mut beside = (None, Vec::new());
        let mut below = None;
        for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
            match (column.gives, self.widths[at]) {
                (Gives::Name, Some(width)) if wide(at) > width => above = Some(at),
                (Gives::Words(_), Some(width)) if wide(at) <= width => {}
                (Gives::Words(_), Some(width)) if fit::fits(wide(at), measured.longest, width) => {
                    beside = (Some(at), text::fold(&cell.text, width, 0).lines().map(str::to_owned).collect());
                }
                (Gives::Words(before), _) if wide(at) > 0 => below = Some((at, before)),
                _ => {}
            }
        }
        if let Some(at) = above {
            self.alone(&row[at], text);
        }
        for number in 0..beside.1.len().max(1) {
            let shown = |at: usize| match (Some(at) == beside.0, number) {
                (true, number) => beside.1.get(number).cloned().map(|text| (text, false)),
                (false, 0) => {
                    let stands_elsewhere = Some(at) == above || below.is_some_and(|(below, _)| below == at);
                    (!stands_elsewhere).then(|| (row[at].text.clone(), false))
                }
                (false, _) => None,
            };
            text.push_str(&self.line(shown, row));
        }
        if let Some((at, before)) = below {
            let name = row.first().map_or("", |cell| &cell.text);
            // Beside the steps of two by which names stand under each other: it is none of them.
            let indent = name.len() - name.trim_start().len() + 3;
            let words = text::fold(&format!("{before}{}", row[at].text), self.width, indent);
            text.push_str(&" ".repeat(indent));
            text.push_str(&tint(&row[at], &words, self.colour));
            text.push('\n');
        }
    }

    /// A cell on a line of its own.
    fn alone(&self, cell: &Cell, text: &mut String) {
        text.push_str(&tint(cell, &text::middle(&cell.text, self.width, "…"), self.colour));
        text.push('\n');
    }

    /// One line: what `shown` gives for each column, and whether that is a heading.
    fn line(&self, shown: impl Fn(usize) -> Option<(String, bool)>, row: &[Cell]) -> String {
        let bold = Style::new().bold().underlined().force_styling(self.colour);
        let mut line = String::new();
        let mut owed = 0;
        for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
            let Some(width) = self.widths[at] else { continue };
            let (shown, heads) = shown(at).unwrap_or_default();
            let free = width.saturating_sub(measure_text_width(&shown));
            let (before, after) = if column.right { (free, 0) } else { (0, free) };
            // Blanks are paid when something follows: no line ends in them.
            if shown.is_empty() {
                owed += width + fit::GAP;
                continue;
            }
            line.push_str(&" ".repeat(owed + before));
            line.push_str(&if heads { bold.apply_to(&shown).to_string() } else { tint(cell, &shown, self.colour) });
            owed = after + fit::GAP;
        }
        line.push('\n');
        line
    }
}

fn tint(cell: &Cell, shown: &str, colour: bool) -> String {
    let style = Style::new().force_styling(colour);
    match cell.tone {
        Tone::Good => style.green().apply_to(shown).to_string(),
        Tone::Pending => style.cyan().apply_to(shown).to_string(),
        Tone::Bad => style.red().apply_to(shown).to_string(),
        Tone::Plain => shown.to_owned(),
    }
}

/// Weights that a repository holds a second time, and that were not taken.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// Its path in the repository.
    pub path: String,
    /// In bytes.
    pub size: u64,
}

/// What was left out, how much that saves, and how to have it; nothing where nothing was. At most three are named.
pub fn left_out(files: &[LeftOut]) -> Option<String> {
    const NAMED: usize = 3;
    let mut files: Vec<&LeftOut> = files.iter().collect();
    files.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.path.cmp(&other.path)));
    let named: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| format!("{} {}", text::middle(&escape::printable(&file.path), 40, "…"), units::bytes(file.size)))
        .collect();
    let saved = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
    let more = match files.len().checked_sub(NAMED).filter(|more| *more > 0) {
        Some(more) => format!(" and {more} more"),
        None => String::new(),
    };
    (!files.is_empty()).then(|| {
        format!("left out: {}{more}; saves {}; `weights = \"all\"` takes them", named.join(", "), units::bytes(saved))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, tone: Tone, state: &str, size: Option<u64>, by: &str) -> Vec<Cell> {
        vec![Cell::new(name), Cell::toned(state, tone), Cell::size(size), Cell::new(by)]
    }

    #[test]
    fn a_table_is_aligned_by_what_it_takes_on_the_screen() {
        let rows = [
            row("模型", Tone::Good, "here", Some(3_087_371_615), "faster-whisper"),
            row("evil\u{1b}[2J", Tone::Bad, "changed", None, ""),
        ];
        assert_eq!(
            render(&LISTED, &rows, false, 80),
            "Model          State       Size  Read by\n\
             模型           here     3.09 GB  faster-whisper\n\
             evil\\u{1b}[2J  changed        ?\n"
        );
        let mut whole = Vec::new();
        write(&LISTED, || rows.iter().cloned(), false, usize::MAX, &mut whole).unwrap();
        assert_eq!(String::from_utf8(whole).unwrap(), render(&LISTED, &rows, false, usize::MAX));
        let text = render(&LISTED, &rows, true, 80);
        assert!(text.contains("\u{1b}[32mhere\u{1b}[0m") && text.contains("\u{1b}[31mchanged\u{1b}[0m"), "{text:?}");
    }

    #[test]
    fn words_without_room_stand_below_their_row() {
        let rows = [vec![
            Cell::new("asr"),
            Cell::size(Some(145_262_807)),
            Cell::time(Duration::from_secs(75)),
            Cell::new(".cache/huggingface/hub/models--openai--whisper-large-v3/snapshots/main"),
            Cell::toned("done", Tone::Good),
        ]];
        assert_eq!(
            render(&BROUGHT, &rows, false, 60),
            "Model    Size        Time\n\
             asr    145 MB  1 min 15 s  done\n   \
             .cache/huggingface/hub/models--openai--whisper-large-v3/snapshots/main\n"
        );
    }

    #[test]
    fn a_name_without_room_stands_above_its_numbers_and_words_are_folded() {
        const COLUMNS: [Column; 3] = [Column::name("Name"), Column::number("Size"), Column::words("Why")];
        let row = |name: &str, why: &str| vec![Cell::new(name), Cell::size(Some(5_000_000)), Cell::new(why)];
        let rows = [
            vec![Cell::new("a heading that is wider than the column below it")],
            row("a-name-that-is-much-too-long-for-a-column", "one"),
            row("short", "many words that go on and on and on"),
            row("other", ""),
        ];
        assert_eq!(
            render(&COLUMNS, &rows, false, 50),
            "Name         Size  Why\n\
             a heading that is wider than the column below it\n\
             a-name-that-is-much-too-long-for-a-column\n          \
             5.00 MB  one\n\
             short     5.00 MB  many words that go on and on\n                   \
             and on\n\
             other     5.00 MB\n"
        );
    }

    /// A table as of `status`.
    const PLACES: [Column; 6] = [
        Column::name(""),
        Column::number("Size").yields(1),
        Column::number("On disk"),
        Column::number("Files").yields(0),
        Column::number("Used").yields(2),
        Column::words("Where"),
    ];

    fn places(root: &str, used: &str) -> Vec<Vec<Cell>> {
        let place = |name: &str, folder: &str| {
            let at = if folder.is_empty() { String::new() } else { format!("{root}/{folder}") };
            vec![
                Cell::new(name),
                Cell::size(Some(123_456_789)),
                Cell::size(Some(123_466_789)),
                Cell::new("12"),
                Cell::new(used),
                Cell::new(at),
            ]
        };
        vec![
            vec![Cell::new("Cache")],
            place("  🤗 huggingface", "huggingface"),
            place("  🍎 mlx", "mlx"),
            place("  🔥 torch", "torch"),
            place("  🎤 whisper", "whisper"),
            place("Total", ""),
        ]
    }

    #[test]
    fn no_terminal_makes_more_lines_and_hides_more_columns_than_a_narrower_one() {
        for (root, used) in [(".cache", "today"), ("~/.cache/modelstrap", "12 d"), ("~/.cache/modelstrap", "")] {
            for rows in
                [places(root, used), places(root, used)[..3].to_vec(), places(&format!("{root}/far/away"), used)]
            {
                let mut before = usize::MAX;
                for width in 60..=120 {
                    let text = render(&PLACES, &rows, false, width);
                    let hidden = ["Size", "Files", "Used"].into_iter().filter(|name| !text.contains(name)).count();
                    // To hide what is empty is no loss.
                    let hidden = hidden - usize::from(used.is_empty() && !text.contains("Used"));
                    let cost = text.lines().count() + 2 * hidden;
                    assert!(cost <= before, "{width}\n{text}");
                    before = cost;
                }
                assert_eq!(before, rows.len() + 1);
            }
            let text = render(&PLACES, &places(root, used), false, 80);
            assert_eq!(text.lines().count(), 7, "{text}");
        }
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_but_words_that_cannot_be_folded() {
        const COLUMNS: [Column; 5] = [
            Column::name("Name"),
            Column::number("Size").yields(1),
            Column::number("Files").yields(0),
            Column::plain("State"),
            Column::words("Why"),
        ];
        let row = |length: usize, why: &str| {
            let cells = ["n".repeat(length), "12.3 MB".into(), "7".into(), "here".into(), why.into()];
            cells.iter().map(Cell::new).collect::<Vec<_>>()
        };
        let rows = [row(4, ""), row(90, "why not"), row(30, "because of this, and of that, and for other reasons")];
        for width in 40..140 {
            let text = render(&COLUMNS, &rows, false, width);
            let wide: Vec<&str> = text.lines().filter(|line| measure_text_width(line) > width).collect();
            assert_eq!(wide, Vec::<&str>::new(), "{width}\n{text}");
            assert!(text.starts_with("Name") && text.contains("State"), "{text}");
            assert!(text.contains(&"n".repeat(30)), "{text}");
            assert_eq!(text.contains('…'), width < 90, "only what is wider than the terminal is cut: {width}\n{text}");
        }
    }

    #[test]
    fn what_was_left_out_says_what_it_saves_and_how_to_have_it() {
        let file = |path: &str, size| LeftOut { path: path.into(), size };
        assert_eq!(left_out(&[]), None);
        let files = [file("flax.msgpack", 2_100_000_000), file("tf.h5", 1), file("a.bin", 3_000_000_000), file("z", 0)];
        assert_eq!(
            left_out(&files).as_deref(),
            Some(
                "left out: a.bin 3.00 GB, flax.msgpack 2.10 GB, tf.h5 1 B and 1 more; saves 5.10 GB; `weights = \"all\"` takes them"
            )
        );
    }
}
