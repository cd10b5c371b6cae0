//! The cookies that an org gave to one client of its streaming API. Only names and values are kept: they go back to the
//! host that gave them, over the paths of that API, for as long as the client lives.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

/// Salesforce gives five.
const MAX_COOKIES: usize = 16;
/// Bytes of all of a client's cookies; what browsers keep of one.
const MAX_BYTES: usize = 4096;

/// Names with values, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Takes in what an answer sets. A cookie that is over the bounds, or holds what is not to be kept, is left out.
    pub(super) fn update(&mut self, headers: &HeaderMap, is_secret: impl Fn(&[u8]) -> bool) {
        for set in headers.get_all(SET_COOKIE) {
            let Some((name, value, ends)) = set.to_str().ok().and_then(parse) else { continue };
            self.0.retain(|(known, _)| known != name);
            let taken = self.0.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            let fits = self.0.len() < MAX_COOKIES && taken + name.len() + value.len() <= MAX_BYTES;
            if fits && !ends && !is_secret(value.as_bytes()) {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The header that sends them; `None` if there are none.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// Name and value of a `Set-Cookie`, and whether it ends that cookie (RFC 6265, section 5.2).
fn parse(set: &str) -> Option<(&str, &str, bool)> {
    let mut parts = set.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let ends = parts.filter_map(|attribute| attribute.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("max-age") && value.trim().parse::<i64>().is_ok_and(|seconds| seconds <= 0)
    });
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b','));
    (!name.is_empty() && is_plain(name) && is_plain(value)).then_some((name, value, ends || value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updated(cookies: &mut Cookies, lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        cookies.update(&headers, |value| value.starts_with(b"00D"));
        cookies.header().map(|header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn names_and_values_are_kept_and_nothing_else() {
        let mut cookies = Cookies::default();
        assert_eq!(updated(&mut cookies, &[]), None);
        let lines = [
            "sfdc-stream=!a/b==; path=/; Secure",
            " BAYEUX_BROWSER = x1 ;HttpOnly",
            "sid=00Dxx!secret",
            "no",
            "=x",
            "a b=c",
            "q=\"x,y\"",
        ];
        assert_eq!(updated(&mut cookies, &lines).unwrap(), "sfdc-stream=!a/b==; BAYEUX_BROWSER=x1");
    }

    #[test]
    fn a_later_one_replaces_and_an_ending_one_removes() {
        let mut cookies = Cookies::default();
        updated(&mut cookies, &["a=1", "b=2", "c=3"]);
        assert_eq!(updated(&mut cookies, &["a=4", "b=2; Max-Age=0", "c=;"]).unwrap(), "a=4");
        assert_eq!(updated(&mut cookies, &["a=5; max-age=-1"]), None);
    }

    #[test]
    fn number_and_size_are_bounded() {
        let mut cookies = Cookies::default();
        let lines: Vec<String> = (0..40).map(|number| format!("c{number}=x")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(updated(&mut cookies, &lines).unwrap().matches('=').count(), MAX_COOKIES);
        let large = format!("c1={}", "x".repeat(MAX_BYTES));
        assert!(!updated(&mut cookies, &[&large]).unwrap().contains("c1="));
    }
}
