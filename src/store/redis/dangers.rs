//! Ways to set Redis up that lose refresh tokens. What the user has no right to ask is named, not guessed.

use std::collections::HashMap;

use super::connect::Link;
use crate::store::StoreError;

/// Every danger found, as a sentence with its fix.
pub(super) async fn find(link: &Link) -> Result<Vec<String>, StoreError> {
    let Some(info) = permitted(link.query::<String>(&redis::cmd("INFO")).await)? else {
        return Ok(vec![
            "How Redis is set up could not be checked: allow its user the command info (ACL rule +info).".to_owned(),
        ]);
    };
    let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
    let mut dangers = Vec::new();
    match info.get("maxmemory_policy") {
        Some(&"noeviction") | None => {}
        Some(policy) => dangers.push(format!(
            "Redis may evict connections when it is full (maxmemory-policy is {policy}), and a refresh token that is \
             evicted is lost until a person consents again: set maxmemory-policy to noeviction."
        )),
    }
    let alone = info.get("connected_slaves") == Some(&"0") && info.get("role") == Some(&"master");
    if alone && info.get("aof_enabled") == Some(&"0") {
        dangers.extend(persistence(link).await?);
    }
    Ok(dangers)
}

async fn persistence(link: &Link) -> Result<Option<String>, StoreError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("save");
    let save = permitted(link.query::<HashMap<String, String>>(&command).await)?;
    Ok(match save.as_ref().map(|save| save.get("save").is_none_or(String::is_empty)) {
        Some(true) => Some(
            "Redis writes nothing to a disk and has no replica, so a restart loses every connection: set appendonly \
             to yes."
                .to_owned(),
        ),
        Some(false) => None,
        None => Some(
            "Redis has no append-only file and no replica, and whether it saves snapshots could not be checked: set \
             appendonly to yes, or allow its user config|get to have snapshots recognised."
                .to_owned(),
        ),
    })
}

// Managed servers forbid some of these commands, by ACL or by not knowing them.
fn permitted<T>(answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(StoreError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
