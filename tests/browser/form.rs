//! Errors in the form are shown at the field, and the input is kept.

use crate::stage::{LIST, Stage};

#[tokio::test]
async fn an_address_without_tls_is_refused_at_its_field_and_everything_typed_is_kept() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    let (with, without) = (stage.page().await?, stage.page().await?.without_script().await?);
    for page in [with, without] {
        stage.sign_in(&page).await?;
        page.open(&format!("{LIST}/new")).await?;
        let url = "http://erp.company.com/api/crm-webhook";
        let typed = [
            ("Name", "ERP \"Sync\" <1>"),
            ("Endpoint URL", url),
            ("Secret", "a secret of our own"),
        ];
        for (field, text) in typed {
            page.fill(field, text).await?;
        }
        page.tick("Deal won deal.won").await?;
        page.click("Save").await?;
        page.wait_for_text("There is a problem").await?;
        let told = "document.getElementById(page.field('Endpoint URL').getAttribute('aria-describedby').split(' ')[1]).innerText";
        assert_eq!(page.evaluate(told).await?, "Webhook URL must use HTTPS");
        assert_eq!(
            page.evaluate("page.field('Endpoint URL').getAttribute('aria-invalid')")
                .await?,
            "true"
        );
        for (field, text) in typed {
            assert_eq!(page.value(field).await?, text, "{field}");
        }
        assert!(page.is_ticked("Deal won deal.won").await? && !page.is_ticked("Deal lost deal.lost").await?);
        // The summary leads to the field.
        page.follow("Webhook URL must use HTTPS").await?;
        page.wait_for(
            "the field to have the focus",
            "document.activeElement === page.field('Endpoint URL')",
        )
        .await?;
        // Corrected, it is saved.
        page.fill("Endpoint URL", "https://erp.company.com/api/crm-webhook")
            .await?;
        page.click("Save").await?;
        page.wait_for_text("The webhook has been added.").await?;
        page.check_traffic()?;
    }
    stage.all.finish().await
}
