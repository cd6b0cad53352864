use super::*;

fn object(body: &str) -> JsonObject<'_> {
    JsonObject::parse(body.as_bytes()).unwrap()
}

fn errors(object: JsonObject<'_>) -> Vec<(String, &'static str)> {
    object
        .into_errors()
        .into_iter()
        .map(|error| (error.pointer, error.code))
        .collect()
}

fn refusal(body: &[u8]) -> String {
    format!("{:?}", JsonObject::parse(body).err().unwrap())
}

#[test]
fn members_are_taken_as_what_they_are() {
    let mut read = object(r#"{"name":" a\u00e9\ud83d\ude00 ","types":["x","x"],"none":null,"nothing":null}"#);
    assert_eq!(read.text("name"), Input::Given(" aé😀 ".to_owned()));
    assert_eq!(
        read.texts("types", 2),
        Input::Given(vec!["x".to_owned(), "x".to_owned()])
    );
    assert_eq!(read.text("none"), Input::Given(String::new()));
    assert_eq!(read.text("other"), Input::Missing);
    read.drop_null("nothing");
    assert_eq!(errors(read), []);
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    assert!(refusal(b"{\n \"a\": }").contains("line 2 column 7"));
    assert!(refusal(b"").contains("line 1 column 0"));
    assert!(refusal(b"{} {}").contains("line 1 column 4"));
    assert!(refusal(b"{\"a\":\"\xff\"}").contains("from byte 7 on"));
    assert!(refusal(b"{\"a\":\"\x01\"}").contains("InvalidJson"));
    assert!(refusal(br#"{"a":"\ud8"}"#).contains("InvalidJson"));
}

#[test]
fn what_is_no_object_is_refused() {
    for body in ["[]", "null", "1", "\"x\"", r#""\ud800""#] {
        assert!(refusal(body.as_bytes()).contains("must be a JSON object"), "{body}");
    }
}

#[test]
fn deep_nesting_is_read_without_a_deep_stack() {
    let mut read = object(r#"{"a":"kept"}"#);
    assert_eq!(read.text("a"), Input::Given("kept".to_owned()));
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
    let mut read = object(&deep);
    assert_eq!(read.text("a"), Input::Malformed);
}

#[test]
fn every_mistake_is_kept_with_its_pointer() {
    let mut read = object(
        r#"{"name":1,"types":["ok",2,"\udc00"],"list":{},"long":["a","b"],"half":"\ud800x","a/b~c":1,"name":2,"\ud800":1}"#,
    );
    assert_eq!(read.text("name"), Input::Malformed);
    assert_eq!(read.texts("types", 9), Input::Malformed);
    assert_eq!(read.texts("list", 9), Input::Malformed);
    assert_eq!(read.texts("long", 1), Input::Malformed);
    assert_eq!(read.text("half"), Input::Malformed);
    let expected = [
        ("/name", "duplicate_field"),
        ("/name", "wrong_type"),
        ("/types/1", "wrong_type"),
        ("/types/2", "forbidden_character"),
        ("/list", "wrong_type"),
        ("/long", "too_long"),
        ("/half", "forbidden_character"),
        ("/\"\\ud800\"", "unknown_field"),
        ("/a~1b~0c", "unknown_field"),
    ];
    assert_eq!(errors(read), expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn a_long_unknown_name_is_not_repeated() {
    let body = format!(r#"{{"{}":1}}"#, "k".repeat(65));
    assert_eq!(errors(object(&body)), [(String::new(), "unknown_field")]);
}
