//! `.modelstrap/`: the tool's own folder, which ignores itself, and a snippet for every shell.

use super::{Scene, Wishes};
use crate::generate::shell::{Shell, snippet};
use crate::plan::Want;
use crate::project::answers;
use crate::support::own_folder;

/// The folder itself, and what a person answered.
pub(super) fn state_folder(scene: &Scene<'_>, wishes: &mut Wishes) {
    let folder = scene.project.state_folder();
    wishes.want_inside(scene, folder.clone(), "modelstrap's own folder", Want::Directory);
    let ignore = Want::File { contents: own_folder::IGNORE.into() };
    wishes.want_inside(scene, folder.join(".gitignore"), "keeps it out of Git", ignore);
    let remembered = folder.join(answers::FILE);
    let nothing = *scene.answers == answers::Answers::default();
    if !nothing || remembered.exists() {
        let contents = scene.answers.render().into_bytes();
        wishes.want_inside(scene, remembered, "your answers, for the next run", Want::File { contents });
    }
}

pub(super) fn add(scene: &Scene<'_>, wishes: &mut Wishes) {
    for shell in Shell::ALL {
        let path = scene.project.state_folder().join(shell.file_name());
        let contents = snippet(shell, scene.variables).into_bytes();
        wishes.want_inside(scene, path, format!("the variables, for {}", shell.label()), Want::File { contents });
    }
}
