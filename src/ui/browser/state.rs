//! The state of the browser, without disk and without terminal: what is open, marked, asked; what it wants, and what it hears.

use super::dialog::{Dialog, Question};
use super::level::{Level, Order};
use super::marks::{Marks, Weight};
use super::tree::{Branch, Id, Tree};

/// A key, as a person means it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter, a digit, a blank.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Ctrl-C.
    Interrupt,
}

/// What the browser wants of whoever knows the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// What is below this node.
    Read(Id),
    /// What deleting these would free together: [`News::Weighed`] with this number.
    Weigh(u64, Vec<Id>),
    /// The plan to delete these, as a dialog that asks.
    Plan(Vec<Id>),
    /// What the plan says.
    Remove,
    /// What was deleted last, back.
    Undo,
    /// Everything read again.
    Scan,
    /// The work in hand stopped at a clean place.
    Stop,
    /// The end.
    Leave,
    /// The end, at once.
    Interrupt,
}

/// What comes back.
#[derive(Debug)]
pub enum News {
    /// Everything is being read: so many folders so far.
    Scanning(u64),
    /// Everything was read.
    Scanned(Tree),
    /// What is below a node of the tree of this generation.
    Read(u64, Id, Result<Vec<Branch>, String>),
    /// What deleting the marked would free.
    Weighed(u64, Weight),
    /// The plan that was asked for: nothing, if whoever asked has gone on meanwhile.
    Planned(Dialog),
    /// What came of the work in hand.
    Finished(Dialog),
    /// So many bytes are done of what is in hand.
    Done(u64),
    /// A line for a person.
    Notice(String),
}

/// Where keys go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    /// Into the filter.
    Filter,
    Dialog(Dialog),
}

/// The browser.
#[derive(Debug)]
pub struct Browser {
    /// `None` until everything was read once.
    pub(super) tree: Option<Tree>,
    /// What is open: the root first.
    pub(super) levels: Vec<Level>,
    pub(super) order: Order,
    pub(super) marks: Marks,
    pub(super) weight: Weight,
    pub(super) mode: Mode,
    pub(super) notice: Option<String>,
    /// Folders read so far, while everything is read.
    pub(super) scanning: Option<u64>,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// Rows that the screen has for the list, and lines for a dialog.
    pub(super) room: usize,
    pub(super) generation: u64,
    pub(super) serial: u64,
}

impl Browser {
    /// A browser that waits for its first tree; `now` in seconds since 1970.
    pub fn new(now: i64) -> Self {
        Self {
            tree: None,
            levels: Vec::new(),
            order: Order::default(),
            marks: Marks::default(),
            weight: Weight::Nothing,
            mode: Mode::List,
            notice: None,
            scanning: Some(0),
            now,
            room: 1,
            generation: 0,
            serial: 0,
        }
    }

    /// The number of the tree: a reading of an earlier one is no news.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The tree, once there is one.
    pub fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// Whether the work in hand may not be left.
    pub fn is_working(&self) -> bool {
        matches!(&self.mode, Mode::Dialog(Dialog { question: Question::Work { .. }, .. }))
    }

    /// Fits what is shown into `rows` rows.
    pub fn fit(&mut self, rows: usize) {
        self.room = rows;
        self.levels.iter_mut().for_each(|level| level.fit(rows));
    }
}
