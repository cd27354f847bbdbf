//! Which CI service, notebook or batch system runs this process: there, nobody answers a question.

use crate::support::vars::Vars;

/// Variables that exactly one service sets, first match wins.
const SERVICES: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "github-actions"),
    ("GITLAB_CI", "gitlab"),
    ("BUILDKITE", "buildkite"),
    ("CIRCLECI", "circleci"),
    ("TF_BUILD", "azure-pipelines"),
    ("JENKINS_URL", "jenkins"),
    ("TEAMCITY_VERSION", "teamcity"),
    ("KAGGLE_KERNEL_RUN_TYPE", "kaggle"),
    ("COLAB_RELEASE_TAG", "colab"),
    ("SLURM_JOB_ID", "slurm"),
];

/// The service's name; `ci` for one that only sets `CI`.
pub fn ci(vars: &Vars) -> Option<&'static str> {
    SERVICES
        .iter()
        .find(|(variable, _)| vars.get(variable).is_some_and(|value| value != "false"))
        .map(|(_, name)| *name)
        .or_else(|| vars.get("CI").filter(|value| *value != "false").map(|_| "ci"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_service_wins_over_the_general_variable_and_false_means_none() {
        let with = |pairs: &[(&str, &str)]| ci(&pairs.iter().copied().collect());
        assert_eq!(with(&[("CI", "true"), ("GITHUB_ACTIONS", "true")]), Some("github-actions"));
        assert_eq!(with(&[("CI", "1")]), Some("ci"));
        assert_eq!(with(&[("CI", "false")]), None);
        assert_eq!(with(&[("CI", "")]), None);
    }
}
