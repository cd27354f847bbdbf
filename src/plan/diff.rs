//! What an edit changes, as the lines that a person reads.

use similar::{ChangeTag, TextDiff};

use super::{Edit, Kind, State, block};

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `+` added, `-` removed, a space for context, `@` for a gap.
    pub sign: char,
    /// The line, without its end, safe to print.
    pub text: String,
}

/// How an edit shows in a list: what happens, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing was there.
    Create,
    /// Something of it changes.
    Change,
}

impl Edit {
    /// Whether it creates or changes.
    pub fn action(&self) -> Action {
        if self.before == State::Absent { Action::Create } else { Action::Change }
    }

    /// How many lines it adds and removes; (0, 0) for folders and links.
    pub fn line_counts(&self) -> (usize, usize) {
        let lines = self.lines(0);
        let count = |sign| lines.iter().filter(|line| line.sign == sign).count();
        (count('+'), count('-'))
    }

    /// What of a state is compared: the file, or only our block in it. The lines around a block are the person's own,
    /// and in a `.env` they may be secrets, which must not reach a log.
    fn text(&self, state: &State) -> String {
        let bytes = state.bytes().unwrap_or_default();
        let part = match (self.kind, block::find(bytes)) {
            (Kind::Block, Ok(Some(found))) => &bytes[found.span],
            (Kind::Block, _) => &[],
            _ => bytes,
        };
        String::from_utf8_lossy(part).into_owned()
    }

    /// The diff, with `context` unchanged lines around each change.
    pub fn lines(&self, context: usize) -> Vec<Line> {
        let (before, after) = (self.text(&self.before), self.text(&self.after));
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        let mut lines = Vec::new();
        for (index, group) in diff.grouped_ops(context).iter().enumerate() {
            if index > 0 {
                lines.push(Line { sign: '@', text: String::new() });
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                let sign = match change.tag() {
                    ChangeTag::Insert => '+',
                    ChangeTag::Delete => '-',
                    ChangeTag::Equal => ' ',
                };
                let value = change.value();
                let bare = value.strip_suffix('\n').map_or(value, |line| line.strip_suffix('\r').unwrap_or(line));
                lines.push(Line { sign, text: crate::support::escape::printable(bare) });
            }
        }
        lines
    }
}
