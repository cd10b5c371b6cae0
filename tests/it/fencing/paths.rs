//! Paths: what belongs to no API that is relayed, what gives out credentials, and every spelling that tries to get past.

use super::{LIMITS, get, nothing_arrived, one_arrived, refused, request};
use crate::world::World;

const TAG: &str = "Orgpass-Tenant: acme";

const CREDENTIALS: &str = "never relayed";
const LOGINS: &str = "No logins are answered here";
const UNKNOWN: &str = "no path of a Salesforce API";
const DOTS: &str = ". or .. segment";
const CHARACTER: &str = "backslash, a semicolon or a control character";
const ENCODING: &str = "Encode each value once";
const SLASH: &str = "encoded slash";

/// Each target with a part of what its refusal says.
const REFUSED: &[(&str, &str)] = &[
    ("/services/oauth2/token", LOGINS),
    ("/services/oauth2/token/", LOGINS),
    ("/services/oauth2/token?grant_type=refresh_token", LOGINS),
    ("/services/oauth2/introspect", CREDENTIALS),
    ("/services/oauth2/singleaccess", CREDENTIALS),
    ("/services/oauth2/authorize", CREDENTIALS),
    ("/services/auth/sso/x", CREDENTIALS),
    ("/services/a360/token", CREDENTIALS),
    ("/secur/frontdoor.jsp?sid=x", CREDENTIALS),
    ("/portal/secur/FRONTDOOR.jsp", CREDENTIALS),
    ("/setup/x", CREDENTIALS),
    ("/", UNKNOWN),
    ("/favicon.ico", UNKNOWN),
    ("/services", UNKNOWN),
    ("/services/database", UNKNOWN),
    ("/evil.example/services/data", UNKNOWN),
    // One decoding leads to what is refused in the clear.
    ("/services/oauth2/%74oken", LOGINS),
    ("/services/%6Fauth2/token", LOGINS),
    ("/services/oauth%32/token", LOGINS),
    ("/SERVICES/OAUTH2/TOKEN", LOGINS),
    ("/services/OAuth2/tOkEn", LOGINS),
    ("//services//oauth2///token", LOGINS),
    ("//services/oauth2/token", LOGINS),
    ("/%73ecur/%66rontdoor.jsp", CREDENTIALS),
    // Two decodings are never made, so what asks for them is refused.
    ("/services/oauth2/%2574oken", ENCODING),
    ("/services/data/%252e%252e/oauth2/token", ENCODING),
    ("/services/data/v67.0/%2525", ENCODING),
    ("/services/data/v67.0/%", ENCODING),
    ("/services/data/v67.0/%zz", ENCODING),
    ("/services/data/v67.0/%ff", ENCODING),
    ("/services/data/%c0%ae%c0%ae/oauth2/token", ENCODING),
    // Dots.
    ("/services/data/../oauth2/token", DOTS),
    ("/services/data/./v67.0", DOTS),
    ("/services/data/%2e%2e/oauth2/token", DOTS),
    ("/services/data/.%2E/oauth2/token", DOTS),
    ("/services/data/v67.0/..", DOTS),
    ("/../services/oauth2/token", DOTS),
    // What other servers cut or turn into a slash.
    ("/services/data;/../oauth2/token", CHARACTER),
    ("/services/data/v67.0;x=1/limits", CHARACTER),
    ("/services/data/v67.0/%3Bx", CHARACTER),
    ("/services/data/..;/oauth2/token", CHARACTER),
    ("/services\\oauth2\\token", CHARACTER),
    ("/services/data/%5c..%5coauth2/token", CHARACTER),
    ("/services/data/v67.0/%00", CHARACTER),
    ("/services/data/v67.0/%0d%0aX-Evil:%201", CHARACTER),
    ("/services/data/v67.0/%7f", CHARACTER),
    ("/services%2Fdata/v67.0/limits", SLASH),
    ("/services%2foauth2%2ftoken", SLASH),
    ("/services/data%2F..%2Foauth2%2Ftoken", SLASH),
    ("/services/data/..%2Foauth2/token", SLASH),
    ("/services/data/v67.0/x/..%2F..%2F..%2Foauth2/token", DOTS),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_gets_past_the_fence_of_paths() {
    let world = World::start().await;
    world.connect("acme", None).await;
    for (target, says) in REFUSED {
        refused(&world, &get(target, &[TAG]), 403, "path_refused", says).await;
    }
    for target in ["/services/oauth2/token", "/services/oauth2/introspect", "/services/a360/token"] {
        let line = format!("POST {target} HTTP/1.1");
        let headers = ["Host: localhost", "Connection: close", TAG, "Content-Length: 0"];
        refused(&world, &request(&line, &headers), 403, "path_refused", "").await;
    }
    nothing_arrived(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_never_changes_the_host() {
    let world = World::start().await;
    let acme = world.connect("acme", None).await;
    for target in ["//evil.example/services/data", "///evil.example/services/data", "/@evil.example/services/data"] {
        refused(&world, &get(target, &[TAG]), 403, "path_refused", UNKNOWN).await;
    }
    nothing_arrived(&world);
    let replies = world.caller().raw(get(&format!("//{}", &LIMITS[1..]), &[TAG])).await;
    assert_eq!(replies[0].status, 200, "{}", replies[0].text());
    let arrived = one_arrived(&world);
    assert_eq!(arrived.path_and_query, LIMITS);
    assert_eq!(arrived.header("host"), acme.org.instance_url().strip_prefix("http://"));
}
