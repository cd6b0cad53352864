//! Accessibility of every page: by the rules of axe-core, in both colour schemes, on a desk and on a small telephone;
//! without foreign requests, and with little transfer.

use std::fs;

use anyhow::Context;
use e2e::browser::{Page, Scheme};
use strum::VariantArray;

use crate::stage::Stage;
use crate::views::{View, Views};

const SIZES: [(u32, u32); 2] = [(1280, 900), (360, 740)];
/// Of a page with everything that belongs to it, in bytes.
pub const MAX_PAGE_BYTES: u64 = 60_000;

/// A line for everything that the rules forbid: which rule, and where.
const VIOLATIONS: &str = "(await axe.run(document, { resultTypes: ['violations'] }).then((result) => {
    if (result.passes.length < 10) throw new Error('the rules were not applied');
    return result.violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target} ${node.failureSummary}`));
}))";

fn axe() -> anyhow::Result<String> {
    let file = testkit::dev_directory().join("tools/axe/axe-4.12.1.min.js");
    fs::read_to_string(&file).with_context(|| {
        format!(
            "{} is missing; `make test` gets it (tests/browser/fetch-axe)",
            file.display()
        )
    })
}

#[tokio::test]
async fn no_page_breaks_a_rule_overflows_or_asks_anybody_else() -> anyhow::Result<()> {
    let axe = axe()?;
    let stage = Box::pin(Stage::start(&[])).await?;
    let views = Box::pin(Views::prepare(&stage)).await?;
    let mut found = Vec::new();
    for view in View::VARIANTS.iter().copied() {
        let page = views.open(view).await?;
        // Now, before the page keeps itself up to date.
        let bytes = page.bytes();
        page.run(&axe).await?;
        for (width, height) in SIZES {
            for scheme in [Scheme::Light, Scheme::Dark] {
                page.look_like(width, height, scheme).await?;
                let wrong = wrong(page).await?;
                found.extend(
                    wrong
                        .iter()
                        .map(|wrong| format!("{view:?}, {width} px, {scheme:?}: {wrong}")),
                );
            }
        }
        page.look_like(SIZES[0].0, SIZES[0].1, Scheme::Light).await?;
        page.check_traffic().with_context(|| format!("{view:?}"))?;
        // Others are come to by way of another page.
        let is_one_request = !matches!(
            view,
            View::SignInRefused | View::FormWithErrors | View::FormTested | View::EventTried
        );
        if is_one_request && bytes > MAX_PAGE_BYTES {
            found.push(format!("{view:?} takes {bytes} bytes"));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    drop(stage);
    Ok(())
}

async fn wrong(page: &Page) -> anyhow::Result<Vec<String>> {
    let mut wrong: Vec<String> = serde_json::from_value(page.evaluate(VIOLATIONS).await?)?;
    wrong.extend(serde_json::from_value::<Vec<String>>(
        page.evaluate("page.overflow()").await?,
    )?);
    Ok(wrong)
}
