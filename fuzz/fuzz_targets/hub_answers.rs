//! Whatever a Hub answers (repository, listing, `Link` header) is an error that can be shown, or files that stay in their
//! folder: no panic, no endless paging.
#![no_main]

use std::cell::Cell;

use libfuzzer_sys::fuzz_target;
use modelstrap::fetch::Error;
use modelstrap::models::documents::{Answer, Ask, Documents};
use modelstrap::models::hub::patterns::Filter;
use modelstrap::models::hub::{HubAsk, Settings, formats::Wanted, resolve};
use modelstrap::models::locked::RepoType;
use modelstrap::platform::Os;
use modelstrap::support::vars::Vars;

/// A server with three answers: to the first question, to the second, and to all further ones.
struct Server<'a> {
    info: &'a str,
    pages: [&'a str; 2],
    link: &'a str,
    asked: Cell<usize>,
}

impl Documents for Server<'_> {
    fn get(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let asked = self.asked.replace(self.asked.get() + 1);
        assert!(asked < 10_000, "pages without end");
        let body = if asked == 0 { self.info } else { self.pages[usize::from(asked > 1)] };
        let headers = if asked == 1 { vec![("link".to_owned(), self.link.to_owned())] } else { Vec::new() };
        Ok(Answer { status: 200, url: ask.url.to_owned(), headers, body: body.as_bytes().to_vec() })
    }
}

fuzz_target!(|text: &str| {
    let mut parts = text.split('\0');
    let mut part = || parts.next().unwrap_or("");
    let server = Server { info: part(), pages: [part(), part()], link: part(), asked: Cell::new(0) };
    let settings = Settings::of(&Vars::default(), Os::Linux, None);
    let ask = HubAsk {
        repo_type: RepoType::Model,
        repo: "o/n".to_owned(),
        revision: None,
        filter: Filter { include: None, exclude: Vec::new() },
        wanted: Wanted::All,
    };
    match resolve(&server, &settings, &ask) {
        Ok((part, _)) => {
            for file in &part.files {
                assert!(!file.path.starts_with('/') && file.path.split(['/', '\\']).all(|part| part != ".."));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
