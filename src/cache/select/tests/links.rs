//! What links lead to.

use super::*;

#[test]
fn what_a_link_elsewhere_leads_to_stays_and_is_not_cleared_without_force() {
    let made = Making::of("org/a", 100).blob("x", 400, 90).blob("lost", 50, 90).revision('1', &["x"], 90);
    let other = Making::of("org/b", 200).blob("y", 300, 90).blob("lost", 60, 90).revision('1', &["y"], 90);
    let loose = Payload { used: false, ..payload("cc33", 3, 900) };
    let mut stock = hub(vec![made.done(), other.done()]);
    stock.hubs[0].payloads = vec![loose.clone()].into();
    stock.things = vec![thing("/c/whisper/base.pt", 1, 140, 90)].into();
    let targets = [
        format!("{HUB}/models--org--a/blobs/x"),
        format!("{HUB}/models--org--b/blobs/lost"),
        loose.entry.path.to_str().unwrap().to_owned(),
        "/c/whisper/base.pt".to_owned(),
    ];
    let mut needs = Needs::default();
    targets.iter().for_each(|target| needs.add_link(Path::new("/home/ada/x"), target.into()));
    let old = Rules { older_than: Some(DAY), ..rules() };
    let found = pruned(&stock, &needs, &old);
    let (orphan, named) = ("no revision has it", "no ref and no lock names it");
    assert_eq!(lines(&found), [("org/a", 50, orphan), ("org/b@111111111111", 300, named)]);
    let why = "the link /home/ada/x leads to it";
    let expected = ["base.pt", "org/a@111111111111", "org/b", "shared store"].map(|name| (name, why));
    assert_eq!(kept(&found), expected);

    let terms = |force| Terms { now: NOW, busy: 60, force };
    let all = |force| clear::select(&stock, &needs, &UseLog::new(), &[Wanted::Models], terms(force)).unwrap();
    let found = all(false);
    assert_eq!(lines(&found), [("org/b@111111111111", 300, "every model")]);
    let why = "the link /home/ada/x leads to it; `--force` takes it";
    assert_eq!(kept(&found), [("org/a", why), ("cc33", why), ("base.pt", why)]);
    assert_eq!(all(true).lines.iter().count(), 4);
    for word in ["org/a", "org/b", "base.pt"] {
        let select = |force| {
            let meaning = words::meaning(word, None, &stock, &[]).unwrap();
            clear::select(&stock, &needs, &UseLog::new(), &[Wanted::Named(word.into(), meaning)], terms(force))
        };
        assert_eq!(select(false).unwrap_err()[0].holders[0].who(), "the link /home/ada/x");
        assert_eq!(select(true).unwrap().lines.iter().count(), 1);
    }
}
