//! The database goes away and comes back.

use std::time::Duration;

use serde_json::json;
use testkit::servers::PrivatePostgres;
use testkit::wait::until;

use crate::api::{Api, create, erp_sync, id, problem};
use crate::pages::browser::{Browser, LIST};

#[tokio::test]
async fn an_outage_is_a_503_that_passes() {
    let mut server = PrivatePostgres::temporary().await.unwrap();
    let api = Api::start_with(&server.create_database().await.unwrap(), "").await;
    let client = api.admin().await;
    let webhook = format!("/api/v1/webhooks/{}", id(&create(&client, &erp_sync()).await));
    let browser = Browser::admin(&api).await;
    server.stop().await.unwrap();
    for answer in [
        client.get("/api/v1/webhooks").await,
        client.get(&webhook).await,
        client.post("/api/v1/webhooks", &erp_sync()).await,
        client.patch(&webhook, &json!({"name": "x"})).await,
        client.delete(&webhook).await,
    ] {
        let answer = answer.unwrap();
        let problem = problem(&answer, 503);
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(!problem.to_string().contains("postgres"), "{problem}");
    }
    let page = browser.get(LIST).await;
    assert!(page.status == 503 && page.text().contains("<h1>Not available at the moment</h1>"));
    assert_eq!(page.headers["retry-after"], "5");
    problem(&api.anonymous().get("/api/v1/webhooks").await.unwrap(), 401);
    server.start_again().await.unwrap();
    let answers = async || client.get(&webhook).await.is_ok_and(|answer| answer.status == 200);
    until(Duration::from_secs(20), "the API to recover", answers)
        .await
        .unwrap();
}
