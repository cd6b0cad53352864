//! What is done to webhooks.

use serde_json::{Value, json};

use super::Described;
use crate::openapi::operation::{Operation, schema};
use crate::problem::Kind;
use crate::route::Route;

const TAG: &str = "Webhooks";
const ETAG: &str = "The webhook's version, for `If-Match`";

/// Every method.
pub(super) fn all() -> Vec<Described> {
    let mut all = many();
    all.extend(one());
    all.extend(pausing());
    all.extend(secrets());
    all.extend(tests());
    all
}

fn many() -> Vec<Described> {
    let list = Operation::reading(TAG, "listWebhooks", "A page of them, oldest first").pages().answer(
        200,
        "The page",
        schema("WebhookPage"),
    );
    let create = Operation::changing(TAG, "createWebhook", "Adds a webhook")
        .about("Without a secret it gets a generated one. This answer shows it.")
        .repeatable()
        .body("NewWebhook")
        .answer(201, "The webhook and its secret", schema("CreatedWebhook"))
        .answer_header(201, "Location", "The webhook's path")
        .answer_header(201, "ETag", ETAG)
        .problems(&[Kind::WebhookLimit]);
    vec![(Route::Webhooks, "get", list), (Route::Webhooks, "post", create)]
}

fn if_match(operation: Operation) -> Operation {
    let about = "Only if the webhook has one of these versions";
    operation.header("If-Match", about, json!({"type": "string"})).problems(&[Kind::PreconditionFailed])
}

fn webhook(operation: Operation) -> Operation {
    operation.answer(200, "The webhook", schema("Webhook")).answer_header(200, "ETag", ETAG)
}

fn one() -> Vec<Described> {
    let show = webhook(Operation::reading(TAG, "getWebhook", "One webhook").id("WebhookId"));
    let edit = Operation::changing(TAG, "editWebhook", "Changes what the body names (RFC 7396)")
        .about("Edits apply to what is waiting, too.")
        .id("WebhookId")
        .body_as(&["application/json", "application/merge-patch+json"], "WebhookEdit", true);
    let delete = Operation::changing(TAG, "deleteWebhook", "Deletes it with its secrets")
        .about("Its log stays until the retention ends; what waits for it fails.")
        .id("WebhookId")
        .empty_answer(204, "Deleted");
    let stats = Operation::reading(TAG, "getWebhookStats", "What became of its attempts, oldest bucket first")
        .id("WebhookId")
        .query("window", "How far back", with_default(schema("StatsWindow"), "24h"))
        .answer(200, "Every bucket of the window; the last one has not ended", schema("Stats"));
    let audit = Operation::reading(TAG, "getWebhookAudit", "Who did what to it, newest first")
        .about("It outlives the webhook.")
        .id("WebhookId")
        .pages()
        .answer(200, "The page", schema("AuditPage"));
    vec![
        (Route::Webhook, "get", show),
        (Route::Webhook, "patch", webhook(if_match(edit))),
        (Route::Webhook, "delete", if_match(delete)),
        (Route::WebhookStats, "get", stats),
        (Route::WebhookAudit, "get", audit),
    ]
}

fn with_default(mut schema: Value, default: &str) -> Value {
    schema["default"] = default.into();
    schema
}

fn pausing() -> Vec<Described> {
    let pause = Operation::changing(TAG, "pauseWebhook", "Pauses it: what is to be sent is held")
        .about("One that is paused stays so, with its reason.")
        .id("WebhookId");
    let resume = Operation::changing(TAG, "resumeWebhook", "Resumes it: what was held is sent, oldest first")
        .about("One that is not paused stays as it is.")
        .id("WebhookId");
    vec![(Route::WebhookPause, "post", webhook(pause)), (Route::WebhookResume, "post", webhook(resume))]
}

fn secrets() -> Vec<Described> {
    let show = Operation::changing(TAG, "getSecret", "The secret in use")
        .about("For admins. That it was shown is written down.")
        .id("WebhookId")
        .answer(200, "The secret", schema("ShownSecret"));
    let rotate = Operation::changing(TAG, "rotateSecret", "Replaces the secret")
        .about(
            "By a generated one, unless the body has one. The former secret signs beside it for 24 hours; of several \
             former ones, the newest three do.",
        )
        .id("WebhookId")
        .optional_body("NewSecret")
        .answer(200, "The new secret", schema("RotatedSecret"))
        .answer_header(200, "ETag", ETAG);
    vec![(Route::WebhookSecret, "get", show), (Route::WebhookSecretRotate, "post", rotate)]
}

fn tests() -> Vec<Described> {
    let about = "One signed attempt with an example, never repeated and never counted. Answered with 200 however the \
        attempt went. At most one in three seconds for the same webhook, and ten a minute with one token.";
    let test = |id, summary| {
        Operation::changing(TAG, id, summary)
            .about(about)
            .answer(200, "How it went", schema("TestResult"))
            .problems(&[Kind::TestTooSoon])
    };
    let form = test("testForm", "Tests what is not saved").body("TestForm");
    let saved = test("testWebhook", "Tests a webhook as it is saved").id("WebhookId").optional_body("SavedTest");
    vec![(Route::Test, "post", form), (Route::WebhookTest, "post", saved)]
}
