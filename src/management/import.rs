//! Import: an authorization that somebody else obtained becomes a connection. Nothing is written before everything has
//! been checked, and no refresh token gets a second holder: two would spend it for each other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Field, ImportDocument, ImportRequest, Management, Refusal};
use crate::connection::{ConnectionKey, Generation};
use crate::oauth::{App, OWN_APP};
use crate::salesforce::identity::Id;
use crate::secret::Secret;
use crate::store::{Fingerprint, GrantKind, Head, NewRecord, Put, PutWhen, Record};
use crate::token::{GrantSecret, SessionSecret};

/// What came of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Imported {
    /// There was no such connection; there is one now.
    Created,
    /// A connection that was not in use has the new authorization.
    Replaced,
    /// The same was there already, or what became of it by exchanges.
    Unchanged,
}

impl Imported {
    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Management {
    /// Checks a document and imports it.
    pub async fn import_document(&self, document: &ImportDocument) -> Result<Imported, Refusal> {
        let own = self.own_app_of(document).await?;
        let apps = own.map_or_else(|| self.apps.clone(), |own| self.apps.with(own));
        let (key, request) = ImportRequest::check(document, &apps, &self.trusted_hosts).map_err(Refusal::Input)?;
        self.import(&key, &request).await
    }

    /// The app that the tenant brought, if the document names it.
    async fn own_app_of(&self, document: &ImportDocument) -> Result<Option<Arc<App>>, Refusal> {
        let (Some(Field::Text(tenant)), Some(Field::Text(app))) = (&document.tenant, &document.app) else {
            return Ok(None);
        };
        match ConnectionKey::parse(tenant.expose(), None) {
            Ok(key) if app.expose() == OWN_APP => self.app_of(&key, OWN_APP).await,
            _ => Ok(None),
        }
    }

    /// Imports an authorization as this connection. Safe to repeat.
    pub async fn import(&self, key: &ConnectionKey, request: &ImportRequest) -> Result<Imported, Refusal> {
        if !self.vault.has_grant_keys() {
            return Err(Refusal::NoGrantKeys);
        }
        // Two imports of one refresh token must not both find it free, in whichever process they run.
        let token = request.refresh_token.as_ref().map(|token| token_key(&Fingerprint::of(token)));
        let token = match &token {
            Some(token) => Some(self.take_lease(token).await?),
            None => None,
        };
        let imported = match self.take_lease(key).await {
            Ok(lease) => {
                let imported = self.import_under_lease(key, request).await;
                self.give_back(lease).await;
                imported
            }
            Err(refusal) => Err(refusal),
        };
        if let Some(token) = token {
            self.give_back(token).await;
        }
        imported
    }

    async fn import_under_lease(&self, key: &ConnectionKey, request: &ImportRequest) -> Result<Imported, Refusal> {
        let fingerprint = request.refresh_token.as_ref().map(Fingerprint::of);
        let mut spent = Vec::new();
        let when = match self.store.read_record(key).await? {
            None => PutWhen::Absent,
            Some(record) => {
                let grant = self.open_grant(key, &record)?;
                if self.is_same(key, &record, &grant, request, fingerprint.as_ref())? {
                    return Ok(Imported::Unchanged);
                }
                spent = grant.spent;
                PutWhen::At(record.head.generation)
            }
        };
        if let Some(fingerprint) = &fingerprint {
            self.refuse_if_held(key, fingerprint).await?;
        }
        let record = self.new_record(key, request, fingerprint, spent)?;
        match (self.store.put(key, &record, when).await?, when) {
            (Put::Stored, PutWhen::Absent) => Ok(Imported::Created),
            (Put::Stored, PutWhen::At(_)) => Ok(Imported::Replaced),
            (Put::Conflict(_), _) => Err(Refusal::Busy),
        }
    }

    /// Whether the connection has this authorization already. Refuses what must not be written over it.
    fn is_same(
        &self,
        key: &ConnectionKey,
        record: &Record,
        grant: &GrantSecret,
        request: &ImportRequest,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<bool, Refusal> {
        let head = &record.head;
        let replaceable = Self::may_be_replaced(head.status);
        let was_spent = fingerprint.is_some_and(|wanted| grant.spent.contains(wanted));
        let same_token = match fingerprint {
            Some(_) => was_spent || head.fingerprint.as_ref() == fingerprint,
            // What these earn with is the app's own; an access token given besides is long replaced.
            None if request.grant != GrantKind::AccessToken => {
                head.grant == request.grant
                    && grant.username == request.username
                    && grant.password.as_ref().map(Secret::expose) == request.password.as_ref().map(Secret::expose)
            }
            None => head.grant == GrantKind::AccessToken && self.has_session(key, record, request),
        };
        let same_app = head.app == request.app && grant.login_url == request.login_url.to_string();
        match (same_token && same_app, replaceable) {
            (true, false) => Ok(true),
            (_, true) if was_spent => Err(Refusal::TokenSpent),
            (_, true) => Ok(false),
            (false, false) => Err(Refusal::Conflict(head.status)),
        }
    }

    fn has_session(&self, key: &ConnectionKey, record: &Record, request: &ImportRequest) -> bool {
        let session = record.session.as_ref();
        let session =
            session.and_then(|sealed| SessionSecret::open(&self.vault, key, sealed, record.head.generation).ok());
        let (Some(session), Some(token)) = (session, &request.access_token) else { return false };
        let same_host = request.instance_url.as_ref().is_some_and(|url| url.to_string() == session.instance_url);
        same_host && session.access_token.expose() == token.expose()
    }

    /// The index is a hint; the record of the connection that it names decides.
    async fn refuse_if_held(&self, key: &ConnectionKey, fingerprint: &Fingerprint) -> Result<(), Refusal> {
        let Some(other) = self.store.holder(fingerprint).await?.filter(|other| other != key) else { return Ok(()) };
        let Some(record) = self.store.read_record(&other).await? else { return Ok(()) };
        if record.head.fingerprint.as_ref() == Some(fingerprint) {
            return Err(Refusal::TokenHeld(other.to_string()));
        }
        if self.open_grant(&other, &record)?.spent.contains(fingerprint) {
            return Err(Refusal::TokenSpent);
        }
        Ok(())
    }

    pub(super) fn open_grant(&self, key: &ConnectionKey, record: &Record) -> Result<GrantSecret, Refusal> {
        GrantSecret::open(&self.vault, key, &record.grant, record.head.generation).map_err(|error| Refusal::Record {
            message: format!(
                "the stored grant of {key} {error}; give the key file that it was sealed with, or forget the \
                 connection with: orgpass connection remove --forget-anyway"
            ),
        })
    }

    fn new_record(
        &self,
        key: &ConnectionKey,
        request: &ImportRequest,
        fingerprint: Option<Fingerprint>,
        spent: Vec<Fingerprint>,
    ) -> Result<NewRecord, Refusal> {
        let generation = Generation::first();
        let org_id = request.access_token.as_ref().and_then(|token| org_of(token.expose()));
        let grant = GrantSecret {
            generation,
            refresh_token: request.refresh_token.clone(),
            username: request.username.clone(),
            password: request.password.clone(),
            login_url: request.login_url.to_string(),
            org_id: org_id.clone(),
            user_id: None,
            spent,
            asked: None,
            granted: None,
        };
        let session = match (&request.access_token, &request.instance_url) {
            (Some(access_token), Some(instance_url)) => Some(SessionSecret {
                generation,
                access_token: access_token.clone(),
                instance_url: instance_url.to_string(),
                org_id,
                user_id: None,
                issued_at: request.issued_at,
                life: None,
            }),
            _ => None,
        };
        let no_keys = |_| Refusal::NoGrantKeys;
        Ok(NewRecord {
            head: Head::new(generation, &request.app, request.grant, fingerprint),
            session: session.map(|session| session.seal(&self.vault, key)).transpose().map_err(no_keys)?,
            grant: grant.seal(&self.vault, key).map_err(no_keys)?,
        })
    }
}

/// What the lease of a refresh token is taken on. No connection has this name, or if one has, nothing but time is lost.
fn token_key(fingerprint: &Fingerprint) -> ConnectionKey {
    ConnectionKey::parse("orgpass:import", Some(fingerprint.as_str())).expect("fingerprints are short hex")
}

/// The org's id in front of an opaque access token, `00Dxx0000001gPL!AQ...`: known early, it pins the first exchange.
fn org_of(access_token: &str) -> Option<String> {
    let (org, _) = access_token.split_once('!')?;
    let org = Id::parse(org).ok()?;
    org.as_str().starts_with("00D").then(|| org.to_string())
}
