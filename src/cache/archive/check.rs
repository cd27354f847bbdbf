//! Whether the members of an index fit each other: what a stranger's index is held against before any of it is used.

use super::index::Index;
use super::members::{Members, What};
use super::names::{self, Role};
use super::table::Kind;

/// The longest reference, in bytes.
const LONGEST_REFERENCE: u64 = 4096;

/// Refuses an index whose members do not fit each other, or its head.
///
/// # Errors
/// Which member does not, and why.
pub(super) fn check(index: &Index) -> Result<(), String> {
    let members = &index.members;
    if index.head.entries != members.len() as u64 {
        return Err("it has fewer members than it says".to_owned());
    }
    let stores = index.stores();
    for at in 0..members.len() {
        if let Some(why) = flaw(members, at, &stores) {
            return Err(format!("the member {} {why}", members.name(at)));
        }
    }
    if members.bytes() != index.head.bytes { Err("its sizes do not add up".to_owned()) } else { Ok(()) }
}

/// Why the member `at` is refused.
fn flaw(members: &Members, at: usize, stores: &[Vec<u8>]) -> Option<String> {
    let name = members.name(at);
    if name.parts().count() < 2 {
        return Some("lies in no library's folder".to_owned());
    }
    if let Some(what) = name.kept_out() {
        return Some(format!("is {what}, which no archive of modelstrap holds"));
    }
    if through_a_member(members, at) {
        return Some("lies below another member that is no folder".to_owned());
    }
    let is_reference = name.role(stores) == Role::Reference;
    let why = match members.what(at) {
        What::File { size, .. } if is_reference && size > LONGEST_REFERENCE => "is a reference, and too long for one",
        What::Same { of, with } => {
            let twin = |what: What| matches!(what, What::Same { of: its, .. } if its == of);
            if with > at || (with != of && with != at && !twin(members.what(with))) {
                "is one file with a member of another content"
            } else if of >= at || members.kind(of) != Kind::File || is_reference {
                "is a second name of no content"
            } else {
                return None;
            }
        }
        What::Link { to } if !names::resolve(name.folder(), &to).is_some_and(|to| members.leads(&to)) => {
            "is a link to nothing in the archive"
        }
        What::File { .. } | What::Link { .. } | What::Folder => return None,
    };
    Some(why.to_owned())
}

/// Whether a folder that the member lies in is a member that is none.
fn through_a_member(members: &Members, at: usize) -> bool {
    // The one before lies there too, and was looked at.
    let before = at.checked_sub(1);
    if before.is_some_and(|before| members.folder_of(before) == members.folder_of(at)) {
        return false;
    }
    let before = before.map(|before| members.name(before));
    let before = before.as_ref().map_or(&b""[..], |before| before.folder());
    let name = members.name(at);
    let name = name.bytes();
    let ends = name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
    for end in ends {
        if before.len() >= end && before[..end] == name[..end] && before.get(end).is_none_or(|byte| *byte == b'/') {
            continue;
        }
        if members.find(&name[..end]).is_some_and(|above| members.kind(above) != Kind::Folder) {
            return true;
        }
    }
    false
}
