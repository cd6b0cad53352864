//! The description of the admin API, as people and machines get it.

use e2e::Site;

const COMMITTED: &str = include_str!("../../crates/api/openapi.json");

#[tokio::test]
async fn fanout_prints_it_without_any_settings() -> anyhow::Result<()> {
    let mut site = Site::new().await?;
    site.set("WEBHOOKS_DATABASE__URL", "");
    let printed = site.run("fanout", &["openapi"]).await?;
    assert_eq!(printed.status.code(), Some(0));
    assert!(
        String::from_utf8(printed.stdout)? == COMMITTED,
        "it is the one that is committed"
    );
    Ok(())
}
