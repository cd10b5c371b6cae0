//! The identity URL and userinfo: who the token's user is. Their refusals are plain text with 403.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Answer, PLAIN};
use crate::call::{Call, Presented};
use crate::dead_session::ApiFamily;
use crate::ids;
use crate::state::World;
use crate::state::sessions::{Admission, Identity};

pub(crate) fn answer(call: &Call) -> Answer {
    let token = match (call.bearer(), call.parameter("oauth_token")) {
        (Presented::Token(token), _) => token,
        (Presented::Malformed, _) => return plain(StatusCode::FORBIDDEN, "Bad_OAuth_Token"),
        (Presented::Nothing, Some(token)) => token.into_owned(),
        (Presented::Nothing, None) => {
            return plain(StatusCode::FORBIDDEN, "Missing_OAuth_Token");
        }
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    match world.admit(now, call.org_id(), ApiFamily::Identity, &token) {
        Admission::Live(identity) => document(call, &world, &identity),
        Admission::Foreign => {
            call.entry.foreign_token();
            plain(StatusCode::FORBIDDEN, "Wrong_Org").dead()
        }
        Admission::Dead | Admission::NotForRest => ApiFamily::Identity.dead_session(call.headers()),
    }
}

fn document(call: &Call, world: &World, asking: &Identity) -> Answer {
    let Some(asked) = call.path().strip_prefix("/id/") else {
        return Answer::json(StatusCode::OK, &userinfo(world, asking));
    };
    let mut parts = asked.split('/');
    let (Some(org_id), Some(user_id), None) = (parts.next(), parts.next(), parts.next()) else {
        return plain(StatusCode::NOT_FOUND, "Bad_Id");
    };
    if !ids::same(org_id, &asking.org_id) {
        return plain(StatusCode::FORBIDDEN, "Wrong_Org");
    }
    let user = world.users.iter().find(|(known, user)| ids::same(known, user_id) && user.org_id == asking.org_id);
    match user {
        None => plain(StatusCode::NOT_FOUND, "Bad_Id"),
        Some((user_id, _)) => {
            let version = call.parameter("version");
            let body = identity(world, user_id, version.as_deref());
            Answer::json(StatusCode::OK, &body)
        }
    }
}

fn identity(world: &World, user_id: &str, version: Option<&str>) -> Value {
    let user = &world.users[user_id];
    let org = world.org(&user.org_id);
    let version = match version {
        Some("latest") => crate::rest::LATEST,
        Some(version) => version,
        None => "{version}",
    };
    let base = &org.instance_url;
    let rest = format!("{base}/services/data/v{version}");
    json!({
        "id": world.identity_url(user_id),
        "asserted_user": true,
        "user_id": user_id,
        "organization_id": user.org_id,
        "username": user.username,
        "nick_name": user.username,
        "display_name": user.username,
        "email": user.username,
        "email_verified": true,
        "first_name": null,
        "last_name": user.username,
        "photos": {
            "picture": format!("{base}/profilephoto/005/F"),
            "thumbnail": format!("{base}/profilephoto/005/T"),
        },
        "urls": {
            "enterprise": format!("{base}/services/Soap/c/{version}/{}", user.org_id),
            "metadata": format!("{base}/services/Soap/m/{version}/{}", user.org_id),
            "partner": format!("{base}/services/Soap/u/{version}/{}", user.org_id),
            "rest": format!("{rest}/"),
            "sobjects": format!("{rest}/sobjects/"),
            "search": format!("{rest}/search/"),
            "query": format!("{rest}/query/"),
            "recent": format!("{rest}/recent/"),
            "profile": format!("{base}/{user_id}"),
            "custom_domain": format!("https://{}", org.my_domain()),
        },
        "active": user.active,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "last_modified_date": "2026-01-01T00:00:00Z",
        "is_app_installed": true,
    })
}

fn userinfo(world: &World, asking: &Identity) -> Value {
    let user = &world.users[&asking.user_id];
    let base = &world.org(&asking.org_id).instance_url;
    json!({
        "sub": world.identity_url(&asking.user_id),
        "user_id": asking.user_id,
        "organization_id": asking.org_id,
        "preferred_username": user.username,
        "nickname": user.username,
        "name": user.username,
        "email": user.username,
        "email_verified": true,
        "zoneinfo": "Etc/UTC",
        "profile": format!("{base}/{}", asking.user_id),
        "picture": format!("{base}/profilephoto/005/F"),
        "urls": {
            "rest": format!("{base}/services/data/v{{version}}/"),
            "query": format!("{base}/services/data/v{{version}}/query/"),
        },
        "active": user.active,
        "user_type": "STANDARD",
        "is_salesforce_integration_user": false,
        "is_app_installed": true,
        "updated_at": "2026-01-01T00:00:00Z",
    })
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    Answer::new(status, PLAIN, text)
}
