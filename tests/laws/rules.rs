//! The laws themselves, and every breach of them in one file.

use super::rust::{Kind, Token, Used, paths, tokens, without_tests};

/// The rooms, from the top of the house to its foundations: a room may import those that follow it.
/// `cli` stands below `commands`, since a command takes what `cli` parsed; `cli` itself knows no command.
pub(crate) const ROOMS: [&str; 17] = [
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
/// what a disk can do and which device may be opened, by `detect --dump`, in the virtual environments,
/// and in the cache by the rooms that delete, link, move, archive and take notes.
pub(crate) const WRITERS: [&str; 13] = [
    "src/plan/",
    "src/support/",
    "src/platform/disk",
    "src/platform/dump",
    "src/platform/probe",
    "src/environments/",
    "src/fetch/",
    "src/models/",
    "src/cache/remove/",
    "src/cache/link/",
    "src/cache/migrate/",
    "src/cache/archive/",
    "src/cache/notes/",
];

/// What changes the disk when it follows `fs::`, be it the standard library's or rustix's.
pub(crate) const WRITING: [&str; 28] = [
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
pub(crate) const AMBIENT: [&str; 8] = ["*", "home_dir", "remove_var", "set_var", "var", "var_os", "vars", "vars_os"];

/// What opens a path that is handed to it as a literal.
pub(crate) const OPENERS: [&str; 14] = [
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

pub(crate) const MOST_LINES: usize = 450;

/// Every breach of the laws in one file of `src/`, each as `path:line: what`. `path` uses `/`.
pub(crate) fn violations(path: &str, text: &str) -> Vec<String> {
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
pub(crate) fn place(path: &str) -> Option<(&str, usize)> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    let module = inside.strip_suffix("/mod").unwrap_or(inside);
    let room = module.split('/').next()?;
    if room == "lib" {
        return Some(("lib", 0));
    }
    ROOMS.contains(&room).then(|| (room, if room == "main" { 0 } else { module.split('/').count() }))
}

/// Law 3: imports point downwards.
pub(crate) fn imports(path: &str, room: &str, depth: usize, used: &Used, found: &mut Vec<String>) {
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
pub(crate) fn touches(path: &str, used: &Used, found: &mut Vec<String>) {
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
pub(crate) fn of_the_machine(literal: &str) -> bool {
    ["/proc", "/sys", "/etc"]
        .iter()
        .any(|root| literal.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// True when the literal at `at` is the argument of a call that opens it, or is given a name.
pub(crate) fn opened(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|index| &tokens[index].kind);
    let back = if before(1) == Some(&Kind::Mark('&')) { 2 } else { 1 };
    match (before(back), before(back + 1)) {
        (Some(Kind::Mark('=')), _) => true,
        (Some(Kind::Mark('(')), Some(Kind::Word(word))) => OPENERS.contains(&word.as_str()),
        _ => false,
    }
}
