//! Path templates: which resource a path names, without what it says of a record, a person or anything else. Only words of
//! Salesforce's APIs, versions, and names of objects are kept; every other segment is a place.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

/// Stands for a segment that is not kept.
const PLACE: &str = "{id}";
/// Stands for the segments of a very long path that are left out.
const REST: &str = "...";
const MOST_SEGMENTS: usize = 16;
/// Names of objects have up to 40 characters, and a namespace and a suffix.
const MAX_NAME: usize = 80;

/// Words of Salesforce's APIs. Hashed, since every call asks about each segment of its path.
#[rustfmt::skip]
static WORDS: LazyLock<HashSet<&str, FixedState>> = LazyLock::new(|| HashSet::from_iter([
    "ConversionContent", "GetSchema", "GetTopic", "ManagedSubscribe", "Publish", "PublishStream", "Soap", "Subscribe",
    "T", "actions", "analytics", "apexrest", "api", "appMenu", "async", "asyncQueries", "authorize", "batch",
    "campaigns", "chatter", "class", "cometd", "commerce", "compactLayouts", "composite", "connect", "consent",
    "custom", "dashboards", "data", "deleted", "describe", "domains", "eventSchema", "eventbus.v1.PubSub",
    "failedResults", "feed-elements", "files", "frontdoor.jsp", "graph", "graphql", "groups", "id", "ingest",
    "insight", "introspect", "invocable", "job", "jobs", "knowledgeManagement", "layouts", "lightning", "limits",
    "list-memberships", "lists", "listviews", "m", "metadata", "metrics", "nouns", "oauth2", "objects",
    "parameterizedSearch", "parse", "process", "profile", "prospects", "query", "query-sql", "queryAll", "queryv2",
    "quickActions", "recent", "recordCount", "relevantItems", "reports", "request", "result", "results", "revoke",
    "rules", "sandbox", "scheduler", "search", "secur", "services", "sobjects", "ssot", "standard", "streaming",
    "successfulResults", "suggestions", "support", "tabs", "theme", "token", "tooling", "tree", "u", "ui-api",
    "unprocessedrecords", "updated", "user-info", "userinfo", "users", "visitors", "wave",
]));

/// The segments of a path's template, each to be written behind a slash.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut before = "";
    segments.take(MOST_SEGMENTS + 1).enumerate().map(move |(number, segment)| {
        if number == MOST_SEGMENTS {
            return REST;
        }
        let kept = WORDS.contains(segment) || is_version(segment) || (before == "sobjects" && is_name(segment));
        before = segment;
        if kept { segment } else { PLACE }
    })
}

/// `v67.0`, `67.0`, `v5`; no number alone, which may be a record's.
fn is_version(segment: &str) -> bool {
    let bare = segment.strip_prefix('v');
    let is_number = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match bare.unwrap_or(segment).split_once('.') {
        Some((major, minor)) => is_number(major) && is_number(minor),
        None => bare.is_some_and(is_number),
    }
}

/// The name of an object: `Account`, `ns__Invoice__c`. Ids of records have digits where names have words.
fn is_name(segment: &str) -> bool {
    segment.len() <= MAX_NAME
        && segment.starts_with(|first: char| first.is_ascii_alphabetic())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(path: &str) -> String {
        segments(path).flat_map(|segment| ["/", segment]).collect()
    }

    #[test]
    fn a_template_names_the_resource_and_nothing_in_it() {
        for (path, expected) in [
            ("/services/data", "/services/data"),
            ("/services/data/v67.0/sobjects/Account/001xx000003DGbYAAW", "/services/data/v67.0/sobjects/Account/{id}"),
            (
                "//services/data/v67.0/sobjects/ns__Invoice__c/Email__c/ana@acme.example",
                "/services/data/v67.0/sobjects/ns__Invoice__c/{id}/{id}",
            ),
            ("/services/data/v67.0/sobjects/Account/describe", "/services/data/v67.0/sobjects/Account/describe"),
            ("/services/data/v67.0/query/01gxx0000001-2000", "/services/data/v67.0/query/{id}"),
            ("/services/data/v67.0/jobs/ingest/750xx/batches", "/services/data/v67.0/jobs/ingest/{id}/{id}"),
            ("/services/async/66.0/job/750xx/batch/751xx/result", "/services/async/66.0/job/{id}/batch/{id}/result"),
            ("/services/apexrest/patients/jane-doe", "/services/apexrest/{id}/{id}"),
            ("/services/Soap/u/64.0/00Dxx0000001gPL", "/services/Soap/u/64.0/{id}"),
            ("/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS", "/id/{id}/{id}"),
            ("/services/oauth2/userinfo", "/services/oauth2/userinfo"),
            ("/api/v5/objects/prospects/42", "/api/v5/objects/prospects/{id}"),
            ("/services/data/v67.0/sobjects/%41ccount", "/services/data/v67.0/sobjects/{id}"),
            ("/", ""),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
        assert_eq!(template(&"/x".repeat(99)), format!("{}/...", "/{id}".repeat(MOST_SEGMENTS)));
    }

    proptest! {
        #[test]
        fn whatever_a_path_is_its_template_is_plain_and_short(path in "(/[^/]{0,100}){0,40}") {
            let template = template(&path);
            prop_assert!(template.len() <= (MOST_SEGMENTS + 1) * (MAX_NAME + 1));
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/{}._-".contains(&byte);
            prop_assert!(template.bytes().all(is_plain));
        }
    }
}
