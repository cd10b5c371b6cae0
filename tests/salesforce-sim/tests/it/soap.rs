//! The SOAP APIs: sessions in the body, records, metadata, and what they refuse.

use std::io::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use salesforce_sim::{ApiFamily, AppOptions};
use serde_json::json;

use crate::World;
use crate::client::{Answer, get, send};

const PARTNER: &str = "urn:partner.soap.sforce.com";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
const SOAP: [(&str, &str); 2] = [("content-type", "text/xml; charset=UTF-8"), ("soapaction", "\"\"")];

fn envelope(namespace: &str, header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:a=\"{namespace}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Header>{header}</e:Header>\
         <e:Body>{body}</e:Body></e:Envelope>"
    )
}

fn session(token: &str) -> String {
    format!("<a:SessionHeader><a:sessionId>{token}</a:sessionId></a:SessionHeader>")
}

/// What is between the first two tags of this name.
fn text<'a>(xml: &'a str, name: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once('<').unwrap().0
}

impl World {
    async fn soap(&self, path: &str, namespace: &str, body: &str) -> Answer {
        let envelope = envelope(namespace, &session(&self.tokens.access_token), body);
        self.post(path, envelope).await
    }

    async fn partner(&self, body: &str) -> Answer {
        self.soap("u/64.0", PARTNER, body).await
    }

    async fn metadata(&self, body: &str) -> Answer {
        self.soap("m/64.0", METADATA, body).await
    }

    async fn post(&self, path: &str, envelope: String) -> Answer {
        let url = format!("{}/services/Soap/{path}", self.org.instance_url());
        send("POST", &url, &SOAP, envelope).await.unwrap()
    }
}

#[tokio::test]
async fn a_record_created_in_soap_is_read_in_rest() {
    let world = World::new(AppOptions::default()).await;
    let create = "<a:create><a:sObjects><a:type>Account</a:type><a:Name>A &amp; B</a:Name></a:sObjects>\
                  <a:sObjects><a:type>Account</a:type></a:sObjects></a:create>";
    let created = world.partner(create).await;
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(created.header("content-type"), "text/xml;charset=UTF-8");
    assert!(created.text().contains("<statusCode>REQUIRED_FIELD_MISSING</statusCode>"), "{}", created.text());
    let id = text(created.text(), "id");
    let path = format!("/services/data/v64.0/sobjects/Account/{id}");
    let read = get(&world.org.instance_url(), &path, &world.tokens.access_token).await;
    assert_eq!(read.json()["Name"], "A & B");
    let found = world.partner("<a:query><a:queryString>SELECT Name FROM Account</a:queryString></a:query>").await;
    assert!(found.text().contains("<sf:type>Account</sf:type><sf:Id xsi:nil=\"true\"/><sf:Name>A &amp; B</sf:Name>"));
    assert!(found.text().contains("<limitInfo><current>3</current>"), "{}", found.text());
    let deleted = world.partner(&format!("<a:delete><a:ids>{id}</a:ids></a:delete>")).await;
    assert!(deleted.text().contains("<success>true</success>"));
    let again = world.partner(&format!("<a:delete><a:ids>{id}</a:ids></a:delete>")).await;
    assert!(again.text().contains("<statusCode>ENTITY_IS_DELETED</statusCode>"));
}

#[tokio::test]
async fn the_enterprise_api_types_its_records() {
    let world = World::new(AppOptions::default()).await;
    let namespace = "urn:enterprise.soap.sforce.com";
    let create = "<a:create><a:sObjects xsi:type=\"sf:Account\"><Name>Acme</Name><Rank__c xsi:type=\"xsd:double\">2</Rank__c>\
                  </a:sObjects></a:create>";
    let created = world.soap("c/64.0", namespace, create).await;
    let id = text(created.text(), "id");
    assert_eq!(world.sim.record(&world.org, "Account", id).unwrap()["Rank__c"], 2);
    let query = "<a:query><a:queryString>SELECT Name FROM Account</a:queryString></a:query>";
    let found = world.soap("c/64.0", namespace, query).await;
    assert!(found.text().contains("<records xsi:type=\"sf:Account\"><sf:Name>Acme</sf:Name></records>"));
    let abstract_one = "<a:create><a:sObjects><Name>Acme</Name></a:sObjects></a:create>";
    let refused = world.soap("c/64.0", namespace, abstract_one).await;
    assert_eq!(text(refused.text(), "statusCode"), "INVALID_TYPE");
}

#[tokio::test]
async fn one_bad_record_undoes_all_if_that_is_asked() {
    let world = World::new(AppOptions::default()).await;
    let header = format!(
        "{}<a:AllOrNoneHeader><a:allOrNone>true</a:allOrNone></a:AllOrNoneHeader>",
        session(&world.tokens.access_token)
    );
    let create = "<a:create><a:sObjects><a:type>Account</a:type><a:Name>A</a:Name></a:sObjects>\
                  <a:sObjects><a:type>Account</a:type></a:sObjects></a:create>";
    let refused = world.post("u/64.0", envelope(PARTNER, &header, create)).await;
    assert!(refused.text().contains("ALL_OR_NONE_OPERATION_ROLLED_BACK"));
    let count = "/services/data/v64.0/query?q=SELECT+COUNT()+FROM+Account";
    assert_eq!(get(&world.org.instance_url(), count, &world.tokens.access_token).await.json()["totalSize"], 0);
}

#[tokio::test]
async fn a_long_result_is_read_with_its_locator() {
    let world = World::new(AppOptions::default()).await;
    for number in 0..450 {
        world.sim.insert(&world.org, "Account", json!({"Name": format!("A{number}")}));
    }
    let header = format!(
        "{}<a:QueryOptions><a:batchSize>200</a:batchSize></a:QueryOptions>",
        session(&world.tokens.access_token)
    );
    let mut asked = "<a:query><a:queryString>SELECT Id FROM Account</a:queryString></a:query>".to_owned();
    let mut sizes = Vec::new();
    loop {
        let page = world.post("u/64.0/00Dxx0000001gPL", envelope(PARTNER, &header, &asked)).await;
        assert_eq!(text(page.text(), "size"), "450");
        sizes.push(page.text().matches("<records ").count());
        if text(page.text(), "done") == "true" {
            break;
        }
        let locator = text(page.text(), "queryLocator");
        asked = format!("<a:queryMore><a:queryLocator>{locator}</a:queryLocator></a:queryMore>");
    }
    assert_eq!(sizes, [200, 200, 50]);
}

#[tokio::test]
async fn the_session_is_found_in_the_body_however_it_is_written_and_nowhere_else() {
    let world = World::new(AppOptions::default()).await;
    let token = &world.tokens.access_token;
    let operation = "<a:getUserInfo/>";
    let referenced: String = token.chars().map(|letter| format!("&#{};", letter as u32)).collect();
    for header in [
        session(token),
        format!(
            "<SessionHeader xmlns='{PARTNER}' e:mustUnderstand='1'><sessionId> {token}\n</sessionId></SessionHeader>"
        ),
        format!(
            "<b:SessionHeader xmlns:b='{PARTNER}'><b:sessionId x='1'><![CDATA[{token}]]></b:sessionId></b:SessionHeader>"
        ),
        session(&referenced),
    ] {
        let answer = world.post("u/64.0", envelope(PARTNER, &header, operation)).await;
        assert_eq!(answer.status, 200, "{header}: {}", answer.text());
        assert_eq!(text(answer.text(), "userName"), world.user.username);
    }
    let url = format!("{}/services/Soap/u/64.0", world.org.instance_url());
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(envelope(PARTNER, &session(token), operation).as_bytes()).unwrap();
    let headers = [SOAP[0], SOAP[1], ("content-encoding", "gzip")];
    assert_eq!(send("POST", &url, &headers, packed.finish().unwrap()).await.unwrap().status, 200);

    let bearer = format!("Bearer {token}");
    let headers = [SOAP[0], SOAP[1], ("authorization", bearer.as_str())];
    let elsewhere =
        format!("<b:SessionHeader xmlns:b='urn:other'><b:sessionId>{token}</b:sessionId></b:SessionHeader>");
    for header in ["", elsewhere.as_str()] {
        let refused = send("POST", &url, &headers, envelope(PARTNER, header, operation)).await.unwrap();
        assert_eq!(refused.status, 500);
        assert_eq!(text(refused.text(), "faultcode"), "sf:INVALID_SESSION_ID");
    }
    let recorded = world.sim.requests();
    assert!(recorded[..5].iter().all(|request| request.access_token.as_deref() == Some(token.as_str())));
}

#[tokio::test]
async fn a_session_that_is_dead_foreign_restricted_or_a_jwt_is_refused_with_a_fault() {
    let jwt = AppOptions { jwt_access_tokens: Some(Duration::from_secs(900)), ..AppOptions::default() };
    let world = World::new(AppOptions::default()).await;
    let other = world.sim.create_org(Default::default());
    let at_other = format!("{}/services/Soap/u/64.0", other.instance_url());
    let asked = envelope(PARTNER, &session(&world.tokens.access_token), "<a:getUserInfo/>");
    let foreign = send("POST", &at_other, &SOAP, asked.clone()).await.unwrap();
    assert_eq!(text(foreign.text(), "faultcode"), "sf:INVALID_SESSION_ID");
    assert!(world.sim.requests()[0].foreign_token);

    world.sim.restrict_ip(&world.org, Some(ApiFamily::Soap));
    assert_eq!(world.partner("<a:getUserInfo/>").await.status, 500);
    world.sim.lift_ip_restriction(&world.org);
    assert_eq!(world.partner("<a:getUserInfo/>").await.status, 200);
    world.sim.expire_sessions(&world.org);
    for (path, namespace, operation) in [
        ("u/64.0", PARTNER, "getUserInfo"),
        ("m/64.0", METADATA, "describeMetadata"),
        ("s/64.0", "http://soap.sforce.com/2006/08/apex", "executeAnonymous"),
    ] {
        let dead = world.soap(path, namespace, &format!("<a:{operation}/>")).await;
        assert_eq!((dead.status.as_u16(), text(dead.text(), "faultcode")), (500, "sf:INVALID_SESSION_ID"), "{path}");
        assert!(text(dead.text(), "faultstring").starts_with("INVALID_SESSION_ID: Invalid Session ID"));
    }
    assert_eq!(world.sim.requests().iter().filter(|request| request.dead).count(), 5);

    let app = world.sim.create_app(jwt);
    let tokens = world.sim.authorize(&app, &world.user);
    assert_eq!(world.call(&tokens.access_token).await, 200);
    let asked = envelope(PARTNER, &session(&tokens.access_token), "<a:getUserInfo/>");
    assert_eq!(text(world.post("u/64.0", asked).await.text(), "faultcode"), "sf:INVALID_SESSION_ID");
}

#[tokio::test]
async fn a_login_wants_the_security_token_and_leads_to_the_orgs_host() {
    let world = World::new(AppOptions::default()).await;
    let log_in = async |version: &str, password: &str| {
        let body = format!(
            "<a:login><a:username>{}</a:username><a:password>{password}</a:password></a:login>",
            world.user.username
        );
        let url = format!("{}/services/Soap/u/{version}", world.sim.url());
        send("POST", &url, &SOAP, envelope(PARTNER, "", &body)).await.unwrap()
    };
    let whole = format!("{}{}", world.user.password, world.user.security_token);
    let entered = log_in("64.0", &whole).await;
    assert_eq!(entered.status, 200, "{}", entered.text());
    let at = text(entered.text(), "serverUrl");
    assert_eq!(at, format!("{}/services/Soap/u/64.0/{}", world.org.instance_url(), &world.org.org_id()[..15]));
    let token = text(entered.text(), "sessionId").to_owned();
    assert_eq!(world.call(&token).await, 200);
    assert!(world.sim.secrets().contains(&token));

    let elsewhere = format!("{}/services/Soap/u/64.0", world.sim.url());
    let asked = envelope(PARTNER, &session(&token), "<a:getUserInfo/>");
    let refused = send("POST", &elsewhere, &SOAP, asked).await.unwrap();
    assert_eq!(text(refused.text(), "faultcode"), "sf:URL_NOT_RESET");
    assert_eq!(text(log_in("64.0", &world.user.password).await.text(), "faultcode"), "sf:INVALID_LOGIN");
    assert_eq!(text(log_in("65.0", &whole).await.text(), "faultcode"), "sf:UNSUPPORTED_API_VERSION");

    let out = world.post("u/64.0", envelope(PARTNER, &session(&token), "<a:logout/>")).await;
    assert_eq!(out.status, 200);
    assert_eq!(world.call(&token).await, 401);
}

#[tokio::test]
async fn what_is_no_soap_request_is_a_fault_of_the_client() {
    let world = World::new(AppOptions::default()).await;
    let token = session(&world.tokens.access_token);
    for body in [
        String::new(),
        "<e/>".to_owned(),
        format!("<!DOCTYPE x>{}", envelope(PARTNER, &token, "<a:getUserInfo/>")),
        envelope(PARTNER, &token, "<a:inventLife/>"),
        envelope(PARTNER, &token, "<a:getUserInfo>"),
        envelope(METADATA, &token, "<a:describeMetadata/>"),
    ] {
        let refused = world.post("u/64.0", body.clone()).await;
        assert_eq!((refused.status.as_u16(), text(refused.text(), "faultcode")), (500, "soapenv:Client"), "{body}");
    }
    let url = format!("{}/services/Soap/u/64.0", world.org.instance_url());
    let whole = envelope(PARTNER, &token, "<a:getUserInfo/>");
    let silent = send("POST", &url, &SOAP[..1], whole.clone()).await.unwrap();
    assert_eq!(text(silent.text(), "faultstring"), "SOAPAction HTTP header missing");
    let old = world.post("u/30.0", whole).await;
    assert_eq!(text(old.text(), "faultcode"), "sf:UNSUPPORTED_API_VERSION");
}

#[tokio::test]
async fn metadata_is_created_read_and_deleted_by_name() {
    let world = World::new(AppOptions::default()).await;
    let create = "<a:createMetadata><a:metadata xsi:type=\"a:CustomObject\"><a:fullName>Order__c</a:fullName>\
                  <a:label>Order</a:label></a:metadata></a:createMetadata>";
    assert!(world.metadata(create).await.text().contains("<success>true</success>"));
    assert!(world.metadata(create).await.text().contains("DUPLICATE_DEVELOPER_NAME"));
    let name = "<a:type>CustomObject</a:type><a:fullNames>Order__c</a:fullNames>";
    let read = world.metadata(&format!("<a:readMetadata>{name}</a:readMetadata>")).await;
    let record = "<records xsi:type=\"CustomObject\"><fullName>Order__c</fullName><label>Order</label></records>";
    assert!(read.text().contains(record), "{}", read.text());
    let delete = format!("<a:deleteMetadata>{name}</a:deleteMetadata>");
    assert!(world.metadata(&delete).await.text().contains("<success>true</success>"));
    assert!(world.metadata(&delete).await.text().contains("<success>false</success>"));
}

/// `package.xml` and one class, stored.
const ARCHIVE: &[u8] = include_bytes!("soap/class.zip");

#[tokio::test]
async fn what_was_deployed_is_retrieved() {
    let world = World::new(AppOptions::default()).await;
    let deploy = format!("<a:deploy><a:ZipFile>{}</a:ZipFile><a:DeployOptions/></a:deploy>", STANDARD.encode(ARCHIVE));
    let begun = world.metadata(&deploy).await;
    let status = async |operation: &str, id: &str| {
        let more = "<a:includeDetails>true</a:includeDetails>";
        world.metadata(&format!("<a:{operation}><a:asyncProcessId>{id}</a:asyncProcessId>{more}</a:{operation}>")).await
    };
    let deployed = status("checkDeployStatus", text(begun.text(), "id")).await;
    assert_eq!(text(deployed.text(), "status"), "Succeeded", "{}", deployed.text());
    assert!(deployed.text().contains("<fileName>classes/Greeter.cls</fileName>"));
    assert_eq!(world.sim.records(&world.org, "ApexClass")[0]["Body"], "public class Greeter {}");
    let types = "<a:types><a:members>*</a:members><a:name>ApexClass</a:name></a:types><a:version>64.0</a:version>";
    let retrieve =
        format!("<a:retrieve><a:retrieveRequest><a:unpackaged>{types}</a:unpackaged></a:retrieveRequest></a:retrieve>");
    let begun = world.metadata(&retrieve).await;
    let retrieved = status("checkRetrieveStatus", text(begun.text(), "id")).await;
    let archive = STANDARD.decode(text(retrieved.text(), "zipFile")).unwrap();
    let has = |text: &[u8]| archive.windows(text.len()).any(|window| window == text);
    assert!(has(b"unpackaged/classes/Greeter.cls") && has(b"public class Greeter {}"));
}

#[tokio::test]
async fn a_deployment_that_is_incomplete_changes_nothing() {
    let world = World::new(AppOptions::default()).await;
    let manifest = |members: &str| {
        let types = format!("<types>{members}<name>ApexClass</name></types>");
        format!("<Package xmlns=\"{METADATA}\">{types}<version>64.0</version></Package>")
    };
    let deploy = async |files: &[(&str, String)]| {
        let archive = STANDARD.encode(stored(files));
        let begun = world.metadata(&format!("<a:deploy><a:ZipFile>{archive}</a:ZipFile></a:deploy>")).await;
        let id = format!("<a:asyncProcessId>{}</a:asyncProcessId>", text(begun.text(), "id"));
        let details = "<a:includeDetails>true</a:includeDetails>";
        world.metadata(&format!("<a:checkDeployStatus>{id}{details}</a:checkDeployStatus>")).await
    };
    let class = |name: &str| (format!("classes/{name}.cls"), format!("public class {name} {{}}"));
    let (path, source) = class("A");
    let both = manifest("<members>A</members><members>B</members>");
    let failed = deploy(&[("package.xml", both), (&path, source.clone())]).await;
    assert_eq!(text(failed.text(), "status"), "Failed");
    assert!(failed.text().contains("An object 'B'"));
    assert!(world.sim.records(&world.org, "ApexClass").is_empty());

    let one = manifest("<members>A</members>");
    assert_eq!(text(deploy(&[("package.xml", one.clone()), (&path, source)]).await.text(), "status"), "Succeeded");
    assert_eq!(world.sim.records(&world.org, "ApexClass").len(), 1);
    let removal = [("package.xml", manifest("")), ("destructiveChanges.xml", one)];
    assert!(deploy(&removal).await.text().contains("<deleted>true</deleted>"));
    assert!(world.sim.records(&world.org, "ApexClass").is_empty());
    assert!(deploy(&removal).await.text().contains("No ApexClass named: A found"));
}

/// An archive of files as they are; the sums that nobody looks at are left out.
fn stored(files: &[(&str, String)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    for (path, contents) in files {
        let sizes = [&[0; 12], &long(contents.len())[..], &long(contents.len()), &short(path.len()), &[0; 2]].concat();
        let entry = [b"PK\x01\x02\x14\0\x14\0", &sizes[..], &[0; 10], &long(archive.len()), path.as_bytes()];
        directory.extend(entry.concat());
        archive.extend([b"PK\x03\x04\x14\0", &sizes[..], path.as_bytes(), contents.as_bytes()].concat());
    }
    let count = short(files.len());
    let end =
        [b"PK\x05\x06\0\0\0\0", &count[..], &count, &long(directory.len()), &long(archive.len()), &[0; 2]].concat();
    [archive, directory, end].concat()
}

#[tokio::test]
async fn a_large_archive_is_read_to_its_end_and_not_kept() {
    let world = World::new(AppOptions::default()).await;
    let letters = "QUJD".repeat(10 << 20);
    let deploy = format!("<a:deploy><a:ZipFile>{letters}</a:ZipFile><a:DeployOptions/></a:deploy>");
    let begun = world.metadata(&deploy).await;
    assert_eq!(text(begun.text(), "state"), "Queued");
    let request = &world.sim.requests()[0];
    assert!(request.body_complete && request.body_length > 40 << 20 && request.body.is_none());
}

#[tokio::test]
async fn anonymous_apex_runs_compiles_or_does_not() {
    let world = World::new(AppOptions::default()).await;
    let run = async |source: &str| {
        let body = format!("<a:executeAnonymous><a:String>{source}</a:String></a:executeAnonymous>");
        world.soap("s/64.0", "http://soap.sforce.com/2006/08/apex", &body).await
    };
    assert_eq!(text(run("System.debug('x');").await.text(), "success"), "true");
    let broken = run("System.debug(").await;
    assert_eq!((text(broken.text(), "compiled"), text(broken.text(), "success")), ("false", "false"));
}
