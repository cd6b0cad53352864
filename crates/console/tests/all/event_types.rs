//! The catalogue.

use serde_json::json;
use store::tokens::Role;

use crate::api::{ACCOUNT, Api, field_errors, ok};

#[tokio::test]
async fn the_catalogue_has_twenty_types_with_examples() {
    let api = Api::start().await;
    let client = api.client(ACCOUNT, Role::Viewer).await;
    let body = ok(&client.get("/api/v1/event-types").await.unwrap());
    let types = body["data"].as_array().unwrap();
    assert_eq!(types.len(), 20);
    assert!(
        types
            .iter()
            .all(|entry| entry.as_object().unwrap().len() == 4 && entry["example"].is_object())
    );
    let won = types.iter().find(|entry| entry["type"] == "deal.won").unwrap();
    assert_eq!(
        (&won["group"], &won["title"]),
        (&json!("Opportunities and deals"), &json!("Deal won"))
    );
    assert_eq!(won["example"]["amount"], "12000.00");
    let unknown = client.get("/api/v1/event-types?group=Billing").await.unwrap();
    assert_eq!(
        field_errors(&unknown),
        [("/group".to_owned(), "unknown_parameter".to_owned())]
    );
}
