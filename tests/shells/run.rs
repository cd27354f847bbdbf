//! The shells run what is generated for them, and what arrives is what was meant.

use modelstrap::generate::rc;
use modelstrap::generate::shell::{Assignment, exports, snippet};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::programs::{BEFORE, for_each_program, names, owned};
use crate::support::shells::{HOSTILE, Place, only, set};

#[test]
fn every_shell_enters_twice_changes_project_and_leaves_without_a_trace() {
    let mut pairs = HOSTILE.to_vec();
    pairs.push(("MS_EMPTY", "full"));
    let first = set(&pairs, &["MS_GONE", "MS_NEVER"]);
    let second_pairs = [("HF_HOME", "/second"), ("MS_ONLY_B", "b"), ("MS_CACHE_PATH", "/b")];
    let second = set(&second_pairs, &["MS_EMPTY"]);
    for_each_program(|program, path| {
        let place = Place::new();
        let a = place.write(&format!("a-{}", program.shell.file_name()), &snippet(program.shell, &first));
        let b = place.write(&format!("b-{}", program.shell.file_name()), &snippet(program.shell, &second));
        let steps = [
            program.strict.to_owned(),
            program.dump(&place, "0"),
            program.enter(&a),
            program.dump(&place, "1"),
            program.enter(&a),
            program.dump(&place, "2"),
            program.enter(&b),
            program.dump(&place, "3"),
            program.leave().to_owned(),
            program.dump(&place, "4"),
            program.enter(&a),
            program.leave().to_owned(),
            program.dump(&place, "5"),
        ];
        program.run(&place, path, &steps.concat(), BEFORE);

        let seen = |name: &str| only(&place.dumped(name), &names());
        let before = owned(BEFORE);
        assert_eq!(seen("0"), before, "{}: the start", program.name);
        assert_eq!(seen("1"), owned(&pairs), "{}: entered", program.name);
        assert_eq!(seen("2"), owned(&pairs), "{}: entered again", program.name);
        let mut other = before.clone();
        other.extend(owned(&second_pairs));
        other.remove("MS_EMPTY");
        assert_eq!(seen("3"), other, "{}: another project", program.name);
        assert_eq!(seen("4"), before, "{}: left", program.name);
        // Nothing but what was there, whatever its name: no helper is left behind in the environment.
        let noise = ["_", "OLDPWD", "PWD", "SHLVL", "LAST_EXIT_CODE"];
        let whole = |name: &str| {
            let mut all = place.dumped(name);
            all.retain(|name, _| !noise.contains(&name.as_str()));
            all
        };
        assert_eq!(whole("4"), whole("0"), "{}: left", program.name);
        assert_eq!(whole("5"), whole("0"), "{}: left again", program.name);
    });
}

#[test]
fn every_shell_evaluates_the_plain_exports() {
    let mut assignments: Vec<Assignment> =
        HOSTILE.iter().map(|(name, value)| Assignment::Set((*name).into(), (*value).into())).collect();
    assignments.push(Assignment::Set("MS_EMPTY".into(), String::new()));
    assignments.push(Assignment::Unset("MS_GONE".into()));
    assignments.push(Assignment::Unset("MS_NEVER".into()));
    let mut wanted = owned(HOSTILE);
    wanted.insert("MS_EMPTY".into(), String::new());
    for_each_program(|program, path| {
        let place = Place::new();
        let script = exports(program.shell, &assignments) + &program.dump(&place, "1");
        program.run(&place, path, &(program.strict.to_owned() + &script), BEFORE);
        assert_eq!(only(&place.dumped("1"), &names()), wanted, "{}", program.name);
    });
}

#[test]
fn an_rc_block_sources_a_file_that_is_there_and_ignores_one_that_is_gone() {
    let variables = set(&[("HF_HOME", "/in the project")], &[]);
    for_each_program(|program, path| {
        let place = Place::new();
        let here = place.write(program.shell.file_name(), &snippet(program.shell, &variables));
        let gone = rc::lines(program.shell, &place.at("gone"));
        let there = rc::lines(program.shell, &here);
        let script =
            [program.strict, &gone, "\n", &program.dump(&place, "0"), &there, "\n", &program.dump(&place, "1")];
        program.run(&place, path, &script.concat(), &[]);
        assert_eq!(place.dumped("0").get("HF_HOME"), None, "{}", program.name);
        assert_eq!(place.dumped("1").get("HF_HOME").map(String::as_str), Some("/in the project"), "{}", program.name);
        program.run(&place, path, &format!("{}{gone}\n", program.strict), &[]);
    });
}

#[test]
fn three_hundred_variables_are_no_trouble() {
    let names: Vec<String> = (0..300).map(|number| format!("MS_{number}")).collect();
    let value = "/a rather long path/to the cache/of a library/".repeat(3);
    let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let variables = set(&pairs, &[]);
    for_each_program(|program, path| {
        let place = Place::new();
        let file = place.write(program.shell.file_name(), &snippet(program.shell, &variables));
        let steps = [
            program.strict.to_owned(),
            program.enter(&file),
            program.enter(&file),
            program.dump(&place, "1"),
            program.leave().to_owned(),
            program.dump(&place, "2"),
        ];
        program.run(&place, path, &steps.concat(), &[("MS_7", "seven")]);
        let seen = |name: &str| only(&place.dumped(name), &pairs.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        assert_eq!(seen("1"), owned(&pairs), "{}", program.name);
        assert_eq!(seen("2"), owned(&[("MS_7", "seven")]), "{}", program.name);
    });
}

#[test]
fn random_values_arrive_in_every_shell() {
    let mut runner = TestRunner::deterministic();
    let special = "[ '\"\\\\$`!%#~;*?&|<>(){}\\[\\]=^@,:\n\r\t\u{1}\u{7f}xn0-]{0,9}";
    let values: Vec<String> = [special, "\\PC{0,9}", "[^\0]{0,9}"]
        .iter()
        .flat_map(|pattern| [*pattern; 100])
        .map(|pattern| proptest::string::string_regex(pattern).unwrap().new_tree(&mut runner).unwrap().current())
        .collect();
    let names: Vec<String> = (0..values.len()).map(|number| format!("MS_{number}")).collect();
    let pairs: Vec<_> = names.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
    let assignments: Vec<_> =
        pairs.iter().map(|(name, value)| Assignment::Set((*name).into(), (*value).into())).collect();
    for_each_program(|program, path| {
        let place = Place::new();
        let script = exports(program.shell, &assignments) + &program.dump(&place, "1");
        program.run(&place, path, &(program.strict.to_owned() + &script), &[]);
        let seen = place.dumped("1");
        let wrong: Vec<_> = pairs
            .iter()
            .filter(|(name, value)| seen.get(*name).map(String::as_str) != Some(*value))
            .map(|(name, value)| (value, seen.get(*name)))
            .collect();
        assert_eq!(wrong, [], "{}", program.name);
    });
}
