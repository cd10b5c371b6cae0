//! A `serve` that starts, and one that cannot: which key is at fault, and what to do.

use std::net::TcpListener;

use super::*;

/// Where one listens that nobody calls.
const ANYWHERE: &str = "127.0.0.1:0";

#[test]
fn a_second_serve_on_one_file_is_told_so() {
    let site = Site::build();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _serve = runtime.block_on(site.serve());
    let other = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    let other = other.replace(&site.proxy.to_string(), ANYWHERE);
    let other = other.replace("[ops]\nlisten", &format!("[ops]\nlisten = \"{ANYWHERE}\"\n#"));
    std::fs::write(site.path("other.toml"), other).unwrap();
    let output = site.command(&["serve", "--config", "other.toml"]).output().unwrap();
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), 69, "{errors}");
    assert!(errors.contains("in use"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_comes_while_everything_starts_ends_it_in_order() {
    let site = Site::new().await;
    for _ in 0..5 {
        let mut serve = site.begin_to_serve().await;
        serve.signal("-TERM");
        assert_eq!(serve.ended().await.code(), Some(0));
    }
}

#[test]
fn what_keeps_serve_from_starting_is_said_with_its_key_and_the_remedy() {
    let site = Site::build();
    let config = std::fs::read_to_string(site.path("orgpass.toml")).unwrap();
    let taken = TcpListener::bind(site.proxy).unwrap();
    for (file, text, exit, key, remedy) in [
        ("taken.toml", config.clone(), 1, "proxy.listen: cannot listen on", "stop what listens there"),
        (
            "nowhere.toml",
            config.replace(&site.proxy.to_string(), ANYWHERE)
                + "[store]\nurl = \"file:missing/orgpass.redb\"\n[control]\nlisten = \"unix:control.sock\"\n",
            1,
            "store.url: the store refuses: cannot open",
            "its folder must exist",
        ),
    ] {
        std::fs::write(site.path(file), text).unwrap();
        let output = site.command(&["serve", "--config", file]).output().unwrap();
        let errors = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), exit, "{errors}");
        assert!(errors.contains(key) && errors.contains(remedy), "{errors}");
    }
    drop(taken);
}
