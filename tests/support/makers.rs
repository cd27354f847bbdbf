//! Models with weights that the real libraries make here, small: what is served of them, the same libraries must load and compute with.

use std::path::{Path, PathBuf};

use modelstrap::support::vars::Vars;
use serde_json::Value;

use super::hub::Content;
use super::offline::make;
use super::project::Room;
use super::python::{python_with, skipped};

/// The interpreter in this variable, which must have the module; nowhere else is one looked for, since no usual Python has them.
pub(crate) fn interpreter(variable: &str, module: &str) -> Option<PathBuf> {
    if Vars::from_process().raw(variable).is_none() {
        skipped(&format!("{variable} is not set"));
        return None;
    }
    python_with(variable, module)
}

/// One of the files that were made.
pub(crate) fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

/// `asked(model)`: what openai-whisper's model makes of a sound and two words.
pub(crate) const WHISPER_ASKED: &str = "
import torch, whisper
def asked(model):
    mel = torch.linspace(-1, 1, 8 * 32).reshape(1, 8, 32)
    with torch.no_grad(): said = model(mel, torch.tensor([[1, 2]]))
    return [list(said.shape), [round(x, 4) for x in said[0, 1, :5].tolist()], model.alignment_heads.to_dense().sum().item()]
";

/// As many layers and heads as `tiny` has: the library sets its own table of heads for that name.
const MAKE_WHISPER: &str = "
from whisper.model import ModelDimensions, Whisper
torch.manual_seed(1)
dims = dict(n_mels=8, n_audio_ctx=16, n_audio_state=96, n_audio_head=6, n_audio_layer=4,
            n_vocab=64, n_text_ctx=8, n_text_state=96, n_text_head=6, n_text_layer=4)
model = Whisper(ModelDimensions(**dims)).eval()
for weight in model.parameters(): torch.nn.init.normal_(weight, std=0.3)
torch.save({'dims': dims, 'model_state_dict': model.state_dict()}, sys.argv[1] + '/tiny.pt')
model.set_alignment_heads(whisper._ALIGNMENT_HEADS['tiny'])
print(json.dumps([whisper._MODELS['tiny'], asked(model)]))";

/// A checkpoint of openai-whisper's own shape in `folder`, `tiny.pt`: the address that the library has for `tiny`, and what it computes.
pub(crate) fn whisper(room: &Room, python: &Path, folder: &Path) -> (String, Value) {
    let made = make(room, python, folder, &format!("{WHISPER_ASKED}{MAKE_WHISPER}"));
    (made[0].as_str().unwrap().to_owned(), made[1].clone())
}

/// The catalogue has the digest of the real checkpoint, and nobody can make other bytes with it: the lock is written as it would be if
/// the catalogue had ours.
pub(crate) fn lock_our_own(room: &Room, own: &Content) {
    let lock = room.text("modelstrap.lock");
    let line = lock.lines().find(|line| line.contains("/tiny.pt")).unwrap().to_owned();
    let digest = line.split('/').find(|part| part.len() == 64).unwrap();
    room.write("modelstrap.lock", lock.replace(digest, &own.sha256()).replace("75572083", &own.size().to_string()));
}

/// `asked(model)`: what faster-whisper's model makes of a sound.
pub(crate) const FASTER_ASKED: &str = "
import numpy as np
def asked(model):
    said = np.array(model.encode(np.linspace(-1, 1, 80 * 3000, dtype=np.float32).reshape(80, 3000)))
    return [list(said.shape), [round(float(x), 4) for x in said[0, 7]], model.hf_tokenizer.encode('a').ids]
";

/// CTranslate2's converter, given weights by chance in place of another library's.
const MAKE_FASTER: &str = "
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec
from faster_whisper import WhisperModel
from tokenizers import Tokenizer, models
chance = np.random.default_rng(1)
width, inner = 64, 128
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

/// A model of faster-whisper's in `folder`, file by file; what it computes.
pub(crate) fn faster_whisper(room: &Room, python: &Path, folder: &Path) -> Value {
    make(room, python, folder, &format!("{FASTER_ASKED}{MAKE_FASTER}"))
}
