//! Whatever is sent to whatever route, the fault is never ours.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Request;

use crate::api::{Api, create, erp_sync, id};

const BODIES: [&str; 14] = [
    "",
    "null",
    "[]",
    "{}",
    "0",
    "\"\"",
    "{\"since\":\"0000-01-01T00:00:00Z\",\"until\":\"9999-12-31T23:59:59.999999999Z\"}",
    "{\"since\":\"9999-12-30T22:00:00.999999999Z\",\"until\":\"9999-12-30T22:00:00.999999999Z\",\"dry_run\":true}",
    "{\"since\":\"2026-11-23T06:00:00+25:59\"}",
    "{\"since\":1e400}",
    "{\"secret\":\"\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\"}",
    "{\"secret\":{\"$ne\":null},\"dry_run\":[],\"since\":{}}",
    "{\"name\":\"a\",\"url\":\"https://[::ffff:7f00:1]/\",\"event_types\":[\"deal.won\"]}",
    "\u{feff}{}",
];

const QUERIES: [&str; 8] = [
    "",
    "?",
    "?window=7d&unread=true&limit=1&state=failed",
    "?cursor=AAAA&limit=99999999999999999999",
    "?since=9999-12-30T22:00:00.999999999Z&until=9999-12-30T22:00:00.999999999Z",
    "?since=0000-01-01T00:00:00Z",
    "?%00=%ff&a[]=1&unread=%F0%9F%92%A9",
    "?unread=&window=&limit=&cursor=",
];

#[tokio::test]
async fn nothing_that_is_sent_makes_the_api_fail() {
    let api = Api::start().await;
    let client = api.admin().await;
    let webhook = id(&create(&client, &erp_sync()).await).to_owned();
    let nil = "00000000-0000-0000-0000-000000000000";
    let ids = [
        webhook.as_str(),
        "msg_ffffffffffffffffffffffffffffffff",
        nil,
        "%00",
        "{id}",
        "%F0%9F%92%A9",
    ];
    // Testing takes a sender, and without one is answered with 503.
    let routes: BTreeSet<_> = ::api::operations().iter().map(|operation| operation.path()).collect();
    for template in routes.into_iter().filter(|template| !template.ends_with("/test")) {
        for id in if template.contains("{id}") { &ids[..] } else { &ids[..1] } {
            let path = template.replace("{id}", &id.replace(['{', '}'], "%7B"));
            let posts = BODIES.iter().map(|body| ("POST", path.clone(), *body));
            let patches = BODIES.iter().map(|body| ("PATCH", path.clone(), *body));
            let gets = QUERIES.iter().map(|query| ("GET", format!("{path}{query}"), ""));
            for (method, uri, body) in posts.chain(patches).chain(gets) {
                let request = Request::builder()
                    .method(method)
                    .uri(&uri)
                    .header("content-type", "application/json");
                let answer = client.send(request.body(Bytes::from(body)).unwrap()).await.unwrap();
                assert!(answer.status.as_u16() < 500, "{method} {uri} {body}: {}", answer.text());
            }
        }
    }
}
