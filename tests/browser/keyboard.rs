//! Everything can be done without a mouse, and one sees where one is.

use std::collections::BTreeMap;

use e2e::browser::Page;

use crate::seed;
use crate::stage::{LIST, Stage};

/// Presses Tab until every control that there is had its turn, in the order of the page.
async fn walk(page: &Page) -> anyhow::Result<Vec<String>> {
    let controls: Vec<u64> = serde_json::from_value(page.evaluate("page.reachable()").await?)?;
    assert!(controls.len() > 5, "{controls:?}");
    let mut names = Vec::new();
    for place in controls {
        page.press("Tab").await?;
        let focused = page
            .focused()
            .await?
            .unwrap_or_else(|| panic!("nothing has the focus after {names:?}"));
        assert_eq!(focused.place, place, "{focused:?} is out of turn after {names:?}");
        assert!(focused.is_visible, "one does not see that {focused:?} has the focus");
        names.push(focused.name);
    }
    Ok(names)
}

/// Presses Tab until the control of this name has the focus.
async fn go_to(page: &Page, name: &str) -> anyhow::Result<()> {
    let mut passed = BTreeMap::new();
    loop {
        page.press("Tab").await?;
        let Some(focused) = page.focused().await? else { continue };
        if focused.name == name {
            return Ok(());
        }
        let times = passed.entry((focused.place, focused.name)).or_insert(0);
        *times += 1;
        assert!(*times < 3, "{name:?} is not among {passed:?}");
    }
}

#[tokio::test]
async fn tab_reaches_everything_in_order_and_enter_and_space_work() -> anyhow::Result<()> {
    let stage = Box::pin(Stage::start(&[])).await?;
    Box::pin(seed::fill(&stage.all)).await?;
    let page = stage.page().await?;
    stage.sign_in(&page).await?;

    page.open(LIST).await?;
    let names = walk(&page).await?;
    assert_eq!(names[0], "Skip to content");
    for name in [
        "Add Webhook",
        "Search",
        "ERP Sync",
        "Pause ERP Sync",
        "Resume Deal alerts",
    ] {
        assert!(names.iter().any(|it| it == name), "{name} is not among {names:?}");
    }
    page.open(LIST).await?;
    page.press("Tab").await?;
    page.press("Enter").await?;
    page.wait_for("the content to have the focus", "document.activeElement.id === 'main'")
        .await?;

    go_to(&page, "Add Webhook").await?;
    page.press("Enter").await?;
    page.wait_for_text("Events to subscribe").await?;
    page.open(&format!("{LIST}/new")).await?;
    walk(&page).await?;
    page.open(&format!("{LIST}/new")).await?;
    go_to(&page, "Name").await?;
    page.write("By keyboard").await?;
    go_to(&page, "Endpoint URL").await?;
    page.write("https://erp.company.com/").await?;
    go_to(&page, "Deal won deal.won").await?;
    page.press(" ").await?;
    assert!(page.is_ticked("Deal won deal.won").await?);
    go_to(&page, "Save").await?;
    page.press("Enter").await?;
    page.wait_for_text("The webhook has been added.").await?;

    page.open(LIST).await?;
    go_to(&page, "Pause By keyboard").await?;
    page.press(" ").await?;
    page.wait_for_text("The webhook is paused. Its events are held").await?;
    page.check_traffic()
}
