//! Bodies that are no good: wrong type, wrong size, wrong JSON, wrong path.

use bytes::Bytes;
use http::Request;
use testkit::http::{Client, Response};

use crate::api::{Api, erp_sync, expected, field_errors, problem};

const WEBHOOKS: &str = "/api/v1/webhooks";
const MEBIBYTE: usize = 1024 * 1024;

async fn post(client: &Client, content_type: &str, body: impl Into<Bytes>) -> Response {
    let request = Request::post(WEBHOOKS)
        .header("content-type", content_type)
        .body(body.into())
        .unwrap();
    client.send(request).await.unwrap()
}

#[tokio::test]
async fn only_json_is_taken() {
    let api = Api::start().await;
    let client = api.admin().await;
    let body = erp_sync().to_string();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
    ] {
        problem(&post(&client, content_type, body.clone()).await, 415);
    }
    problem(
        &client
            .send(Request::post(WEBHOOKS).body(body.clone().into()).unwrap())
            .await
            .unwrap(),
        415,
    );
    let gzip = Request::post(WEBHOOKS)
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    problem(
        &client.send(gzip.body(body.clone().into()).unwrap()).await.unwrap(),
        415,
    );
    assert_eq!(post(&client, "application/json; charset=utf-8", body).await.status, 201);
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_place() {
    let api = Api::start().await;
    let client = api.admin().await;
    for (body, place) in [
        (&b"{\"name\":\n  oops}"[..], "line 2 column 3"),
        (b"", "line 1"),
        (b"{\"name\":\"\xc3\x28\"}", "byte 10"),
        (b"\xef\xbb\xbf{}", "line 1 column 1"),
        (b"{\"name\":\"a\nb\"}", "column 10"),
        (b"{}{}", "line 1 column 3"),
        (b"{\"a\":NaN}", "line 1"),
    ] {
        let refused = problem(&post(&client, "application/json", body).await, 400);
        assert!(refused["detail"].as_str().unwrap().contains(place), "{refused}");
    }
}

#[tokio::test]
async fn json_that_means_nothing_here_is_refused_with_pointers() {
    let api = Api::start().await;
    let client = api.admin().await;
    let good = r#""url":"https://erp.example.com/","event_types":["deal.won"]"#;
    for (body, errors) in [
        ("[]".to_owned(), [("", "wrong_type")]),
        (
            format!(r#"{{"name":"a","name":"b",{good}}}"#),
            [("/name", "duplicate_field")],
        ),
        (
            format!(r#"{{"name":"a\ud800",{good}}}"#),
            [("/name", "forbidden_character")],
        ),
        (
            format!(r#"{{"name":"a\u0000",{good}}}"#),
            [("/name", "forbidden_character")],
        ),
        (
            format!(r#"{{"name":"a","\u0000":1,{good}}}"#),
            [("/\0", "unknown_field")],
        ),
        (
            format!(r#"{{"name":"a","x/y~":1,{good}}}"#),
            [("/x~1y~0", "unknown_field")],
        ),
        (format!(r#"{{"name":{{"$ne":1}},{good}}}"#), [("/name", "wrong_type")]),
        (
            format!(r#"{{"name":"a","__proto__":{{}},{good}}}"#),
            [("/__proto__", "unknown_field")],
        ),
    ] {
        assert_eq!(
            field_errors(&post(&client, "application/json", body.clone()).await),
            expected(&errors),
            "{body}"
        );
    }
    let many: Vec<_> = (0..80_000).map(|number| format!("\"k{number}\":0")).collect();
    let refused = post(&client, "application/json", format!("{{{}}}", many.join(","))).await;
    assert_eq!(field_errors(&refused).len(), 50);
    let types = format!(
        r#"{{"name":"a","url":"https://erp.example.com/","event_types":[{}0]}}"#,
        "0,".repeat(200_000)
    );
    assert_eq!(
        field_errors(&post(&client, "application/json", types).await),
        expected(&[("/event_types", "too_long")])
    );
    let deep = format!(r#"{{"name":{}1{},{good}}}"#, "[".repeat(400_000), "]".repeat(400_000));
    assert_eq!(
        field_errors(&post(&client, "application/json", deep).await),
        expected(&[("/name", "wrong_type")])
    );
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let api = Api::start().await;
    let client = api.admin().await;
    for bytes in [MEBIBYTE + 1, 6 * MEBIBYTE] {
        let refused = post(&client, "application/json", vec![b' '; bytes]).await;
        assert!(problem(&refused, 413)["detail"].as_str().unwrap().contains("1048576"));
    }
    let just_fits = post(&client, "application/json", vec![b' '; MEBIBYTE]).await;
    problem(&just_fits, 400);
}

#[tokio::test]
async fn what_is_no_path_is_not_found() {
    let api = Api::start().await;
    let client = api.admin().await;
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/webhooks",
        "/api/v1/webhooks/",
        "/api/v1/webhooks/1",
        "/api/v1/webhooks/%00",
        "/api/v1/webhooks/%ff",
        "/api/v1/webhooks/..%2f..%2fevent-types",
        "/api/v1/webhooks/../event-types",
        "/api/v1/webhooks/01890a5dac96774bbcceb302099a8057",
        "/api/v1/webhooks/01890a5d-ac96-774b-bcce-b302099a8057/deliveries",
        "/api/v1/webhooks/01890a5d-ac96-774b-bcce-b302099a8057/unknown",
        "/api/v1/deliveries",
        "/api/v1/deliveries/01890a5d-ac96-774b-bcce-b302099a8057",
        "/api/v1/deliveries/msg_%00",
        "/API/V1/WEBHOOKS",
    ] {
        problem(&client.get(path).await.unwrap(), 404);
    }
}
