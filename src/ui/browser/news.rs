//! What the browser makes of what comes back from the disk.

use super::dialog::{Dialog, Question};
use super::level::Level;
use super::marks;
use super::state::{Browser, Mode, News, Wish};
use super::tree::{Children, Tree};

impl Browser {
    /// Takes in what came back, and says what is wanted for it.
    pub fn hear(&mut self, news: News) -> Option<Wish> {
        match news {
            News::Scanning(folders) => {
                if self.scanning.is_some() {
                    self.scanning = Some(folders);
                }
            }
            News::Scanned(tree) => return self.replant(tree),
            News::Read(generation, id, read) if generation == self.generation => {
                if let Some(tree) = &mut self.tree {
                    tree.fill(id, read);
                }
                self.arrange_all();
            }
            News::Weighed(serial, weight) if serial == self.serial => self.weight = weight,
            News::Read(..) | News::Weighed(..) => {}
            News::Planned(dialog) => {
                let waits = matches!(&self.mode, Mode::Dialog(Dialog { question: Question::Wait, .. }));
                if waits {
                    self.mode = Mode::Dialog(dialog);
                }
            }
            News::Finished(dialog) => {
                self.mode = Mode::Dialog(dialog);
                self.scanning = Some(0);
                return Some(Wish::Scan);
            }
            News::Done(bytes) => {
                if let Mode::Dialog(Dialog { question: Question::Work { done, .. }, .. }) = &mut self.mode {
                    *done = bytes;
                }
            }
            News::Notice(text) => self.notice = Some(text),
        }
        None
    }

    /// Another tree: marks and the way to the cursor are found in it again, as far as it has them.
    fn replant(&mut self, tree: Tree) -> Option<Wish> {
        self.generation += 1;
        self.scanning = None;
        let mut levels = vec![Level::open(&tree, Tree::ROOT, self.order)];
        if let Some(old) = &self.tree {
            for (at, before) in self.levels.iter().enumerate() {
                let Some(level) = levels.get_mut(at) else { break };
                level.filter.clone_from(&before.filter);
                level.arrange(&tree, self.order);
                (level.cursor, level.top) = (before.cursor, before.top);
                level.go(before.cursor);
                let Some(found) = before.current().and_then(|id| marks::find(old, &tree, id)) else { break };
                level.go_to(found);
                if at + 1 < self.levels.len() && matches!(tree.children(found), Children::Here(_)) {
                    levels.push(Level::open(&tree, found, self.order));
                }
            }
            if self.marks.carry(old, &tree) > 0 {
                self.notice = Some("marks were dropped from what is not there any more, or not read yet".to_owned());
            }
        }
        self.levels = levels;
        self.tree = Some(tree);
        self.weigh()
    }
}
