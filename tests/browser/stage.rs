//! What every test in the browser stands on: programs, an administrator's token, a browser and a page.

use e2e::Deployment;
use e2e::browser::{Browser, Page};

/// The list of webhooks; all pages but the first are below it.
pub const LIST: &str = "/settings/integrations/webhooks";

/// Programs and a browser.
pub struct Stage {
    pub all: Deployment,
    pub browser: Browser,
    token: String,
}

impl Stage {
    /// With these settings beside those of all tests.
    pub async fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let all = Box::pin(Deployment::with(settings)).await?;
        let token = all.site.token("acme", "admin").await?;
        Ok(Self {
            all,
            browser: Browser::start().await?,
            token,
        })
    }

    /// A page without a session.
    pub async fn page(&self) -> anyhow::Result<Page> {
        self.browser.open(self.all.fanout.api_url()).await
    }

    /// Signs in as an administrator of `acme`; the list is open then.
    pub async fn sign_in(&self, page: &Page) -> anyhow::Result<()> {
        Self::sign_in_with(page, &self.token).await
    }

    /// Signs in with another token.
    pub async fn sign_in_with(page: &Page, token: &str) -> anyhow::Result<()> {
        page.open("/sign-in").await?;
        page.fill("API token", token).await?;
        page.click("Sign in").await?;
        page.wait_for_text("A webhook sends events from EasyCRM").await
    }
}
