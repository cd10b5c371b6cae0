//! Ways to set Redis up that lose refresh tokens. What the user has no right to ask is named, not guessed.

use std::collections::HashMap;

use super::keys::INDEX;
use super::link::Link;
use crate::store::StoreError;

/// Every danger found, as a sentence with its fix. Masters that share a danger name it once.
pub(super) async fn find(link: &Link) -> Result<Vec<String>, StoreError> {
    let Some(infos) = permitted(link.query_masters::<String>(&redis::cmd("INFO")).await)? else {
        return unchecked(link).await;
    };
    let mut dangers = Vec::new();
    let mut is_volatile = false;
    for info in &infos {
        let info: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        if let Some(policy) = info.get("maxmemory_policy").filter(|policy| **policy != "noeviction") {
            let danger = format!(
                "Redis may evict connections when it is full (maxmemory-policy is {policy}), and a refresh token that \
                 is evicted is lost until a person consents again: set maxmemory-policy to noeviction."
            );
            if !dangers.contains(&danger) {
                dangers.push(danger);
            }
        }
        let alone = info.get("connected_slaves") == Some(&"0") && info.get("role") == Some(&"master");
        is_volatile |= alone && info.get("aof_enabled") == Some(&"0");
    }
    if is_volatile {
        dangers.extend(persistence(link).await?);
    }
    Ok(dangers)
}

// Whoever may not write need not be told: nothing of theirs can be lost, and those who write are told.
async fn unchecked(link: &Link) -> Result<Vec<String>, StoreError> {
    let writes_nothing = redis::cmd("ZREM").arg(INDEX).arg("").take();
    let may_write = permitted(link.query::<u64>(INDEX, &writes_nothing).await)?.is_some();
    let unchecked = "How Redis is set up could not be checked: allow its user the command info (ACL rule +info).";
    Ok(may_write.then(|| unchecked.to_owned()).into_iter().collect())
}

async fn persistence(link: &Link) -> Result<Option<String>, StoreError> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("save");
    let saves = permitted(link.query_masters::<HashMap<String, String>>(&command).await)?;
    let saves_nothing = |save: &HashMap<String, String>| save.get("save").is_none_or(String::is_empty);
    Ok(match saves.map(|saves| saves.iter().any(saves_nothing)) {
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
