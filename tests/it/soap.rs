//! SOAP carries its session in the body: it is found there, replaced there, and replaced again in a replay.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use salesforce_sim::{Effect, Fault};

use crate::caller::{Call, Caller, Reply};
use crate::world::{Connected, World};

const PARTNER: &str = "/services/Soap/u/64.0";
const QUERY: &str = "<u:query><u:queryString>SELECT Id, Name FROM Account</u:queryString></u:query>";

fn envelope(session: &str, operation: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:u=\"urn:partner.soap.sforce.com\"><e:Header>{session}</e:Header><e:Body>{operation}</e:Body></e:Envelope>"
    )
}

fn session(id: &str) -> String {
    format!("<u:SessionHeader><u:sessionId>{id}</u:sessionId></u:SessionHeader>")
}

fn post(caller: &Caller, body: impl Into<Bytes>) -> Call {
    caller.post(PARTNER, body).header("content-type", "text/xml").header("soapaction", "\"\"")
}

fn token(tenant: &str) -> String {
    format!("00D000000000000!orgpass.{tenant}")
}

async fn two_accounts(world: &World) -> Connected {
    let acme = world.connect("acme", None).await;
    for name in ["One", "Two"] {
        world.sim.insert(&acme.org, "Account", serde_json::json!({ "Name": name }));
    }
    acme
}

fn is_answered(reply: &Reply) {
    assert_eq!((reply.status.as_u16(), reply.error()), (200, None), "{reply:?}");
    assert!(reply.shows("<size>2</size>"), "{}", reply.text());
}

fn is_a_fault(reply: &Reply, code: &str) {
    assert_eq!(
        (reply.status.as_u16(), reply.header("content-type")),
        (500, Some("text/xml;charset=UTF-8")),
        "{reply:?}"
    );
    assert!(reply.shows(&format!("<faultcode>sf:{code}</faultcode><faultstring>{code}: ")), "{}", reply.text());
}

#[tokio::test]
async fn the_local_token_in_the_envelope_names_the_connection() {
    let world = World::start().await;
    let acme = two_accounts(&world).await;
    let caller = world.caller();
    is_answered(&post(&caller, envelope(&session(&token("acme")), QUERY)).send().await);
    is_answered(&post(&caller, envelope(&session("00D000000000000&#33;orgpass.acme"), QUERY)).send().await);
    // By header, whatever stands in the envelope: nothing, an empty id, or what a client put there for want of one.
    for id in [String::new(), session(""), session("anything"), session(&token("acme"))] {
        is_answered(&post(&caller, envelope(&id, QUERY)).tenant("acme").send().await);
    }
    world.sim.expire_sessions(&acme.org);
    let reply = post(&caller, envelope(&session(&token("acme")), QUERY)).send().await;
    is_answered(&reply);
    assert_eq!(reply.header("orgpass-replay"), Some("done"));
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test]
async fn a_compressed_envelope_is_opened_and_replayed() {
    let world = World::start().await;
    let acme = two_accounts(&world).await;
    let caller = world.caller();
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(envelope(&session(&token("acme")), QUERY).as_bytes()).unwrap();
    let zipped = Bytes::from(zip.finish().unwrap());
    is_answered(&post(&caller, zipped.clone()).header("content-encoding", "gzip").send().await);
    world.sim.expire_sessions(&acme.org);
    is_answered(&post(&caller, zipped.clone()).header("content-encoding", "gzip").send().await);
    is_a_fault(&post(&caller, zipped.clone()).header("content-encoding", "br").send().await, "ORGPASS_INVALID_REQUEST");
    let cut = zipped.slice(..zipped.len() - 12);
    is_a_fault(&post(&caller, cut).header("content-encoding", "gzip").send().await, "ORGPASS_INVALID_REQUEST");
}

#[tokio::test]
async fn an_envelope_that_is_compressed_in_several_pieces_is_sent_whole() {
    let world = World::start().await;
    two_accounts(&world).await;
    let envelope = envelope(&session(&token("acme")), QUERY);
    let (first, second) = envelope.split_at(envelope.find("FROM").unwrap());
    let mut zipped = Vec::new();
    for piece in [first, second] {
        let mut zip = GzEncoder::new(zipped, Compression::default());
        zip.write_all(piece.as_bytes()).unwrap();
        zipped = zip.finish().unwrap();
    }
    is_answered(&post(&world.caller(), zipped).header("content-encoding", "gzip").send().await);
}

#[tokio::test]
async fn what_is_refused_is_a_fault_that_soap_clients_show() {
    let world = World::start().await;
    two_accounts(&world).await;
    let caller = world.caller();
    for (body, code) in [
        (envelope(&session(&token("nobody")), QUERY), "ORGPASS_NOT_CONNECTED"),
        (envelope(&session("00Dxx0000001gPL!AQcAQforeign"), QUERY), "ORGPASS_INVALID_TAG"),
        (envelope("", QUERY), "ORGPASS_MISSING_TENANT"),
        (envelope(&session(&token("acme")).repeat(2), QUERY), "ORGPASS_INVALID_REQUEST"),
        ("{}".to_owned(), "ORGPASS_INVALID_REQUEST"),
        (String::new(), "ORGPASS_INVALID_REQUEST"),
    ] {
        is_a_fault(&post(&caller, body).send().await, code);
    }
    let contradicted = post(&caller, envelope(&session(&token("acme")), QUERY)).tenant("globex");
    is_a_fault(&contradicted.send().await, "ORGPASS_INVALID_TAG");
    is_a_fault(&caller.get(PARTNER).tenant("acme").send().await, "ORGPASS_INVALID_REQUEST");
    assert!(world.sim.requests().is_empty(), "nothing of it was relayed");
}

#[tokio::test]
async fn a_session_that_is_refused_fresh_is_a_fault_and_no_loop() {
    let world = World::start().await;
    let acme = two_accounts(&world).await;
    world.sim.expire_sessions(&acme.org);
    world.sim.restrict_ip(&acme.org, None);
    for _ in 0..5 {
        let reply = post(&world.caller(), envelope(&session(&token("acme")), QUERY)).send().await;
        is_a_fault(&reply, "ORGPASS_MISCONFIGURED");
        assert!(reply.shows("INVALID_SESSION_ID."), "{}", reply.text());
    }
    assert_eq!(world.sim.exchanges(), 1);
}

#[tokio::test]
async fn other_trouble_of_the_org_is_passed_on_as_it_came() {
    let world = World::start().await;
    two_accounts(&world).await;
    let malformed = QUERY.replace("SELECT", "SELCT");
    let reply = post(&world.caller(), envelope(&session(&token("acme")), &malformed)).send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (500, None));
    assert!(reply.shows("MALFORMED_QUERY"), "{}", reply.text());
    world.sim.fault(Fault::on_path(PARTNER, Effect::Status(503, String::new())));
    let reply = post(&world.caller(), envelope(&session(&token("acme")), QUERY)).send().await;
    assert_eq!((reply.status.as_u16(), reply.error()), (503, None));
}
