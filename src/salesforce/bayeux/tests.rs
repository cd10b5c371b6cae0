use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read_one(body: &str) -> Message {
    let [message] = read(body.as_bytes()).unwrap().try_into().unwrap();
    message
}

#[test]
fn a_request_is_one_message_or_a_list_of_them() {
    let one = r#"{"channel":"/meta/connect","id":"7","clientId":"c1","connectionType":"long-polling"}"#;
    let message = Message { channel: CONNECT.to_owned(), id: Some(json!("7")), client_id: Some("c1".to_owned()) };
    assert_eq!(read_one(one), message);
    assert_eq!(read(format!(" [{one} , {one}]\n").as_bytes()), Some(vec![message.clone(), message]));
    assert_eq!(read(b"[]"), Some(Vec::new()));
}

#[test]
fn fields_are_read_however_they_are_written() {
    assert_eq!(read_one(r#"{"channel":"/x","id":12}"#).id, Some(json!(12)));
    assert_eq!(read_one(r#"{"channel":"/x","id":null,"clientId":null}"#).client_id, None);
    assert_eq!(read_one(r#"{"channel":"/x","cli\u0065ntId":"\u0063"}"#).client_id.as_deref(), Some("c"));
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_no_request() {
    for body in [
        "",
        "null",
        "\"/meta/connect\"",
        "{}",
        r#"{"clientId":"c"}"#,
        r#"{"channel":"/x","clientId":7}"#,
        r#"{"channel":"/x","clientId":"a","clientId":"b"}"#,
        r#"{"channel":"/x","clientId":"a","client\u0049d":"b"}"#,
        r#"{"channel":"/x"}{"channel":"/y"}"#,
        r#"[{"channel":"/x"}] [{"channel":"/y"}]"#,
        r#"[[{"channel":"/x"}]]"#,
        r#"[["/x", "7", "c"]]"#,
        r#"[{"channel":"/x"}"#,
        "message=%5B%5D",
    ] {
        assert_eq!(read(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn replies_that_name_a_dead_session_are_told_from_others() {
    let dead = |reply: Value| replies(json!([reply]).to_string().as_bytes()).iter().any(Reply::is_of_dead_session);
    let denied = |reason: &str| json!({"channel": HANDSHAKE, "successful": false, "error": "403::Handshake denied", "ext": {"sfdc": {"failureReason": reason}}});
    assert!(dead(denied("401::Authentication invalid")));
    assert!(dead(json!({"channel": CONNECT, "successful": false, "error": "401::Authentication invalid"})));
    assert!(dead(json!({"channel": CONNECT, "successful": false, "error": "401::Request requires authentication"})));
    for living in [
        denied("403::Organization concurrent user limit exceeded"),
        json!({"channel": CONNECT, "successful": false, "error": "403::Unknown client"}),
        json!({"channel": CONNECT, "successful": true, "error": "401::Authentication invalid"}),
        json!({"channel": "/event/Order__e", "data": {"successful": false, "error": "401::Authentication invalid"}}),
        json!({"channel": "/event/Order__e", "error": "401::Authentication invalid"}),
        json!("401::Authentication invalid"),
        json!({"successful": false, "error": ["401::"], "ext": {"sfdc": "401::"}}),
    ] {
        assert!(!dead(living.clone()), "{living}");
    }
}

#[test]
fn what_came_before_a_cut_is_read_and_a_message_alone_too() {
    let dead = r#"{"channel":"/meta/subscribe","successful":false,"error":"401::Authentication invalid"}"#;
    let cut = format!("[{dead},{dead},{{\"channel\":\"/meta/su");
    assert_eq!(replies(cut.as_bytes()).len(), 2);
    assert!(replies(dead.as_bytes())[0].is_of_dead_session());
    for nothing in ["", "[", "<html>", "{\"channel\":", "7"] {
        assert!(replies(nothing.as_bytes()).is_empty(), "{nothing}");
    }
}

#[test]
fn a_client_ends_when_it_leaves_or_is_unknown() {
    let ends = |reply: Value| replies(reply.to_string().as_bytes())[0].ends_client();
    assert!(ends(json!({"channel": CONNECT, "successful": false, "error": "403::Unknown client"})));
    assert!(ends(json!({"channel": "/meta/disconnect", "successful": true})));
    assert!(!ends(json!({"channel": CONNECT, "successful": true})));
    assert!(!ends(json!({"channel": "/meta/subscribe", "successful": false, "error": "403::Denied"})));
}

/// Any JSON, often with the fields of a message.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name =
            prop_oneof![Just("channel"), Just("id"), Just("clientId"), Just("ext"), Just("error"), Just("successful")];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.prop_map(str::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), json in any_json()) {
        let _ = read(&bytes);
        let text = json.to_string();
        for beginning in [&bytes[..], text.as_bytes(), &text.as_bytes()[..text.len() / 2]] {
            for reply in replies(beginning) {
                let _ = (reply.client_id(), reply.ends_client(), reply.is_of_dead_session());
            }
        }
    }

    #[test]
    fn what_is_read_is_what_another_reader_reads(json in any_json()) {
        let list = match &json {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        };
        let text_or_none = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_string());
        let is_message = |value: &Value| value["channel"].is_string() && text_or_none(value.get("clientId"));
        match read(json.to_string().as_bytes()) {
            None => prop_assert!(!list.iter().all(is_message)),
            Some(messages) => {
                prop_assert_eq!(messages.len(), list.len());
                for (message, value) in messages.iter().zip(&list) {
                    prop_assert_eq!(Some(message.channel.as_str()), value["channel"].as_str());
                    prop_assert_eq!(message.client_id.as_deref(), value["clientId"].as_str());
                    prop_assert_eq!(message.id.as_ref().unwrap_or(&Value::Null), &value["id"]);
                }
            }
        }
    }
}
