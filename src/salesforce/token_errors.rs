//! What a token endpoint's refusal means. Salesforce says 400 to nearly everything, so the error's name and its text
//! decide; both are read once, here, and nobody compares them again.

use crate::connection::Cause;

/// What an answer of the token endpoint that brought no token means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// The refresh token is unspent; try again soon.
    Transient,
    /// Another exchange of the same token is under way, or a person has not answered yet: wait, then look again.
    InProgress,
    /// Too many logins: wait long before the next.
    RateLimited,
    /// A definite refusal; the refresh token, if it was any good, is unspent.
    Refused(Cause),
    /// Nobody can tell whether the refresh token was spent.
    Unknown,
}

impl TokenFailure {
    /// Classifies an answer that is not a token response by status, content type and whole body.
    pub fn parse(_status: u16, _content_type: Option<&[u8]>, _body: &[u8]) -> Self {
        unimplemented!()
    }
}
