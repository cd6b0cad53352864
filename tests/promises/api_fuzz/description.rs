//! The description of the API, as far as requests are made from it and answers held against it.

use serde_json::Value;

/// The whole document.
pub struct Description(Value);

/// A method of a path.
#[derive(Debug, Clone)]
pub struct Operation {
    pub method: String,
    /// With names in braces.
    pub path: String,
    pub parameters: Vec<Parameter>,
    /// The schema of its body, if it takes one.
    pub body: Option<Value>,
    responses: Value,
}

/// Something beside the body.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query` or `header`.
    pub place: String,
    pub schema: Value,
}

impl Description {
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    pub fn document(&self) -> &Value {
        &self.0
    }

    /// Where a reference leads; anything else stays what it is.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .0
                .pointer(reference.trim_start_matches('#'))
                .expect("references lead somewhere"),
            None => value,
        }
    }

    /// Every operation of the API.
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods
                .iter()
                .map(move |(method, described)| self.operation(path, method, described))
        });
        // What takes the webhook away comes last, so that the others of its path still find it.
        let (last, mut first): (Vec<_>, Vec<_>) = operations.partition(|it| it.method == "DELETE");
        first.extend(last);
        first
    }

    fn operation(&self, path: &str, method: &str, described: &Value) -> Operation {
        let parameter = |described: &Value| {
            let described = self.resolve(described);
            Parameter {
                name: described["name"].as_str().expect("a name").to_owned(),
                place: described["in"].as_str().expect("a place").to_owned(),
                schema: self.resolve(&described["schema"]).clone(),
            }
        };
        let body = &described["requestBody"]["content"]["application/json"]["schema"];
        Operation {
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters: described["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(parameter)
                .collect(),
            body: (!body.is_null()).then(|| self.resolve(body).clone()),
            responses: described["responses"].clone(),
        }
    }

    /// How an answer of this status is described: not at all, without a body, or with a media type and a schema.
    pub fn answer<'a>(&'a self, operation: &'a Operation, status: u16) -> Option<Option<(&'a str, &'a Value)>> {
        let described = self.resolve(operation.responses.get(status.to_string())?);
        let content = described["content"].as_object();
        Some(
            content
                .and_then(|content| content.iter().next())
                .map(|(media, body)| (media.as_str(), &body["schema"])),
        )
    }
}
