//! What a scrape of a new process sees. To write it anew: `INSTA_UPDATE=always cargo test -p fanout metrics`.

use broker::Telemetry;
use runtime::Readiness;
use store::watch_pools;
use tokio_util::sync::CancellationToken;

use super::*;

#[tokio::test]
async fn every_series_is_there_from_the_start() {
    let metrics = Metrics::new();
    FanoutMetrics::new(&metrics);
    Telemetry::new(&metrics, &Readiness::new());
    watch_pools(Vec::new(), &metrics, CancellationToken::new());
    let text = metrics.text();
    // Buckets are many and as declared; what the operating system and the build say differs.
    let is_ours = |line: &&str| {
        line.starts_with("webhook_") && !line.contains("_bucket{") && !line.starts_with("webhook_build_info")
    };
    let lines: Vec<_> = text.lines().filter(is_ours).collect();
    insta::assert_snapshot!(lines.join("\n"));
}
