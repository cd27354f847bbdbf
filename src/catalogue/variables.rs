//! The set of environment variables that a project's processes get.

use serde::Serialize;

/// What a set of homes needs from the environment. Values are absolute and never empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VariableSet {
    /// Set in every process of the project, in this order.
    pub set: Vec<Variable>,
    /// Removed, because another value would make a second cache.
    pub unset: Vec<String>,
    /// Set only by `modelstrap run`, because they move more than models.
    pub scoped: Vec<Variable>,
}

/// One environment variable and why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// The variable's name, ASCII letters, digits and `_`.
    pub name: String,
    /// Its value: an absolute path, or a switch such as `1`.
    pub value: String,
    /// The catalogue id of the library that asks for it, or `modelstrap`.
    pub library: String,
    /// One line on what it does.
    pub note: String,
}
