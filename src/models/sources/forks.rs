//! Whether a commit is a repository's own.
//!
//! GitHub keeps a repository and its forks in one store, and serves a fork's commit under the parent's name: whoever may write to
//! a fork, which is everybody, can have `OWNER/REPO` at a commit of theirs. `torch.hub` takes a commit only where it is the head
//! of a branch or a tag (`_validate_not_a_forked_repo`). A lock keeps commits for longer than they are heads, so one is good as
//! well that a branch has grown from.

use serde::Deserialize;

use super::Error;
use super::github::{COMMIT_LIMIT, Repository};
use crate::models::names::is_commit;

/// Pages of a hundred tags: more than any repository of torch.hub has.
const MOST_PAGES: u32 = 10;

#[derive(Deserialize)]
struct About {
    default_branch: String,
}

#[derive(Deserialize)]
struct Comparison {
    merge_base_commit: Named,
}

#[derive(Deserialize)]
struct Tag {
    commit: Named,
}

#[derive(Deserialize)]
struct Named {
    sha: String,
}

/// Asks whether `commit` is on the branch or tag `branch`, if one is given, or on the main branch, or the head of any branch, or a tag.
///
/// # Errors
/// When it is none of these, or the server cannot be asked.
pub(super) fn check(repository: &Repository<'_>, commit: &str, branch: Option<&str>) -> Result<(), Error> {
    if is_own(repository, commit, branch)? {
        return Ok(());
    }
    let Repository { owner, name, .. } = repository;
    Err(Error::NotThere(format!(
        "{commit} is on no branch and no tag of {owner}/{name}: GitHub serves the commits of forks under this name, too; \
         name a branch or a tag, or the fork itself"
    )))
}

fn is_own(repository: &Repository<'_>, commit: &str, branch: Option<&str>) -> Result<bool, Error> {
    let about: Option<About> = repository.json("", COMMIT_LIMIT)?;
    let main = about.map(|about| about.default_branch).filter(|name| super::torch_hub::check_reference(name).is_ok());
    for branch in [main.as_deref(), branch.filter(|branch| main.as_deref() != Some(*branch))].into_iter().flatten() {
        if repository.branch(branch)?.map_or(Ok(false), |head| leads_to(repository, &head, commit))? {
            return Ok(true);
        }
    }
    if branch.map(|name| repository.tag(name)).transpose()?.flatten().is_some_and(|tagged| tagged == commit) {
        return Ok(true);
    }
    let heads: Option<Vec<serde_json::Value>> =
        repository.json(&format!("commits/{commit}/branches-where-head"), COMMIT_LIMIT)?;
    if heads.is_some_and(|heads| !heads.is_empty()) {
        return Ok(true);
    }
    is_tagged(repository, commit)
}

/// Whether the history of `head` has `commit`.
fn leads_to(repository: &Repository<'_>, head: &str, commit: &str) -> Result<bool, Error> {
    if head == commit {
        return Ok(true);
    }
    // Of the second page only the commits are listed, and not what they changed.
    let path = format!("compare/{head}...{commit}?per_page=1&page=2");
    let found: Option<Comparison> = repository.json(&path, COMMIT_LIMIT)?;
    Ok(found.is_some_and(|found| is_commit(commit) && found.merge_base_commit.sha == commit))
}

fn is_tagged(repository: &Repository<'_>, commit: &str) -> Result<bool, Error> {
    for page in 1..=MOST_PAGES {
        let tags: Option<Vec<Tag>> = repository.json(&format!("tags?per_page=100&page={page}"), COMMIT_LIMIT)?;
        let tags = tags.unwrap_or_default();
        if tags.iter().any(|tag| tag.commit.sha == commit) {
            return Ok(true);
        }
        if tags.len() < 100 {
            break;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;
    use crate::fetch::{self, Status};
    use crate::models::documents::{Answer, Ask, Documents};

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Answers by the end of the address; anything else is not there. Remembers what was asked.
    struct Fixed(Vec<(&'static str, String)>, RefCell<Vec<String>>);

    impl Documents for Fixed {
        fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
            let path = ask.url.strip_prefix("https://api.github.com/repos/o/r").unwrap();
            self.1.borrow_mut().push(path.to_owned());
            let found = self.0.iter().find(|(end, _)| path.ends_with(end));
            let answer = |(_, text): &(_, String)| Answer { body: text.clone().into_bytes(), ..Answer::default() };
            found.map(answer).ok_or_else(|| {
                let (url, message) = (ask.url.to_owned(), String::new());
                fetch::Error::Status(Box::new(Status { url, code: 404, error_code: None, message, formal: true }))
            })
        }
    }

    fn asked(server: &Fixed, branch: Option<&str>) -> Result<(), Error> {
        check(&Repository { client: server, credential: None, owner: "o", name: "r" }, COMMIT, branch)
    }

    #[test]
    fn a_repository_without_an_answer_has_no_commits_and_a_hostile_branch_is_not_asked_about() {
        let server = Fixed(
            vec![("o/r", String::new()), ("", "{\"default_branch\": \"../../x\"}".to_owned())],
            RefCell::default(),
        );
        assert!(asked(&server, None).is_err());
        assert!(!server.1.borrow().iter().any(|path| path.contains("..")));
        let said = asked(&Fixed(Vec::new(), RefCell::default()), Some("v1")).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{COMMIT} is on no branch and no tag of o/r: ")), "{said}");
    }

    #[test]
    fn tags_are_looked_through_page_by_page_and_not_for_ever() {
        let others: Vec<String> =
            (0..100).map(|_| format!("{{\"commit\": {{\"sha\": \"{}\"}}}}", "a".repeat(40))).collect();
        let page = format!("[{}]", others.join(","));
        let own = format!("[{{\"commit\": {{\"sha\": \"{COMMIT}\"}}}}]");
        let server =
            Fixed(vec![("&page=3", own), ("&page=1", page.clone()), ("&page=2", page.clone())], RefCell::default());
        assert!(asked(&server, None).is_ok());
        let endless = Fixed(vec![("tags", page.clone()), ("page=1", page.clone()), ("0", page)], RefCell::default());
        assert!(asked(&endless, None).is_err());
        assert!(endless.1.borrow().len() < 20);
    }

    proptest! {
        #[test]
        fn no_answer_panics(text in "[\\[\\]{}\":,a-z0-9]{0,80}", base in "[0-9a-f]{40}") {
            let comparison = format!("{{\"merge_base_commit\": {{\"sha\": \"{base}\"}}}}");
            let about = "{\"default_branch\": \"main\"}".to_owned();
            for answers in [vec![("", text.clone())], vec![("page=2", comparison), ("/main", text), ("", about)]] {
                let _ = asked(&Fixed(answers, RefCell::default()), Some("x"));
            }
        }
    }
}
