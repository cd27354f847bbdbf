//! Payloads of a hub's shared store that a person named: those that a repository uses stay as long as it does, whatever is said of them.

use std::collections::BTreeMap;

use super::Kept;
use super::accounts::Accounts;
use super::clear::Clearer;
use super::picks::Pick;
use crate::support::units;

impl Clearer<'_, '_> {
    /// Takes those that nobody uses once everything else that was chosen has gone.
    pub(super) fn payloads(&mut self) {
        let named = std::mem::take(&mut self.shared);
        if named.is_empty() {
            return;
        }
        let before = Accounts::of(self.stock);
        let mut after = Accounts::of(self.stock);
        for (pick, _) in self.picks.iter() {
            match pick {
                Pick::Repository(at) => drop(after.repository(at)),
                Pick::Revision(at, index) => drop(after.revision(at, index)),
                Pick::Orphan(at, blob) => drop(after.orphan(at, blob)),
                _ => {}
            }
        }
        // By hub and reason: a store has thousands, and a person reads one line.
        let mut staying: BTreeMap<(usize, &str), u64> = BTreeMap::new();
        for (hub, index) in named {
            let payload = self.stock.hubs.get(hub).and_then(|found| found.payloads.get(index));
            let is_led_to = |of: &Accounts<'_>| !of.is_unused(hub, index);
            // A user that its list names, and that no repository shows which could be read.
            let unseen = payload.is_some_and(|payload| payload.used && !is_led_to(&before));
            if is_led_to(&after) || unseen {
                *staying.entry((hub, "in use by a repository, and freed with the last that uses it")).or_default() += 1;
            } else if payload.is_some_and(|payload| !payload.listed) {
                *staying.entry((hub, "without a list of users that can be read")).or_default() += 1;
            } else if !is_led_to(&before) {
                self.add(Pick::Payload(hub, index), "you named it", true);
            }
            // One whose last user goes, goes with it.
        }
        for ((hub, why), count) in staying {
            let path = self.stock.hubs.get(hub).map(|hub| hub.folder.join("blobs")).unwrap_or_default();
            let why = format!("{}, {why}", units::count(count, "payload"));
            self.kept.push(Kept { name: "shared store".to_owned(), path, why });
        }
    }
}
