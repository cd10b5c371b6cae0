//! The test's world, as its scripts in other languages see it.

use std::fmt::Debug;
use std::time::Instant;

use rustforce::Error;
use serde_json::{Value, json};

pub struct World(Value);

impl World {
    /// As the test has told it.
    pub fn told() -> Self {
        Self(serde_json::from_str(&std::env::var("TEST_WORLD").unwrap()).unwrap())
    }

    pub fn token(&self, tenant: &str) -> String {
        self.0["tokens"][tenant].as_str().unwrap().to_owned()
    }

    /// The local token for each situation.
    pub fn tokens(&self) -> Vec<(String, String)> {
        self.0["tokens"].as_object().unwrap().keys().map(|name| (name.clone(), self.token(name))).collect()
    }

    /// All sessions of the tenant's org end, as Salesforce ends them: without a word.
    pub async fn session_dies(&self, tenant: &str) {
        let url = format!("{}expire", self.0["control"].as_str().unwrap());
        let ends = reqwest::Client::new().post(url).json(&json!({"org_id": self.0["orgs"][tenant]}));
        ends.send().await.unwrap().error_for_status().unwrap();
    }
}

/// Tells how the client shows a refusal, and how long it took.
pub async fn is_refused<T: Debug>(situation: &str, attempt: impl Future<Output = Result<T, Error>>) {
    let began = Instant::now();
    let shown = match attempt.await {
        Ok(returned) => json!({"returned": format!("{returned:?}")}),
        Err(error) => json!({"text": error.to_string()}),
    };
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({"situation": situation, "seconds": seconds, "raised": "Error", "text": shown["text"], "returned": shown["returned"]})
    );
}
