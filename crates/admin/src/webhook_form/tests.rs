use super::*;

fn given(text: &str) -> Input<String> {
    Input::Given(text.to_owned())
}

fn types(names: &[&str]) -> Input<Vec<String>> {
    Input::Given(names.iter().map(|name| (*name).to_owned()).collect())
}

fn conditions(given: &[(&str, &str, Option<&str>)]) -> Input<Vec<ConditionForm>> {
    let form = |(field, op, value): &(&str, &str, Option<&str>)| ConditionForm {
        field: (*field).to_owned(),
        op: (*op).to_owned(),
        value: value.map(str::to_owned),
    };
    Input::Given(given.iter().map(form).collect())
}

fn form() -> WebhookForm {
    WebhookForm {
        name: given("ERP Sync"),
        url: given("https://erp.example.com/hook"),
        event_types: types(&["deal.won"]),
        ..WebhookForm::default()
    }
}

fn codes(errors: &[FieldError]) -> Vec<(&str, &str)> {
    errors
        .iter()
        .map(|error| (error.pointer.as_str(), error.code))
        .collect()
}

#[track_caller]
fn check_new(form: WebhookForm, expected: &[(&str, &str)]) {
    let errors = form.into_new(&AddressPolicy::public_only()).err().unwrap_or_default();
    assert_eq!(codes(&errors), expected);
}

#[test]
fn a_good_form_is_a_webhook_with_a_generated_secret() {
    let form = WebhookForm {
        name: given("  ERP\u{a0}Sync \t"),
        ..form()
    };
    let new = form.into_new(&AddressPolicy::public_only()).unwrap();
    assert_eq!(
        (new.name.as_str(), new.url.as_str()),
        ("ERP\u{a0}Sync", "https://erp.example.com/hook")
    );
    assert_eq!(new.event_types.len(), 1);
    assert!(new.secret.expose().starts_with("whsec_"));
}

#[test]
fn every_field_is_judged_at_once() {
    let malformed = FieldError::new("/x", "unknown_field", "Unknown field");
    let wrong = WebhookForm {
        name: given("\u{7}"),
        url: given("http://erp.example.com"),
        event_types: types(&["deal.won", "deal.wen"]),
        conditions: conditions(&[
            ("amount", "gt", Some("1000")),
            ("", "nope", None),
            ("amount", "gt", Some("many")),
        ]),
        secret: given("short"),
        description: given(&"x".repeat(501)),
        max_per_second: Input::Given(Some(1001)),
        errors: vec![malformed],
    };
    check_new(
        wrong,
        &[
            ("/x", "unknown_field"),
            ("/name", "forbidden_character"),
            ("/url", "https_required"),
            ("/event_types/1", "unknown_event_type"),
            ("/conditions/1/field", "required"),
            ("/conditions/1/op", "unknown_operator"),
            ("/conditions/2/value", "invalid_value"),
            ("/secret", "secret_length"),
            ("/description", "too_long"),
            ("/max_per_second", "out_of_range"),
        ],
    );
}

#[test]
fn an_empty_form_misses_everything_but_the_secret() {
    let missing = [
        ("/name", "required"),
        ("/url", "required"),
        ("/event_types", "required"),
    ];
    check_new(WebhookForm::default(), &missing);
    let blank = WebhookForm {
        name: given(" \u{3000} "),
        url: given("  "),
        event_types: types(&[]),
        ..Default::default()
    };
    check_new(blank, &missing);
}

#[test]
fn the_words_are_those_of_the_form() {
    let form = WebhookForm {
        url: given("http://erp.example.com"),
        event_types: types(&[]),
        ..form()
    };
    let errors = form.into_new(&AddressPolicy::public_only()).unwrap_err();
    let details: Vec<_> = errors.iter().map(|error| error.detail.as_ref()).collect();
    assert_eq!(details, ["Webhook URL must use HTTPS", "Select at least one event"]);
}

#[test]
fn a_name_is_counted_in_characters_after_trimming() {
    check_new(
        WebhookForm {
            name: given(&format!(" {} ", "é".repeat(100))),
            ..form()
        },
        &[],
    );
    check_new(
        WebhookForm {
            name: given(&"é".repeat(101)),
            ..form()
        },
        &[("/name", "too_long")],
    );
}

#[test]
fn a_type_given_twice_counts_once() {
    let twice = WebhookForm {
        event_types: types(&["deal.won", "invoice.paid", "deal.won"]),
        ..form()
    };
    assert_eq!(
        twice.into_new(&AddressPolicy::public_only()).unwrap().event_types.len(),
        2
    );
}

#[test]
fn a_star_stands_alone_for_every_type() {
    let every = WebhookForm {
        event_types: types(&["*", "*"]),
        ..form()
    };
    let new = every.into_new(&AddressPolicy::public_only()).unwrap();
    assert!(new.event_types.is_every());
    let beside = WebhookForm {
        event_types: types(&["deal.won", "*", "nope"]),
        ..form()
    };
    check_new(
        beside,
        &[("/event_types/0", "not_alone"), ("/event_types/2", "not_alone")],
    );
}

#[test]
fn a_webhook_has_ten_conditions_at_most() {
    let filled = |count| WebhookForm {
        conditions: conditions(&vec![("amount", "exists", None); count]),
        ..form()
    };
    check_new(filled(10), &[]);
    check_new(filled(11), &[("/conditions", "too_long")]);
}

#[test]
fn a_malformed_field_is_not_missing_too() {
    check_new(
        WebhookForm {
            name: Input::Malformed,
            secret: Input::Malformed,
            ..form()
        },
        &[],
    );
    let form = WebhookForm {
        name: Input::Malformed,
        ..form()
    };
    assert!(form.into_new(&AddressPolicy::public_only()).is_err());
}

#[test]
fn an_edit_changes_only_what_is_given() {
    let edit = WebhookForm {
        name: given("New"),
        ..WebhookForm::default()
    };
    let edit = edit.into_edit(&AddressPolicy::public_only()).unwrap();
    assert_eq!(
        (edit.name.as_deref(), edit.url, edit.event_types),
        (Some("New"), None, None)
    );
    let emptied = WebhookForm {
        name: given(""),
        event_types: types(&[]),
        ..WebhookForm::default()
    };
    let errors = emptied.into_edit(&AddressPolicy::public_only()).unwrap_err();
    assert_eq!(codes(&errors), [("/name", "required"), ("/event_types", "required")]);
}
