//! GraphQL over an org's records: `uiapi { query { Object(first, after, where, orderBy) { edges { node { .. } } } } }`.
//! The status is 200 whatever the query; what is wrong with it is told in `errors`.

mod parse;

use std::fmt::Write;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::Admitted;
use super::soql::Query;
use crate::answer::Answer;
use crate::state::objects::{key_prefix, text};
use crate::stop::Stop;
use parse::Field;

/// How many records a connection has if the query does not say, and at most.
const PAGE: (usize, usize) = (10, 2_000);

/// A type of error and its message.
type Problem = (&'static str, String);

pub(super) fn answer(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    request.only(&[Method::POST])?;
    let asked = Value::Object(request.json()?);
    let fields = parse::parse(asked["query"].as_str().unwrap_or_default(), &asked["variables"]);
    let data = fields.map_err(|problem| ("InvalidSyntax", problem)).and_then(|fields| {
        let answers = fields.iter().map(|field| match field.name.as_str() {
            "uiapi" => Ok((field.key().to_owned(), uiapi(request, version, field)?)),
            other => Err(undefined(other, "Query")),
        });
        Ok(Value::Object(answers.collect::<Result<Map<_, _>, Problem>>()?))
    });
    let body = match data {
        Ok(data) => json!({"data": data, "errors": []}),
        Err((kind, message)) => {
            let error = json!({"message": message, "locations": [], "paths": [], "extensions": {"ErrorType": kind}});
            json!({"data": {}, "errors": [error]})
        }
    };
    Ok(Answer::json(StatusCode::OK, &body))
}

fn uiapi(request: &Admitted<'_>, version: &str, field: &Field) -> Result<Value, Problem> {
    let answers = field.selected.iter().map(|inner| match inner.name.as_str() {
        "query" => {
            let objects = inner.selected.iter();
            let objects = objects.map(|object| Ok((object.key().to_owned(), connection(request, version, object)?)));
            Ok((inner.key().to_owned(), Value::Object(objects.collect::<Result<Map<_, _>, Problem>>()?)))
        }
        other => Err(undefined(other, "UIAPI")),
    });
    Ok(Value::Object(answers.collect::<Result<Map<_, _>, Problem>>()?))
}

/// A page of an object's records.
fn connection(request: &Admitted<'_>, version: &str, field: &Field) -> Result<Value, Problem> {
    if key_prefix(&field.name).is_none() {
        return Err(undefined(&field.name, "RecordQuery"));
    }
    let node = field.select("edges").and_then(|edges| edges.select("node"));
    let names: Vec<&str> = node.iter().flat_map(|node| &node.selected).map(|field| field.name.as_str()).collect();
    let soql = soql(field, &names)?;
    let query = Query::parse(&soql).map_err(|problem| ("DataFetchingException", problem))?;
    let rows = request.call.shared.world().rows(request.org_id, &query, version);
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let first = number(&field.arguments["first"]).unwrap_or(PAGE.0).min(PAGE.1);
    let after = field.arguments["after"].as_str().and_then(|after| after.parse::<usize>().ok()).unwrap_or_default();
    let shown: Vec<(usize, &Value)> = rows.iter().enumerate().skip(after).take(first).collect();
    let end = after + shown.len();
    let answers = field.selected.iter().map(|inner| {
        let value = match inner.name.as_str() {
            "edges" => shown.iter().map(|(place, row)| edge(inner, *place, row)).collect::<Result<_, _>>()?,
            "totalCount" => Value::from(rows.len()),
            "pageResultCount" => Value::from(shown.len()),
            "pageInfo" => json!({
                "startCursor": (end > after).then(|| (after + 1).to_string()),
                "endCursor": (end > after).then(|| end.to_string()),
                "hasNextPage": end < rows.len(),
                "hasPreviousPage": after > 0,
            }),
            other => return Err(undefined(other, &format!("{}Connection", field.name))),
        };
        Ok((inner.key().to_owned(), value))
    });
    Ok(Value::Object(answers.collect::<Result<Map<_, _>, Problem>>()?))
}

fn edge(edge: &Field, place: usize, row: &Value) -> Result<Value, Problem> {
    let parts = edge.selected.iter().map(|part| {
        let value = match part.name.as_str() {
            "cursor" => Value::from((place + 1).to_string()),
            "node" => part.selected.iter().map(|field| (field.key().to_owned(), value_of(field, row))).collect(),
            other => return Err(undefined(other, "Edge")),
        };
        Ok((part.key().to_owned(), value))
    });
    Ok(Value::Object(parts.collect::<Result<Map<_, _>, Problem>>()?))
}

/// A field with parts (`value`, `displayValue`) has them; the id has none.
fn value_of(field: &Field, row: &Value) -> Value {
    let value = row.get(&field.name).cloned().unwrap_or_default();
    if field.selected.is_empty() {
        return value;
    }
    let part = |part: &Field| match part.name.as_str() {
        "value" => (part.key().to_owned(), value.clone()),
        _ => (part.key().to_owned(), if value.is_null() { Value::Null } else { Value::from(text(&value)) }),
    };
    field.selected.iter().map(part).collect()
}

/// The query that finds what a connection asks for.
fn soql(field: &Field, names: &[&str]) -> Result<String, Problem> {
    let mut fields: Vec<&str> = names.to_vec();
    if !fields.contains(&"Id") {
        fields.push("Id");
    }
    let mut soql = format!("SELECT {} FROM {}", fields.join(", "), field.name);
    let conditions = conditions(&field.arguments["where"])?;
    if !conditions.is_empty() {
        let _ = write!(soql, " WHERE {conditions}");
    }
    let order = field.arguments["orderBy"].as_object().into_iter().flatten();
    let order: Vec<String> =
        order.map(|(name, by)| format!("{name} {}", by["order"].as_str().unwrap_or("ASC"))).collect();
    if !order.is_empty() {
        let _ = write!(soql, " ORDER BY {}", order.join(", "));
    }
    Ok(soql)
}

fn conditions(filter: &Value) -> Result<String, Problem> {
    let all = filter.as_object().into_iter().flatten().map(|(name, operators)| {
        if matches!(name.as_str(), "and" | "or") {
            let parts = operators.as_array().into_iter().flatten().map(conditions);
            let parts: Vec<String> = parts.collect::<Result<_, _>>()?;
            return Ok(format!("({})", parts.join(&format!(" {} ", name.to_uppercase()))));
        }
        let operators = operators.as_object().into_iter().flatten();
        let parts = operators.map(|(operator, value)| {
            let sign = match operator.as_str() {
                "eq" => "=",
                "ne" => "!=",
                "lt" => "<",
                "lte" => "<=",
                "gt" => ">",
                "gte" => ">=",
                "like" => "LIKE",
                "in" => "IN",
                "nin" => "NOT IN",
                other => return Err(undefined(other, "operators")),
            };
            Ok(format!("{name} {sign} {}", literal(value)))
        });
        Ok(parts.collect::<Result<Vec<_>, Problem>>()?.join(" AND "))
    });
    Ok(all.collect::<Result<Vec<_>, Problem>>()?.join(" AND "))
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(list) => format!("({})", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn undefined(field: &str, within: &str) -> Problem {
    let message = format!("Validation error of type FieldUndefined: Field '{field}' in type '{within}' is undefined");
    ("ValidationError", message)
}
