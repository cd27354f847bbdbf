//! Which names a pickle of weights may import: torch's own allow-list. Everything else is refused, whatever it does:
//! a list of what is forbidden is always behind. The second list only finds the word for the worst of it.

use std::collections::HashSet;
use std::sync::LazyLock;

const ALLOWED: &str = include_str!("../../../templates/pickle/allowed.txt");
const DANGEROUS: &str = include_str!("../../../templates/pickle/dangerous.txt");

/// Blocked by torch even for those who allow-list them by hand.
const NEVER: [&str; 4] = ["sys", "os", "posix", "nt"];

static ALLOWED_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| lines(ALLOWED).collect());
static DANGEROUS_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| lines(DANGEROUS).collect());

/// True when `torch.load(weights_only=True)` would import this name, too.
pub(super) fn allowed(module: &str, name: &str) -> bool {
    // Protocol 2, torch.save's default, writes the names that Python 2 had for its modules.
    let module = if module == "__builtin__" { "builtins" } else { module };
    !NEVER.contains(&module) && ALLOWED_NAMES.contains(format!("{module}.{name}").as_str())
}

/// True for names that run programs, open files or reach the network.
pub(super) fn dangerous(module: &str, name: &str) -> bool {
    let full = format!("{module}.{name}");
    let below = |end: usize| DANGEROUS_NAMES.contains(format!("{}.*", &full[..end]).as_str());
    NEVER.contains(&module.split('.').next().unwrap_or_default())
        || DANGEROUS_NAMES.contains(full.as_str())
        || full.match_indices('.').take(16).any(|(end, _)| below(end))
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_state_dict_needs_is_allowed_and_nothing_beside_it() {
        for (module, name) in [
            ("collections", "OrderedDict"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("torch", "FloatStorage"),
            ("torch", "bfloat16"),
            ("torch", "float8_e4m3fn"),
            ("__builtin__", "set"),
            ("_codecs", "encode"),
        ] {
            assert!(allowed(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("os", "system"),
            ("torch", "load"),
            ("torch.nn.modules.linear", "Linear"),
            ("builtins", "getattr"),
            ("collections", "OrderedDict.fromkeys"),
            ("numpy.core.multiarray", "_reconstruct"),
        ] {
            assert!(!allowed(module, name), "{module}.{name}");
        }
    }

    #[test]
    fn no_name_is_both_allowed_and_dangerous() {
        for full in ALLOWED_NAMES.iter() {
            let (module, name) = full.rsplit_once('.').unwrap();
            assert!(!dangerous(module, name), "{full}");
        }
    }

    #[test]
    fn the_worst_are_called_dangerous() {
        for (module, name) in [
            ("os", "system"),
            ("os.path", "x"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("__builtin__", "eval"),
            ("subprocess", "Popen"),
            ("torch.hub", "load"),
            ("os", "path.join"),
        ] {
            assert!(dangerous(module, name), "{module}.{name}");
        }
        assert!(!dangerous("torch.nn.modules.linear", "Linear"));
    }
}
