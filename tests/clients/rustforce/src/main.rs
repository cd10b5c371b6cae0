//! rustforce, the client for Rust: REST by a token, and its two ways to log in.

mod snippet;
mod world;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use rustforce::{Client, Error};
use serde_json::{Value, json};
use snippet::connect;
use world::World;

async fn rows(client: &Client, soql: &str) -> Result<Vec<Value>, Error> {
    Ok(client.query::<Value>(soql).await?.records)
}

async fn records(client: &Client) {
    let made = client.create("Account", json!({"Name": "made"})).await.unwrap();
    client.update("Account", &made.id, json!({"Name": "changed"})).await.unwrap();
    let account: Value = client.find_by_id("Account", &made.id).await.unwrap();
    assert_eq!(account["Name"], "changed");
    client.destroy("Account", &made.id).await.unwrap();
    let gone = client.find_by_id::<Value>("Account", &made.id).await.unwrap_err();
    assert!(gone.to_string().contains("NOT_FOUND"), "{gone}");
}

async fn upsert_by_external_id(client: &Client) {
    let upsert = async |name| client.upsert("Account", "Number__c", "A-1", json!({"Name": name})).await.unwrap();
    upsert("first").await;
    assert!(upsert("second").await.is_none(), "it is there already");
}

async fn query(client: &Client) {
    let found = client.query::<Value>("SELECT Id, LastName FROM Contact").await.unwrap();
    // It does not fetch the pages that follow.
    assert!(!found.done && found.total_size == 2400 && !found.records.is_empty());
}

async fn describe(client: &Client) {
    assert_eq!(client.describe("Account").await.unwrap()["name"], "Account");
    assert!(client.versions().await.unwrap().iter().any(|known| known.version == "67.0"));
}

async fn errors_of_the_org(client: &Client) {
    let malformed = rows(client, "SELECT FROM").await.unwrap_err();
    assert!(malformed.to_string().contains("MALFORMED_QUERY"), "{malformed}");
}

/// A client that logs in, for a tenant's user name.
fn logs_in(tenant: &str) -> (Client, String) {
    let mut client = Client::new(Some("not-checked".to_owned()), Some("not-checked".to_owned()));
    client.set_login_endpoint(&std::env::var("ORGPASS_URL").unwrap()).set_version("v67.0");
    (client, format!("{tenant}@clients.example"))
}

async fn by_oauth(tenant: &str) -> Result<Client, Error> {
    let (mut client, name) = logs_in(tenant);
    client.login_with_credential(name, "not-checked".to_owned()).await?;
    Ok(client)
}

async fn by_soap(tenant: &str) -> Result<Client, Error> {
    let (mut client, name) = logs_in(tenant);
    // Its address has the version without the letter.
    client.set_version("67.0").login_by_soap(name, "not-checked".to_owned()).await?;
    client.set_version("v67.0");
    Ok(client)
}

async fn logins(_: &Client) {
    for client in [by_oauth("acme").await.unwrap(), by_soap("acme").await.unwrap()] {
        assert!(!rows(&client, "SELECT Id FROM Contact LIMIT 1").await.unwrap().is_empty());
    }
}

async fn works(world: &mut World) {
    let client = connect(&world.token("acme"));
    type Operation = for<'a> fn(&'a Client) -> LocalBoxFuture<'a, ()>;
    let operations: [(&str, Operation); 6] = [
        ("records", |client| records(client).boxed_local()),
        ("upsert by external id", |client| upsert_by_external_id(client).boxed_local()),
        ("query", |client| query(client).boxed_local()),
        ("describe", |client| describe(client).boxed_local()),
        ("errors of the org", |client| errors_of_the_org(client).boxed_local()),
        ("logins", |client| logins(client).boxed_local()),
    ];
    for (name, operation) in operations {
        operation(&client).await;
        world.session_dies("acme").await;
        operation(&client).await;
        println!("survived: {name}");
    }
}

async fn tenants(world: &mut World) {
    let world = &*world;
    let of = async |tenant: &str| {
        let client = connect(&world.token(tenant));
        for n in 0..20 {
            client.create("Lead", json!({"LastName": format!("{tenant} {n}")})).await.unwrap();
            if n == 10 {
                world.session_dies(tenant).await;
            }
            let found = rows(&client, "SELECT LastName FROM Lead").await.unwrap();
            let names: Vec<_> = found.iter().map(|row| row["LastName"].as_str().unwrap().to_owned()).collect();
            assert_eq!(names, (0..=n).map(|n| format!("{tenant} {n}")).collect::<Vec<_>>());
        }
    };
    futures::join!(of("acme"), of("globex"));
}

async fn refused(world: &mut World) {
    for (situation, token) in world.tokens() {
        let client = connect(&token);
        world::is_refused(&situation, rows(&client, "SELECT Id FROM Account")).await;
        world::is_refused(&situation, client.create("Account", json!({"Name": "never"}))).await;
        world::is_refused(&situation, client.destroy("Account", "001000000000001")).await;
        // It reads the errors of `describe` in another form than Salesforce's.
        let unread = client.describe("Account").await.unwrap_err().to_string();
        assert!(unread.contains("error decoding response body"), "{unread}");
        world::is_refused(&situation, async { rows(&by_soap(&situation).await?, "SELECT Id FROM Account").await })
            .await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let part = std::env::args().nth(1).unwrap();
    let mut world = World::told();
    match part.as_str() {
        "works" => works(&mut world).await,
        "tenants" => tenants(&mut world).await,
        "refused" => refused(&mut world).await,
        other => panic!("{other}"),
    }
    println!("end of {part}");
}
