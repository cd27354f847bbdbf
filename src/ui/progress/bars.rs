//! The bars as lines of text: a pure function of the state and the size of the terminal.

use console::{Style, measure_text_width, truncate_str};

use super::speed::{Speed, short};
use super::state::{File, Phase, State};
use crate::support::units;
use crate::ui::text;

/// More bars than these nobody reads.
const MOST: usize = 8;
/// `12.3 GB / 45.6 GB`
const SIZES: usize = 17;
/// `12.3 MB/s`
const SPEED: usize = 9;
/// `59m59s`
const LEFT: usize = 6;

/// The terminal, as far as it decides how bars look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) colour: bool,
    pub(super) unicode: bool,
}

/// Columns for the name and for the bar; without room there is no bar, with less no speed.
struct Columns {
    label: usize,
    bar: usize,
    speeds: bool,
}

/// The whole first, so that it stands still; then the files at work, as many as fit.
pub(super) fn frame(state: &State, look: Look) -> Vec<String> {
    let columns = columns(look.width);
    let mut lines = vec![whole(state, look, &columns)];
    let room = (look.height / 2).saturating_sub(1).clamp(1, MOST);
    let fits = if state.running.len() > room { room.saturating_sub(1).max(1) } else { room };
    for file in state.running.iter().take(fits).filter_map(|index| state.files.get(*index)) {
        lines.push(row(state, file, look, &columns));
    }
    let more = state.running.len().saturating_sub(fits);
    if more > 0 {
        let dots = if look.unicode { "…" } else { "..." };
        let line = format!("  {dots} and {more} more");
        let line = truncate_str(&line, look.width.saturating_sub(1), "");
        lines.push(style(look).dim().apply_to(line).to_string());
    }
    lines
}

fn columns(width: usize) -> Columns {
    // The last column stays free: some terminals break the line when it is written.
    let width = width.saturating_sub(1);
    let numbers = SIZES + 2 + SPEED + 2 + LEFT;
    match width.checked_sub(numbers + 6).filter(|free| *free >= 20) {
        Some(free) => Columns { label: free * 3 / 5, bar: free - free * 3 / 5, speeds: true },
        None if width >= numbers + 14 => Columns { label: width - numbers - 4, bar: 0, speeds: true },
        None => Columns { label: width.saturating_sub(SIZES + 4).max(1), bar: 0, speeds: false },
    }
}

fn style(look: Look) -> Style {
    Style::new().for_stderr().force_styling(look.colour)
}

fn whole(state: &State, look: Look, columns: &Columns) -> String {
    let over = state.done + state.failed;
    let label = format!("{over} of {}", units::count(state.files.len(), "file"));
    let total = (state.unsized_files == 0).then_some(state.total);
    let line = Line {
        label: &label,
        retries: state.retries,
        bytes: state.bytes,
        total,
        says: says(&state.speed, state.left()),
        strong: true,
    };
    line.draw(look, columns)
}

fn row(state: &State, file: &File, look: Look, columns: &Columns) -> String {
    // Every model has its `config.json`: with several, the name says whose.
    let owner = state.models.get(file.model).filter(|_| state.models.len() > 1);
    let label = owner.map_or_else(|| file.label.to_string(), |model| format!("{}: {}", model.name, file.label));
    let says = match file.phase {
        Phase::Checking => "checking".to_owned(),
        Phase::Pausing => "trying again".to_owned(),
        _ => says(&file.speed, file.size.and_then(|size| file.speed.left(size.saturating_sub(file.bytes)))),
    };
    let (retries, bytes, total) = (file.retries, file.bytes, file.size);
    Line { label: &label, retries, bytes, total, says, strong: false }.draw(look, columns)
}

fn says(speed: &Speed, left: Option<std::time::Duration>) -> String {
    let speed = speed.per_second().map_or_else(String::new, |speed| format!("{}/s", units::bytes(speed)));
    let left = left.map_or_else(String::new, short);
    format!("{speed:>SPEED$}  {left:>LEFT$}")
}

struct Line<'a> {
    label: &'a str,
    retries: u32,
    bytes: u64,
    total: Option<u64>,
    says: String,
    strong: bool,
}

impl Line<'_> {
    fn draw(&self, look: Look, columns: &Columns) -> String {
        let mut line = format!("  {}", self.label(look, columns.label));
        if columns.bar > 0 {
            line.push_str("  ");
            line.push_str(&bar(self.bytes, self.total, columns.bar, look));
        }
        let total = self.total.map_or_else(|| "?".to_owned(), units::bytes);
        let sizes = format!("{:>7} / {total:>7}", units::bytes(self.bytes));
        line.push_str(&format!("  {sizes:>SIZES$}"));
        if columns.speeds {
            let room = SPEED + 2 + LEFT;
            line.push_str(&format!("  {}", style(look).dim().apply_to(format!("{:>room$}", self.says))));
        }
        truncate_str(&line, look.width.saturating_sub(1), "").into_owned()
    }

    /// The name and how often it was tried again, in exactly `width` columns.
    fn label(&self, look: Look, width: usize) -> String {
        let retries = match (self.retries, look.unicode) {
            (0, _) => String::new(),
            (count, true) => format!(" ↻{count}"),
            (count, false) => format!(" r{count}"),
        };
        let room = width.saturating_sub(measure_text_width(&retries));
        let label = match look.unicode {
            true => text::middle(self.label, room, "…"),
            false => text::middle(&self.label.escape_unless_ascii(), room, "..."),
        };
        let pad = " ".repeat(room.saturating_sub(measure_text_width(&label)));
        let label = if self.strong { style(look).bold().apply_to(label).to_string() } else { label };
        format!("{label}{}{pad}", style(look).magenta().apply_to(retries))
    }
}

trait Ascii {
    fn escape_unless_ascii(&self) -> String;
}

impl Ascii for str {
    /// What the terminal's character set lacks would come out as something else, of unknown width.
    fn escape_unless_ascii(&self) -> String {
        self.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
    }
}

/// Thick for what is here; nothing is where nobody knows how much there will be.
fn bar(bytes: u64, total: Option<u64>, width: usize, look: Look) -> String {
    let (done, rest) = match total {
        Some(total) => text::bar(bytes, total, width, look.unicode),
        None => text::bar(0, 1, width, look.unicode),
    };
    format!("{}{}", style(look).cyan().apply_to(done), style(look).dim().apply_to(rest))
}
