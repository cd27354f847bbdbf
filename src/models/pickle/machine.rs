//! The stack and the memo of a pickle, with what matters to us of each value: whether it is a text that may become a
//! name, or something that was imported. Everything is bounded: a hostile stream gets an error, not our memory.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// More values at once than this, and the stream is given up (Python's own pickler hands over lists in thousands).
const MOST_VALUES: usize = 1 << 19;
/// So many texts are kept at once, on the stack and in the memo each; further ones count as unknown.
const MOST_TEXTS: usize = 1 << 16;
/// Longer texts are no names of anything; should one be used as a name, it counts as unknown.
pub(super) const LONGEST_NAME: usize = 128;

/// What a value may become.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A text, which may become the name of an import.
    Text(Rc<str>),
    /// What was imported: module and name.
    Import(Rc<(String, String)>),
    /// It may be a text, and which one cannot be told without running the stream.
    Unknown,
    /// Certainly neither text nor import.
    Other,
}

/// Why a stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Python would stop here, too.
    Broken(&'static str),
    /// Python would go on: it is us who give up.
    Limit(&'static str),
}

const EMPTY: Fault = Fault::Broken("takes a value that is not there");

/// The stack, its marks, and the memo.
#[derive(Debug, Default)]
pub(super) struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u64, Value>,
    /// Every key below this is in the memo.
    dense: u64,
    /// The keys beyond that are.
    sparse: HashSet<u64>,
    /// A text was not kept: what is not in `memo` may be anything.
    forgetful: bool,
    /// A key could not be read: anything may lie under any key.
    lost: bool,
}

impl Machine {
    pub(super) fn push(&mut self, value: Value) -> Result<(), Fault> {
        if self.stack.len() >= MOST_VALUES {
            return Err(Fault::Limit("holds more values at once than can be followed"));
        }
        let kept = !matches!(value, Value::Text(_)) || self.stack.len() < MOST_TEXTS;
        self.stack.push(if kept { value } else { Value::Unknown });
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<Value, Fault> {
        let value = self.stack.pop().ok_or(EMPTY)?;
        // Python minds a mark in between; being laxer than Python shows us more, never less.
        while self.marks.last().is_some_and(|mark| *mark > self.stack.len()) {
            self.marks.pop();
        }
        Ok(value)
    }

    /// `POP` takes a mark, if that is what lies on top.
    pub(super) fn drop_top(&mut self) -> Result<(), Fault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    pub(super) fn top(&self) -> Result<&Value, Fault> {
        self.stack.last().ok_or(EMPTY)
    }

    pub(super) fn mark(&mut self) -> Result<(), Fault> {
        if self.marks.len() >= MOST_VALUES {
            return Err(Fault::Limit("nests deeper than can be followed"));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// Takes everything above the last mark, and gives the lowest of it.
    pub(super) fn pop_mark(&mut self) -> Result<Option<Value>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Broken("takes a mark that is not there"))?;
        let first = self.stack.get(mark).cloned();
        self.stack.truncate(mark);
        Ok(first)
    }

    /// Remembers the top value; without a key, as the memo's next.
    pub(super) fn remember(&mut self, key: Option<u64>) -> Result<(), Fault> {
        let value = self.top()?.clone();
        let key = key.unwrap_or(self.dense + self.sparse.len() as u64);
        self.note(key)?;
        match value {
            Value::Other => {
                self.memo.remove(&key);
            }
            _ if self.lost => {}
            value if self.memo.len() < MOST_TEXTS || self.memo.contains_key(&key) => {
                self.memo.insert(key, value);
            }
            _ => self.forgetful = true,
        }
        Ok(())
    }

    /// From here on, nothing about the memo is certain.
    pub(super) fn forget(&mut self) {
        self.memo.clear();
        self.lost = true;
    }

    /// Puts what was remembered on the stack.
    pub(super) fn recall(&mut self, key: Option<u64>) -> Result<(), Fault> {
        let value = match key.and_then(|key| self.memo.get(&key)) {
            Some(value) => value.clone(),
            None if self.forgetful || self.lost || key.is_none() => Value::Unknown,
            None if key.is_some_and(|key| key < self.dense || self.sparse.contains(&key)) => Value::Other,
            None => return Err(Fault::Broken("recalls a value that it never remembered")),
        };
        self.push(value)
    }

    fn note(&mut self, key: u64) -> Result<(), Fault> {
        if key > self.dense {
            self.sparse.insert(key);
        } else if key == self.dense {
            self.dense += 1;
            while self.sparse.remove(&self.dense) {
                self.dense += 1;
            }
        }
        if self.sparse.len() > MOST_TEXTS {
            return Err(Fault::Limit("remembers values under more keys than can be followed"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(values: &[&str]) -> Machine {
        let mut machine = Machine::default();
        for value in values {
            machine.push(Value::Text((*value).into())).unwrap();
        }
        machine
    }

    fn text(value: Value) -> String {
        match value {
            Value::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_memo_without_keys_counts_the_keys_that_are_there() {
        let mut machine = machine(&["a"]);
        machine.remember(Some(5)).unwrap();
        machine.push(Value::Text("b".into())).unwrap();
        machine.remember(None).unwrap();
        machine.recall(Some(1)).unwrap();
        assert_eq!(text(machine.pop().unwrap()), "b");
        machine.recall(Some(5)).unwrap();
        assert_eq!(text(machine.pop().unwrap()), "a");
        assert_eq!(machine.recall(Some(0)), Err(Fault::Broken("recalls a value that it never remembered")));
    }

    #[test]
    fn a_key_used_again_forgets_the_first_value() {
        let mut machine = machine(&["a"]);
        machine.remember(Some(0)).unwrap();
        machine.push(Value::Other).unwrap();
        machine.remember(Some(0)).unwrap();
        machine.recall(Some(0)).unwrap();
        assert_eq!(text(machine.pop().unwrap()), "Other");
    }

    #[test]
    fn what_is_not_kept_is_unknown_and_never_something_harmless() {
        let mut machine = Machine::default();
        for number in 0..=MOST_TEXTS {
            machine.push(Value::Text(format!("{number}").into())).unwrap();
            machine.remember(None).unwrap();
        }
        assert_eq!(text(machine.pop().unwrap()), "Unknown");
        machine.recall(Some(MOST_TEXTS as u64)).unwrap();
        assert_eq!(text(machine.pop().unwrap()), "Unknown");
    }

    #[test]
    fn a_stack_without_end_is_given_up() {
        let mut machine = Machine::default();
        let fault = (0..).find_map(|_| machine.push(Value::Other).err());
        assert_eq!(fault, Some(Fault::Limit("holds more values at once than can be followed")));
    }
}
