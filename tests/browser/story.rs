//! The whole story of a webhook, from signing in to being paused by itself; with JavaScript and without.

use e2e::browser::Page;
use e2e::{DEADLINE, Event};
use testkit::receiver::Answer;

use crate::stage::{LIST, Stage};

#[tokio::test]
async fn an_administrator_sets_up_tests_watches_pauses_and_resumes_a_webhook() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let page = stage.page().await?;
    let scripted = true;
    Box::pin(Story { stage, page, scripted }.tell()).await
}

#[tokio::test]
async fn so_does_one_without_javascript() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let page = stage.page().await?.without_script().await?;
    let scripted = false;
    Box::pin(Story { stage, page, scripted }.tell()).await
}

struct Story {
    stage: Stage,
    page: Page,
    /// With JavaScript, a row of the log unfolds; without it, the row has a link to the delivery.
    scripted: bool,
}

impl Story {
    async fn tell(self) -> anyhow::Result<()> {
        self.sign_in_and_find_nothing().await?;
        self.fill_the_form_in().await?;
        self.test().await?;
        let webhook = self.save().await?;
        self.see_a_delivery(&webhook).await?;
        self.retry_one_that_failed(&webhook).await?;
        self.pause_and_resume(&webhook).await?;
        self.fail_until_paused(&webhook).await?;
        self.page.check_traffic()?;
        self.stage.all.finish().await
    }

    async fn publish(&self, event_type: &str, id: &str) -> anyhow::Result<()> {
        self.stage.all.crm.publish(Event::new(event_type, id).as_json()).await
    }

    async fn sign_in_and_find_nothing(&self) -> anyhow::Result<()> {
        let page = &self.page;
        page.open(LIST).await?;
        page.wait_for_text("Sign in to Webhooks").await?;
        self.stage.sign_in(page).await?;
        page.wait_for_text("Settings — Integrations — Webhooks").await?;
        page.wait_for_text("No webhooks yet.").await
    }

    async fn fill_the_form_in(&self) -> anyhow::Result<()> {
        let page = &self.page;
        page.follow("Add Webhook").await?;
        page.wait_for_text("Events to subscribe").await?;
        page.fill("Name", "ERP Sync").await?;
        page.fill("Endpoint URL", &self.stage.all.receiver.url("/api/crm-webhook"))
            .await?;
        page.tick("Deal won deal.won").await?;
        page.tick("Invoice paid invoice.paid").await
    }

    /// The result stands in the form, and what was typed is still there.
    async fn test(&self) -> anyhow::Result<()> {
        let page = &self.page;
        page.click("Test").await?;
        page.wait_for_text("HTTP 200 OK = Success").await?;
        assert_eq!(page.value("Name").await?, "ERP Sync");
        assert!(page.is_ticked("Invoice paid invoice.paid").await?);
        let requests = self.stage.all.receiver.wait_for(1, DEADLINE).await?;
        let key = page.value("Secret").await?;
        let [request] = &requests[..] else {
            panic!("{} requests", requests.len())
        };
        standardwebhooks::Webhook::new(&key)?.verify(&request.body, &request.headers)?;
        Ok(())
    }

    /// Gives the path of the webhook's page.
    async fn save(&self) -> anyhow::Result<String> {
        let page = &self.page;
        page.click("Save").await?;
        page.wait_for_text("The webhook has been added. It is active").await?;
        let path = page.path().await?;
        let webhook = path.split('?').next().unwrap_or_default().to_owned();
        page.open(LIST).await?;
        assert!(page.says("ERP Sync").await? && page.says("Active").await?);
        self.stage.all.wait_until_known(1.0).await?;
        Ok(webhook)
    }

    async fn see_a_delivery(&self, webhook: &str) -> anyhow::Result<()> {
        let page = &self.page;
        self.publish("deal.won", "story-won").await?;
        self.stage.all.receiver.wait_for(2, DEADLINE).await?;
        page.open(webhook).await?;
        page.follow("Delivery Log").await?;
        page.wait_for_text("Deliveries of the last 30 days").await?;
        page.wait_for_text("Delivered").await?;
        page.click_at("document.querySelector('tbody summary')").await?;
        if !self.scripted {
            page.follow("View payload").await?;
        }
        page.wait_for_text(r#""id": "story-won""#).await?;
        page.wait_for_text(r#""amount": "12000.00""#).await
    }

    async fn retry_one_that_failed(&self, webhook: &str) -> anyhow::Result<()> {
        let (page, all) = (&self.page, &self.stage.all);
        all.receiver.answer(Answer::status(404));
        self.publish("invoice.paid", "story-paid").await?;
        all.receiver.wait_for(3, DEADLINE).await?;
        page.open(&format!("{webhook}/deliveries")).await?;
        page.wait_for_text("404 Not Found").await?;
        all.receiver.answer(Answer::ok());
        page.click_at("document.querySelector('#deliveries form button')")
            .await?;
        page.wait_for_text("The delivery is being sent again.").await?;
        all.receiver.wait_for(4, DEADLINE).await?;
        page.open(&format!("{webhook}/deliveries?state=failed")).await?;
        page.wait_for_text("No delivery matches.").await
    }

    async fn pause_and_resume(&self, webhook: &str) -> anyhow::Result<()> {
        let (page, all) = (&self.page, &self.stage.all);
        page.open(webhook).await?;
        page.click("Pause").await?;
        page.wait_for_text("The webhook is paused. Its events are held, and sent when you resume it.")
            .await?;
        page.wait_for_text("Paused by an administrator").await?;
        self.publish("deal.won", "story-held").await?;
        page.wait_for_text("1 event is waiting").await?;
        assert_eq!(all.receiver.count(), 4, "nothing is sent to a paused webhook");
        page.click("Resume").await?;
        page.wait_for_text("The webhook is resumed. Held events are being sent now")
            .await?;
        let requests = all.receiver.wait_for(5, DEADLINE).await?;
        assert!(String::from_utf8_lossy(&requests[4].body).contains("story-held"));
        page.open(LIST).await?;
        page.wait_for_text("Active").await
    }

    async fn fail_until_paused(&self, webhook: &str) -> anyhow::Result<()> {
        const NOTICE: &str = "Webhook 'ERP Sync' has been paused due to repeated failures";
        let (page, all) = (&self.page, &self.stage.all);
        all.receiver.answer(Answer::status(404));
        all.crm
            .publish_all(Event::deals_won("failing", 10).iter().map(Event::as_json))
            .await?;
        page.open(LIST).await?;
        page.wait_for_text(NOTICE).await?;
        page.wait_for_text("10 failures in a row").await?;
        assert!(page.says("Paused").await?);
        page.open(&format!("{LIST}/notifications")).await?;
        page.wait_for_text(NOTICE).await?;
        page.click("Mark all as read").await?;
        page.wait_for_text("Marked as read.").await?;
        page.open(webhook).await?;
        page.wait_for_text("Paused due to repeated failures").await
    }
}
