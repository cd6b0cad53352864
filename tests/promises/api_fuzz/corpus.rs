//! Invalid and hostile values.

use serde_json::{Value, json};

/// Text for any place.
pub fn texts() -> Vec<String> {
    let plain = [
        "",
        " ",
        "0",
        "-1",
        "1e400",
        "99999999999999999999999999",
        "null",
        "true",
        "{}",
        "[]",
        "../../etc/passwd",
        "..%2f..%2f",
        "'; DROP TABLE webhooks; --",
        "\" onmouseover=\"alert(1)",
        "<script>alert(1)</script>",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "%s%n%x",
        "\u{0}",
        "a\u{0}b",
        "\r\nset-cookie: a=b",
        "\u{1b}[2J",
        "\u{202e}gpj.exe",
        "\u{feff}",
        "e\u{301}\u{200b}\u{200d}",
        "🦀👩‍👩‍👧‍👦",
        "\u{10ffff}",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "msg_ffffffffffffffffffffffffffffffff",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "2026-02-30T25:61:61Z",
        "2026-11-23T06:00:00+25:59",
        "W/\"1\", \"2\", *",
        "http://erp.example.com/",
        "https://user:password@erp.example.com/",
        "https://127.0.0.1:1/",
        "https://[::ffff:7f00:1]/",
        "https://0x7f.1/",
        "https://erp.example.com:22/#fragment",
        "file:///etc/passwd",
        "whsec_",
        "whsec_AAAA",
        "deal.won",
        "AAAA",
    ];
    let long = ["x".repeat(101), "é".repeat(3000), "9".repeat(400)];
    plain.into_iter().map(str::to_owned).chain(long).collect()
}

/// Values for any member of a body.
pub fn values() -> Vec<Value> {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!([]),
        json!([null]),
        json!([[]]),
        json!({}),
        json!({"$ne": null}),
        json!(["deal.won", "deal.won"]),
        json!(["deal.won", 1]),
        json!(["no.such.type"]),
        json!(["*"]),
        json!(["*", "deal.won"]),
        json!([{"field": "amount", "op": "gt", "value": "1e999999999"}]),
        json!([{"field": "a\u{0}", "op": "eq", "value": "\u{0}"}, {"field": "a", "op": "exists", "x": 1}, {}]),
        json!([{"field": "a.".repeat(50), "op": "changed_to", "value": "x".repeat(200)}, {"field": [], "op": {}}]),
        json!(vec![json!({"field": "a", "op": "changed"}); 11]),
        json!(vec!["deal.won"; 1000]),
        json!(vec!["no.such.type"; 200]),
    ];
    texts().into_iter().map(Value::from).chain(others).collect()
}

/// Bodies that are none.
pub fn bodies() -> Vec<Vec<u8>> {
    let text = [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "0",
        "\"\"",
        "{",
        "{\"name\":}",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"\\u0000\"}",
        "{\"limit\":1e400}",
        "\u{feff}{}",
        "{}{}",
        "// comment\n{}",
    ];
    let deep = "[".repeat(10_000);
    let nested = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(300_000));
    let bytes = [b"\xff\xfe{}".to_vec(), b"{\"name\":\"\xc3\x28\"}".to_vec(), vec![0; 64]];
    text.into_iter()
        .map(str::to_owned)
        .chain([deep, nested, large])
        .map(String::into_bytes)
        .chain(bytes)
        .collect()
}
