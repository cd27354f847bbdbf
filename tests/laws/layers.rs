//! Imports point downwards; what only a test build holds is free.

use super::says;

#[test]
fn an_import_upwards_is_found_in_every_form() {
    let upwards =
        |line: usize, to: &str| format!("src/plan/diff.rs:{line}: imports upwards: `plan` may not use `{to}`");
    says("src/plan/diff.rs", "use crate::commands::setup;", &[&upwards(2, "commands")]);
    says(
        "src/plan/diff.rs",
        "use crate::{\n    platform::{Os, Card},\n    ui,\n    support as s,\n};",
        &[&upwards(4, "ui")],
    );
    says(
        "src/plan/diff.rs",
        "fn f() -> crate::cli::Args { g(crate :: setup::x()) }",
        &[&upwards(2, "cli"), &upwards(2, "setup")],
    );
    says("src/plan/diff.rs", "pub(crate) use crate::{support::{self, vars::*}, fetch::*};", &[&upwards(2, "fetch")]);
    says("src/plan/diff.rs", "use crate::*;", &["src/plan/diff.rs:2: imports the whole crate: name the rooms"]);
    says(
        "src/plan/diff.rs",
        "use super::super::ui;",
        &["src/plan/diff.rs:2: reaches the crate's root by `super`: name it `crate::`"],
    );
    says("src/cli/mod.rs", "use ::modelstrap::main;", &["src/cli/mod.rs:2: imports upwards: `cli` may not use `main`"]);
    says("src/ui/mod.rs", "use crate::cli::Color;", &["src/ui/mod.rs:2: imports upwards: `ui` may not use `cli`"]);
}

#[test]
fn an_import_downwards_or_of_the_same_room_is_allowed() {
    says("src/main.rs", "use modelstrap::{cli::Cli, commands};", &[]);
    says("src/commands/setup.rs", "use crate::{cli::SetupArgs, ui, setup};", &[]);
    says("src/plan/diff.rs", "use super::Change;\nuse crate::{plan::Journal, support::vars::Vars};", &[]);
    says("src/lib.rs", "pub use crate::plan::Plan;\npub mod cli;", &[]);
    says(
        "src/plan/diff.rs",
        "// use crate::ui;\n/* crate::ui /* nested */ crate::ui */\nconst A: &str = \"crate::ui\";\nconst B: &str = r#\"\"crate::ui\"#;",
        &[],
    );
}

#[test]
fn only_the_tests_in_a_file_are_free_of_the_laws() {
    let tests = "#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    use crate::ui;\n    fn f() { std::fs::write(\"}\", b) }\n}\n";
    says("src/plan/diff.rs", tests, &[]);
    says(
        "src/plan/diff.rs",
        &format!("{tests}fn f() {{ crate::ui::g() }}"),
        &["src/plan/diff.rs:8: imports upwards: `plan` may not use `ui`"],
    );
    says(
        "src/plan/diff.rs",
        "#[cfg(test)]\nuse crate::{ui, cli};\n#[cfg(all(test, unix))]\nfn f(a: [u8; 2]) { crate::ui::g() }\nfn h() {}",
        &[],
    );
    says(
        "src/plan/diff.rs",
        "#[cfg(not(test))]\nuse crate::ui;",
        &["src/plan/diff.rs:3: imports upwards: `plan` may not use `ui`"],
    );
    says("src/plan/tests.rs", "use crate::ui;", &[]);
}
