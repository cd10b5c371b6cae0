//! Signatures of webhooks, verified by the specification's own library.

use super::{Peers, succeeded};
use crate::delivering::receiver::Receiver;
use crate::delivering::{SECRET, world};

const VERIFY: &str = "\
import sys
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
secret, body, id, timestamp, signature = sys.argv[1:]
headers = {'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature}
told = Webhook(secret).verify(body, headers)
try:
    Webhook(secret).verify(body + ' ', headers)
    sys.exit('a changed body was believed')
except WebhookVerificationError:
    print(told['type'])
";

#[tokio::test(flavor = "multi_thread")]
async fn a_library_of_the_specification_believes_what_is_told() {
    let receiver = Receiver::start().await;
    let world = world(&receiver).await;
    world.connect("acme", None).await;
    receiver.until_told(1).await;
    let told = receiver.told().remove(0);
    let header = |name: &str| told.headers[name].to_str().unwrap();
    let mut python = Peers::python();
    python.args(["-c", VERIFY, SECRET, std::str::from_utf8(&told.raw).unwrap()]);
    python.args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(header));
    assert_eq!(succeeded(python).trim(), "connection.created");
}
