use proptest::prelude::*;
use strum::VariantArray;

use super::*;

const DEAL: &str = r#"{"id":"deal_1","amount":"12000.00","count":3,"big":123456789012345678901234567890,"open":true,
    "note":null,"code":"007","closed_at":"2026-03-04T05:06:07Z","tags":["vip","7",7.0,null],
    "owner":{"name":"Ana \u00e9","address":{"city":"Lyon"}},"huge":1e99999999999999999999,"half":"\ud800"}"#;

fn condition(field: &str, op: &str, value: Option<&str>) -> Condition {
    Condition::parse(field, op, value).unwrap_or_else(|errors| panic!("{field} {op} {value:?}: {errors:?}"))
}

fn passes(data: &str, field: &str, op: &str, value: &str) -> bool {
    let value = op.parse::<Operator>().unwrap().takes_value().then_some(value);
    let conditions: Conditions = [condition(field, op, value)].into_iter().collect();
    conditions.first_false(&EventData::parse(data), None).is_none()
}

#[track_caller]
fn check(data: &str, cases: &[(&str, &str, &str, bool)]) {
    for (field, op, value, expected) in cases {
        assert_eq!(passes(data, field, op, value), *expected, "{field} {op} {value}");
    }
}

#[test]
fn equality_is_of_numbers_texts_and_truth_values() {
    check(
        DEAL,
        &[
            ("amount", "eq", "12000", true),
            ("amount", "eq", "12000.0", true),
            ("amount", "eq", "12000.01", false),
            ("count", "eq", "3.00", true),
            ("count", "eq", "3e0", true),
            ("count", "eq", "three", false),
            ("big", "eq", "123456789012345678901234567890", true),
            ("big", "eq", "123456789012345678901234567891", false),
            ("huge", "eq", "1e99999999999999999999", true),
            ("open", "eq", "true", true),
            ("open", "eq", "1", false),
            ("code", "eq", "007", true),
            ("code", "eq", "7", false),
            ("id", "eq", "deal_1", true),
            ("id", "eq", "Deal_1", false),
            ("owner.name", "eq", "Ana é", true),
            ("owner.address.city", "eq", "Lyon", true),
            ("owner", "eq", "Lyon", false),
            ("id", "ne", "deal_2", true),
            ("id", "ne", "deal_1", false),
            ("owner", "ne", "Lyon", true),
        ],
    );
    assert!(
        !passes(r#"{"hash":"12e4"}"#, "hash", "eq", "120e3"),
        "texts with exponents are codes"
    );
}

#[test]
fn order_is_of_numbers_and_times() {
    check(
        DEAL,
        &[
            ("amount", "gt", "1000", true),
            ("amount", "gt", "12000", false),
            ("amount", "gte", "12000", true),
            ("amount", "lt", "12000.001", true),
            ("amount", "lte", "11999.99", false),
            ("big", "gt", "123456789012345678901234567889.9", true),
            ("huge", "gt", "1", false),
            ("count", "gt", "-1e999999999", true),
            ("count", "lt", "1e999999999", true),
            ("closed_at", "gt", "2026-03-04T06:06:06+01:00", true),
            ("closed_at", "gte", "2026-03-04T06:06:07+01:00", true),
            ("closed_at", "lt", "2026-01-01T00:00:00Z", false),
            ("closed_at", "gt", "5", false),
            ("id", "gt", "5", false),
            ("id", "lte", "5", false),
            ("open", "gt", "0", false),
            ("tags", "gt", "0", false),
        ],
    );
}

#[test]
fn a_missing_field_makes_a_condition_false_but_for_three_operators() {
    for op in Operator::VARIANTS.iter().filter(|op| **op != Operator::ActorNe) {
        let expected = matches!(op, Operator::Ne | Operator::NotExists);
        for field in ["none", "note", "id.none", "owner.none.none", "tags.0"] {
            assert_eq!(passes(DEAL, field, (*op).into(), "1"), expected, "{field} {op}");
        }
        for data in ["[]", "1", "null", "\"id\"", "[{\"id\":1}]", "", "{"] {
            assert_eq!(passes(data, "id", (*op).into(), "1"), expected, "{data} {op}");
        }
    }
    check(
        DEAL,
        &[
            ("half", "exists", "", true),
            ("owner", "exists", "", true),
            ("id", "not_exists", "", false),
        ],
    );
}

#[test]
fn contains_is_of_texts_and_lists() {
    check(
        DEAL,
        &[
            ("id", "contains", "eal_", true),
            ("id", "contains", "EAL", false),
            ("tags", "contains", "vip", true),
            ("tags", "contains", "vi", false),
            ("tags", "contains", "7.00", true),
            ("tags", "contains", "null", false),
            ("count", "contains", "3", false),
            ("owner", "contains", "Lyon", false),
        ],
    );
}

#[test]
fn changes_are_read_from_the_list_of_names() {
    let listed = r#"{"changed":["stage","address.city"],"previous":{"amount":1},"stage":"won","amount":2}"#;
    check(
        listed,
        &[
            ("stage", "changed", "", true),
            ("amount", "changed", "", false),
            ("address", "changed", "", true),
            ("address.city", "changed", "", true),
            ("address.city.x", "changed", "", false),
            ("sta", "changed", "", false),
            ("stage", "changed_to", "won", true),
            ("stage", "changed_to", "lost", false),
            ("amount", "changed_to", "2", false),
        ],
    );
}

#[test]
fn without_the_list_changes_are_read_from_the_former_values() {
    let former = r#"{"stage":"won","amount":"1.00","phone":"+33","address":{"city":"Lyon"},"same":[1,{"a":2}],
        "previous":{"stage":"open","amount":1,"phone":null,"gone":"x","address":{"city":"Paris"},"same":[1,{"a":2.0}]}}"#;
    check(
        former,
        &[
            ("stage", "changed", "", true),
            ("amount", "changed", "", false),
            ("phone", "changed", "", true),
            ("gone", "changed", "", true),
            ("gone", "changed_to", "x", false),
            ("address.city", "changed", "", true),
            ("address", "changed", "", true),
            ("same", "changed", "", false),
            ("stage", "changed_to", "won", true),
            ("never", "changed", "", false),
        ],
    );
    assert!(!passes(r#"{"stage":"won"}"#, "stage", "changed", ""));
}

#[test]
fn the_actor_is_compared_with_the_extension() {
    let conditions: Conditions = [condition("actor", "actor_ne", Some("int_7"))].into_iter().collect();
    let data = EventData::parse(r#"{"actor":"int_7"}"#);
    assert_eq!(conditions.first_false(&data, Some("int_7")), Some(0));
    assert_eq!(conditions.first_false(&data, Some("usr_1")), None);
    assert_eq!(conditions.first_false(&data, None), None);
    assert!(
        passes(r#"{"actor":"int_7"}"#, "actor", "eq", "int_7"),
        "a field like any other"
    );
}

#[test]
fn all_must_hold_and_the_first_false_one_is_named() {
    let conditions: Conditions = [
        condition("amount", "gt", Some("1000")),
        condition("id", "eq", Some("deal_2")),
        condition("none", "exists", None),
    ]
    .into_iter()
    .collect();
    assert_eq!(conditions.first_false(&EventData::parse(DEAL), None), Some(1));
    assert_eq!(Conditions::default().first_false(&EventData::parse("{}"), None), None);
}

#[test]
fn of_a_repeated_name_the_last_counts() {
    check(r#"{"a":1,"a":2}"#, &[("a", "eq", "2", true), ("a", "eq", "1", false)]);
    check(
        r#"{ "a" : { } , "b.c" : 1 , "\u0062" : [ ] }"#,
        &[("a", "exists", "", true), ("b", "exists", "", true)],
    );
}

#[track_caller]
fn refused(field: &str, op: &str, value: Option<&str>, expected: &[(&str, &str)]) {
    let errors = Condition::parse(field, op, value).err().unwrap_or_default();
    let errors: Vec<_> = errors.iter().map(|error| (error.member(), error.code())).collect();
    assert_eq!(errors, expected, "{field:?} {op:?} {value:?}");
}

#[test]
fn wrong_conditions_are_refused_member_by_member() {
    let long = |bytes: usize| "x".repeat(bytes);
    refused(
        "",
        "nope",
        Some("1"),
        &[("field", "required"), ("op", "unknown_operator")],
    );
    refused(&long(101), "eq", None, &[("field", "too_long"), ("value", "required")]);
    refused("a.b.c.d.e.f.g.h.i", "eq", Some("1"), &[("field", "invalid_field")]);
    for field in [".", "a.", ".a", "a..b", "a\0", "a\n"] {
        refused(field, "exists", None, &[("field", "invalid_field")]);
    }
    refused("a", "EQ", Some("1"), &[("op", "unknown_operator")]);
    refused("a", "exists", Some("1"), &[("value", "unexpected_value")]);
    refused("a", "eq", Some(""), &[("value", "required")]);
    refused("a", "eq", Some(&long(201)), &[("value", "too_long")]);
    refused("a", "eq", Some("a\0b"), &[("value", "forbidden_character")]);
    refused("a", "gt", Some("many"), &[("value", "invalid_value")]);
    refused("amount", "actor_ne", Some("x"), &[("field", "actor_only")]);
    refused(&long(100), "eq", Some(&long(200)), &[]);
    refused("a.b.c.d.e.f.g.h", "lte", Some("2026-03-04T05:06:07Z"), &[]);
}

#[test]
fn stored_conditions_come_back_and_those_of_a_newer_release_are_left_out() {
    let conditions: Conditions = [
        condition("amount", "gt", Some("1000")),
        condition("owner.name", "exists", None),
    ]
    .into_iter()
    .collect();
    let json = conditions.to_json();
    assert_eq!(
        json,
        r#"[{"field":"amount","op":"gt","value":"1000"},{"field":"owner.name","op":"exists"}]"#
    );
    assert_eq!(Conditions::from_json(&json), conditions);
    let newer = r#"[{"field":"a","op":"matches","value":"x"},{"field":"a","op":"eq","value":"1","more":1},7]"#;
    assert_eq!(
        Conditions::from_json(newer).as_slice(),
        [condition("a", "eq", Some("1"))]
    );
    for nothing in ["[]", "", "null", "{}"] {
        assert!(Conditions::from_json(nothing).is_empty(), "{nothing}");
    }
}

#[test]
fn a_change_of_the_whole_may_be_one_of_a_part() {
    let moved = r#"{"changed":["address"],"previous":{"address":{"city":"Paris","zip":"75001"}},
        "address":{"city":"Lyon","zip":"75001","street":"x"}}"#;
    for (field, op, value, expected) in [
        ("address.city", "changed", "", true),
        ("address.city", "changed_to", "Lyon", true),
        ("address.city", "changed_to", "Paris", false),
        ("address.zip", "changed", "", false),
        ("address.street", "changed", "", true),
        ("address.gone", "changed", "", false),
        ("addresses", "changed", "", false),
    ] {
        assert_eq!(passes(moved, field, op, value), expected, "{field} {op} {value}");
    }
}

#[test]
fn the_first_fields_in_the_alphabet_are_listed() {
    let members: Vec<_> = (0..300).map(|number| format!(r#""f{number:03}":1"#)).collect();
    let fields = EventData::parse(&format!("{{{}}}", members.join(","))).fields();
    let expected: Vec<_> = (0..100).map(|number| format!("f{number:03}")).collect();
    assert!(fields.into_iter().eq(expected));
}

#[test]
fn fields_are_listed_as_conditions_name_them() {
    let fields = EventData::parse(DEAL).fields();
    assert!(
        ["amount", "owner.address.city", "tags"]
            .iter()
            .all(|field| fields.contains(*field)),
        "{fields:?}"
    );
    let odd = r#"{"previous":{"a":1},"a.b":1,"":1,"x":{"y.z":1,"\u0000":1},"ok":{"deep":1}}"#;
    let listed: Vec<_> = EventData::parse(odd).fields().into_iter().collect();
    assert_eq!(listed, ["ok.deep"]);
    assert!(EventData::parse("[1]").fields().is_empty());
}

#[test]
fn nothing_hostile_is_slow() {
    let begun = std::time::Instant::now();
    let digits = "9".repeat(250_000);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for data in [
        format!(r#"{{"a":{digits}}}"#),
        format!(r#"{{"a":"{digits}"}}"#),
        format!(r#"{{"a":1e{digits}}}"#),
        r#"{"a":1e-999999999}"#.to_owned(),
        format!(r#"{{"a":{deep}}}"#),
    ] {
        for op in ["eq", "gt", "contains", "changed_to"] {
            passes(&data, "a", op, "1");
        }
    }
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

/// JSON of any shape, small.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::hash_map("[a-c\"\\\\é]{1,2}", inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn data_is_read_as_serde_reads_it(value in json(), pretty: bool, path in "[a-c]{1,2}(\\.[a-c]{1,2}){0,2}") {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let expected = path.split('.').try_fold(&value, |value, name| value.get(name));
        let exists = expected.is_some_and(|value| !value.is_null());
        prop_assert_eq!(passes(&text, &path, "exists", ""), exists);
        if let Some(number) = expected.and_then(serde_json::Value::as_i64) {
            prop_assert!(passes(&text, &path, "eq", &number.to_string()));
        }
        if let Some(truth) = expected.and_then(serde_json::Value::as_bool) {
            prop_assert!(passes(&text, &path, "eq", &truth.to_string()));
        }
        if let Some(plain) = expected.and_then(serde_json::Value::as_str)
            && !plain.is_empty() && !plain.contains(char::is_control)
        {
            prop_assert!(passes(&text, &path, "eq", plain));
        }
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\",:0-9etrufalsn\\\\ .-]{0,40}") {
        let _ = EventData::parse(&text);
    }
}
