use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::*;
use crate::connection::{ConnectionKey, Status};
use crate::management::fixture::Fixture;
use crate::management::{ConnectionView, ImportDocument, Imported, Listing, Refusal, Removed, WhenNotRevoked};
use crate::shutdown::{self, Stop};

/// A served control socket.
struct Served {
    path: PathBuf,
    stop: Stop,
    done: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let Fixture { management, folder, .. } = Fixture::new();
    let path = folder.path().join("control.sock");
    let listener = Listener::bind(&path).unwrap();
    let (stop, stopping) = shutdown::channel();
    let done = tokio::spawn(serve(listener, Arc::new(management), stop.clone(), stopping));
    Served { path, stop, done, _folder: folder }
}

async fn client(served: &Served) -> Client {
    Client::connect(&served.path).await.unwrap().expect("somebody answers")
}

fn document(tenant: &str, token: &str) -> ImportDocument {
    ImportDocument::parse(
        format!(r#"{{"tenant":"{tenant}","refresh_token":"{token}","login_url":"http://127.0.0.1:1"}}"#).as_bytes(),
    )
    .unwrap()
}

fn name(tenant: &str) -> Name {
    Name::of(&ConnectionKey::parse(tenant, None).unwrap())
}

#[tokio::test]
async fn one_client_imports_lists_shows_and_removes() {
    let served = served().await;
    let mut client = client(&served).await;
    assert_eq!(client.import(&document("acme", "5\\u0041ep\\\"1")).await, Ok(Imported::Created));
    assert_eq!(client.import(&document("acme", "5Aep\\\"1")).await, Ok(Imported::Unchanged));
    assert_eq!(client.import(&document("acme", "5Aep2")).await, Err(Refusal::Conflict(Status::Active)));
    let page: Listing = client.ask(&Request::List { tenant: None, cursor: None, limit: 10 }).await.unwrap();
    assert_eq!(page.connections.len(), 1);
    let view: ConnectionView = client.ask(&Request::Show(name("acme"))).await.unwrap();
    assert_eq!(view.line, page.connections[0]);
    let remove = Request::Remove { connection: name("acme"), otherwise: WhenNotRevoked::Forget };
    assert!(matches!(client.ask::<Removed>(&remove).await, Ok(Removed::ForgottenOnly(_))));
    let gone = client.ask::<ConnectionView>(&Request::Show(name("acme"))).await;
    assert_eq!(gone, Err(Refusal::NotConnected));
}

#[tokio::test]
async fn only_the_owner_may_open_the_socket() {
    let served = served().await;
    let mode = std::fs::metadata(&served.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_in_use_is_left_alone_and_a_stale_one_is_replaced() {
    let served = served().await;
    assert!(matches!(Listener::bind(&served.path), Err(ControlError::InUse(_))));
    client(&served).await;

    let stale = served.path.with_file_name("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    assert!(Client::connect(&stale).await.unwrap().is_none(), "nobody answers at a stale socket");
    let listener = Listener::bind(&stale).unwrap();
    drop(listener);
    assert!(!stale.exists(), "the file goes with the listener");

    let file = served.path.with_file_name("notes.txt");
    std::fs::write(&file, "mine").unwrap();
    assert!(matches!(Listener::bind(&file), Err(ControlError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn nobody_answers_where_there_is_no_socket() {
    let folder = tempfile::TempDir::new().unwrap();
    assert!(Client::connect(&folder.path().join("none.sock")).await.unwrap().is_none());
}

#[tokio::test]
async fn stopping_ends_idle_clients_and_removes_the_socket() {
    let Served { path, stop, done, _folder } = served().await;
    let mut idle = Client::connect(&path).await.unwrap().unwrap();
    idle.import(&document("acme", "5Aep1")).await.unwrap();
    stop.ask();
    done.await.unwrap();
    assert!(!path.exists());
    let lost = idle.ask::<Listing>(&Request::List { tenant: None, cursor: None, limit: 1 }).await;
    assert!(matches!(lost, Err(Refusal::Failed { .. })), "{lost:?}");
}

#[tokio::test]
async fn a_request_that_is_not_understood_is_refused_without_repeating_it() {
    let served = served().await;
    let mut stream = UnixStream::connect(&served.path).await.unwrap();
    for line in ["{\"import\":{\"refresh_token\":\"S3CRET\"", "S3CRET", "{\"S3CRET\":1}", "{\"show\":\"S3CRET\"}"] {
        stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        while !reply.ends_with(b"\n") {
            reply.push(stream.read_u8().await.unwrap());
        }
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.contains("not understood"), "{reply}");
        assert!(!reply.contains("S3CRET"), "{reply}");
    }
}

#[tokio::test]
async fn a_request_without_end_is_cut_off() {
    let served = served().await;
    let mut stream = UnixStream::connect(&served.path).await.unwrap();
    // The other end may close before all of it is written.
    stream.write_all(&vec![b'x'; MAX_REQUEST_BYTES + 1]).await.ok();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_client_that_takes_no_reply_does_not_keep_the_process_from_stopping() {
    let served = served().await;
    let mut deaf = UnixStream::connect(&served.path).await.unwrap();
    let line = format!("{}\n", serde_json::to_string(&Request::Show(name("acme"))).unwrap());
    // Until its replies fill the way back, and then its requests the way there.
    while tokio::time::timeout(Duration::from_millis(200), deaf.write_all(line.as_bytes()))
        .await
        .is_ok_and(|sent| sent.is_ok())
    {}
    served.stop.ask();
    tokio::time::timeout(Duration::from_secs(60), served.done).await.expect("it stops").unwrap();
}
