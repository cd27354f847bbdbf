//! Lists of names that are made up: one file for each inode, none that is alone with its size, in the order of paths.

use std::path::Path;

use proptest::prelude::*;

use super::made::{self, Made};
use super::*;

fn made(inode: u64, size: u64, place: usize, path: &str) -> Made {
    let stamp = Stamp { id: (1, inode), size, names: 1, ..Stamp::default() };
    Made { stamp, owner: (0, 0), place, role: Role::Plain, path: path.into() }
}

fn said(files: &Files) -> Vec<String> {
    let names = |file: File<'_>| file.names().map(|name| name.path().display().to_string()).collect::<Vec<_>>();
    files.iter().map(|file| format!("{} {}", file.size(), names(file).join(" "))).collect()
}

#[test]
fn names_of_one_inode_are_one_file_and_sizes_that_no_other_has_are_left_out() {
    let mut files = made::list(&[
        made(2, 5, 0, "/a/b/x"),
        made(1, 5, 0, "/a/z"),
        made(1, 5, 0, "/a/b/y"),
        made(3, 7, 0, "/a/alone"),
        made(4, 9, 0, "/a/two names"),
        made(4, 9, 0, "/a/of one file"),
        made(0, 6, 1, "/c/x"),
        made(5, 6, 0, "/d/y"),
    ]);
    assert_eq!(files.settle(), 6);
    assert_eq!(said(&files), ["5 /a/z /a/b/y", "5 /a/b/x", "6 /d/y", "6 /c/x"]);
    assert!(files.file(0).known().is_none());
    files.order_names(0, |name| *name.file() != *"y");
    assert_eq!(said(&files)[0], "5 /a/b/y /a/z");
}

#[test]
fn what_is_told_of_files_is_found_again_and_the_first_counts() {
    let names: Vec<Made> = (1..9).map(|inode| made(inode, 5, 0, &format!("/a/{inode}"))).collect();
    let mut files = made::list(&names);
    files.settle();
    let digest = |byte: u8| Digest::Git([byte; 20]);
    files.tell(vec![(5, digest(2)), (3, digest(9)), (5, digest(1))]);
    files.tell(vec![(4, digest(7))]);
    let known: Vec<Option<Digest>> = files.iter().map(File::known).collect();
    let expected = [None, None, None, Some(digest(9)), Some(digest(7)), Some(digest(1)), None, None];
    assert_eq!(known, expected);
}

proptest! {
    #[test]
    fn names_are_in_the_order_of_their_paths(mut paths in proptest::collection::vec("(/(a|b|-|a-|a[.]|b-a)){1,4}", 2..20)) {
        paths.sort_unstable();
        paths.dedup();
        let mut files = Files::default();
        let root = files.tree.root(Path::new("/"), 0, Role::Plain).unwrap();
        let mut folders = std::collections::HashMap::from([(std::path::PathBuf::from("/"), root)]);
        for (inode, path) in (1..).zip(&paths) {
            let path = Path::new(path);
            let (folder, name) = (path.parent().unwrap(), path.file_name().unwrap());
            let mut above = root;
            let mut so_far = std::path::PathBuf::from("/");
            for part in folder.components().skip(1) {
                so_far.push(part);
                let known = folders.get(&so_far).copied();
                above = known.unwrap_or_else(|| files.tree.folder(above, part.as_os_str(), Role::Plain).unwrap());
                folders.insert(so_far.clone(), above);
            }
            let stamp = Stamp { id: (1, inode), size: 1, ..Stamp::default() };
            prop_assert!(files.add(above, name, &stamp, (0, 0)));
        }
        files.settle();
        let found: Vec<std::path::PathBuf> = files.iter().map(|file| file.name().path()).collect();
        let key = |path: &Path| (path.parent().map(Path::to_path_buf), path.file_name().map(OsStr::to_os_string));
        prop_assert!(found.len() == paths.len() || paths.len() < 2);
        prop_assert!(found.windows(2).all(|two| key(&two[0]) < key(&two[1])), "{found:?}");
        for one in files.iter() {
            for other in files.iter() {
                let (first, second) = (one.name(), other.name());
                prop_assert_eq!(first.compare(second), first.path().cmp(&second.path()));
            }
        }
    }
}
