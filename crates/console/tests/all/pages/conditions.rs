//! Conditions and every event in the form, with and without the script.

use domain::Role;
use jiff::ToSpan;

use super::browser::{Browser, LIST, location, value};
use crate::api::{ACCOUNT, AUTO_PAUSE, Api};
use crate::deliveries::{delivered, now};

/// A form whose conditions are these fields.
fn form<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let webhook = [
        ("name", "Large deals"),
        ("url", "https://erp.example.com/hook"),
        ("event_types", "deal.won"),
    ];
    [&webhook[..], fields].concat()
}

/// What is chosen in a row.
fn is_chosen(page: &str, row: usize, op: &str) -> bool {
    let select = page
        .split(&format!("<select id=\"condition-{row}-op\""))
        .nth(1)
        .unwrap_or_default();
    let select = select.split("</select>").next().unwrap();
    select.contains(&format!("value=\"{op}\" selected"))
}

#[tokio::test]
async fn an_administrator_restricts_a_webhook_to_large_deals() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let new = format!("{LIST}/new");
    let empty = browser.page(&new).await;
    assert!(empty.contains("<legend>Only if (optional)</legend>") && empty.contains("<option value=\"amount\">"));
    // Without the script, the button sends the form, which comes back with another row.
    let one = [
        ("condition-0-field", "amount"),
        ("condition-0-op", "gt"),
        ("condition-0-value", "1000"),
    ];
    let more = browser
        .post(&new, &form(&[&one[..], &[("do", "add-condition")]].concat()))
        .await;
    assert_eq!(more.status, 200);
    let page = more.text();
    assert_eq!(value(&page, "condition-0-value").as_deref(), Some("1000"));
    assert!(page.contains("id=\"condition-1-field\"") && is_chosen(&page, 0, "gt"));
    assert!(page.contains("value=\"deal.won\" checked"));
    let two = [
        ("condition-1-field", "currency"),
        ("condition-1-op", "eq"),
        ("condition-1-value", "EUR"),
    ];
    let both = [&one[..], &two[..]].concat();
    let removed = browser
        .post(&new, &form(&[&both[..], &[("do", "remove-condition-0")]].concat()))
        .await;
    assert_eq!(value(&removed.text(), "condition-0-field").as_deref(), Some("currency"));
    let saved = location(&browser.post(&new, &form(&both)).await);
    let shown = browser.page(&saved).await;
    for text in [
        "Only if",
        "<bdi>amount is greater than 1000</bdi>",
        "<bdi>currency is EUR</bdi>",
    ] {
        assert!(shown.contains(text), "{text}");
    }
    let webhook = saved.split('?').next().unwrap();
    let viewer = Browser::signed_in(&api, ACCOUNT, Role::Viewer).await;
    assert!(viewer.page(webhook).await.contains("amount is greater than 1000"));
    let edit = format!("{webhook}/edit");
    let page = browser.page(&edit).await;
    assert_eq!(value(&page, "condition-1-value").as_deref(), Some("EUR"));
    let version = value(&page, "version").unwrap();
    let without = browser.post(&edit, &form(&[("version", &version)])).await;
    assert_eq!(location(&without), format!("{webhook}?done=saved-events"));
    let page = browser.page(webhook).await;
    assert!(
        !page.contains("Only if") && page.contains("(<bdi>conditions</bdi>)"),
        "{page}"
    );
}

#[tokio::test]
async fn a_bad_row_keeps_what_was_typed_and_says_what_is_wrong() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let fields = [
        ("condition-0-field", "a..\"b"),
        ("condition-0-op", "lt"),
        ("condition-0-value", "<many>"),
        // An empty row between two others is left out.
        ("condition-1-op", "eq"),
        ("condition-2-op", "exists"),
        ("condition-2-value", "left over"),
        ("condition-3-op", "actor_ne"),
        ("condition-3-value", "int_7"),
    ];
    let refused = browser.post(&format!("{LIST}/new"), &form(&fields)).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    assert_eq!(value(&page, "condition-0-field").as_deref(), Some("a..\"b"));
    assert_eq!(value(&page, "condition-0-value").as_deref(), Some("<many>"));
    for text in [
        "<a href=\"#condition-0-field\">A field is a name",
        "<a href=\"#condition-0-value\">Must be a number",
        "<a href=\"#condition-1-field\">A field is required</a>",
        "aria-invalid=\"true\" aria-describedby=\"condition-0-value-error\"",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(is_chosen(&page, 0, "lt") && is_chosen(&page, 1, "exists") && is_chosen(&page, 2, "actor_ne"));
    assert!(
        !page.contains("id=\"condition-2-field-error\""),
        "the actor needs no field"
    );
}

#[tokio::test]
async fn every_event_is_one_tick_and_the_others_do_not_count() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let fields = form(&[
        ("every_event", "1"),
        ("condition-0-field", "id"),
        ("condition-0-op", "exists"),
    ]);
    let saved = location(&browser.post(&format!("{LIST}/new"), &fields).await);
    let page = browser.page(&saved).await;
    assert!(page.contains("All events, also types added later."));
    let webhook = saved.split('?').next().unwrap();
    let edit = browser.page(&format!("{webhook}/edit")).await;
    let ticked = edit
        .split("name=\"every_event\"")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    assert!(ticked.contains("checked") && edit.contains("All events</p>"), "{edit}");
    let refused = form(&[("every_event", "1"), ("condition-0-value", "x")]);
    let page = browser.post(&format!("{LIST}/new"), &refused).await.text();
    // The single ticks are kept beside it.
    assert_eq!(page.matches(" checked").count(), 2);
    let none = [("name", "x"), ("url", "https://a.example.com")];
    assert_eq!(browser.post(&format!("{LIST}/new"), &none).await.status, 422);
}

#[tokio::test]
async fn a_preview_shows_numbers_and_examples_before_anything_is_saved() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let webhook = browser.add_webhook("ERP Sync").await;
    let owner = webhook.rsplit('/').next().unwrap();
    for (event, amount, seconds) in [("small", "10", 120), ("large", "2000", 60)] {
        let mut record = delivered(ACCOUNT, owner, event, now() - seconds.seconds());
        let payload = format!(r#"{{"id":"{event}","data":{{"amount":{amount},"custom":{{"region":"EU"}}}}}}"#);
        record.delivery.payload = payload.into();
        api.database.record(&[record], AUTO_PAUSE).await.unwrap();
    }
    let edit = browser.page(&format!("{webhook}/edit")).await;
    assert!(
        edit.contains("<option value=\"custom.region\">"),
        "offered from the log"
    );
    let fields = form(&[
        ("condition-0-field", "amount"),
        ("condition-0-op", "gte"),
        ("condition-0-value", "2000"),
        ("do", "preview"),
    ]);
    for path in [format!("{LIST}/preview"), format!("{webhook}/preview")] {
        let page = browser.post(&path, &fields).await.text();
        for text in [
            "<strong>1 of 2</strong> events would have been sent, at most 1 in a minute.",
            "<bdi>large</bdi>",
            "does not meet the condition <bdi>amount is at least 2000</bdi>",
        ] {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert_eq!(value(&page, "name").as_deref(), Some("Large deals"));
    }
    browser.headers = vec![("x-fragment", "preview-result")];
    let part = browser.post(&format!("{LIST}/preview"), &fields).await;
    assert!(
        part.text().starts_with("<div id=\"preview-result\" role=\"status\""),
        "{}",
        part.text()
    );
    let wrong = browser
        .post(
            &format!("{LIST}/preview"),
            &[("condition-0-field", "x"), ("condition-0-op", "gt")],
        )
        .await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text().contains("Select at least one event") && wrong.text().contains("A value is required"));
    let none = browser
        .post(&format!("{LIST}/preview"), &[("event_types", "task.completed")])
        .await;
    assert!(none.text().contains("Nothing to compare with"));
    browser.headers.clear();
    assert!(!browser.page(LIST).await.contains("Large deals"));
}
