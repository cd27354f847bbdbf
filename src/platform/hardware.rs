//! The facts that go into the machine config, under names that programs of a project read.

use serde_json::{Map, Value, json};

use super::{Facts, Os};

impl Facts {
    /// The stable part, for the machine config: nothing that changes between two runs on the same machine
    /// (free memory, free disk, load), so that a second run leaves the file's bytes alone.
    pub fn hardware_json(&self) -> Map<String, Value> {
        let accelerators: Vec<Value> = self
            .accelerators
            .iter()
            .map(|one| {
                let mut map = Map::new();
                map.insert("vendor".into(), json!(one.vendor));
                map.insert("kind".into(), json!(one.kind));
                map.insert("name".into(), json!(one.name.value));
                map.insert("memory_bytes".into(), json!(one.memory.value));
                let optional = [
                    ("gtt_bytes", one.gtt.as_ref().map(|fact| json!(fact.value))),
                    ("cuda", one.cuda.as_ref().map(|fact| json!(fact.value))),
                    ("compute_capability", one.compute_capability.as_ref().map(|fact| json!(fact.value))),
                    ("gfx", one.gfx.as_ref().map(|fact| json!(fact.value))),
                ];
                for (name, value) in optional {
                    if let Some(value) = value {
                        map.insert(name.into(), value);
                    }
                }
                map.insert("unified".into(), json!(one.unified.value));
                map.insert("driver".into(), json!(one.driver.value));
                map.insert("usable".into(), json!(one.usable.value));
                Value::Object(map)
            })
            .collect();
        let mut map = Map::new();
        // Python's platform.system().lower() and platform.machine(), which programs compare with.
        let platform = match self.host.os {
            Os::Linux => "linux",
            Os::Macos => "darwin",
            Os::Windows => "windows",
            Os::Other => "other",
        };
        map.insert("platform".into(), json!(platform));
        map.insert("machine".into(), json!(self.host.machine.value));
        map.insert("has_cuda".into(), json!(self.has_cuda()));
        map.insert("has_mps".into(), json!(self.has_mps()));
        map.insert("has_mlx".into(), json!(self.has_mlx()));
        map.insert("os_name".into(), json!(self.host.name.value));
        map.insert("os_version".into(), json!(self.host.version.value));
        map.insert("libc".into(), json!(self.host.libc.as_ref().and_then(|libc| libc.value.as_ref())));
        map.insert("wsl".into(), json!(self.host.wsl));
        map.insert("container".into(), json!(self.host.container.as_ref().map(|container| &container.kind)));
        map.insert("rosetta".into(), json!(self.host.rosetta));
        map.insert("cpu_model".into(), json!(self.cpu.model.value));
        map.insert("cpu_physical_cores".into(), json!(self.cpu.physical.value));
        map.insert("cpu_logical_cores".into(), json!(self.cpu.logical.value));
        map.insert("cpu_usable".into(), json!(self.cpu.usable));
        map.insert("cpu_features".into(), json!(self.cpu.features));
        map.insert("memory_bytes".into(), json!(self.memory.total.value));
        map.insert("memory_limit_bytes".into(), json!(self.memory.limit.as_ref().and_then(|limit| limit.value)));
        map.insert("accelerators".into(), Value::Array(accelerators));
        map
    }
}
