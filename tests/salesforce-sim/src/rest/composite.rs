//! Many requests in one: composite requests that refer to each other's answers, graphs of them, and batches of ones that
//! do not; and many records in one: collections and trees.

mod collections;
mod reference;
mod tree;

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Admitted, route};
use crate::answer::Answer;
use crate::stop::Stop;
use reference::References;

/// Most requests of a composite or batch.
const REQUESTS: usize = 25;
/// Most requests of a graph.
const NODES: usize = 500;

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    match below {
        [] if request.method() == Method::POST => composite(request),
        ["batch"] => batch(request),
        ["graph"] => graphs(request),
        ["tree", object] => tree::answer(request, object),
        ["sobjects", below @ ..] => collections::answer(request, version, below),
        [] => {
            request.only(&[Method::GET, Method::POST])?;
            let at = |name: &str| format!("/services/data/{version}/composite/{name}");
            let list =
                json!({"tree": at("tree"), "batch": at("batch"), "sobjects": at("sobjects"), "graph": at("graph")});
            Ok(Answer::json(StatusCode::OK, &list))
        }
        _ => Err(request.not_found()),
    }
}

fn composite(request: &Admitted<'_>) -> Result<Answer, Stop> {
    let asked = Value::Object(request.json()?);
    let list = requests(request, &asked["compositeRequest"], REQUESTS)?;
    let all_or_none = asked["allOrNone"].as_bool().unwrap_or_default();
    let (responses, _) = run(request, list, all_or_none)?;
    Ok(Answer::json(StatusCode::OK, &json!({"compositeResponse": responses})))
}

fn graphs(request: &Admitted<'_>) -> Result<Answer, Stop> {
    request.only(&[Method::POST])?;
    let asked = Value::Object(request.json()?);
    let graphs = asked["graphs"].as_array();
    let graphs = graphs.ok_or_else(|| request.bad_request("JSON_PARSER_ERROR", "graphs expected"))?;
    let answered = graphs.iter().map(|graph| {
        let (responses, succeeded) = run(request, requests(request, &graph["compositeRequest"], NODES)?, true)?;
        Ok(json!({
            "graphId": graph["graphId"],
            "graphResponse": {"compositeResponse": responses},
            "isSuccessful": succeeded,
        }))
    });
    let answered: Vec<Value> = answered.collect::<Result<_, Stop>>()?;
    Ok(Answer::json(StatusCode::OK, &json!({ "graphs": answered })))
}

fn requests<'v>(request: &Admitted<'_>, list: &'v Value, most: usize) -> Result<&'v [Value], Stop> {
    match list.as_array() {
        Some(list) if list.len() <= most => Ok(list),
        Some(_) => Err(request.bad_request("LIMIT_EXCEEDED", &format!("No more than {most} subrequests are allowed"))),
        None => Err(request.bad_request("JSON_PARSER_ERROR", "a list of subrequests expected")),
    }
}

/// Runs requests in order, and says whether all have succeeded; with `all_or_none` one failure undoes them all.
fn run(request: &Admitted<'_>, list: &[Value], all_or_none: bool) -> Result<(Vec<Value>, bool), Stop> {
    let before = all_or_none.then(|| request.with_org(|org| org.objects.clone()));
    let mut references = References::default();
    let mut responses = Vec::new();
    let mut failed = None;
    for (number, asked) in list.iter().enumerate() {
        let (status, headers, body) = one(request, asked, &references)?;
        let name = asked["referenceId"].as_str().unwrap_or_default();
        if status < 300 {
            references.note(name, &body);
        } else {
            failed = failed.or(Some(number));
        }
        responses.push(json!({
            "body": body,
            "httpHeaders": headers,
            "httpStatusCode": status,
            "referenceId": name,
        }));
        if failed.is_some() && all_or_none {
            break;
        }
    }
    if let (Some(failed), Some(before)) = (failed, before) {
        request.with_org(|org| org.objects = before);
        let halted = json!([{
            "errorCode": "PROCESSING_HALTED",
            "message": "The transaction was rolled back since another operation in the same transaction failed.",
        }]);
        responses = list
            .iter()
            .enumerate()
            .map(|(number, asked)| {
                if number == failed {
                    return responses[number].clone();
                }
                json!({"body": halted, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": asked["referenceId"]})
            })
            .collect();
    }
    Ok((responses, failed.is_none()))
}

/// Status, headers and body of the answer to one of the requests.
fn one(request: &Admitted<'_>, asked: &Value, references: &References) -> Result<(u16, Value, Value), Stop> {
    let refused = |code: &str, message: String| (400, json!({}), json!([{"errorCode": code, "message": message}]));
    let (url, body) = match (references.resolve(&asked["url"]), references.resolve(&asked["body"])) {
        (Ok(url), Ok(body)) => (url, body),
        (Err(problem), _) | (_, Err(problem)) => return Ok(refused("PROCESSING_HALTED", problem)),
    };
    let url = url.as_str().unwrap_or_default();
    if !url.starts_with("/services/data/") || url.contains("/composite/batch") || url.contains("/composite/graph") {
        return Ok(refused("ILLEGAL_QUERY_PARAMETER_VALUE", format!("{url} is not supported in a composite request")));
    }
    let answer = within(request, asked, url, &body)?;
    let location = answer.header(&LOCATION).map(|at| json!({ "Location": at }));
    Ok((answer.status(), location.unwrap_or(json!({})), body_of(&answer)))
}

/// Several requests that know nothing of each other.
fn batch(request: &Admitted<'_>) -> Result<Answer, Stop> {
    request.only(&[Method::POST])?;
    let asked = Value::Object(request.json()?);
    let halts = asked["haltOnError"].as_bool().unwrap_or_default();
    let mut has_errors = false;
    let mut results = Vec::new();
    for asked in requests(request, &asked["batchRequests"], REQUESTS)? {
        if has_errors && halts {
            let error =
                json!([{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]);
            results.push(json!({"statusCode": 412, "result": error}));
            continue;
        }
        let url = asked["url"].as_str().unwrap_or_default();
        let url = format!("/services/data/{}", url.trim_start_matches("/services/data/").trim_start_matches('/'));
        let answer = within(request, asked, &url, &asked["richInput"])?;
        has_errors |= answer.status() >= 300;
        results.push(json!({"statusCode": answer.status(), "result": body_of(&answer)}));
    }
    Ok(Answer::json(StatusCode::OK, &json!({"hasErrors": has_errors, "results": results})))
}

fn within(request: &Admitted<'_>, asked: &Value, url: &str, body: &Value) -> Result<Answer, Stop> {
    let method = asked["method"].as_str().and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let inner = request.within(method.unwrap_or(Method::GET), url, body);
    match route(&inner) {
        Ok(answer) => Ok(answer),
        Err(Stop::Answer(answer)) => Ok(*answer),
        Err(Stop::Cut) => Err(Stop::Cut),
    }
}

fn body_of(answer: &Answer) -> Value {
    answer.whole().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
}
