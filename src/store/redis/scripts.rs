//! The scripts: each decides and writes in one step of Redis, by Redis' clock. Their rules are those of the embedded
//! store's writes; the contract's tests hold the two together. Those over a record return a word and up to two rows.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, ParsingError, Script, ToRedisArgs, Value};

use super::keys::{DUE, EVENTS, HUB, Keys, LEADER, TOLD, WANTED, WISHES};
use crate::connection::{ConnectionKey, Generation};
use crate::store::stored_head::{REMEMBERED_ATTEMPTS, StoredHead, corrupt};
use crate::store::{
    AttemptId, Commit, DocumentWhen, Fingerprint, MAX_EVENTS, NewRecord, Owner, PutWhen, Resealed, ScheduleWhen,
    StoreError, StoreTime,
};

/// How many events are remembered as told: one that is still owed by then is told again.
const REMEMBERED_EVENTS: usize = 10_000;

/// What a script says: a word, the row as it is now, the row as it was, and of one that is gone the events that are owed.
pub(super) struct Said {
    pub(super) word: String,
    new: Option<Vec<u8>>,
    old: Option<Vec<u8>>,
    owed: Option<Vec<u8>>,
}

/// A connection's clear row after and before a write, as far as there is one.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) new: Option<StoredHead>,
    pub(super) old: Option<StoredHead>,
}

impl FromRedisValue for Said {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let values: Vec<Value> = redis::from_redis_value(value)?;
        let mut values = values.into_iter().map(redis::from_redis_value::<Option<Vec<u8>>>);
        let word = values.next().transpose()?.flatten().unwrap_or_default();
        let mut row = || values.next().transpose().map(Option::flatten);
        Ok(Self { word: String::from_utf8_lossy(&word).into_owned(), new: row()?, old: row()?, owed: row()? })
    }
}

impl Said {
    /// The rows; fails if the script or this program found one corrupt.
    pub(super) fn rows(&self, key: &ConnectionKey) -> Result<Rows, StoreError> {
        let parse = |row: &Option<Vec<u8>>| row.as_ref().map(|row| StoredHead::parse(key, row)).transpose();
        Ok(Rows { new: parse(&self.new)?, old: parse(&self.old)? })
    }

    /// The events that are owed of a connection that is gone, if any are.
    pub(super) fn owed(&self) -> Option<&[u8]> {
        self.owed.as_deref()
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

/// A script: its text, and the hash by which a server knows it once it has seen it.
struct Lua {
    text: String,
    hash: String,
}

impl Lua {
    fn new(own: &str) -> Self {
        let text = [include_str!("scripts/shared.lua"), own].concat();
        Self { hash: Script::new(&text).get_hash().to_owned(), text }
    }

    fn call(&'static self, keys: &[String]) -> Call {
        Call { lua: self, keys: keys.to_vec(), arguments: Vec::new() }
    }
}

/// A script with its keys and arguments. Its keys are of one slot.
pub(super) struct Call {
    lua: &'static Lua,
    keys: Vec<String>,
    arguments: Vec<Vec<u8>>,
}

impl Call {
    fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// A key that says where it is to be run.
    pub(super) fn key(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    /// The command for a server that has seen the script.
    pub(super) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.lua.hash)
    }

    /// The command with the whole script, which the server then has seen. In a Cluster each node has to.
    pub(super) fn whole(&self) -> Cmd {
        self.command("EVAL", &self.lua.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        static $name: LazyLock<Lua> = LazyLock::new(|| Lua::new(include_str!(concat!("scripts/", $file))));
    };
}

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
script!(PUT_DOCUMENT, "put_document.lua");
script!(TELL, "tell.lua");
script!(SETTLE, "settle.lua");
script!(SETTLE_ROW, "settle_row.lua");
script!(REMOVE_DOCUMENT, "remove_document.lua");

/// A row as Redis has it.
pub(super) type Raw = Option<Vec<u8>>;
/// Redis' time: seconds and microseconds.
pub(super) type RawTime = (u64, u64);
/// The rows of a record, unread, and the time: status, session, grant, intent.
pub(super) type RawRecord = ((Raw, Raw, Raw, Raw), RawTime);

/// Redis' time as the store's.
pub(super) fn store_time((seconds, micros): RawTime) -> StoreTime {
    StoreTime(seconds * 1000 + micros / 1000)
}

/// Reads status and session at one moment, with the time. The script says that it only reads: a server takes any other
/// for one that writes, to which not every reader has the right.
pub(super) fn read(keys: &Keys) -> Cmd {
    read_only(&[keys.status(), keys.session()])
}

/// Reads all rows at one moment.
pub(super) fn read_record(keys: &Keys) -> Cmd {
    read_only(&rows(keys))
}

fn read_only(keys: &[String]) -> Cmd {
    let mut command = redis::cmd("EVAL_RO");
    command.arg(include_str!("scripts/read.lua")).arg(keys.len()).arg(keys);
    command
}

pub(super) fn take_lease(keys: &Keys, owner: &Owner, life: Duration) -> Call {
    TAKE_LEASE.call(&[keys.lease()]).arg(owner.as_str()).arg(millis(life).max(1))
}

/// Deletes `name` if it has this value: a lease, or a hint.
pub(super) fn release(name: String, value: &str) -> Call {
    RELEASE.call(&[name]).arg(value)
}

pub(super) fn write_intent(
    keys: &Keys,
    owner: &Owner,
    read: Generation,
    attempt: &AttemptId,
    fingerprint: &Fingerprint,
    replaces: Option<&AttemptId>,
) -> Call {
    let call = WRITE_INTENT.call(&[keys.status(), keys.lease(), keys.intent()]);
    let call = call.arg(owner.as_str()).arg(read.epoch.to_string()).arg(read.number);
    call.arg(attempt.as_str()).arg(fingerprint.as_str()).arg(replaces.map_or("", AttemptId::as_str))
}

/// Removes the intent of `attempt`, or puts back the one that stood there before it.
pub(super) fn clear_intent(keys: &Keys, attempt: &AttemptId, before: Option<&[u8]>) -> Call {
    let call = CLEAR_INTENT.call(&[keys.intent()]).arg(attempt.as_str());
    match before {
        Some(before) => call.arg(before),
        None => call,
    }
}

pub(super) fn commit(keys: &Keys, commit: &Commit) -> Call {
    let call = COMMIT.call(&rows(keys)).arg(commit.attempt.as_str()).arg(commit.read.epoch.to_string());
    let call = call.arg(commit.spent.as_ref().map_or("", Fingerprint::as_str)).arg(json(&commit.head));
    call.arg(commit.session.as_bytes()).arg(commit.grant.as_bytes()).arg(REMEMBERED_ATTEMPTS)
}

pub(super) fn set_status(keys: &Keys, read: Generation, state: &impl serde::Serialize) -> Call {
    SET_STATUS.call(&[keys.status()]).arg(read.epoch.to_string()).arg(read.number).arg(json(state))
}

pub(super) fn put(keys: &Keys, record: &NewRecord, when: PutWhen) -> Call {
    let (epoch, number) = match when {
        PutWhen::Absent => (String::new(), 0),
        PutWhen::At(generation) => (generation.epoch.to_string(), generation.number),
    };
    let call = PUT.call(&rows(keys)).arg(epoch).arg(number).arg(json(&record.head)).arg(record.grant.as_bytes());
    match &record.session {
        Some(session) => call.arg(session.as_bytes()),
        None => call,
    }
}

pub(super) fn remove(keys: &Keys, at: Option<Generation>) -> Call {
    let [status, session, grant, intent] = rows(keys);
    let call = REMOVE.call(&[status, session, grant, intent, keys.owed()]);
    match at {
        Some(at) => call.arg(at.epoch.to_string()).arg(at.number),
        None => call,
    }
}

/// Puts new values in the place of exactly these old ones.
pub(super) fn reseal(keys: &Keys, session: Option<&Resealed>, grant: Option<&Resealed>) -> Call {
    [session, grant].into_iter().fold(RESEAL.call(&[keys.session(), keys.grant()]), |call, resealed| {
        // Nothing that is sealed is empty.
        let bytes = resealed.map_or((&[][..], &[][..]), |both| (both.old.as_bytes(), both.new.as_bytes()));
        call.arg(bytes.0).arg(bytes.1)
    })
}

/// Adds a wish, drops the oldest beyond `most`, and announces that there are wishes.
pub(super) fn wish(text: &str, most: usize) -> Call {
    WISH.call(&[WANTED.to_owned()]).arg(text).arg(most).arg(WISHES)
}

/// Renews the heartbeat, and the lead if nobody else has it.
pub(super) fn attend(hub: &Owner, life: Duration) -> Call {
    ATTEND.call(&[HUB.to_owned(), LEADER.to_owned()]).arg(hub.as_str()).arg(millis(life).max(1))
}

/// Sets when connections are due.
pub(super) fn schedule(delays: &[(ConnectionKey, Duration)], when: ScheduleWhen) -> Call {
    let which = if when == ScheduleWhen::Absent { "absent" } else { "always" };
    let call = SCHEDULE.call(&[DUE.to_owned()]).arg(which);
    delays.iter().fold(call, |call, (key, delay)| call.arg(key.encode()).arg(millis(*delay)))
}

/// Writes a document.
pub(super) fn put_document(key: String, value: &[u8], when: DocumentWhen<'_>, life: Option<Duration>) -> Call {
    let (when, was): (&str, &[u8]) = match when {
        DocumentWhen::Always => ("always", &[]),
        DocumentWhen::Absent => ("absent", &[]),
        DocumentWhen::Was(was) => ("was", was),
    };
    let life = life.map_or_else(String::new, |life| millis(life).max(1).to_string());
    PUT_DOCUMENT.call(&[key]).arg(when).arg(was).arg(value).arg(life)
}

/// Removes a document.
pub(super) fn remove_document(key: String, was: Option<&[u8]>) -> Call {
    REMOVE_DOCUMENT.call(&[key]).arg(was.map_or("always", |_| "was")).arg(was.unwrap_or_default())
}

/// Reads what is due and puts it off.
pub(super) fn take_due(limit: usize, claim: Duration) -> Call {
    TAKE_DUE.call(&[DUE.to_owned()]).arg(limit).arg(millis(claim))
}

/// Adds an event of this name to the stream, once.
pub(super) fn tell(name: &[u8], event: &[u8]) -> Call {
    TELL.call(&[EVENTS.to_owned(), TOLD.to_owned()]).arg(name).arg(event).arg(MAX_EVENTS).arg(REMEMBERED_EVENTS)
}

/// Takes these events off what a row owes.
pub(super) fn settle_row(keys: &Keys, owed: &[u8]) -> Call {
    SETTLE_ROW.call(&[keys.status()]).arg(owed)
}

/// Takes these events off what a connection owes that is gone.
pub(super) fn settle(keys: &Keys, owed: &[u8]) -> Call {
    SETTLE.call(&[keys.owed()]).arg(owed)
}

fn rows(keys: &Keys) -> [String; 4] {
    [keys.status(), keys.session(), keys.grant(), keys.intent()]
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("heads have text keys only")
}
