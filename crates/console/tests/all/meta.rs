//! What a client can ask about the installation.

use domain::Role;
use serde_json::json;

use crate::api::{ACCOUNT, Api, ok, problem};

#[tokio::test]
async fn version_egress_addresses_and_limits() {
    let api = Api::start().await;
    let viewer = api.client(ACCOUNT, Role::Viewer).await;
    let meta = ok(&viewer.get("/api/v1/meta").await.unwrap());
    assert_eq!(meta["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(meta["egress_addresses"], json!(["192.0.2.7", "2001:db8::/64"]));
    assert_eq!(meta["limits"]["webhooks_per_account"], 1000);
    problem(&viewer.get("/api/v1/meta?x=1").await.unwrap(), 422);
    problem(&api.anonymous().get("/api/v1/meta").await.unwrap(), 401);
}
