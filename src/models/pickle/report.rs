//! What the scan found, as data and as a sentence.

use std::fmt;

use crate::support::escape;

use super::Kind;

/// More names than this are counted, not listed, in the sentence.
const MOST_NAMED: usize = 5;

/// What a file is, and what loading it would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// What loading it would do.
    pub verdict: Verdict,
    /// Where a stream broke off, for the file that has refused imports as well.
    pub broken: Option<String>,
}

/// What loading a file would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds no pickle.
    NotAPickle,
    /// It holds pickles, and they import what torch allows for weights, or nothing.
    Plain,
    /// It would import these, which torch does not allow for weights. Never empty.
    Imports(Vec<Import>),
    /// It holds a pickle, or may hold one, and cannot be read to its end: why.
    Unreadable(String),
}

/// One name that a pickle would import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The module, foreign text.
    pub module: String,
    /// The name in it, foreign text.
    pub name: String,
    /// It runs programs, opens files or reaches the network.
    pub dangerous: bool,
    /// The archive's member that does it.
    pub member: Option<String>,
}

impl Report {
    /// Whether the file may be taken without asking anybody.
    pub fn is_acceptable(&self) -> bool {
        matches!(self.verdict, Verdict::NotAPickle | Verdict::Plain)
    }
}

/// What comes after "the file is": `a pickle that would import os.system (dangerous) when it is loaded`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::NotAPickle => write!(f, "{}", self.kind),
            Verdict::Plain if self.kind == Kind::TorchScript => write!(f, "{}: run by its own interpreter", self.kind),
            Verdict::Plain => write!(f, "{} that holds data only", self.kind),
            Verdict::Unreadable(why) => write!(f, "{} that cannot be vouched for: {why}", self.kind),
            Verdict::Imports(imports) => {
                write!(f, "{} that would import {} when it is loaded", self.kind, named(imports))?;
                self.broken.iter().try_for_each(|why| write!(f, "; {why}"))
            }
        }
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", escape::printable(&self.module), escape::printable(&self.name))?;
        if self.dangerous { f.write_str(" (dangerous)") } else { Ok(()) }
    }
}

/// The names, the worst first; each once, in whichever member it stands.
fn named(imports: &[Import]) -> String {
    let mut names: Vec<String> = Vec::new();
    for import in imports.iter().filter(|import| import.dangerous).chain(imports.iter().filter(|i| !i.dangerous)) {
        let name = import.to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(MOST_NAMED);
    names.truncate(MOST_NAMED);
    let last = if more > 0 { Some(format!("{more} more")) } else { names.pop() };
    match (names.join(", "), last.unwrap_or_default()) {
        (first, last) if first.is_empty() => last,
        (first, last) => format!("{first} and {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(module: &str, name: &str, dangerous: bool) -> Import {
        Import { module: module.into(), name: name.into(), dangerous, member: None }
    }

    #[test]
    fn a_sentence_names_the_worst_first_and_counts_the_rest() {
        let mut imports = vec![import("a", "b", false), import("os", "sys\u{1b}tem", true)];
        let report = |imports: &[Import]| {
            let verdict = Verdict::Imports(imports.to_vec());
            Report { kind: Kind::Pickle, verdict, broken: None }.to_string()
        };
        assert_eq!(
            report(&imports),
            "a pickle that would import os.sys\\u{1b}tem (dangerous) and a.b when it is loaded"
        );
        imports.extend((0..6).map(|number| import("m", &format!("n{number}"), false)));
        assert_eq!(
            report(&imports),
            "a pickle that would import os.sys\\u{1b}tem (dangerous), a.b, m.n0, m.n1, m.n2 and 3 more when it is loaded"
        );
        assert_eq!(report(&imports[..1]), "a pickle that would import a.b when it is loaded");
    }
}
