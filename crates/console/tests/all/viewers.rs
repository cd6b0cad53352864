//! What viewers see of an endpoint: its host, and not what stands behind it.

use serde_json::json;
use store::tokens::Role;

use crate::api::{ACCOUNT, Api, create, erp_sync, id, ok};
use crate::pages::browser::{Browser, LIST};

const URL: &str = "https://hooks.example.com/services/T0/B0/a-key-of-the-receiver?token=second-key";
const SHOWN: &str = "https://hooks.example.com/…";

#[tokio::test]
async fn a_viewer_sees_the_host_and_an_administrator_the_whole_url() {
    let api = Api::start().await;
    let (admin, viewer) = (api.admin().await, api.client(ACCOUNT, Role::Viewer).await);
    let mut form = erp_sync();
    form["url"] = json!(URL);
    let webhook = create(&admin, &form).await;
    let path = format!("/api/v1/webhooks/{}", id(&webhook));
    for (client, expected) in [(&admin, URL), (&viewer, SHOWN)] {
        assert_eq!(ok(&client.get(&path).await.unwrap())["url"], expected);
        assert_eq!(
            ok(&client.get("/api/v1/webhooks").await.unwrap())["data"][0]["url"],
            expected
        );
    }
    let audit = viewer.get(&format!("{path}/audit")).await.unwrap();
    assert!(!audit.text().contains("a-key-of"), "{}", audit.text());

    let (admin, viewer) = (
        Browser::admin(&api).await,
        Browser::signed_in(&api, ACCOUNT, Role::Viewer).await,
    );
    let page = format!("{LIST}/{}", id(&webhook));
    for path in [
        LIST.to_owned(),
        page.clone(),
        format!("{page}/verify"),
        format!("{page}/deliveries"),
    ] {
        let (all, part) = (admin.page(&path).await, viewer.page(&path).await);
        assert!(!part.contains("a-key-of") && !part.contains("second-key"), "{path}");
        assert_eq!(all.contains("a-key-of"), !path.ends_with("/deliveries"), "{path}");
    }
    // Nor by guessing: what is found tells as much as what is shown.
    for (client, found) in [(&api.admin().await, 1), (&api.client(ACCOUNT, Role::Viewer).await, 0)] {
        for (search, found) in [("a-key-of", found), ("second-key", found), ("HOOKS.example.com", 1)] {
            let path = format!("/api/v1/webhooks?search={search}");
            let page = ok(&client.get(&path).await.unwrap());
            assert_eq!(page["data"].as_array().unwrap().len(), found, "{search}");
        }
    }
    for (browser, finds) in [(&admin, true), (&viewer, false)] {
        assert_eq!(
            browser
                .page(&format!("{LIST}?search=a-key-of"))
                .await
                .contains("ERP Sync"),
            finds
        );
        assert!(
            browser
                .page(&format!("{LIST}?search=hooks.example.com"))
                .await
                .contains("ERP Sync")
        );
    }
}
