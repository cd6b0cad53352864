//! How often one token is answered.

use serde_json::json;

use crate::api::{Api, erp_sync, ok, problem};

#[tokio::test]
async fn a_token_that_asks_too_often_is_told_when_to_come_back() {
    let api = Api::start_limited(6).await;
    let (client, other) = (api.admin().await, api.admin().await);
    for left in (1..=5).rev() {
        let answer = client.get("/api/v1/webhooks").await.unwrap();
        ok(&answer);
        assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=6;w=60");
        let told = answer.headers["ratelimit"].to_str().unwrap();
        assert!(told.starts_with(&format!("\"requests\";r={left};t=")), "{told}");
    }
    problem(&client.post("/api/v1/webhooks", &json!({})).await.unwrap(), 422);
    for refused in [
        client.get("/api/v1/webhooks").await,
        client.post("/api/v1/webhooks", &erp_sync()).await,
    ] {
        let refused = refused.unwrap();
        problem(&refused, 429);
        let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{wait}");
        assert!(
            refused.headers["ratelimit"]
                .to_str()
                .unwrap()
                .starts_with("\"requests\";r=0;t=")
        );
    }
    ok(&other.get("/api/v1/webhooks").await.unwrap());
    let unknown = api.anonymous().get("/api/v1/webhooks").await.unwrap();
    problem(&unknown, 401);
    assert!(!unknown.headers.contains_key("ratelimit"));
}
