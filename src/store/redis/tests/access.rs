//! Rights, passwords, TLS and versions.

use std::sync::Mutex;

use super::*;

pub(super) const PASSWORD: &str = "correct-horse-battery";

fn open_as(server: &RedisChild, password: &str) -> RedisStore {
    RedisStore::connect(&settings(server.url_of("orgpass")), with_password(password)).unwrap()
}

/// The rules of the module's documentation, as lines of configuration.
pub(super) fn documented_users() -> Vec<String> {
    let source = include_str!("../../redis.rs");
    let users = source.split("ACL SETUSER ").skip(1).map(|user| user.split_once("```").expect("the rules end").0);
    let line = |rules: &str| {
        let rules = rules.replace("//!", " ").replace("PASSWORD", PASSWORD);
        format!("user {}", rules.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    users.map(line).chain([format!("user default on >{PASSWORD}-admin ~* &* +@all")]).collect()
}

fn rights(user: &str) -> Vec<String> {
    user.split(' ').filter(|word| word.starts_with('+')).map(|word| word.trim_end_matches(')').to_owned()).collect()
}

pub(super) fn set_right(server: &RedisChild, user: &str, rule: &str) {
    redis::cmd("ACL").arg("SETUSER").arg(user).arg(rule).exec(&mut server.raw()).unwrap();
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_none_is_superfluous() {
    let server = RedisChild::start_with(Options { config: documented_users(), ..Options::default() });
    let mut store = open_as(&server, PASSWORD);
    let mut changes = store.changes();
    let mut wished = store.wished();
    use_everything(&store).await.unwrap();
    until("announced", async || {
        store.announce(&acme()).await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), changes.recv()).await.ok()
    })
    .await
    .unwrap();
    let wish = Wish { key: acme(), need: Need::Next { refused: None, idle: None } };
    until("announced", async || {
        store.wish(&wish).await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), wished.recv()).await.ok()
    })
    .await
    .ok();
    assert_eq!(store.dangers().await.unwrap().len(), 1, "no persistence, which CONFIG tells");
    // Each right taken away breaks something; waiting, announcements and a Cluster's ways do not show here.
    for right in rights(&documented_users()[0]) {
        if ["+wait", "+info", "+config|get", "+subscribe", "+cluster|slots", "+asking"].contains(&&*right) {
            continue;
        }
        server.flush();
        set_right(&server, "orgpass", &right.replacen('+', "-", 1));
        store = open_as(&server, PASSWORD);
        let refused = use_everything(&store).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "without {right}: {refused:?}");
        set_right(&server, "orgpass", &right);
    }
    server.flush();
    use_everything(&open_as(&server, PASSWORD)).await.unwrap();
}

/// What a sidecar does: reads, and asks.
pub(super) async fn use_as_sidecar(store: &RedisStore) -> Result<(), StoreError> {
    store.ping().await?;
    assert!(store.read(&acme()).await?.unwrap().session.is_some());
    assert!(store.read(&ConnectionKey::parse("nobody", None).unwrap()).await?.is_none());
    store.has_hub().await?;
    for number in 0..2 {
        let refused = Some(Generation { number, ..Generation::first() });
        store.wish(&Wish { key: acme(), need: Need::Next { refused, idle: None } }).await?;
    }
    store.note_used(&[(acme(), Duration::ZERO)]).await?;
    assert_eq!(store.dangers().await?, [] as [&str; 0]);
    Ok(())
}

#[tokio::test]
async fn a_sidecar_reads_and_asks_and_can_do_nothing_else() {
    let server = RedisChild::start_with(Options { config: documented_users(), ..Options::default() });
    let hub = open_as(&server, PASSWORD);
    let (owner, record) = (Owner::random(), record("rt-1"));
    let read = record.head.generation;
    hub.put(&acme(), &record, PutWhen::Absent).await.unwrap();
    hub.take_lease(&acme(), &owner, Duration::from_secs(60)).await.unwrap();
    hub.attend(&owner, Duration::from_secs(60)).await.unwrap();
    let connect = || RedisStore::connect(&settings(server.url_of("orgpass-sidecar")), with_password(PASSWORD)).unwrap();
    let sidecar = connect();
    let mut changes = sidecar.changes();
    use_as_sidecar(&sidecar).await.unwrap();
    assert!(sidecar.has_hub().await.unwrap());
    assert_eq!(hub.wishes(10).await.unwrap().len(), 2);
    until("announced", async || {
        hub.announce(&acme()).await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), changes.recv()).await.ok()
    })
    .await
    .unwrap();

    let before = hub.read_record(&acme()).await.unwrap().unwrap();
    let commit = rotation(&record, "rt-2");
    let (attempt, spent) = (AttemptId::random(), token("rt-1"));
    let resealed = Resealed { old: record.grant.clone(), new: Sealed::from_bytes(vec![3]) };
    let wish = Wish { key: acme(), need: Need::Next { refused: None, idle: None } };
    let life = Duration::from_secs(60);
    let key = acme();
    let refused: [(&str, Option<StoreError>); 22] = [
        ("read_record", sidecar.read_record(&key).await.err()),
        ("take_lease", sidecar.take_lease(&key, &owner, life).await.err()),
        ("release_lease", sidecar.release_lease(&key, &owner).await.err()),
        ("write_intent", sidecar.write_intent(&key, &owner, read, &attempt, &spent, None).await.err()),
        ("clear_intent", sidecar.clear_intent(&key, &attempt).await.err()),
        ("commit", sidecar.commit(&key, &commit).await.err()),
        ("set_status", sidecar.set_status(&key, read, Status::Disconnected, None).await.err()),
        ("put", sidecar.put(&key, &record, PutWhen::At(read)).await.err()),
        ("remove", sidecar.remove(&key, None).await.err()),
        ("holder", sidecar.holder(&spent).await.err()),
        ("list", sidecar.list(None, None, 10).await.err()),
        ("announce", sidecar.announce(&key).await.err()),
        ("reseal", sidecar.reseal(&key, None, Some(&resealed)).await.err()),
        ("wishes", sidecar.wishes(10).await.err()),
        ("withdraw", sidecar.withdraw(&wish).await.err()),
        ("attend", sidecar.attend(&owner, life).await.err()),
        ("step_down", sidecar.step_down(&owner).await.err()),
        ("schedule", sidecar.schedule(&[(key.clone(), life)], ScheduleWhen::Always).await.err()),
        ("unschedule", sidecar.unschedule(&key).await.err()),
        ("take_due", sidecar.take_due(10, life).await.err()),
        ("events", sidecar.events(None, 10).await.err()),
        ("last_used", sidecar.last_used(std::slice::from_ref(&key)).await.err()),
    ];
    for (operation, error) in refused {
        let error = error.unwrap_or_else(|| panic!("{operation} is none of a sidecar's operations"));
        let text = error.to_string();
        assert!(matches!(&error, StoreError::Refused(_)), "{operation}: {text}");
        assert!(text.contains("lacks the right") && text.contains("orgpass:"), "{operation}: {text}");
    }

    // Past the program, with the sidecar's password.
    let url = server.url().replace("://", &format!("://orgpass-sidecar:{PASSWORD}@"));
    let mut raw = redis::Client::open(url).unwrap().get_connection().unwrap();
    let keys = Keys::of(&key);
    let sneak = format!("return redis.call('SET', '{}', 'x')", keys.status());
    for attack in [
        vec!["SET", &keys.status(), "x"],
        vec!["GET", &keys.grant()],
        vec!["MGET", &keys.grant()],
        vec!["MGET", &keys.intent(), &keys.lease()],
        vec!["EVAL_RO", "return redis.call('GET', KEYS[1])", "1", &keys.grant()],
        vec!["EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", &keys.session()],
        vec!["EVAL", &sneak, "1", keys::WANTED],
        vec!["EVAL", "return redis.call('PUBLISH', 'orgpass:changes', ARGV[1])", "1", keys::WANTED, "acme"],
        vec!["PUBLISH", "orgpass:changes", "acme"],
        vec!["SUBSCRIBE", "orgpass:wishes"],
        vec!["DEL", keys::WANTED],
        vec!["ZRANGE", keys::WANTED, "0", "-1"],
        vec!["ZRANGE", keys::USED, "0", "-1"],
        vec!["DEL", keys::USED],
        vec!["KEYS", "*"],
        vec!["FLUSHALL"],
    ] {
        let mut command = redis::cmd(attack[0]);
        let done: redis::RedisResult<redis::Value> = command.arg(&attack[1..]).query(&mut raw);
        let error = done.expect_err(&attack.join(" ")).to_string();
        assert!(error.contains("ermission") || error.contains("can't"), "{attack:?}: {error}");
    }
    let after = hub.read_record(&acme()).await.unwrap().unwrap();
    assert_eq!((after.head, after.session, after.grant), (before.head, before.session, before.grant));
    assert_eq!(hub.wishes(10).await.unwrap().len(), 2);

    for right in rights(&documented_users()[1]) {
        if ["+subscribe", "+cluster|slots", "+asking"].contains(&&*right) {
            continue;
        }
        let words = documented_users()[1].replace('(', "( ").replace(')', " )");
        let less: Vec<_> = words.split(' ').skip(2).filter(|word| *word != right).collect();
        let less = less.join(" ").replace("( ", "(").replace(" )", ")");
        let mut set = redis::cmd("ACL");
        set.arg("SETUSER").arg("orgpass-sidecar").arg("reset").arg(less.split(' ').collect::<Vec<_>>());
        set.exec(&mut server.raw()).unwrap();
        redis::cmd("SCRIPT").arg("FLUSH").exec(&mut server.raw()).unwrap();
        let refused = use_as_sidecar(&connect()).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "without {right}: {refused:?}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_ask_is_told_that_dangers_were_not_checked() {
    let mut config = documented_users();
    config[0] = config[0].replace("+info", "");
    let server = RedisChild::start_with(Options { config, ..Options::default() });
    let dangers = open_as(&server, PASSWORD).dangers().await.unwrap();
    assert!(dangers.len() == 1 && dangers[0].contains("could not be checked"), "{dangers:?}");
}

#[tokio::test]
async fn tls_with_a_root_of_ones_own_works_and_an_unknown_root_does_not() {
    let server = RedisChild::start_with(Options { tls: true, config: documented_users(), ..Options::default() });
    let settings = settings(server.url_of("orgpass"));
    let ca = server.ca_pem().unwrap().as_bytes().to_vec();
    let store = RedisStore::connect(&settings, Access { ca_pem: Some(ca), ..with_password(PASSWORD) }).unwrap();
    use_everything(&store).await.unwrap();
    let stranger = RedisStore::connect(&settings, with_password(PASSWORD)).unwrap();
    let error = stranger.ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("certificate")), "{error}");
    let broken = Some(b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec());
    let error = RedisStore::connect(&settings, Access { ca_pem: broken, ..with_password(PASSWORD) });
    assert!(matches!(error, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_is_shown_one() {
    let options = Options { tls: true, client_certificates: true, ..Options::default() };
    let server = RedisChild::start_with(options);
    let (cert, key) = server.client_pem().unwrap();
    let access = |cert: Option<&str>, key: Option<&str>| Access {
        ca_pem: server.ca_pem().map(|pem| pem.as_bytes().to_vec()),
        client_cert_pem: cert.map(|pem| pem.as_bytes().to_vec()),
        client_key_pem: key.map(|pem| Secret::new(pem.as_bytes().to_vec())),
        ..Access::default()
    };
    let store = RedisStore::connect(&settings(server.url()), access(Some(cert), Some(key))).unwrap();
    use_everything(&store).await.unwrap();
    let nameless = RedisStore::connect(&settings(server.url()), access(None, None)).unwrap();
    let error = nameless.ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(_)), "{error}");
    for (cert, key) in [(Some("noise"), Some(key)), (Some(cert), Some("noise"))] {
        let broken = RedisStore::connect(&settings(server.url()), access(cert, key));
        assert!(matches!(&broken, Err(StoreError::Refused(text)) if text.contains("client_key_file")), "{broken:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_without_showing_it_and_cured_without_a_restart() {
    let server = RedisChild::start_with(Options { config: documented_users(), ..Options::default() });
    let store = open_as(&server, "hunter2-hunter2");
    let error = store.ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(text) if text.contains("password_file")), "{error}");
    assert!(!format!("{error} {error:?} {store:?}").contains("hunter2"));
    let mut admin = server.raw();
    redis::cmd("ACL").arg("SETUSER").arg("orgpass").arg(">hunter2-hunter2").exec(&mut admin).unwrap();
    until("the password works", async || store.ping().await.ok()).await;
}

#[tokio::test]
async fn a_server_that_quotes_what_it_does_not_know_shows_no_password() {
    // Older or guarded servers answer to HELLO as to any unknown command: with its arguments.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://orgpass@{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let quote = format!("-ERR unknown command 'HELLO', with args beginning with: '{PASSWORD}'\r\n");
            let _ = stream.write_all(quote.repeat(3).as_bytes()).await;
            let _ = stream.read(&mut asked).await;
        }
    });
    let store = RedisStore::connect(&settings(url), with_password(PASSWORD)).unwrap();
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
}

#[tokio::test]
async fn an_old_server_is_refused_with_what_to_do() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                while let Ok(1..) = stream.read(&mut asked).await {
                    let commands = String::from_utf8_lossy(&asked).matches("HELLO").count().max(1);
                    let ok = "+OK\r\n+OK\r\n".repeat(usize::from(asked.windows(7).any(|part| part == b"SETINFO")));
                    asked.fill(0);
                    let hello = "%1\r\n$7\r\nversion\r\n$6\r\n6.2.14\r\n".repeat(commands);
                    let _ = stream.write_all(format!("{hello}{ok}").as_bytes()).await;
                }
            });
        }
    });
    let error = open(url).ping().await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Refused(text) if text.contains("6.2.14") && text.contains("upgrade")),
        "{error}"
    );
}

/// Credentials that change.
#[derive(Clone)]
struct Changing(Arc<Mutex<Result<Access, String>>>);

impl Credentials for Changing {
    fn read(&self) -> Result<Access, String> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_password_that_has_changed_is_used_for_the_next_connection() {
    let server = RedisChild::start_with(Options { config: documented_users(), ..Options::default() });
    let credentials = Changing(Arc::new(Mutex::new(Ok(with_password(PASSWORD)))));
    let store = RedisStore::connect(&settings(server.url_of("orgpass")), credentials.clone()).unwrap();
    store.ping().await.unwrap();
    let change_to = |password: &str| {
        set_right(&server, "orgpass", "resetpass");
        set_right(&server, "orgpass", &format!(">{password}"));
        redis::cmd("CLIENT").arg("KILL").arg("USER").arg("orgpass").exec(&mut server.raw()).unwrap();
    };

    change_to("another-password");
    let refused = until("refused", async || store.ping().await.err()).await;
    assert!(matches!(refused, StoreError::Refused(_) | StoreError::Unavailable(_)), "{refused:?}");
    *credentials.0.lock().unwrap() = Ok(with_password("another-password"));
    until("let in", async || store.ping().await.ok()).await;

    // What cannot be read changes nothing.
    *credentials.0.lock().unwrap() = Err("store.password_file: cannot read it".to_owned());
    redis::cmd("CLIENT").arg("KILL").arg("USER").arg("orgpass").exec(&mut server.raw()).unwrap();
    until("let in", async || store.ping().await.ok()).await;
    let nothing = RedisStore::connect(&settings(server.url_of("orgpass")), credentials);
    assert!(matches!(nothing, Err(StoreError::Refused(text)) if text.contains("password_file")));
}
