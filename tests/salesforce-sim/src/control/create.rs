//! The control calls that make something: apps, orgs, users, approvals, records, faults.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, known_org, missing, org_shown, parsed};
use crate::faults::{Effect, Fault};
use crate::state::Shared;
use crate::state::apps::AppOptions;
use crate::state::objects::{Fields, key_prefix};
use crate::state::orgs::OrgOptions;

#[derive(Deserialize)]
struct NewUser {
    org_id: String,
    username: String,
}

#[derive(Deserialize)]
struct Approval {
    client_id: String,
    user_id: String,
}

#[derive(Deserialize)]
struct NewRecords {
    org_id: String,
    object: String,
    records: Vec<Fields>,
}

#[derive(Deserialize)]
struct NewFault {
    /// A path prefix; without it the token endpoint.
    path: Option<String>,
    org_id: Option<String>,
    times: Option<u64>,
    effect: Effect,
}

/// The calls that make something; `None` for another name.
pub(super) fn create(shared: &Shared, name: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    Some(match name {
        "apps" => parsed(body).map(|options: AppOptions| json!(shared.world().create_app(options))),
        "orgs" => parsed(body).map(|options: OrgOptions| {
            let org_id = shared.create_org(options);
            org_shown(&shared.world(), &org_id)
        }),
        "users" => parsed(body).and_then(|new: NewUser| {
            let mut world = shared.world();
            known_org(&world, &new.org_id)?;
            Ok(json!(world.create_user(&new.org_id, &new.username)))
        }),
        "authorize" => parsed(body).and_then(|approval: Approval| {
            {
                let world = shared.world();
                let app = world.apps.contains_key(&approval.client_id);
                let user = world.users.contains_key(&approval.user_id);
                if !(app && user) {
                    return Err(missing("app or user"));
                }
            }
            Ok(json!(shared.authorize(&approval.client_id, &approval.user_id)))
        }),
        "records" => parsed(body).and_then(|new: NewRecords| {
            let mut world = shared.world();
            known_org(&world, &new.org_id)?;
            let prefix = key_prefix(&new.object).ok_or_else(|| missing("object"))?;
            let mut ids = Vec::new();
            for fields in new.records {
                let id = world.ids.next(prefix);
                let objects = &mut world.org_mut(&new.org_id).objects;
                objects.insert(&new.object, &id, fields);
                ids.push(id);
            }
            Ok(json!({ "ids": ids }))
        }),
        "faults" => parsed(body).map(|new: NewFault| {
            let mut fault = match new.path {
                Some(prefix) => Fault::on_path(prefix, new.effect),
                None => Fault::on_token_endpoint(new.effect),
            };
            if let Some(org_id) = new.org_id {
                fault = fault.at_org(org_id);
            }
            let number = shared.faults.add_numbered(fault.times(new.times.unwrap_or(1)));
            json!({ "fault": number })
        }),
        _ => return None,
    })
}
