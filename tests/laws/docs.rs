//! What a document says of the source: every folder is explained.

use super::{below, read, root};

/// The folders of `src` that a description of the house does not name.
fn unnamed(folders: &[String], architecture: &str) -> Vec<String> {
    let names = |folder: &String| {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        architecture
            .match_indices(&format!("{name}/"))
            .any(|(at, _)| !architecture[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
    };
    folders.iter().filter(|folder| !names(folder)).cloned().collect()
}

#[test]
fn every_folder_of_the_source_is_explained() {
    let path = root().join("ARCHITECTURE.md");
    if !path.exists() {
        println!("skipped: ARCHITECTURE.md is not written yet, so it cannot name the folders of src");
        return;
    }
    let folders: Vec<String> = below("src").into_iter().filter(|(_, folder)| *folder).map(|(path, _)| path).collect();
    assert_eq!(unnamed(&folders, &read(&path)), Vec::<String>::new(), "ARCHITECTURE.md says what each folder is for");
}

#[test]
fn a_folder_that_no_document_names_is_found() {
    let folders = ["src/plan", "src/ui", "src/platform/sys"].map(String::from);
    let architecture = "- `plan/`: changes as data\n- `gui/`, `platform/sys/`: the unsafe room\n";
    assert_eq!(unnamed(&folders, architecture), ["src/ui"]);
}
