//! Searches: records with a text in any of their fields, by SOSL or by parameters.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::describe;
use crate::state::objects::{Fields, key_prefix, text};
use crate::stop::Stop;

/// Where to look, and what to show of what is found.
struct Within {
    object: String,
    fields: Vec<String>,
}

/// `FIND {text} [IN group FIELDS] [RETURNING Object[(fields)], ...]`.
pub(super) fn by_sosl(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let sosl = request.parameter("q").unwrap_or_default();
    let malformed = || request.bad_request("MALFORMED_SEARCH", "FIND {text} expected");
    let rest = sosl.trim_start().get(..4).filter(|find| find.eq_ignore_ascii_case("FIND"));
    rest.ok_or_else(malformed)?;
    let (_, rest) = sosl.split_once('{').ok_or_else(malformed)?;
    let (wanted, rest) = rest.split_once('}').ok_or_else(malformed)?;
    let returning = rest.to_ascii_uppercase().find("RETURNING").map(|at| &rest[at + "RETURNING".len()..]);
    let within = returning.map(places).unwrap_or_default();
    find(request, version, &wanted.replace('\\', ""), within)
}

pub(super) fn by_parameters(request: &Admitted<'_>, version: &str) -> Result<Answer, Stop> {
    let list = |text: &str| text.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    if request.method() == Method::POST {
        let asked = Value::Object(request.json()?);
        let names = |fields: &Value| serde_json::from_value::<Vec<String>>(fields.clone()).unwrap_or_default();
        let objects = asked["sobjects"].as_array().into_iter().flatten();
        let within = objects.filter_map(|object| {
            let own = names(&object["fields"]);
            let fields = if own.is_empty() { names(&asked["fields"]) } else { own };
            Some(Within { object: object["name"].as_str()?.to_owned(), fields })
        });
        return find(request, version, asked["q"].as_str().unwrap_or_default(), within.collect());
    }
    request.only(&[Method::GET, Method::POST])?;
    let objects = request.parameter("sobject").map(|objects| list(&objects)).unwrap_or_default();
    let within = objects.into_iter().map(|object| {
        let fields = request.parameter(&format!("{object}.fields")).or_else(|| request.parameter("fields"));
        Within { fields: fields.map(|fields| list(&fields)).unwrap_or_default(), object }
    });
    let within = within.collect();
    find(request, version, &request.parameter("q").unwrap_or_default(), within)
}

/// `Account(Id, Name LIMIT 5), Contact`: conditions within the brackets are not looked at.
fn places(returning: &str) -> Vec<Within> {
    let mut places = Vec::new();
    let mut rest = returning;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        if end == 0 {
            return places;
        }
        let object = rest[..end].to_owned();
        rest = rest[end..].trim_start();
        let mut fields = Vec::new();
        if let Some((inside, after)) = rest.strip_prefix('(').and_then(|inside| inside.split_once(')')) {
            let names = inside.split(',').filter_map(|field| field.split_whitespace().next());
            fields = names.map(str::to_owned).collect();
            rest = after;
        }
        places.push(Within { object, fields });
    }
}

fn find(request: &Admitted<'_>, version: &str, wanted: &str, mut within: Vec<Within>) -> Result<Answer, Stop> {
    let wanted = wanted.trim_matches(['*', '"', ' ']).to_lowercase();
    if wanted.chars().count() < 2 {
        return Err(request.bad_request("MALFORMED_SEARCH", "search term must be longer than one character"));
    }
    if let Some(unknown) = within.iter().find(|place| key_prefix(&place.object).is_none()) {
        let message = format!("sObject type '{}' is not supported.", unknown.object);
        return Err(request.bad_request("INVALID_TYPE", &message));
    }
    let found = request.with_org(|org| {
        if within.is_empty() {
            let all = describe::objects(org).into_iter();
            within = all.map(|object| Within { object, fields: Vec::new() }).collect();
        }
        let has = |record: &Fields| {
            // Ids are not what people search for.
            let mut fields = record.iter().filter(|(name, _)| !name.ends_with("Id"));
            fields.any(|(_, value)| text(value).to_lowercase().contains(&wanted))
        };
        let mut found = Vec::new();
        for Within { object, fields } in &within {
            for record in org.objects.all(object).filter(|record| has(record)) {
                let id = record.get("Id").map(text).unwrap_or_default();
                let url = format!("/services/data/{version}/sobjects/{object}/{id}");
                let shown =
                    |name: &&String| *name == "Id" || fields.iter().any(|field| field.eq_ignore_ascii_case(name));
                let mut row: Fields = record
                    .iter()
                    .filter(|(name, _)| shown(name))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                row.insert("attributes".to_owned(), json!({"type": object, "url": url}));
                found.push(row);
            }
        }
        found
    });
    Ok(Answer::json(StatusCode::OK, &json!({"searchRecords": found})))
}
