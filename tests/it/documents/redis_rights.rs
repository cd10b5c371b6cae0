//! The rights of the Redis user are those that the store's tests give it.

/// The words after `ACL SETUSER`, up to the end of the block.
fn rules(text: &str) -> Vec<&str> {
    let (_, rules) = text.split_once("ACL SETUSER ").expect("the rules are there");
    let (rules, _) = rules.split_once("```").expect("the block ends");
    rules.split_whitespace().filter(|word| *word != "//!").collect()
}

#[test]
fn operators_are_told_the_rights_that_are_tried() {
    let tried = rules(include_str!("../../../src/store/redis.rs"));
    assert!(tried.contains(&"+evalsha"));
    assert_eq!(rules(include_str!("../../../docs/configuration.md")), tried);
}
