//! A rendered page with the headers that fence it in.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::colour::Theme;

/// Stands in a template where the page's own colours go.
const COLOURS: &str = "/*colours*/";

/// A page.
#[derive(Debug)]
pub struct Html {
    status: StatusCode,
    body: String,
    style_hash: String,
    /// Whether forms of the page may lead to other hosts: a form is answered by a redirect, and browsers hold that against
    /// the page's policy too.
    leads_away: bool,
}

impl Html {
    /// A rendered template, with the colours put in.
    pub(super) fn new(body: String, theme: &Theme) -> Self {
        let colours = theme.css();
        let style_hash = BASE64.encode(Sha256::digest(colours.as_bytes()));
        Self { status: StatusCode::OK, body: body.replacen(COLOURS, &colours, 1), style_hash, leads_away: false }
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With forms that lead to other hosts: to Salesforce and whatever single sign-on an org has behind it, or back to the app.
    #[must_use]
    pub fn leading_away(self) -> Self {
        Self { leads_away: true, ..self }
    }

    /// The text of the page.
    pub fn text(&self) -> &str {
        &self.body
    }

    fn policy(&self) -> String {
        let forms = if self.leads_away { "'self' https: http://localhost:* http://127.0.0.1:*" } else { "'self'" };
        format!(
            "default-src 'none'; style-src 'self' 'sha256-{}'; script-src 'self'; connect-src 'self'; img-src data:; \
             form-action {forms}; frame-ancestors 'none'; base-uri 'none'",
            self.style_hash
        )
    }
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let policy = HeaderValue::try_from(self.policy()).expect("it is made of words and base64");
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        response
    }
}
