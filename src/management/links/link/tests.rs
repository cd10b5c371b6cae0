use proptest::prelude::*;

use super::*;
use crate::salesforce::hosts::TrustedHosts;
use crate::secret::Secret;

const EXPIRES: u64 = 1_000;

fn link() -> Link {
    Link {
        id: LinkId::random(),
        key: ConnectionKey::parse("acme", None).unwrap(),
        app: "default".to_owned(),
        asked: Scopes::default(),
        login: None,
        return_to: None,
        expires: EXPIRES,
        browser: None,
        stage: Stage::Open(None),
    }
}

fn login() -> LoginUrl {
    LoginUrl::parse("https://login.salesforce.com", &TrustedHosts::default()).unwrap()
}

fn flow(state: &str) -> Flow {
    Flow { state: state.to_owned(), verifier: CodeVerifier::random(), nonce: "n".to_owned(), login: login() }
}

fn answered() -> Answered {
    let response = TokenResponse {
        access_token: Secret::new("00D!token".to_owned()),
        refresh_token: None,
        instance_url: "https://acme.my.salesforce.com".to_owned(),
        id: String::new(),
        identity: None,
        issued_at: None,
        scope: None,
        id_token: None,
        signature: None,
    };
    Answered { login: login(), response, username: None }
}

#[test]
fn one_browser_goes_through_a_link_once() {
    let begun = link().begin("b", flow("s"), 0).unwrap();
    assert_eq!(begun.look(Some("other"), 1), Err(LinkFault::OtherBrowser));
    assert_eq!(begun.look(None, 1), Err(LinkFault::OtherBrowser));
    assert!(begun.come_back(Some("b"), "another", 1).is_err());
    assert!(begun.come_back(Some("other"), "s", 1).is_err());
    let (redeeming, _) = begun.come_back(Some("b"), "s", 1).unwrap();
    assert_eq!(redeeming.come_back(Some("b"), "s", 1).unwrap_err(), LinkFault::Busy, "a code is exchanged once");
    let waiting = redeeming.answer(answered());
    assert_eq!(waiting.begin("b", flow("t"), 2).unwrap_err(), LinkFault::OutOfStep);
    assert!(waiting.confirm(Some("other"), 3).is_err());
    let (connecting, _) = waiting.confirm(Some("b"), 3).unwrap();
    assert_eq!(connecting.confirm(Some("b"), 3).unwrap_err(), LinkFault::Busy);
    assert!(connecting.confirm(Some("b"), 3 + AT_WORK + 1).is_ok(), "whoever was at work is gone");
    let over = connecting.end(Ending::Connected);
    assert_eq!(over.look(Some("b"), 4), Err(LinkFault::Used));
}

#[test]
fn what_salesforce_refused_can_be_tried_again_until_the_link_expires() {
    let begun = link().begin("b", flow("s"), 0).unwrap();
    let (redeeming, _) = begun.come_back(Some("b"), "s", 1).unwrap();
    let open = redeeming.reopen(Ending::Cancelled);
    assert!(open.begin("other", flow("t"), 2).is_err(), "it stays with its browser");
    assert!(open.begin("b", flow("t"), EXPIRES - 1).is_ok());
    assert_eq!(open.begin("b", flow("t"), EXPIRES).unwrap_err(), LinkFault::Expired);
    assert!(redeeming.begin("b", flow("t"), 10).is_err());
    assert!(redeeming.begin("b", flow("t"), 2 + AT_WORK).is_ok(), "the hub that had it is gone");
}

#[test]
fn what_nobody_confirms_is_found_to_be_revoked() {
    let (redeeming, _) = link().begin("b", flow("s"), 0).unwrap().come_back(Some("b"), "s", EXPIRES - 1).unwrap();
    let waiting = redeeming.answer(answered());
    assert!(waiting.abandoned(EXPIRES).is_none(), "there is time to confirm");
    assert!(waiting.abandoned(EXPIRES + AT_WORK * 10).is_some());
    assert!(link().abandoned(EXPIRES * 2).is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Begin(u8),
    ComeBack(u8, u8),
    Refused,
    Answer,
    Confirm(u8),
    End,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..2u8).prop_map(Step::Begin),
        (0..2u8, 0..4u8).prop_map(|(browser, state)| Step::ComeBack(browser, state)),
        Just(Step::Refused),
        Just(Step::Answer),
        (0..2u8).prop_map(Step::Confirm),
        Just(Step::End),
        (1..100u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    /// Whatever is tried in whatever order: only the browser that began first gets on, and nothing follows the end.
    #[test]
    fn no_order_of_steps_lets_a_second_browser_in_or_a_link_be_used_again(steps in steps()) {
        let (mut link, mut now, mut first, mut ended, mut states) = (link(), 0, None::<String>, false, 0u8);
        for step in steps {
            let next = match step {
                Step::Begin(browser) => {
                    let browser = browser.to_string();
                    let begun = link.begin(&browser, flow(&(states % 4).to_string()), now).ok();
                    if begun.is_some() {
                        states += 1;
                        prop_assert_eq!(first.get_or_insert(browser.clone()), &browser);
                    }
                    begun
                }
                Step::ComeBack(browser, state) => {
                    let browser = browser.to_string();
                    let back = link.come_back(Some(&browser), &state.to_string(), now).ok();
                    if back.is_some() {
                        prop_assert_eq!(first.as_ref(), Some(&browser));
                    }
                    back.map(|(link, _)| link)
                }
                Step::Refused => matches!(link.stage, Stage::Redeeming(..)).then(|| link.reopen(Ending::Cancelled)),
                Step::Answer => matches!(link.stage, Stage::Redeeming(..)).then(|| link.answer(answered())),
                Step::Confirm(browser) => {
                    let browser = browser.to_string();
                    let confirmed = link.confirm(Some(&browser), now).ok();
                    if confirmed.is_some() {
                        prop_assert_eq!(first.as_ref(), Some(&browser));
                    }
                    confirmed.map(|(link, _)| link)
                }
                Step::End => matches!(link.stage, Stage::Connecting(..)).then(|| link.end(Ending::Connected)),
                Step::Wait(seconds) => {
                    now += seconds;
                    None
                }
            };
            if let Some(next) = next {
                prop_assert!(!ended, "something followed the end");
                ended = matches!(next.stage, Stage::Ended(_));
                link = next;
            }
        }
    }
}
