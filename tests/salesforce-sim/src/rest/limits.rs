//! `/limits`: what the org has used of its quotas.

use http::{Method, StatusCode};
use serde_json::json;

use super::Admitted;
use crate::answer::Answer;
use crate::stop::Stop;

pub(crate) fn answer(request: &Admitted<'_>) -> Result<Answer, Stop> {
    request.only(&[Method::GET])?;
    let (most, used) = request.with_org(|org| (org.options.daily_api_requests, org.api_requests));
    let body = json!({
        "DailyApiRequests": {"Max": most, "Remaining": most.saturating_sub(used)},
        "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 15_000},
        "DataStorageMB": {"Max": 1_024, "Remaining": 1_000},
        "FileStorageMB": {"Max": 10_240, "Remaining": 10_000},
    });
    Ok(Answer::json(StatusCode::OK, &body))
}
