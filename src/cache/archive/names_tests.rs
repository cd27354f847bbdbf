//! Which names are refused, what a name is in a hub, what stays out, and where links lead.

use super::*;

fn name(text: &str) -> Name {
    Name::of(text.as_bytes(), Os::Linux).unwrap()
}

#[test]
fn hostile_names_are_refused_and_strange_ones_are_not() {
    for (bytes, why) in [
        (b"".as_slice(), "is empty or longer than 4,095 bytes"),
        (b"/etc/passwd", "is absolute"),
        (b"\\\\host\\share", "is absolute"),
        (b"C:/x", "names a drive"),
        (b"c:x", "names a drive"),
        (b"a/../b", "leads upwards with `..`"),
        (b"..", "leads upwards with `..`"),
        (b"a/..\\..\\b", "leads upwards with `..`"),
        (b"a//b", "has a part that is empty or `.`"),
        (b"a/./b", "has a part that is empty or `.`"),
        (b"a/", "has a part that is empty or `.`"),
        (b"a\0b", "holds a NUL"),
    ] {
        assert_eq!(Name::of(bytes, Os::Linux), Err(why), "{}", shown(bytes));
    }
    for good in [b"a/b".as_slice(), b"torch/a\nb", b"torch/\xff\x1b[31m", b"a/...", b"a/b c", b"a/\xe6\xa8\xa1"] {
        assert_eq!(Name::of(good, Os::Linux).unwrap().bytes(), good);
    }
    for bad in [b"a/con".as_slice(), b"a/b:c", b"a/x ", b"a/y.", b"a\\b", b"a/\xff", b"a/COM1.txt", b"a/\n"] {
        assert!(Name::of(bad, Os::Windows).is_err(), "{}", shown(bad));
    }
    assert!(Name::of(&[b'a'; 256], Os::Linux).is_err());
}

#[test]
fn what_a_name_is_in_a_hub_is_told_by_its_place() {
    let stores = [b"huggingface/hub".to_vec()];
    let hash = "ab".repeat(32);
    for (text, role) in [
        ("huggingface/hub/models--a--b/blobs/x", Role::Blob),
        ("huggingface/hub/models--a--b/blobs/x/y", Role::Plain),
        ("huggingface/hub/datasets--a/snapshots/c/d/e", Role::Snapshot),
        ("huggingface/hub/models--a/refs/refs/pr/1", Role::Reference),
        ("huggingface/hub/models--a/trees/c.json", Role::Tree),
        ("huggingface/hub/models--a/.no_exist/c/f", Role::NoExist),
        ("huggingface/hub/blobs/.huggingface-shared-blobs", Role::Marker),
        (&format!("huggingface/hub/blobs/ab/{hash}"), Role::Payload),
        (&format!("huggingface/hub/blobs/ab/{hash}.refs"), Role::Users),
        (&format!("huggingface/hub/blobs/cd/{hash}"), Role::Plain),
        (&format!("other/hub/blobs/ab/{hash}"), Role::Plain),
        ("models--a", Role::Plain),
        ("torch/hub/checkpoints/x.pth", Role::Plain),
    ] {
        assert_eq!(name(text).role(&stores), role, "{text}");
    }
}

#[test]
fn logins_locks_and_unfinished_files_stay_where_they_are() {
    for out in [
        "huggingface/token",
        "huggingface/stored_tokens",
        "modelscope/credentials/session",
        "huggingface/hub/.locks/models--a/x.lock",
        "huggingface/hub/models--a/blobs/x.1a.incomplete",
        "huggingface/hub/models--a/.modelstrap/brought-c",
        "huggingface/hub/blobs/ab/abababababababababababababababababababababababababababababababab.lock",
        "whisper/.modelstrap/partials/x.part",
        ".modelstrap/projects/a.json",
        "torch/.x.modelstrap-12",
        "torch/hub/trusted_list",
        "torch/hub/owner_repo_main/.git/config",
        "huggingface/hub/models--a/snapshots/c/.GIT/hooks/x",
        ".ssh/authorized_keys",
    ] {
        assert!(name(out).kept_out().is_some(), "{out}");
    }
    for stays in [
        "huggingface/hub/models--a/snapshots/c/token",
        "huggingface/hub/models--a/snapshots/c/poetry.lock",
        "torch/hub/owner_repo_main/poetry.lock",
        "huggingface/hub/models--a/blobs/x",
    ] {
        assert_eq!(name(stays).kept_out(), None, "{stays}");
    }
}

#[test]
fn a_link_is_followed_by_its_letters_and_never_above_the_root() {
    let resolved =
        |from: &str, to: &str| resolve(from.as_bytes(), to.as_bytes()).map(|b| String::from_utf8(b).unwrap());
    assert_eq!(resolved("a/snapshots/c", "../../blobs/x").as_deref(), Some("a/blobs/x"));
    assert_eq!(resolved("a", "b").as_deref(), Some("a/b"));
    for (from, to) in [("a", "../.."), ("a", ".."), ("a", "/etc"), ("a/b", "../../../etc"), ("a", "")] {
        assert_eq!(resolved(from, to), None, "{from} {to}");
    }
    assert_eq!(relative(b"a/snapshots/c/d", b"a/blobs/x"), b"../../../blobs/x");
    assert_eq!(relative(b"a", b"a/x"), b"x");
}

proptest::proptest! {
    #[test]
    fn every_name_survives_the_index(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
        proptest::prop_assert_eq!(decode(&encode(&bytes)), Some(bytes.clone()));
        if let Ok(name) = Name::of(&bytes, Os::Linux) {
            let _ = (name.role(&[]), name.kept_out(), name.to_string());
            let there = to_path(name.bytes());
            proptest::prop_assert!(there.is_relative() && !crate::support::paths::has_parent_component(&there));
        }
    }

    #[test]
    fn a_relative_link_leads_where_it_should(from in "[ab]{1,2}(/[ab]{1,2}){0,3}", to in "[ab]{1,2}(/[ab]{1,2}){0,3}") {
        let link = relative(from.as_bytes(), to.as_bytes());
        if !link.is_empty() {
            proptest::prop_assert_eq!(resolve(from.as_bytes(), &link), Some(to.into_bytes()));
        }
    }
}
