//! What the cd-hook changes: from the project that was left to the one that is entered.
//!
//! Everything is computed relative to the environment as it was before any project: the hook's state
//! remembers, for each variable, what stood there and what was put there. So projects can be nested,
//! entered and left in any order, and a value that a person changed meanwhile is theirs and stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::catalogue::variables::VariableSet;
use crate::generate::shell::{Assignment, is_name};
use crate::support::vars::Vars;

/// The exported variable that holds the hook's state.
pub const STATE: &str = "__MODELSTRAP_STATE";

/// The hook's state: whose variables are set, and what they covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// The project whose variables are set.
    root: String,
    /// For each variable what stood there before, and what the project put there; `None` is "not set".
    vars: BTreeMap<String, (Option<String>, Option<String>)>,
}

impl Saved {
    /// The state as compact JSON.
    pub fn encode(&self) -> String {
        // Maps of strings cannot fail to serialise; an empty state would be ignored when read.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The state that `text` holds. Anything but what [`Saved::encode`] writes is no state at all:
    /// the variable can come from anywhere, and nothing in it may become code.
    pub fn decode(text: &str) -> Option<Self> {
        let saved: Self = serde_json::from_str(text).ok()?;
        let no_nul = |value: &Option<String>| !value.as_deref().is_some_and(|text| text.contains('\0'));
        let sound = |(name, (before, ours)): (&String, &(Option<String>, Option<String>))| {
            is_name(name) && name != STATE && no_nul(before) && no_nul(ours)
        };
        saved.vars.iter().all(sound).then_some(saved)
    }

    /// The state in `current`, if there is one.
    pub fn from_vars(current: &Vars) -> Option<Self> {
        current.text(STATE).and_then(Self::decode)
    }
}

/// Everything that the hook has to change in `current`, its own state included; empty when all is as it should be.
pub fn assignments(current: &Vars, target: Option<(&str, &VariableSet)>) -> Vec<Assignment> {
    let (mut changes, state) = transition(Saved::from_vars(current).as_ref(), current, target);
    let (now, next) = (current.text(STATE), state.map(|state| state.encode()));
    match next {
        Some(next) if now != Some(next.as_str()) => changes.push(Assignment::Set(STATE.to_owned(), next)),
        None if current.raw(STATE).is_some() => changes.push(Assignment::Unset(STATE.to_owned())),
        _ => {}
    }
    changes
}

/// The changes that lead from `current`, in which `saved` was entered, to `target`: the root and the
/// variables of the project that the shell stands in now, if any. And the state to remember then.
///
/// A variable whose present value is not UTF-8 is left alone: it could not be brought back.
pub fn transition(
    saved: Option<&Saved>,
    current: &Vars,
    target: Option<(&str, &VariableSet)>,
) -> (Vec<Assignment>, Option<Saved>) {
    let wanted = target.map_or_else(BTreeMap::new, |(_, variables)| wanted(variables));
    let same_root = saved.map(|saved| saved.root.as_str()) == target.map(|(root, _)| root);
    let empty = BTreeMap::new();
    let old = saved.map_or(&empty, |saved| &saved.vars);
    let mut changes = Vec::new();
    let mut vars = BTreeMap::new();

    for (name, (before, ours)) in old {
        if wanted.contains_key(name.as_str()) {
            continue;
        }
        if is_now(current, name, ours.as_deref()) {
            change(&mut changes, current, name, before.as_deref());
        }
    }
    for (name, want) in wanted {
        let Some(now) = now(current, name) else { continue };
        let covered = match old.get(name) {
            // Changed by hand since we set it: theirs. Within the same project it stays so.
            Some((before, ours)) if now != ours.as_deref() => {
                if same_root && want == ours.as_deref() {
                    vars.insert(name.to_owned(), (before.clone(), ours.clone()));
                    continue;
                }
                now.map(str::to_owned)
            }
            Some((before, _)) => before.clone(),
            None => now.map(str::to_owned),
        };
        change(&mut changes, current, name, want);
        vars.insert(name.to_owned(), (covered, want.map(str::to_owned)));
    }
    (changes, target.map(|(root, _)| Saved { root: root.to_owned(), vars }))
}

fn wanted(variables: &VariableSet) -> BTreeMap<&str, Option<&str>> {
    let unset = variables.unset.iter().map(|name| (name.as_str(), None));
    let set = variables.set.iter().map(|variable| (variable.name.as_str(), Some(variable.value.as_str())));
    // A name in both lists is set, as in the snippets: later entries win.
    unset.chain(set).filter(|(name, _)| is_name(name) && *name != STATE).collect()
}

fn change(changes: &mut Vec<Assignment>, current: &Vars, name: &str, to: Option<&str>) {
    if is_now(current, name, to) {
        return;
    }
    changes.push(match to {
        Some(value) => Assignment::Set(name.to_owned(), value.to_owned()),
        None => Assignment::Unset(name.to_owned()),
    });
}

fn is_now(current: &Vars, name: &str, value: Option<&str>) -> bool {
    now(current, name) == Some(value)
}

/// The present value, where it is text; the outer `None` means that it is not.
fn now<'a>(current: &'a Vars, name: &str) -> Option<Option<&'a str>> {
    match current.raw(name) {
        None => Some(None),
        Some(value) => value.to_str().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::variables::Variable;

    fn set(pairs: &[(&str, &str)], unset: &[&str]) -> VariableSet {
        let variable = |(name, value): &(&str, &str)| Variable {
            name: (*name).into(),
            value: (*value).into(),
            library: String::new(),
            note: String::new(),
        };
        VariableSet {
            set: pairs.iter().map(variable).collect(),
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
            scoped: Vec::new(),
        }
    }

    fn applied(vars: &Vars, changes: &[Assignment]) -> Vars {
        let mut all: BTreeMap<_, _> = vars.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for change in changes {
            match change {
                Assignment::Set(name, value) => all.insert(name.into(), value.into()),
                Assignment::Unset(name) => all.remove(OsStr::new(name)),
            };
        }
        all.into_iter().collect()
    }

    #[test]
    fn the_same_project_again_changes_nothing_and_a_changed_variable_alone_is_sent() {
        let start: Vars = [("HF_HOME", "/old")].into_iter().collect();
        let first = set(&[("HF_HOME", "/new"), ("TORCH_HOME", "/t")], &["GONE"]);
        let inside = applied(&start, &assignments(&start, Some(("/p", &first))));
        assert_eq!(assignments(&inside, Some(("/p", &first))), []);
        let second = set(&[("HF_HOME", "/new"), ("TORCH_HOME", "/u")], &["GONE"]);
        assert_eq!(
            assignments(&inside, Some(("/p", &second))),
            [
                Assignment::Set("TORCH_HOME".into(), "/u".into()),
                Assignment::Set(
                    STATE.into(),
                    r#"{"root":"/p","vars":{"GONE":[null,null],"HF_HOME":["/old","/new"],"TORCH_HOME":[null,"/u"]}}"#
                        .into()
                ),
            ]
        );
    }

    #[test]
    fn a_value_that_the_user_changed_meanwhile_is_kept_inside_and_after() {
        let project = set(&[("HF_HOME", "/new"), ("TORCH_HOME", "/t")], &[]);
        let start = Vars::default();
        let inside = applied(&start, &assignments(&start, Some(("/p", &project)))).with("HF_HOME", "/mine");
        assert_eq!(assignments(&inside, Some(("/p", &project))), []);
        let left = applied(&inside, &assignments(&inside, None));
        assert_eq!(left, [("HF_HOME", "/mine")].into_iter().collect());
    }

    #[test]
    fn a_state_that_is_not_ours_is_ignored_and_removed() {
        for hostile in [
            "",
            "{",
            "[]",
            "$(touch /tmp/x)",
            r#"{"root":"/p"}"#,
            r#"{"root":"/p","vars":{"A;rm -rf /":["x","y"]}}"#,
            r#"{"root":"/p","vars":{"1A":["x","y"]}}"#,
            r#"{"root":"/p","vars":{"":["x","y"]}}"#,
            r#"{"root":"/p","vars":{"__MODELSTRAP_STATE":["x","y"]}}"#,
            r#"{"root":"/p","vars":{"A":["\u0000",null]}}"#,
            r#"{"root":"/p","vars":{"A":["x"]}}"#,
            r#"{"root":"/p","vars":{"A":"x"}}"#,
            r#"{"root":"/p","vars":{},"more":1}"#,
        ] {
            assert_eq!(Saved::decode(hostile), None, "{hostile}");
            let vars: Vars = [(STATE, hostile), ("A", "y")].into_iter().collect();
            assert_eq!(assignments(&vars, None), [Assignment::Unset(STATE.into())], "{hostile}");
        }
    }

    /// Anything that an environment can hold.
    const VALUE: &str = "[^\0]{0,6}";

    /// Sets over few names, so that projects often share them.
    fn any_project() -> impl Strategy<Value = VariableSet> {
        (proptest::collection::btree_map("[A-D]", VALUE, 0..4), proptest::collection::vec("[A-D]", 0..3)).prop_map(
            |(pairs, unset)| {
                let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                set(&pairs, &unset.iter().map(String::as_str).collect::<Vec<_>>())
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_walk_through_projects_ends_in_the_environment_it_began_in(
            before in proptest::collection::btree_map("[A-E]", VALUE, 0..5),
            projects in proptest::collection::vec(any_project(), 1..4),
            walk in proptest::collection::vec(0usize..5, 0..12),
        ) {
            let start: Vars = before.into_iter().collect();
            let mut vars = start.clone();
            for step in walk {
                let target = projects.get(step);
                let root = format!("/{step}");
                vars = applied(&vars, &assignments(&vars, target.map(|project| (root.as_str(), project))));
                let Some(project) = target else {
                    prop_assert_eq!(&vars, &start);
                    continue;
                };
                for variable in &project.set {
                    prop_assert_eq!(vars.raw(&variable.name), Some(OsStr::new(&variable.value)));
                }
                prop_assert_eq!(assignments(&vars, Some((root.as_str(), project))), []);
            }
            vars = applied(&vars, &assignments(&vars, None));
            prop_assert_eq!(vars, start);
        }

        #[test]
        fn no_state_makes_a_panic_or_an_assignment_to_what_is_no_name(text in ".*", vars in ".{0,20}") {
            for state in [text, format!(r#"{{"root":"/","vars":{{{vars:?}:["a","b"]}}}}"#)] {
                if state.contains('\0') { continue; }
                let current: Vars = [(STATE, state.as_str())].into_iter().collect();
                for change in assignments(&current, None) {
                    let (Assignment::Set(name, _) | Assignment::Unset(name)) = change;
                    prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
                }
            }
        }
    }
}
