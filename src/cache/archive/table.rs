//! The names of an archive without a million boxes: a folder is written once, a name is its folder and some letters, and what it is
//! a tag with a number. Of what, whoever holds the table knows.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use super::letters::Letters;
use super::names::Name;

/// No folder: what lies in it has one part.
const NONE: u32 = u32::MAX;
/// Numbers have so many bits, and the tag the two above.
const BITS: u32 = 30;

/// What has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// Another name for the content of a file.
    Same,
    /// A link.
    Link,
    /// A folder with nothing in it.
    Folder,
}

/// There is no room for one more: 4 GiB of letters, or a billion names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are more names than an archive takes")]
pub struct Full;

/// A folder that something lies in.
#[derive(Debug, Clone, Copy)]
struct Folder {
    above: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    folder: u32,
    last: u32,
    tag: u32,
}

/// What a link says: the part up to the last `/`, which many have in common, and the rest.
#[derive(Debug, Clone, Copy)]
struct Target {
    folder: u32,
    last: u32,
}

/// Names, with what each is.
#[derive(Debug, Clone, Default)]
pub struct Table {
    letters: Letters,
    folders: Vec<Folder>,
    rows: Vec<Row>,
    targets: Vec<Target>,
    /// The folders that links say, with the places of their letters.
    said: HashMap<Box<[u8]>, u32>,
    /// The folder that was asked for last, and its number.
    recent: (Vec<u8>, Option<u32>),
}

impl Table {
    /// The number of the folder `path`: one that is asked for again after others have it only where they lay in it.
    ///
    /// # Errors
    /// When it is full.
    pub fn folder(&mut self, path: &[u8]) -> Result<u32, Full> {
        let (mut known, number) = std::mem::take(&mut self.recent);
        let mut number = number.unwrap_or(NONE);
        while !(known.is_empty()
            || path.strip_prefix(&known[..]).is_some_and(|rest| rest.is_empty() || rest[0] == b'/'))
        {
            number = self.folders.get(number as usize).map_or(NONE, |folder| folder.above);
            known.truncate(known.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
        }
        for part in path[known.len()..].split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            number = self.inside(number, part)?;
        }
        self.recent = (path.to_vec(), Some(number));
        Ok(number)
    }

    /// A new folder called `last` in the folder `above`.
    ///
    /// # Errors
    /// When it is full.
    pub fn inside(&mut self, above: u32, last: &[u8]) -> Result<u32, Full> {
        let last = self.letters.put(last).ok_or(Full)?;
        self.folders.push(Folder { above, last });
        u32::try_from(self.folders.len() - 1).ok().filter(|number| *number != NONE).ok_or(Full)
    }

    /// One name more: `last` in that folder.
    ///
    /// # Errors
    /// When it is full.
    pub fn push(&mut self, folder: u32, last: &[u8], kind: Kind, number: usize) -> Result<(), Full> {
        let tag = tag(kind, number)?;
        // Their places are numbers, too.
        let _ = self::tag(kind, self.rows.len())?;
        let last = self.letters.put(last).ok_or(Full)?;
        self.rows.push(Row { folder, last, tag });
        Ok(())
    }

    /// What a link says; gives its number.
    ///
    /// # Errors
    /// When it is full.
    pub fn target(&mut self, to: &[u8]) -> Result<usize, Full> {
        let end = to.iter().rposition(|byte| *byte == b'/');
        let folder = match end.map(|end| &to[..end]) {
            None => NONE,
            Some(folder) => match self.said.get(folder) {
                Some(known) => *known,
                None => {
                    let place = self.letters.put(folder).filter(|place| *place != NONE).ok_or(Full)?;
                    self.said.insert(folder.into(), place);
                    place
                }
            },
        };
        let last = self.letters.put(&to[end.map_or(0, |end| end + 1)..]).ok_or(Full)?;
        self.targets.push(Target { folder, last });
        Ok(self.targets.len() - 1)
    }

    /// What the link of that number says.
    pub fn said(&self, number: usize) -> Vec<u8> {
        let Some(target) = self.targets.get(number) else { return Vec::new() };
        let mut to = Vec::new();
        if target.folder != NONE {
            to.extend(self.letters.get(target.folder));
            to.push(b'/');
        }
        to.extend(self.letters.get(target.last));
        to
    }

    /// What the name at `at` is, and the number of that.
    pub fn kind(&self, at: usize) -> (Kind, usize) {
        let tag = self.rows[at].tag;
        let kind = match tag >> BITS {
            0 => Kind::File,
            1 => Kind::Same,
            2 => Kind::Link,
            _ => Kind::Folder,
        };
        (kind, (tag & ((1 << BITS) - 1)) as usize)
    }

    /// The name at `at` is something else. A number that no table has changes nothing.
    pub fn set(&mut self, at: usize, kind: Kind, number: usize) {
        if let Ok(tag) = tag(kind, number) {
            self.rows[at].tag = tag;
        }
    }

    /// How many names there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The name at `at`.
    pub fn name(&self, at: usize) -> Name {
        let mut bytes = Vec::with_capacity(128);
        self.spell(self.rows[at], &mut bytes);
        Name::known(bytes)
    }

    /// The number of the folder that the name at `at` lies in.
    pub fn folder_of(&self, at: usize) -> u32 {
        self.rows[at].folder
    }

    fn spell(&self, row: Row, bytes: &mut Vec<u8>) {
        self.spell_folder(row.folder, bytes);
        bytes.extend(self.letters.get(row.last));
    }

    fn spell_folder(&self, number: u32, bytes: &mut Vec<u8>) {
        let Some(folder) = self.folders.get(number as usize) else { return };
        self.spell_folder(folder.above, bytes);
        bytes.extend(self.letters.get(folder.last));
        bytes.push(b'/');
    }

    /// Sorts by name; of two of one name the first that came stays.
    pub fn sort(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        let other = RefCell::new(Vec::new());
        rows.sort_by(|one, two| {
            if one.folder == two.folder {
                return self.letters.get(one.last).cmp(self.letters.get(two.last));
            }
            let mut other = other.borrow_mut();
            other.clear();
            self.spell(*two, &mut other);
            self.compare(*one, &other)
        });
        rows.dedup_by(|one, kept| {
            let mut other = other.borrow_mut();
            other.clear();
            self.spell(*kept, &mut other);
            self.compare(*one, &other).is_eq()
        });
        self.rows = rows;
    }

    /// Leaves out the names of which `kept` does not say that they stay.
    pub fn retain(&mut self, kept: &[bool]) {
        let mut kept = kept.iter();
        self.rows.retain(|_| kept.next() == Some(&true));
    }

    /// Gives back the room that nothing needs once all names are there.
    pub fn settle(&mut self) {
        self.letters.settle();
        self.rows.shrink_to_fit();
        self.folders.shrink_to_fit();
        self.targets.shrink_to_fit();
        self.said = HashMap::new();
    }

    /// Where `name` is, or would be. They must be sorted.
    pub fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| self.compare(*row, name))
    }

    /// Where `name` is, in a table that is sorted.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.search(name).ok()
    }

    /// Whether something is called `name`, or lies in a folder of that name, in a table that is sorted.
    pub fn leads(&self, name: &[u8]) -> bool {
        let below = || {
            let inside = [name, b"/"].concat();
            let (Ok(at) | Err(at)) = self.search(&inside);
            at < self.len() && self.name(at).bytes().starts_with(&inside)
        };
        self.find(name).is_some() || below()
    }

    fn compare(&self, row: Row, name: &[u8]) -> Ordering {
        match self.after_folder(row.folder, name).and_then(|rest| after(self.letters.get(row.last), rest)) {
            Ok([]) => Ordering::Equal,
            Ok(_) => Ordering::Less,
            Err(order) => order,
        }
    }

    /// What of `name` follows this folder, or which of them comes first.
    fn after_folder<'n>(&self, number: u32, name: &'n [u8]) -> Result<&'n [u8], Ordering> {
        let Some(folder) = self.folders.get(number as usize) else { return Ok(name) };
        let rest = self.after_folder(folder.above, name)?;
        after(self.letters.get(folder.last).chain([b'/']), rest)
    }
}

/// What of `name` follows `text`, or which of them comes first.
fn after(text: impl Iterator<Item = u8>, name: &[u8]) -> Result<&[u8], Ordering> {
    let mut rest = name;
    for byte in text {
        match rest.split_first() {
            Some((first, others)) if *first == byte => rest = others,
            Some((first, _)) => return Err(byte.cmp(first)),
            None => return Err(Ordering::Greater),
        }
    }
    Ok(rest)
}

fn tag(kind: Kind, number: usize) -> Result<u32, Full> {
    let tag = match kind {
        Kind::File => 0,
        Kind::Same => 1,
        Kind::Link => 2,
        Kind::Folder => 3,
    };
    let number = u32::try_from(number).ok().filter(|number| *number < 1 << BITS).ok_or(Full)?;
    Ok(tag << BITS | number)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn table(names: &[Vec<u8>]) -> Table {
        let mut table = Table::default();
        for (number, name) in names.iter().enumerate() {
            let (folder, last) = match name.iter().rposition(|byte| *byte == b'/') {
                Some(end) => (table.folder(&name[..end]).unwrap(), &name[end + 1..]),
                None => (table.folder(b"").unwrap(), &name[..]),
            };
            table.push(folder, last, Kind::File, number).unwrap();
        }
        table.sort();
        table
    }

    proptest::proptest! {
        #[test]
        fn names_are_sorted_and_found_as_the_bytes_that_they_are(
            names in proptest::collection::vec("[ab-](/?[ab-]){0,5}|[ab](/[0-9a-f]{16}(.refs)?)", 0..20), other in "[ab-](/?[ab-]){0,5}"
        ) {
            let names: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
            let table = table(&names);
            let sorted: Vec<Vec<u8>> = names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
            let found: Vec<Vec<u8>> = (0..table.len()).map(|at| table.name(at).bytes().to_vec()).collect();
            proptest::prop_assert_eq!(&found, &sorted);
            for name in sorted.iter().chain([&other.into_bytes()]) {
                proptest::prop_assert_eq!(table.search(name), sorted.binary_search(name));
                let leads = sorted.iter().any(|one| one == name || one.starts_with(&[&name[..], b"/"].concat()));
                proptest::prop_assert_eq!(table.leads(name), leads);
            }
        }

        #[test]
        fn what_a_link_says_comes_back(texts in proptest::collection::vec("[a./]{0,9}(/[0-9a-f]{40})?", 0..9)) {
            let mut table = Table::default();
            let numbers: Vec<usize> = texts.iter().map(|text| table.target(text.as_bytes()).unwrap()).collect();
            for (text, number) in texts.iter().zip(numbers) {
                proptest::prop_assert_eq!(table.said(number), text.as_bytes());
            }
        }
    }

    #[test]
    fn of_two_of_one_name_the_first_stays_and_what_a_name_is_can_change() {
        let mut table = table(&[b"b/x".to_vec(), b"a".to_vec(), b"b/x".to_vec()]);
        assert_eq!((table.len(), table.kind(0), table.kind(1)), (2, (Kind::File, 1), (Kind::File, 0)));
        table.set(1, Kind::Same, 7);
        table.set(1, Kind::Same, 1 << BITS);
        assert_eq!(table.kind(1), (Kind::Same, 7));
        table.retain(&[false, true]);
        assert_eq!((table.len(), table.name(0).bytes()), (1, &b"b/x"[..]));
        assert_eq!((size_of::<Row>(), size_of::<Folder>(), size_of::<Target>()), (12, 8, 8));
    }
}
