//! Whose work a commit in the cache is.

use super::*;
use crate::models::hub::place::finish;
use crate::models::hub::place::tests::{Cache, file, place};

/// The commit of [`place`], asked for by itself.
fn pinned() -> HubPlace {
    HubPlace { requested: place().commit, ..place() }
}

#[test]
fn a_branch_that_another_program_wrote_keeps_a_commit() {
    for requested in [place().commit, "v1".to_owned()] {
        let cache = Cache::new(true);
        let ours = HubPlace { requested, ..place() };
        fs::create_dir_all(cache.at("refs")).unwrap();
        fs::write(cache.at("refs/main"), place().commit).unwrap();
        cache.put(&ours, &file("x", 1));
        finish(&ours, &[file("x", 1)], &cache.homes, Some("p")).unwrap();
        assert!(is_used(&ours, &[file("x", 1)], &cache.homes, &|id| id == "p").unwrap());
    }
}

#[test]
fn a_file_that_another_program_brought_keeps_a_commit_and_our_own_earlier_ones_do_not() {
    let cache = Cache::new(true);
    let is_used = |files: &[File]| is_used(&pinned(), files, &cache.homes, &|id| id == "p").unwrap();
    let install = || {
        for files in [[file("x", 1)], [file("y", 2)]] {
            cache.put(&pinned(), &files[0]);
            finish(&pinned(), &files, &cache.homes, Some("p")).unwrap();
        }
    };
    install();
    fs::write(cache.in_snapshot("other.bin"), "foreign").unwrap();
    assert!(is_used(&[file("y", 2)]));
    fs::remove_file(cache.in_snapshot("other.bin")).unwrap();
    install();
    fs::write(cache.in_snapshot(".DS_Store"), "").unwrap();
    assert!(!is_used(&[file("y", 2)]));
    let going = going(&pinned(), &[file("y", 2)], &cache.homes).unwrap();
    assert!(going.iter().any(|path| path.ends_with(".DS_Store")), "{going:?}");
}

#[test]
fn a_commit_that_was_ours_as_a_whole_has_no_foreign_files_when_less_of_it_is_wanted() {
    let cache = Cache::new(true);
    let (whole, files) = (HubPlace { complete: true, ..place() }, [file("x", 1), file("y", 2)]);
    files.iter().for_each(|file| drop(cache.put(&whole, file)));
    finish(&whole, &files, &cache.homes, Some("p")).unwrap();
    finish(&place(), &files[..1], &cache.homes, Some("p")).unwrap();
    assert!(!is_used(&place(), &files[..1], &cache.homes, &|id| id == "p").unwrap());
}

#[test]
fn a_commit_that_another_project_had_pinned_can_be_removed_when_both_have_let_go() {
    let cache = Cache::new(true);
    let files = [file("x", 1)];
    cache.put(&place(), &files[0]);
    finish(&place(), &files, &cache.homes, Some("one")).unwrap();
    finish(&pinned(), &files, &cache.homes, Some("two")).unwrap();
    release(&pinned(), &cache.homes, &|id| id == "two").unwrap();
    assert!(!is_used(&place(), &files, &cache.homes, &|id| id == "one").unwrap());
    release(&place(), &cache.homes, &|id| id == "one").unwrap();
    assert!(!cache.at("refs").join(place().commit).exists(), "`hf cache prune` may take it");
    assert!(!is_used(&place(), &files, &cache.homes, &|id| id == "one").unwrap());
}
