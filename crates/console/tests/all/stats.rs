//! Numbers for a chart.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::{ACCOUNT, AUTO_PAUSE, Api, create, erp_sync, expected, field_errors, id, ok};
use crate::deliveries::{delivered, failed, now};

#[tokio::test]
async fn every_window_has_all_its_buckets() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let records = [
        delivered(ACCOUNT, &webhook, "a", now()),
        delivered(ACCOUNT, &webhook, "b", now()),
    ];
    api.database.record(&records, AUTO_PAUSE).await.unwrap();
    api.database
        .record(&[failed(ACCOUNT, &webhook, "c", now())], AUTO_PAUSE)
        .await
        .unwrap();
    for (query, window, seconds, buckets) in [
        ("", "24h", 3600, 24),
        ("?window=24h", "24h", 3600, 24),
        ("?window=7d", "7d", 21600, 28),
        ("?window=30d", "30d", 86400, 30),
    ] {
        let stats = ok(&client
            .get(&format!("/api/v1/webhooks/{webhook}/stats{query}"))
            .await
            .unwrap());
        assert_eq!(
            (&stats["window"], &stats["bucket_seconds"]),
            (&json!(window), &json!(seconds))
        );
        let data = stats["data"].as_array().unwrap();
        assert_eq!(data.len(), buckets);
        let begins: Vec<i64> = data.iter().map(begin).collect();
        assert!(begins.windows(2).all(|pair| pair[1] - pair[0] == seconds), "{begins:?}");
        let sum = |member: &str| data.iter().map(|bucket| bucket[member].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("delivered"), sum("failed"), sum("retried")), (2, 1, 0));
        let filled = data.iter().find(|bucket| bucket["delivered"] == 2).unwrap();
        assert_eq!(filled["average_response_time_ms"], 12);
        assert_eq!(data[0]["average_response_time_ms"], Value::Null);
    }
    for window in ["1h", "24H", "x", "%00"] {
        let refused = client
            .get(&format!("/api/v1/webhooks/{webhook}/stats?window={window}"))
            .await
            .unwrap();
        assert_eq!(
            field_errors(&refused),
            expected(&[("/window", "invalid_value")]),
            "{window}"
        );
    }
}

fn begin(bucket: &Value) -> i64 {
    bucket["since"]
        .as_str()
        .unwrap()
        .parse::<Timestamp>()
        .unwrap()
        .as_second()
}
