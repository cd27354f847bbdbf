//! Tests of editing the manifest: whole texts before and after, and that nothing else changes.

use super::*;
use crate::project::Manifest;
use proptest::prelude::*;

fn one(source: &str) -> ModelValue {
    ModelValue::One(source.to_owned())
}

fn added(text: &str) -> String {
    let after = add(text, "new", &one("hf:a/b")).unwrap();
    assert_eq!(add(&after, "new", &one("hf:a/b")).unwrap(), after, "a second time changes nothing");
    after
}

#[test]
fn a_model_is_added_where_the_models_are_and_nothing_else_changes() {
    for (before, after) in [
        ("", "[models]\nnew = \"hf:a/b\"\n"),
        ("# mine", "# mine\n\n[models]\nnew = \"hf:a/b\"\n"),
        ("[project]\nname = 'x'\n", "[project]\nname = 'x'\n\n[models]\nnew = \"hf:a/b\"\n"),
        ("[project]\r\nname = 'x'\r\n", "[project]\r\nname = 'x'\r\n\r\n[models]\r\nnew = \"hf:a/b\"\r\n"),
        (
            "[models]  # all\nx   = 'hf:c/d' # why\n\n# about the next\n[setup]\ncache = true\n",
            "[models]  # all\nx   = 'hf:c/d' # why\nnew = \"hf:a/b\"\n\n# about the next\n[setup]\ncache = true\n",
        ),
        ("[models]", "[models]\nnew = \"hf:a/b\"\n"),
        ("[models]\nx = [\n  'hf:c/d', # one\n]", "[models]\nx = [\n  'hf:c/d', # one\n]\nnew = \"hf:a/b\"\n"),
        ("[models.x]\nsource = 'hf:c/d'\n", "[models.x]\nsource = 'hf:c/d'\n\n[models]\nnew = \"hf:a/b\"\n"),
        (
            "[models]\na = 'hf:c/d'\n[models.x]\nsource = 'hf:c/d'\n",
            "[models]\na = 'hf:c/d'\nnew = \"hf:a/b\"\n[models.x]\nsource = 'hf:c/d'\n",
        ),
        ("models.x = 'hf:c/d'\n[setup]\n", "models.x = 'hf:c/d'\nmodels.new = \"hf:a/b\"\n[setup]\n"),
        ("models = {}\n", "models = { new = \"hf:a/b\" }\n"),
        ("models = { x = 'hf:c/d' } # all\n", "models = { x = 'hf:c/d', new = \"hf:a/b\" } # all\n"),
        ("\u{feff}[models]\n", "\u{feff}[models]\nnew = \"hf:a/b\"\n"),
        ("[models]\nnew = 'hf:c/d' # kept\n", "[models]\nnew = \"hf:a/b\" # kept\n"),
        ("models = { new = ['hf:c/d'], x = 'y' }\n", "models = { new = \"hf:a/b\", x = 'y' }\n"),
        ("[models.new]\nsource = 'hf:c/d'\n\n[setup]\n", "[setup]\n\n[models]\nnew = \"hf:a/b\"\n"),
    ] {
        assert_eq!(added(before), after, "{before:?}");
    }
}

#[test]
fn a_model_is_taken_out_with_its_lines_and_nothing_else() {
    let taken = |text: &str| remove(text, "x").unwrap();
    for (before, after) in [
        ("[models]\nx = 'hf:a/b' # why\ny = 'hf:c/d'\n", "[models]\ny = 'hf:c/d'\n"),
        ("[models]\r\ny = 'hf:c/d'\r\nx = [\r\n 'hf:a/b',\r\n]\r\n", "[models]\r\ny = 'hf:c/d'\r\n"),
        ("[models]\nx = 'hf:a/b'", "[models]\n"),
        ("[models]\nx.source = 'hf:a/b'\nx.when = 'gpu'\n# end\n", "[models]\n# end\n"),
        (
            "# a\n[models.x]\nsource = 'hf:a/b'\n\n[[models.x.alternatives]]\nsource = 'hf:c/d'\nwhen = 'mlx'\n\n# b\n[setup]\n",
            "# a\n# b\n[setup]\n",
        ),
        ("models.x = 'hf:a/b'\nmodels.y = 'hf:c/d'\n", "models.y = 'hf:c/d'\n"),
        ("models = { x = 'hf:a/b', y = 'hf:c/d' }\n", "models = { y = 'hf:c/d' }\n"),
        ("models = { y = 'hf:c/d', x.source = 'hf:a/b' }\n", "models = { y = 'hf:c/d' }\n"),
        ("models = { \"x\" = 'hf:a/b' }\n", "models = {}\n"),
    ] {
        assert_eq!(taken(before).as_deref(), Some(after), "{before:?}");
    }
    assert_eq!(taken("[models]\ny = 'hf:c/d' # x\n[cache]\n"), None);
    assert_eq!(taken(""), None);
}

#[test]
fn one_source_is_taken_out_of_a_list_and_nothing_else_changes() {
    let without = |text: &str, index| remove_from_list(text, "x", index).unwrap();
    let one_line = "[models]\nx = [ \"a\", 'b' , \"c\" ] # all\ny = \"d\"\n";
    assert_eq!(without(one_line, 0), "[models]\nx = [ 'b' , \"c\" ] # all\ny = \"d\"\n");
    assert_eq!(without(one_line, 1), "[models]\nx = [ \"a\", \"c\" ] # all\ny = \"d\"\n");
    assert_eq!(without(one_line, 2), "[models]\nx = [ \"a\", 'b' ] # all\ny = \"d\"\n");
    let lines = "models.x = [\r\n  # small\r\n  \"a\", # the first\r\n  \"b\" # the last\r\n]\r\n";
    assert_eq!(without(lines, 0), "models.x = [\r\n  # small\r\n  \"b\" # the last\r\n]\r\n");
    assert_eq!(without(lines, 1), "models.x = [\r\n  # small\r\n  \"a\", # the first\r\n]\r\n");
    assert_eq!(without("models = { x = [\"a\", \"b\"] }", 0), "models = { x = [\"b\"] }");
    assert_eq!(without("[models]\nx = [\"a\",]\ny = \"b\"\n", 0), "[models]\ny = \"b\"\n");
    assert!(remove_from_list(one_line, "x", 3).is_err() && remove_from_list(one_line, "y", 0).is_err());
}

#[test]
fn a_table_is_written_on_one_line_and_reads_as_itself() {
    let words = |all: &[&str]| Words(all.iter().map(|word| (*word).to_owned()).collect());
    let table = ModelTable {
        source: Some("hf:a/b".to_owned()),
        revision: Some("v1".to_owned()),
        include: Some(words(&["*.json", "a\"b"])),
        exclude: words(&["x"]),
        weights: Some(words(&["onnx"])),
        when: words(&["gpu", "!windows"]),
        optional: true,
        gated: true,
        environment: Some("nlp".to_owned()),
        alternatives: vec![AlternativeTable {
            source: "hf:c/d".to_owned(),
            when: words(&["mlx"]),
            ..AlternativeTable::default()
        }],
    };
    let value = ModelValue::Table(Box::new(table));
    let text = add("", "my.key", &value).unwrap();
    let expected = "[models]\n\"my.key\" = { source = \"hf:a/b\", revision = \"v1\", include = [\"*.json\", \"a\\\"b\"], exclude = \"x\", weights = \"onnx\", when = [\"gpu\", \"!windows\"], optional = true, gated = true, environment = \"nlp\", alternatives = [{ source = \"hf:c/d\", when = \"mlx\" }] }\n";
    assert_eq!(text, expected);
    assert_eq!(Manifest::parse(&text).unwrap().models[0].1.value, value);
}

#[test]
fn what_is_no_manifest_is_left_alone() {
    assert!(add("[models\n", "x", &one("hf:a/b")).unwrap_err().to_string().starts_with(":1:8: "));
    assert!(add("models = 1\n", "x", &one("hf:a/b")).is_err());
    assert!(remove("[models\n", "x").is_err());
}

#[test]
fn a_section_that_was_the_whole_manifest_keeps_its_line_ends() {
    let text = "[models.x]\r\nsource = 'hf:a/b'\r\nwhen = [\r\n  'gpu',\r\n]\r\n";
    assert_eq!(add(text, "x", &one("hf:c/d")).unwrap(), "[models]\r\nx = \"hf:c/d\"\r\n");
}

/// Manifests of many shapes: what comes before, how the models are written, what follows.
fn manifests() -> impl Strategy<Value = String> {
    let head = prop_oneof![Just(""), Just("# note\n"), Just("[project]\nname = \"n\" # x = 1\n\n")];
    let models = prop_oneof![
        Just(""),
        Just("[models]\n"),
        Just("[ models ] # here\n  x = 'hf:a/b'\n\n  'y' = ['hf:a/b',\n 'hf:c/d'] # both\n"),
        Just("[models.x]\nsource = '''hf:a/b'''\n# inside\nwhen = [\n  'gpu',\n]\n"),
        Just("[models]\ny.source = \"hf:[x]/b\"\ny.optional = true\n[models.x]\nsource = 'hf:a/b'\n"),
    ];
    let tail =
        prop_oneof![Just(""), Just("\n# tail\n[gitignore]\nextra = [\"[models]\", \"x = 1\"]"), Just("[legacy]\n")];
    (head, models, tail, any::<bool>()).prop_map(|(head, models, tail, windows)| {
        let text = format!("{head}{models}{tail}");
        if windows { text.replace('\n', "\r\n") } else { text }
    })
}

proptest! {
    #[test]
    fn what_is_added_is_there_and_every_line_stays(text in manifests(), key in "[xyz]|[a-z.é ]{1,6}", source in "\\PC{0,9}") {
        let before = Manifest::parse(&text).unwrap();
        let after = add(&text, &key, &one(&source)).unwrap();
        let read = Manifest::parse(&after).unwrap();
        let value = |manifest: &Manifest, key: &str| {
            manifest.models.iter().find(|(name, _)| name == key).map(|(_, entry)| entry.value.clone())
        };
        prop_assert_eq!(value(&read, &key), Some(one(&source)));
        if value(&before, &key).is_none() {
            let mut lines = after.lines();
            for line in text.lines() {
                prop_assert!(lines.any(|other| other == line), "{line:?} is gone from {after:?}");
            }
        }
        prop_assert_eq!(text.matches("\r\n").count() > 0 && text.contains('\n'), after.contains("\r\n"));
        let without = remove(&after, &key).unwrap().unwrap();
        prop_assert_eq!(value(&Manifest::parse(&without).unwrap(), &key), None);
        for (other, entry) in before.models.iter().filter(|(name, _)| *name != key) {
            prop_assert_eq!(value(&Manifest::parse(&without).unwrap(), other), Some(entry.value.clone()));
        }
    }

    #[test]
    fn a_source_taken_out_of_any_list_is_gone_and_the_others_stay(
        gaps in proptest::collection::vec("[ \n]{0,2}(# c\n)?", 8), many in 1_usize..4, index in 0_usize..4, tail in ",?",
    ) {
        let items: Vec<String> = (0..many).map(|at| format!("{}\"{at}\"{}", gaps[at], gaps[at + 4])).collect();
        let text = format!("[models]\nx = [{}{tail}{}]\n", items.join(","), gaps[7]);
        let kept: Vec<Value> = (0..many).filter(|at| *at != index).map(|at| Value::String(at.to_string())).collect();
        match remove_from_list(&text, "x", index) {
            Ok(after) if kept.is_empty() => prop_assert!(!after.contains('x')),
            Ok(after) => prop_assert_eq!(&toml::from_str::<Table>(&after).unwrap()["models"]["x"], &Value::Array(kept)),
            Err(_) => prop_assert!(index >= many, "{}", text),
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]a-z_=\"'.\n{}#, ]{0,40}", key in "[a-z]{1,2}") {
        let _ = remove_from_list(&text, &key, 0);
        let _ = add(&text, &key, &one("hf:a/b"));
        let _ = remove(&text, &key);
    }
}
