//! `bench-hf-hub REPO [REVISION [FILE...]]`: downloads a repository, or files of it, with the Rust client, which brings no
//! program of its own, and prints where they are. `REPO` is `OWNER/NAME` or `datasets/OWNER/NAME`.
//!
//! The client knows no offline mode but the one that its caller chooses: `HF_HUB_OFFLINE=1` is that choice here, as in Python.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use hf_hub::repository::RepoType;
use hf_hub::{HFClientSync, HFRepositorySync, HFResult};

struct Wish {
    revision: String,
    files: Vec<String>,
    offline: bool,
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let repo = arguments.next().unwrap_or_default();
    let wish = Wish {
        revision: arguments.next().unwrap_or_else(|| "main".to_owned()),
        files: arguments.collect(),
        offline: env::var("HF_HUB_OFFLINE").is_ok_and(|value| value == "1"),
    };
    let (is_dataset, id) = repo.strip_prefix("datasets/").map_or((false, repo.as_str()), |id| (true, id));
    let Some((owner, name)) = id.split_once('/') else {
        eprintln!("usage: bench-hf-hub [datasets/]OWNER/NAME [REVISION [FILE...]]");
        return ExitCode::from(2);
    };
    let fetched = HFClientSync::new().and_then(|client| {
        if is_dataset { fetch(&client.dataset(owner, name), &wish) } else { fetch(&client.model(owner, name), &wish) }
    });
    match fetched {
        Ok(paths) => {
            paths.iter().for_each(|path| println!("{}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch<T: RepoType>(repository: &HFRepositorySync<T>, wish: &Wish) -> HFResult<Vec<PathBuf>> {
    let revision = || wish.revision.clone();
    if wish.files.is_empty() {
        let all = repository.snapshot_download().revision(revision()).local_files_only(wish.offline);
        return Ok(vec![all.send()?]);
    }
    let one = |file: &String| {
        repository.download_file().filename(file).revision(revision()).local_files_only(wish.offline).send()
    };
    wish.files.iter().map(one).collect()
}
