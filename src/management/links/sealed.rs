//! A link as the store keeps it: in the clear for which connection, sealed everything else, under the grant keys and with its
//! own name inside, so that no link can be put in another's place.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::LinkId;
use super::link::{Answered, Ending, Flow, Link, Stage};
use crate::connection::{Cause, ConnectionKey};
use crate::oauth::{CodeVerifier, TokenResponse};
use crate::salesforce::hosts::{LoginUrl, TrustedHosts};
use crate::salesforce::identity::Identity;
use crate::salesforce::scopes::Scopes;
use crate::secret::Secret;
use crate::store::DocumentName;
use crate::vault::{OpenError, Purpose, Sealed, Vault};

/// Why a stored link cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is not what this version writes.
    #[error("is not of a form that this version knows")]
    Form,
}

type Text = Zeroizing<String>;

#[derive(Serialize, Deserialize)]
struct Wire {
    id: Text,
    app: String,
    asked: String,
    login: Option<String>,
    return_to: Option<String>,
    expires: u64,
    browser: Option<String>,
    stage: StageWire,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StageWire {
    Open(Option<EndingWire>),
    Begun(FlowWire),
    Redeeming(FlowWire, u64),
    Answered(AnsweredWire),
    Connecting(AnsweredWire, u64),
    Ended(EndingWire),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EndingWire {
    Connected,
    Cancelled,
    Failed(Cause),
}

#[derive(Serialize, Deserialize)]
struct FlowWire {
    state: Text,
    verifier: Text,
    nonce: Text,
    login: String,
}

#[derive(Serialize, Deserialize)]
struct AnsweredWire {
    login: String,
    access_token: Text,
    refresh_token: Option<Text>,
    instance_url: String,
    id: String,
    issued_at: Option<String>,
    signature: Option<String>,
    scope: Option<String>,
    username: Option<String>,
}

/// Seals a link.
pub(super) fn seal(vault: &Vault, link: &Link) -> Result<Vec<u8>, OpenError> {
    let wire = Wire {
        id: Zeroizing::new(link.id.as_str().to_owned()),
        app: link.app.clone(),
        asked: link.asked.to_string(),
        login: link.login.as_ref().map(ToString::to_string),
        return_to: link.return_to.clone(),
        expires: link.expires,
        browser: link.browser.clone(),
        stage: StageWire::of(&link.stage),
    };
    let json = Zeroizing::new(serde_json::to_vec(&wire).expect("texts and numbers serialize"));
    let sealed = vault.seal(Purpose::Grant, &link.key, &json)?;
    let mut bytes = link.key.encode().into_bytes();
    bytes.push(b'\n');
    bytes.extend_from_slice(sealed.as_bytes());
    Ok(bytes)
}

/// Opens a link.
pub(super) fn open(
    vault: &Vault,
    name: &DocumentName,
    bytes: &[u8],
    trusted: &TrustedHosts,
) -> Result<Link, LinkError> {
    let end = memchr::memchr(b'\n', bytes).ok_or(LinkError::Form)?;
    let key = std::str::from_utf8(&bytes[..end]).ok().and_then(ConnectionKey::decode).ok_or(LinkError::Form)?;
    let json = vault.open(Purpose::Grant, &key, &Sealed::from_bytes(bytes[end + 1..].to_vec()))?;
    let wire: Wire = serde_json::from_slice(&json).map_err(|_| LinkError::Form)?;
    let id = LinkId::parse(&wire.id).filter(|id| id.document() == *name).ok_or(LinkError::Form)?;
    let host = |text: &str| LoginUrl::parse(text, trusted).map_err(|_| LinkError::Form);
    Ok(Link {
        id,
        key,
        app: wire.app,
        asked: Scopes::parse(&wire.asked).map_err(|_| LinkError::Form)?,
        login: wire.login.as_deref().map(host).transpose()?,
        return_to: wire.return_to,
        expires: wire.expires,
        browser: wire.browser,
        stage: wire.stage.into_stage(&host)?,
    })
}

fn text(secret: &Secret<String>) -> Text {
    Zeroizing::new(secret.expose().clone())
}

fn secret(mut text: Text) -> Secret<String> {
    Secret::new(std::mem::take(&mut *text))
}

impl StageWire {
    fn of(stage: &Stage) -> Self {
        match stage {
            Stage::Open(last) => Self::Open(last.map(EndingWire::from)),
            Stage::Begun(flow) => Self::Begun(FlowWire::of(flow)),
            Stage::Redeeming(flow, since) => Self::Redeeming(FlowWire::of(flow), *since),
            Stage::Answered(answered) => Self::Answered(AnsweredWire::of(answered)),
            Stage::Connecting(answered, since) => Self::Connecting(AnsweredWire::of(answered), *since),
            Stage::Ended(ending) => Self::Ended((*ending).into()),
        }
    }

    fn into_stage(self, host: &impl Fn(&str) -> Result<LoginUrl, LinkError>) -> Result<Stage, LinkError> {
        Ok(match self {
            Self::Open(last) => Stage::Open(last.map(Ending::from)),
            Self::Begun(flow) => Stage::Begun(flow.into_flow(host)?),
            Self::Redeeming(flow, since) => Stage::Redeeming(flow.into_flow(host)?, since),
            Self::Answered(answered) => Stage::Answered(Box::new(answered.into_answered(host)?)),
            Self::Connecting(answered, since) => Stage::Connecting(Box::new(answered.into_answered(host)?), since),
            Self::Ended(ending) => Stage::Ended(ending.into()),
        })
    }
}

impl FlowWire {
    fn of(flow: &Flow) -> Self {
        Self {
            state: Zeroizing::new(flow.state.clone()),
            verifier: text(flow.verifier.secret()),
            nonce: Zeroizing::new(flow.nonce.clone()),
            login: flow.login.to_string(),
        }
    }

    fn into_flow(self, host: &impl Fn(&str) -> Result<LoginUrl, LinkError>) -> Result<Flow, LinkError> {
        Ok(Flow {
            login: host(&self.login)?,
            state: self.state.to_string(),
            verifier: CodeVerifier::kept(secret(self.verifier)),
            nonce: self.nonce.to_string(),
        })
    }
}

impl AnsweredWire {
    fn of(answered: &Answered) -> Self {
        let response = &answered.response;
        Self {
            login: answered.login.to_string(),
            access_token: text(&response.access_token),
            refresh_token: response.refresh_token.as_ref().map(text),
            instance_url: response.instance_url.clone(),
            id: response.id.clone(),
            issued_at: response.issued_at.clone(),
            signature: response.signature.clone(),
            scope: response.scope.clone(),
            username: answered.username.clone(),
        }
    }

    fn into_answered(self, host: &impl Fn(&str) -> Result<LoginUrl, LinkError>) -> Result<Answered, LinkError> {
        let response = TokenResponse {
            access_token: secret(self.access_token),
            refresh_token: self.refresh_token.map(secret),
            identity: Identity::parse_url(&self.id).ok(),
            instance_url: self.instance_url,
            id: self.id,
            issued_at: self.issued_at,
            scope: self.scope,
            // Checked when it came.
            id_token: None,
            signature: self.signature,
        };
        Ok(Answered { login: host(&self.login)?, response, username: self.username })
    }
}

impl From<Ending> for EndingWire {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Connected => Self::Connected,
            Ending::Cancelled => Self::Cancelled,
            Ending::Failed(cause) => Self::Failed(cause),
        }
    }
}

impl From<EndingWire> for Ending {
    fn from(ending: EndingWire) -> Self {
        match ending {
            EndingWire::Connected => Self::Connected,
            EndingWire::Cancelled => Self::Cancelled,
            EndingWire::Failed(cause) => Self::Failed(cause),
        }
    }
}
