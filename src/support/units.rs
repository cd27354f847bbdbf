//! Sizes as people write and read them. Decimal units (1 GB = 10^9 bytes), as disks and model pages count.

use std::time::Duration;

/// `bytes` with three significant digits: `831 B`, `19.4 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Reads `150 GB`, `1.5TiB`, `500M`, `1024`: bytes. `None` when it is not a size.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let unit = unit.trim().to_ascii_lowercase();
    let scale: f64 = match unit.trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "p" => 1e15,
        "ki" => 1024.0,
        "mi" => 1_048_576.0,
        "gi" => 1_073_741_824.0,
        "ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number * scale;
    (bytes.is_finite() && bytes < 9e18).then_some(bytes as u64)
}

/// The same for a limit on the command line: a number alone is refused, unless it is 0. Nobody who writes `--max-size 10` means ten
/// bytes.
pub fn parse_limit(text: &str) -> Option<u64> {
    let has_unit = text.trim().ends_with(|last: char| last.is_ascii_alphabetic());
    parse_bytes(text).filter(|bytes| has_unit || *bytes == 0)
}

/// `24 ms`, `3.2 s`.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// `1 change`, `2 changes`.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.00 kB");
        assert_eq!(bytes(999_600), "1.00 MB");
        assert_eq!(bytes(19_400_000_000), "19.4 GB");
        assert_eq!(bytes(166_000_000_000), "166 GB");
    }

    #[test]
    fn sizes_are_read_in_decimal_and_binary_units() {
        assert_eq!(parse_bytes("150 GB"), Some(150_000_000_000));
        assert_eq!(parse_bytes("1.5TiB"), Some(1_649_267_441_664));
        assert_eq!(parse_bytes("1024"), Some(1024));
        assert_eq!(parse_bytes("GB"), None);
        assert_eq!(parse_bytes("5 apples"), None);
        assert_eq!(parse_bytes("9e99"), None);
    }

    #[test]
    fn times_and_lists_read_as_people_write_them() {
        assert_eq!(
            [23, 999, 1_000, 61_250].map(|n| seconds(Duration::from_millis(n))),
            ["23 ms", "999 ms", "1.0 s", "61.2 s"]
        );
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|n| listed(&names[..n])), ["", "a", "a and b", "a, b and c"]);
    }
}
