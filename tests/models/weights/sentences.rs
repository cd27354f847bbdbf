//! sentence-transformers, and transformers below it: a model in folders, of which the copies in other formats are left out.

use serde_json::json;

use crate::support::hub::Content;
use crate::support::makers::{bytes, interpreter};
use crate::support::offline::{ask, make};
use crate::support::zoo::Zoo;

const ID: &str = "sentence-transformers/all-MiniLM-L6-v2";

const ASKED: &str = "
import torch
from transformers import AutoModel, AutoTokenizer
from sentence_transformers import SentenceTransformer
def asked(sentences, model):
    words = AutoTokenizer.from_pretrained(model)(['hello world'], return_tensors='pt')
    with torch.no_grad(): said = AutoModel.from_pretrained(model)(**words).last_hidden_state[0, 1]
    vector = SentenceTransformer(sentences, device='cpu').encode(['hello world'])[0]
    return [words['input_ids'].tolist(), [round(x, 4) for x in said.tolist()], [round(float(x), 4) for x in vector]]
";

const MAKE: &str = "
from transformers import BertConfig, BertModel, BertTokenizerFast
from sentence_transformers import models
torch.manual_seed(1)
out, bert = sys.argv[1] + '/whole', sys.argv[1] + '/bert'
with open(sys.argv[1] + '/vocab.txt', 'w') as file: file.write('[PAD]\\n[UNK]\\n[CLS]\\n[SEP]\\n[MASK]\\nhello\\nworld\\n')
BertTokenizerFast(vocab_file=sys.argv[1] + '/vocab.txt').save_pretrained(bert)
BertModel(BertConfig(vocab_size=7, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                     max_position_embeddings=32)).save_pretrained(bert)
words = models.Transformer(bert)
layers = [words, models.Pooling(words.get_word_embedding_dimension()), models.Normalize()]
SentenceTransformer(modules=layers, device='cpu').save(out)
files = sorted(os.path.relpath(os.path.join(d, f), out) for d, _, fs in os.walk(out) for f in fs)
print(json.dumps([files, asked(out, out)]))";

#[test]
fn sentence_transformers_loads_a_downloaded_model_by_its_name_and_computes_with_it() {
    let variable = "MODELSTRAP_TEST_PYTHON_SENTENCE_TRANSFORMERS";
    let Some(python) = interpreter(variable, "sentence_transformers") else { return };
    let zoo = Zoo::start();
    let room = zoo.project("words = \"sentence-transformers:all-MiniLM-L6-v2\"\n");
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, &format!("{ASKED}{MAKE}"));
    let files: Vec<&str> = made[0].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(files.contains(&"model.safetensors") && files.contains(&"1_Pooling/config.json"), "{files:?}");
    let mut draft = zoo.hub.model(ID);
    for name in &files {
        let content = bytes(&folder.join("whole"), name);
        draft = if name.ends_with(".safetensors") { draft.lfs(name, content) } else { draft.file(name, content) };
    }
    for other in ["onnx/model.onnx", "openvino/openvino_model.bin", "tf_model.h5", "pytorch_model.bin"] {
        draft = draft.lfs(other, Content::pattern(7, 50_000));
    }
    let commit = draft.commit();

    room.run(&["models", "download"]).expect(0);
    let snapshot =
        room.place(".cache/huggingface/hub/models--sentence-transformers--all-MiniLM-L6-v2/snapshots").join(commit);
    let came: Vec<String> = crate::support::hub::tree(&snapshot).into_keys().collect();
    assert_eq!(came, files, "nothing but what the library saved");
    let code = format!("{ASKED}\nprint(json.dumps(asked('all-MiniLM-L6-v2', {ID:?})))");
    let seen = ask(&room, &python, &code);
    assert_eq!((&seen, &seen[0]), (&made[1], &json!([[2, 5, 6, 3]])));
}
