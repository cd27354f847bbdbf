//! faster-whisper: a model in CTranslate2's form, which brings a tokenizer and a vocabulary of its own.

use crate::offline::{ask, make};
use crate::zoo::Zoo;
use crate::{bytes, interpreter};

/// What the model makes of a sound.
const ASKED: &str = "
import numpy as np
def asked(model):
    said = np.array(model.encode(np.linspace(-1, 1, 80 * 3000, dtype=np.float32).reshape(80, 3000)))
    return [list(said.shape), [round(float(x), 4) for x in said[0, 7]], model.hf_tokenizer.encode('a').ids]
";

/// CTranslate2's converter, given weights by chance in place of another library's.
const MAKE: &str = "
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec
from faster_whisper import WhisperModel
from tokenizers import Tokenizer, models
chance = np.random.default_rng(1)
width, inner = 8, 16
words = ['<|endoftext|>', '<|startoftranscript|>', '<|nospeech|>', '<|notimestamps|>', '<|startofprev|>', 'a', 'b']
def shape(name):
    *path, kind = name.split('/')
    if kind in ('gamma', 'beta'): return (width,)
    if kind == 'encodings': return (1500 if path[0] == 'encoder' else 448, width)
    if path[-1] in ('embeddings', 'projection'): rows, columns = len(words), (width,)
    elif path[-1] == 'conv1': rows, columns = width, (80, 3)
    elif path[-1] == 'conv2': rows, columns = width, (width, 3)
    elif path[-2] == 'ffn': rows, columns = (inner, (width,)) if path[-1] == 'linear_0' else (width, (inner,))
    elif path[-2] == 'self_attention': rows, columns = (3 * width if path[-1] == 'linear_0' else width), (width,)
    else: rows, columns = (2 * width if path[-1] == 'linear_1' else width), (width,)
    return (rows,) if kind == 'bias' else (rows, *columns)
def fill(part, name, value):
    if value is None or name.endswith('/encodings'):
        setattr(part, name.split('/')[-1], chance.normal(0, 0.3, shape(name)).astype(np.float32))
spec = WhisperSpec(2, 2, 2, 2)
visit_spec(spec, fill)
spec.register_vocabulary(words)
spec.config.alignment_heads = [[0, 0]]
spec.validate()
spec.save(sys.argv[1])
Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token='b')).save(sys.argv[1] + '/tokenizer.json')
print(json.dumps(asked(WhisperModel(sys.argv[1], device='cpu'))))";

#[test]
fn faster_whisper_loads_a_downloaded_model_by_its_name_and_computes_with_it() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_FASTER_WHISPER", "faster_whisper") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("speech = \"faster-whisper:base\"\n");
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, &format!("{ASKED}{MAKE}"));
    zoo.hub
        .model("Systran/faster-whisper-base")
        .file("README.md", "Whisper.\n")
        .file("config.json", bytes(&folder, "config.json"))
        .file("tokenizer.json", bytes(&folder, "tokenizer.json"))
        .file("vocabulary.json", bytes(&folder, "vocabulary.json"))
        .lfs("model.bin", bytes(&folder, "model.bin"))
        .commit();
    room.run(&["models", "download"]).expect(0);
    let code = format!(
        "{ASKED}
from faster_whisper import WhisperModel
print(json.dumps([asked(WhisperModel(*name, device='cpu')) for name in (['base'], ['Systran/faster-whisper-base'])]))"
    );
    assert_eq!(ask(&room, &python, &code), serde_json::json!([made, made]));
}
