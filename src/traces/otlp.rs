//! Spans as OpenTelemetry's protocol has them, in protobuf.

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValueOf;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Message, SpanFlags, Status};
use prost::Message as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::context::TraceContext;
use super::span::{Attribute, Kind, Span, Value};

/// The version of the conventions that names of attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.42.0";

/// An export of these spans, as the process that `resource` describes.
pub(super) fn export(resource: &[Attribute], spans: impl IntoIterator<Item = Span>) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.into_iter().map(message).collect(),
        schema_url: SCHEMA.to_owned(),
    };
    let resource = Resource { attributes: attributes(resource.iter().cloned()), ..Resource::default() };
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope_spans], schema_url: SCHEMA.to_owned() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// How many spans the collector refused, by its answer to an export that it took.
pub(super) fn refused(answer: &[u8]) -> usize {
    // An answer that cannot be read says nothing of refusals.
    let partial = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    partial.and_then(|partial| usize::try_from(partial.rejected_spans).ok()).unwrap_or(0)
}

fn message(span: Span) -> Message {
    let status = span.failed.then(|| Status { message: String::new(), code: StatusCode::Error as i32 });
    let remote = if span.is_parent_remote { SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    Message {
        trace_id: span.context.trace.to_bytes().to_vec(),
        span_id: span.context.span.to_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
        flags: u32::from(span.context.flags()) | SpanFlags::ContextHasIsRemoteMask as u32 | remote,
        name: span.name,
        kind: kind(span.kind) as i32,
        start_time_unix_nano: nanos(span.began),
        end_time_unix_nano: nanos(span.ended),
        attributes: attributes(span.attributes),
        links: span.links.all().iter().map(|context| link(*context)).collect(),
        dropped_links_count: span.links.left_out(),
        status,
        ..Message::default()
    }
}

fn link(context: TraceContext) -> Link {
    Link {
        trace_id: context.trace.to_bytes().to_vec(),
        span_id: context.span.to_bytes().to_vec(),
        flags: u32::from(context.flags()),
        ..Link::default()
    }
}

fn kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Internal => SpanKind::Internal,
    }
}

fn attributes(attributes: impl IntoIterator<Item = Attribute>) -> Vec<KeyValue> {
    let message = |(key, value): Attribute| {
        let value = match value {
            Value::Text(text) => AnyValueOf::StringValue(text.into_owned()),
            Value::Number(number) => AnyValueOf::IntValue(number),
        };
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    };
    attributes.into_iter().map(message).collect()
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn what_a_collector_refused_is_read_from_its_answer() {
        let answer = |refused| {
            let partial = ExportTracePartialSuccess { rejected_spans: refused, error_message: String::new() };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        for (answer, expected) in [(answer(3), 3), (answer(0), 0), (answer(-1), 0), (Vec::new(), 0)] {
            assert_eq!(refused(&answer), expected);
        }
        assert_eq!(refused(b"{}"), 0);
    }
}
