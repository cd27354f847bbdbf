//! What a person should know about the disk that the cache root lies on, before gigabytes go there.

use crate::platform::disk::FileSystem;

/// Types without symbolic links, which the Hub's cache is made of.
const NO_SYMLINKS: [&str; 5] = ["vfat", "msdos", "exfat", "fuse.exfat", "fuse.exfat-fuse"];

/// Notes on `file_system`; `container` is the kind of container that this process runs in, if it does.
pub fn notes(file_system: &FileSystem, container: Option<&str>) -> Vec<String> {
    let kind = file_system.kind.as_str();
    let mut notes = Vec::new();
    if NO_SYMLINKS.contains(&kind) {
        notes.push(format!(
            "the cache root lies on a disk without symbolic links ({kind}): huggingface_hub keeps plain copies there, \
             and two revisions of a model store their common files twice\n    choose another disk with `--cache-dir` if space matters"
        ));
    }
    if kind == "tmpfs" || kind == "ramfs" {
        notes.push(format!(
            "the cache root lies in memory ({kind}): it counts against the machine's memory, and is gone after a restart"
        ));
    }
    if let (Some(container), "overlay") = (container, kind) {
        notes.push(format!(
            "the cache root lies in the container's own layer ({container}): its models go when the container goes\n    \
             mount a volume there, or give one with `--cache-dir`"
        ));
    }
    if file_system.network {
        notes.push(format!(
            "the cache root lies on a network disk ({kind}): loading is as fast as the network, and compile caches may fail there"
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(kind: &str, network: bool, container: Option<&str>) -> Vec<String> {
        let mount_point = "/mnt".into();
        notes(&FileSystem { kind: kind.to_owned(), network, mount_point }, container)
    }

    #[test]
    fn an_ordinary_disk_needs_no_note_and_a_container_layer_does() {
        assert!(on("ext4", false, Some("docker")).is_empty());
        assert!(on("overlay", false, None).is_empty());
        assert!(on("overlay", false, Some("docker"))[0].contains("its models go when the container goes"));
        assert!(on("exfat", false, None)[0].contains("without symbolic links (exfat)"));
        assert!(on("tmpfs", false, None)[0].contains("in memory"));
        assert!(on("nfs4", true, None)[0].contains("a network disk (nfs4)"));
    }
}
