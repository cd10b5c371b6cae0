//! The envelope of a request and of its answer.

use super::dialect::Dialect;
use crate::xml::{DECLARATION, Element};

const NAMESPACE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

pub(super) struct Envelope {
    headers: Vec<Element>,
    pub(super) operation: Element,
    /// Whether the operation had a text so long that it is not all there.
    pub(super) is_elided: bool,
}

impl Envelope {
    pub(super) fn parse(document: &[u8], is_elided: bool) -> Result<Self, String> {
        let root = Element::parse(document)?;
        if root.name != "Envelope" || root.namespace != NAMESPACE {
            return Err("Envelope expected".to_owned());
        }
        let (mut headers, mut operation) = (Vec::new(), None);
        for part in root.children {
            match (part.namespace.as_str(), part.name.as_str()) {
                (NAMESPACE, "Header") => headers = part.children,
                (NAMESPACE, "Body") => operation = part.children.into_iter().next(),
                _ => return Err(format!("unexpected element {}", part.name)),
            }
        }
        let operation = operation.ok_or("no operation in the body")?;
        Ok(Self { headers, operation, is_elided })
    }

    /// A header of the API; those in other namespaces are nobody's.
    pub(super) fn header(&self, dialect: Dialect, name: &str) -> Option<&Element> {
        self.headers.iter().find(|header| header.name == name && header.namespace == dialect.namespace())
    }

    /// The answer to the operation. `limit` is how much of the daily quota is used, and the quota.
    pub(super) fn response(&self, dialect: Dialect, limit: Option<(u64, u64)>, result: &str) -> String {
        let name = &self.operation.name;
        let debugged = dialect == Dialect::Apex && self.header(dialect, "DebuggingHeader").is_some();
        let header = match limit {
            Some((used, most)) => format!(
                "<soapenv:Header><LimitInfoHeader><limitInfo><current>{used}</current><limit>{most}</limit>\
                 <type>API REQUESTS</type></limitInfo></LimitInfoHeader></soapenv:Header>"
            ),
            None if debugged => {
                "<soapenv:Header><DebuggingInfo><debugLog>67.0 APEX_CODE,DEBUG\nExecute Anonymous\n</debugLog>\
                 </DebuggingInfo></soapenv:Header>"
                    .to_owned()
            }
            None => String::new(),
        };
        format!(
            "{DECLARATION}<soapenv:Envelope xmlns:soapenv=\"{NAMESPACE}\" xmlns=\"{}\" xmlns:sf=\"{}\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\
             {header}<soapenv:Body><{name}Response>{result}</{name}Response></soapenv:Body></soapenv:Envelope>",
            dialect.namespace(),
            dialect.objects(),
        )
    }
}
