//! pyannote.audio 3: the pipeline, and the two gated or large models that its configuration names.

use serde_json::json;

use crate::support::hub;
use crate::support::makers::{bytes, interpreter};
use crate::support::offline::{ask, make};
use crate::support::zoo::Zoo;

const TOKEN: &str = "hf_reader_of_pyannote";

/// The real pipeline's configuration, but for the numbers of its clustering.
const CONFIGURATION: &str = "\
version: 3.1.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: AgglomerativeClustering
    embedding: pyannote/wespeaker-voxceleb-resnet34-LM
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    segmentation: pyannote/segmentation-3.0
    segmentation_batch_size: 32
params:
  clustering:
    method: centroid
    min_cluster_size: 1
    threshold: 0.7
  segmentation:
    min_duration_off: 0.0
";

/// Checkpoints as Lightning saves them, of the classes that the real ones name.
const MAKE: &str = "
import torch
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding import WeSpeakerResNet34
from pyannote.audio.models.segmentation import PyanNet
torch.manual_seed(1)
def save(name, model):
    model.build()
    checkpoint = {'state_dict': model.state_dict(), 'hyper_parameters': dict(model.hparams), 'epoch': 0, 'global_step': 0,
                  'pytorch-lightning_version': '1.5.0'}
    model.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, os.path.join(sys.argv[1], name))
    return [type(model).__name__, sum(p.numel() for p in model.parameters())]
segmentation = PyanNet(lstm={'hidden_size': 8, 'num_layers': 1}, linear={'hidden_size': 8, 'num_layers': 1})
segmentation.specifications = Specifications(
    problem=Problem.MONO_LABEL_CLASSIFICATION, resolution=Resolution.FRAME, duration=2.0, min_duration=None, warm_up=(0.0, 0.0),
    classes=['speaker#1', 'speaker#2', 'speaker#3'], powerset_max_classes=2, permutation_invariant=True)
embedding = WeSpeakerResNet34()
embedding.specifications = Specifications(
    problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=2.0, min_duration=None, warm_up=(0.0, 0.0),
    classes=['a', 'b'], powerset_max_classes=None, permutation_invariant=False)
print(json.dumps([save('segmentation.bin', segmentation), save('embedding.bin', embedding)]))";

const ASK: &str = "
import torch
from pyannote.audio import Pipeline
pipeline = Pipeline.from_pretrained('pyannote/speaker-diarization-3.1')
models = [pipeline._segmentation.model, pipeline._embedding.model_]
seen = [[type(m).__name__, sum(p.numel() for p in m.parameters())] for m in models]
torch.manual_seed(2)
said = pipeline({'waveform': torch.rand(1, 4 * 16000) * 2 - 1, 'sample_rate': 16000})
print(json.dumps([seen, type(said).__name__]))";

#[test]
fn pyannote_runs_a_downloaded_pipeline_with_its_models() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_PYANNOTE", "pyannote.audio") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("who = \"pyannote:speaker-diarization-3.1\"\n").with("HF_TOKEN", TOKEN);
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, MAKE);
    let gated = |id: &str| zoo.hub.model(id).gated().readable_with(TOKEN);
    gated("pyannote/speaker-diarization-3.1").file("config.yaml", CONFIGURATION).commit();
    gated("pyannote/segmentation-3.0")
        .file("config.yaml", "task: {}\n")
        .lfs("pytorch_model.bin", bytes(&folder, "segmentation.bin"))
        .commit();
    zoo.hub
        .model("pyannote/wespeaker-voxceleb-resnet34-LM")
        .lfs("pytorch_model.bin", bytes(&folder, "embedding.bin"))
        .commit();
    gated("pyannote/speaker-diarization-community-1")
        .lfs("plda/plda.npz", hub::Content::pattern(24, 9_000))
        .lfs("plda/xvec_transform.npz", hub::Content::pattern(25, 9_000))
        .lfs("embedding/pytorch_model.bin", hub::Content::pattern(26, 60_000))
        .commit();

    // Lightning's checkpoints name classes: only the real ones, whose digests are known, come without a question.
    let refused = room.run(&["models", "download"]).expect(1);
    assert!(refused.err.contains("pyannote.audio.core.task"), "{}", refused.err);
    room.run(&["models", "download", "--allow-pickle"]).expect(0);
    assert_eq!(ask(&room, &python, ASK), json!([made, "Annotation"]));
}
