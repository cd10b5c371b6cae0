//! The control calls that change something: the clock, sessions, policies, places, faults.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, known_org, known_user, missing, org_shown, parsed};
use crate::clock::seconds;
use crate::dead_session::ApiFamily;
use crate::faults::ActiveFault;
use crate::state::Shared;
use crate::state::asks::ScriptedRefusal;
use crate::state::orgs::{OldInstance, Restriction};

#[derive(Deserialize)]
struct Advance {
    #[serde(deserialize_with = "seconds")]
    seconds: std::time::Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expire {
    OrgId(String),
    AccessToken(String),
    DataCloudTokensOf(String),
}

#[derive(Deserialize)]
struct RefreshToken {
    refresh_token: String,
}

#[derive(Deserialize)]
struct UserId {
    user_id: String,
}

#[derive(Deserialize)]
struct AppAndUser {
    client_id: String,
    user_id: String,
}

#[derive(Deserialize)]
struct Restrict {
    org_id: String,
    /// All families if absent.
    family: Option<ApiFamily>,
    #[serde(default)]
    lift: bool,
}

#[derive(Deserialize)]
struct Policy {
    org_id: String,
    required: bool,
}

#[derive(Deserialize)]
struct RefuseAuthorize {
    client_id: Option<String>,
    org_id: Option<String>,
    error: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct Move {
    org_id: String,
    #[serde(default)]
    old_instance: OldInstance,
}

#[derive(Deserialize)]
struct Number {
    fault: usize,
}

#[derive(Deserialize)]
struct Keep {
    requests: usize,
}

#[derive(Deserialize)]
struct Chunks {
    chunks: usize,
}

/// The calls that change something; `None` for another name.
pub(super) fn change(shared: &Shared, name: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    let changed = match name {
        "advance" => parsed(body).map(|by: Advance| shared.clock.advance(by.seconds)),
        "expire" => parsed(body).map(|what| match what {
            Expire::OrgId(org_id) => shared.world().end_sessions_of_org(&org_id),
            Expire::AccessToken(token) => drop(shared.world().end_session(&token)),
            Expire::DataCloudTokensOf(org_id) => shared.world().end_data_cloud_tokens(&org_id),
        }),
        "revoke" => parsed(body).and_then(|grant: RefreshToken| {
            let mut world = shared.world();
            let alive = world.revoke_refresh_token(&grant.refresh_token);
            alive.then_some(()).ok_or_else(|| missing("living grant"))
        }),
        "deactivate" => parsed(body).map(|user: UserId| shared.world().deactivate(&user.user_id)),
        "pre-approve" => parsed(body).and_then(|of: AppAndUser| {
            let mut world = shared.world();
            known_user(&world, &of.user_id)?;
            world.pre_approve(&of.client_id, &of.user_id);
            Ok(())
        }),
        "run-as" => parsed(body).and_then(|of: AppAndUser| {
            let mut world = shared.world();
            known_user(&world, &of.user_id)?;
            world.run_as(&of.client_id, &of.user_id);
            Ok(())
        }),
        "restrict-ip" => parsed(body).and_then(|restrict: Restrict| {
            let mut world = shared.world();
            known_org(&world, &restrict.org_id)?;
            world.org_mut(&restrict.org_id).ip_restriction = match restrict.family {
                _ if restrict.lift => Restriction::None,
                None => Restriction::All,
                Some(family) => Restriction::Only(family),
            };
            Ok(())
        }),
        "high-assurance" => parsed(body).and_then(|policy: Policy| {
            let mut world = shared.world();
            known_org(&world, &policy.org_id)?;
            world.org_mut(&policy.org_id).high_assurance = policy.required;
            Ok(())
        }),
        "my-domain-only" => parsed(body).and_then(|policy: Policy| {
            let mut world = shared.world();
            known_org(&world, &policy.org_id)?;
            world.org_mut(&policy.org_id).my_domain_only = policy.required;
            Ok(())
        }),
        "refuse-authorize" => parsed(body).map(|refused: RefuseAuthorize| {
            let RefuseAuthorize { client_id, org_id, error, description } = refused;
            shared.world().refusals.push(ScriptedRefusal { client_id, org_id, error, description });
        }),
        "move" => return Some(parsed(body).and_then(|moved: Move| move_org(shared, &moved))),
        "faults/release" => with_fault(shared, body, |fault| fault.release()),
        "faults/end" => with_fault(shared, body, |fault| fault.end()),
        "keep" => parsed(body).map(|keep: Keep| shared.record.keep(keep.requests)),
        "trickle" => parsed(body).map(|some: Chunks| shared.trickle.add_permits(some.chunks)),
        _ => return None,
    };
    Some(changed.map(|()| json!({})))
}

fn with_fault(shared: &Shared, body: &[u8], act: impl FnOnce(&ActiveFault)) -> Result<(), Refusal> {
    let number: Number = parsed(body)?;
    let fault = shared.faults.by_number(number.fault);
    act(&fault.ok_or_else(|| missing("fault"))?);
    Ok(())
}

fn move_org(shared: &Shared, moved: &Move) -> Result<Value, Refusal> {
    known_org(&shared.world(), &moved.org_id)?;
    shared.move_org(&moved.org_id, moved.old_instance);
    Ok(org_shown(&shared.world(), &moved.org_id))
}
