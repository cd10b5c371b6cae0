//! Errors in the form of APIs that answer with one JSON object.

use http::StatusCode;
use serde::Serialize;

use super::to_json;

#[derive(Serialize)]
struct DataCloudError<'a> {
    error: &'a str,
    message: &'a str,
}

/// Account Engagement's codes are numbers below 200, so that a status is none of them.
#[derive(Serialize)]
struct AccountEngagementError<'a> {
    code: u16,
    message: &'a str,
}

#[derive(Serialize)]
struct PlatformErrors<'a> {
    errors: [PlatformError<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlatformError<'a> {
    error_code: &'a str,
    message: &'a str,
}

pub(super) fn data_cloud(code: &str, message: &str) -> String {
    to_json(&DataCloudError { error: code, message })
}

pub(super) fn account_engagement(status: StatusCode, message: &str) -> String {
    to_json(&AccountEngagementError { code: status.as_u16(), message })
}

pub(super) fn platform(code: &str, message: &str) -> String {
    to_json(&PlatformErrors { errors: [PlatformError { error_code: code, message }] })
}
