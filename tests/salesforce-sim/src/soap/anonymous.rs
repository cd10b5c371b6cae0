//! `executeAnonymous`, in the Apex API and the Tooling API.

use super::{Operation, Outcome};
use crate::anonymous;
use crate::xml;

impl Operation<'_> {
    /// `None` for an operation of another kind.
    pub(super) fn anonymous(&self, name: &str) -> Option<Outcome> {
        if name != "executeAnonymous" {
            return None;
        }
        // Clients differ in what they call it.
        let source = self.asked().children.first().map(|source| source.text.as_str()).unwrap_or_default();
        Some(Ok(xml::element("result", &anonymous::execute(source))))
    }
}
