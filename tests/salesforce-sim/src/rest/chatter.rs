//! Chatter, also called Connect: who users are, and what they post. Posts are records of FeedItem.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Admitted;
use crate::answer::Answer;
use crate::clock::timestamp;
use crate::state::World;
use crate::state::objects::Fields;
use crate::stop::Stop;

const ITEM: &str = "FeedItem";

/// `root` is the path of the resource, as it was called.
pub(super) fn answer(request: &Admitted<'_>, root: &str, below: &[&str]) -> Result<Answer, Stop> {
    match (below, request.method().as_str()) {
        ([], "GET") => {
            let list = json!({"feeds": format!("{root}/feeds"), "users": format!("{root}/users")});
            Ok(Answer::json(StatusCode::OK, &list))
        }
        (["organization"], "GET") => {
            let name = request.with_org(|org| org.options.name.clone());
            Ok(Answer::json(StatusCode::OK, &json!({"orgId": request.org_id, "name": name})))
        }
        (["users"], "GET") => {
            let world = request.call.shared.world();
            let here = world.users.iter().filter(|(_, user)| user.org_id == request.org_id);
            let users: Vec<Value> = here.map(|(id, _)| user(&world, root, id)).collect();
            Ok(Answer::json(StatusCode::OK, &json!({"users": users, "nextPageUrl": null})))
        }
        (["users", id], "GET") => {
            let id = if *id == "me" { request.user.user_id.as_str() } else { id };
            let world = request.call.shared.world();
            let known = world.record(request.org_id, "User", id).ok_or_else(|| request.not_found())?;
            let id = known.get("Id").and_then(Value::as_str).unwrap_or_default();
            Ok(Answer::json(StatusCode::OK, &user(&world, root, id)))
        }
        (["feed-elements"], "POST") => post(request, root),
        (["feeds", .., "feed-elements"], "GET") => feed(request, root, below),
        (["feed-elements", id], "GET") => {
            let world = request.call.shared.world();
            let item = world.record(request.org_id, ITEM, id).ok_or_else(|| request.not_found())?;
            Ok(Answer::json(StatusCode::OK, &element(&world, root, &item)))
        }
        (["feed-elements", id], "DELETE") => {
            let deleted = request.call.shared.world().delete_record(request.org_id, id);
            deleted.map(|()| Answer::empty(StatusCode::NO_CONTENT)).map_err(|error| request.refused(&error))
        }
        _ => {
            request.only(&[Method::GET, Method::POST, Method::DELETE])?;
            Err(request.not_found())
        }
    }
}

fn post(request: &Admitted<'_>, root: &str) -> Result<Answer, Stop> {
    let asked = Value::Object(request.json()?);
    let segments = asked["body"]["messageSegments"].as_array().into_iter().flatten();
    let text: String = segments.filter_map(|segment| segment["text"].as_str()).collect();
    let text = if text.is_empty() { request.parameter("text").unwrap_or_default().into_owned() } else { text };
    if text.is_empty() {
        return Err(request.bad_request("POST_BODY_PARSE_ERROR", "Need a body with message segments"));
    }
    let parent = asked["subjectId"].as_str().map(str::to_owned);
    let parent = parent.or_else(|| request.parameter("subjectId").map(std::borrow::Cow::into_owned));
    let parent = parent.filter(|parent| parent != "me").unwrap_or_else(|| request.user.user_id.clone());
    let mut fields = Fields::new();
    fields.insert("Body".to_owned(), text.into());
    fields.insert("ParentId".to_owned(), parent.into());
    fields.insert("CreatedDate".to_owned(), timestamp(request.call.shared.now()).into());
    let mut world = request.call.shared.world();
    let id = world.create_record(&request.user, ITEM, fields).map_err(|error| request.refused(&error))?;
    let item = world.record(request.org_id, ITEM, &id).unwrap_or_default();
    Ok(Answer::json(StatusCode::CREATED, &element(&world, root, &item)))
}

/// A feed has all posts, or those about the user or record whose feed it is.
fn feed(request: &Admitted<'_>, root: &str, below: &[&str]) -> Result<Answer, Stop> {
    let about = match below {
        ["feeds", "record" | "user-profile", id, ..] if *id != "me" => Some(*id),
        ["feeds", "user-profile", ..] => Some(request.user.user_id.as_str()),
        _ => None,
    };
    let world = request.call.shared.world();
    let items = world.org(request.org_id).objects.all(ITEM);
    let items = items.filter(|item| about.is_none_or(|id| item.get("ParentId").and_then(Value::as_str) == Some(id)));
    let elements: Vec<Value> = items.map(|item| element(&world, root, item)).collect();
    let page = json!({"elements": elements, "currentPageUrl": request.path(), "nextPageUrl": null});
    Ok(Answer::json(StatusCode::OK, &page))
}

/// Null for one whom the simulator does not know.
fn user(world: &World, root: &str, id: &str) -> Value {
    let Some(user) = world.users.get(id) else {
        return Value::Null;
    };
    json!({
        "id": id,
        "name": user.username,
        "username": user.username,
        "email": user.username,
        "displayName": user.username,
        "isActive": user.active,
        "type": "User",
        "userType": "Internal",
        "url": format!("{root}/users/{id}"),
        "photo": {"photoVersionId": null, "url": format!("{root}/users/{id}/photo")},
    })
}

fn element(world: &World, root: &str, item: &Fields) -> Value {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let segment = json!({"type": "Text", "text": text("Body")});
    json!({
        "id": text("Id"),
        "actor": user(world, root, text("OwnerId")),
        "body": {"isRichText": false, "text": text("Body"), "messageSegments": [segment]},
        "createdDate": text("CreatedDate"),
        "feedElementType": ITEM,
        "parent": {"id": text("ParentId"), "url": format!("{root}/records/{}", text("ParentId"))},
        "type": "TextPost",
        "url": format!("{root}/feed-elements/{}", text("Id")),
    })
}
