use super::*;
use crate::connection::{LocalTokenError, NameError};
use crate::salesforce::{HostError, Target};

/// One error of each variant and kind.
fn all_errors() -> Vec<ProxyError> {
    let header = HeaderName::from_static("orgpass-tenant");
    let place = || Place::Header(header.clone());
    let mut errors = vec![
        ProxyError::MissingTenant { header: header.clone() },
        ProxyError::NotConnected,
        ProxyError::Misconfigured { cause: None, code: ErrorCode::parse(b"INVALID_SESSION_ID") },
        ProxyError::Overloaded,
        ProxyError::ReplayNotPossible,
        ProxyError::UpstreamUnreachable,
        ProxyError::ResponseWithheld,
        ProxyError::UpstreamTimeout,
    ];
    errors.extend(RequestFault::ALL.iter().map(|fault| ProxyError::InvalidRequest(*fault)));
    errors.extend(StreamEnd::ALL.iter().map(|end| ProxyError::StreamEnded(*end)));
    errors.extend(HostFault::ALL.iter().map(|fault| ProxyError::HostRefused(*fault)));
    errors.extend(EgressFault::ALL.map(ProxyError::Egress));
    errors.extend(Unavailable::ALL.map(ProxyError::TokenUnavailable));
    for cause in Cause::ALL {
        errors.push(ProxyError::Reauthorize { cause: *cause });
        errors.push(ProxyError::Misconfigured { cause: Some(*cause), code: None });
    }
    errors.extend(Target::ALL.map(|target| ProxyError::PathRefused(PathFault::NotOfTarget(target))));
    errors.extend(
        [
            TargetFault::BusinessUnit,
            TargetFault::TokenForm,
            TargetFault::DataCloudScope,
            TargetFault::DataCloudRefused(ErrorCode::parse(b"invalid_request")),
            TargetFault::DataCloudHost(HostError::NotSalesforce),
            TargetFault::TokenRefused(Target::AccountEngagement, ErrorCode::parse(b"184")),
        ]
        .map(ProxyError::Target),
    );
    errors.extend(
        [
            PathFault::DotSegment,
            PathFault::Character,
            PathFault::Encoding,
            PathFault::EncodedSlash,
            PathFault::Credentials,
            PathFault::Logins,
            PathFault::NeedsHttp2,
            PathFault::NeedsHttp1,
            PathFault::Unknown,
        ]
        .map(ProxyError::PathRefused),
    );
    errors.extend(
        [
            TagFault::Repeated(place()),
            TagFault::NotATag(header.clone()),
            TagFault::Name(header.clone(), NameError::Empty),
            TagFault::UserWithoutTenant { tenant: header.clone(), user: header.clone() },
            TagFault::Contradictory,
            TagFault::LocalToken(place(), LocalTokenError::Escape),
            TagFault::LocalToken(place(), LocalTokenError::Name(NameError::TooLong)),
            TagFault::Foreign(Place::Parameter("oauth_token")),
            TagFault::InUrl,
            TagFault::Assertion(header.clone()),
            TagFault::AssertionUnfulfilled(header.clone()),
            TagFault::AssertionMissing(header.clone()),
            TagFault::Target(header.clone()),
        ]
        .map(ProxyError::InvalidTag),
    );
    errors
}

#[test]
fn every_error_says_in_sentences_what_to_do() {
    for error in all_errors() {
        let text = error.text();
        assert!(text.ends_with('.') && text.len() > 20, "{text}");
        assert!(text.starts_with(|first: char| first.is_uppercase() || first == '/'), "{text}");
        assert!(!text.contains("  ") && !text.contains('\n') && text.is_ascii(), "{text}");
    }
}

#[test]
fn every_code_belongs_to_an_error_and_none_invites_a_login() {
    for code in Code::ALL {
        assert!(all_errors().iter().any(|error| error.code() == *code), "{code:?}");
        assert!(![401, 407].contains(&code.status().as_u16()), "{code:?}");
        assert_eq!(code.as_salesforce(), format!("ORGPASS_{}", code.as_str().to_ascii_uppercase()));
    }
}

#[test]
fn the_documentation_lists_every_code_as_it_is() {
    let page = include_str!("../../../docs/errors.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).take(3).collect())
        .collect();
    let expected: Vec<Vec<String>> = Code::ALL
        .iter()
        .map(|code| {
            vec![format!("`{}`", code.as_str()), code.status().as_u16().to_string(), code.fault().as_str().to_owned()]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn unavailable_and_overloaded_say_when_to_come_back() {
    for error in all_errors() {
        let comes_back = error.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(error.retry_after().is_some(), comes_back, "{error:?}");
    }
}
