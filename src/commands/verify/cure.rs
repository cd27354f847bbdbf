//! What mends a file: a second copy in the cache, the Hub, the address that the lock or the catalogue has, or nothing here.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::finding::Desk;
use crate::cache::Place;
use crate::cache::places::Kind;
use crate::cache::verify::{By, Claim, Content, Digits, Expected, Missing, Owner, Repo, Verdict, Verdicts, owners};
use crate::fetch::Digest;
use crate::models::hub::{api, place, store};
use crate::models::locked::{File, HubPlace, Place as ModelPlace, RepoType};
use crate::models::mend::{Cure, Linked, Wound};
use crate::models::rehash::{self, Item};
use crate::models::world::World;
use crate::support::escape::{self, printable};

/// A lock and a link can come with a clone: what they lead to outside of the cache is not theirs to mend.
const FOREIGN: &str =
    "a link leads to it out of the cache, and nobody but the project's lock says what it is; remove the link";

const BROUGHT: &str = "remove it: the program that brought it fetches it again";

/// What mends a file.
#[derive(Debug)]
pub(super) enum Remedy {
    /// New bytes in its place.
    Wound(Box<Wound>),
    /// The machinery of `models`: the model of the lock with this number, its part and its file.
    Models(usize, usize, usize),
    /// Nothing that this tool can do: what the person can.
    Nothing(String),
}

impl Remedy {
    /// Whether it needs the network.
    pub(super) fn asks_servers(&self) -> bool {
        match self {
            Self::Wound(wound) => matches!(wound.cure, Cure::Fetch { .. }),
            Self::Models(..) => true,
            Self::Nothing(_) => false,
        }
    }
}

/// Finds what mends damaged and missing files.
pub(super) struct Surgery<'a> {
    desk: &'a Desk<'a>,
    /// Without a session nothing can be fetched.
    world: Option<&'a World>,
    places: &'a [Place],
    /// Contents that were read and are good and may mend something, by what they are.
    good: HashMap<Digest, PathBuf>,
    /// Files that may have the bytes as well, and nobody has read: the words of the command line do not mean them.
    unread: HashMap<Digest, Vec<PathBuf>>,
}

/// What bytes are looked for, since something damaged or missing should have them. Of a whole cache they are few.
struct Lost {
    whole: HashSet<Digest>,
    begun: Vec<Digits>,
}

impl Lost {
    fn of(desk: &Desk<'_>, verdicts: &Verdicts) -> Self {
        let mut lost =
            Self { whole: desk.found.missing.iter().filter_map(|missing| missing.digest).collect(), begun: Vec::new() };
        let damaged = verdicts.others().filter(|(_, verdict)| matches!(verdict, Verdict::Damaged(_)));
        for content in damaged.filter_map(|(at, _)| desk.found.contents.get(at)) {
            lost.whole.extend(content.digest());
            lost.begun.extend(content.claims.iter().filter_map(|claim| match claim.expected {
                Expected::Begins(digits) => Some(digits),
                Expected::Whole(_) => None,
            }));
        }
        lost
    }

    fn is(&self, digest: &Digest) -> bool {
        self.whole.contains(digest) || self.begun.iter().any(|digits| digits.begin(digest))
    }
}

/// Where bytes come from.
struct Source {
    cure: Cure,
    link: Option<Linked>,
}

impl<'a> Surgery<'a> {
    pub(super) fn new(
        desk: &'a Desk<'a>,
        world: Option<&'a World>,
        places: &'a [Place],
        verdicts: &Verdicts,
        is_all: bool,
    ) -> Self {
        let (mut good, mut unread): (HashMap<_, _>, HashMap<_, Vec<_>>) = (HashMap::new(), HashMap::new());
        let lost = Lost::of(desk, verdicts);
        let contents = &desk.found.contents;
        for (at, digest) in contents.digests().filter(|(_, digest)| lost.is(digest)) {
            let Some(path) = contents.get(at).map(|content| content.path().to_path_buf()) else { continue };
            if !is_all {
                unread.entry(digest).or_default().push(path.clone());
            }
            if contents.is_meant(at) && verdicts.is_good(at) {
                good.insert(digest, path);
            }
        }
        Self { desk, world, places, good, unread }
    }

    /// The names of a damaged content that are a person's own: nobody says what they are, and they lie outside of the cache.
    pub(super) fn own(&self, content: &Content) -> Vec<PathBuf> {
        content.unnamed.iter().filter(|path| !self.is_home(path)).cloned().collect()
    }

    /// A file that has the bytes.
    fn sound(&self, digest: &Digest) -> Option<Cure> {
        if let Some(path) = self.good.get(digest) {
            return Some(Cure::Copy(path.clone()));
        }
        let is_sound = |path: &&PathBuf| {
            let item = Item { path: path.to_path_buf(), size: None, digest: Some(*digest) };
            matches!(rehash::verify(&[item], 1, &|_, _| ())[..], [rehash::Finding::Good])
        };
        self.unread.get(digest)?.iter().find(is_sound).cloned().map(Cure::Copy)
    }

    /// Another checkpoint that begins with the same digits is likely the same, and that is too little to write it over anything.
    fn twin(&self, content: &Content) -> Option<String> {
        let [Claim { expected: Expected::Begins(digits), .. }] = &content.claims[..] else { return None };
        let path = self.good.iter().filter(|(digest, _)| digits.begin(digest)).map(|(_, path)| path).min()?;
        Some(format!(
            "remove it: the program that brought it fetches it again; or copy {} there, which has the right bytes",
            escape::path(path)
        ))
    }

    /// What mends a damaged content.
    pub(super) fn damaged(&self, content: &Content) -> Remedy {
        let Some(digest) = content.digest() else {
            let several = content.claims.len() > 1;
            return Remedy::Nothing(match several {
                true => "what is said of it contradicts itself".to_owned(),
                false => self.twin(content).unwrap_or_else(|| BROUGHT.to_owned()),
            });
        };
        if let Some((model, part, file)) = content.owners.iter().find_map(|owner| self.through_models(owner)) {
            return Remedy::Models(model, part, file);
        }
        if content.claims.iter().all(|claim| claim.by == By::Lock)
            && !content.paths.iter().all(|path| self.is_home(path))
        {
            return Remedy::Nothing(FOREIGN.to_owned());
        }
        let size = content.expected_size();
        let mut advice = None;
        let mut source = self.sound(&digest).map(|cure| Source { cure, link: None });
        for owner in &content.owners {
            if source.is_some() {
                break;
            }
            match self.source(owner, content, digest, size) {
                Ok(found) => source = Some(found),
                Err(why) => advice = advice.or(Some(why)),
            }
        }
        match source {
            Some(source) => {
                let unnamed = content.unnamed.iter().filter(|path| self.is_home(path));
                match self.wound(content.paths.iter().chain(unnamed).cloned().collect(), digest, size, source) {
                    Remedy::Wound(wound) => {
                        // huggingface_hub does not believe its mark of a file with a later time.
                        let keeps_time = content.owners.contains(&Owner::LocalDir);
                        Remedy::Wound(Box::new(Wound { seen: Some(content.stamp), keeps_time, ..*wound }))
                    }
                    other => other,
                }
            }
            None => Remedy::Nothing(advice.unwrap_or_else(|| "remove it, and fetch it again".to_owned())),
        }
    }

    /// What mends a file that is not there.
    pub(super) fn missing(&self, missing: &Missing) -> Remedy {
        if let Owner::Locked(at) = &missing.owner {
            return Remedy::Models(at.model, at.part, at.file);
        }
        if let Owner::Ollama(store) = &missing.owner {
            let models = missing.digest.map(|digest| self.desk.layer_of(*store, &digest)).unwrap_or_default();
            return Remedy::Nothing(pull(&models));
        }
        let Owner::Repository(at) = &missing.owner else { return Remedy::Nothing("fetch it again".to_owned()) };
        let (Some(repo), Some(digest)) = (self.desk.found.repositories.get(*at), missing.digest) else {
            return Remedy::Nothing("nobody says what it was".to_owned());
        };
        let within = missing.path.strip_prefix(repo.folder.join("snapshots")).ok();
        let mut parts = within.into_iter().flat_map(Path::components);
        let commit = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        let path = crate::support::paths::portable(Path::new(""), &parts.collect::<PathBuf>());
        let copied = self.sound(&digest);
        match self.of_hub(repo, &commit, &path, digest, missing.size) {
            Ok(source) => {
                let source = Source { cure: copied.unwrap_or(source.cure), ..source };
                let blob = repo.folder.join("blobs").join(digest.hex());
                self.wound(vec![store::gone(&blob).unwrap_or(blob)], digest, missing.size, source)
            }
            Err(why) => Remedy::Nothing(why),
        }
    }

    /// Whether a file lies in the cache, and not in a place that is a person's own.
    fn is_home(&self, path: &Path) -> bool {
        let holds = |place: &&Place| path.starts_with(&place.path) || path.starts_with(&place.real);
        let mut homes = self.places.iter().filter(holds);
        homes.any(|place| matches!(place.kind, Kind::Home | Kind::Application { .. }))
    }

    fn wound(&self, paths: Vec<PathBuf>, digest: Digest, size: Option<u64>, source: Source) -> Remedy {
        let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
        let holds = |path: &Path, place: &Place| path.starts_with(&place.path) || path.starts_with(&place.real);
        let known = |path: &PathBuf| self.places.iter().any(|place| holds(path, place));
        if !paths.iter().all(known) {
            return Remedy::Nothing("it lies outside of the places that this project knows".to_owned());
        }
        let inside = self.places.iter().filter(|place| paths.iter().any(|path| holds(path, place)));
        let inside = inside.map(|place| place.real.clone()).collect();
        let label = source.link.as_ref().map_or_else(
            || first.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            |link| link.file.path.clone(),
        );
        let link = source.link.map(Box::new);
        let cure = source.cure;
        Remedy::Wound(Box::new(Wound { paths, seen: None, keeps_time: false, inside, digest, size, cure, label, link }))
    }

    /// What goes through the machinery of `models`: code of torch.hub, and wheels.
    fn through_models(&self, owner: &Owner) -> Option<(usize, usize, usize)> {
        let (Some((model, part, _)), Owner::Locked(at)) = (self.desk.locked(owner), owner) else { return None };
        let place = &model.parts.get(part)?.place;
        matches!(place, ModelPlace::TorchHub { .. } | ModelPlace::Wheel { .. }).then_some((at.model, at.part, at.file))
    }

    fn source(&self, owner: &Owner, content: &Content, digest: Digest, size: Option<u64>) -> Result<Source, String> {
        match owner {
            Owner::Locked(_) => self.of_lock(owner),
            Owner::Repository(at) => {
                let Some(repo) = self.desk.found.repositories.get(*at) else { return Err(String::new()) };
                let files = owners(repo, content);
                let Some((commit, path)) = files.first() else {
                    return Err("no revision has it: `modelstrap prune` takes it".to_owned());
                };
                self.of_hub(repo, commit, path, digest, size)
            }
            Owner::Whisper(_, file) => match file.url {
                Some(url) => Ok(Source { cure: Cure::Fetch { url: url.to_owned(), credential: None }, link: None }),
                None => Err("nobody says where it came from".to_owned()),
            },
            Owner::Ollama(store) => Err(pull(&self.desk.layer_of(*store, &digest))),
            Owner::Checkpoint | Owner::LocalDir => Err(BROUGHT.to_owned()),
        }
    }

    fn of_lock(&self, owner: &Owner) -> Result<Source, String> {
        let nowhere = || "nobody says where it came from".to_owned();
        let (model, part, file) = self.desk.locked(owner).ok_or_else(nowhere)?;
        let part = model.parts.get(part).ok_or_else(nowhere)?;
        let file = part.files.get(file).ok_or_else(nowhere)?;
        let world = self.world.ok_or_else(nowhere)?;
        if let ModelPlace::Hub(place) = &part.place {
            return at_hub(world, &world.homes.hub, place.clone(), file.clone());
        }
        let url = file.url.clone().ok_or_else(nowhere)?;
        Ok(Source { cure: Cure::Fetch { url, credential: None }, link: None })
    }

    fn of_hub(
        &self,
        repo: &Repo,
        commit: &str,
        path: &str,
        digest: Digest,
        size: Option<u64>,
    ) -> Result<Source, String> {
        let repo_type = match repo.kind {
            "model" => RepoType::Model,
            "dataset" => RepoType::Dataset,
            _ => return Err("fetch it again: modelstrap fetches models and datasets".to_owned()),
        };
        let commit = commit.to_owned();
        let place = HubPlace { repo_type, repo: repo.name.clone(), requested: commit.clone(), commit, complete: false };
        let file = File { path: path.to_owned(), size, digest: Some(digest), url: None };
        let Some(world) = self.world else { return Err("the project's models cannot be read".to_owned()) };
        at_hub(world, repo.folder.parent().unwrap_or(&repo.folder), place, file)
    }
}

fn at_hub(world: &World, hub: &Path, place: HubPlace, file: File) -> Result<Source, String> {
    place::check(&place, std::slice::from_ref(&file)).map_err(|error| error.to_string())?;
    let url = api::file_url(&world.hub, place.repo_type, &place.repo, &place.commit, &file.path);
    let credential = world.credential.clone();
    Ok(Source { cure: Cure::Fetch { url, credential }, link: Some(Linked { hub: hub.to_path_buf(), place, file }) })
}

fn pull(models: &[String]) -> String {
    match models.first() {
        Some(model) => format!("`ollama pull {}` fetches it again", printable(model)),
        None => "no model has it; Ollama removes it when it starts".to_owned(),
    }
}
