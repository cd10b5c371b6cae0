//! `/services/oauth2/token`: authorization code, refresh token, JWT bearer, client credentials, device and password
//! grants, with every refusal as Salesforce words it.

use http::header::CACHE_CONTROL;
use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, parameter};
use crate::device;
use crate::doors::Service;
use crate::jwt;
use crate::oauth_error::OauthError;
use crate::service::instead;
use crate::state::Counted;
use crate::state::codes::Redemption;
use crate::state::exchanges::Exchanged;
use crate::state::grants::{InFlight, Refused, Tokens, sign};
use crate::stop::Stop;
use crate::upload::Upload;

/// A form larger than this is nobody's token request.
const FORM_LIMIT: usize = 64 << 10;

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    if call.method() != Method::POST {
        upload.drain().await?;
        return Ok(OauthError::NOT_POST.into());
    }
    let form = upload.collect(FORM_LIMIT).await?;
    let text = |name| parameter(&form, name);
    let grant_type = text("grant_type").unwrap_or_default();
    let grant = match text("response_type").as_deref() {
        Some("device_code") if grant_type.is_empty() => GrantType::DeviceStart,
        _ => GrantType::of(&grant_type),
    };
    if grant.is_exchange() {
        call.shared.counters.count(Counted::Exchange);
    }
    let token = text("refresh_token").unwrap_or_default();
    if let Some(assertion) = text("assertion") {
        call.shared.world().secrets.push(assertion.into_owned());
    }
    // Kept until the answer is there, so that a second use meanwhile is refused.
    let mut in_flight = None;
    if grant == GrantType::Refresh {
        match InFlight::enter(&call.shared, &token) {
            Ok(entered) => in_flight = Some(entered),
            Err(refusal) => return Ok(refusal.into()),
        }
    }
    if let Some(fault) = &call.fault {
        fault.before_processing().await;
    }
    if let Some(answer) = instead(call) {
        return Ok(answer);
    }
    if grant == GrantType::DeviceStart {
        return Ok(device::begin(call, &form));
    }
    if grant == GrantType::Device {
        return Ok(device::poll(call, &form).map_or_else(
            |refused| refusal(&refused.error, &refused.description),
            |tokens| token_response(call, &tokens),
        ));
    }
    let answer = match grant {
        GrantType::Refresh => client(call, &form).and_then(|client_id| refresh(call, &client_id, &form, &token)),
        GrantType::Code => client(call, &form).and_then(|client_id| redeem(call, &client_id, &form)),
        GrantType::Assertion => assertion(call, &form),
        GrantType::ClientCredentials => client_credentials(call, &form),
        GrantType::Password => client(call, &form).and_then(|client_id| password(call, &client_id, &form)),
        GrantType::DeviceStart | GrantType::Device | GrantType::Unknown => Err(OauthError::UNSUPPORTED_GRANT),
    };
    drop(in_flight);
    if answer.is_ok() && grant.is_exchange() {
        call.shared.counters.count(Counted::Successful);
    }
    Ok(match answer {
        Ok(tokens) => token_response(call, &tokens),
        Err(refusal) => refusal.into(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum GrantType {
    Refresh,
    Code,
    Assertion,
    ClientCredentials,
    Password,
    DeviceStart,
    Device,
    Unknown,
}

impl GrantType {
    fn of(grant_type: &str) -> Self {
        match grant_type {
            "refresh_token" => Self::Refresh,
            "authorization_code" => Self::Code,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Self::Assertion,
            "client_credentials" => Self::ClientCredentials,
            "password" => Self::Password,
            "device" => Self::Device,
            _ => Self::Unknown,
        }
    }

    /// Whether it needs nobody but the client.
    fn is_exchange(self) -> bool {
        matches!(self, Self::Refresh | Self::Assertion | Self::ClientCredentials | Self::Password)
    }
}

/// The client id of an app that has proved itself, in the form or by HTTP Basic.
fn client(call: &Call, form: &[u8]) -> Result<String, OauthError> {
    let (client_id, secret) = presented_client(call, form);
    let world = call.shared.world();
    world.authenticate_app(&client_id, secret.as_deref())?;
    Ok(client_id)
}

/// As [`client`], for what an app without a secret may not do.
pub(crate) fn proved_client(call: &Call, form: &[u8]) -> Result<String, OauthError> {
    let (client_id, secret) = presented_client(call, form);
    let world = call.shared.world();
    world.authenticate_app(&client_id, Some(secret.as_deref().unwrap_or_default()))?;
    Ok(client_id)
}

/// The pair in the form wins over HTTP Basic.
fn presented_client(call: &Call, form: &[u8]) -> (String, Option<String>) {
    let in_form = |name| parameter(form, name).map(std::borrow::Cow::into_owned);
    match (in_form("client_id"), in_form("client_secret"), call.basic()) {
        (Some(client_id), Some(secret), _) => (client_id, Some(secret)),
        (_, _, Some((client_id, secret))) => (client_id, Some(secret)),
        (client_id, secret, None) => (client_id.unwrap_or_default(), secret),
    }
}

fn assertion(call: &Call, form: &[u8]) -> Result<Tokens, OauthError> {
    refuse_scope(form)?;
    let assertion = parameter(form, "assertion").ok_or(OauthError::INVALID_ASSERTION)?;
    let now = call.shared.now();
    call.shared.world().assert(now, &call.site, &assertion)
}

fn client_credentials(call: &Call, form: &[u8]) -> Result<Tokens, OauthError> {
    refuse_scope(form)?;
    if call.org_id().is_none() {
        return Err(OauthError::WRONG_DOMAIN);
    }
    let client_id = proved_client(call, form)?;
    let now = call.shared.now();
    call.shared.world().run_client_credentials(now, &client_id, call.org_id())
}

/// Both grants give what the app is set up with and let nobody ask.
fn refuse_scope(form: &[u8]) -> Result<(), OauthError> {
    parameter(form, "scope").map_or(Ok(()), |_| Err(OauthError::SCOPE_NOT_TAKEN))
}

fn refresh(call: &Call, client_id: &str, form: &[u8], token: &str) -> Result<Tokens, OauthError> {
    let now = call.shared.now();
    let secret = parameter(form, "client_secret").unwrap_or_default();
    let refreshed = {
        let mut world = call.shared.world();
        let early = world.is_early(now, token);
        let refreshed = world.refresh(now, client_id, &call.site, token);
        let result = match &refreshed {
            Ok(_) => Exchanged::Issued { early },
            Err(Refused::SpentToken) => Exchanged::Spent,
            Err(Refused::Because(_)) => Exchanged::Refused,
        };
        if let Some(number) = world.note_exchange(token, &secret, result) {
            let _ = call.exchange.set(number);
        }
        refreshed
    };
    let counters = &call.shared.counters;
    match refreshed {
        Ok(mut tokens) => {
            if !secret.is_empty() {
                tokens.signature = sign(&secret, &tokens.id, &tokens.issued_at);
            }
            Ok(tokens)
        }
        Err(Refused::SpentToken) => {
            counters.count(Counted::SpentToken);
            Err(OauthError::DEAD_TOKEN)
        }
        Err(Refused::Because(refusal)) => Err(refusal),
    }
}

fn redeem(call: &Call, client_id: &str, form: &[u8]) -> Result<Tokens, OauthError> {
    let verifier = parameter(form, "code_verifier");
    let redemption = Redemption {
        code: &parameter(form, "code").unwrap_or_default(),
        client_id,
        redirect_uri: &parameter(form, "redirect_uri").unwrap_or_default(),
        verifier: verifier.as_deref(),
    };
    let now = call.shared.now();
    call.shared.world().redeem(now, &call.site, &redemption)
}

fn password(call: &Call, client_id: &str, form: &[u8]) -> Result<Tokens, OauthError> {
    let username = parameter(form, "username").unwrap_or_default();
    let password = parameter(form, "password").unwrap_or_default();
    let now = call.shared.now();
    call.shared.world().log_in_by_password(now, &call.site, client_id, &username, &password)
}

fn token_response(call: &Call, tokens: &Tokens) -> Answer {
    let mut body = json!(tokens);
    // Told only of tokens that are good there.
    if tokens.scope.split(' ').any(|scope| scope == "sfap_api") && jwt::is_one(&tokens.access_token) {
        let host = call.shared.service_host(Service::Platform);
        body["api_instance_url"] = format!("{}://{host}", call.shared.doors.scheme).into();
    }
    Answer::json(StatusCode::OK, &body).with(CACHE_CONTROL, "no-store")
}

/// A refusal of any OAuth endpoint.
pub(crate) fn refusal(error: &str, description: &str) -> Answer {
    let body = json!({"error": error, "error_description": description});
    Answer::json(StatusCode::BAD_REQUEST, &body).with(CACHE_CONTROL, "no-store")
}

impl From<OauthError> for Answer {
    fn from(refused: OauthError) -> Self {
        refusal(refused.error, refused.description)
    }
}
