//! What every list that goes on and on is asked with.

use serde::Deserialize;
use utoipa::IntoParams;

use super::Problem;

const USUAL_PAGE: usize = 100;
const MAX_PAGE: usize = 1000;
const MAX_ID: usize = 64;

/// Which part of a list in order of time.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// After this id only; from the oldest kept on if it is left out.
    #[param(max_length = 64)]
    pub(super) after: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl Part {
    /// How many, if the part can be asked for.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        if self.after.as_ref().is_some_and(|after| after.len() > MAX_ID) {
            return Err(Problem::field("after", format!("must be an id of the list, at most {MAX_ID} bytes")));
        }
        page_of(self.limit)
    }
}

/// The length of a page.
pub(super) fn page_of(limit: Option<usize>) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(USUAL_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::field("limit", format!("must be from 1 to {MAX_PAGE}")));
    }
    Ok(limit)
}
