//! What a path asks for: an API family, something that is answered here, or nothing that is relayed.

use super::ApiFamily;
use crate::salesforce::soap::SoapApi;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Something that is relayed.
    Relayed(ApiFamily),
    /// An operation of this SOAP API: relayed, unless the body says that it logs in or out.
    Soap(SoapApi),
    /// Something that is never relayed, but may be answered in Salesforce's place.
    Local(LocalAnswer),
    /// Something that takes or gives credentials: never relayed.
    Credentials,
    /// Nothing that is known.
    Unknown,
}

/// What may be answered in the place of Salesforce, or of Heroku AppLink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAnswer {
    /// The token endpoint.
    Token,
    /// The revocation endpoint.
    Revoke,
    /// An authorization of AppLink, by its name.
    AppLink,
}

impl ApiFamily {
    /// Finds what a path asks for. The path must be decoded and free of dot segments and doubled slashes; upper and lower
    /// case are alike.
    pub fn of(path: &str) -> Resource {
        // What nearly every call begins with need not be taken apart.
        if path.starts_with("/services/data/") {
            return Resource::Relayed(Self::Rest);
        }
        let mut segments = path.strip_prefix('/').unwrap_or(path).splitn(4, '/');
        let mut next = || segments.next().unwrap_or_default();
        let (first, second, third, rest) = (next(), next(), next(), next());
        let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
        if is(first, "services") {
            return services(second, third, rest);
        }
        if is(first, "id") && is_id(second, "00D") && is_id(third, "005") && rest.is_empty() {
            return Resource::Relayed(Self::Identity);
        }
        if is(first, "applink") && is(second, "authorizations") && !third.is_empty() && rest.is_empty() {
            return Resource::Local(LocalAnswer::AppLink);
        }
        if is(first, "cometd") && is_cometd_version(second) {
            return Resource::Relayed(Self::Streaming);
        }
        if is(first, "eventbus.v1.PubSub") {
            return Resource::Relayed(Self::PubSub);
        }
        if is(first, "secur") || is(first, "setup") || path.to_ascii_lowercase().contains("frontdoor.jsp") {
            return Resource::Credentials;
        }
        Resource::Unknown
    }
}

fn services(api: &str, third: &str, rest: &str) -> Resource {
    let is = |word: &str| api.eq_ignore_ascii_case(word);
    if is("data") || is("apexrest") {
        Resource::Relayed(ApiFamily::Rest)
    } else if is("async") {
        Resource::Relayed(ApiFamily::Bulk)
    } else if is("oauth2") && third.eq_ignore_ascii_case("userinfo") && rest.is_empty() {
        Resource::Relayed(ApiFamily::Identity)
    } else if is("oauth2") && third.eq_ignore_ascii_case("token") && rest.is_empty() {
        Resource::Local(LocalAnswer::Token)
    } else if is("oauth2") && third.eq_ignore_ascii_case("revoke") && rest.is_empty() {
        Resource::Local(LocalAnswer::Revoke)
    } else if is("oauth2") || is("auth") || is("a360") {
        Resource::Credentials
    } else if is("soap") {
        SoapApi::of(third, rest).map_or(Resource::Unknown, Resource::Soap)
    } else {
        Resource::Unknown
    }
}

/// A version as `/cometd/` is followed by: `64.0`.
fn is_cometd_version(segment: &str) -> bool {
    let number = segment.strip_suffix(".0").unwrap_or_default();
    (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// A 15- or 18-character id with this key prefix.
fn is_id(segment: &str, prefix: &str) -> bool {
    [15, 18].contains(&segment.len())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && segment[..3].eq_ignore_ascii_case(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_path_has_its_place_in_the_table() {
        use ApiFamily::{Bulk, Identity, PubSub, Rest, Streaming};
        use Resource::{Credentials, Relayed, Unknown};
        let soap = |third, rest| Resource::Soap(SoapApi::of(third, rest).unwrap());
        for (path, resource) in [
            ("/services/data", Relayed(Rest)),
            ("/services/data/v67.0/query", Relayed(Rest)),
            ("/Services/Data/v67.0/query", Relayed(Rest)),
            ("/services/apexrest/ns/thing/a/b/c", Relayed(Rest)),
            ("/services/async/66.0/job", Relayed(Bulk)),
            ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", Relayed(Identity)),
            ("/id/00Dxx0000001gPL/005xx000001SwiU", Relayed(Identity)),
            ("/services/oauth2/userinfo", Relayed(Identity)),
            ("/services/oauth2/token", Resource::Local(LocalAnswer::Token)),
            ("/services/oauth2/token/x", Credentials),
            ("/applink/authorizations/acme", Resource::Local(LocalAnswer::AppLink)),
            ("/applink/authorizations", Unknown),
            ("/services/oauth2/userinfo/x", Credentials),
            ("/services/oauth2", Credentials),
            ("/services/oauth2/revoke", Resource::Local(LocalAnswer::Revoke)),
            ("/services/oauth2/introspect", Credentials),
            ("/services/oauth2/singleaccess", Credentials),
            ("/services/auth/headless/login", Credentials),
            ("/services/a360/token", Credentials),
            ("/secur/frontdoor.jsp", Credentials),
            ("/site/secur/FrontDoor.jsp", Credentials),
            ("/services/Soap/u/64.0", soap("u", "64.0")),
            ("/services/soap/m/64.0/00Dxx0000001gPL", soap("m", "")),
            ("/services/Soap/class/Orders", soap("class", "Orders")),
            ("/services/Soap/x/64.0", Unknown),
            ("/services/Soap", Unknown),
            ("/cometd/59.0", Relayed(Streaming)),
            ("/CometD/64.0/connect", Relayed(Streaming)),
            ("/cometd/64.0/a/b/", Relayed(Streaming)),
            ("/cometd", Unknown),
            ("/cometd/64", Unknown),
            ("/cometd/.0", Unknown),
            ("/cometd/x.0", Unknown),
            ("/cometd/4711.0", Unknown),
            ("/eventbus.v1.PubSub/Subscribe", Relayed(PubSub)),
            ("/services/database", Unknown),
            ("/services", Unknown),
            ("/id/keys", Unknown),
            ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS/x", Unknown),
            ("/id/005xx000001SwiUAAS/00Dxx0000001gPLEAY", Unknown),
            ("/id/00D\u{e9}xx000001gPL/005xx000001SwiU", Unknown),
            ("/", Unknown),
            ("", Unknown),
        ] {
            assert_eq!(ApiFamily::of(path), resource, "{path}");
        }
    }
}
