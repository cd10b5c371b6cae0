//! Analytics: reports are records of Report, and each counts an org's accounts.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::clock::json_timestamp;
use crate::state::objects::Fields;
use crate::stop::Stop;

pub(super) fn answer(request: &Admitted<'_>, version: &str, below: &[&str]) -> Result<Answer, Stop> {
    let root = format!("/services/data/{version}/analytics/reports");
    match (below, request.method().as_str()) {
        (["reports"], "GET") => {
            let list: Vec<Value> =
                request.with_org(|org| org.objects.all("Report").map(|report| entry(&root, report)).collect());
            Ok(Answer::json(StatusCode::OK, &json!(list)))
        }
        (["dashboards"], "GET") => Ok(Answer::json(StatusCode::OK, &json!([]))),
        (["reports", id], "GET" | "POST") => run(request, &root, id, "Report"),
        (["reports", id], "DELETE") => {
            let deleted = request.call.shared.world().delete_record(request.org_id, id);
            deleted.map(|()| Answer::empty(StatusCode::NO_CONTENT)).map_err(|error| request.refused(&error))
        }
        (["reports", id, "describe"], "GET") => {
            let report = report(request, id)?;
            let body = json!({"reportMetadata": metadata(&report), "reportTypeMetadata": {"categories": []}});
            Ok(Answer::json(StatusCode::OK, &body))
        }
        (["reports", id, "instances"], "POST") => {
            report(request, id)?;
            let instance = request.call.shared.world().ids.next("0LG");
            Ok(Answer::json(StatusCode::OK, &instance_of(request, &root, id, &instance, "New")))
        }
        (["reports", _, "instances"], "GET") => Ok(Answer::json(StatusCode::OK, &json!([]))),
        (["reports", id, "instances", instance], "GET") => run(request, &root, id, instance),
        _ => {
            request.only(&[Method::GET, Method::POST, Method::DELETE])?;
            Err(request.not_found())
        }
    }
}

fn report(request: &Admitted<'_>, id: &str) -> Result<Fields, Stop> {
    request.with_org(|org| org.objects.get("Report", id).cloned()).ok_or_else(|| request.not_found())
}

fn entry(root: &str, report: &Fields) -> Value {
    let id = report.get("Id").and_then(Value::as_str).unwrap_or_default();
    json!({
        "id": id,
        "name": report.get("Name"),
        "url": format!("{root}/{id}"),
        "describeUrl": format!("{root}/{id}/describe"),
        "instancesUrl": format!("{root}/{id}/instances"),
    })
}

fn metadata(report: &Fields) -> Value {
    json!({
        "id": report.get("Id"),
        "name": report.get("Name"),
        "developerName": report.get("Name"),
        "reportFormat": "TABULAR",
        "reportType": {"label": "Accounts", "type": "AccountList"},
        "aggregates": ["RowCount"],
        "detailColumns": ["ACCOUNT.NAME"],
        "reportFilters": [],
        "groupingsDown": [],
        "groupingsAcross": [],
    })
}

fn instance_of(request: &Admitted<'_>, root: &str, id: &str, instance: &str, status: &str) -> Value {
    json!({
        "id": instance,
        "ownerId": request.user.user_id,
        "status": status,
        "requestDate": json_timestamp(request.call.shared.now()),
        "completionDate": null,
        "hasDetailRows": false,
        "url": format!("{root}/{id}/instances/{instance}"),
    })
}

/// A run, at once or fetched later as an instance.
fn run(request: &Admitted<'_>, root: &str, id: &str, instance: &str) -> Result<Answer, Stop> {
    let report = report(request, id)?;
    let names: Vec<Value> = request.with_org(|org| {
        let names = org.objects.all("Account").map(|account| account.get("Name").cloned());
        names.map(Option::unwrap_or_default).collect()
    });
    let is_detailed = request.parameter("includeDetails").is_some_and(|value| value == "true");
    let row = |name: &Value| json!({"dataCells": [{"label": name, "value": name}]});
    let rows: Vec<Value> = if is_detailed { names.iter().map(row).collect() } else { Vec::new() };
    let mut attributes = entry(root, &report);
    attributes["type"] = "Report".into();
    attributes["reportId"] = id.into();
    attributes["reportName"] = report.get("Name").cloned().unwrap_or_default();
    if instance != "Report" {
        let done = instance_of(request, root, id, instance, "Success");
        attributes
            .as_object_mut()
            .into_iter()
            .for_each(|own| own.extend(done.as_object().cloned().unwrap_or_default()));
    }
    let body = json!({
        "attributes": attributes,
        "allData": true,
        "factMap": {"T!T": {"aggregates": [{"label": names.len().to_string(), "value": names.len()}], "rows": rows}},
        "groupingsDown": {"groupings": []},
        "groupingsAcross": {"groupings": []},
        "hasDetailRows": is_detailed,
        "reportMetadata": metadata(&report),
        "reportExtendedMetadata": {"aggregateColumnInfo": {}, "detailColumnInfo": {}, "groupingColumnInfo": {}},
    });
    Ok(Answer::json(StatusCode::OK, &body))
}
