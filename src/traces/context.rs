//! W3C Trace Context: what a caller's `traceparent` says, and what goes on in one. A header that does not follow the
//! specification to the letter counts as none.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

use http::{HeaderMap, HeaderName, HeaderValue};

/// Names the trace and the span that a request belongs to.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What tracing systems want to know of each other; means nothing without a `traceparent`.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of version 00: version, trace, span and flags in hex, with dashes between.
const BYTES: usize = 55;
/// Later versions may add fields; a header that is longer is not looked at.
const MAX_BYTES: usize = 256;
const SAMPLED: u8 = 0x01;
/// The flags that are known: sampled, and that the trace's id is random.
const KNOWN_FLAGS: u8 = 0x03;

/// Names a trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(NonZeroU128);

/// Names a span within its trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpanId(NonZeroU64);

/// A place in a trace: the span below which the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    flags: u8,
}

impl TraceContext {
    /// The beginning of a new trace that is sampled.
    pub fn root() -> Self {
        Self { trace: TraceId::random(), span: SpanId::random(), flags: SAMPLED }
    }

    /// The context of a request. Two headers contradict each other, so they count as none.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { Self::parse(value.as_bytes()) }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        if value.len() > MAX_BYTES {
            return None;
        }
        let (fields, rest) = value.split_at_checked(BYTES)?;
        let fields = std::str::from_utf8(fields).ok()?;
        let mut fields = fields.split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let has_lengths = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !has_lengths || ![version, trace, span, flags].into_iter().all(is_hex) || version == "ff" {
            return None;
        }
        // Only a later version may go on, and only with another field.
        if !rest.is_empty() && (version == "00" || rest[0] != b'-') {
            return None;
        }
        Some(Self {
            trace: TraceId(NonZeroU128::new(u128::from_str_radix(trace, 16).ok()?)?),
            span: SpanId(NonZeroU64::new(u64::from_str_radix(span, 16).ok()?)?),
            flags: u8::from_str_radix(flags, 16).ok()? & KNOWN_FLAGS,
        })
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// A new span of the same trace.
    pub fn child(self) -> Self {
        Self { span: SpanId::random(), ..self }
    }

    /// The `traceparent` of a request that belongs to the span.
    pub fn header(self) -> HeaderValue {
        let text = format!("00-{}-{}-{:02x}", self.trace, self.span, self.flags);
        HeaderValue::try_from(text).expect("hex digits and dashes are a header value")
    }

    /// The flags.
    pub fn flags(self) -> u8 {
        self.flags
    }
}

impl TraceId {
    fn random() -> Self {
        loop {
            let mut bytes = [0; 16];
            getrandom::fill(&mut bytes).expect("the operating system's random source works");
            if let Some(id) = NonZeroU128::new(u128::from_ne_bytes(bytes)) {
                return Self(id);
            }
        }
    }

    /// Where the id stands among all, from 0 to 1: its last 56 bits are random.
    pub(super) fn chance(self) -> f64 {
        const RANDOM: u128 = 1 << 56;
        (self.0.get() % RANDOM) as f64 / RANDOM as f64
    }

    /// As it goes into a message.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl SpanId {
    fn random() -> Self {
        loop {
            let random = getrandom::u64().expect("the operating system's random source works");
            if let Some(id) = NonZeroU64::new(random) {
                return Self(id);
            }
        }
    }

    /// As it goes into a message.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes())
    }

    #[test]
    fn a_context_is_read_as_the_specification_says() {
        for (text, goes_on_as) in [
            (format!("00-{TRACE}-{SPAN}-01"), Some("01")),
            (format!("00-{TRACE}-{SPAN}-00"), Some("00")),
            (format!("00-{TRACE}-{SPAN}-ff"), Some("03")),
            (format!("cc-{TRACE}-{SPAN}-01"), Some("01")),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"), Some("01")),
            (format!("cc-{TRACE}-{SPAN}-01.what"), None),
            (format!("cc-{TRACE}-{SPAN}-01-{}", "x".repeat(MAX_BYTES)), None),
            (format!("00-{TRACE}-{SPAN}-01-"), None),
            (format!("ff-{TRACE}-{SPAN}-01"), None),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            (format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            (format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            (format!("00-{TRACE}-{SPAN}-0"), None),
            (format!("00-{TRACE}-{SPAN}-+1"), None),
            (format!("00-{TRACE}-{SPAN}+01"), None),
            (format!("00-{TRACE}{SPAN}-0-01"), None),
            (format!(" 00-{TRACE}-{SPAN}-01"), None),
            (String::new(), None),
        ] {
            let expected = goes_on_as.map(|flags| format!("00-{TRACE}-{SPAN}-{flags}"));
            assert_eq!(parse(&text).map(|context| context.header().to_str().unwrap().to_owned()), expected, "{text}");
        }
    }

    #[test]
    fn two_contexts_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::of(&headers), None);
        let context = TraceContext::root();
        headers.append(TRACEPARENT, context.header());
        assert_eq!(TraceContext::of(&headers), Some(context));
        headers.append(TRACEPARENT, context.header());
        assert_eq!(TraceContext::of(&headers), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_context_or_none(
            value in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                "[0-9a-f+ -]{2}-[0-9a-f]{31,33}-[0-9a-fF]{16}-[0-9a-f]{1,3}".prop_map(String::into_bytes),
            ]
        ) {
            if let Some(context) = TraceContext::parse(&value) {
                let again = context.header();
                prop_assert_eq!(&again.as_bytes()[2..53], &value[2..53]);
                prop_assert_eq!(TraceContext::parse(again.as_bytes()), Some(context));
            }
        }

        #[test]
        fn a_child_stays_in_its_trace(_ in 0..8) {
            let root = TraceContext::root();
            let child = root.child();
            prop_assert!(child.trace == root.trace && child.span != root.span && child.is_sampled());
        }
    }
}
