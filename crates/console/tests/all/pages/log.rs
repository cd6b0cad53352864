//! The delivery log as a page.

use domain::Outcome;
use jiff::ToSpan;
use store::outcomes::{AttemptRecord, DeliveryRecord, Disposition};

use super::browser::Browser;
use crate::api::{ACCOUNT, AUTO_PAUSE, Api};
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
}

/// Ids of events in a page, in its order.
fn event_ids(page: &str) -> Vec<&str> {
    let payloads = page
        .match_indices("Exactly as sent</summary>")
        .map(|(at, _)| &page[at..]);
    payloads.map(|text| text.split("&#34;").nth(3).unwrap()).collect()
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
    let retry = format!("action=\"{}/{}/retry\"", log.path, failed.delivery.id);
    for text in [
        "500 Internal Server Error",
        "231 ms",
        "Failed</span>",
        "Payload and 1 attempt",
        "&#60;h1&#62;Oops&#60;/h1&#62;\u{fffd}",
        "{&#34;id&#34;:&#34;evt-1&#34;,&#34;amount&#34;:1.10}",
        "  &#34;amount&#34;: 1.10\n",
        &retry,
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let own = log.browser.page(&format!("{}/{}", log.path, failed.delivery.id)).await;
    for text in [
        "evt-1",
        &failed.delivery.id.to_string(),
        "Beginning of the answer",
        "&#34;amount&#34;: 1.10",
        ">Retry<",
    ] {
        assert!(own.contains(text), "{text}");
    }
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
            let record = log.delivered(disposition.state().as_str(), number);
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
        assert_eq!(event_ids(&page), [state]);
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
    let ids: Vec<_> = (0..47).map(|number| format!("evt-{number}")).collect();
    // Over several days; the first is the newest.
    let records: Vec<_> = (0..)
        .zip(&ids)
        .map(|(number, id)| log.delivered(id, number * 120 + 1))
        .collect();
    log.record(&records).await;
    let filter = "event_type=deal.won";
    let first = log.browser.page(&format!("{}?{filter}", log.path)).await;
    assert_eq!(
        (event_ids(&first), link(&first, "prev")),
        (ids[..20].iter().map(String::as_str).collect(), None)
    );
    let second = log.browser.page(&link(&first, "next").unwrap()).await;
    assert_eq!(event_ids(&second), ids[20..40]);
    log.record(&[log.delivered("arriving", 0)]).await;
    let third = log.browser.page(&link(&second, "next").unwrap()).await;
    assert_eq!(
        (event_ids(&third), link(&third, "next")),
        (ids[40..].iter().map(String::as_str).collect(), None)
    );
    let back = log.browser.page(&link(&third, "prev").unwrap()).await;
    assert_eq!(event_ids(&back), ids[20..40]);
    let top = log.browser.page(&link(&back, "prev").unwrap()).await;
    assert_eq!(event_ids(&top), ids[..20]);
    let newest = log.browser.page(&link(&top, "prev").unwrap()).await;
    assert_eq!((event_ids(&newest), link(&newest, "prev")), (vec!["arriving"], None));
    let days = log
        .browser
        .page(&format!("{}?since=2026-01-01&until=2026-01-02", log.path))
        .await;
    assert!(event_ids(&days).is_empty());
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
    let own = log
        .browser
        .page(&format!("{}/{}", log.path, records[0].delivery.id))
        .await;
    assert!(
        own.contains("The beginning of 200011 bytes.") && own.len() < 60_000,
        "{} bytes",
        own.len()
    );
}
