//! Turns a `ProxyError` into a response in the API family's own form, so that a client library shows it to its user.

use bytes::Bytes;
use http::{HeaderMap, Response};

use super::error::ProxyError;
use crate::salesforce::ApiFamily;

/// The form of an error response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyForm {
    /// REST's list of errors as JSON; also for requests of no known family.
    #[default]
    RestJson,
    /// REST's list of errors as XML.
    RestXml,
    /// Bulk's error as JSON.
    BulkJson,
    /// Bulk's error as XML.
    BulkXml,
}

impl ReplyForm {
    /// Chooses the form by the family and by what the request's headers say it reads. Cheap: asked of every request,
    /// before its headers move on.
    pub fn of(_family: Option<ApiFamily>, _headers: &HeaderMap) -> Self {
        unimplemented!()
    }
}

/// The response for an error.
pub fn respond(_error: &ProxyError, _form: ReplyForm) -> Response<Bytes> {
    unimplemented!()
}
