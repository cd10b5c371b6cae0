//! Jobs and their batches.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::wording::elements_of;
use crate::clock::Millis;
use crate::state::objects::key_prefix;
use crate::state::sessions::Identity;

/// An org's jobs by id.
pub(crate) type Jobs = BTreeMap<String, Job>;

/// The format of a job's batches and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    Csv,
    Json,
    Xml,
}

pub(crate) struct Job {
    pub(super) id: String,
    pub(super) operation: String,
    pub(super) object: String,
    pub(super) external_id: Option<String>,
    pub(super) concurrency: String,
    pub(super) content_type: ContentType,
    pub(super) state: String,
    pub(super) created: Millis,
    pub(super) created_by: String,
    pub(super) version: String,
    /// How many records a chunk has, where a query is to be split by their ids.
    pub(super) chunk: Option<usize>,
    pub(super) batches: Vec<Batch>,
}

pub(super) struct Batch {
    pub(super) id: String,
    pub(super) state: &'static str,
    pub(super) message: Option<String>,
    pub(super) created: Millis,
    pub(super) request: Bytes,
    /// What was done with the rows, or what a query found, in the job's own format.
    pub(super) outcome: Bytes,
    /// The name of what a query found.
    pub(super) result_id: Option<String>,
    pub(super) processed: usize,
    pub(super) failed: usize,
}

/// What a batch is to be processed for.
pub(super) struct Work {
    pub(super) operation: String,
    pub(super) object: String,
    pub(super) external_id: Option<String>,
    pub(super) content_type: ContentType,
    pub(super) version: String,
    pub(super) chunk: Option<usize>,
}

const OPERATIONS: [&str; 8] = ["insert", "update", "upsert", "delete", "hardDelete", "query", "queryAll", "undelete"];
/// How many records a chunk has if the client does not say, and at most.
const CHUNK: (usize, usize) = (100_000, 250_000);

impl Job {
    /// The job that a request describes, or what is wrong with it.
    pub(super) fn asked(
        body: &[u8],
        id: String,
        now: Millis,
        user: &Identity,
        version: &str,
        chunks: Option<&str>,
    ) -> Result<Self, &'static str> {
        let mut asked = elements_of(body).ok_or("Failed to parse job")?;
        let (Some(operation), Some(object)) = (asked.remove("operation"), asked.remove("object")) else {
            return Err("operation and object are required");
        };
        if !OPERATIONS.contains(&operation.as_str()) {
            return Err("Unknown operation");
        }
        if key_prefix(&object).is_none() {
            return Err("Unable to find object");
        }
        let external_id = asked.remove("externalIdFieldName");
        if operation == "upsert" && external_id.is_none() {
            return Err("External ID was blank for upsert");
        }
        let content_type = match asked.remove("contentType").as_deref() {
            None | Some("XML") => ContentType::Xml,
            Some("CSV") => ContentType::Csv,
            Some("JSON") => ContentType::Json,
            Some(_) => return Err("Unsupported content type"),
        };
        Ok(Self {
            id,
            operation,
            object,
            external_id,
            concurrency: asked.remove("concurrencyMode").unwrap_or_else(|| "Parallel".to_owned()),
            content_type,
            state: "Open".to_owned(),
            created: now,
            created_by: user.user_id.clone(),
            version: version.to_owned(),
            chunk: chunks.and_then(chunk_size),
            batches: Vec::new(),
        })
    }

    pub(super) fn is_query(&self) -> bool {
        self.operation.starts_with("query")
    }

    pub(super) fn work(&self) -> Work {
        Work {
            operation: self.operation.clone(),
            object: self.object.clone(),
            external_id: self.external_id.clone(),
            content_type: self.content_type,
            version: format!("v{}", self.version),
            chunk: self.chunk,
        }
    }
}

/// `TRUE`, or `chunkSize=n` among other options.
fn chunk_size(header: &str) -> Option<usize> {
    if header.trim().eq_ignore_ascii_case("false") {
        return None;
    }
    let sizes = header.split(';').filter_map(|option| option.trim().strip_prefix("chunkSize="));
    let size = sizes.filter_map(|size| size.trim().parse::<usize>().ok()).next();
    Some(size.unwrap_or(CHUNK.0).clamp(1, CHUNK.1))
}

impl ContentType {
    pub(super) fn is_json(self) -> bool {
        self == Self::Json
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_whether_and_how_a_query_is_split() {
        assert_eq!(chunk_size("TRUE"), Some(100_000));
        assert_eq!(chunk_size("chunkSize=2; startRow=00Dxx"), Some(2));
        assert_eq!(chunk_size("chunkSize=9999999"), Some(250_000));
        assert_eq!(chunk_size("false"), None);
    }
}
