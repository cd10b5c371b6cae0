//! What can be done to one connection, whether a tenant's own or a user's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Problem;
use super::caller::{About, Body};
use super::views::Connection;
use crate::hub::Hub;
use crate::management::links::LinkRequest;
use crate::management::{
    Checked, Field, ImportDocument, Imported, MintedLink, Refusal, Removed, SessionFound, WhenNotRevoked,
};

/// What an import may say. Each field is optional as far as the grant allows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what there is in the description; it is read into an import document")]
pub(super) struct Import {
    /// A session, to be used until it ends.
    access_token: Option<String>,
    /// What new sessions are earned with.
    refresh_token: Option<String>,
    /// When the access token was issued: milliseconds since 1970, as Salesforce writes it.
    issued_at: Option<String>,
    /// Where its exchanges go.
    login_url: Option<String>,
    /// Where its calls go.
    instance_url: Option<String>,
    /// `refresh_token`, `jwt_bearer`, `client_credentials` or `password`.
    grant: Option<String>,
    /// The name at Salesforce of the user whom `jwt_bearer` speaks for.
    username: Option<String>,
    /// The user's password and security token, for the grant `password`.
    password: Option<String>,
    /// Checked, and not used.
    scopes: Option<Vec<String>>,
    /// The app of the configuration, or `own` for the tenant's own; `default` by default.
    app: Option<String>,
}

/// What an import did.
#[derive(Serialize, ToSchema)]
pub(super) struct ImportResult {
    /// `created`, `replaced` or `unchanged`.
    pub(super) result: &'static str,
    /// The connection as it is now.
    pub(super) connection: Connection,
}

/// What a removal did.
#[derive(Serialize, ToSchema)]
pub(super) struct RemoveResult {
    /// `revoked`, `forgotten_only` or `nothing_to_revoke`.
    result: &'static str,
    /// Why it was not revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What a link is to be for.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "says what there is in the description; it is read into a link request")]
pub(super) struct NewLink {
    /// The app that asks; by default the connection's, else the tenant's own, else `default`.
    app: Option<String>,
    /// What is asked for; by default what the app's configuration says.
    scopes: Option<Vec<String>>,
    /// Any address of the org, if it is known where the user logs in.
    login_url: Option<String>,
    /// Where the browser is led at the end; allowed by `hub.return_to`.
    return_to: Option<String>,
    /// For how many seconds it is good, up to a week.
    #[schema(minimum = 1, maximum = 604_800)]
    expires_in: Option<u64>,
}

/// A link that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct Link {
    /// The address to open, once.
    url: String,
    /// Until when it is good: seconds since 1970.
    expires_at: u64,
}

/// What a check found.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckResult {
    /// `alive` or `renewed`.
    session: &'static str,
    /// The connection after the check.
    connection: Connection,
}

/// How a removal is to be done.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HowToRemove {
    /// Forget it even if it cannot be revoked at Salesforce.
    #[serde(default)]
    pub(super) forget_anyway: bool,
}

impl HowToRemove {
    pub(super) fn otherwise(&self) -> WhenNotRevoked {
        if self.forget_anyway { WhenNotRevoked::Forget } else { WhenNotRevoked::Keep }
    }
}

impl From<Removed> for RemoveResult {
    fn from(removed: Removed) -> Self {
        let (result, why) = match removed {
            Removed::Revoked => ("revoked", None),
            Removed::ForgottenOnly(why) => ("forgotten_only", Some(why)),
            Removed::NothingToRevoke => ("nothing_to_revoke", None),
        };
        Self { result, why }
    }
}

impl Hub {
    pub(super) async fn put(&self, about: &About, body: &Body) -> Result<(Imported, ImportResult), Problem> {
        let mut document = ImportDocument::parse(&body.0).map_err(|fault| Refusal::Input(vec![fault]))?;
        if document.tenant.is_some() || document.user.is_some() {
            return Err(Problem::field("tenant", "and user stand in the path, not in the body"));
        }
        document.tenant = Some(Field::from(about.key.tenant().to_owned()));
        document.user = about.key.user().map(|user| Field::from(user.to_owned()));
        let imported = match self.management.require_installation(&about.key).await {
            Ok(()) => self.management.import_document(&document).await,
            Err(refusal) => Err(refusal),
        };
        self.management.record(&about.actor, "connection.imported", &about.key, &imported).await;
        let imported = imported?;
        let connection = self.management.show(&about.key).await?.into();
        Ok((imported, ImportResult { result: imported.as_str(), connection }))
    }

    pub(super) async fn view(&self, about: &About) -> Result<Connection, Problem> {
        Ok(self.management.show(&about.key).await?.into())
    }

    pub(super) async fn remove(&self, about: &About, how: &HowToRemove) -> Result<RemoveResult, Problem> {
        let removed = self.management.remove(&about.key, how.otherwise()).await;
        self.management.record(&about.actor, "connection.removed", &about.key, &removed).await;
        Ok(removed?.into())
    }

    pub(super) async fn mint(&self, about: &About, body: &Body) -> Result<Link, Problem> {
        let request: LinkRequest = if body.0.is_empty() {
            LinkRequest::default()
        } else {
            serde_json::from_slice(&body.0).map_err(|error| Problem::unreadable(format!("The body: {error}.")))?
        };
        let minted = self.management.mint_link(&about.key, &request).await;
        self.management.record(&about.actor, "link.minted", &about.key, &minted).await;
        let MintedLink { url, expires_at } = minted?;
        Ok(Link { url, expires_at })
    }

    pub(super) async fn renew(&self, about: &About) -> Result<Connection, Problem> {
        let refreshed = self.management.refresh(&about.key).await;
        self.management.record(&about.actor, "connection.refreshed", &about.key, &refreshed).await;
        Ok(refreshed?.into())
    }

    pub(super) async fn check_now(&self, about: &About) -> Result<CheckResult, Problem> {
        let checked = self.management.check(&about.key).await;
        self.management.record(&about.actor, "connection.checked", &about.key, &checked).await;
        let Checked { session, connection, .. } = checked?;
        let session = match session {
            SessionFound::Alive => "alive",
            SessionFound::Renewed => "renewed",
        };
        Ok(CheckResult { session, connection: connection.into() })
    }
}
