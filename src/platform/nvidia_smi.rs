//! The text of `nvidia-smi --query-gpu`, as recorded: the columns' names, then a line for each card.

use super::nvidia::Card;

/// The cards; a value such as `[N/A]` is none.
pub(super) fn parse(text: &str) -> Vec<Card> {
    let mut lines = text.lines();
    let Some(columns) = lines.next() else { return Vec::new() };
    let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let values: Vec<&str> = line.split(',').map(str::trim).collect();
            let value = |name: &str| {
                let at = columns.iter().position(|column| *column == name)?;
                values.get(at).copied().filter(|value| !value.is_empty() && !value.starts_with('['))
            };
            // `memory.total` is in MiB with `nounits`.
            let memory = value("memory.total").and_then(|mib| mib.parse::<u64>().ok()?.checked_mul(1 << 20));
            let raw = columns.iter().position(|column| *column == "memory.total").and_then(|at| values.get(at));
            Card {
                index: value("index").and_then(|index| index.parse().ok()).unwrap_or(0),
                name: value("name").map(str::to_owned),
                uuid: value("uuid").map(str::to_owned),
                pci: value("pci.bus_id").map(str::to_owned),
                memory,
                memory_reason: memory.is_none().then(|| format!("nvidia-smi says {}", raw.unwrap_or(&"nothing"))),
                compute_capability: value("compute_cap").map(str::to_owned),
                driver: value("driver_version").map(str::to_owned),
                mig: value("mig.mode.current").map(|mode| mode == "Enabled"),
                slices: Vec::new(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_that_is_not_available_is_none_with_the_reason() {
        let text = "index,uuid,pci.bus_id,name,memory.total,memory.free,driver_version,compute_cap,mig.mode.current\n\
                    0, GPU-1, 0000000F:01:00.0, NVIDIA GB10, [N/A], [N/A], 580.95.05, 12.1, [N/A]\n";
        assert_eq!(
            parse(text),
            [Card {
                name: Some("NVIDIA GB10".into()),
                uuid: Some("GPU-1".into()),
                pci: Some("0000000F:01:00.0".into()),
                memory_reason: Some("nvidia-smi says [N/A]".into()),
                compute_capability: Some("12.1".into()),
                driver: Some("580.95.05".into()),
                ..Card::default()
            }]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), row in "[^\n]{0,40}") {
            let _ = parse(&text);
            let _ = parse(&format!("index,memory.total,name\n{row}"));
        }
    }
}
