//! The variables for programs that are no shells: JSON, GitHub Actions, and `docker run --env-file`.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::catalogue::variables::VariableSet;
use crate::generate::shell::named;

/// Why a format cannot hold the variables.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FormatError {
    /// The format has one line per variable and no quoting.
    #[error(
        "the value of {name} contains a line break, which docker's --env-file has no way to write; \
         choose a cache folder without one, or pass the variable with `docker run --env`"
    )]
    LineBreak {
        /// The variable.
        name: String,
    },
}

/// One JSON object, name to value, in the set's order.
pub fn json(variables: &VariableSet) -> String {
    let pairs = named(variables).map(|variable| (variable.name.clone(), Value::from(variable.value.as_str())));
    // The alternate form of a `Value` is its pretty one, and cannot fail.
    format!("{:#}\n", Value::Object(pairs.collect::<Map<_, _>>()))
}

/// Lines for the file that `$GITHUB_ENV` names.
///
/// Each value is a heredoc, whose delimiter grows until it is not a part of the value: a value can
/// neither end early nor set another variable, and the same input gives the same bytes.
pub fn github(variables: &VariableSet) -> String {
    let mut out = String::new();
    for variable in named(variables) {
        let mut delimiter = String::from("MODELSTRAP");
        while variable.value.contains(&delimiter) {
            delimiter.push('_');
        }
        out.push_str(&format!("{}<<{delimiter}\n{}\n{delimiter}\n", variable.name, variable.value));
    }
    out
}

/// Lines for `docker run --env-file`, which takes everything after `=` as it is.
pub fn docker(variables: &VariableSet) -> Result<String, FormatError> {
    let mut out = String::new();
    for variable in named(variables) {
        if variable.value.contains(['\n', '\r']) {
            return Err(FormatError::LineBreak { name: variable.name.clone() });
        }
        out.push_str(&format!("{}={}\n", variable.name, variable.value));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::variables::Variable;

    fn set(pairs: &[(&str, &str)]) -> VariableSet {
        let variable = |(name, value): &(&str, &str)| Variable {
            name: (*name).into(),
            value: (*value).into(),
            library: String::new(),
            note: String::new(),
        };
        VariableSet { set: pairs.iter().map(variable).collect(), ..VariableSet::default() }
    }

    #[test]
    fn json_keeps_the_order_of_the_set() {
        assert_eq!(json(&set(&[("B", "é\"\n"), ("A", "1")])), "{\n  \"B\": \"é\\\"\\n\",\n  \"A\": \"1\"\n}\n");
    }

    #[test]
    fn a_heredoc_of_github_cannot_be_ended_by_its_value() {
        assert_eq!(
            github(&set(&[("A", "x\nMODELSTRAP\nB=evil"), ("C", "d")])),
            "A<<MODELSTRAP_\nx\nMODELSTRAP\nB=evil\nMODELSTRAP_\nC<<MODELSTRAP\nd\nMODELSTRAP\n"
        );
    }

    #[test]
    fn a_name_that_is_no_name_is_in_no_format() {
        let evil = set(&[("A\nB", "1"), ("C=D", "1"), ("", "1")]);
        assert_eq!((json(&evil), github(&evil), docker(&evil)), ("{}\n".into(), String::new(), Ok(String::new())));
    }

    #[test]
    fn docker_gets_bare_values_and_an_error_for_a_line_break() {
        assert_eq!(docker(&set(&[("A", "it's \"$x\" #1")])).unwrap(), "A=it's \"$x\" #1\n");
        assert_eq!(docker(&set(&[("A", "1"), ("B", "1\n2")])), Err(FormatError::LineBreak { name: "B".into() }));
    }
}
