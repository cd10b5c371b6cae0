//! Any sequence of operations does the same to every store: the rules are written twice, in Rust and in Lua.

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_secs(600);
const CASES: u32 = 64;

/// One operation, on few connections, tokens, attempts and owners, so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Put { key: usize, token: Option<usize>, epoch: usize, over: Over, session: bool },
    Commit { key: usize, attempt: usize, epoch: usize, spent: Option<usize>, next: usize, status: usize, late: u64 },
    Intent { key: usize, owner: usize, at: At, attempt: usize, replaces: Option<usize> },
    ClearIntent { key: usize, attempt: usize },
    TakeLease { key: usize, owner: usize },
    ReleaseLease { key: usize, owner: usize },
    SetStatus { key: usize, at: At, status: usize },
    Remove { key: usize, at: Option<At> },
}

/// A generation: the one that is there, or another.
#[derive(Clone, Copy, Debug)]
enum At {
    Present,
    Of { epoch: usize, number: u64 },
}

#[derive(Clone, Copy, Debug)]
enum Over {
    Absent,
    At(At),
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![3 => Just(At::Present), 1 => (0..2usize, 1..3u64).prop_map(|(epoch, number)| At::Of { epoch, number })]
}

fn step() -> impl Strategy<Value = Step> {
    let (key, token, attempt, owner, epoch, status) =
        (0..2usize, 0..4usize, 0..7usize, 0..2usize, 0..2usize, 0..3usize);
    let over = prop_oneof![2 => Just(Over::Absent), 3 => at().prop_map(Over::At)];
    prop_oneof![
        3 => (key.clone(), proptest::option::weighted(0.9, token.clone()), epoch.clone(), over, any::<bool>())
            .prop_map(|(key, token, epoch, over, session)| Step::Put { key, token, epoch, over, session }),
        5 => (key.clone(), attempt.clone(), epoch, proptest::option::weighted(0.8, token.clone()), token, status.clone(), 0..2u64)
            .prop_map(|(key, attempt, epoch, spent, next, status, late)| Step::Commit { key, attempt, epoch, spent, next, status, late }),
        4 => (key.clone(), owner.clone(), at(), attempt.clone(), proptest::option::of(attempt.clone()))
            .prop_map(|(key, owner, at, attempt, replaces)| Step::Intent { key, owner, at, attempt, replaces }),
        1 => (key.clone(), attempt).prop_map(|(key, attempt)| Step::ClearIntent { key, attempt }),
        2 => (key.clone(), owner.clone()).prop_map(|(key, owner)| Step::TakeLease { key, owner }),
        1 => (key.clone(), owner).prop_map(|(key, owner)| Step::ReleaseLease { key, owner }),
        2 => (key.clone(), at(), status).prop_map(|(key, at, status)| Step::SetStatus { key, at, status }),
        1 => (key, proptest::option::of(at())).prop_map(|(key, at)| Step::Remove { key, at }),
    ]
}

const STATES: [(Status, Option<Cause>); 3] = [
    (Status::Active, None),
    (Status::Checking, Some(Cause::OutcomeUnknown)),
    (Status::Misconfigured, Some(Cause::AppBlocked)),
];

/// The values that the steps of one case speak of.
struct World {
    keys: [ConnectionKey; 2],
    epochs: [Generation; 2],
    attempts: Vec<AttemptId>,
    owners: [Owner; 2],
}

impl World {
    // Fresh names, so that cases do not meet in one store.
    fn new() -> Self {
        let name = Owner::random();
        Self {
            keys: [key(name.as_str(), None), key(name.as_str(), Some("u"))],
            epochs: [Generation::first(), Generation::first()],
            attempts: (0..7).map(|_| AttemptId::random()).collect(),
            owners: [Owner::random(), Owner::random()],
        }
    }

    fn token(&self, number: usize) -> String {
        format!("{} {number}", self.keys[0].tenant())
    }

    async fn generation(&self, store: &dyn Store, key: usize, at: At) -> Generation {
        match at {
            At::Of { epoch, number } => Generation { number, ..self.epochs[epoch] },
            At::Present => store.read(&self.keys[key]).await.unwrap().map_or(self.epochs[0], |row| row.head.generation),
        }
    }

    /// Does one step and says what came of it, without times.
    async fn run(&self, store: &dyn Store, step: &Step) -> String {
        match *step {
            Step::Put { key, token, epoch, over, session } => {
                let token = token.map(|token| self.token(token));
                let mut record = new_record(self.epochs[epoch], token.as_deref());
                record.session = record.session.filter(|_| session);
                let when = match over {
                    Over::Absent => PutWhen::Absent,
                    Over::At(at) => PutWhen::At(self.generation(store, key, at).await),
                };
                match store.put(&self.keys[key], &record, when).await.unwrap() {
                    Put::Conflict(Some(head)) => format!("conflict {:?}", timeless(*head)),
                    put => format!("{put:?}"),
                }
            }
            Step::Commit { key, attempt, epoch, spent, next, status, late } => {
                let present = self.generation(store, key, At::Present).await;
                let read = Generation { number: present.number - late.min(present.number), ..self.epochs[epoch] };
                let mut commit = rotation(read, "", &self.token(next));
                commit.spent = spent.map(|spent| fingerprint(&self.token(spent)));
                commit.attempt = self.attempts[attempt].clone();
                (commit.head.status, commit.head.cause) = STATES[status];
                commit.head.attempt = Some(commit.attempt.clone());
                commit.session = sealed(&format!("{attempt} {next}"));
                commit.grant = sealed(&format!("grant {attempt} {next}"));
                format!("{:?}", store.commit(&self.keys[key], &commit).await.unwrap())
            }
            Step::Intent { key, owner, at, attempt, replaces } => {
                let read = self.generation(store, key, at).await;
                let (spent, replaces) = (fingerprint("any"), replaces.map(|number| &self.attempts[number]));
                let (key, owner) = (&self.keys[key], &self.owners[owner]);
                let write = store.write_intent(key, owner, read, &self.attempts[attempt], &spent, replaces).await;
                match write.unwrap() {
                    IntentWrite::Foreign(open) => format!("foreign {:?}", open.attempt),
                    write => format!("{write:?}"),
                }
            }
            Step::ClearIntent { key, attempt } => {
                format!("{:?}", store.clear_intent(&self.keys[key], &self.attempts[attempt]).await.unwrap())
            }
            Step::TakeLease { key, owner } => {
                format!("{}", store.take_lease(&self.keys[key], &self.owners[owner], LONG).await.unwrap())
            }
            Step::ReleaseLease { key, owner } => {
                format!("{:?}", store.release_lease(&self.keys[key], &self.owners[owner]).await.unwrap())
            }
            Step::SetStatus { key, at, status } => {
                let read = self.generation(store, key, at).await;
                let (status, cause) = STATES[status];
                format!("{}", store.set_status(&self.keys[key], read, status, cause).await.unwrap())
            }
            Step::Remove { key, at } => {
                let at = match at {
                    None => None,
                    Some(at) => Some(self.generation(store, key, at).await),
                };
                format!("{}", store.remove(&self.keys[key], at).await.unwrap())
            }
        }
    }

    /// Everything that can be read, without times.
    async fn state(&self, store: &dyn Store) -> String {
        let mut state = Vec::new();
        for key in &self.keys {
            let row = store.read(key).await.unwrap().map(|row| (timeless(row.head), row.session));
            let record = store.read_record(key).await.unwrap();
            let record = record.map(|r| (timeless(r.head), r.session, r.grant, r.intent.map(|open| open.attempt)));
            assert_eq!(row, record.clone().map(|(head, session, ..)| (head, session)));
            let bytes = record.as_ref().map(|(_, session, grant, _)| {
                (session.as_ref().map(|session| session.as_bytes().to_vec()), grant.as_bytes().to_vec())
            });
            state.push(format!("{record:?} {bytes:?}"));
        }
        for token in 0..4 {
            state.push(format!("{:?}", store.holder(&fingerprint(&self.token(token))).await.unwrap()));
        }
        let page = store.list(Some(self.keys[0].tenant()), None, 10).await.unwrap();
        state.push(format!("{:?}", page.connections.into_iter().map(|(key, _)| key).collect::<Vec<_>>()));
        state.join("\n")
    }
}

/// The events after the last one seen, without what is each store's own.
async fn events_since(store: &dyn Store, last: &mut Option<String>) -> String {
    let mut told = String::new();
    loop {
        let events = store.events(last.as_deref(), 100).await.unwrap();
        let Some(newest) = events.last() else { return told };
        *last = Some(newest.id.clone());
        for event in events {
            told += &format!("{:?} {:?} {:?}\n", event.key, event.before, event.after);
        }
    }
}

fn timeless(head: Head) -> Head {
    Head { since: StoreTime(0), stored: StoreTime(0), ..head }
}

#[test]
fn any_sequence_of_operations_does_the_same_to_every_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let places = runtime.block_on(async { [Place::embedded(), Place::redis()] });
    let last = [Cell::new(None), Cell::new(None)];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(CASES));
    let outcome = runner.run(&proptest::collection::vec(step(), 1..40), |steps| {
        runtime.block_on(async {
            let world = World::new();
            for (number, step) in steps.iter().enumerate() {
                let [embedded, redis] = &places;
                let came = (world.run(&*embedded.store, step).await, world.run(&*redis.store, step).await);
                prop_assert_eq!(&came.0, &came.1, "step {} {:?}", number, step);
                let left = (world.state(&*embedded.store).await, world.state(&*redis.store).await);
                prop_assert_eq!(left.0, left.1, "after step {} {:?}", number, step);
            }
            let mut told = [String::new(), String::new()];
            for number in 0..2 {
                let mut cursor = last[number].take();
                told[number] = events_since(&*places[number].store, &mut cursor).await;
                last[number].set(cursor);
            }
            prop_assert_eq!(&told[0], &told[1]);
            Ok(())
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
