//! What resolving a model needs of a network: one small document at a time, as the download engine's client gives it.

pub use crate::fetch::Ask;
use crate::fetch::{self, Client};

/// A document that came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status: a success.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name, in whatever letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Whoever fetches documents: bounded, retried, with redirects followed; a status of 400 or more is an error.
pub trait Documents {
    /// The document at `ask.url`.
    ///
    /// # Errors
    /// Why it did not come.
    fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error>;
}

impl Documents for Client {
    fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
        let answer = Self::get(self, ask)?;
        let headers = answer.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Answer { status: answer.status, url: answer.url, headers, body: answer.body })
    }
}

#[cfg(test)]
pub(super) mod fake {
    //! A server that is a list of answers.

    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::fetch::Status;

    type Refusal = (u16, Option<String>, String);

    /// Answers by URL, and the URLs that were asked for, each with whether a token came along.
    #[derive(Default)]
    pub(in crate::models) struct Fake {
        answers: BTreeMap<String, Result<Answer, Refusal>>,
        pub(in crate::models) asked: RefCell<Vec<(String, bool)>>,
    }

    impl Fake {
        pub(in crate::models) fn with(mut self, url: &str, body: &str, headers: &[(&str, &str)]) -> Self {
            let headers = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let answer = Answer { status: 200, url: url.to_owned(), headers, body: body.as_bytes().to_vec() };
            self.answers.insert(url.to_owned(), Ok(answer));
            self
        }

        pub(in crate::models) fn refusing(mut self, url: &str, code: u16, error: Option<&str>, text: &str) -> Self {
            self.answers.insert(url.to_owned(), Err((code, error.map(str::to_owned), text.to_owned())));
            self
        }
    }

    impl Documents for Fake {
        fn get(&self, ask: &Ask<'_>) -> Result<Answer, fetch::Error> {
            self.asked.borrow_mut().push((ask.url.to_owned(), ask.credential.is_some()));
            let status = |code, error_code: Option<String>, message| {
                let formal = error_code.is_some();
                fetch::Error::Status(Box::new(Status { url: ask.url.to_owned(), code, error_code, message, formal }))
            };
            match self.answers.get(ask.url) {
                Some(Ok(answer)) if answer.body.len() as u64 > ask.limit => {
                    Err(fetch::Error::Protocol { url: ask.url.to_owned(), why: "too long".to_owned() })
                }
                Some(Ok(answer)) => Ok(answer.clone()),
                Some(Err((code, error, message))) => Err(status(*code, error.clone(), message.clone())),
                None => Err(status(404, None, "unknown path".to_owned())),
            }
        }
    }
}
