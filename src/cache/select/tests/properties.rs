//! What holds whatever the words, the rules and the stock are.

use super::*;

proptest::proptest! {
    #[test]
    fn no_word_panics_and_none_leads_out(word in ".{0,30}", path in "/[a-c/.]{0,12}") {
        let made = Making::of("org/a", 100).blob("x", 400, 9).revision('1', &["x"], 9);
        let mut stock = hub(vec![made.done()]);
        stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 9)].into();
        let _ = words::meaning(&word, None, &stock, &[]);
        if let Ok(Meaning::Picks(picks)) = words::meaning(&word, Some(Path::new(&path)), &stock, &[]) {
            for pick in picks.iter() {
                let found = stock.path(&pick).unwrap();
                proptest::prop_assert!(found.starts_with("/c/huggingface") || found.starts_with("/c/whisper"));
            }
        }
    }

    /// Whatever is asked for, what a lock names stays.
    #[test]
    fn no_rule_takes_what_a_lock_names(older in 0_i64..400, bytes in 0_u64..3000, ci: bool, grace in 0_i64..2) {
        let made = |name: &str, inode, days| {
            let made = Making::of(name, inode).blob("x", 400, days).blob("y", 300, days).blob("z", 70, days);
            made.revision('1', &["x", "y"], days).revision('2', &["y", "z"], days).reference("main", '2', days).done()
        };
        let mut stock = hub(vec![made("org/a", 100, 90), made("org/b", 200, 10)]);
        stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 90), thing("/c/whisper/tiny.pt", 2, 70, 20)].into();
        let goals = vec![Goal { name: "goal".into(), bytes, room: Room::Homes }];
        let rules = Rules { older_than: Some(older * DAY), ci, goals, grace, pinned: grace, ..rules() };
        let found = pruned(&stock, &needing('1', false), &rules);
        let needed = ["hub/models--org--a/blobs/x", "hub/models--org--a/blobs/y", "whisper/base.pt", &format!("models--org--a/snapshots/{}", commit('1'))];
        for victim in found.into_victims() {
            let path = victim.path.to_str().unwrap();
            proptest::prop_assert!(!needed.iter().any(|needed| path.ends_with(needed)), "{path}");
            proptest::prop_assert!(!path.ends_with("models--org--a"));
        }
    }
}
