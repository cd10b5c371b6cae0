//! What the API shows: the contract with programs, apart from what things are called inside.

use serde::Serialize;
use utoipa::ToSchema;

use crate::management::{ConnectionLine, ConnectionView};

/// A connection as lists show it.
#[derive(Serialize, ToSchema)]
pub(super) struct ConnectionSummary {
    /// The tenant.
    tenant: String,
    /// The tenant's user; left out for the installation connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `pending`, `active`, `checking`, `reauthorize`, `misconfigured` or `disconnected`.
    status: &'static str,
    /// Why it is not active.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// Since when: milliseconds since 1970.
    since: u64,
    /// When a call of its was last accepted: milliseconds since 1970, some minutes late. Left out if none was yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<u64>,
    /// Which token it has; changes with each exchange.
    generation: String,
    /// The app that it belongs to.
    app: String,
    /// How it earns tokens.
    grant: &'static str,
}

/// A connection.
#[derive(Serialize, ToSchema)]
pub(super) struct Connection {
    #[serde(flatten)]
    summary: ConnectionSummary,
    /// What the cause means.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    /// Where its calls go.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_url: Option<String>,
    /// Where its exchanges go.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_url: Option<String>,
    /// The org.
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<String>,
    /// The Salesforce user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// What was granted when it was connected by a link.
    scopes: Vec<String>,
    /// What was asked for then and not granted.
    missing_scopes: Vec<String>,
    /// How long its sessions live, in seconds.
    session_seconds: u64,
    /// What client libraries are given in place of an access token; worth nothing anywhere else.
    local_token: String,
}

impl From<&ConnectionLine> for ConnectionSummary {
    fn from(line: &ConnectionLine) -> Self {
        Self {
            tenant: line.tenant.clone(),
            user: line.user.clone(),
            status: line.status.as_str(),
            cause: line.cause.map(crate::connection::Cause::as_str),
            since: line.since.0,
            last_used: line.used.map(|used| used.0),
            generation: line.generation.clone(),
            app: line.app.clone(),
            grant: line.grant.as_str(),
        }
    }
}

impl From<ConnectionView> for Connection {
    fn from(view: ConnectionView) -> Self {
        Self {
            summary: ConnectionSummary::from(&view.line),
            meaning: view.meaning,
            fix: view.fix,
            instance_url: view.instance_url,
            login_url: view.login_url,
            org_id: view.org_id,
            user_id: view.user_id,
            scopes: view.scopes,
            missing_scopes: view.missing_scopes,
            session_seconds: view.lifetime.seconds,
            local_token: view.local_token,
        }
    }
}
