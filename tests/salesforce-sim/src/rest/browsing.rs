//! What a user interface asks: resources of the API, recent records, theme, tabs, counts.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::describe;
use crate::state::objects::{Fields, text};
use crate::stop::Stop;

const RESOURCES: [&str; 17] = [
    "analytics",
    "chatter",
    "composite",
    "connect",
    "graphql",
    "jobs",
    "limits",
    "metadata",
    "parameterizedSearch",
    "query",
    "queryAll",
    "recent",
    "search",
    "sobjects",
    "tabs",
    "theme",
    "tooling",
];

/// The resources of a version: paths, but for the caller's identity.
pub(super) fn resources(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let at = |name: &&str| ((*name).to_owned(), Value::from(format!("/services/data/{version}/{name}")));
    let mut list: Fields = RESOURCES.iter().map(at).collect();
    let identity = request.call.shared.world().identity_url(&request.user.user_id);
    list.insert("identity".to_owned(), identity.into());
    Ok(Answer::json(StatusCode::OK, &Value::Object(list)))
}

/// The newest records, the newest first.
pub(super) fn recent(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let most = request.number("limit").unwrap_or(200);
    let mut records: Vec<(String, Value)> = request.with_org(|org| {
        let names: Vec<String> = org.objects.names().map(str::to_owned).collect();
        let all = names.iter().flat_map(|object| org.objects.all(object).map(move |record| (object, record)));
        all.map(|(object, record)| {
            let id = record.get("Id").map(text).unwrap_or_default();
            let url = format!("/services/data/{version}/sobjects/{object}/{id}");
            let name = record.get("Name").cloned().unwrap_or_default();
            let shown = json!({"attributes": {"type": object, "url": url}, "Id": id, "Name": name});
            (id, shown)
        })
        .collect()
    });
    // Ids are dealt in order; what they begin with is the object.
    records.sort_by(|(one, _), (other, _)| other.get(3..15).cmp(&one.get(3..15)));
    let records: Vec<Value> = records.into_iter().take(most).map(|(_, shown)| shown).collect();
    Ok(Answer::json(StatusCode::OK, &json!(records)))
}

pub(super) fn theme(request: &Admitted<'_>) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let names = request.with_org(|org| describe::objects(org));
    let color = json!({"color": "FFCC33", "context": "primary", "theme": "theme4"});
    let items: Vec<Value> = names.iter().map(|name| json!({"name": name, "colors": [color], "icons": []})).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"themeItems": items})))
}

pub(super) fn tabs(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let names = request.with_org(|org| describe::objects(org));
    let tab = |name: &String| {
        json!({
            "name": format!("standard-{name}"),
            "label": name,
            "sobjectName": name,
            "custom": name.ends_with("__c"),
            "url": format!("/services/data/{version}/sobjects/{name}"),
        })
    };
    Ok(Answer::json(StatusCode::OK, &names.iter().map(tab).collect()))
}

/// `/limits/recordCount`: how many records objects have.
pub(super) fn record_count(request: &Admitted<'_>) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let asked = request.parameter("sObjects");
    let counts = request.with_org(|org| {
        let names = match asked {
            Some(names) => names.split(',').map(str::to_owned).collect(),
            None => describe::objects(org),
        };
        let count = |name: &String| json!({"name": name, "count": org.objects.all(name).count()});
        names.iter().map(count).collect::<Vec<_>>()
    });
    Ok(Answer::json(StatusCode::OK, &json!({ "sObjects": counts })))
}
