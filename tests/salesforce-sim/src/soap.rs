//! The SOAP APIs of an org, under `/services/Soap`: the session travels in the body's header and nothing else is looked at.

mod anonymous;
mod dialect;
mod envelope;
mod fault;
mod login;
mod metadata;
mod people;
mod records;
mod schema;
mod skim;
mod sobject;

use http::{Method, StatusCode};

use crate::answer::Answer;
use crate::call::Call;
use crate::dead_session::ApiFamily;
use crate::rest;
use crate::state::sessions::{Admission, Identity};
use crate::stop::Stop;
use crate::upload::Upload;
use crate::xml::Element;
use dialect::Dialect;
use envelope::Envelope;
use fault::Fault;

pub(crate) use fault::dead_session;

/// SOAP's own media type.
pub(crate) const MEDIA_TYPE: &str = "text/xml;charset=UTF-8";
const ROOT: &str = "/services/Soap/";
/// `login()` is served up to this version (retired since).
const LAST_WITH_LOGIN: u32 = 64;

/// An operation that has been admitted.
struct Operation<'a> {
    call: &'a Call,
    dialect: Dialect,
    version: &'a str,
    org_id: &'a str,
    user: Identity,
    session_id: String,
    envelope: &'a Envelope,
}

/// What an operation answers within its response element.
type Outcome = Result<String, Fault>;

pub(crate) async fn answer(call: &Call, upload: Upload) -> Result<Answer, Stop> {
    if *call.method() != Method::POST {
        upload.drain().await?;
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Ok(Answer::html(status, "<html><body><h1>SOAP is spoken with POST</h1></body></html>"));
    }
    let skimmed = skim::read(upload, call.body_is_gzipped()).await?;
    let mut segments = call.path().strip_prefix(ROOT).unwrap_or_default().split('/');
    let dialect = segments.next().and_then(Dialect::of);
    let Some((dialect, version)) = dialect.zip(segments.next()) else {
        return Ok(Answer::html(StatusCode::NOT_FOUND, "<html><body><h1>URL No Longer Exists</h1></body></html>"));
    };
    Ok(match served(call, dialect, version, &skimmed) {
        Ok(body) => Answer::new(StatusCode::OK, MEDIA_TYPE, body),
        Err(fault) => fault.answer(dialect),
    })
}

fn served(call: &Call, dialect: Dialect, version: &str, skimmed: &skim::Skimmed) -> Outcome {
    if call.header("soapaction").is_none() {
        return Err(Fault::client("SOAPAction HTTP header missing"));
    }
    if !call.header("content-type").is_some_and(|media_type| media_type.contains("xml")) {
        return Err(Fault::client("Content-Type is not text/xml"));
    }
    // Some clients write it as REST has it.
    let version = version.trim_start_matches('v');
    let number = rest::number_of(version).filter(|number| rest::is_served(*number));
    let number = number.ok_or_else(|| Fault::new("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"))?;
    if skimmed.is_cut {
        return Err(Fault::new("EXCEEDED_MAX_SIZE_REQUEST", "Your request exceeded the maximum size allowed"));
    }
    let envelope = Envelope::parse(&skimmed.document, skimmed.is_elided).map_err(|problem| Fault::client(&problem))?;
    if envelope.operation.namespace != dialect.namespace() {
        let message = format!(
            "No operation available for request {{{}}}{}",
            envelope.operation.namespace, envelope.operation.name
        );
        return Err(Fault::client(&message));
    }
    if envelope.operation.name == "login" && dialect.has_login() {
        if number > LAST_WITH_LOGIN {
            return Err(Fault::new("UNSUPPORTED_API_VERSION", "SOAP API login() is not supported in this API version"));
        }
        let result = login::log_in(call, dialect, version, &envelope.operation)?;
        return Ok(envelope.response(dialect, None, &result));
    }
    let operation = admit(call, dialect, version, &envelope)?;
    let result = operation.run()?;
    let limit = dialect.tells_limits().then(|| {
        let world = call.shared.world();
        let org = world.org(operation.org_id);
        (org.api_requests, org.options.daily_api_requests)
    });
    Ok(envelope.response(dialect, limit, &result))
}

/// Whose session the header brings. An admitted request counts against the org's quota.
fn admit<'a>(
    call: &'a Call,
    dialect: Dialect,
    version: &'a str,
    envelope: &'a Envelope,
) -> Result<Operation<'a>, Fault> {
    let session_id = envelope.header(dialect, "SessionHeader").and_then(|header| header.text_of("sessionId"));
    let session_id = session_id.ok_or_else(Fault::dead_session)?.to_owned();
    call.entry.presented(&session_id);
    let Some(org_id) = call.org_id() else {
        let message = "Destination URL not reset. The URL returned from login must be set in the SforceService";
        return Err(Fault::new("URL_NOT_RESET", message));
    };
    let now = call.shared.now();
    let mut world = call.shared.world();
    match world.admit(now, Some(org_id), ApiFamily::Soap, &session_id) {
        Admission::Live(user) if !crate::jwt::is_one(&session_id) => {
            world.org_mut(org_id).api_requests += 1;
            drop(world);
            Ok(Operation { call, dialect, version, org_id, user, session_id, envelope })
        }
        Admission::Foreign => {
            call.entry.foreign_token();
            Err(Fault::dead_session())
        }
        Admission::Live(_) | Admission::Dead | Admission::NotForRest => Err(Fault::dead_session()),
    }
}

impl Operation<'_> {
    fn asked(&self) -> &Element {
        &self.envelope.operation
    }

    fn run(&self) -> Outcome {
        let name = self.asked().name.as_str();
        let served = match self.dialect {
            Dialect::Partner | Dialect::Enterprise => self.records(name).or_else(|| self.people(name)),
            Dialect::Tooling => self.records(name).or_else(|| self.people(name)).or_else(|| self.anonymous(name)),
            Dialect::Metadata => self.metadata(name),
            Dialect::Apex => self.anonymous(name),
        };
        served.unwrap_or_else(|| {
            let message = format!("No operation available for request {{{}}}{name}", self.dialect.namespace());
            Err(Fault::client(&message))
        })
    }
}
