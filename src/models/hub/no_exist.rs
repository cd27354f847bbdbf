//! Marks for files that a commit does not hold, so that a library does not ask an unreachable server for each of them.
//!
//! Loading a complete tokenizer with the Hub unreachable took 124 s without these marks and 53 s with them (transformers 5.23).

use std::fs;
use std::io;

use super::layout::Repository;
use super::patterns::Filter;
use super::weights::classify;
use crate::models::locked::File;

/// Files that transformers, sentence-transformers and diffusers look for and can do without.
const OPTIONAL: [&str; 23] = [
    "adapter_config.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "merges.txt",
    "model.safetensors",
    "model.safetensors.index.json",
    "modules.json",
    "preprocessor_config.json",
    "processor_config.json",
    "pytorch_model.bin.index.json",
    "sentence_bert_config.json",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
    "spiece.model",
    "tekken.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.txt",
];

/// Marks the optional names that `files`, all that `commit` holds, do not have.
///
/// # Errors
/// What the disk says.
pub fn write(repository: &Repository, commit: &str, files: &[File]) -> io::Result<()> {
    mark(repository, commit, files, |_| true)
}

/// The same where `files` are those that `filter` keeps: one of several forms of weights may be left out beside that, so that
/// of a name of weights nobody can tell; any other that the filter keeps would be among the files.
///
/// # Errors
/// What the disk says.
pub fn write_filtered(repository: &Repository, commit: &str, files: &[File], filter: &Filter) -> io::Result<()> {
    mark(repository, commit, files, |name| classify(name).is_none() && filter.keeps(name))
}

fn mark(repository: &Repository, commit: &str, files: &[File], may: impl Fn(&str) -> bool) -> io::Result<()> {
    let folder = repository.no_exist(commit);
    let absent = OPTIONAL.into_iter().filter(|name| may(name) && files.iter().all(|file| file.path != **name));
    for path in absent.map(|name| folder.join(name)).filter(|path| !path.exists()) {
        fs::create_dir_all(&folder)?;
        match fs::OpenOptions::new().write(true).create_new(true).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the marks of files that are there after all.
pub fn clear(repository: &Repository, commit: &str, files: &[File]) {
    let top = repository.no_exist(commit);
    let mut folders = vec![(top, String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push((entry.path(), format!("{path}/")));
            } else if files.iter().any(|file| file.path == path) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::locked::RepoType;

    #[test]
    fn absent_names_are_marked_and_present_ones_never() {
        let room = tempfile::tempdir().unwrap();
        let repository = Repository::named(RepoType::Model, "o/n", room.path());
        let file = |path: &str| File { path: path.to_owned(), size: Some(1), digest: None, url: None };
        write(&repository, "c", &[file("tokenizer.json"), file("vocab.txt")]).unwrap();
        let mut found: Vec<String> = fs::read_dir(repository.no_exist("c"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let expected: Vec<_> =
            OPTIONAL.into_iter().filter(|name| !["tokenizer.json", "vocab.txt"].contains(name)).collect();
        assert_eq!(found, expected);
        clear(&repository, "c", &[file("merges.txt"), file("a/b")]);
        assert!(!repository.no_exist("c").join("merges.txt").exists());
    }
}
