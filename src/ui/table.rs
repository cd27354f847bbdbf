//! Tables for people: what a download brought, which models there are, which weights were left out.

use std::path::Path;
use std::time::Duration;

use console::{Style, measure_text_width};

use crate::support::{escape, paths, units};
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

/// A column's heading, and whether its cells stand right.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What stands above it.
    pub heading: &'static str,
    /// Numbers stand right.
    pub right: bool,
}

/// The columns after a download.
pub const BROUGHT: [Column; 5] = [
    Column { heading: "Model", right: false },
    Column { heading: "Size", right: true },
    Column { heading: "Time", right: true },
    Column { heading: "Where", right: false },
    Column { heading: "", right: false },
];

/// The columns of `models list`.
pub const LISTED: [Column; 4] = [
    Column { heading: "Model", right: false },
    Column { heading: "State", right: false },
    Column { heading: "Size", right: true },
    Column { heading: "Read by", right: false },
];

/// The rows as lines, aligned by what they take on the screen. The widest columns give way until `width` is kept.
pub fn render(columns: &[Column], rows: &[Vec<Cell>], colour: bool, width: usize) -> String {
    let widths = widths(columns, rows, width);
    let heading: Vec<Cell> = columns.iter().map(|column| Cell::new(column.heading)).collect();
    let bold = Style::new().bold().underlined().force_styling(colour);
    let mut text = String::new();
    let lines = std::iter::once((&heading, true)).chain(rows.iter().map(|row| (row, false)));
    for (row, heads) in lines {
        let mut line = String::new();
        let mut owed = 0;
        for ((cell, column), width) in row.iter().zip(columns).zip(&widths) {
            let shown = text::middle(&cell.text, *width, "…");
            let free = width.saturating_sub(measure_text_width(&shown));
            let (before, after) = if column.right { (free, 0) } else { (0, free) };
            let styled = if heads { bold.apply_to(&shown).to_string() } else { tint(cell, &shown, colour) };
            // Blanks are paid when something follows: no line ends in them.
            if !shown.is_empty() {
                line.push_str(&" ".repeat(owed + before));
                line.push_str(&styled);
                owed = after + 2;
            } else {
                owed += width + 2;
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
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

fn widths(columns: &[Column], rows: &[Vec<Cell>], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| measure_text_width(column.heading)).collect();
    for row in rows {
        for (wide, cell) in widths.iter_mut().zip(row) {
            *wide = (*wide).max(measure_text_width(&cell.text));
        }
    }
    let gaps = 2 * columns.len().saturating_sub(1);
    let room = width.max(40).saturating_sub(gaps);
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 8) else { break };
        *widest -= 1;
    }
    widths
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
        let text = render(&LISTED, &rows, true, 80);
        assert!(text.contains("\u{1b}[32mhere\u{1b}[0m") && text.contains("\u{1b}[31mchanged\u{1b}[0m"), "{text:?}");
    }

    #[test]
    fn a_long_cell_gives_way_in_its_middle() {
        let rows = [vec![
            Cell::new("asr"),
            Cell::size(Some(145_262_807)),
            Cell::time(Duration::from_secs(75)),
            Cell::new(".cache/huggingface/hub/models--openai--whisper-large-v3/snapshots/main"),
            Cell::toned("done", Tone::Good),
        ]];
        assert_eq!(
            render(&BROUGHT, &rows, false, 60),
            "Model    Size        Time  Where\n\
             asr    145 MB  1 min 15 s  .cache/huggin…napshots/main  done\n"
        );
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
