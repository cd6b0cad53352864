//! Texts that attack the reader, and what no page may have in it.

use domain::Outcome;
use store::outcomes::{AttemptRecord, Disposition};

use super::browser::{Browser, LIST};
use crate::api::{ACCOUNT, AUTO_PAUSE, Api};
use crate::deliveries::{delivered, now};

const ATTACK: &str = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'\u{202e}\u{2066}\u{1b}[2J";

/// Every page there is, of a webhook whose texts attack.
async fn pages(browser: &mut Browser, api: &Api) -> Vec<(String, String)> {
    let name: String = ATTACK.chars().filter(|character| !character.is_control()).collect();
    let webhook = browser.add_webhook(&name).await;
    let id = webhook.rsplit('/').next().unwrap().to_owned();
    let mut record = delivered(ACCOUNT, &id, ATTACK, now());
    record.delivery.event_type = ATTACK.to_owned();
    record.delivery.payload = ATTACK.to_owned().into();
    record.disposition = Disposition::Failed { error: None };
    record.attempt = record.attempt.map(|attempt| AttemptRecord {
        outcome: Outcome::ConnectError,
        http_status: None,
        error: Some(ATTACK.to_owned()),
        response_excerpt: ATTACK.as_bytes().to_vec(),
        ..attempt
    });
    api.database
        .record(std::slice::from_ref(&record), AUTO_PAUSE)
        .await
        .unwrap();
    let tell = "INSERT INTO notifications (id, account, webhook_id, kind, message)
        VALUES (gen_random_uuid(), $1, $2, 'webhook.failing', $3)";
    let webhook_id: uuid::Uuid = id.parse().unwrap();
    api.sql()
        .await
        .execute(tell, &[&ACCOUNT, &webhook_id, &ATTACK])
        .await
        .unwrap();
    let below = [
        "",
        "/edit",
        "/delete",
        "/verify",
        "/recover?since=2026-11-01",
        "/deliveries",
    ];
    let mut paths: Vec<_> = below.iter().map(|path| format!("{webhook}{path}")).collect();
    paths.push(format!("{webhook}/deliveries/{}", record.delivery.id));
    paths.extend(["", "/new", "/notifications"].map(|path| format!("{LIST}{path}")));
    paths.push("/sign-in?next=%22%3E%3Cscript%3E".to_owned());
    let mut pages = Vec::new();
    for path in paths {
        let page = browser.page(&path).await;
        pages.push((path, page));
    }
    pages
}

#[tokio::test]
async fn no_text_becomes_markup_or_turns_the_line() {
    let api = Api::start().await;
    let mut browser = Browser::admin(&api).await;
    let mut seen = 0;
    for (path, page) in pages(&mut browser, &api).await {
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
        seen += page.matches("&#60;script&#62;alert(1)").count();
        // A field sends back what it shows, so there the text stays as it is.
        if !path.ends_with("/edit") {
            let deceptive = |character: char| matches!(character, '\u{202e}' | '\u{2066}' | '\u{1b}');
            assert!(!page.contains(deceptive), "{path}");
        }
    }
    assert!(seen > 15, "{seen}");
}

#[tokio::test]
async fn pages_are_small_self_contained_and_accessible() {
    let api = Api::start_below("/apps/crm").await;
    let token = api.token(ACCOUNT, store::tokens::Role::Admin).await;
    let mut browser = Browser::new(&api);
    let root = format!("/apps/crm{LIST}");
    browser.post_fields("/apps/crm/sign-in", &[("token", &token)]).await;
    for path in [
        root.clone(),
        format!("{root}/new"),
        format!("{root}/notifications"),
        "/apps/crm/sign-in".to_owned(),
    ] {
        let answer = browser.get(&path).await;
        let page = answer.text();
        assert!(
            answer.status == 200 && page.len() < 60_000,
            "{path}: {} bytes",
            page.len()
        );
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self';"),
            "{policy}"
        );
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["referrer-policy"], "same-origin");
        for attribute in ["href=\"", "src=\"", "action=\"", "formaction=\""] {
            for (at, _) in page.match_indices(attribute) {
                let target = page[at + attribute.len()..].split('"').next().unwrap();
                let ours = target.starts_with("/apps/crm/") || target.starts_with('#') || target == "data:,";
                assert!(ours, "{path}: {attribute}{target}");
            }
        }
        for (at, _) in page.match_indices("<input") {
            let field = page[at..].split('>').next().unwrap();
            let id = field
                .split_once(" id=\"")
                .map(|(_, rest)| rest.split('"').next().unwrap());
            let labelled = field.contains("type=\"hidden\"")
                || field.contains("type=\"checkbox\"")
                || id.is_some_and(|id| page.contains(&format!("for=\"{id}\"")));
            assert!(labelled, "{path}: {field}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        assert!(
            page.starts_with("<!doctype html>\n<html lang=\"en\">") && !page.contains(" style=\""),
            "{path}"
        );
        assert!(!page.contains(" onclick") && !page.contains("<script>"), "{path}");
    }
}

#[tokio::test]
async fn stylesheet_and_script_may_be_kept_for_ever() {
    let api = Api::start().await;
    let browser = Browser::new(&api);
    let page = browser.page("/sign-in").await;
    let mut found = 0;
    for (attribute, kind) in [
        ("href=\"", "text/css; charset=utf-8"),
        ("src=\"", "text/javascript; charset=utf-8"),
    ] {
        let targets = page
            .match_indices(attribute)
            .map(|(at, _)| page[at + attribute.len()..].split('"').next().unwrap());
        for path in targets.filter(|target| target.contains("/assets/")) {
            let answer = browser.get(path).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.headers["content-type"]),
                (200, &kind.parse().unwrap())
            );
            assert_eq!(answer.headers["cache-control"], "public, max-age=31536000, immutable");
            assert!(!answer.text().contains("http://") && !answer.text().contains("https://"));
            found += 1;
        }
    }
    assert_eq!(found, 2);
}
