//! `bench-hf-hub OWNER/NAME`: downloads a repository with the Rust client, which brings no program of its own.

use std::env;
use std::process::exit;

use hf_hub::HFClientSync;

fn main() -> hf_hub::HFResult<()> {
    let Some((owner, name)) =
        env::args().nth(1).and_then(|text| Some(text.split_once('/')?).map(|(a, b)| (a.to_owned(), b.to_owned())))
    else {
        eprintln!("usage: bench-hf-hub OWNER/NAME");
        exit(2);
    };
    let folder = HFClientSync::new()?.model(owner, name).snapshot_download().send()?;
    println!("{}", folder.display());
    Ok(())
}
