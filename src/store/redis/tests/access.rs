//! Rights, passwords, TLS and versions.

use super::*;

const PASSWORD: &str = "correct-horse-battery";

fn open_as(server: &RedisChild, password: &str) -> RedisStore {
    let password = Secret::new(password.to_owned());
    RedisStore::connect(&settings(server.url_of("orgpass")), Some(&password), None).unwrap()
}

/// The rules of the module's documentation, as lines of configuration.
fn documented_user() -> Vec<String> {
    let source = include_str!("../../redis.rs");
    let (_, rules) = source.split_once("ACL SETUSER ").expect("the rules are documented");
    let (rules, _) = rules.split_once("```").expect("the rules end");
    let rules = rules.replace("//!", " ").replace("PASSWORD", PASSWORD);
    let line = format!("user {}", rules.split_whitespace().collect::<Vec<_>>().join(" "));
    vec![line, format!("user default on >{PASSWORD}-admin ~* &* +@all")]
}

#[tokio::test]
async fn the_documented_rights_are_enough_and_none_is_superfluous() {
    let server = RedisChild::start_with(Options { tls: false, config: documented_user() });
    let mut store = open_as(&server, PASSWORD);
    let mut changes = store.changes();
    use_everything(&store).await.unwrap();
    until("announced", async || {
        store.put(&acme(), &record("rt-1"), PutWhen::Absent).await.unwrap();
        store.remove(&acme(), None).await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), changes.recv()).await.ok()
    })
    .await
    .unwrap();
    assert_eq!(store.dangers().await.unwrap().len(), 1, "no persistence, which CONFIG tells");
    // Each right taken away breaks something; waiting and announcements do not show here.
    let rights =
        documented_user()[0].split(' ').filter(|word| word.starts_with('+')).map(str::to_owned).collect::<Vec<_>>();
    for right in rights {
        if ["+wait", "+info", "+config|get", "+subscribe"].contains(&&*right) {
            continue;
        }
        server.flush();
        let mut admin = server.raw();
        redis::cmd("ACL").arg("SETUSER").arg("orgpass").arg(right.replacen('+', "-", 1)).exec(&mut admin).unwrap();
        store = open_as(&server, PASSWORD);
        let refused = use_everything(&store).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "without {right}: {refused:?}");
        redis::cmd("ACL").arg("SETUSER").arg("orgpass").arg(&right).exec(&mut admin).unwrap();
    }
    server.flush();
    use_everything(&open_as(&server, PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_user_who_may_not_ask_is_told_that_dangers_were_not_checked() {
    let mut config = documented_user();
    config[0] = config[0].replace("+info", "");
    let server = RedisChild::start_with(Options { tls: false, config });
    let dangers = open_as(&server, PASSWORD).dangers().await.unwrap();
    assert!(dangers.len() == 1 && dangers[0].contains("could not be checked"), "{dangers:?}");
}

#[tokio::test]
async fn tls_with_a_root_of_ones_own_works_and_an_unknown_root_does_not() {
    let server = RedisChild::start_with(Options { tls: true, config: documented_user() });
    let settings = settings(server.url_of("orgpass"));
    let password = Secret::new(PASSWORD.to_owned());
    let ca = server.ca_pem().unwrap().as_bytes().to_vec();
    let store = RedisStore::connect(&settings, Some(&password), Some(ca)).unwrap();
    use_everything(&store).await.unwrap();
    let stranger = RedisStore::connect(&settings, Some(&password), None).unwrap();
    let error = stranger.ping().await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("certificate")), "{error}");
    let error = RedisStore::connect(&settings, Some(&password), Some(b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec()));
    assert!(matches!(error, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn a_wrong_password_is_refused_without_showing_it_and_cured_without_a_restart() {
    let server = RedisChild::start_with(Options { tls: false, config: documented_user() });
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
    let store = RedisStore::connect(&settings(url), Some(&Secret::new(PASSWORD.to_owned())), None).unwrap();
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
