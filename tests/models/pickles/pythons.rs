//! What Python and torch write themselves.

use std::fs;
use std::path::Path;
use std::process::Command;

use modelstrap::models::pickle::{Kind, Verdict, scan};

use super::told;
use crate::support::python;
use crate::support::python::{good, python_with};

/// Runs `code` in a folder of its own, and gives the folder.
fn made_by(python: &Path, code: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    good(Command::new(python).current_dir(dir.path()).args(["-W", "ignore", "-c", code]));
    dir
}

#[test]
fn pythons_own_pickler_is_read_in_all_its_protocols() {
    let Some(python) = python::python() else { return };
    let code = "
import collections, os, pickle
class Evil:
    def __reduce__(self):
        return (os.system, ('id',))
data = {'a': [1, 2.5, None, True, 'x' * 300, b'y' * 300], 'o': collections.OrderedDict(z=(1, 2, 3, 4)), 's': {1, 2},
        'big': 1 << 4000, 'c': 1 + 2j, 'ba': bytearray(b'hello'), 'n': -5, 'many': list(range(5000)),
        'words': [str(n) for n in range(100000)]}
for protocol in range(6):
    open(f'plain{protocol}', 'wb').write(pickle.dumps(data, protocol))
    open(f'evil{protocol}', 'wb').write(pickle.dumps([data, Evil()], protocol))
";
    let dir = made_by(&python, code);
    for protocol in 0..6 {
        let read = |name: &str| told(&fs::read(dir.path().join(format!("{name}{protocol}"))).unwrap());
        assert_eq!(read("plain"), "plain", "protocol {protocol}");
        assert_eq!(read("evil"), "posix.system (dangerous)", "protocol {protocol}");
    }
}

#[test]
fn torchs_weights_are_plain_and_whole_modules_are_refused_with_their_class() {
    let Some(python) = python_with("MODELSTRAP_TEST_PYTHON_TORCH", "torch") else { return };
    let code = "
import torch
net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Embedding(10, 4))
weights = net.state_dict()
weights.update(half=torch.zeros(3, dtype=torch.bfloat16), sparse=torch.eye(3).to_sparse(), dtype=torch.float16,
               quantised=torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), size=torch.Size([1, 2]),
               parameter=torch.nn.Parameter(torch.ones(2)), bytes=torch.randint(0, 255, (500, 500), dtype=torch.uint8))
weights.update({f'layer{n}': torch.randn(50) for n in range(1000)})
for name, old in ('zip', False), ('legacy', True):
    torch.save(weights, name, _use_new_zipfile_serialization=not old)
    torch.save(net, 'module-' + name, _use_new_zipfile_serialization=not old)
torch.jit.script(net[:2]).save('script')
";
    let dir = made_by(&python, code);
    let report = |name: &str| scan(&dir.path().join(name)).unwrap();
    for (name, kind) in [("zip", Kind::TorchZip), ("legacy", Kind::TorchLegacy), ("script", Kind::TorchScript)] {
        let found = report(name);
        assert_eq!((found.kind, found.verdict), (kind, Verdict::Plain), "{name}");
    }
    for name in ["module-zip", "module-legacy"] {
        let sentence = report(name).to_string();
        assert!(sentence.contains("torch.nn.modules.container.Sequential"), "{sentence}");
        assert!(!report(name).is_acceptable());
    }
}
