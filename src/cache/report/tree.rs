//! The tree that the treemap draws: libraries, models, files; what is small is one.

use super::html::visible;
use super::{Subject, findings};
use crate::cache::inventory::{Found, Unit, UnitKind};
use crate::cache::places::OWN;
use crate::support::quoted;

/// So many models of a library are drawn by name.
const MODELS: usize = 1000;

/// A rectangle to be.
#[derive(Debug)]
pub(super) struct Node {
    /// As it may be shown.
    pub(super) name: String,
    /// What it takes on the disk, in bytes: of what has children, their sum.
    pub(super) size: u64,
    /// When it was used last, in seconds since 1970.
    pub(super) used: Option<i64>,
    pub(super) children: Vec<Node>,
}

/// The whole, with a child for each place that holds something, the largest first.
pub(super) fn tree(subject: &Subject<'_>) -> Node {
    let places = findings::places(subject);
    let mut children: Vec<Node> = places.map(|found| place(subject, found)).filter(|node| node.size > 0).collect();
    children.extend(trash(subject, &children));
    sort(&mut children);
    node("everything", 0, None, children)
}

/// What was removed, but for files that have names elsewhere, too.
fn trash(subject: &Subject<'_>, others: &[Node]) -> Option<Node> {
    let drawn = others.iter().map(|node| node.size).fold(0, u64::saturating_add);
    let left = subject.inventory.total.disk.saturating_sub(drawn);
    let size = subject.inventory.trash.disk.min(left);
    (size > 0).then(|| node("trash (can be brought back)", size, None, Vec::new()))
}

fn place(subject: &Subject<'_>, found: &Found) -> Node {
    let mut children: Vec<Node> = found.units.iter().map(|unit| self::unit(subject, unit)).collect();
    children.retain(|node| node.size > 0);
    sort(&mut children);
    if children.len() > MODELS {
        let rest = children.split_off(MODELS - 1);
        let size = rest.iter().map(|node| node.size).fold(0, u64::saturating_add);
        let used = rest.iter().filter_map(|node| node.used).max();
        children.push(Node { name: format!("{} smaller ones", rest.len()), size, used, children: Vec::new() });
    }
    node(&findings::place(subject, found), found.sizes.disk, None, children)
}

fn unit(subject: &Subject<'_>, unit: &Unit) -> Node {
    let used = used(subject, unit);
    let leaves = subject.contents.files.get(&unit.path).map(Vec::as_slice).unwrap_or_default();
    let mut children: Vec<Node> = leaves.iter().map(|leaf| node(&leaf.name, leaf.disk, used, Vec::new())).collect();
    // What is drawn with another model is not drawn twice.
    let size = unit.sizes.disk.saturating_sub(unit.elsewhere);
    let sum = children.iter().map(|child| child.size).fold(0, u64::saturating_add);
    match size.checked_sub(sum) {
        Some(rest) if rest > 0 && sum > 0 => children.push(node("folders and the rest", rest, used, Vec::new())),
        Some(_) => {}
        None => children.clear(),
    }
    sort(&mut children);
    node(&unit_name(unit), size, used, children)
}

/// What a model is called.
pub(super) fn unit_name(unit: &Unit) -> String {
    match unit.kind {
        UnitKind::Store if unit.sizes.files > 0 => "shared store (used by nobody)".to_owned(),
        UnitKind::Store => "shared store (locks, marks)".to_owned(),
        UnitKind::Rest => "small files".to_owned(),
        UnitKind::Own if unit.name == OWN => "notes of modelstrap".to_owned(),
        UnitKind::Own => format!("{} (locks, marks)", quoted::shown(&unit.name)),
        UnitKind::File | UnitKind::Folder | UnitKind::Ollama | UnitKind::Repository(_) => quoted::shown(&unit.name),
    }
}

/// When it was used last: by the disk's memory, or by our own.
pub(super) fn used(subject: &Subject<'_>, unit: &Unit) -> Option<i64> {
    let noted = unit.path.strip_prefix(subject.cache_root).ok().and_then(|path| subject.uses.get(path));
    unit.used.max(noted.copied())
}

fn node(name: &str, size: u64, used: Option<i64>, children: Vec<Node>) -> Node {
    let sum = children.iter().map(|child| child.size).fold(0, u64::saturating_add);
    let used = used.or_else(|| children.iter().filter_map(|child| child.used).max());
    Node { name: visible(name), size: if children.is_empty() { size } else { sum }, used, children }
}

fn sort(nodes: &mut [Node]) {
    nodes.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.name.cmp(&other.name)));
}

/// How long ago something was used, in classes that have a colour each; the last is for what nobody knows.
pub(super) fn age(now: i64, used: Option<i64>) -> usize {
    let Some(used) = used else { return 5 };
    let days = now.saturating_sub(used).div_euclid(86_400);
    [7, 30, 90, 365].iter().position(|limit| days <= *limit).unwrap_or(4)
}
