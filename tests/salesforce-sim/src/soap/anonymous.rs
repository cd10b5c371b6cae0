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
        // The Apex API and the Tooling API name the source differently.
        let asked = self.asked();
        let source = asked.text_of("String").or_else(|| asked.text_of("string")).unwrap_or_default();
        Some(Ok(xml::element("result", &anonymous::execute(source))))
    }
}
