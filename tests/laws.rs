//! The laws of the house, held by reading its source: who may import whom, who may write, who may ask the
//! machine, who may delete. A law that only stands in a document is broken within a month.
//!
//! `violations` is a pure function of a path and a text, so each law is also shown to fail.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, from the top of the house to its foundations: a room may import those that follow it.
/// `cli` stands below `commands`, since a command takes what `cli` parsed; `cli` itself knows no command.
const ROOMS: [&str; 17] = [
    "main",
    "commands",
    "cli",
    "ui",
    "doctor",
    "lint",
    "setup",
    "cache",
    "models",
    "environments",
    "generate",
    "fetch",
    "plan",
    "catalogue",
    "project",
    "platform",
    "support",
];

/// Where the disk may be changed: by a plan, by the leaves that plans are made of, by the probes that try
/// what a disk can do and which device may be opened, by `detect --dump`, and in the virtual environments.
const WRITERS: [&str; 8] = [
    "src/plan/",
    "src/support/",
    "src/platform/disk",
    "src/platform/dump",
    "src/platform/probe",
    "src/environments/",
    "src/fetch/",
    "src/models/",
];

/// What changes the disk when it follows `fs::`, be it the standard library's or rustix's.
const WRITING: [&str; 28] = [
    "*",
    "DirBuilder",
    "OpenOptions",
    "chmod",
    "chmodat",
    "chown",
    "chownat",
    "copy",
    "create_dir",
    "create_dir_all",
    "ftruncate",
    "hard_link",
    "linkat",
    "mkdir",
    "mkdirat",
    "remove_dir",
    "remove_file",
    "rename",
    "renameat",
    "renameat_with",
    "set_permissions",
    "soft_link",
    "symlink",
    "symlink_dir",
    "symlink_file",
    "unlink",
    "unlinkat",
    "write",
];

/// What reads or sets the process environment when it follows `env::`.
const AMBIENT: [&str; 8] = ["*", "home_dir", "remove_var", "set_var", "var", "var_os", "vars", "vars_os"];

/// What opens a path that is handed to it as a literal.
const OPENERS: [&str; 14] = [
    "canonicalize",
    "exists",
    "from",
    "join",
    "metadata",
    "new",
    "open",
    "push",
    "read",
    "read_dir",
    "read_link",
    "read_to_string",
    "symlink_metadata",
    "try_exists",
];

const MOST_LINES: usize = 450;

/// Every breach of the laws in one file of `src/`, each as `path:line: what`. `path` uses `/`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(format!("{path}:1: does not start with a `//!` header that says why the file exists"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        found.push(format!("{path}:{lines}: longer than {MOST_LINES} lines: a file holds one concept"));
    }
    let Some((room, depth)) = place(path) else {
        found.push(format!("{path}:1: in no known room: name it in DESIGN and in ROOMS, at its level"));
        return found;
    };
    if path.ends_with("/tests.rs") || path.contains("/tests/") {
        return found;
    }
    let tokens = without_tests(tokens(text));
    for used in paths(&tokens) {
        imports(path, room, depth, &used, &mut found);
        touches(path, &used, &mut found);
    }
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) if word == "unsafe" && !path.starts_with("src/platform/sys") => {
                found.push(format!("{path}:{}: `unsafe` outside src/platform/sys", token.line));
            }
            Kind::Word(word) if word == "remove_dir_all" && path != "src/support/delete.rs" => {
                found.push(format!("{path}:{}: `remove_dir_all`: only support::delete removes trees", token.line));
            }
            Kind::Text(literal)
                if !path.starts_with("src/platform/") && of_the_machine(literal) && opened(&tokens, at) =>
            {
                found.push(format!(
                    "{path}:{}: opens {literal:?}: only platform reads the machine, below a given root",
                    token.line
                ));
            }
            _ => {}
        }
    }
    found
}

/// The room of a file, and how deep its module lies below the crate's root.
fn place(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let module = inside.strip_suffix("/mod").unwrap_or(inside);
    let room = module.split('/').next()?;
    if room == "lib" {
        return Some(("lib", 0));
    }
    ROOMS.contains(&room).then(|| (room, if room == "main" { 0 } else { module.split('/').count() }))
}

/// Law 3: imports point downwards.
fn imports(path: &str, room: &str, depth: usize, used: &Used, found: &mut Vec<String>) {
    let line = used.line;
    let supers = used.segments.iter().take_while(|segment| *segment == "super").count();
    if supers > 0 && supers >= depth {
        found.push(format!("{path}:{line}: reaches the crate's root by `super`: name it `crate::`"));
    }
    let [first, second, ..] = used.segments.as_slice() else { return };
    if !matches!(first.as_str(), "crate" | "modelstrap") || room == "lib" {
        return;
    }
    if second == "*" {
        found.push(format!("{path}:{line}: imports the whole crate: name the rooms"));
    }
    let level = |name: &str| ROOMS.iter().position(|known| *known == name);
    if let (Some(from), Some(to)) = (level(room), level(second))
        && to < from
    {
        found.push(format!("{path}:{line}: imports upwards: `{room}` may not use `{second}`"));
    }
}

/// Laws 1 and 2: who writes, and who asks the process for its environment.
fn touches(path: &str, used: &Used, found: &mut Vec<String>) {
    let line = used.line;
    let named = used.segments.join("::");
    let pair = |left: &str, rights: &[&str]| {
        used.segments.windows(2).any(|two| two[0] == left && rights.contains(&two[1].as_str()))
    };
    let last = |names: &[&str]| used.segments.last().is_some_and(|segment| names.contains(&segment.as_str()));
    let writes = pair("fs", &WRITING)
        || pair("File", &["create", "create_new", "options"])
        || used.segments.iter().any(|segment| segment == "OpenOptions")
        || (used.renamed && last(&["fs", "File"]));
    if writes && !WRITERS.iter().any(|room| path.starts_with(room)) {
        found.push(format!("{path}:{line}: `{named}` writes: what changes the disk goes through a plan"));
    }
    let asks = pair("env", &AMBIENT) || (used.renamed && last(&["env"]));
    if asks && !matches!(path, "src/support/vars.rs" | "src/main.rs") {
        found.push(format!("{path}:{line}: `{named}`: take the environment as support::vars::Vars"));
    }
}

/// True for a path that only means something on the running machine.
fn of_the_machine(literal: &str) -> bool {
    ["/proc", "/sys", "/etc"]
        .iter()
        .any(|root| literal.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// True when the literal at `at` is the argument of a call that opens it, or is given a name.
fn opened(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|index| &tokens[index].kind);
    let back = if before(1) == Some(&Kind::Mark('&')) { 2 } else { 1 };
    match (before(back), before(back + 1)) {
        (Some(Kind::Mark('=')), _) => true,
        (Some(Kind::Mark('(')), Some(Kind::Word(word))) => OPENERS.contains(&word.as_str()),
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word(String),
    Text(String),
    /// `::`
    Step,
    Mark(char),
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    line: usize,
}

/// Rust's tokens as far as the laws need them: comments are gone, literals are whole, a lifetime is a mark.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let (start, begun) = (i, line);
        let kind = match chars[i] {
            '/' if at(i + 1) == '/' => {
                while i < chars.len() && chars[i] != '\n' {
                    i += 1;
                }
                None
            }
            '/' if at(i + 1) == '*' => {
                let mut open = 1;
                i += 2;
                while i < chars.len() && open > 0 {
                    match (chars[i], at(i + 1)) {
                        ('/', '*') => (open, i) = (open + 1, i + 2),
                        ('*', '/') => (open, i) = (open - 1, i + 2),
                        _ => i += 1,
                    }
                }
                None
            }
            '"' => {
                i += 1;
                while i < chars.len() && chars[i] != '"' {
                    i += if chars[i] == '\\' { 2 } else { 1 };
                }
                i += 1;
                Some(Kind::Text(chars[start + 1..(i - 1).min(chars.len())].iter().collect()))
            }
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
                Some(Kind::Mark('\''))
            }
            c if c.is_alphanumeric() || c == '_' => {
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = chars[start..i].iter().collect();
                let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
                if matches!(word.as_str(), "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let body = i + hashes + 1;
                    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                    let length = chars[body..].windows(end.len()).position(|window| window == end);
                    let close = length.map_or(chars.len(), |length| body + length);
                    i = (close + end.len()).min(chars.len());
                    Some(Kind::Text(chars[body..close].iter().collect()))
                } else {
                    Some(Kind::Word(word))
                }
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                Some(Kind::Step)
            }
            c => {
                i += 1;
                (!c.is_whitespace()).then_some(Kind::Mark(c))
            }
        };
        i = i.min(chars.len());
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
        found.extend(kind.map(|kind| Token { kind, line: begun }));
    }
    found
}

/// The tokens without the items that only a test build holds (`#[cfg(test)] mod tests { … }` and the like).
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mark = |i: usize, c: char| tokens.get(i).is_some_and(|token| token.kind == Kind::Mark(c));
    let word =
        |i: usize, w: &str| matches!(tokens.get(i).map(|token| &token.kind), Some(Kind::Word(word)) if word == w);
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if !(mark(i, '#') && mark(i + 1, '[') && word(i + 2, "cfg")) {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        }
        let end = closing(&tokens, i + 1);
        let test = (i..end).any(|k| word(k, "test")) && !(i..end).any(|k| word(k, "not") || word(k, "any"));
        if !test {
            kept.extend_from_slice(&tokens[i..end]);
            i = end;
            continue;
        }
        i = end;
        while mark(i, '#') {
            i = closing(&tokens, i + 1);
        }
        let import = word(i, "use") || word(i + 1, "use");
        while i < tokens.len() && !mark(i, ';') && (import || !mark(i, '{')) {
            i = if "([{".chars().any(|open| mark(i, open)) { closing(&tokens, i) } else { i + 1 };
        }
        i = if mark(i, '{') { closing(&tokens, i) } else { i + 1 };
    }
    kept
}

/// The index behind the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// A path as it is used: `a::{b, c::d}` gives two.
struct Used {
    segments: Vec<String>,
    line: usize,
    /// Whether `as` follows, which would hide what is used from here on.
    renamed: bool,
}

fn paths(tokens: &[Token]) -> Vec<Used> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        i = match tokens[i].kind {
            // The keyword is no part of `use ::std::fs`.
            Kind::Word(ref word) if word != "use" => path_at(tokens, i, Vec::new(), &mut found),
            _ => i + 1,
        };
    }
    found
}

/// Reads the path that starts at `i`, groups included, and returns the index behind it.
fn path_at(tokens: &[Token], mut i: usize, mut segments: Vec<String>, found: &mut Vec<Used>) -> usize {
    let kind = |i: usize| tokens.get(i).map(|token| &token.kind);
    let line = tokens[i].line;
    loop {
        match kind(i) {
            Some(Kind::Word(word)) => segments.push(word.clone()),
            Some(Kind::Mark('*')) => segments.push(String::from("*")),
            Some(Kind::Mark('{')) => {
                let end = closing(tokens, i);
                i += 1;
                while i < end - 1 {
                    i = match kind(i) {
                        Some(Kind::Word(_) | Kind::Mark('*' | '{')) => path_at(tokens, i, segments.clone(), found),
                        _ => i + 1,
                    };
                    // `as name` belongs to the element before it.
                    if kind(i) == Some(&Kind::Word(String::from("as"))) {
                        i += 2;
                    }
                }
                return end;
            }
            _ => break,
        }
        i += 1;
        let steps = kind(i) == Some(&Kind::Step) && matches!(kind(i + 1), Some(Kind::Word(_) | Kind::Mark('*' | '{')));
        if !steps {
            break;
        }
        i += 1;
    }
    let renamed = kind(i) == Some(&Kind::Word(String::from("as")));
    found.push(Used { segments, line, renamed });
    i
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file and folder below `folder`, as sorted paths from the repository's root, with `/`.
fn below(folder: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder of the repository is readable") {
            let entry = entry.expect("an entry of a folder is readable");
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let is_folder = entry.file_type().expect("an entry has a type").is_dir();
            if is_folder {
                waiting.push(path.clone());
            }
            found.push((path, is_folder));
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_source_keeps_the_laws() {
    let files: Vec<String> = below("src")
        .into_iter()
        .filter(|(path, folder)| !folder && path.ends_with(".rs"))
        .map(|(path, _)| path)
        .collect();
    assert!(files.contains(&String::from("src/support/vars.rs")), "the walk over src finds what is there: {files:?}");
    let found: Vec<String> = files.iter().flat_map(|path| violations(path, &read(&root().join(path)))).collect();
    assert!(found.is_empty(), "the laws are broken:\n{}", found.join("\n"));
}

/// The folders of `src` that a description of the house does not name.
fn unnamed(folders: &[String], architecture: &str) -> Vec<String> {
    let names = |folder: &String| {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        architecture
            .match_indices(&format!("{name}/"))
            .any(|(at, _)| !architecture[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
    };
    folders.iter().filter(|folder| !names(folder)).cloned().collect()
}

#[test]
fn every_folder_of_the_source_is_explained() {
    let path = root().join("ARCHITECTURE.md");
    if !path.exists() {
        println!("skipped: ARCHITECTURE.md is not written yet, so it cannot name the folders of src");
        return;
    }
    let folders: Vec<String> = below("src").into_iter().filter(|(_, folder)| *folder).map(|(path, _)| path).collect();
    assert_eq!(unnamed(&folders, &read(&path)), Vec::<String>::new(), "ARCHITECTURE.md says what each folder is for");
}

#[test]
fn a_folder_that_no_document_names_is_found() {
    let folders = ["src/plan", "src/ui", "src/platform/sys"].map(String::from);
    let architecture = "- `plan/`: changes as data\n- `gui/`, `platform/sys/`: the unsafe room\n";
    assert_eq!(unnamed(&folders, architecture), ["src/ui"]);
}

/// Asserts what the laws say to `body`, put below a header (so its first line is line 2).
#[track_caller]
fn says(path: &str, body: &str, expected: &[&str]) {
    assert_eq!(violations(path, &format!("//! Header.\n{body}")), expected, "in {path}:\n{body}");
}

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
fn a_writer_outside_its_rooms_is_found() {
    let writes =
        |named: &str| format!("src/setup/apply.rs:2: `{named}` writes: what changes the disk goes through a plan");
    for (body, named) in [
        ("fn f() { std::fs::write(p, b); }", "std::fs::write"),
        ("use std::fs::{self, rename};", "std::fs::rename"),
        ("fn f() { File::create(p); }", "File::create"),
        ("use std::fs::OpenOptions;", "std::fs::OpenOptions"),
        ("use std::fs::*;", "std::fs::*"),
        ("use std::fs as disk;", "std::fs"),
        ("fn f() { fs::create_dir_all(p)?; }", "fs::create_dir_all"),
        ("use std::os::unix::fs::symlink;", "std::os::unix::fs::symlink"),
        ("fn f() { fs::set_permissions(p, m) }", "fs::set_permissions"),
        ("fn f<'a>(c: char) -> bool { c == '\"' || g(fs::remove_file(p)) || c == '\\'' }", "fs::remove_file"),
        ("fn f() { rustix::fs::unlinkat(a, b) }", "rustix::fs::unlinkat"),
    ] {
        says("src/setup/apply.rs", body, &[&writes(named)]);
    }
    for room in [
        "src/plan/apply.rs",
        "src/support/atomic.rs",
        "src/platform/disk.rs",
        "src/platform/dump.rs",
        "src/platform/probe.rs",
        "src/environments/venv.rs",
    ] {
        says(room, "fn f() { std::fs::write(p, b); }", &[]);
    }
    says("src/setup/apply.rs", "fn f() { std::fs::read(p); io.write(b); fs::metadata(p); File::open(p); }", &[]);
}

#[test]
fn asking_the_process_or_the_machine_is_found() {
    let asks = |named: &str| format!("src/platform/host.rs:2: `{named}`: take the environment as support::vars::Vars");
    for named in ["std::env::var", "env::var_os", "std::env::vars"] {
        says("src/platform/host.rs", &format!("fn f() {{ {named}(x) }}"), &[&asks(named)]);
    }
    says("src/platform/host.rs", "use std::env::{consts::OS, var};", &[&asks("std::env::var")]);
    says("src/main.rs", "fn f() { std::env::vars_os() }", &[]);
    says("src/support/vars.rs", "fn f() { std::env::vars_os() }", &[]);
    says(
        "src/platform/host.rs",
        "const V: &str = env!(\"CARGO_PKG_VERSION\"); fn f() { std::env::current_dir() }",
        &[],
    );

    let opens =
        |path: &str| format!("src/setup/x.rs:2: opens {path:?}: only platform reads the machine, below a given root");
    says("src/setup/x.rs", "fn f() { fs::read_to_string(\"/proc/meminfo\") }", &[&opens("/proc/meminfo")]);
    says("src/setup/x.rs", "fn f() { root.join(&\"/sys\") }", &[&opens("/sys")]);
    says("src/setup/x.rs", "const OS: &str = r\"/etc/os-release\";", &[&opens("/etc/os-release")]);
    says(
        "src/setup/x.rs",
        "fn f() { bail!(\"/etc is not a cache\"); root.join(\"/etcetera\"); matches!(p, \"/proc\") }",
        &[],
    );
    says("src/platform/host.rs", "fn f() { root.join(\"/proc/meminfo\") }", &[]);
}

#[test]
fn unsafe_code_and_removal_of_trees_have_one_room_each() {
    says(
        "src/platform/disk.rs",
        "fn f() { unsafe { g() } }",
        &["src/platform/disk.rs:2: `unsafe` outside src/platform/sys"],
    );
    says("src/platform/sys/windows.rs", "fn f() { unsafe { g() } }", &[]);
    says("src/platform/disk.rs", "#![allow(unsafe_code)] // unsafe", &[]);
    says(
        "src/support/atomic.rs",
        "use std::fs::remove_dir_all;",
        &["src/support/atomic.rs:2: `remove_dir_all`: only support::delete removes trees"],
    );
    says("src/support/delete.rs", "fn f() { std::fs::remove_dir_all(p) }", &[]);
}

#[test]
fn a_file_without_header_too_long_or_in_no_room_is_found() {
    assert_eq!(
        violations("src/ui/table.rs", "// Tables.\n"),
        ["src/ui/table.rs:1: does not start with a `//!` header that says why the file exists"]
    );
    assert_eq!(
        violations("src/ui/table.rs", &format!("//! Tables.\n{}", "\n".repeat(450))),
        ["src/ui/table.rs:451: longer than 450 lines: a file holds one concept"]
    );
    assert_eq!(violations("src/ui/table.rs", &format!("//! Tables.\n{}", "\n".repeat(449))), Vec::<String>::new());
    assert_eq!(
        violations("src/helpers.rs", "//! Helpers.\n"),
        ["src/helpers.rs:1: in no known room: name it in DESIGN and in ROOMS, at its level"]
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
