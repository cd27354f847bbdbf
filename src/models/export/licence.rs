//! The Hub names licences in its own words, most of which are SPDX identifiers in lower case.

/// What SPDX knows of the words that the Hub's model cards may use
/// (evidence: the Hub's documentation, "Licenses"; the SPDX list 3.26). What is missing here has no SPDX name.
const SPDX: [&str; 51] = [
    "AFL-3.0",
    "AGPL-3.0",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSL-1.0",
    "CC-BY-2.0",
    "CC-BY-2.5",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-NC-2.0",
    "CC-BY-NC-3.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-ND-3.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-NC-SA-2.0",
    "CC-BY-NC-SA-3.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDLA-Permissive-1.0",
    "CDLA-Permissive-2.0",
    "CDLA-Sharing-1.0",
    "ECL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "GFDL-1.3",
    "GPL-2.0",
    "GPL-3.0",
    "ISC",
    "LGPL-2.1",
    "LGPL-3.0",
    "LPPL-1.3c",
    "MIT",
    "MPL-2.0",
    "MS-PL",
    "NCSA",
    "ODbL-1.0",
    "OFL-1.1",
    "OSL-3.0",
    "PDDL-1.0",
    "PostgreSQL",
    "Unlicense",
    "WTFPL",
    "Zlib",
];

/// The SPDX identifier of a licence, if it has one.
pub(super) fn spdx(licence: &str) -> Option<&'static str> {
    SPDX.iter().copied().find(|id| id.eq_ignore_ascii_case(licence.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_hub_become_identifiers_and_its_own_licences_do_not() {
        assert_eq!(spdx("apache-2.0"), Some("Apache-2.0"));
        assert_eq!(spdx("MIT"), Some("MIT"));
        assert_eq!(spdx("cc-by-nc-4.0"), Some("CC-BY-NC-4.0"));
        assert_eq!(spdx("openrail"), None);
        assert_eq!(spdx("other"), None);
    }
}
