//! The rights of the Redis users are those that the store's tests give them.

/// The words after each `ACL SETUSER`, up to the end of the block.
fn rules(text: &str) -> Vec<Vec<&str>> {
    let users = text.split("ACL SETUSER ").skip(1);
    let rules = users.map(|user| user.split_once("```").expect("the block ends").0);
    rules.map(|rules| rules.split_whitespace().filter(|word| *word != "//!").collect()).collect()
}

#[test]
fn operators_are_told_the_rights_that_are_tried() {
    let tried = rules(include_str!("../../../src/store/redis.rs"));
    assert_eq!(tried.iter().map(|user| user[0]).collect::<Vec<_>>(), ["orgpass", "orgpass-sidecar"]);
    assert!(tried.iter().all(|user| user.contains(&"+evalsha")));
    assert_eq!(rules(include_str!("../../../docs/configuration.md")), tried);
}
