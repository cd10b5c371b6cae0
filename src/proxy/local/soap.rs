//! SOAP `login()` and `logout()`. The elements of a login's result have neither prefix nor attribute: several clients read
//! them by regular expression.

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::{LoggedIn, reply};
use crate::proxy::body::Body;
use crate::proxy::error::{Code, PathFault, ProxyError};
use crate::proxy::respond::{self, ORGPASS_ERROR, SOAP, escape};
use crate::proxy::soap::Envelope;
use crate::proxy::source::Source;
use crate::proxy::{Proxy, Refusal};
use crate::salesforce::soap::SoapApi;

/// Answers `login()`: with the local token of the connection that the user name stands for.
pub(in crate::proxy) async fn login(
    proxy: &Proxy,
    api: &SoapApi,
    head: &Parts,
    envelope: &Envelope,
    rest: &mut Source,
) -> Result<Response<Body>, Refusal> {
    let refused = |error: ProxyError| Refusal { error, form: respond::ReplyForm::Soap };
    let logins = &proxy.settings.logins;
    if logins.is_empty() {
        return Err(refused(PathFault::Logins.into()));
    }
    let name = envelope.user_name(std::mem::take(rest)).await.map_err(refused)?;
    let Some(key) = name.as_deref().and_then(|name| logins.get(name)) else {
        let text = "no connection is configured for this user name; add [proxy.logins.\"NAME\"] with its tenant";
        return Ok(fault(Code::NotConnected, text));
    };
    match proxy.log_in(head, key).await {
        Ok(user) => Ok(answer(api, &logged_in(head, &user))),
        Err(error) if error.retry_after().is_some() => Err(refused(error)),
        Err(error) => Ok(fault(error.code(), &error.text())),
    }
}

/// Answers `logout()` and `invalidateSessions()`: the session belongs to all callers of its connection, and does not end.
pub(in crate::proxy) fn logout(api: &SoapApi, operation: &str) -> Response<Body> {
    let result = if operation == "logout" { "" } else { "<result><success>true</success></result>" };
    answer(api, &format!("<{operation}Response>{result}</{operation}Response>"))
}

fn logged_in(head: &Parts, user: &LoggedIn) -> String {
    let LoggedIn { token, base, org_id, user_id } = user;
    // The path that was asked, with the org's id after the version, as Salesforce writes it.
    let path = head.uri.path().trim_start_matches('/').trim_end_matches('/');
    let version = path.split('/').nth(3).unwrap_or_default();
    let prefix = path.split('/').take(3).collect::<Vec<_>>().join("/");
    let server = escape(&format!("{base}/{prefix}/{version}/{org_id}"));
    let metadata = escape(&format!("{base}/services/Soap/m/{version}/{org_id}"));
    let (token, org_id, user_id) = (escape(token), escape(org_id), escape(user_id));
    format!(
        "<loginResponse><result><metadataServerUrl>{metadata}</metadataServerUrl><passwordExpired>false</passwordExpired>\
         <sandbox>false</sandbox><serverUrl>{server}</serverUrl><sessionId>{token}</sessionId><userId>{user_id}</userId>\
         <userInfo><organizationId>{org_id}</organizationId><sessionSecondsValid>7200</sessionSecondsValid>\
         <userId>{user_id}</userId></userInfo></result></loginResponse>"
    )
}

fn answer(api: &SoapApi, body: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"{}\"><soapenv:Body>{body}</soapenv:Body>\
         </soapenv:Envelope>",
        escape(api.namespace())
    );
    reply(StatusCode::OK, SOAP, text.into())
}

/// The fault of a login that is refused for good: clients look for `INVALID_LOGIN` and do not try again.
fn fault(code: Code, text: &str) -> Response<Body> {
    let text = format!("{}: {text}", code.as_salesforce());
    let body = respond::soap_fault("INVALID_LOGIN", &text);
    let mut response = reply(StatusCode::INTERNAL_SERVER_ERROR, SOAP, body.into());
    response.headers_mut().insert(ORGPASS_ERROR, HeaderValue::from_static(code.as_str()));
    response
}
