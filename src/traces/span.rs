//! Spans as they leave a call: finished, and made of words of this program, ids, numbers, and names that were checked
//! where they came in.

use std::borrow::Cow;
use std::time::SystemTime;

use super::context::{SpanId, TraceContext};

/// One finished piece of work.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its trace and its own name.
    pub context: TraceContext,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// Whether another process made the parent.
    pub is_parent_remote: bool,
    /// Whose work it is.
    pub kind: Kind,
    /// What it does, in few variants.
    pub name: String,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What is known about it, by names of OpenTelemetry's conventions or of Orgpass.
    pub attributes: Vec<Attribute>,
    /// Whether it failed.
    pub failed: bool,
}

impl Span {
    /// Adds an attribute.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }
}

/// A name and what it says.
pub type Attribute = (&'static str, Value);

/// Whose work a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answering somebody.
    Server,
    /// Asking somebody.
    Client,
    /// Neither.
    Internal,
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(Cow<'static, str>),
    /// A whole number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}
