//! How a table is fitted into a terminal: no name is cut as long as a line of its own can help, and no number at all.
//!
//! A name that its column has no room for stands on a line of its own, above its numbers. Words that have none are folded in their
//! column, or stand below their row. The name's column is as wide as makes the fewest lines.

use console::measure_text_width;

use crate::ui::text;

/// What a column gives up where a terminal is narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Nothing: numbers, and single words.
    Nothing,
    /// A name: one that is too long gets a line of its own. One column of a table.
    Name,
    /// Words, which are folded, or stand below the row, behind these. One column of a table.
    Words(&'static str),
    /// Itself, if names have no room otherwise: the least first.
    Itself(u8),
}

/// A row, as far as it has to be known here.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    /// What each cell takes on the screen.
    pub(super) widths: Vec<usize>,
    /// The longest word of those that may be folded.
    pub(super) longest: usize,
}

/// How wide each column is; `None` where it is not shown, or stands below the rows.
pub(super) type Widths = Vec<Option<usize>>;

/// Names have so much room, or columns are left out.
const SHORTEST: usize = 8;

/// A column in which words are folded is at least so wide.
pub(super) const FOLDED: usize = 24;

/// A column is left out where that saves one line in so many rows, and two at least.
const PRICE: usize = 5;

/// Between two columns.
pub(super) const GAP: usize = 2;

impl Measured {
    /// Whether nothing but the first cell holds anything: it may then stand over the others.
    pub(super) fn is_heading(&self) -> bool {
        self.widths.iter().skip(1).all(|width| *width == 0)
    }

    fn at(&self, column: Option<usize>) -> usize {
        column.and_then(|at| self.widths.get(at)).copied().unwrap_or_default()
    }
}

/// The widths of columns, which are given by what they give up and what their headings take, in `room` columns of a terminal.
pub(super) fn widths(columns: &[(Gives, usize)], rows: &[Measured], room: usize) -> Widths {
    let rows: Vec<&Measured> = rows.iter().filter(|row| !row.is_heading()).collect();
    let natural = |at: usize, heading: usize| rows.iter().map(|row| row.at(Some(at))).max().unwrap_or(0).max(heading);
    let mut widths: Widths = columns.iter().enumerate().map(|(at, (_, head))| Some(natural(at, *head))).collect();
    if taken(&widths) <= room {
        return widths;
    }
    let find = |wanted: fn(&Gives) -> bool| columns.iter().position(|(gives, _)| wanted(gives));
    let name = find(|gives| *gives == Gives::Name);
    let words = find(|gives| matches!(gives, Gives::Words(_)));
    let natural = widths.clone();
    let whole = |at: Option<usize>| at.and_then(|at| natural[at]).unwrap_or_default();
    // Both are decided upon below: without them it is known what is left.
    [name, words].into_iter().flatten().for_each(|at| widths[at] = None);
    let heading = |at: Option<usize>| at.map_or(0, |at| columns[at].1);
    let order = droppable(columns, &rows);
    // To show a column is worth some lines more, but not most rows in two.
    let price = rows.len().div_ceil(PRICE).max(2);
    let mut best: Option<((usize, usize), Widths)> = None;
    let mut paid = 0;
    for (number, dropped) in std::iter::once(None).chain(order.iter().copied().map(Some)).enumerate() {
        if let Some((at, is_empty)) = dropped {
            widths[at] = None;
            paid += if is_empty { 0 } else { price };
        }
        if taken(&widths) + GAP + SHORTEST > room && number < order.len() {
            continue;
        }
        let fit = Fit { rows: &rows, name, words, room, left: room.saturating_sub(taken(&widths)) };
        let (named, worded, lines) = fit.best((heading(name), whole(name)), (heading(words), whole(words)));
        let cost = (lines.saturating_add(paid), lines);
        if best.as_ref().is_none_or(|(fewest, _)| cost < *fewest) {
            let mut found = widths.clone();
            name.into_iter().for_each(|at| found[at] = Some(named));
            words.into_iter().for_each(|at| found[at] = worded);
            best = Some((cost, found));
        }
    }
    best.map_or(widths, |(_, found)| found)
}

/// The columns that may be left out, in that order, and whether nothing stands in them: those are no loss, and go first.
fn droppable(columns: &[(Gives, usize)], rows: &[&Measured]) -> Vec<(usize, bool)> {
    let rank = |gives: &Gives| if let Gives::Itself(rank) = gives { Some(*rank) } else { None };
    let is_empty = |at: usize| rows.iter().all(|row| row.at(Some(at)) == 0);
    let ranked = columns.iter().enumerate().filter_map(|(at, (gives, _))| Some((at, is_empty(at), rank(gives)?)));
    let mut order: Vec<(usize, bool, u8)> = ranked.collect();
    order.sort_by_key(|(at, is_empty, rank)| (!is_empty, *rank, *at));
    order.into_iter().map(|(at, is_empty, _)| (at, is_empty)).collect()
}

/// What columns take, with the gaps between them.
fn taken(widths: &Widths) -> usize {
    let shown = widths.iter().flatten().count();
    widths.iter().flatten().sum::<usize>() + GAP * shown.saturating_sub(1)
}

struct Fit<'a> {
    rows: &'a [&'a Measured],
    name: Option<usize>,
    words: Option<usize>,
    room: usize,
    /// What the columns that give nothing leave.
    left: usize,
}

impl Fit<'_> {
    /// The widths of the name and of the words with which the table has the fewest lines. Both are given by what their headings
    /// take, and what they would like to have. The last is how many lines.
    fn best(&self, name: (usize, usize), words: (usize, usize)) -> (usize, Option<usize>, usize) {
        let room = if self.name.is_some() { self.left.saturating_sub(GAP) } else { 0 };
        let least = name.0.max(SHORTEST).min(name.1);
        let widest = name.1.min(room).max(least);
        let below = self.lines(widest, None);
        let mut best = (widest, None, below);
        // Where it makes no difference, words stand beside.
        let mut fewest = below.saturating_add(1);
        for wide in least..=widest {
            let gap = if self.name.is_some() { GAP } else { 0 };
            let beside = self.left.saturating_sub(gap + if self.name.is_some() { wide } else { 0 } + GAP).min(words.1);
            if self.words.is_none() || beside < words.0.max(8).min(words.1) || !self.helps(beside) {
                continue;
            }
            let lines = self.lines(wide, Some(beside));
            if lines < fewest {
                (best, fewest) = ((wide, Some(beside), lines), lines);
            }
        }
        best
    }

    /// Whether a column of this width holds any words.
    fn helps(&self, words: usize) -> bool {
        self.rows.iter().any(|row| row.at(self.words) > 0 && fits(row.at(self.words), row.longest, words))
    }

    /// How many lines the rows take, more or less: where a line is folded depends on its words.
    fn lines(&self, name: usize, words: Option<usize>) -> usize {
        let one = |row: &&Measured| {
            let above = usize::from(row.at(self.name) > name);
            let wide = row.at(self.words);
            let beside = words.filter(|words| fits(wide, row.longest, *words));
            match beside {
                Some(words) => above + wide.div_ceil(words.max(1)).max(1),
                None if wide == 0 => above + 1,
                // A row that is torn into three is hard to read: its name above counts twice.
                None => 2 * above + 1 + wide.div_ceil(self.room.saturating_sub(8).max(1)),
            }
        };
        self.rows.iter().map(one).sum()
    }
}

/// Whether words stand in a column of `width`, folded or not.
pub(super) const fn fits(wide: usize, longest: usize, width: usize) -> bool {
    wide <= width || (width >= FOLDED && longest <= width)
}

/// What the longest word of `text` takes.
pub(super) fn longest(text: &str) -> usize {
    text::words(text).into_iter().map(measure_text_width).max().unwrap_or_default()
}
