//! Many requests in one, many records in one, and queries of another kind.

use salesforce_sim::AppOptions;
use serde_json::{Value, json};

use crate::World;

const DATA: &str = "/services/data/v67.0";

async fn count(world: &World, object: &str) -> Value {
    let path = format!("/query?q=SELECT+COUNT()+FROM+{object}");
    world.rest("GET", &path, Value::Null).await.json()["totalSize"].clone()
}

#[tokio::test]
async fn a_composite_uses_its_own_answers() {
    let world = World::new(AppOptions::default()).await;
    let asked = json!({"allOrNone": true, "compositeRequest": [
        {"method": "POST", "url": format!("{DATA}/sobjects/Account"), "referenceId": "acme", "body": {"Name": "Acme"}},
        {"method": "POST", "url": format!("{DATA}/sobjects/Contact"), "referenceId": "ana",
         "body": {"LastName": "Ana", "AccountId": "@{acme.id}"}},
        {"method": "GET", "url": format!("{DATA}/sobjects/Contact/@{{ana.id}}?fields=AccountId"), "referenceId": "read"},
        {"method": "GET", "url": format!("{DATA}/query?q=SELECT+Id+FROM+Account"), "referenceId": "all"},
    ]});
    let answer = world.rest("POST", "/composite", asked).await;
    assert_eq!(answer.status, 200);
    let answers = &answer.json()["compositeResponse"];
    assert_eq!((&answers[0]["httpStatusCode"], &answers[2]["httpStatusCode"]), (&json!(201), &json!(200)));
    assert!(answers[0]["httpHeaders"]["Location"].as_str().unwrap().contains("/sobjects/Account/001"));
    assert_eq!(answers[2]["body"]["AccountId"], answers[0]["body"]["id"]);
    assert_eq!(answers[3]["body"]["records"][0]["Id"], answers[0]["body"]["id"]);
}

#[tokio::test]
async fn a_failure_undoes_all_of_a_composite_or_only_what_depends_on_it() {
    let world = World::new(AppOptions::default()).await;
    let asked = |all_or_none: bool| {
        json!({"allOrNone": all_or_none, "compositeRequest": [
            {"method": "POST", "url": format!("{DATA}/sobjects/Account"), "referenceId": "a", "body": {"Name": "A"}},
            {"method": "POST", "url": format!("{DATA}/sobjects/Account"), "referenceId": "b", "body": {}},
            {"method": "DELETE", "url": format!("{DATA}/sobjects/Account/@{{b.id}}"), "referenceId": "c"},
        ]})
    };
    let codes = async |all_or_none: bool| {
        let answer = world.rest("POST", "/composite", asked(all_or_none)).await.json();
        let answers = answer["compositeResponse"].as_array().unwrap().iter();
        answers.map(|answer| answer["body"][0]["errorCode"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(codes(true).await, ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]);
    assert_eq!(count(&world, "Account").await, 0);
    assert_eq!(codes(false).await, [json!(null), json!("REQUIRED_FIELD_MISSING"), json!("PROCESSING_HALTED")]);
    assert_eq!(count(&world, "Account").await, 1);
}

#[tokio::test]
async fn graphs_stand_or_fall_each_by_itself() {
    let world = World::new(AppOptions::default()).await;
    let post = |name: &str, body: Value| json!({"method": "POST", "url": format!("{DATA}/sobjects/Account"), "referenceId": name, "body": body});
    let asked = json!({"graphs": [
        {"graphId": "1", "compositeRequest": [post("a", json!({"Name": "A"}))]},
        {"graphId": "2", "compositeRequest": [post("b", json!({"Name": "B"})), post("c", json!({}))]},
    ]});
    let graphs = world.rest("POST", "/composite/graph", asked).await.json();
    assert_eq!(
        (&graphs["graphs"][0]["isSuccessful"], &graphs["graphs"][1]["isSuccessful"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(count(&world, "Account").await, 1);
}

#[tokio::test]
async fn a_batch_goes_on_after_an_error_unless_it_is_to_halt() {
    let world = World::new(AppOptions::default()).await;
    let asked = |halt: bool| {
        json!({"haltOnError": halt, "batchRequests": [
            {"method": "GET", "url": "v67.0/sobjects/Account/001xx0000000001AAA"},
            {"method": "POST", "url": "v67.0/sobjects/Account", "richInput": {"Name": "A"}},
        ]})
    };
    let statuses = async |halt: bool| {
        let answer = world.rest("POST", "/composite/batch", asked(halt)).await.json();
        assert_eq!(answer["hasErrors"], true);
        [0, 1].map(|place| answer["results"][place]["statusCode"].clone())
    };
    assert_eq!(statuses(true).await, [404, 412]);
    assert_eq!(statuses(false).await, [404, 201]);
}

#[tokio::test]
async fn a_collection_is_created_read_changed_and_deleted_in_one_request_each() {
    let world = World::new(AppOptions::default()).await;
    let account = |fields: Value| {
        let mut record = fields;
        record["attributes"] = json!({"type": "Account"});
        record
    };
    let records =
        json!({"records": [account(json!({"Name": "A"})), account(json!({})), account(json!({"Name": "C"}))]});
    let created = world.rest("POST", "/composite/sobjects", records).await.json();
    assert_eq!(created[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    let ids = [&created[0]["id"], &created[2]["id"]].map(|id| id.as_str().unwrap());
    let changes = json!({"records": [account(json!({"id": ids[0], "Name": "AA"}))]});
    assert_eq!(world.rest("PATCH", "/composite/sobjects", changes).await.json()[0]["success"], true);
    let asked = json!({"ids": [ids[0], "001xx0000000001AAA"], "fields": ["Name"]});
    let read = world.rest("POST", "/composite/sobjects/Account", asked).await.json();
    assert_eq!((&read[0]["Name"], &read[1]), (&json!("AA"), &Value::Null));
    let upsert = json!({"records": [account(json!({"Ext__c": "1", "Name": "U"}))]});
    let upserted = world.rest("PATCH", "/composite/sobjects/Account/Ext__c", upsert).await.json();
    assert_eq!(upserted[0]["created"], true);
    let all_or_none = format!("/composite/sobjects?allOrNone=true&ids={},001xx0000000001AAA", ids[0]);
    let refused = world.rest("DELETE", &all_or_none, Value::Null).await.json();
    assert_eq!(refused[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    let deleted = world.rest("DELETE", &format!("/composite/sobjects?ids={},{}", ids[0], ids[1]), Value::Null).await;
    assert_eq!(deleted.json()[1]["success"], true);
    assert_eq!(count(&world, "Account").await, 1);
}

#[tokio::test]
async fn a_tree_is_created_with_all_its_branches_or_not_at_all() {
    let world = World::new(AppOptions::default()).await;
    let tree = |last_name: Value| {
        json!({"records": [{
            "attributes": {"type": "Account", "referenceId": "a"}, "Name": "A",
            "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": last_name}]},
        }]})
    };
    let broken = world.rest("POST", "/composite/tree/Account", tree(Value::Null)).await;
    assert_eq!((broken.status.as_u16(), &broken.json()["results"][0]["referenceId"]), (400, &json!("c")));
    assert_eq!(count(&world, "Account").await, 0);
    let grown = world.rest("POST", "/composite/tree/Account", tree(json!("L"))).await;
    assert_eq!(grown.status, 201);
    let found = world.rest("GET", "/query?q=SELECT+AccountId+FROM+Contact", Value::Null).await.json();
    assert_eq!(found["records"][0]["AccountId"], grown.json()["results"][0]["id"]);
}

#[tokio::test]
async fn graphql_tells_its_errors_within_200() {
    let world = World::new(AppOptions::default()).await;
    for name in ["A", "B", "C"] {
        world.sim.insert(&world.org, "Account", json!({"Name": name}));
    }
    let ask = async |query: &str, variables: Value| {
        let answer = world.rest("POST", "/graphql", json!({"query": query, "variables": variables})).await;
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let query = "query Page($after: String) { uiapi { query { page: Account(first: 2, after: $after, \
                 orderBy: {Name: {order: DESC}}) { edges { node { Id Name { value } } } totalCount \
                 pageInfo { endCursor hasNextPage } } } } }";
    let first = ask(query, Value::Null).await;
    let page = &first["data"]["uiapi"]["query"]["page"];
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(3), &json!(true)));
    assert_eq!(page["edges"][0]["node"]["Name"]["value"], "C");
    let second = ask(query, json!({"after": page["pageInfo"]["endCursor"]})).await;
    assert_eq!(second["data"]["uiapi"]["query"]["page"]["edges"][0]["node"]["Name"]["value"], "A");
    let filtered = "{ uiapi { query { Account(where: {Name: {in: [\"A\", \"B\"]}}) { totalCount } } } }";
    assert_eq!(ask(filtered, Value::Null).await["data"]["uiapi"]["query"]["Account"]["totalCount"], 2);

    for (query, kind) in
        [("{ uiapi { query { Unknown { totalCount } } } }", "ValidationError"), ("{ uiapi", "InvalidSyntax")]
    {
        assert_eq!(ask(query, Value::Null).await["errors"][0]["extensions"]["ErrorType"], kind);
    }
}
