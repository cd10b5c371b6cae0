//! Hosts of Salesforce beside an org's own that serve APIs to the org's users. No path says which of them is meant, since
//! two of them may have the same paths: it is for the caller to say.

use std::fmt;

use super::{ApiFamily, Resource};

/// A host, or a kind of host, that a call is for in place of the org's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The host of the org's Data Cloud tenant.
    DataCloud,
    /// Account Engagement, which was called Pardot.
    AccountEngagement,
    /// `api.salesforce.com`: agents, models, hosted MCP servers.
    Platform,
    /// The login host that the org's users share with those of other orgs.
    Login,
}

/// Segments of paths by which a host may log somebody in or out, or give out tokens.
const CREDENTIAL_SEGMENTS: [&str; 8] =
    ["oauth", "oauth2", "auth", "token", "login", "logout", "frontdoor.jsp", ".well-known"];

impl Target {
    /// Every target, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::DataCloud, Self::AccountEngagement, Self::Platform, Self::Login];

    /// The word by which callers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataCloud => "data-cloud",
            Self::AccountEngagement => "account-engagement",
            Self::Platform => "platform",
            Self::Login => "login",
        }
    }

    /// The target that a caller names; `None` for every other word.
    pub fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.as_str().as_bytes() == word)
    }

    /// How its API treats credentials and errors.
    pub fn family(self) -> ApiFamily {
        match self {
            Self::DataCloud => ApiFamily::DataCloud,
            Self::AccountEngagement => ApiFamily::AccountEngagement,
            Self::Platform => ApiFamily::Platform,
            Self::Login => ApiFamily::Identity,
        }
    }

    /// The paths that are relayed to it, in words.
    pub fn paths(self) -> &'static str {
        match self {
            Self::DataCloud => "/api/v1/..., /api/v2/... and /api/v3/...",
            Self::AccountEngagement => "/api/v5/...",
            Self::Platform => "every path but those that log in or out or give out tokens",
            Self::Login => "/id/ORG/USER and /services/oauth2/userinfo",
        }
    }

    /// What a path asks for at this target. The path must be decoded and free of dot segments and doubled slashes; upper
    /// and lower case are alike.
    pub fn resource(self, path: &str) -> Resource {
        let at_org = ApiFamily::of(path);
        let relayed = match self {
            // What is answered for an org in place of a login is a login at other hosts.
            _ if matches!(at_org, Resource::Credentials | Resource::Local(_)) => return Resource::Credentials,
            Self::DataCloud => is_api(path, &["v1", "v2", "v3"]),
            Self::AccountEngagement => is_api(path, &["v5"]),
            Self::Platform if gives_credentials(path) => return Resource::Credentials,
            Self::Platform => path != "/",
            Self::Login => at_org == Resource::Relayed(ApiFamily::Identity),
        };
        if relayed { Resource::Relayed(self.family()) } else { Resource::Unknown }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether it is a path below `/api/` and one of these versions.
fn is_api(path: &str, versions: &[&str]) -> bool {
    let mut segments = path.trim_start_matches('/').splitn(3, '/');
    let mut next = || segments.next().unwrap_or_default();
    let (api, version, rest) = (next(), next(), next());
    api.eq_ignore_ascii_case("api")
        && versions.iter().any(|known| version.eq_ignore_ascii_case(known))
        && !rest.is_empty()
}

fn gives_credentials(path: &str) -> bool {
    path.split('/').any(|segment| CREDENTIAL_SEGMENTS.iter().any(|known| segment.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_themselves_name_a_target() {
        for target in Target::ALL {
            assert_eq!(Target::parse(target.as_str().as_bytes()), Some(target));
        }
        for word in ["", "data_cloud", "Data-Cloud", "datacloud", " login", "login,platform", "org", "\u{e9}"] {
            assert_eq!(Target::parse(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn each_target_has_paths_of_its_own() {
        use Resource::{Credentials, Relayed, Unknown};
        use Target::{AccountEngagement, DataCloud, Login, Platform};
        let (data, engagement) = (|| Relayed(ApiFamily::DataCloud), || Relayed(ApiFamily::AccountEngagement));
        let (platform, identity) = (|| Relayed(ApiFamily::Platform), || Relayed(ApiFamily::Identity));
        for (target, path, resource) in [
            (DataCloud, "/api/v1/metadata/", data()),
            (DataCloud, "/api/v2/query", data()),
            (DataCloud, "/API/V3/query", data()),
            (DataCloud, "/api/v4/query", Unknown),
            (DataCloud, "/api/v2", Unknown),
            (DataCloud, "/api/v2/", Unknown),
            (DataCloud, "/services/data/v67.0/query", Unknown),
            (DataCloud, "/services/a360/token", Credentials),
            (AccountEngagement, "/api/v5/objects/prospects", engagement()),
            (AccountEngagement, "/api/v4/prospects", Unknown),
            (AccountEngagement, "/api/login/version/4", Unknown),
            (Platform, "/einstein/ai-agent/v1/agents/0Xx/sessions", platform()),
            (Platform, "/platform/mcp/v1/platform/sobject-all", platform()),
            (Platform, "/", Unknown),
            (Platform, "/platform/OAuth2/token", Credentials),
            (Platform, "/services/oauth2/token", Credentials),
            (Platform, "/services/oauth2/userinfo", Credentials),
            (Platform, "/.well-known/oauth-protected-resource", Credentials),
            (Login, "/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", identity()),
            (Login, "/services/oauth2/userinfo", identity()),
            (Login, "/services/oauth2/token", Credentials),
            (Login, "/services/data", Unknown),
            (Login, "/id/keys", Unknown),
        ] {
            assert_eq!(target.resource(path), resource, "{target} {path}");
        }
    }
}
