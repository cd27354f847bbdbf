//! openai-whisper: a checkpoint of the library's own shape, a few layers deep and narrow, at the place of `tiny`.
//!
//! The catalogue has the digests of the real checkpoints, and nobody can make other bytes with them. So the lock is written as it
//! would be if the catalogue had ours, and the library's own table is told the same; all between is what really runs.

use serde_json::Value;

use crate::hub::Content;
use crate::offline::{ask, make};
use crate::zoo::Zoo;
use crate::{bytes, interpreter};

/// What the model makes of a sound and two words.
const ASKED: &str = "
import torch, whisper
def asked(model):
    mel = torch.linspace(-1, 1, 8 * 32).reshape(1, 8, 32)
    with torch.no_grad(): said = model(mel, torch.tensor([[1, 2]]))
    return [list(said.shape), [round(x, 4) for x in said[0, 1, :5].tolist()], model.alignment_heads.to_dense().sum().item()]
";

/// As many layers and heads as `tiny` has: the library sets its own table of heads for that name.
const MAKE: &str = "
from whisper.model import ModelDimensions, Whisper
torch.manual_seed(1)
dims = dict(n_mels=8, n_audio_ctx=16, n_audio_state=12, n_audio_head=6, n_audio_layer=4,
            n_vocab=64, n_text_ctx=8, n_text_state=12, n_text_head=6, n_text_layer=4)
model = Whisper(ModelDimensions(**dims)).eval()
for weight in model.parameters(): torch.nn.init.normal_(weight, std=0.3)
torch.save({'dims': dims, 'model_state_dict': model.state_dict()}, sys.argv[1] + '/tiny.pt')
model.set_alignment_heads(whisper._ALIGNMENT_HEADS['tiny'])
print(json.dumps([whisper._MODELS['tiny'], asked(model)]))";

#[test]
fn openai_whisper_loads_a_downloaded_checkpoint_by_its_name_and_computes_with_it() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_WHISPER", "whisper, torch") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("speech = \"openai-whisper:tiny\"\n");
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, &format!("{ASKED}{MAKE}"));
    let content = Content::from(bytes(&folder, "tiny.pt"));
    let url = zoo.whisper.whisper_model("tiny.pt", &content);

    room.run(&["models", "lock"]).expect(0);
    let theirs = made[0].as_str().unwrap();
    let digest = theirs.split('/').nth_back(1).unwrap();
    let lock = room.text("modelstrap.lock");
    assert!(lock.contains(theirs) && lock.contains("size = 75572083"), "the library's own address is locked: {lock}");
    let lock = lock.replace(digest, &content.sha256()).replace("75572083", &content.size().to_string());
    room.write("modelstrap.lock", &lock);
    let came = room.run(&["models", "download", "--frozen"]).expect(0);
    assert_eq!(room.text("modelstrap.lock"), lock, "{came:?}");

    let code = format!(
        "{ASKED}
assert whisper._MODELS['tiny'] == {theirs:?}
whisper._MODELS['tiny'] = {url:?}
print(json.dumps(asked(whisper.load_model('tiny', device='cpu'))))"
    );
    let seen = ask(&room, &python, &code);
    assert_eq!(seen, made[1]);
    assert_eq!(seen[0], Value::from(vec![1, 2, 64]));
    // Where it lies is a model's name as well.
    let path = room.run(&["models", "path", "speech"]).expect(0).out;
    let path = path.trim_end().replace('@', room.path().to_str().unwrap());
    let code = format!("{ASKED}\nprint(json.dumps(asked(whisper.load_model({path:?}, device='cpu'))[:2]))");
    assert_eq!(ask(&room, &python, &code), Value::from(made[1].as_array().unwrap()[..2].to_vec()));
}
