//! As much of a browser as the pages need: it follows redirects on one host, keeps cookies, and fills in the one form
//! of a page.

use std::collections::BTreeMap;

use url::Url;
use url::form_urlencoded::Serializer;

use crate::client::{Answer, send};

#[derive(Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
}

/// Where a browser has come to.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) answer: Answer,
}

impl Page {
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.answer.text().contains(text)
    }

    /// A parameter of the callback's address.
    pub(crate) fn told(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

impl Browser {
    pub(crate) async fn open(&mut self, url: &str) -> Page {
        self.go("GET", Url::parse(url).unwrap(), String::new()).await
    }

    /// Sends the form of a page.
    pub(crate) async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let text = page.answer.text();
        assert!(text.contains("<form method=\"post\""), "{text}");
        let action =
            text.split_once("action=\"").map(|(_, rest)| rest.split_once('"').unwrap().0.replace("&amp;", "&"));
        let url = action.map_or_else(|| page.url.clone(), |action| joined(&page.url, &action));
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.go("POST", url, body).await
    }

    pub(crate) async fn log_in(&mut self, page: &Page, username: &str, password: &str) -> Page {
        assert!(page.shows("Log In"), "{}", page.answer.text());
        self.submit(page, &[("username", username), ("pw", password)]).await
    }

    async fn go(&mut self, method: &str, mut url: Url, body: String) -> Page {
        let (mut method, mut body) = (method, body);
        let host = url.authority().to_owned();
        // The callback is nobody's here: its address is what is wanted.
        while url.authority() == host {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let form = "application/x-www-form-urlencoded";
            let headers = [("cookie", cookies.join("; ")), ("content-type", form.to_owned())];
            let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
            let answer = send(method, url.as_str(), &headers, body).await.unwrap();
            for cookie in answer.headers.get_all("set-cookie") {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = answer.headers.get("location") else { return Page { url, answer } };
            let next = joined(&url, location.to_str().unwrap());
            (method, body, url) = ("GET", String::new(), next);
            if url.authority() != host {
                return Page { url, answer };
            }
        }
        unreachable!("it begins at the host")
    }
}

#[expect(clippy::disallowed_methods, reason = "a browser goes wherever the page says")]
fn joined(base: &Url, target: &str) -> Url {
    base.join(target).unwrap()
}
