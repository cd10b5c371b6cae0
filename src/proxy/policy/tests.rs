use proptest::prelude::*;

use super::*;
use crate::salesforce::api_families::LocalAnswer;

fn fault(path: &str) -> Option<PathFault> {
    match judge(path) {
        Ok(_) => None,
        Err(ProxyError::PathRefused(fault)) => Some(fault),
        Err(other) => panic!("{path} is {other:?}"),
    }
}

#[test]
fn paths_of_known_apis_are_relayed_with_their_family() {
    for (path, judged, family) in [
        ("/services/data", "/services/data", ApiFamily::Rest),
        ("/services/data/", "/services/data/", ApiFamily::Rest),
        ("/services/data/v67.0/query", "/services/data/v67.0/query", ApiFamily::Rest),
        ("//services/data/v67.0/query", "/services/data/v67.0/query", ApiFamily::Rest),
        ("/services///data/v67.0", "/services/data/v67.0", ApiFamily::Rest),
        ("/SERVICES/Data/v67.0", "/SERVICES/Data/v67.0", ApiFamily::Rest),
        ("/services/%64ata/v67.0", "/services/data/v67.0", ApiFamily::Rest),
        (
            "/services/data/v67.0/sobjects/Account/Ext__c/a%2Fb",
            "/services/data/v67.0/sobjects/Account/Ext__c/a/b",
            ApiFamily::Rest,
        ),
        (
            "/services/data/v67.0/sobjects/Account/Ext__c/50%25",
            "/services/data/v67.0/sobjects/Account/Ext__c/50%",
            ApiFamily::Rest,
        ),
        (
            "/services/data/v67.0/sobjects/Account/Ext__c/%C3%A9(x)+y%3F%23",
            "/services/data/v67.0/sobjects/Account/Ext__c/\u{e9}(x)+y?#",
            ApiFamily::Rest,
        ),
        ("/services/data/v67.0/.hidden", "/services/data/v67.0/.hidden", ApiFamily::Rest),
        ("/services/async/66.0/job", "/services/async/66.0/job", ApiFamily::Bulk),
        ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", "/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", ApiFamily::Identity),
    ] {
        let (found, in_family) = judge(path).unwrap();
        assert_eq!((found.as_str(), in_family), (judged, Resource::Relayed(family)), "{path}");
    }
}

#[test]
fn logins_and_revocations_are_known_for_what_they_are_however_they_are_written() {
    for (path, answer) in [
        ("/services/oauth2/token", LocalAnswer::Token),
        ("/services//oauth2//token", LocalAnswer::Token),
        ("/services/OAuth2/Token", LocalAnswer::Token),
        ("/SERVICES/oauth2/%74oken", LocalAnswer::Token),
        ("/services/%6Fauth2/token", LocalAnswer::Token),
        ("//services/oauth2/revoke", LocalAnswer::Revoke),
    ] {
        assert_eq!(judge(path).unwrap().1, Resource::Local(answer), "{path}");
    }
}

#[test]
fn paths_that_try_to_get_past_the_fence_are_refused() {
    for (path, refused) in [
        ("/services/data/../oauth2/token", PathFault::DotSegment),
        ("/services/data/./v67.0", PathFault::DotSegment),
        ("/services/data/%2e%2e/oauth2/token", PathFault::DotSegment),
        ("/services/data/v67.0/a%2f..%2f..%2fb", PathFault::DotSegment),
        ("/services/data/v67.0/..", PathFault::DotSegment),
        ("/services/data/v67.0/%252e%252e/x", PathFault::Encoding),
        ("/services/data/%zz", PathFault::Encoding),
        ("/services/data/%", PathFault::Encoding),
        ("/services/data/%u002e%u002e/x", PathFault::Encoding),
        ("/services/data/%c0%ae%c0%ae/x", PathFault::Encoding),
        ("/services/data/%ff", PathFault::Encoding),
        ("/services%2Fdata/v67.0", PathFault::EncodedSlash),
        ("//%2Fservices/data", PathFault::EncodedSlash),
        ("/services/data%2f..%2foauth2/token", PathFault::EncodedSlash),
        ("/services/data;x/v67.0", PathFault::Character),
        ("/services/data/..;/oauth2/token", PathFault::Character),
        ("/services/data/%3b", PathFault::Character),
        ("/services/data/..\\oauth2\\token", PathFault::Character),
        ("/services/data/..%5coauth2", PathFault::Character),
        ("/services/data/%00", PathFault::Character),
        ("/services/data/%0d%0aHost:x", PathFault::Character),
        ("/services/data/\u{7f}", PathFault::Character),
        ("/secur/frontdoor.jsp", PathFault::Credentials),
        ("/secur/%66rontdoor.jsp", PathFault::Credentials),
        ("/services/a360/token", PathFault::Credentials),
        ("/services/auth/headless/login", PathFault::Credentials),
        ("/cometd", PathFault::Unknown),
        ("//evil.example/x", PathFault::Unknown),
        ("//evil.example/services/data", PathFault::Unknown),
        ("/", PathFault::Unknown),
        ("", PathFault::Unknown),
        ("*", PathFault::Unknown),
        ("services/data", PathFault::Unknown),
    ] {
        assert_eq!(fault(path), Some(refused), "{path}");
    }
}

#[test]
fn a_targets_paths_are_judged_like_the_orgs() {
    let judged = |target, path| match judge_at(target, path) {
        Ok((_, Resource::Relayed(family))) => Ok(family),
        Ok((_, other)) => panic!("{path} is {other:?}"),
        Err(ProxyError::PathRefused(fault)) => Err(fault),
        Err(other) => panic!("{path} is {other:?}"),
    };
    for (target, path, expected) in [
        (Target::DataCloud, "/api/v2/query", Ok(ApiFamily::DataCloud)),
        (Target::DataCloud, "/api/v2/%2e%2e/x", Err(PathFault::DotSegment)),
        (Target::DataCloud, "/api%2Fv2/query", Err(PathFault::EncodedSlash)),
        (Target::DataCloud, "/services/data/v67.0", Err(PathFault::NotOfTarget(Target::DataCloud))),
        (Target::Platform, "/einstein/platform/v1/models", Ok(ApiFamily::Platform)),
        (Target::Platform, "/einstein/..;/x", Err(PathFault::Character)),
        (Target::Platform, "//services//oauth2/%74oken", Err(PathFault::Credentials)),
        (Target::Login, "/services/oauth2/userinfo", Ok(ApiFamily::Identity)),
        (Target::Login, "/services/oauth2/token", Err(PathFault::Credentials)),
        (Target::Login, "*", Err(PathFault::NotOfTarget(Target::Login))),
    ] {
        assert_eq!(judged(target, path), expected, "{target} {path}");
    }
}

#[test]
fn the_path_is_sent_as_it_came_but_for_leading_slashes() {
    for (target, sent) in [
        ("/services/data/v67.0/query?q=SELECT+Id", "/services/data/v67.0/query?q=SELECT+Id"),
        ("//services/data?q=//x", "/services/data?q=//x"),
        ("////services//data/a%2Fb", "/services//data/a%2Fb"),
        ("//evil.example/x", "/evil.example/x"),
        ("//", "/"),
    ] {
        // As hyper does: never from text with an authority.
        let uri = Uri::from(PathAndQuery::try_from(target).unwrap());
        assert_eq!(outgoing_path(&uri).as_str(), sent, "{target}");
    }
}

/// What a server does that decodes until nothing changes, then resolves dots and slashes.
fn as_the_most_lenient_server_reads_it(path: &str) -> String {
    let mut text = path.to_owned();
    for _ in 0..4 {
        let Ok(bytes) = decode_once(&text) else { break };
        let Ok(decoded) = String::from_utf8(bytes) else { break };
        text = decoded;
    }
    let mut segments: Vec<String> = Vec::new();
    for segment in text.replace('\\', "/").split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name.to_ascii_lowercase()),
        }
    }
    segments.join("/")
}

const PIECE: &str = "(services|data|oauth2|token|userinfo|async|apexrest|id|secur|frontdoor.jsp|soap|auth|a360|v67.0|\
                     \\.|\\.\\.|%2e|%2E|%252e|/|//|%2f|%2F|%252f|;|%3b|\\\\|%5c|%25|%|%00|x|%64ata|\\.\\.;|%c0%af)";

proptest! {
    #[test]
    fn any_path_is_judged_without_panic(path in "\\PC{0,40}") {
        let _ = judge(&path);
    }

    #[test]
    fn an_accepted_path_never_reaches_a_forbidden_resource(
        start in "(/|//|)(services|id|secur|eventbus.v1.PubSub)?/(data|oauth2|async|apexrest)?",
        rest in proptest::collection::vec(PIECE, 0..10),
        slashed in any::<bool>(),
    ) {
        let path = format!("{start}/{}", rest.join(if slashed { "/" } else { "" }));
        if let Ok((judged, Resource::Relayed(family))) = judge(&path) {
            let read = as_the_most_lenient_server_reads_it(&path);
            let allowed: &[&str] = match family {
                ApiFamily::Soap => &[],
                ApiFamily::Rest => &["services/data", "services/apexrest"],
                ApiFamily::Bulk => &["services/async"],
                ApiFamily::Identity => &["services/oauth2/userinfo", "id/00d"],
                ApiFamily::Streaming => &["/cometd/"],
                ApiFamily::DataCloud | ApiFamily::AccountEngagement | ApiFamily::Platform => &[],
                ApiFamily::PubSub => &["eventbus.v1.pubsub/"],
            };
            let starts = |text: &str| allowed.iter().any(|prefix| text.starts_with(prefix));
            prop_assert!(starts(&read), "{} is read as {}", path, read);
            prop_assert!(starts(judged.as_str().trim_start_matches('/').to_ascii_lowercase().as_str()));
        }
    }

    #[test]
    fn judging_the_judged_path_changes_nothing(
        rest in proptest::collection::vec(PIECE, 0..8),
    ) {
        let path = format!("/services/data/{}", rest.join("/"));
        if let Ok((judged, family)) = judge(&path)
            && !judged.as_str().contains('%')
        {
            let again = judge(judged.as_str());
            prop_assert_eq!(again, Ok((judged.clone(), family)));
        }
    }
}
