use proptest::prelude::*;

use super::*;
use crate::connection::Cause;

fn brand(name: &str) -> BrandView {
    BrandView { name: name.to_owned(), ..BrandView::own() }
}

/// Every page with this text wherever text comes from outside.
fn pages(text: &str) -> Vec<(&'static str, String)> {
    let scope = || vec![ScopeView { word: text.to_owned(), meaning: "see data" }];
    let failure = FailureText {
        title: text.to_owned(),
        what: text.to_owned(),
        who: "You",
        fix: text.to_owned(),
        setup: Some("Setup > Users"),
        forward: Some(text.to_owned()),
    };
    let some = || Some(text.to_owned());
    let link = LinkPage {
        brand: brand(text),
        scopes: scope(),
        known: some(),
        chosen: "known",
        address: text.to_owned(),
        fault: some(),
        last: Some(failure.clone()),
        csrf: text.to_owned(),
        minutes: 14,
    };
    let confirm = ConfirmPage {
        brand: brand(text),
        org_host: text.to_owned(),
        org_id: text.to_owned(),
        username: text.to_owned(),
        again: true,
        granted: scope(),
        missing: scope(),
        csrf: text.to_owned(),
    };
    let done =
        DonePage { brand: brand(text), status: "connected", org_host: some(), return_link: some(), opener: some() };
    let failed = FailurePage { brand: brand(text), text: failure, retry: some(), return_link: some(), opener: some() };
    let row = ConnectionRow {
        tenant: text.to_owned(),
        user: some(),
        status: "misconfigured",
        cause: Some(("The org refuses.", "Ask the admin.")),
        age: text.to_owned(),
        renewed: text.to_owned(),
        used: text.to_owned(),
        next_refresh: text.to_owned(),
        grant: text.to_owned(),
    };
    let status = StatusPage {
        who: text.to_owned(),
        csrf: text.to_owned(),
        tenant: text.to_owned(),
        status: text.to_owned(),
        statuses: vec!["active"],
        rows: vec![row],
        next: some(),
        notice: some(),
    };
    let login = LoginPage { fault: Some("That token is not known.") };
    let minted = MintedPage { connection: text.to_owned(), url: text.to_owned(), minutes: 15 };
    vec![
        ("link", link.render_page().text().to_owned()),
        ("confirm", confirm.render_page().text().to_owned()),
        ("done", done.render_page().text().to_owned()),
        ("failure", failed.render_page().text().to_owned()),
        ("status", status.render_page().text().to_owned()),
        ("login", login.render_page().text().to_owned()),
        ("minted", minted.render_page().text().to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_text_from_outside_becomes_markup(text in "[<>\"'&a-z /=]{1,40}") {
        let plain = pages("x");
        for ((name, page), (_, plain)) in pages(&text).into_iter().zip(plain) {
            let tags = |page: &str| page.matches('<').count();
            prop_assert_eq!(tags(&page), tags(&plain), "{}", name);
            let quotes = |page: &str| page.matches('"').count();
            prop_assert_eq!(quotes(&page), quotes(&plain), "{}", name);
        }
    }
}

#[test]
fn every_cause_has_a_page_that_says_who_can_fix_it_and_how() {
    for cause in Cause::ALL {
        let text = Failure::Salesforce(*cause).text("Acme Reports", Some("acme.my.salesforce.com"));
        assert!(!text.title.is_empty() && !text.what.is_empty() && !text.fix.is_empty(), "{cause}");
        let for_others = !matches!(text.who, "You" | "Nobody has to: it passes");
        assert_eq!(text.forward.is_some(), for_others, "{cause}");
        if let Some(forward) = &text.forward {
            assert!(forward.contains("Acme Reports") && forward.contains(cause.as_str()), "{forward}");
        }
        let page = FailurePage { brand: brand("Acme"), text, retry: None, return_link: None, opener: None };
        assert!(page.render_page().text().contains("Who can fix it"));
    }
}
