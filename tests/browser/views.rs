//! Every page of the console, in every condition that looks different.

use e2e::browser::Page;
use e2e::{DEADLINE, Deployment};
use serde_json::json;
use strum::VariantArray;
use testkit::wait;

use crate::seed;
use crate::stage::{LIST, Stage};

/// A page in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub enum View {
    SignIn,
    SignInRefused,
    ListEmpty,
    List,
    ListWithoutMatch,
    Form,
    FormWithErrors,
    FormTested,
    Edit,
    Detail,
    DetailPaused,
    Log,
    LogUnfolded,
    Delivery,
    Notifications,
    Verify,
    Recover,
    Delete,
    Find,
    FindNothing,
    EventTried,
    NotFound,
}

/// Pages of people who have signed in, and the webhooks to look at.
pub struct Views {
    /// Of an administrator of an account with a past.
    page: Page,
    /// Of an administrator of an account without webhooks.
    empty: Page,
    /// Without a session.
    stranger: Page,
    erp: String,
    paused: String,
    failed: String,
    receiver: String,
}

impl Views {
    /// Fills the account and signs in.
    pub async fn prepare(stage: &Stage) -> anyhow::Result<Self> {
        let all = &stage.all;
        let erp = seed::fill(all).await?.id;
        let page = stage.page().await?;
        stage.sign_in(&page).await?;
        let empty = stage.page().await?;
        Stage::sign_in_with(&empty, &all.site.token("globex", "admin").await?).await?;
        let (paused, failed) = find(all, &erp).await?;
        let receiver = all.receiver.url("/api/crm-webhook");
        Ok(Self {
            page,
            empty,
            stranger: stage.page().await?,
            erp,
            paused,
            failed,
            receiver,
        })
    }

    /// Opens a view; gives the page it is on.
    pub async fn open(&self, view: View) -> anyhow::Result<&Page> {
        let Self {
            page,
            erp,
            paused,
            failed,
            ..
        } = self;
        match view {
            View::SignIn => self.stranger.open("/sign-in").await?,
            View::SignInRefused => return self.sign_in_refused().await,
            View::ListEmpty => {
                self.empty.open(LIST).await?;
                return Ok(&self.empty);
            }
            View::List => page.open(LIST).await?,
            View::ListWithoutMatch => page.open(&format!("{LIST}?search=nothing+like+it")).await?,
            View::Form => page.open(&format!("{LIST}/new")).await?,
            View::FormWithErrors => self.form_with_errors().await?,
            View::FormTested => self.form_tested().await?,
            View::Edit => page.open(&format!("{LIST}/{erp}/edit")).await?,
            View::Detail => page.open(&format!("{LIST}/{erp}")).await?,
            View::DetailPaused => page.open(&format!("{LIST}/{paused}")).await?,
            View::Log => page.open(&format!("{LIST}/{erp}/deliveries")).await?,
            View::LogUnfolded => self.log_unfolded().await?,
            View::Delivery => page.open(&format!("{LIST}/{erp}/deliveries/{failed}")).await?,
            View::Notifications => page.open(&format!("{LIST}/notifications")).await?,
            View::Verify => page.open(&format!("{LIST}/{erp}/verify")).await?,
            View::Recover => {
                page.open(&format!("{LIST}/{erp}/recover?since=2026-01-01T00:00"))
                    .await?
            }
            View::Delete => page.open(&format!("{LIST}/{erp}/delete")).await?,
            View::Find => page.open(&format!("{LIST}/find?q=deals/9001")).await?,
            View::FindNothing => page.open(&format!("{LIST}/find?q=deals/1&event_type=deal.won")).await?,
            View::EventTried => self.event_tried().await?,
            View::NotFound => page.open(&format!("{LIST}/nothing")).await?,
        }
        Ok(if view == View::SignIn { &self.stranger } else { page })
    }

    async fn sign_in_refused(&self) -> anyhow::Result<&Page> {
        self.stranger.open("/sign-in").await?;
        self.stranger.fill("API token", "ewh_unknown").await?;
        self.stranger.click("Sign in").await?;
        self.stranger.wait_for_text("This token is not known").await?;
        Ok(&self.stranger)
    }

    async fn form_with_errors(&self) -> anyhow::Result<()> {
        self.page.open(&format!("{LIST}/new")).await?;
        self.page.fill("Name", "ERP Sync").await?;
        self.page.fill("Endpoint URL", "http://erp.company.com/").await?;
        self.page.fill("Secret", "too short").await?;
        self.page.click("Save").await?;
        self.page.wait_for_text("There is a problem").await
    }

    /// Filled in as in the brief, with a test that has succeeded.
    async fn form_tested(&self) -> anyhow::Result<()> {
        let page = &self.page;
        page.open(&format!("{LIST}/new")).await?;
        page.fill("Name", "ERP Sync").await?;
        page.fill("Endpoint URL", &self.receiver).await?;
        for event_type in ["deal.won", "invoice.paid"] {
            page.click_at(&format!("document.querySelector('[value=\"{event_type}\"]')"))
                .await?;
        }
        // Ten tests a minute are allowed.
        let succeeds = async || {
            page.click("Test").await.is_ok()
                && page
                    .wait_for(
                        "a result",
                        "document.querySelector('#test-result .ok, #test-result .bad') !== null",
                    )
                    .await
                    .is_ok()
                && page.says("HTTP 200 OK = Success").await.unwrap_or_default()
        };
        wait::until(DEADLINE, "a test to succeed", succeeds).await?;
        // The receiver here has a name that would tell readers nothing; and a secret is none in a picture.
        for (label, text) in [
            ("Endpoint URL", "https://erp.company.com/api/crm-webhook"),
            ("Secret", "whsec_…"),
        ] {
            page.evaluate(&format!("(page.field({}).value = {})", json!(label), json!(text)))
                .await?;
        }
        page.evaluate("(document.activeElement.blur(), scrollTo(0, 0))")
            .await
            .map(drop)
    }

    /// With the webhooks that would get the event, and its body.
    async fn event_tried(&self) -> anyhow::Result<()> {
        let event = json!({"specversion": "1.0", "id": "evt_1", "source": "/crm/deals", "type": "deal.won", "account": "acme",
            "subject": "deals/9001", "data": {"id": "deal_9001"}});
        self.page.open(&format!("{LIST}/find")).await?;
        self.page
            .fill("Event (CloudEvents 1.0, JSON)", &event.to_string())
            .await?;
        self.page.click("Try").await?;
        self.page.wait_for_text("webhooks would get it").await
    }

    /// With a delivery that failed unfolded.
    async fn log_unfolded(&self) -> anyhow::Result<()> {
        self.page.open(&format!("{LIST}/{}/deliveries", self.erp)).await?;
        let failed = "[...document.querySelectorAll('tbody')].find((it) => it.innerText.includes('Failed'))";
        self.page
            .click_at(&format!("{failed}.querySelector('summary')"))
            .await?;
        self.page
            .wait_for("it to unfold", &format!("!!{failed}.querySelector('.fold')"))
            .await?;
        self.page.evaluate("scrollTo(0, 0)").await.map(drop)
    }
}

/// A webhook that is paused because of failures, and a delivery of `erp` that failed.
async fn find(all: &Deployment, erp: &str) -> anyhow::Result<(String, String)> {
    let webhooks = all.api.get("/webhooks").await?;
    let deliveries = all.api.deliveries(erp).await?;
    let id = |list: &[serde_json::Value], field: &str, value: &str| {
        let found = list.iter().find(|it| it[field] == value);
        found
            .and_then(|it| it["id"].as_str())
            .map(str::to_owned)
            .unwrap_or_default()
    };
    let webhooks = webhooks["data"].as_array().cloned().unwrap_or_default();
    Ok((
        id(&webhooks, "paused_reason", "repeated_failures"),
        id(&deliveries, "state", "failed"),
    ))
}
