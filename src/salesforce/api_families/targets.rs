//! The rows of APIs that other hosts than the org's own serve.

use std::time::Duration;

use super::{ErrorForm, Row, TokenPlace};

/// The query, ingestion and profile APIs of a Data Cloud tenant.
pub(super) static DATA_CLOUD: Row = Row {
    label: "data_cloud",
    token_place: TokenPlace::Authorization,
    peeked_statuses: &[401],
    error_form: ErrorForm::DataCloud,
    first_byte_timeout: Duration::from_secs(610),
    body_idle_timeout: Duration::from_secs(120),
};

/// Account Engagement (Pardot) API v5.
pub(super) static ACCOUNT_ENGAGEMENT: Row = Row {
    label: "account_engagement",
    token_place: TokenPlace::Authorization,
    peeked_statuses: &[401],
    error_form: ErrorForm::AccountEngagement,
    first_byte_timeout: Duration::from_secs(120),
    body_idle_timeout: Duration::from_secs(120),
};

/// Agents, models and MCP servers. Their answers may be streams that are quiet for minutes.
pub(super) static PLATFORM: Row = Row {
    label: "platform",
    token_place: TokenPlace::Authorization,
    peeked_statuses: &[401],
    error_form: ErrorForm::Platform,
    first_byte_timeout: Duration::from_secs(610),
    body_idle_timeout: Duration::from_secs(610),
};
