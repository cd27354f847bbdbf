//! torchaudio's bundles: checkpoints of torch.hub, or assets in a folder of torchaudio's own. The library publishes no digests; a file
//! without one is trusted on first use.

use super::Error;
use crate::catalogue::models;
use crate::models::locked::{File, FilesHome, Part, Place};
use crate::support::nearest::nearest;

/// What the bundle `name` is, such as `WAV2VEC2_ASR_BASE_960H`. No server is asked.
///
/// # Errors
/// When the library has no such bundle.
pub fn resolve(name: &str) -> Result<Part, Error> {
    let part = listed("torchaudio", name, FilesHome::TorchCheckpoints)?;
    // An asset is named by its whole key, a checkpoint by the last segment of its URL.
    let assets = part.files.iter().all(|file| file.path.contains('/'));
    let home = if assets { FilesHome::TorchaudioAssets } else { FilesHome::TorchCheckpoints };
    Ok(Part { place: Place::Files { home }, ..part })
}

/// The model `name` of a source whose models the catalogue lists with all their files.
pub(super) fn listed(source: &'static str, name: &str, home: FilesHome) -> Result<Part, Error> {
    let spec = format!("{source}:{name}");
    let known = models::find(&spec).filter(|known| !known.files.is_empty()).ok_or_else(|| unknown(source, name))?;
    let files = known.files.iter().map(|file| File {
        path: file.path.to_owned(),
        size: file.size,
        digest: file.digest.and_then(|digest| digest.parse().ok()),
        url: file.url.map(str::to_owned),
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Part { place: Place::Files { home }, files: files.into() })
}

/// That `source` has no model `name`, with the nearest that it has.
pub(super) fn unknown(source: &'static str, name: &str) -> Error {
    let prefix = format!("{source}:");
    let own = models::all().iter().flat_map(models::Known::names).filter_map(|spec| spec.strip_prefix(&prefix));
    Error::Unknown { source_name: source, name: name.to_owned(), nearest: nearest(name, own).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_a_checkpoint_with_its_digest_where_one_is_known() {
        let part = resolve("WAV2VEC2_ASR_BASE_960H").unwrap();
        assert_eq!(part.place, Place::Files { home: FilesHome::TorchCheckpoints });
        let file = &part.files[0];
        assert_eq!((file.path.as_str(), file.size), ("wav2vec2_fairseq_base_ls960_asr_ls960.pth", Some(377_664_473)));
        assert!(file.digest.is_some());
        let unknown = resolve("HUBERT_BASE").unwrap();
        assert_eq!((unknown.files[0].size, unknown.files[0].digest), (None, None));
    }

    #[test]
    fn a_bundle_of_assets_keeps_their_folders() {
        let part = resolve("EMFORMER_RNNT_BASE_LIBRISPEECH").unwrap();
        assert_eq!(part.place, Place::Files { home: FilesHome::TorchaudioAssets });
        let paths: Vec<_> = part.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "models/emformer_rnnt_base_librispeech.pt",
                "pipeline-assets/global_stats_rnnt_librispeech.json",
                "pipeline-assets/spm_bpe_4096_librispeech.model",
            ]
        );
    }

    #[test]
    fn a_bundle_is_found_in_any_case_and_a_model_of_another_source_is_not() {
        assert_eq!(resolve("hubert_base").unwrap(), resolve("HUBERT_BASE").unwrap());
        assert!(resolve("large-v3").is_err());
        assert_eq!(
            resolve("HUBERT_BAS").unwrap_err().to_string(),
            "torchaudio has no model `HUBERT_BAS`; did you mean `HUBERT_BASE`?"
        );
    }
}
