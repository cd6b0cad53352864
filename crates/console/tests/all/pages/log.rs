//! The delivery log as a page.

use domain::Outcome;
use jiff::ToSpan;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition};

use super::browser::Browser;
use crate::api::{ACCOUNT, AUTO_PAUSE, Api, ok};
use crate::deliveries::{WAITS, delivered, now};

struct Log {
    api: Api,
    browser: Browser,
    path: String,
    webhook: String,
}

impl Log {
    async fn start() -> Self {
        let api = Api::start().await;
        let mut browser = Browser::admin(&api).await;
        let page = browser.add_webhook("ERP Sync").await;
        let webhook = page.rsplit('/').next().unwrap().to_owned();
        Self {
            api,
            browser,
            path: format!("{page}/deliveries"),
            webhook,
        }
    }

    async fn record(&self, records: &[DeliveryRecord]) {
        self.api.database.record(records, AUTO_PAUSE).await.unwrap();
    }

    fn delivered(&self, event_id: &str, minutes_ago: i64) -> DeliveryRecord {
        delivered(ACCOUNT, &self.webhook, event_id, now() - minutes_ago.minutes())
    }

    /// Ids of the deliveries of these events.
    fn ids_of(&self, events: &[impl AsRef<str>]) -> Vec<String> {
        let id = |event: &str| self.delivered(event, 0).delivery.id.to_string();
        events.iter().map(|event| id(event.as_ref())).collect()
    }
}

/// Ids of deliveries in a page, in its order.
fn ids(page: &str) -> Vec<String> {
    let rows = page.split("<tbody id=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

/// The address of the link with this relation.
fn link(page: &str, relation: &str) -> Option<String> {
    let link = &page[page.find(&format!("rel=\"{relation}\" href=\""))?..];
    Some(link.split('"').nth(3)?.replace("&#38;", "&"))
}

#[tokio::test]
async fn a_line_tells_everything_about_a_delivery() {
    let log = Log::start().await;
    let mut failed = log.delivered("evt-1", 5);
    failed.disposition = Disposition::Failed { error: None };
    failed.delivery.payload = "{\"id\":\"evt-1\",\"amount\":1.10}".into();
    failed.attempt = failed.attempt.map(|attempt| AttemptRecord {
        outcome: Outcome::Http5xx,
        http_status: Some(500),
        response_time_ms: 231,
        response_excerpt: b"<h1>Oops</h1>\xff".to_vec(),
        ..attempt
    });
    log.record(&[failed.clone()]).await;
    let page = log.browser.page(&log.path).await;
    let own_path = format!("{}/{}", log.path, failed.delivery.id);
    for text in [
        "500 Internal Server Error",
        "231 ms",
        "Failed</span>",
        &format!("action=\"{own_path}/retry\""),
        &format!("data-unfold=\"{own_path}/fold\""),
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let fold = log.browser.page(&format!("{own_path}/fold")).await;
    let own = log.browser.page(&own_path).await;
    for shown in [&fold, &own] {
        for text in [
            "Response body",
            "&#60;h1&#62;Oops&#60;/h1&#62;\u{fffd}",
            "{&#34;id&#34;:&#34;evt-1&#34;,&#34;amount&#34;:1.10}",
            "  &#34;amount&#34;: 1.10\n",
            "28 bytes",
            &format!("{own_path}/payload"),
        ] {
            assert!(shown.contains(text), "{text} in {shown}");
        }
    }
    assert!(own.contains("evt-1") && own.contains(">Retry<"), "{own}");
    let file = log.browser.get(&format!("{own_path}/payload")).await;
    assert_eq!(file.text(), "{\"id\":\"evt-1\",\"amount\":1.10}");
    assert_eq!(file.headers["content-type"], "application/json");
    let name = format!("attachment; filename=\"{}.json\"", failed.delivery.id);
    assert_eq!(file.headers["content-disposition"], name.as_str());
    let other = log
        .browser
        .get(&format!("{}/msg_00000000000000000000000000000001", log.path))
        .await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn every_state_has_its_word() {
    let log = Log::start().await;
    let dispositions = [
        Disposition::Spilled(WAITS),
        Disposition::Held(WAITS),
        Disposition::Retrying {
            retry_in: std::time::Duration::from_secs(60),
        },
        Disposition::Failed { error: None },
    ];
    let records: Vec<_> = (0..)
        .zip(dispositions)
        .map(|(number, disposition)| {
            let record = log.delivered(disposition.state().into(), number);
            DeliveryRecord { disposition, ..record }
        })
        .collect();
    log.record(&records).await;
    for (state, word) in [
        ("queued", "Queued"),
        ("held", "Waiting"),
        ("retrying", "Retrying"),
        ("failed", "Failed"),
    ] {
        let page = log.browser.page(&format!("{}?state={state}", log.path)).await;
        assert_eq!(ids(&page), log.ids_of(&[state]));
        assert!(page.contains(&format!("</svg>{word}</span>")), "{word}");
        assert_eq!(page.contains("/retry\""), state == "failed");
    }
    let none = log.browser.page(&format!("{}?state=delivered", log.path)).await;
    assert!(none.contains("No delivery matches."));
    assert_eq!(log.browser.get(&format!("{}?state=lost", log.path)).await.status, 422);
}

#[tokio::test]
async fn pages_lead_back_and_forth_while_deliveries_arrive() {
    let log = Log::start().await;
    let events: Vec<_> = (0..47).map(|number| format!("evt-{number}")).collect();
    let expected = log.ids_of(&events);
    // Over several days; the first is the newest.
    let records: Vec<_> = (0..)
        .zip(&events)
        .map(|(number, id)| log.delivered(id, number * 120 + 1))
        .collect();
    log.record(&records).await;
    let filter = "event_type=deal.won";
    let first = log.browser.page(&format!("{}?{filter}", log.path)).await;
    assert_eq!((ids(&first), link(&first, "prev")), (expected[..20].to_vec(), None));
    let second = log.browser.page(&link(&first, "next").unwrap()).await;
    assert_eq!(ids(&second), expected[20..40]);
    log.record(&[log.delivered("arriving", 0)]).await;
    let third = log.browser.page(&link(&second, "next").unwrap()).await;
    assert_eq!((ids(&third), link(&third, "next")), (expected[40..].to_vec(), None));
    let back = log.browser.page(&link(&third, "prev").unwrap()).await;
    assert_eq!(ids(&back), expected[20..40]);
    let top = log.browser.page(&link(&back, "prev").unwrap()).await;
    assert_eq!(ids(&top), expected[..20]);
    let newest = log.browser.page(&link(&top, "prev").unwrap()).await;
    assert_eq!((ids(&newest), link(&newest, "prev")), (log.ids_of(&["arriving"]), None));
    let days = log
        .browser
        .page(&format!("{}?since=2026-01-01&until=2026-01-02", log.path))
        .await;
    assert!(ids(&days).is_empty());
    assert_eq!(log.browser.get(&format!("{}?after=AAAA", log.path)).await.status, 400);
}

#[tokio::test]
async fn a_page_stays_small_whatever_is_in_it() {
    let log = Log::start().await;
    let records: Vec<_> = (0..25)
        .map(|number| {
            let mut record = log.delivered(&format!("evt-{number}"), number);
            record.delivery.payload = format!("{{\"text\":\"{}\"}}", "<&>\"'".repeat(40_000)).into();
            record.attempt = record.attempt.map(|attempt| AttemptRecord {
                response_excerpt: vec![b'<'; 4096],
                ..attempt
            });
            record
        })
        .collect();
    log.record(&records).await;
    let page = log.browser.page(&log.path).await;
    assert!(page.len() < 60_000, "{} bytes", page.len());
    let own_path = format!("{}/{}", log.path, records[0].delivery.id);
    let own = log.browser.page(&own_path).await;
    assert!(
        own.contains("The first 4096 of 200011 bytes.") && own.len() < 60_000,
        "{} bytes",
        own.len()
    );
    let whole = log.browser.page(&format!("{own_path}?whole=1")).await;
    assert!(
        whole.len() > 400_000 && !whole.contains("Show all"),
        "{} bytes",
        whole.len()
    );
}

#[tokio::test]
async fn sending_again_leads_back_to_where_it_was_asked_for() {
    let mut log = Log::start().await;
    let done = log.delivered("done", 5);
    let mut failed = log.delivered("failed", 6);
    failed.disposition = Disposition::Failed { error: None };
    log.record(&[done.clone(), failed.clone()]).await;
    let page = log.browser.page(&log.path).await;
    let confirm = format!("{}/{}/send-again", log.path, done.delivery.id);
    assert!(page.contains(&confirm), "{page}");
    let asked = log.browser.page(&confirm).await;
    assert!(asked.contains("It may process") && asked.contains("200 OK"), "{asked}");
    let retry = |id| format!("{}/{id}/retry", log.path);
    let path = retry(done.delivery.id);
    let sent = log.browser.post(&path, &[]).await;
    let back = format!("{}?done=retried#{}", log.path, done.delivery.id);
    assert_eq!(
        (sent.status.as_u16(), sent.headers["location"].to_str().unwrap()),
        (303, &*back)
    );
    let webhook = log.path.strip_suffix("/deliveries").unwrap().to_owned();
    log.browser.post(&format!("{webhook}/pause"), &[]).await;
    let path = retry(failed.delivery.id);
    let sent = log.browser.post(&path, &[("back", "state=failed")]).await;
    let back = format!("{}?state=failed&done=retry-held#{}", log.path, failed.delivery.id);
    assert_eq!(sent.headers["location"].to_str().unwrap(), back);
    let page = log.browser.page(&back).await;
    assert!(
        page.contains("The delivery is sent again when you resume it."),
        "{page}"
    );
}

/// The command's headers are those that the receiver's own check accepts.
#[tokio::test]
async fn a_delivery_can_be_copied_as_a_signed_command_by_admins() {
    let log = Log::start().await;
    let mut record = log.delivered("evt-1", 5);
    record.delivery.payload = "{\"name\":\"it's\"}".into();
    log.record(std::slice::from_ref(&record)).await;
    let own = format!("{}/{}", log.path, record.delivery.id);
    let page = log.browser.page(&own).await;
    let id = record.delivery.id.to_string();
    assert!(
        page.contains("Copy as curl") && page.contains(r"{&#34;name&#34;:&#34;it&#39;\&#39;&#39;s&#34;}"),
        "{page}"
    );
    let header = |name: &str| {
        let (_, value) = page.split_once(&format!("{name}: ")).unwrap();
        value.split_once("&#39;").unwrap().0.to_owned()
    };
    assert_eq!(header("webhook-id"), id);
    let client = log.api.admin().await;
    let secret = format!("/api/v1/webhooks/{}/secret", log.webhook);
    let secret = ok(&client.get(&secret).await.unwrap())["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = domain::SigningSecret::parse(&secret).unwrap().key();
    let timestamp = header("webhook-timestamp").parse().unwrap();
    let signature = header("webhook-signature")
        .replace("&#43;", "+")
        .replace("&#47;", "/")
        .replace("&#61;", "=");
    assert!(
        domain::verify(&key, &id, timestamp, &record.delivery.payload, &signature),
        "{signature}"
    );

    let mut odd = log.delivered("evt-2", 5);
    odd.delivery.payload = "{\"a\":\r\n1}".into();
    let mut large = log.delivered("evt-3", 5);
    large.delivery.payload = format!("{{\"a\":\"{}\"}}", "'".repeat(4000)).into();
    log.record(&[odd.clone(), large.clone()]).await;
    let odd = log.browser.page(&format!("{}/{}", log.path, odd.delivery.id)).await;
    assert!(
        !odd.contains("Copy as curl") && !odd.contains("data-copy"),
        "what is shown differs from what was sent: {odd}"
    );
    let large = format!("{}/{}", log.path, large.delivery.id);
    let page = log.browser.page(&large).await;
    assert!(page.len() < 60_000 && !page.contains("Copy as curl"), "{}", page.len());
    assert!(
        log.browser
            .page(&format!("{large}?whole=1"))
            .await
            .contains("Copy as curl")
    );

    let viewer = Browser::signed_in(&log.api, ACCOUNT, store::tokens::Role::Viewer).await;
    assert!(!viewer.page(&own).await.contains("webhook-signature"));
    client
        .delete(&format!("/api/v1/webhooks/{}", log.webhook))
        .await
        .unwrap();
    assert!(!log.browser.page(&own).await.contains("webhook-signature"));
}
