//! The Tooling API: the same resources for the objects that code is made of, and anonymous Apex.

use http::{Method, StatusCode};
use serde_json::json;

use super::{Admitted, query, search, sobjects};
use crate::anonymous;
use crate::answer::Answer;
use crate::stop::Stop;

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    // Its resources name each other by paths below its own.
    let root = format!("{version}/tooling");
    match below {
        ["sobjects", below @ ..] => sobjects::answer(request, &root, below),
        ["query" | "queryAll", below @ ..] => query::answer(request, &root, below),
        ["search"] => search::by_sosl(request, &root),
        ["executeAnonymous"] => {
            request.only(&[Method::GET])?;
            let source = request.parameter("anonymousBody").unwrap_or_default();
            Ok(Answer::json(StatusCode::OK, &anonymous::execute(&source)))
        }
        [] => {
            request.only(&[Method::GET])?;
            let at = |name: &str| format!("/services/data/{root}/{name}");
            let list = json!({
                "executeAnonymous": at("executeAnonymous"),
                "query": at("query"),
                "search": at("search"),
                "sobjects": at("sobjects"),
            });
            Ok(Answer::json(StatusCode::OK, &list))
        }
        _ => Err(request.not_found()),
    }
}
