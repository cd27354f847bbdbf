//! A repository into which somebody downloads.

use super::*;
use crate::cache::select::locked::AsksLocks;

#[test]
fn no_revision_goes_of_a_repository_into_which_somebody_downloads() {
    let made = |days| {
        let made = Making::of("org/a", 100).blob("x", 400, 90).unfinished("y.incomplete", 70, days);
        hub(vec![made.revision('1', &["x"], 90).done()])
    };
    let stock = made(90);
    let old = Rules { older_than: Some(DAY), grace: 0, ..rules() };
    let found = pruned(&stock, &Needs::default(), &old);
    assert!(lines(&found).iter().any(|line| line.0 == "org/a@111111111111"), "{found:?}");
    let mut locked = Needs::default();
    locked.ask_locks(AsksLocks { of_repository: |folder| folder.ends_with("models--org--a"), at: |_| false });
    let mut open = Needs::default();
    let (path, stamp) = &stock.hubs[0].repositories[0].repository.unfinished[0];
    assert!(path.ends_with("blobs/y.incomplete"));
    open.add_open([stamp.id]);
    for needs in [locked, open] {
        let found = pruned(&stock, &needs, &old);
        assert!(lines(&found).iter().all(|line| line.0 != "org/a@111111111111"), "{found:?}");
        assert!(kept(&found).contains(&("org/a@111111111111", "a program downloads into it")), "{found:?}");
    }
}
