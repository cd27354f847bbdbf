//! What each key does.

use super::dialog::{self, Dialog, Question};
use super::level::Level;
use super::marks::{Marks, Weight};
use super::state::{Browser, Key, Mode, Wish};
use super::tree::{Children, Id};

impl Browser {
    /// What `key` does, and what is wanted for it.
    pub fn press(&mut self, key: Key) -> Option<Wish> {
        self.notice = None;
        match &mut self.mode {
            Mode::Dialog(_) => self.in_dialog(key),
            Mode::Filter => self.in_filter(key),
            Mode::List => self.in_list(key),
        }
    }

    fn in_dialog(&mut self, key: Key) -> Option<Wish> {
        let Mode::Dialog(dialog) = &mut self.mode else { return None };
        let page = self.room.saturating_sub(1).max(1);
        match (dialog.question, key) {
            (Question::Work { .. }, Key::Interrupt) => return Some(Wish::Stop),
            (_, Key::Interrupt) => return Some(Wish::Interrupt),
            (_, Key::Up | Key::Char('k')) => dialog.top = dialog.top.saturating_sub(1),
            (_, Key::Down | Key::Char('j')) => dialog.top += 1,
            (_, Key::PageUp) => dialog.top = dialog.top.saturating_sub(page),
            (_, Key::PageDown | Key::Char(' ')) => dialog.top += page,
            (_, Key::Home | Key::Char('g')) => dialog.top = 0,
            (_, Key::End | Key::Char('G')) => dialog.top = usize::MAX / 2,
            (Question::Work { .. }, _) => {}
            (Question::Remove, Key::Char('y' | 'Y')) => return self.work("Deleting", Wish::Remove),
            (Question::Undo, Key::Char('y' | 'Y')) => return self.work("Bringing back", Wish::Undo),
            (Question::Remove | Question::Undo, Key::Char('n' | 'N' | 'q') | Key::Escape) => {
                self.mode = Mode::List;
                self.notice = Some("nothing was changed".to_owned());
            }
            // What was deleted is told in one of these, and `u` is what a person was told of.
            (Question::None, Key::Char('u')) => self.ask_undo(),
            (Question::None | Question::Wait, Key::Char('q' | '?') | Key::Escape | Key::Enter) => {
                self.mode = Mode::List
            }
            _ => {}
        }
        None
    }

    fn ask_undo(&mut self) {
        let lines = ["What was deleted last goes back to where it lay, as long as the trash has it.".to_owned()];
        self.mode = Mode::Dialog(Dialog { question: Question::Undo, ..Dialog::tell("Undo", lines) });
    }

    fn work(&mut self, title: &str, wish: Wish) -> Option<Wish> {
        self.mode = Mode::Dialog(Dialog::new(title, Vec::new(), Question::Work { done: 0, total: 0 }));
        Some(wish)
    }

    fn in_filter(&mut self, key: Key) -> Option<Wish> {
        let level = self.levels.last_mut()?;
        match key {
            Key::Interrupt => return Some(Wish::Interrupt),
            Key::Enter | Key::Up | Key::Down => self.mode = Mode::List,
            Key::Escape => {
                level.filter.clear();
                self.mode = Mode::List;
            }
            Key::Backspace if level.filter.pop().is_none() => self.mode = Mode::List,
            Key::Char(letter) => level.filter.push(letter),
            _ => {}
        }
        self.arrange();
        None
    }

    fn in_list(&mut self, key: Key) -> Option<Wish> {
        match key {
            Key::Interrupt => return Some(Wish::Interrupt),
            Key::Char('?') => self.mode = Mode::Dialog(dialog::help()),
            Key::Char('q') => return Some(Wish::Leave),
            Key::Escape => return self.step_back(),
            Key::Char('r') if self.scanning.is_none() => {
                self.scanning = Some(0);
                return Some(Wish::Scan);
            }
            Key::Char('u') => self.ask_undo(),
            _ if self.tree.is_none() => {}
            Key::Up | Key::Char('k') => self.go(|level, _| level.cursor.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.go(|level, _| level.cursor + 1),
            Key::PageUp => self.go(|level, page| level.cursor.saturating_sub(page)),
            Key::PageDown => self.go(|level, page| level.cursor + page),
            Key::Home | Key::Char('g') => self.go(|_, _| 0),
            Key::End | Key::Char('G') => self.go(|_, _| usize::MAX),
            Key::Enter | Key::Right | Key::Char('l') => return self.open(),
            Key::Left | Key::Backspace | Key::Char('h') => self.close(),
            Key::Char('/') => self.mode = Mode::Filter,
            Key::Char('s') => {
                self.order = self.order.next();
                self.notice = Some(format!("ordered by {}", self.order.word()));
                self.arrange_all();
            }
            Key::Char(' ') => return self.mark(),
            Key::Char('a') => return self.mark_all(),
            Key::Char('d') | Key::Delete => return self.delete(),
            Key::Char(_) => {}
        }
        None
    }

    /// What Escape does now, in a word or two.
    pub(super) fn back(&self) -> &'static str {
        match self.levels.last() {
            Some(level) if !level.filter.is_empty() => "show all",
            _ if self.marks.count() > 0 => "unmark all",
            _ if self.levels.len() > 1 => "up",
            _ => "quit",
        }
    }

    /// One step: nobody loses a filter, marks and the place where they were by one key.
    fn step_back(&mut self) -> Option<Wish> {
        if let Some(level) = self.levels.last_mut().filter(|level| !level.filter.is_empty()) {
            level.filter.clear();
            self.arrange();
            return None;
        }
        if self.marks.count() > 0 {
            self.marks = Marks::default();
            self.notice = Some("nothing is marked any more".to_owned());
            return self.weigh();
        }
        if self.levels.len() > 1 {
            self.close();
            return None;
        }
        Some(Wish::Leave)
    }

    fn go(&mut self, to: impl Fn(&Level, usize) -> usize) {
        let page = self.room.saturating_sub(1).max(1);
        if let Some(level) = self.levels.last_mut() {
            level.go(to(level, page));
        }
    }

    fn open(&mut self) -> Option<Wish> {
        let (Some(tree), Some(level)) = (&mut self.tree, self.levels.last()) else { return None };
        let id = level.current()?;
        let wish = match tree.children(id) {
            Children::Nothing => {
                self.notice = Some("there is nothing below it".to_owned());
                return None;
            }
            Children::Unread | Children::Failed(_) => Some(Wish::Read(id)),
            Children::Reading | Children::Here(_) => None,
        };
        if wish.is_some() {
            tree.set(id, Children::Reading);
        }
        let below = level.below(tree, id, self.order);
        self.levels.push(below);
        wish
    }

    fn close(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        } else {
            self.notice = Some("this is the top".to_owned());
        }
    }

    fn mark(&mut self) -> Option<Wish> {
        let (Some(tree), Some(level)) = (&self.tree, self.levels.last_mut()) else { return None };
        let id = level.current()?;
        match self.marks.toggle(tree, id) {
            Ok(()) => level.go(level.cursor + 1),
            Err(why) => {
                self.notice = Some(why);
                return None;
            }
        }
        self.weigh()
    }

    /// Marks all that is shown; if all of it is marked, none.
    fn mark_all(&mut self) -> Option<Wish> {
        let (Some(tree), Some(level)) = (&self.tree, self.levels.last()) else { return None };
        // What is shown only for what lies below it holds more than that.
        let can = |id: &&Id| {
            let free = tree.node(**id).stays.is_none() && self.marks.covered(tree, **id).is_none();
            free && level.names(tree, **id)
        };
        let rows: Vec<Id> = level.rows.iter().filter(can).copied().collect();
        let unmarked: Vec<Id> = rows.iter().copied().filter(|id| !self.marks.has(*id)).collect();
        if rows.is_empty() {
            self.notice = Some("nothing here can be marked".to_owned());
            return None;
        }
        for id in if unmarked.is_empty() { rows } else { unmarked } {
            let _ = self.marks.toggle(tree, id);
        }
        self.weigh()
    }

    pub(super) fn weigh(&mut self) -> Option<Wish> {
        self.serial += 1;
        if self.marks.count() == 0 {
            self.weight = Weight::Nothing;
            return None;
        }
        self.weight = Weight::Weighing;
        Some(Wish::Weigh(self.serial, self.marks.ids()))
    }

    fn delete(&mut self) -> Option<Wish> {
        let (Some(tree), Some(level)) = (&self.tree, self.levels.last()) else { return None };
        if self.scanning.is_some() {
            self.notice = Some("everything is being read again: wait for the end of it".to_owned());
            return None;
        }
        let mut ids = self.marks.ids();
        if ids.is_empty() {
            let id = level.current()?;
            if let Some(why) = tree.node(id).stays {
                self.notice = Some(why.to_owned());
                return None;
            }
            ids.push(id);
        }
        let asked = Dialog::new("Reading what would go", Vec::new(), Question::Wait);
        self.mode = Mode::Dialog(asked);
        Some(Wish::Plan(ids))
    }

    pub(super) fn arrange(&mut self) {
        if let (Some(tree), Some(level)) = (&self.tree, self.levels.last_mut()) {
            level.arrange(tree, self.order);
        }
    }

    pub(super) fn arrange_all(&mut self) {
        if let Some(tree) = &self.tree {
            self.levels.iter_mut().for_each(|level| level.arrange(tree, self.order));
        }
    }
}
