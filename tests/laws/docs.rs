//! What a document says of the source: every folder is explained, once, and none that there is not.

use super::{below, read, root};

/// The folders of `src` that the table of rooms does not have, has twice, or has although there is none.
fn misnamed(folders: &[String], architecture: &str) -> Vec<String> {
    let folder = |name: &str| Some(format!("src/{}", name.strip_prefix('`')?.strip_suffix("/`")?));
    // A first column of nothing but names: | `a/`, `a/b/` | what for |
    let row = |line: &str| -> Option<Vec<String>> {
        line.strip_prefix("| ")?.split(" | ").next()?.split(", ").map(folder).collect()
    };
    let named: Vec<String> = architecture.lines().filter_map(row).flatten().collect();
    let rows = |folder: &String| named.iter().filter(|name| *name == folder).count();
    let of_the_source = folders.iter().filter(|folder| rows(folder) != 1).map(|folder| match rows(folder) {
        0 => format!("{folder} has no row"),
        many => format!("{folder} has {many} rows"),
    });
    let of_the_table =
        named.iter().filter(|name| !folders.contains(name)).map(|name| format!("{name} is no folder of the source"));
    of_the_source.chain(of_the_table).collect()
}

#[test]
fn every_folder_of_the_source_is_explained() {
    let folders: Vec<String> = below("src").into_iter().filter(|(_, folder)| *folder).map(|(path, _)| path).collect();
    let architecture = read(&root().join("ARCHITECTURE.md"));
    assert_eq!(misnamed(&folders, &architecture), Vec::<String>::new(), "ARCHITECTURE.md says what each folder is for");
}

#[test]
fn a_folder_that_no_document_names_is_found() {
    let folders = ["src/plan", "src/ui", "src/platform/sys", "src/fetch"].map(String::from);
    let architecture = "\
| folder of `src/` | what it is for |
|---|---|
| `plan/` | changes as data; `ui/` shows them |
| `gui/`, `platform/sys/` | the unsafe room |
| `fetch/` | downloads |
| `fetch/` | downloads |
| Only `plan/`, `fetch/`, and so on | a law |
";
    assert_eq!(
        misnamed(&folders, architecture),
        ["src/ui has no row", "src/fetch has 2 rows", "src/gui is no folder of the source"]
    );
}
