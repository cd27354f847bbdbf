//! Looks for pickles in a file and in what it contains. Any bytes may be a pickle, whatever else they look like, so
//! every beginning is walked: what is none ends the walk within a few bytes.

use std::cell::Cell;
use std::io::{self, Read};

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::bytes::{Bytes, Input, Window, is_damage};
use super::kind::{self, Kind};
use super::machine::Fault;
use super::report::{Import, Report, Verdict};
use super::walk::{Expected, Walk};
use super::zip::{Content, Reading};
use super::{names, tar, zip};
use crate::support::escape;

/// So many bytes of one file are unpacked and passed over, a sixteenth of them if they are looked at: some ten seconds.
/// What `torch.save` writes is not packed.
const MOST_UNPACKED: u64 = 4 << 30;
/// A packed archive inside an archive is unpacked into memory, if it is no larger than this.
const LARGEST_NESTED: u64 = 8 << 20;
/// `.nemo`: a tar, a torch file in it, its members.
const DEEPEST: usize = 3;
const MOST_IMPORTS: usize = 1000;
/// `torch.save` began its files with this number, once.
const LEGACY_MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// What loading `bytes` would do.
///
/// # Errors
/// When they cannot be read.
pub(super) fn scan(bytes: &dyn Bytes) -> io::Result<Report> {
    let left = Cell::new(MOST_UNPACKED);
    let mut scan = Scan { left: &left, pickles: false, imports: Vec::new(), broken: None };
    let kind = scan.look(bytes, &Place { member: None, depth: 0, tensor: false })?;
    let verdict = match (scan.imports, &scan.broken) {
        (imports, _) if !imports.is_empty() => Verdict::Imports(imports),
        (_, Some(why)) => return Ok(Report { kind, verdict: Verdict::Unreadable(why.clone()), broken: None }),
        _ if scan.pickles => Verdict::Plain,
        _ => Verdict::NotAPickle,
    };
    Ok(Report { kind, verdict, broken: scan.broken })
}

/// Where the bytes lie that are looked at.
struct Place {
    /// The names of members, from the outside to the inside.
    member: Option<String>,
    depth: usize,
    /// Most likely numbers: that they look like opcodes for a while means nothing.
    tensor: bool,
}

impl Place {
    /// A member that a loader may take for a pickle without looking.
    fn inside(&self, name: &str) -> Self {
        let outer = self.member.as_ref().map(|outer| format!("{outer} > ")).unwrap_or_default();
        Self { member: Some(format!("{outer}{name}")), depth: self.depth + 1, tensor: false }
    }

    /// A member of a zip, most of which are tensors: loaders take those for pickles that are called so.
    fn inside_zip(&self, name: &str) -> Self {
        let tensor = !(name.ends_with(".pkl") || name.ends_with(".pickle"));
        Self { tensor, ..self.inside(name) }
    }

    fn tell(&self, what: &str) -> String {
        match &self.member {
            Some(member) => format!("{} {what}", escape::printable(member)),
            None => format!("it {what}"),
        }
    }
}

struct Scan<'a> {
    left: &'a Cell<u64>,
    pickles: bool,
    imports: Vec<Import>,
    broken: Option<String>,
}

impl Scan<'_> {
    fn look(&mut self, bytes: &dyn Bytes, place: &Place) -> io::Result<Kind> {
        let head = bytes.up_to(0, 512)?;
        let kind = kind::by_beginning(&head, bytes.len());
        // As a pickle, a zip's first letter asks the loader for an object of its own, and a loader that has some (torch)
        // looks for zips before.
        let found = if kind == Kind::Zip { None } else { self.pickles(&mut Input::plain(bytes), place, &head, kind)? };
        match kind {
            Kind::Zip | Kind::Tar | Kind::Compressed if place.depth >= DEEPEST => {
                self.unreadable(place, "is an archive in an archive in an archive");
            }
            Kind::Zip => return self.zip(bytes, place),
            Kind::Tar => self.tar(bytes, place)?,
            Kind::Numpy => self.numpy(&mut Input::plain(bytes), place)?,
            Kind::Compressed => self.compressed(bytes, place, &head)?,
            _ => return Ok(found.unwrap_or(kind)),
        }
        Ok(kind)
    }

    /// Walks the pickles from here on, one after the other.
    fn pickles(&mut self, input: &mut Input<'_>, place: &Place, head: &[u8], kind: Kind) -> io::Result<Option<Kind>> {
        let mut found = None;
        loop {
            let start = input.position();
            let walk = Walk::over(input, place.tensor)?;
            let expected = match found {
                None if place.tensor => Expected::Nothing,
                None if kind == Kind::Other => Expected::Pickle,
                // What follows a pickle of old torch files are tensors.
                Some(Kind::TorchLegacy) => Expected::Nothing,
                _ => Expected::Other,
            };
            if !walk.is_one(expected) {
                return Ok(found);
            }
            self.pickles = true;
            let legacy = head.get(2..).is_some_and(|head| head.starts_with(LEGACY_MAGIC));
            found = Some(if legacy { Kind::TorchLegacy } else { Kind::Pickle });
            self.note(&walk, place);
            if let Some((at, Fault::Broken(why) | Fault::Limit(why))) = walk.fault {
                self.unreadable(place, &format!("breaks off at byte {}: it {why}", start + at));
                return Ok(found);
            }
            match input.peek() {
                Ok([]) => return Ok(found),
                Ok(_) => {}
                Err(error) if is_damage(&error) => return Ok(found),
                Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                    self.unreadable(place, &error.to_string());
                    return Ok(found);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note(&mut self, walk: &Walk, place: &Place) {
        for (module, name) in &walk.refused {
            let dangerous = names::dangerous(module, name);
            let import = Import { module: module.clone(), name: name.clone(), dangerous, member: place.member.clone() };
            if self.imports.len() < MOST_IMPORTS {
                if !self.imports.contains(&import) {
                    self.imports.push(import);
                }
            } else if dangerous {
                self.imports[MOST_IMPORTS - 1] = import;
            }
        }
    }

    fn unreadable(&mut self, place: &Place, what: &str) {
        self.broken.get_or_insert_with(|| place.tell(what));
    }

    fn zip(&mut self, bytes: &dyn Bytes, place: &Place) -> io::Result<Kind> {
        let members = match zip::members(bytes) {
            Ok(members) => members,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.unreadable(place, &format!("is no sound zip: {error}"));
                return Ok(Kind::Zip);
            }
            Err(error) => return Err(error),
        };
        let kind = zip_kind(&members);
        let before = self.imports.len();
        for member in members.iter().filter(|member| member.size > 0 || !member.name.ends_with('/')) {
            let place = place.inside_zip(&member.name);
            match member.content(bytes) {
                Ok(Content::Stored(window)) => drop(self.look(&window, &place)?),
                Ok(Content::Deflated(window)) => {
                    self.packed(&|| Box::new(zip::inflate(window)), member.size, &place)?
                }
                Err(error) if error.kind() == io::ErrorKind::InvalidData => self.unreadable(&place, &error.to_string()),
                Err(error) => return Err(error),
            }
        }
        if kind == Kind::TorchScript {
            // Names of the program itself, which its interpreter looks up in the program.
            let own = |import: &Import| import.module == "__torch__" || import.module.starts_with("__torch__.");
            let mut at = 0;
            self.imports.retain(|import| {
                at += 1;
                at <= before || !(own(import) || import.module == "torch.jit._pickle")
            });
        }
        Ok(kind)
    }

    fn tar(&mut self, bytes: &dyn Bytes, place: &Place) -> io::Result<()> {
        let mut members = tar::Members::of(bytes);
        loop {
            match members.next() {
                Ok(Some((name, window))) => drop(self.look(&window, &place.inside(&name))?),
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    self.unreadable(place, &format!("is no sound tar: {error}"));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// An array of objects is a header and a pickle.
    fn numpy(&mut self, input: &mut Input<'_>, place: &Place) -> io::Result<()> {
        let Some([_, _, _, _, _, _, major, _]) = input.array::<8>()? else { return Ok(()) };
        let length = if major == 1 {
            input.array()?.map(|length| u64::from(u16::from_le_bytes(length)))
        } else {
            input.array()?.map(|length| u64::from(u32::from_le_bytes(length)))
        };
        let Some(header) = length.map(|length| input.take(length, 64 << 10)).transpose()?.flatten() else {
            return Ok(());
        };
        // The header's own words have a small `o`; a capital one is the type `O`.
        if header.contains(&b'O') {
            self.pickles(input, place, &[], Kind::Other)?;
        }
        Ok(())
    }

    fn compressed(&mut self, bytes: &dyn Bytes, place: &Place, head: &[u8]) -> io::Result<()> {
        let window = Window::new(bytes, 0, bytes.len());
        if kind::is_gzip(head) {
            return self.packed(&|| Box::new(MultiGzDecoder::new(Reading(window, 0))), u64::MAX, place);
        }
        if kind::is_zlib(head) {
            return self.packed(&|| Box::new(ZlibDecoder::new(Reading(window, 0))), u64::MAX, place);
        }
        // Joblib unpacks such files by itself; torch and numpy never unpack an archive's members.
        if let (Some(name), None) = (kind::sealed(head), &place.member) {
            self.unreadable(place, &format!("is compressed with {name}, which cannot be looked into"));
        }
        Ok(())
    }

    /// Bytes that must be unpacked, `length` of them; `open` begins anew.
    fn packed<'b>(&mut self, open: &dyn Fn() -> Box<dyn Read + 'b>, length: u64, place: &Place) -> io::Result<()> {
        let left = self.left;
        let mut input = Input::packed(open(), length, left);
        let head = match input.peek() {
            Ok(head) => head.to_vec(),
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                self.unreadable(place, &error.to_string());
                return Ok(());
            }
            // Not what it looked like, or so damaged that nobody can unpack it.
            Err(error) if is_damage(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let kind = kind::by_beginning(&head, length);
        self.pickles(&mut input, place, &head, kind)?;
        match kind {
            Kind::Numpy => self.numpy(&mut Input::packed(open(), length, left), place),
            Kind::Zip | Kind::Tar | Kind::Compressed => {
                let mut unpacked = Vec::new();
                let most = LARGEST_NESTED.min(left.get());
                let read = open().take(most + 1).read_to_end(&mut unpacked);
                left.set(left.get().saturating_sub(unpacked.len() as u64));
                if read.is_err() || unpacked.len() as u64 > most {
                    self.unreadable(
                        place,
                        "is a packed archive that is too large, or too damaged, to be unpacked here",
                    );
                    return Ok(());
                }
                self.look(
                    &unpacked,
                    &Place { member: place.member.clone(), depth: place.depth + 1, tensor: place.tensor },
                )
                .map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn zip_kind(members: &[zip::Member]) -> Kind {
    let inside = |name: &str, wanted: &str| name.split_once('/').is_some_and(|(_, rest)| rest == wanted);
    let has = |wanted| members.iter().any(|member| inside(&member.name, wanted));
    let code = members.iter().any(|m| m.name.split_once('/').is_some_and(|(_, rest)| rest.starts_with("code/")));
    match (has("data.pkl"), has("constants.pkl") && code) {
        (_, true) => Kind::TorchScript,
        (true, false) => Kind::TorchZip,
        (false, false) => Kind::Zip,
    }
}
