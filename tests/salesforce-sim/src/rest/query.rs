//! Queries: the first page runs the query, later ones read its stored result by `nextRecordsUrl`.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use super::soql::Query;
use crate::answer::Answer;
use crate::state::objects::{Cursor, key_prefix};
use crate::stop::Stop;

/// Salesforce's bounds on `batchSize`; the larger is the default.
const PAGE: (usize, usize) = (200, 2_000);

pub(crate) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    match below {
        [] => first_page(request, version),
        [locator] => next_page(request, version, locator),
        _ => Err(request.not_found()),
    }
}

fn first_page(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let soql = request.parameter("q").unwrap_or_default();
    let query = Query::parse(&soql).map_err(|message| request.bad_request("MALFORMED_QUERY", &message))?;
    if key_prefix(&query.object).is_none() {
        let message = format!("sObject type '{}' is not supported.", query.object);
        return Err(request.bad_request("INVALID_TYPE", &message));
    }
    if request.parameter("columns").is_some_and(|columns| columns == "true") {
        return Ok(columns(&query));
    }
    let rows = request.call.shared.world().rows(request.org_id, &query, version);
    if query.fields.is_empty() {
        let body = json!({"totalSize": rows.len(), "done": true, "records": []});
        return Ok(Answer::json(StatusCode::OK, &body));
    }
    let cursor = Arc::new(Cursor { rows, page_size: page_size(request) });
    let mut locator = None;
    if cursor.rows.len() > cursor.page_size {
        let mut world = request.call.shared.world();
        let id = world.ids.next("01g");
        let cursors = &mut world.org_mut(request.org_id).objects.cursors;
        cursors.insert(id.clone(), Arc::clone(&cursor));
        locator = Some(id);
    }
    Ok(page(&cursor, locator.as_deref(), 0, version))
}

/// What the columns of a query are, which the command line asks before it asks for rows.
fn columns(query: &Query) -> Answer {
    let column = |name: &String| {
        json!({
            "aggregate": false,
            "apexType": if name == "Id" { "Id" } else { "String" },
            "booleanType": false,
            "columnName": name,
            "custom": name.ends_with("__c"),
            "displayName": name,
            "foreignKeyName": null,
            "insertable": name != "Id",
            "joinColumns": [],
            "numberType": false,
            "textType": name != "Id",
            "updatable": name != "Id",
        })
    };
    let body = json!({
        "columnMetadata": query.fields.iter().map(column).collect::<Vec<_>>(),
        "entityName": query.object,
        "groupBy": false,
        "idSelected": query.fields.iter().any(|name| name == "Id"),
        "keyPrefix": key_prefix(&query.object),
    });
    Answer::json(StatusCode::OK, &body)
}

fn next_page(request: &Admitted<'_>, version: &str, locator: &str) -> Result<Answer, Stop> {
    let found = locator.rsplit_once('-').and_then(|(id, offset)| {
        let offset: usize = offset.parse().ok()?;
        let cursor = request.with_org(|org| org.objects.cursors.get(id).cloned())?;
        (offset < cursor.rows.len()).then_some((cursor, id, offset))
    });
    match found {
        Some((cursor, id, offset)) => Ok(page(&cursor, Some(id), offset, version)),
        None => Err(request.bad_request("INVALID_QUERY_LOCATOR", "invalid query locator")),
    }
}

fn page(cursor: &Cursor, locator: Option<&str>, offset: usize, version: &str) -> Answer {
    let end = (offset + cursor.page_size).min(cursor.rows.len());
    let mut body = json!({
        "totalSize": cursor.rows.len(),
        "done": end == cursor.rows.len(),
        "records": cursor.rows[offset..end],
    });
    if let Some(locator) = locator
        && end < cursor.rows.len()
    {
        let next = format!("/services/data/{version}/query/{locator}-{end}");
        body["nextRecordsUrl"] = Value::from(next);
    }
    Answer::json(StatusCode::OK, &body)
}

fn page_size(request: &Admitted<'_>) -> usize {
    let options = request.call.header("sforce-query-options").unwrap_or_default();
    let asked = options
        .split(',')
        .filter_map(|option| option.trim().strip_prefix("batchSize="))
        .find_map(|size| size.trim().parse::<usize>().ok());
    asked.map_or(PAGE.1, |size| size.clamp(PAGE.0, PAGE.1))
}
