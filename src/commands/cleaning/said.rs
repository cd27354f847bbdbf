//! What came of a removal, in a sentence or two: what is free, what will be, and when.

use std::collections::BTreeMap;

use super::roots::words;
use crate::cache::remove::Outcome;
use crate::support::{escape, units};

/// So many programs are named.
const NAMED: usize = 3;

/// What came of it; `verb` brings it back.
pub(in crate::commands) fn said(outcome: &Outcome, verb: &str) -> String {
    let Some(time) = outcome.kept.filter(|_| outcome.until.is_some()) else {
        return format!("{}.{}{}", freed(outcome), held(outcome.held, &outcome.holders), waits(outcome.trashed));
    };
    let first = if outcome.freed > 0 { format!("{}, ", freed(outcome)) } else { String::new() };
    format!(
        "{first}{} removed. For {} `modelstrap {verb} --undo` brings it back; the next modelstrap after that frees it, \
         or `modelstrap clear trash` at once.",
        units::bytes(outcome.trashed),
        words(time)
    )
}

/// `6.29 MB freed`; where copies share blocks, nobody knows how much of a file is a copy's as well.
fn freed(outcome: &Outcome) -> String {
    let bytes = units::bytes(outcome.freed);
    let words = if outcome.may_share && outcome.freed > 0 { "At most " } else { "" };
    format!("{words}{bytes} freed")
}

/// ` 5.00 MB wait in the trash: …`
fn waits(bytes: u64) -> String {
    if bytes == 0 {
        return String::new();
    }
    format!(
        " {} wait in the trash: what `modelstrap clear --undo` can still bring back needs them, and they go with it.",
        units::bytes(bytes)
    )
}

/// ` 6.29 MB of it are free when python3 (1234) closes it.`
pub(super) fn held(bytes: u64, holders: &BTreeMap<u32, String>) -> String {
    if bytes == 0 {
        return String::new();
    }
    let bytes = units::bytes(bytes);
    let (who, closes) = (programs(holders), if holders.len() == 1 { "closes" } else { "close" });
    format!(" {bytes} of it are free when {who} {closes} it.")
}

fn programs(holders: &BTreeMap<u32, String>) -> String {
    let named = holders.iter().take(NAMED).map(|(process, name)| format!("{} ({process})", escape::printable(name)));
    let mut named: Vec<String> = named.collect();
    if holders.len() > NAMED {
        named.push(units::count(holders.len() - NAMED, "other program"));
    }
    units::listed(&named)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_free_later_or_perhaps_is_said_so() {
        let outcome = Outcome { gone: 1, freed: 6_290_000, ..Outcome::default() };
        assert_eq!(said(&outcome, "clear"), "6.29 MB freed.");
        assert_eq!(said(&Outcome { may_share: true, ..outcome.clone() }, "clear"), "At most 6.29 MB freed.");
        let names = |count: u32| (1..=count).map(|process| (process, "py\x1b".to_owned())).collect::<BTreeMap<_, _>>();
        let open = |count| Outcome { held: 90_000, holders: names(count), ..outcome.clone() };
        let begin = "6.29 MB freed. 90.0 kB of it are free when";
        let name = escape::printable("py\x1b");
        assert_eq!(said(&open(1), "clear"), format!("{begin} {name} (1) closes it."));
        let three = format!("{name} (1), {name} (2), {name} (3)");
        assert_eq!(said(&open(5), "clear"), format!("{begin} {three} and 2 other programs close it."));
    }

    #[test]
    fn the_time_is_the_one_that_was_asked_for() {
        let of = |seconds| Outcome {
            trashed: 1_200_000,
            kept: Some(Duration::from_secs(seconds)),
            until: Some(0),
            ..Outcome::default()
        };
        for (seconds, time) in [(1, "1 s"), (10, "10 s"), (3600, "1 h"), (90, "1 min 30 s"), (259_200, "3 d")] {
            let text = said(&of(seconds), "prune");
            assert!(text.starts_with(&format!("1.20 MB removed. For {time} `modelstrap prune --undo`")), "{text}");
        }
    }
}
