//! `/services/oauth2/token`: authorization code and refresh grants, with every refusal as Salesforce
//! words it.

use http::header::CACHE_CONTROL;
use http::{Method, StatusCode};
use serde_json::json;

use crate::answer::Answer;
use crate::call::{Call, parameter};
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
    let token = text("refresh_token").unwrap_or_default();
    let refreshing = grant_type == "refresh_token";
    // Kept until the answer is there, so that a second use meanwhile is refused.
    let mut in_flight = None;
    if refreshing {
        call.shared.counters.count(Counted::Exchange);
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
    let answer = match client(call, &form) {
        Err(refusal) => Err(refusal),
        Ok(client_id) if refreshing => refresh(call, &client_id, &form, &token),
        Ok(client_id) if grant_type == "authorization_code" => redeem(call, &client_id, &form),
        Ok(_) => Err(OauthError::UNSUPPORTED_GRANT),
    };
    drop(in_flight);
    Ok(match answer {
        Ok(tokens) => token_response(&tokens),
        Err(refusal) => refusal.into(),
    })
}

/// The client id of an app that has proved itself, in the form or by HTTP Basic.
fn client(call: &Call, form: &[u8]) -> Result<String, OauthError> {
    let (client_id, secret) = match call.basic() {
        Some((client_id, secret)) => (client_id, Some(secret)),
        None => (
            parameter(form, "client_id").unwrap_or_default().into_owned(),
            parameter(form, "client_secret").map(std::borrow::Cow::into_owned),
        ),
    };
    let world = call.shared.world();
    world.authenticate_app(&client_id, secret.as_deref())?;
    Ok(client_id)
}

fn refresh(call: &Call, client_id: &str, form: &[u8], token: &str) -> Result<Tokens, OauthError> {
    let now = call.shared.now();
    let secret = parameter(form, "client_secret").unwrap_or_default();
    let refreshed = {
        let mut world = call.shared.world();
        let early = world.is_early(now, token);
        let refreshed = world.refresh(now, client_id, call.org_id(), token);
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
            counters.count(Counted::Successful);
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
    call.shared.world().redeem(now, call.org_id(), &redemption)
}

fn token_response(tokens: &Tokens) -> Answer {
    Answer::json(StatusCode::OK, &json!(tokens)).with(CACHE_CONTROL, "no-store")
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
