//! What operators see of a connection: everything but its tokens.

use serde::{Deserialize, Serialize};

use crate::connection::{Cause, ConnectionKey, LocalToken, Status, UNKNOWN_ORG};
use crate::oauth::Apps;
use crate::salesforce::scopes::Scopes;
use crate::store::{GrantKind, Head, Page, Record, StoreTime};
use crate::token::{GrantSecret, Life, LifeSource, SessionSecret, stored_life};
use crate::vault::Vault;

/// One connection of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLine {
    /// The tenant's name.
    pub tenant: String,
    /// The user's name; `None` for the installation connection.
    pub user: Option<String>,
    /// Its state.
    pub status: Status,
    /// Why it is not active.
    pub cause: Option<Cause>,
    /// Since when, by the store's clock: milliseconds since 1970.
    pub since: StoreTime,
    /// When its present generation was stored, by the store's clock: milliseconds since 1970.
    pub stored: StoreTime,
    /// When a call of its was last accepted, by the store's clock: milliseconds since 1970. Every process notes it now and
    /// then; `None` if none has yet.
    #[serde(default)]
    pub used: Option<StoreTime>,
    /// Its generation: epoch and number.
    pub generation: String,
    /// Its app.
    pub app: String,
    /// How it earns tokens.
    pub grant: GrantKind,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Connections, in the order of their encoded names.
    pub connections: Vec<ConnectionLine>,
    /// Connections whose record cannot be read.
    pub corrupt: Vec<Name>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

impl Listing {
    /// The last connection of the page.
    pub fn last(&self) -> Option<ConnectionKey> {
        let key = |tenant: &str, user: Option<&str>| ConnectionKey::parse(tenant, user).ok();
        let read = self.connections.last().and_then(|line| key(&line.tenant, line.user.as_deref()));
        let corrupt = self.corrupt.last().and_then(|name| key(&name.tenant, name.user.as_deref()));
        read.into_iter().chain(corrupt).max_by_key(ConnectionKey::encode)
    }
}

/// Names a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The tenant's name.
    pub tenant: String,
    /// The user's name, if it is a user connection.
    pub user: Option<String>,
}

/// How long a connection's sessions live, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetime {
    /// Where it is known from.
    pub source: LifeSource,
    /// The whole life, in seconds: from the last use on, or, known from the token or by introspection, from the start.
    pub seconds: u64,
}

impl From<Life> for Lifetime {
    fn from(life: Life) -> Self {
        Self { source: life.source, seconds: life.length.as_secs() }
    }
}

/// One connection in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// What a listing shows.
    #[serde(flatten)]
    pub line: ConnectionLine,
    /// What the cause means.
    pub meaning: Option<String>,
    /// What to do about it.
    pub fix: Option<String>,
    /// Where its calls go.
    pub instance_url: Option<String>,
    /// Where its exchanges go.
    pub login_url: Option<String>,
    /// The org's id, once known.
    pub org_id: Option<String>,
    /// The Salesforce user's id, once known.
    pub user_id: Option<String>,
    /// When Salesforce issued the session: milliseconds since 1970.
    pub issued_at: Option<u64>,
    /// How long its sessions live.
    pub lifetime: Lifetime,
    /// What was granted when the org was connected, if it was connected by a link or a flow.
    pub scopes: Vec<String>,
    /// What was asked for then and not granted.
    pub missing_scopes: Vec<String>,
    /// Whether an exchange has begun and its outcome is not known.
    pub exchange_open: bool,
    /// What client libraries are given in place of an access token; worth nothing anywhere else.
    pub local_token: String,
    /// Why the sealed parts cannot be shown, if they cannot.
    pub unreadable: Option<String>,
}

impl ConnectionLine {
    fn of(key: &ConnectionKey, head: &Head) -> Self {
        Self {
            tenant: key.tenant().to_owned(),
            user: key.user().map(str::to_owned),
            status: head.status,
            cause: head.cause,
            since: head.since,
            stored: head.stored,
            used: None,
            generation: head.generation.to_string(),
            app: head.app.clone(),
            grant: head.grant,
        }
    }
}

impl ConnectionView {
    pub(super) fn of(key: &ConnectionKey, record: &Record, vault: &Vault, apps: &Apps) -> Self {
        let head = &record.head;
        let session = record.session.as_ref().map(|sealed| SessionSecret::open(vault, key, sealed, head.generation));
        // A process without grant keys has nothing to say about the grant, which is as it should be.
        let grant = vault.has_grant_keys().then(|| GrantSecret::open(vault, key, &record.grant, head.generation));
        let failed = [
            session.as_ref().and_then(|opened| opened.as_ref().err()).map(|error| format!("the session {error}")),
            grant.as_ref().and_then(|opened| opened.as_ref().err()).map(|error| format!("the grant {error}")),
        ];
        let unreadable: Vec<_> = failed.into_iter().flatten().collect();
        let (session, grant) = (session.and_then(Result::ok), grant.and_then(Result::ok));
        let of_session = session.as_ref();
        let org_id = of_session.and_then(|session| session.org_id.clone());
        let org_id = org_id.or_else(|| grant.as_ref().and_then(|grant| grant.org_id.clone()));
        let scopes = |text: Option<&String>| text.and_then(|text| Scopes::parse(text).ok()).unwrap_or_default();
        let granted = scopes(grant.as_ref().and_then(|grant| grant.granted.as_ref()));
        let asked = scopes(grant.as_ref().and_then(|grant| grant.asked.as_ref()));
        let session_time = apps.get(&head.app).and_then(|app| app.session_time);
        let user_id = of_session.and_then(|session| session.user_id.clone());
        Self {
            line: ConnectionLine::of(key, head),
            meaning: head.cause.map(|cause| cause.meaning().to_owned()),
            fix: head.cause.map(|cause| cause.fix().to_owned()),
            instance_url: of_session.map(|session| session.instance_url.clone()),
            login_url: grant.as_ref().map(|grant| grant.login_url.clone()),
            user_id: user_id.or_else(|| grant.as_ref().and_then(|grant| grant.user_id.clone())),
            issued_at: of_session.and_then(|session| session.issued_at),
            lifetime: stored_life(of_session, head.idle, session_time).into(),
            scopes: granted.iter().map(str::to_owned).collect(),
            missing_scopes: if granted.is_empty() { Vec::new() } else { asked.missing(&granted) },
            exchange_open: record.intent.is_some(),
            local_token: LocalToken::format(org_id.as_deref().unwrap_or(UNKNOWN_ORG), key),
            org_id,
            unreadable: (!unreadable.is_empty()).then(|| unreadable.join("; ")),
        }
    }
}

impl Name {
    pub(super) fn of(key: &ConnectionKey) -> Self {
        Self { tenant: key.tenant().to_owned(), user: key.user().map(str::to_owned) }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.user {
            None => write!(f, "tenant {}", self.tenant),
            Some(user) => write!(f, "tenant {} user {user}", self.tenant),
        }
    }
}

impl From<Page> for Listing {
    fn from(page: Page) -> Self {
        Self {
            connections: page.connections.iter().map(|(key, head)| ConnectionLine::of(key, head)).collect(),
            corrupt: page.corrupt.iter().map(Name::of).collect(),
            next: page.next,
        }
    }
}
