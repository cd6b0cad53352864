//! The delivery log after a month: how long its pages, the numbers of the chart and the removal of a day take.

mod generate;
mod pages;
mod prune;
mod subject;

use crate::installation;
use crate::settings::Settings;
use crate::stage::Stage;

pub use pages::Pages;
pub use prune::Prune;
pub use subject::{DAYS, WEBHOOKS};

/// What was measured.
pub struct Log {
    /// Deliveries.
    pub rows: u32,
    /// Seconds that their making took, and what they and their indexes take on disk, in bytes.
    pub made: (f64, u64),
    /// Reading.
    pub pages: Pages,
    /// Removing the oldest day.
    pub prune: Prune,
}

/// Makes a log and measures it.
///
/// # Errors
/// When the database refuses.
pub async fn run(stage: &Stage, settings: &Settings) -> anyhow::Result<Log> {
    let url = stage.stack.create_database().await?;
    let database = installation::database(&url, stage.stack.secrets_key())?;
    database.migrate().await?;
    let rows = settings.log_rows;
    let (subjects, made) = generate::generate(&url, rows).await?;
    eprintln!("log: {rows} deliveries were made in {:.0} s", made.0);
    let pages = pages::run(&url, &database, &subjects).await?;
    eprintln!("log: pages were read");
    let prune = prune::run(&database, &subjects[1]).await?;
    Ok(Log {
        rows,
        made,
        pages,
        prune,
    })
}
