use http::Request;
use proptest::prelude::*;

use super::*;
use crate::connection::{NameError, UNKNOWN_ORG};
use crate::salesforce::Resource;

const REAL: &str = "00Dxx0000001gPL!AQcAQexample.token";

fn local(tenant: &str, user: Option<&str>) -> String {
    LocalToken::format("00Dxx0000001gPLEAY", &ConnectionKey::parse(tenant, user).unwrap())
}

fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn family(target: &str) -> ApiFamily {
    let path = target.split('?').next().unwrap();
    match crate::proxy::policy::judge(path).unwrap().1 {
        Resource::Relayed(family) => family,
        other => panic!("{other:?}"),
    }
}

/// Tenant and user that a request means, or what is wrong with it.
fn meant(target: &str, headers: &[(&str, &str)]) -> Result<(String, Option<String>), ProxyError> {
    let mut parts = parts(target, headers);
    let identity = identify(&mut parts, &TagNames::default(), family(target), false, None)?;
    for gone in ["orgpass-tenant", "orgpass-user", "orgpass-credential", "authorization", "x-sfdc-session"] {
        assert!(!parts.headers.contains_key(gone), "{gone} stayed");
    }
    Ok((identity.key().tenant().to_owned(), identity.key().user().map(str::to_owned)))
}

fn fault(target: &str, headers: &[(&str, &str)]) -> TagFault {
    match meant(target, headers) {
        Err(ProxyError::InvalidTag(fault)) => fault,
        other => panic!("{target} {headers:?} gave {other:?}"),
    }
}

fn header(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

const REST: &str = "/services/data/v67.0/limits";

#[test]
fn headers_and_local_tokens_name_the_connection() {
    let installation = local("acme", None);
    let user = local("acme", Some("u-17"));
    let (bearer, oauth) = (format!("Bearer {user}"), format!("oauth  {user} "));
    let acme = ("acme".to_owned(), None);
    let u17 = ("acme".to_owned(), Some("u-17".to_owned()));
    for (headers, expected) in [
        (vec![("Orgpass-Tenant", "acme")], &acme),
        (vec![("ORGPASS-TENANT", "acme"), ("orgpass-user", "u-17")], &u17),
        (vec![("Authorization", bearer.as_str())], &u17),
        (vec![("authorization", oauth.as_str())], &u17),
        (vec![("X-SFDC-Session", installation.as_str())], &acme),
        (vec![("accesstoken", user.as_str())], &u17),
        (vec![("Authorization", bearer.as_str()), ("X-SFDC-Session", user.as_str())], &u17),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", "u-17"), ("Authorization", bearer.as_str())], &u17),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-Credential", "installation")], &acme),
        (vec![("Orgpass-Credential", "user"), ("Authorization", bearer.as_str())], &u17),
        // Foreign credentials are dropped once the caller is known.
        (vec![("Orgpass-Tenant", "acme"), ("Authorization", "Bearer 00Dxx0000001gPL!AQcAQexample.token")], &acme),
        (vec![("Orgpass-Tenant", "acme"), ("Authorization", "Basic eDp5")], &acme),
        (vec![("X-SFDC-Session", installation.as_str()), ("Authorization", "Basic eDp5")], &acme),
        (vec![("Orgpass-Tenant", "acme"), ("Authorization", "")], &acme),
    ] {
        assert_eq!(meant(REST, &headers).as_ref(), Ok(expected), "{headers:?}");
    }
}

#[test]
fn what_is_missing_doubled_malformed_or_contradictory_is_refused() {
    let name = |header_name, error| TagFault::Name(header(header_name), error);
    let repeated = |header_name| TagFault::Repeated(Place::Header(header(header_name)));
    let foreign = |header_name| TagFault::Foreign(Place::Header(header(header_name)));
    let long = "x".repeat(129);
    let (acme, globex) = (local("acme", None), local("globex", None));
    let bearer_acme = format!("Bearer {acme}");
    let lower_case = format!("Bearer {UNKNOWN_ORG}!orgpass.acme.u_2d17");
    let bearer_real = format!("Bearer {REAL}");
    for (headers, expected) in [
        (vec![("Orgpass-Tenant", "")], name("orgpass-tenant", NameError::Empty)),
        (vec![("Orgpass-Tenant", "a b")], name("orgpass-tenant", NameError::NotVisibleAscii)),
        (vec![("Orgpass-Tenant", "caf\u{e9}")], name("orgpass-tenant", NameError::NotVisibleAscii)),
        (vec![("Orgpass-Tenant", long.as_str())], name("orgpass-tenant", NameError::TooLong)),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", "")], name("orgpass-user", NameError::Empty)),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", &long)], name("orgpass-user", NameError::TooLong)),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-Tenant", "acme")], repeated("orgpass-tenant")),
        (vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", "u"), ("Orgpass-User", "u")], repeated("orgpass-user")),
        (vec![("Authorization", &bearer_acme), ("Authorization", &bearer_acme)], repeated("authorization")),
        (
            vec![("Orgpass-User", "u"), ("Authorization", &bearer_acme)],
            TagFault::UserWithoutTenant { tenant: header("orgpass-tenant"), user: header("orgpass-user") },
        ),
        (vec![("Orgpass-Tenant", "globex"), ("Authorization", &bearer_acme)], TagFault::Contradictory),
        (
            vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", "u"), ("Authorization", &bearer_acme)],
            TagFault::Contradictory,
        ),
        (vec![("Authorization", &bearer_acme), ("X-SFDC-Session", &globex)], TagFault::Contradictory),
        (
            vec![("Authorization", &lower_case)],
            TagFault::LocalToken(Place::Header(AUTHORIZATION), LocalTokenError::Escape),
        ),
        (
            vec![("Orgpass-Tenant", "acme"), ("Authorization", &lower_case)],
            TagFault::LocalToken(Place::Header(AUTHORIZATION), LocalTokenError::Escape),
        ),
        (vec![("Authorization", &bearer_real)], foreign("authorization")),
        (vec![("Authorization", "Bearer anything")], foreign("authorization")),
        (vec![("Authorization", &acme)], foreign("authorization")),
        (vec![("X-SFDC-Session", REAL)], foreign("x-sfdc-session")),
        (
            vec![("Orgpass-Tenant", "acme"), ("Orgpass-Credential", "both")],
            TagFault::Assertion(header("orgpass-credential")),
        ),
        (
            vec![("Orgpass-Tenant", "acme"), ("Orgpass-Credential", "")],
            TagFault::Assertion(header("orgpass-credential")),
        ),
        (
            vec![("Orgpass-Tenant", "acme"), ("Orgpass-Credential", "user")],
            TagFault::AssertionUnfulfilled(header("orgpass-credential")),
        ),
        (
            vec![("Orgpass-Tenant", "acme"), ("Orgpass-User", "u"), ("Orgpass-Credential", "installation")],
            TagFault::AssertionUnfulfilled(header("orgpass-credential")),
        ),
    ] {
        let expected_text = expected.text();
        let found = fault(REST, &headers);
        assert_eq!(found, expected, "{headers:?}");
        assert!(!found.text().contains("AQcAQ"), "{expected_text}");
    }
    for headers in [vec![], vec![("Orgpass-Credential", "installation")], vec![("Accept", "*/*")]] {
        let missing = ProxyError::MissingTenant { header: header("orgpass-tenant") };
        assert_eq!(meant(REST, &headers), Err(missing), "{headers:?}");
    }
}

#[test]
fn the_installation_must_be_asserted_where_the_configuration_says_so() {
    let asked = |headers: &[(&str, &str)]| {
        identify(&mut parts(REST, headers), &TagNames::default(), ApiFamily::Rest, true, None).map(drop)
    };
    let missing = Err(TagFault::AssertionMissing(header("orgpass-credential")).into());
    let token = format!("Bearer {}", local("acme", None));
    assert_eq!(asked(&[("Orgpass-Tenant", "acme")]), missing);
    assert_eq!(asked(&[("Orgpass-Tenant", "acme"), ("Orgpass-Credential", "installation")]), Ok(()));
    assert_eq!(asked(&[("Orgpass-Tenant", "acme"), ("Orgpass-User", "u")]), Ok(()));
    assert_eq!(asked(&[("Authorization", &token)]), Ok(()), "the token was made for the installation");
}

#[test]
fn a_token_in_the_url_names_the_caller_only_on_the_identity_url() {
    let acme = local("acme", None);
    let id = "/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS";
    let bearer = format!("Bearer {acme}");
    let authorized = [("Authorization", bearer.as_str())];
    let found = Ok(("acme".to_owned(), None));
    assert_eq!(meant(&format!("{id}?format=json&oauth_token={acme}"), &[]), found);
    assert_eq!(meant(&format!("{id}?oauth%5Ftoken={}", acme.replace('!', "%21")), &[]), found);
    assert_eq!(meant(&format!("{id}?oauth_token={acme}"), &authorized), found);
    assert_eq!(meant(&format!("{REST}?oauth_token={REAL}"), &authorized), found);

    let parameter = |name| Place::Parameter(name);
    for (target, expected) in [
        (format!("{REST}?oauth_token={acme}"), TagFault::InUrl),
        (format!("/services/oauth2/userinfo?oauth_token={acme}"), TagFault::InUrl),
        (format!("{id}?access_token={acme}"), TagFault::InUrl),
        (format!("{REST}?sid={acme}"), TagFault::InUrl),
        (format!("{REST}?oauth_token={REAL}"), TagFault::Foreign(parameter("oauth_token"))),
        (format!("{id}?oauth_token={REAL}"), TagFault::Foreign(parameter("oauth_token"))),
        (format!("{id}?oauth_token={acme}&oauth_token={acme}"), TagFault::Repeated(parameter("oauth_token"))),
        (format!("{id}?oauth_token={acme}=x"), TagFault::LocalToken(parameter("oauth_token"), LocalTokenError::Escape)),
    ] {
        assert_eq!(fault(&target, &[]), expected, "{target}");
    }
    let globex = local("globex", None);
    assert_eq!(fault(&format!("{REST}?oauth_token={globex}"), &authorized), TagFault::Contradictory);
    assert_eq!(fault(&format!("{id}?oauth_token={globex}&access_token={acme}"), &[]), TagFault::Contradictory);

    let mut post = parts(&format!("{id}?oauth_token={acme}"), &[]);
    post.method = Method::POST;
    let refused = identify(&mut post, &TagNames::default(), ApiFamily::Identity, false, None).unwrap_err();
    assert_eq!(refused, TagFault::InUrl.into());
}

#[test]
fn the_rest_of_a_query_stays_byte_for_byte() {
    for (query, left) in [
        ("?q=SELECT+Id%20FROM+X&x", "?q=SELECT+Id%20FROM+X&x"),
        ("?a=%2f&&oauth_token=x&b=+", "?a=%2f&&b=+"),
        ("?oauth_token=x", ""),
        ("?oauth_token", ""),
        ("?OAuth_Token=x&a", "?a"),
        ("?sid=00Dxx0000001gPL!AQc&a", "?a"),
        ("?sid=%30%30Dxx0000001gPL%21AQc&a", "?a"),
        ("?access_token=eyJhbGciOi.x.y&a", "?a"),
        // An org's own Apex code may use the names for something else.
        ("?sid=AC123&access_token=7", "?sid=AC123&access_token=7"),
        ("?sidecar=00Dxx!y", "?sidecar=00Dxx!y"),
        ("", ""),
        ("?", "?"),
    ] {
        let mut parts = parts(&format!("//services/apexrest/x%2Fy{query}"), &[("Orgpass-Tenant", "acme")]);
        let path = "//services/apexrest/x%2Fy";
        // As hyper does: never from text with an authority.
        parts.uri = http::uri::PathAndQuery::try_from(format!("{path}{query}")).unwrap().into();
        identify(&mut parts, &TagNames::default(), ApiFamily::Rest, false, None).unwrap();
        assert_eq!(parts.uri.path_and_query().unwrap().as_str(), format!("{path}{left}"), "{query}");
    }
}

#[test]
fn configured_names_replace_the_default_ones() {
    let names = TagNames { tenant: header("x-tenant"), user: header("x-user"), credential: header("x-kind") };
    let mut parts = parts(REST, &[("X-Tenant", "acme"), ("X-User", "u")]);
    let identity = identify(&mut parts, &names, ApiFamily::Rest, false, None).unwrap();
    assert_eq!(identity.key(), KeyRef::parse(b"acme", Some(b"u")).unwrap());
    assert!(parts.headers.is_empty());
}

proptest! {
    #[test]
    fn a_connection_is_found_by_header_and_by_local_token_alike(
        tenant in "[!-~]{1,128}",
        user in proptest::option::of("[!-~]{1,128}"),
    ) {
        let mut tagged = vec![("Orgpass-Tenant", tenant.as_str())];
        tagged.extend(user.as_deref().map(|user| ("Orgpass-User", user)));
        let token = format!("Bearer {}", local(&tenant, user.as_deref()));
        let expected = Ok((tenant.clone(), user.clone()));
        prop_assert_eq!(&meant(REST, &tagged), &expected);
        prop_assert_eq!(&meant(REST, &[("Authorization", &token)]), &expected);
    }

    #[test]
    fn any_value_in_any_place_is_judged_without_panic(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 6),
        query in "[a-z_=&%+!.0-9]{0,40}",
        known in any::<bool>(),
    ) {
        let mut parts = parts(REST, &[]);
        let target = format!("/id/x?{query}&{}={query}", if known { "oauth_token" } else { "sid" });
        parts.uri = http::uri::PathAndQuery::try_from(target).unwrap().into();
        let places = ["orgpass-tenant", "orgpass-user", "orgpass-credential", "authorization", "x-sfdc-session", "accesstoken"];
        for (name, value) in places.into_iter().zip(&values) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                parts.headers.insert(name, value);
            }
        }
        if let Ok(identity) = identify(&mut parts, &TagNames::default(), ApiFamily::Identity, false, None) {
            prop_assert!(!identity.key().tenant().is_empty());
            prop_assert!(parts.headers.is_empty());
            prop_assert!(!parts.uri.query().unwrap_or_default().contains("oauth_token="));
        }
    }
}
