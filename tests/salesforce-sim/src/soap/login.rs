//! `login`: a session for a user name and a password with the security token after it.

use serde_json::json;

use super::dialect::Dialect;
use super::fault::Fault;
use super::people::user_info;
use super::{Outcome, ROOT};
use crate::call::Call;
use crate::state::logins::LoginRefused;
use crate::xml::{self, Element};

pub(super) fn log_in(call: &Call, dialect: Dialect, version: &str, asked: &Element) -> Outcome {
    let username = asked.text_of("username").unwrap_or_default();
    let password = asked.child("password").map(|password| password.text.as_str()).unwrap_or_default();
    let now = call.shared.now();
    let mut world = call.shared.world();
    let opened = world.log_in_by_soap(now, &call.site, username, password);
    let (session_id, user_id) = opened.map_err(|refused| match refused {
        LoginRefused::Credentials => {
            let message = "Invalid username, password, security token; or user locked out.";
            Fault::new("INVALID_LOGIN", message).of_type("LoginFault")
        }
        LoginRefused::MyDomainOnly => {
            let message = "Your organization requires logging in at its own My Domain";
            Fault::new("INVALID_OPERATION", message).of_type("LoginFault")
        }
    })?;
    let org_id = &world.users[&user_id].org_id;
    let org = world.org(org_id);
    let at = |letter: &str| format!("{}{ROOT}{letter}/{version}/{}", org.instance_url, &org_id[..15]);
    let result = json!({
        "metadataServerUrl": at(Dialect::Metadata.letter()),
        "passwordExpired": false,
        "sandbox": org.options.kind == crate::OrgKind::Sandbox,
        "serverUrl": at(dialect.letter()),
        "sessionId": session_id,
        "userId": user_id,
        "userInfo": user_info(&world, &user_id),
    });
    Ok(xml::element("result", &result))
}
