//! The identity URL and userinfo: who the token's user is. Their refusals are plain text with 403.

use http::StatusCode;
use serde_json::{Value, json};

use crate::answer::{Answer, PLAIN};
use crate::call::{Call, Presented};
use crate::dead_session::ApiFamily;
use crate::ids;
use crate::state::World;
use crate::state::orgs::OrgRecord;
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
        "timezone": "Etc/UTC",
        "photos": photos(org),
        "addr_street": null,
        "addr_city": null,
        "addr_state": null,
        "addr_country": "US",
        "addr_zip": null,
        "mobile_phone": null,
        "mobile_phone_verified": false,
        "is_lightning_login_user": false,
        "status": {"created_date": null, "body": null},
        "urls": urls(org, &user.org_id, user_id, version),
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
    let org = world.org(&asking.org_id);
    let base = &org.instance_url;
    json!({
        "sub": world.identity_url(&asking.user_id),
        "user_id": asking.user_id,
        "organization_id": asking.org_id,
        "preferred_username": user.username,
        "nickname": user.username,
        "name": user.username,
        "email": user.username,
        "email_verified": true,
        "given_name": null,
        "family_name": user.username,
        "zoneinfo": "Etc/UTC",
        "photos": photos(org),
        "profile": format!("{base}/{}", asking.user_id),
        "picture": format!("{base}/profilephoto/005/F"),
        "address": {"country": "US"},
        "urls": urls(org, &asking.org_id, &asking.user_id, "{version}"),
        "active": user.active,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "is_salesforce_integration_user": false,
        "is_app_installed": true,
        "updated_at": "2026-01-01T00:00:00Z",
    })
}

fn photos(org: &OrgRecord) -> Value {
    let base = &org.instance_url;
    json!({"picture": format!("{base}/profilephoto/005/F"), "thumbnail": format!("{base}/profilephoto/005/T")})
}

/// Where the APIs are, all of them absolute.
fn urls(org: &OrgRecord, org_id: &str, user_id: &str, version: &str) -> Value {
    let base = &org.instance_url;
    let rest = format!("{base}/services/data/v{version}");
    let soap = |letter: &str| format!("{base}/services/Soap/{letter}/{version}/{}", &org_id[..15]);
    json!({
        "custom_domain": format!("https://{}", org.my_domain()),
        "enterprise": soap("c"),
        "feed_elements": format!("{rest}/chatter/feed-elements"),
        "feed_items": format!("{rest}/chatter/feed-items"),
        "feeds": format!("{rest}/chatter/feeds"),
        "groups": format!("{rest}/chatter/groups"),
        "metadata": soap("m"),
        "partner": soap("u"),
        "profile": format!("{base}/{user_id}"),
        "query": format!("{rest}/query/"),
        "recent": format!("{rest}/recent/"),
        "rest": format!("{rest}/"),
        "search": format!("{rest}/search/"),
        "sobjects": format!("{rest}/sobjects/"),
        "tooling_rest": format!("{rest}/tooling/"),
        "tooling_soap": soap("T"),
        "users": format!("{rest}/chatter/users"),
    })
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    Answer::new(status, PLAIN, text)
}
