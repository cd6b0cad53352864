//! The list, and a webhook's own page with everything that can be done there.

use jiff::ToSpan;
use store::tokens::Role;
use uuid::Uuid;

use super::browser::{Browser, LIST, location, value};
use crate::api::{ACCOUNT, AUTO_PAUSE, Api, account, ok};
use crate::deliveries::{delivered, failed, now};

fn id(path: &str) -> Uuid {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_list_is_narrowed_by_its_address() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let (first, second) = (
        browser.add_webhook("ERP Sync").await,
        browser.add_webhook("Data lake 100%").await,
    );
    let sql = api.sql().await;
    sql.execute("UPDATE webhooks SET failed_attempts = 3 WHERE id = $1", &[&id(&second)])
        .await
        .unwrap();
    let third = browser.add_webhook("Slack").await;
    browser.post(&format!("{third}/pause"), &[]).await;
    let shown = async |query: &str| {
        let page = browser.page(&format!("{LIST}?{query}")).await;
        [&first, &second, &third].map(|path| page.contains(&format!("<a href=\"{path}\"")))
    };
    for (query, expected) in [
        ("", [true, true, true]),
        ("status=active", [true, false, false]),
        ("status=error", [false, true, false]),
        ("status=paused", [false, false, true]),
        ("event_type=deal.won", [true, true, true]),
        ("event_type=deal.lost", [false, false, false]),
        ("search=eRp+s", [true, false, false]),
        ("search=ERP.example", [true, true, true]),
        ("search=100%25", [false, true, false]),
        ("search=%25", [false, true, false]),
        ("search=_", [false, false, false]),
        ("search=Slack&status=active", [false, false, false]),
    ] {
        assert_eq!(shown(query).await, expected, "{query}");
    }
    let none = browser.page(&format!("{LIST}?search=%22%3E%3Cb%3E")).await;
    assert!(none.contains("No webhook matches.") && value(&none, "search").as_deref() == Some("\"><b>"));
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    for number in 0..27 {
        browser.add_webhook(&format!("Hook {number:02} of many")).await;
    }
    let first = browser.page(&format!("{LIST}?search=of+many")).await;
    assert!(first.contains("Hook 24") && !first.contains("Hook 25") && first.len() < 60_000);
    let next = &first[first.find("rel=\"next\" href=\"").unwrap() + 17..];
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let second = browser.page(&next).await;
    assert!(second.contains("Hook 25") && second.contains("Hook 26") && !second.contains("Hook 24"));
    assert!(!second.contains("rel=\"next\""));
    assert_eq!(browser.get(&format!("{LIST}?cursor=AAAA")).await.status, 400);
}

#[tokio::test]
async fn pausing_and_resuming() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let list = browser.post(&format!("{webhook}/pause"), &[("back", "list")]).await;
    assert_eq!(location(&list), format!("{LIST}?done=paused"));
    assert!(browser.page(&webhook).await.contains(">Resume</button>"));
    assert_eq!(
        location(&browser.post(&format!("{webhook}/resume"), &[]).await),
        format!("{webhook}?done=resumed")
    );
    let page = browser.page(&webhook).await;
    assert!(page.contains("Active") && page.contains(">Pause</button>"));
    assert!(page.contains("<strong>Resumed</strong>") && page.contains("<strong>Paused</strong>"));
}

#[tokio::test]
async fn the_secret_is_shown_on_request_and_replaced() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let secret = async || {
        let secret = api
            .database
            .current_secret(&account(ACCOUNT), domain::WebhookId(id(&webhook)))
            .await;
        secret.unwrap().unwrap().expose().to_owned()
    };
    let first = secret().await;
    assert!(!browser.page(&webhook).await.contains(&first));
    assert!(
        browser
            .post(&format!("{webhook}/secret"), &[])
            .await
            .text()
            .contains(&first)
    );
    browser.headers = vec![("x-fragment", "secret-box")];
    let fragment = browser.post(&format!("{webhook}/secret"), &[]).await.text();
    assert!(fragment.contains(&first) && fragment.starts_with("<section") && !fragment.contains("<html"));
    browser.headers.clear();

    let rotate = format!("{webhook}/rotate");
    let refused = browser.post(&rotate, &[("secret", "too short")]).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused
            .text()
            .contains("A custom secret must have 16 to 128 characters")
    );
    assert!(location(&browser.post(&rotate, &[("secret", "")]).await).starts_with(&format!("{webhook}?done=rotated")));
    assert_ne!(secret().await, first);
    browser
        .post(&rotate, &[("secret", "my own secret of long standing")])
        .await;
    assert_eq!(secret().await, "my own secret of long standing");
    let shown = browser.post(&format!("{webhook}/secret"), &[]).await.text();
    assert!(shown.contains("value=\"whsec_"), "the same key for libraries");
    let page = browser.page(&webhook).await;
    assert_eq!(page.matches("<strong>Secret shown</strong>").count(), 3);
    assert_eq!(page.matches("<strong>Secret replaced</strong>").count(), 2);
}

#[tokio::test]
async fn failed_deliveries_are_counted_and_then_sent_again() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let owner = id(&webhook).to_string();
    let mut records = [1, 2, 3].map(|hours| delivered(ACCOUNT, &owner, &format!("evt-{hours}"), now() - hours.hours()));
    for record in &mut records {
        record.disposition = store::outcomes::Disposition::Failed { error: None };
    }
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    let recover = format!("{webhook}/recover");
    assert!(browser.page(&recover).await.contains("Count them"));
    let since = (now() - 150.minutes()).strftime("%Y-%m-%dT%H:%M").to_string();
    let counted = browser.page(&format!("{recover}?since={since}")).await;
    assert!(counted.contains(">Retry 2 failed deliveries</button>"), "{counted}");
    assert_eq!(browser.get(&format!("{recover}?since=soon")).await.status, 422);
    assert_eq!(browser.post(&recover, &[]).await.status, 400);
    let range = [
        (
            "since",
            value(&counted[counted.find("<section").unwrap()..], "since").unwrap(),
        ),
        ("until", value(&counted, "until").unwrap()),
    ];
    let range = range.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        location(&browser.post(&recover, &range).await),
        format!("{webhook}?done=recovering")
    );
    let page = browser.page(&webhook).await;
    assert!(page.contains("2 of 2 still to go") && page.contains("<strong>Failed deliveries retried</strong>"));
    assert_eq!(browser.post(&recover, &range).await.status, 409);

    let retry = format!("{webhook}/deliveries/{}/retry", records[2].delivery.id);
    assert_eq!(
        location(&browser.post(&retry, &[]).await),
        format!("{webhook}/deliveries?done=retried#{}", records[2].delivery.id)
    );
    assert_eq!(browser.post(&retry, &[]).await.status, 409);
    assert!(browser.page(&format!("{webhook}/deliveries")).await.contains("Queued"));
}

#[tokio::test]
async fn a_deleted_webhook_leaves_its_trail() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let record = failed(ACCOUNT, webhook.rsplit('/').next().unwrap(), "evt-1", now());
    api.database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let log = format!("{webhook}/deliveries");
    assert!(browser.page(&log).await.contains("<button>Retry"));
    assert_eq!(
        location(&browser.post(&format!("{webhook}/delete"), &[]).await),
        format!("{LIST}?done=deleted")
    );
    assert_eq!(browser.get(&webhook).await.status, 404);
    let list = browser.page(LIST).await;
    assert!(list.contains("Deleted webhooks") && list.contains(&format!("href=\"{log}\"")));
    let delivery = format!("{log}/{}", record.delivery.id);
    for path in [&log, &delivery] {
        let page = browser.page(path).await;
        assert!(
            page.contains("<bdi>ERP Sync</bdi>: ") && page.contains("deal.won"),
            "{page}"
        );
        assert!(
            !page.contains("/retry\"") && !page.contains(&format!("href=\"{webhook}\"")),
            "{page}"
        );
    }
    assert!(browser.page(&log).await.contains("This webhook was deleted on "));
    let retried = browser.post(&format!("{delivery}/retry"), &[]).await;
    assert_eq!(retried.status, 409);
    let stranger = Browser::signed_in(&api, "globex", Role::Admin).await;
    assert_eq!(stranger.get(&log).await.status, 404);
    assert!(!stranger.page(LIST).await.contains("Deleted webhooks"));
    let reader = api.client(ACCOUNT, Role::Viewer).await;
    let trail = ok(&reader
        .get(&format!("/api/v1/webhooks/{}/audit", id(&webhook)))
        .await
        .unwrap());
    let actions: Vec<_> = trail["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        (actions, &trail["data"][0]["token_name"]),
        (vec!["deleted", "created"], &serde_json::json!("a test"))
    );
    let other = api.client("globex", Role::Admin).await;
    let hidden = other
        .get(&format!("/api/v1/webhooks/{}/audit", id(&webhook)))
        .await
        .unwrap();
    assert_eq!(hidden.status, 404);
}

#[tokio::test]
async fn the_audit_trail_is_only_added_to() {
    let api = Api::start().await;
    Browser::admin(&api).await.add_webhook("ERP Sync").await;
    let sql = api.sql().await;
    for statement in [
        "UPDATE audit_entries SET detail = 'x'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ] {
        let refused = sql.execute(statement, &[]).await.unwrap_err();
        assert!(
            refused.as_db_error().unwrap().message().contains("only added to"),
            "{statement}"
        );
    }
}

#[tokio::test]
async fn notifications_are_told_until_they_are_read() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let message = "Webhook 'ERP Sync' has been paused due to repeated failures";
    let add = "INSERT INTO notifications (id, account, webhook_id, kind, message)
        VALUES (gen_random_uuid(), $1, $2, 'webhook.auto_paused', $3)";
    for _ in 0..2 {
        api.sql()
            .await
            .execute(add, &[&ACCOUNT, &id(&webhook), &message])
            .await
            .unwrap();
    }
    let shown = "Webhook &#39;ERP Sync&#39; has been paused due to repeated failures";
    let list = browser.page(LIST).await;
    assert!(
        !list.contains(shown),
        "the list says what is wrong now, and the webhook is not paused"
    );
    assert!(list.contains(">2<span class=\"vh\"> unread</span>"));
    let page = browser.page(&format!("{LIST}/notifications")).await;
    assert_eq!(page.matches("class=\"new\"").count(), 2);
    let read = &page[page.find("/notifications/").unwrap()..];
    let one = read.match_indices("/read\"").map(|(at, _)| &read[..at]).next().unwrap();
    let one = one.rsplit('/').next().unwrap();
    browser.post(&format!("{LIST}/notifications/{one}/read"), &[]).await;
    assert_eq!(
        browser
            .page(&format!("{LIST}/notifications"))
            .await
            .matches("class=\"new\"")
            .count(),
        1
    );
    let all = browser.post(&format!("{LIST}/notifications/read-all"), &[]).await;
    assert_eq!(location(&all), format!("{LIST}/notifications?done=read"));
    assert!(!browser.page(LIST).await.contains("unread"));
}

#[tokio::test]
async fn the_list_says_which_webhooks_are_paused_because_of_failures() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let mut webhooks = Vec::new();
    for name in ["One", "Two", "Three", "Four", "Five"] {
        webhooks.push(browser.add_webhook(name).await);
    }
    browser.post(&format!("{}/pause", webhooks[4]), &[]).await;
    let pause =
        "UPDATE webhooks SET paused_reason = 'repeated_failures', paused_at = now() WHERE paused_reason IS NULL";
    api.sql().await.execute(pause, &[]).await.unwrap();
    let list = browser.page(LIST).await;
    assert_eq!(
        list.matches("has been paused due to repeated failures").count(),
        3,
        "{list}"
    );
    assert!(list.contains("1 more webhook is paused because of failures."), "{list}");
    for webhook in &webhooks[..4] {
        browser.post(&format!("{webhook}/resume"), &[]).await;
    }
    let list = browser.page(LIST).await;
    assert!(
        !list.contains("because of failures") && !list.contains("note bad"),
        "{list}"
    );
}
