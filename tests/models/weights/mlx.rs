//! mlx-whisper: repositories with `weights.npz` and with `weights.safetensors`, as the community's are.

use crate::support::makers::{bytes, interpreter};
use crate::support::offline::{ask, make};
use crate::support::zoo::Zoo;

/// What the model makes of a sound and two words.
const ASKED: &str = "
import mlx.core as mx
def asked(model):
    mel = mx.linspace(-1, 1, 32 * 8).reshape(1, 32, 8)
    said = model.logits(mx.array([[1, 2]]), model.embed_audio(mel))
    return [list(said.shape), [round(x, 4) for x in said[0, 1, :5].tolist()]]
";

const MAKE: &str = "
from mlx.utils import tree_flatten, tree_map
from mlx_whisper.whisper import ModelDimensions, Whisper
mx.random.seed(1)
dims = dict(n_mels=8, n_audio_ctx=16, n_audio_state=12, n_audio_head=2, n_audio_layer=2,
            n_vocab=64, n_text_ctx=8, n_text_state=12, n_text_head=2, n_text_layer=2)
model = Whisper(ModelDimensions(**dims), mx.float32)
model.update(tree_map(lambda weight: mx.random.normal(weight.shape, scale=0.3) if weight.dtype == mx.float32 else weight, model.parameters()))
weights = dict(tree_flatten(model.parameters()))
mx.savez(sys.argv[1] + '/weights.npz', **weights)
mx.save_safetensors(sys.argv[1] + '/weights.safetensors', weights)
json.dump({'model_type': 'whisper', **dims}, open(sys.argv[1] + '/config.json', 'w'))
print(json.dumps(asked(model)))";

#[test]
fn mlx_whisper_loads_downloaded_repositories_and_computes_with_them() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_MLX", "mlx_whisper") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("tiny = \"mlx-whisper:tiny\"\nturbo = \"mlx-whisper:turbo\"\n");
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, &format!("{ASKED}{MAKE}"));
    for (id, weights) in [("whisper-tiny-mlx", "weights.npz"), ("whisper-large-v3-turbo", "weights.safetensors")] {
        zoo.hub
            .model(&format!("mlx-community/{id}"))
            .file("config.json", bytes(&folder, "config.json"))
            .file("README.md", "Whisper.\n")
            .lfs(weights, bytes(&folder, weights))
            .commit();
    }
    room.run(&["models", "download"]).expect(0);
    for id in ["whisper-tiny-mlx", "whisper-large-v3-turbo"] {
        let code = format!(
            "{ASKED}
from mlx_whisper.load_models import load_model
print(json.dumps(asked(load_model('mlx-community/{id}'))))"
        );
        assert_eq!(ask(&room, &python, &code), made, "{id}");
    }
}
