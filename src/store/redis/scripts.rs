//! The scripts: each decides and writes in one step of Redis, by Redis' clock. Their rules are those of the embedded
//! store's writes; the contract's tests hold the two together. They return a word and up to two rows.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{FromRedisValue, RedisResult, Script, ScriptInvocation};

use super::keys::Keys;
use crate::connection::{ConnectionKey, Generation};
use crate::store::stored_head::{REMEMBERED_ATTEMPTS, StoredHead, corrupt};
use crate::store::{
    AttemptId, Commit, Fingerprint, NewRecord, Owner, PutWhen, Resealed, ScheduleWhen, StoreError, StoreTime,
};

/// What a script says: a word, the row as it is now, the row as it was.
pub(super) struct Said {
    pub(super) word: String,
    new: Option<Vec<u8>>,
    old: Option<Vec<u8>>,
}

/// A connection's clear row after and before a write, as far as there is one.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) new: Option<StoredHead>,
    pub(super) old: Option<StoredHead>,
}

impl Said {
    /// The rows; fails if the script or this program found one corrupt.
    pub(super) fn rows(&self, key: &ConnectionKey) -> Result<Rows, StoreError> {
        let parse = |row: &Option<Vec<u8>>| row.as_ref().map(|row| StoredHead::parse(key, row)).transpose();
        Ok(Rows { new: parse(&self.new)?, old: parse(&self.old)? })
    }

    /// The row in first place, unread.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.new.as_deref()
    }

    /// Fails if the script could not read what it found.
    pub(super) fn check(self, key: &ConnectionKey) -> Result<Self, StoreError> {
        match self.word.as_str() {
            "corrupt status" => Err(corrupt(key, "its status is not in a form that this version knows")),
            "corrupt intent" => Err(corrupt(key, "its intent is not in a form that this version knows")),
            _ => Ok(self),
        }
    }
}

/// A script with its keys and arguments.
pub(super) struct Call(ScriptInvocation<'static>);

impl Call {
    /// Runs it, loading it first where it is not known.
    pub(super) async fn run(&self, connection: &mut impl ConnectionLike) -> RedisResult<Said> {
        let (word, new, old) = self.ask(connection).await?;
        Ok(Said { word, new, old })
    }

    /// Runs a script that answers in a form of its own.
    pub(super) async fn ask<T: FromRedisValue>(&self, connection: &mut impl ConnectionLike) -> RedisResult<T> {
        self.0.invoke_async(connection).await
    }
}

const SHARED: &str = include_str!("scripts/shared.lua");

macro_rules! script {
    ($name:ident, $file:literal) => {
        static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(&[SHARED, include_str!(concat!("scripts/", $file))].concat()));
    };
}

script!(READ, "read.lua");
script!(TAKE_LEASE, "take_lease.lua");
script!(RELEASE, "release.lua");
script!(WRITE_INTENT, "write_intent.lua");
script!(CLEAR_INTENT, "clear_intent.lua");
script!(COMMIT, "commit.lua");
script!(SET_STATUS, "set_status.lua");
script!(PUT, "put.lua");
script!(REMOVE, "remove.lua");
script!(RESEAL, "reseal.lua");
script!(WISH, "wish.lua");
script!(ATTEND, "attend.lua");
script!(SCHEDULE, "schedule.lua");
script!(TAKE_DUE, "take_due.lua");

/// A row as Redis has it.
type Raw = Option<Vec<u8>>;
/// Redis' time: seconds and microseconds.
pub(super) type RawTime = (u64, u64);
/// The rows of a record, unread, and the time: status, session, grant, intent.
pub(super) type RawRecord = ((Raw, Raw, Raw, Raw), RawTime);

/// Redis' time as the store's.
pub(super) fn store_time((seconds, micros): RawTime) -> StoreTime {
    StoreTime(seconds * 1000 + micros / 1000)
}

/// Reads status and session at one moment, with the time.
pub(super) async fn read(keys: &Keys, connection: &mut impl ConnectionLike) -> RedisResult<((Raw, Raw), RawTime)> {
    let mut call = READ.prepare_invoke();
    call.key(keys.status()).key(keys.session());
    call.invoke_async(connection).await
}

/// Reads all rows at one moment.
pub(super) async fn read_record(keys: &Keys, connection: &mut impl ConnectionLike) -> RedisResult<RawRecord> {
    let mut call = READ.prepare_invoke();
    call.key(keys.status()).key(keys.session()).key(keys.grant()).key(keys.intent());
    call.invoke_async(connection).await
}

pub(super) fn take_lease(keys: &Keys, owner: &Owner, life: Duration) -> Call {
    let mut call = TAKE_LEASE.prepare_invoke();
    call.key(keys.lease()).arg(owner.as_str()).arg(millis(life).max(1));
    Call(call)
}

/// Deletes `name` if it has this value: a lease, or a hint.
pub(super) fn release(name: String, value: &str) -> Call {
    let mut call = RELEASE.prepare_invoke();
    call.key(name).arg(value);
    Call(call)
}

pub(super) fn write_intent(
    keys: &Keys,
    owner: &Owner,
    read: Generation,
    attempt: &AttemptId,
    fingerprint: &Fingerprint,
    replaces: Option<&AttemptId>,
) -> Call {
    let mut call = WRITE_INTENT.prepare_invoke();
    call.key(keys.status()).key(keys.lease()).key(keys.intent());
    call.arg(owner.as_str()).arg(read.epoch.to_string()).arg(read.number);
    call.arg(attempt.as_str()).arg(fingerprint.as_str()).arg(replaces.map_or("", AttemptId::as_str));
    Call(call)
}

/// Removes the intent of `attempt`, or puts back the one that stood there before it.
pub(super) fn clear_intent(keys: &Keys, attempt: &AttemptId, before: Option<&[u8]>) -> Call {
    let mut call = CLEAR_INTENT.prepare_invoke();
    call.key(keys.intent()).arg(attempt.as_str());
    if let Some(before) = before {
        call.arg(before);
    }
    Call(call)
}

pub(super) fn commit(keys: &Keys, commit: &Commit) -> Call {
    let mut call = COMMIT.prepare_invoke();
    call.key(keys.status()).key(keys.session()).key(keys.grant()).key(keys.intent());
    call.arg(commit.attempt.as_str()).arg(commit.read.epoch.to_string());
    call.arg(commit.spent.as_ref().map_or("", Fingerprint::as_str)).arg(json(&commit.head));
    call.arg(commit.session.as_bytes()).arg(commit.grant.as_bytes()).arg(REMEMBERED_ATTEMPTS);
    Call(call)
}

pub(super) fn set_status(keys: &Keys, read: Generation, state: &impl serde::Serialize) -> Call {
    let mut call = SET_STATUS.prepare_invoke();
    call.key(keys.status()).arg(read.epoch.to_string()).arg(read.number).arg(json(state));
    Call(call)
}

pub(super) fn put(keys: &Keys, record: &NewRecord, when: PutWhen) -> Call {
    let (epoch, number) = match when {
        PutWhen::Absent => (String::new(), 0),
        PutWhen::At(generation) => (generation.epoch.to_string(), generation.number),
    };
    let mut call = PUT.prepare_invoke();
    call.key(keys.status()).key(keys.session()).key(keys.grant()).key(keys.intent());
    call.arg(epoch).arg(number).arg(json(&record.head)).arg(record.grant.as_bytes());
    if let Some(session) = &record.session {
        call.arg(session.as_bytes());
    }
    Call(call)
}

pub(super) fn remove(keys: &Keys, at: Option<Generation>) -> Call {
    let mut call = REMOVE.prepare_invoke();
    call.key(keys.status()).key(keys.session()).key(keys.grant()).key(keys.intent());
    if let Some(at) = at {
        call.arg(at.epoch.to_string()).arg(at.number);
    }
    Call(call)
}

/// Puts new values in the place of exactly these old ones.
pub(super) fn reseal(keys: &Keys, session: Option<&Resealed>, grant: Option<&Resealed>) -> Call {
    let mut call = RESEAL.prepare_invoke();
    call.key(keys.session()).key(keys.grant());
    for resealed in [session, grant] {
        // Nothing that is sealed is empty.
        call.arg(resealed.map_or(&[][..], |resealed| resealed.old.as_bytes()));
        call.arg(resealed.map_or(&[][..], |resealed| resealed.new.as_bytes()));
    }
    Call(call)
}

/// Adds a wish, drops the oldest beyond `most`, and announces that there are wishes.
pub(super) fn wish(wanted: &str, text: &str, most: usize, channel: &str) -> Call {
    let mut call = WISH.prepare_invoke();
    call.key(wanted).arg(text).arg(most).arg(channel);
    Call(call)
}

/// Renews the heartbeat, and the lead if nobody else has it.
pub(super) fn attend(heartbeat: &str, leader: &str, hub: &Owner, life: Duration) -> Call {
    let mut call = ATTEND.prepare_invoke();
    call.key(heartbeat).key(leader).arg(hub.as_str()).arg(millis(life).max(1));
    Call(call)
}

/// Sets when connections are due.
pub(super) fn schedule(due: &str, delays: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Call {
    let mut call = SCHEDULE.prepare_invoke();
    call.key(due).arg(if when == ScheduleWhen::Absent { "absent" } else { "always" });
    for (key, delay) in delays {
        call.arg(key.encode()).arg(millis(*delay));
    }
    Call(call)
}

/// Reads what is due and puts it off.
pub(super) fn take_due(due: &str, limit: usize, claim: Duration) -> Call {
    let mut call = TAKE_DUE.prepare_invoke();
    call.key(due).arg(limit).arg(millis(claim));
    Call(call)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("heads have text keys only")
}
