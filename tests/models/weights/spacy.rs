//! spaCy: a pipeline that its own packager packed, from a release on GitHub into the environment that the manifest names.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::makers::{bytes, interpreter};
use crate::support::offline::{ask, make};
use crate::support::project::Room;
use crate::support::python;
use crate::support::zoo::Zoo;

/// What the pipeline says of a sentence: of a rule, and of a network that has weights.
const ASKED: &str = "
def asked(nlp):
    doc = nlp('Ada wrote it. Bob read it.')
    return [[(e.text, e.label_) for e in doc.ents], [t.tag_ for t in doc], round(float(nlp.get_pipe('tagger').model.predict([doc])[0][0][0]), 5)]
";

/// The pipeline, packed as `spacy package` does it, in a wheel.
const MAKE: &str = r#"
import random, zipfile
from pathlib import Path
import numpy, spacy
from spacy.cli import package
from spacy.training import Example
random.seed(1); numpy.random.seed(1); spacy.util.fix_random_seed(1)
nlp = spacy.blank('en')
small = {'@architectures': 'spacy.HashEmbedCNN.v2', 'pretrained_vectors': None, 'width': 8, 'depth': 1, 'embed_size': 50,
         'window_size': 1, 'maxout_pieces': 2, 'subword_features': True}
nlp.add_pipe('tagger', config={'model': {'@architectures': 'spacy.Tagger.v2', 'tok2vec': small}})
ruler = nlp.add_pipe('entity_ruler')
words = nlp.make_doc('Ada wrote')
nlp.initialize(lambda: [Example.from_dict(words, {'tags': ['NNP', 'VBD']})])
ruler.add_patterns([{'label': 'PERSON', 'pattern': 'Ada'}])
nlp.meta.update(name='core_web_sm', version='3.8.0')
out = Path(sys.argv[1])
nlp.to_disk(out / 'made')
package(out / 'made', out, name='core_web_sm', version='3.8.0', create_sdist=False, create_wheel=False)
root = out / 'en_core_web_sm-3.8.0'
info = 'en_core_web_sm-3.8.0.dist-info/'
files = {str(path.relative_to(root)): path.read_bytes() for path in (root / 'en_core_web_sm').rglob('*') if path.is_file()}
files['en_core_web_sm/meta.json'] = (root / 'meta.json').read_bytes()  # as the packager's own setup.py does
files[info + 'METADATA'] = b'Metadata-Version: 2.1\nName: en_core_web_sm\nVersion: 3.8.0\n'
files[info + 'WHEEL'] = b'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
files[info + 'entry_points.txt'] = b'[spacy_models]\nen_core_web_sm = en_core_web_sm\n'
files[info + 'RECORD'] = ''.join(f'{name},,\n' for name in [*files, info + 'RECORD']).encode()
with zipfile.ZipFile(out / 'made.whl', 'w', zipfile.ZIP_DEFLATED) as wheel:
    for name, data in files.items(): wheel.writestr(name, data)
print(json.dumps([spacy.__version__, asked(nlp)]))
"#;

/// A new environment that has what `python` has, by links; what is installed into it stays in it.
fn environment_like(python: &Path, at: &Path) -> PathBuf {
    let code = "
import os, sys, sysconfig, venv
venv.create(sys.argv[1], symlinks=True)
here = sysconfig.get_path('purelib')
there = sysconfig.get_path('purelib', vars={'base': sys.argv[1], 'platbase': sys.argv[1]})
for name in set(os.listdir(here)) - set(os.listdir(there)): os.symlink(os.path.join(here, name), os.path.join(there, name))";
    python::good(Command::new(python).args(["-c", code]).arg(at));
    at.join("bin/python")
}

#[test]
fn spacy_loads_a_downloaded_pipeline_in_the_environment_that_the_manifest_names() {
    let Some(python) = interpreter("MODELSTRAP_TEST_PYTHON_SPACY", "spacy") else { return };
    let zoo = Zoo::start();
    let room: Room = zoo.project("nlp = { source = \"spacy:en_core_web_sm\", environment = \"words\" }\n");
    room.append("modelstrap.toml", "[environments.words]\npath = \"venv/words\"\n");
    let folder = room.path().join("made");
    let made = make(&room, &python, &folder, &format!("{ASKED}{MAKE}"));
    let version: Vec<&str> = made[0].as_str().unwrap().split('.').collect();
    zoo.github.spacy_model(&version[..2].join("."), "en_core_web_sm", "3.8.0", bytes(&folder, "made.whl"));
    let inside = environment_like(&python, &room.place("venv/words"));

    room.run(&["models", "download"]).expect(0);
    let code = format!(
        "{ASKED}\nimport spacy\nnlp = spacy.load('en_core_web_sm')\nprint(json.dumps([str(nlp.path), asked(nlp)]))"
    );
    let seen = ask(&room, &inside, &code);
    assert_eq!(seen[1], made[1], "the same words, the same weights");
    assert_eq!(seen[1][0], json!([["Ada", "PERSON"]]));
    let path = seen[0].as_str().unwrap();
    assert!(
        path.starts_with("@/p/venv/words/lib/") && path.ends_with("/en_core_web_sm/en_core_web_sm-3.8.0"),
        "{path}"
    );
    // The interpreter that the links lead to knows nothing of it.
    let outside = ask(&room, &python, "import spacy; print(json.dumps(spacy.util.is_package('en_core_web_sm')))");
    assert_eq!(outside, Value::Bool(false));
}
