//! How the SOAP APIs refuse: a fault with status 500, whose code is repeated in its text.

use http::StatusCode;

use super::MEDIA_TYPE;
use super::dialect::Dialect;
use crate::answer::Answer;
use crate::state::records::RowError;
use crate::xml::{DECLARATION, escape};

#[derive(Debug)]
pub(super) struct Fault {
    code: String,
    message: String,
    /// The type of the detail; without one there is none.
    detail: Option<&'static str>,
    dead: bool,
}

impl Fault {
    /// A refusal by the API.
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), detail: Some("UnexpectedErrorFault"), dead: false }
    }

    /// With a type of its own.
    pub(super) fn of_type(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// A request that is no SOAP, or for an operation that there is not.
    pub(super) fn client(message: &str) -> Self {
        Self { code: String::new(), message: message.to_owned(), detail: None, dead: false }
    }

    pub(super) fn dead_session() -> Self {
        let message =
            "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash";
        Self { dead: true, ..Self::new("INVALID_SESSION_ID", message) }
    }

    pub(super) fn answer(&self, dialect: Dialect) -> Answer {
        let message = escape(&self.message);
        let (code, text, detail) = match (&self.code, self.detail) {
            (code, Some(kind)) => (
                format!("sf:{code}"),
                format!("{code}: {message}"),
                format!(
                    "<detail><sf:{kind} xsi:type=\"sf:{kind}\"><sf:exceptionCode>{code}</sf:exceptionCode>\
                     <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail>"
                ),
            ),
            (_, None) => ("soapenv:Client".to_owned(), message, String::new()),
        };
        let body = format!(
            "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:sf=\"{}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><soapenv:Fault>\
             <faultcode>{code}</faultcode><faultstring>{text}</faultstring>{detail}</soapenv:Fault></soapenv:Body>\
             </soapenv:Envelope>",
            dialect.faults(),
        );
        let answer = Answer::new(StatusCode::INTERNAL_SERVER_ERROR, MEDIA_TYPE, body);
        if self.dead { answer.dead() } else { answer }
    }
}

impl From<RowError> for Fault {
    fn from(error: RowError) -> Self {
        Self::new(error.code, &error.message)
    }
}

/// The dead-session answer where no more is known of the request than that it is SOAP.
pub(crate) fn dead_session() -> Answer {
    Fault::dead_session().answer(Dialect::Partner)
}
