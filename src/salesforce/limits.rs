//! What the `Sforce-Limit-Info` response header says about the org's daily API calls.

/// Calls used and allowed in the running 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Calls made so far.
    pub used: u64,
    /// Calls allowed.
    pub allowed: u64,
}

/// A parsed `Sforce-Limit-Info`. It counts the org, whoever made the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitInfo {
    /// The whole org.
    pub org: Usage,
    /// The calling app, where the org has a quota for it.
    pub app: Option<Usage>,
}

impl LimitInfo {
    /// Reads `api-usage=18/5000` or `api-usage=25/5000; per-app-api-usage=17/250(appName=...)`; `None` for anything else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (mut org, mut app) = (None, None);
        for part in text.split(';') {
            match part.trim().split_once('=') {
                Some(("api-usage", numbers)) => org = Some(usage(numbers)?),
                // The app's name in brackets is the org's own text and may hold anything.
                Some(("per-app-api-usage", numbers)) => app = usage(numbers.split('(').next()?),
                _ => {}
            }
        }
        Some(Self { org: org?, app })
    }
}

fn usage(text: &str) -> Option<Usage> {
    let (used, allowed) = text.trim().split_once('/')?;
    Some(Usage { used: used.parse().ok()?, allowed: allowed.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_forms_are_read() {
        let org = |used, allowed| LimitInfo { org: Usage { used, allowed }, app: None };
        for (text, expected) in [
            ("api-usage=18/5000", Some(org(18, 5000))),
            (" api-usage=18/5000 ;", Some(org(18, 5000))),
            (
                "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)",
                Some(LimitInfo { app: Some(Usage { used: 17, allowed: 250 }), ..org(25, 5000) }),
            ),
            ("per-app-api-usage=17/250(appName=x)", None),
            ("api-usage=18", None),
            ("api-usage=-1/5000", None),
            ("api-usage=99999999999999999999/1", None),
            ("", None),
        ] {
            assert_eq!(LimitInfo::parse(text.as_bytes()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_value_is_read_or_refused_without_panic(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            LimitInfo::parse(&value);
        }
    }
}
