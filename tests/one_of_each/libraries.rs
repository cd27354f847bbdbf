//! The libraries with weights: what they make before, they must load and compute with after.

use serde_json::Value;

use crate::bytes;
use crate::hub::Content;
use crate::offline::{ask, make};
use crate::python::{python_with, skipped};
use crate::support::project::Room;
use crate::zoo::Zoo;

use std::path::PathBuf;

use modelstrap::support::vars::Vars;

/// What the libraries made, and what it computes.
pub(crate) struct Made {
    whisper: (Content, String, Option<(PathBuf, Value)>),
    faster: Option<(PathBuf, Value)>,
}

const WHISPER: &str = "
import torch, whisper
from whisper.model import ModelDimensions, Whisper
def asked(model):
    mel = torch.linspace(-1, 1, 8 * 32).reshape(1, 8, 32)
    with torch.no_grad(): return [round(x, 4) for x in model(mel, torch.tensor([[1, 2]]))[0, 1, :5].tolist()]
";

const MAKE_WHISPER: &str = "
torch.manual_seed(1)
dims = dict(n_mels=8, n_audio_ctx=16, n_audio_state=96, n_audio_head=6, n_audio_layer=4,
            n_vocab=64, n_text_ctx=8, n_text_state=96, n_text_head=6, n_text_layer=4)
model = Whisper(ModelDimensions(**dims)).eval()
for weight in model.parameters(): torch.nn.init.normal_(weight, std=0.3)
torch.save({'dims': dims, 'model_state_dict': model.state_dict()}, sys.argv[1] + '/tiny.pt')
print(json.dumps(asked(model)))";

const FASTER: &str = "
import numpy as np
from faster_whisper import WhisperModel
def asked(model):
    said = np.array(model.encode(np.linspace(-1, 1, 80 * 3000, dtype=np.float32).reshape(80, 3000)))
    return [list(said.shape), [round(float(x), 4) for x in said[0, 7]]]
";

/// CTranslate2's converter, given weights by chance.
const MAKE_FASTER: &str = "
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec
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

fn interpreter(variable: &str, module: &str) -> Option<PathBuf> {
    if Vars::from_process().raw(variable).is_none() {
        skipped(&format!("{variable} is not set"));
        return None;
    }
    python_with(variable, module)
}

impl Made {
    /// Whisper's checkpoint and faster-whisper's model, served where their libraries look; stand-ins where one is not installed.
    pub(crate) fn by_the_libraries(room: &Room, zoo: &Zoo) -> Self {
        let folder = |name: &str| room.path().join("made").join(name);
        let python = interpreter("MODELSTRAP_TEST_PYTHON_WHISPER", "whisper, torch");
        let said = python.map(|python| {
            let said = make(room, &python, &folder("whisper"), &format!("{WHISPER}{MAKE_WHISPER}"));
            (python, said)
        });
        let content = match &said {
            Some(_) => Content::from(bytes(&folder("whisper"), "tiny.pt")),
            None => Content::pattern(5, 2 << 20),
        };
        let url = zoo.whisper.whisper_model("tiny.pt", &content);
        let python = interpreter("MODELSTRAP_TEST_PYTHON_FASTER_WHISPER", "faster_whisper");
        let faster = python.map(|python| {
            let said = make(room, &python, &folder("faster"), &format!("{FASTER}{MAKE_FASTER}"));
            (python, said)
        });
        let file = |name: &str| match &faster {
            Some(_) => Content::from(bytes(&folder("faster"), name)),
            None => Content::pattern(6, 100_000),
        };
        zoo.hub
            .model("Systran/faster-whisper-base")
            .file("config.json", file("config.json"))
            .file("tokenizer.json", file("tokenizer.json"))
            .file("vocabulary.json", file("vocabulary.json"))
            .lfs("model.bin", file("model.bin"))
            .commit();
        modelstrap::support::delete::tree(&room.path().join("made"), room.path()).unwrap();
        Self { whisper: (content, url, said), faster }
    }

    pub(crate) fn whisper(&self) -> Vec<u8> {
        self.whisper.0.bytes()
    }

    /// The catalogue has the digest of the real checkpoint, and nobody can make other bytes with it: the lock is written as it would
    /// be if the catalogue had ours.
    pub(crate) fn lock_our_own(&self, room: &Room) {
        let lock = room.text("modelstrap.lock");
        let line = lock.lines().find(|line| line.contains("/tiny.pt")).unwrap().to_owned();
        let digest = line.split('/').find(|part| part.len() == 64).unwrap();
        let own = &self.whisper.0;
        let lock = lock.replace(digest, &own.sha256()).replace("75572083", &own.size().to_string());
        room.write("modelstrap.lock", lock);
    }
}

/// Each library that is installed loads its model by its name and computes what it computed when it was made.
pub(crate) fn load(room: &Room, made: &Made) {
    let (_, url, whisper) = &made.whisper;
    if let Some((python, said)) = whisper {
        let code = format!(
            "{WHISPER}
whisper._MODELS['tiny'] = {url:?}
whisper._ALIGNMENT_HEADS.pop('tiny')
print(json.dumps(asked(whisper.load_model('tiny', device='cpu'))))"
        );
        assert_eq!(&ask(room, python, &code), said);
    }
    if let Some((python, said)) = &made.faster {
        let code = format!("{FASTER}\nprint(json.dumps(asked(WhisperModel('base', device='cpu'))))");
        assert_eq!(&ask(room, python, &code), said);
    }
    if let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_TORCH", "torch") {
        let code = "
import torch
folder = os.path.join(torch.hub.get_dir(), 'checkpoints')
name, = os.listdir(folder)
import torch.hub
assert torch.hub.HASH_REGEX.search(name), name
print(json.dumps(os.path.getsize(os.path.join(folder, name))))";
        assert_eq!(ask(room, &python, code), Value::from(2 << 20));
    }
}
