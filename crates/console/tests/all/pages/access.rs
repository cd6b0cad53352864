//! Who may open and send what; every route of the console is walked.

use http::StatusCode;
use store::tokens::Role;

use super::browser::{Browser, LIST, location, value};
use crate::api::{ACCOUNT, AUTO_PAUSE, Api, OTHER_ACCOUNT};
use crate::deliveries::{delivered, now};

/// Paths of the routes that name an object, with ids of the account's own.
struct Paths {
    webhook: String,
    all: Vec<String>,
}

async fn paths(api: &Api, browser: &mut Browser) -> Paths {
    let webhook = browser.add_webhook("ERP Sync").await;
    let id = webhook.rsplit('/').next().unwrap();
    let record = delivered(ACCOUNT, id, "evt-1", now());
    api.database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let statement = "INSERT INTO notifications (id, account, webhook_id, kind, message)
        VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', $1, $2, 'webhook.failing', 'It fails')";
    let webhook_id: uuid::Uuid = id.parse().unwrap();
    api.sql()
        .await
        .execute(statement, &[&ACCOUNT, &webhook_id])
        .await
        .unwrap();
    let with_ids = |template: &str| {
        let path = template
            .replace("{id}", id)
            .replace("{delivery}", &record.delivery.id.to_string());
        path.replace("{notification}", "01890a5d-ac96-774b-bcce-b302099a8057")
    };
    let named = ::pages::templates()
        .into_iter()
        .filter(|path| path.contains('{') && !path.contains("{file}"));
    Paths {
        all: named.map(with_ids).collect(),
        webhook,
    }
}

#[tokio::test]
async fn every_page_but_the_first_needs_a_session() {
    let api = Api::start().await;
    let paths = paths(&api, &mut Browser::admin(&api).await).await;
    let mut nobody = Browser::new(&api);
    let plain = ::pages::templates().into_iter().filter(|path| !path.contains('{'));
    for path in plain.map(str::to_owned).chain(paths.all) {
        if ["/sign-in", "/sso"].contains(&path.as_str()) {
            continue;
        }
        for answer in [
            nobody.get(&path).await,
            nobody.post_fields(&path, &[("form_token", "x")]).await,
        ] {
            if answer.status != StatusCode::METHOD_NOT_ALLOWED {
                assert!(location(&answer).starts_with("/sign-in"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn what_belongs_to_another_account_is_not_found() {
    let api = Api::start().await;
    let paths = paths(&api, &mut Browser::admin(&api).await).await;
    assert_eq!(paths.all.len(), 19);
    let mut stranger = Browser::signed_in(&api, OTHER_ACCOUNT, Role::Admin).await;
    for path in &paths.all {
        let fields = [
            ("since", "2026-11-01"),
            ("name", "x"),
            ("url", "https://a.example.com"),
            ("event_types", "deal.won"),
        ];
        let answers = [
            stranger.get(&format!("{path}?since=2026-11-01")).await,
            stranger.post(path, &fields).await,
        ];
        for answer in &answers {
            let status = answer.status.as_u16();
            assert!(matches!(status, 404 | 405), "{path}: {status}");
            assert!(!answer.text().contains("ERP Sync") && answer.text().contains("<h1>Not found</h1>"));
        }
        assert!(answers.iter().any(|answer| answer.status == 404), "{path}");
    }
    assert!(stranger.page(LIST).await.contains("No webhooks yet."));
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let api = Api::start().await;
    let paths = paths(&api, &mut Browser::admin(&api).await).await;
    let mut viewer = Browser::signed_in(&api, ACCOUNT, Role::Viewer).await;
    let plain = [
        "",
        "/new",
        "/notifications",
        "/notifications/read-all",
        "/test",
        "/preview",
    ]
    .map(|path| format!("{LIST}{path}"));
    let mut read = 0;
    for path in paths.all.iter().chain(&plain) {
        let page = viewer.get(path).await;
        if page.status == 200 {
            read += 1;
            let forms: Vec<_> = page.text().match_indices("method=\"post\"").map(|(at, _)| at).collect();
            // Checking a request changes nothing.
            let allowed = if path.ends_with("/verify") { 2 } else { 1 };
            assert!(forms.len() <= allowed, "{path} has a form besides signing out");
            assert!(!page.text().contains("whsec_") || path.ends_with("/verify"), "{path}");
        } else {
            assert!(matches!(page.status.as_u16(), 403 | 405), "{path}: {}", page.status);
        }
        let sent = viewer.post(path, &[("name", "Taken over")]).await;
        let checked = path.ends_with("/verify") && matches!(sent.status.as_u16(), 200 | 422);
        assert!(
            checked || matches!(sent.status.as_u16(), 403 | 405),
            "{path}: {}",
            sent.status
        );
    }
    assert_eq!(read, 8);
    assert!(
        Browser::admin(&api)
            .await
            .page(&paths.webhook)
            .await
            .contains("ERP Sync")
    );
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let own = value(&browser.page(LIST).await, "form_token").unwrap();
    let other = value(&Browser::admin(&api).await.page(LIST).await, "form_token").unwrap();
    assert_ne!(own, other);
    let pause = format!("{webhook}/pause");
    for token in ["", "x", other.as_str()] {
        let answer = browser.post_fields(&pause, &[("form_token", token)]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("no longer valid"));
    }
    assert_eq!(browser.post_fields(&pause, &[]).await.status, 403);
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        browser.headers = vec![foreign];
        assert_eq!(
            browser.post_fields(&pause, &[("form_token", &own)]).await.status,
            403,
            "{foreign:?}"
        );
        assert_eq!(
            browser.post_fields("/sign-in", &[("token", "x")]).await.status,
            403,
            "{foreign:?}"
        );
    }
    browser.headers.clear();
    assert!(browser.page(&webhook).await.contains("Active"));
    let json = browser.post_fields(&pause, &[("form_token", &own)]).await;
    assert_eq!(location(&json), format!("{webhook}?done=paused"));
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let api = Api::start().await;
    let browser = Browser::admin(&api).await;
    for path in [
        "/",
        "/settings",
        "/settings/integrations",
        "/settings/integrations/webhooks/",
    ] {
        assert_eq!(location(&browser.get(path).await), LIST);
    }
    for path in [
        "/nothing",
        "/x/y",
        "/assets/console.css",
        "/no-such-id",
        "/assets/../../x",
    ] {
        let answer = browser.get(&format!("{LIST}{path}")).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("<h1>Not found</h1>"), "{path}");
    }
    let mut person = Browser::new(&api);
    assert_eq!(
        person.get("/elsewhere").await.headers["content-type"],
        "application/problem+json"
    );
    person.headers = vec![("accept", "text/html,*/*")];
    assert!(person.get("/elsewhere").await.text().contains("<h1>Not found</h1>"));
    let unknown = browser.get(&format!("{LIST}?status=broken")).await;
    assert!(unknown.status == 422 && unknown.text().contains("<h1>Not understood</h1>"));
}
