//! Text of strangers (names, event ids, payloads, what receivers answer) is shown as text, and breaks no page.

use anyhow::ensure;
use e2e::browser::{Page, Scheme};
use e2e::{DEADLINE, Event};
use serde_json::{Value, json};
use testkit::receiver::Answer;

use crate::accessibility::MAX_PAGE_BYTES;
use crate::stage::{LIST, Stage};

const SCRIPT: &str = "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>";
/// A right-to-left override and an escape sequence of terminals.
const TURNED: &str = "\u{202e}gpj.exe\u{2066}";
/// As narrow as telephones are.
const NARROW: u32 = 360;

/// Nothing of it ran, everything fits, and it was little.
async fn check(page: &Page, path: &str) -> anyhow::Result<()> {
    page.look_like(NARROW, 740, Scheme::Light).await?;
    page.open(path).await?;
    let bytes = page.bytes();
    ensure!(bytes < MAX_PAGE_BYTES, "{path} takes {bytes} bytes");
    for details in ["false", "true"] {
        page.evaluate(&format!(
            "document.querySelectorAll('details').forEach((it) => {{ it.open = {details}; }})"
        ))
        .await?;
        let loaded = "[...document.querySelectorAll('.unfolded')].every((it) => it.querySelector('.fold'))";
        page.wait_for("what is unfolded", loaded).await?;
        let overflow = page.evaluate("page.overflow()").await?;
        ensure!(overflow == json!([]), "{path}: {overflow:#}");
    }
    ensure!(
        page.evaluate("window.pwned ?? null").await?.is_null(),
        "{path} ran a stranger's script"
    );
    ensure!(
        page.evaluate("document.querySelector('main img, main script') === null")
            .await?
            == true,
        "{path}"
    );
    page.check_traffic()
}

#[tokio::test]
async fn text_of_strangers_is_text_and_fits_a_telephone() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let all = &stage.all;
    let answer = format!("{SCRIPT}{TURNED}\u{1b}[2J\u{0}\r{}", "long".repeat(2500));
    all.receiver.answer(Answer::status(404).body(answer));
    let path = format!("/{}?{}", "p".repeat(900), "q".repeat(900));
    let names = [
        SCRIPT.to_owned(),
        format!("{TURNED} {}", "W".repeat(80)),
        "W".repeat(100),
    ];
    let mut webhooks = Vec::new();
    for name in &names {
        let form = json!({"name": name, "url": all.receiver.url(&path), "event_types": ["deal.won"]});
        // A name that reverses the direction of text may also be refused; then it is not shown anywhere.
        match all.api.create_webhook_from(&form).await {
            Ok(webhook) => webhooks.push(webhook),
            Err(refused) => ensure!(refused.to_string().contains("/name"), "{refused}"),
        }
    }
    ensure!(
        webhooks.len() >= 2,
        "ordinary characters are no reason to refuse a name"
    );
    all.wait_until_known(f64::from(u8::try_from(webhooks.len())?)).await?;
    let ids = [
        "<script>window.pwned=1</script>".to_owned(),
        "i".repeat(255),
        "<b>&amp;".repeat(30),
    ];
    let data = json!({"note": format!("{SCRIPT}{TURNED}{}", "word".repeat(2500)), "w".repeat(300): 1}).to_string();
    for n in 0..4 {
        for id in &ids {
            let id = format!("{n}{}", &id[..id.len().min(254)]);
            all.crm
                .publish(Event::new("deal.won", &id).with_data(&data).as_json())
                .await?;
        }
    }
    let first = &webhooks[0].id;
    all.api.wait_for_webhook(first, |it| it["status"] == "paused").await?;
    all.receiver.wait_for(10, DEADLINE).await?;

    let page = stage.page().await?.with_cache().await?;
    stage.sign_in(&page).await?;
    let failed = all
        .api
        .get(&format!("/webhooks/{first}/deliveries?state=failed"))
        .await?;
    let delivery = failed["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    check(&page, LIST).await?;
    check(&page, &format!("{LIST}/notifications")).await?;
    for webhook in &webhooks {
        for below in [
            "",
            "/edit",
            "/deliveries",
            "/verify",
            "/delete",
            "/recover?since=2026-01-01T00:00",
        ] {
            check(&page, &format!("{LIST}/{}{below}", webhook.id)).await?;
        }
    }
    check(&page, &format!("{LIST}/{first}/deliveries/{delivery}")).await?;
    check(&page, &format!("{LIST}?search=%3Cscript%3E{}", "s".repeat(3000))).await?;
    // Shown, and not left out.
    page.open(LIST).await?;
    assert!(page.says(SCRIPT).await?, "a name stands as it is");
    page.open(&format!("{LIST}/{first}/deliveries/{delivery}")).await?;
    let shown: Value = page
        .evaluate("document.body.innerText.includes('[U+202E]gpj.exe')")
        .await?;
    assert_eq!(shown, true, "what turns text around is told instead");
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_too_long_or_has_controls_is_told_at_its_field() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let page = stage.page().await?;
    stage.sign_in(&page).await?;
    page.look_like(NARROW, 740, Scheme::Light).await?;
    for name in ["n".repeat(10_000), "a\u{7}b".to_owned()] {
        page.open(&format!("{LIST}/new")).await?;
        // Past the browser's own limit, which is not the one that counts.
        let typed = format!(
            "(page.field('Name').removeAttribute('maxlength'), page.field('Name').value = {})",
            json!(name)
        );
        page.evaluate(&typed).await?;
        page.fill("Endpoint URL", "https://erp.company.com/").await?;
        page.tick("Deal won deal.won").await?;
        page.click("Save").await?;
        page.wait_for(
            "the field to be marked",
            "page.field('Name').getAttribute('aria-invalid') === 'true'",
        )
        .await?;
        let loaded = "[...document.querySelectorAll('.unfolded')].every((it) => it.querySelector('.fold'))";
        page.wait_for("what is unfolded", loaded).await?;
        let overflow = page.evaluate("page.overflow()").await?;
        assert_eq!(overflow, json!([]));
        page.check_traffic()?;
    }
    Ok(())
}
