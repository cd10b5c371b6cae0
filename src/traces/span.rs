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
    /// Spans of other traces that it has to do with.
    pub links: Links,
    /// Whether it failed.
    pub failed: bool,
}

impl Span {
    /// Adds an attribute.
    pub fn say(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push((name, value.into()));
    }
}

/// Links that a span has at most: one exchange may end the wait of thousands of calls.
pub const MOST_LINKS: usize = 32;

/// Spans that another one has to do with, and how many more there are.
#[derive(Clone, Debug, Default)]
pub struct Links {
    all: Vec<TraceContext>,
    left_out: u32,
}

impl Links {
    /// Adds one, or counts it where there are too many.
    pub fn add(&mut self, link: TraceContext) {
        if self.all.len() < MOST_LINKS {
            self.all.push(link);
        } else {
            self.left_out += 1;
        }
    }

    /// Those that are kept.
    pub fn all(&self) -> &[TraceContext] {
        &self.all
    }

    /// How many are not.
    pub fn left_out(&self) -> u32 {
        self.left_out
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
