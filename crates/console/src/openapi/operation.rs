//! One method of one path, described piece by piece.

use serde_json::{Value, json};

use super::problems;
use crate::problem::Kind;

/// A reference to a schema by its name.
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An operation being described.
pub(super) struct Operation {
    value: Value,
    problems: Vec<Kind>,
}

impl Operation {
    /// Something that any valid token may do.
    pub(super) fn reading(tag: &str, id: &str, summary: &str) -> Self {
        let value = json!({
            "tags": [tag], "operationId": id, "summary": summary, "parameters": [], "responses": {},
        });
        let problems = vec![Kind::Unauthorized, Kind::TooManyRequests, Kind::Internal, Kind::Unavailable];
        Self { value, problems }
    }

    /// Something that takes an admin's token.
    pub(super) fn changing(tag: &str, id: &str, summary: &str) -> Self {
        Self::reading(tag, id, summary).problems(&[Kind::Forbidden])
    }

    /// Something that anybody may do.
    pub(super) fn public(tag: &str, id: &str, summary: &str) -> Self {
        let mut public = Self::reading(tag, id, summary);
        public.value["security"] = json!([]);
        public.problems = vec![Kind::Internal, Kind::Unavailable];
        public
    }

    /// More than the summary says.
    pub(super) fn about(mut self, description: &str) -> Self {
        self.value["description"] = description.into();
        self
    }

    /// The `{id}` of the path.
    pub(super) fn id(self, schema_name: &str) -> Self {
        let parameter = json!({"name": "id", "in": "path", "required": true, "schema": schema(schema_name)});
        self.parameter(parameter).problems(&[Kind::NotFound])
    }

    /// A query parameter.
    pub(super) fn query(self, name: &str, description: &str, schema: Value) -> Self {
        let parameter = json!({"name": name, "in": "query", "description": description, "schema": schema});
        self.parameter(parameter).problems(&[Kind::ValidationFailed])
    }

    /// The two parameters of a list with pages.
    pub(super) fn pages(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "default": 25});
        self.query("limit", "Entries of a page; more than 100 count as 100", limit)
            .query("cursor", "`next_cursor` of the page before", json!({"type": "string"}))
            .problems(&[Kind::InvalidCursor])
    }

    /// A header of the request.
    pub(super) fn header(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter(json!({"name": name, "in": "header", "description": description, "schema": schema}))
    }

    /// It may be sent again with the same key.
    pub(super) fn repeatable(self) -> Self {
        let about = "Chosen by the client for this request. Sent again within 24 hours, the request is answered as it was, \
            with `Idempotent-Replayed: true`, and nothing is done twice. Only what was done is remembered: a refused \
            request is judged again.";
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        self.header("Idempotency-Key", about, key).problems(&[
            Kind::BadRequest,
            Kind::KeyInUse,
            Kind::KeyOfAnotherRequest,
        ])
    }

    /// A body in JSON.
    pub(super) fn body(self, schema_name: &str) -> Self {
        self.body_as(&["application/json"], schema_name, true)
    }

    /// A body in JSON that may be left out.
    pub(super) fn optional_body(self, schema_name: &str) -> Self {
        self.body_as(&["application/json"], schema_name, false)
    }

    /// A body in one of these media types.
    pub(super) fn body_as(mut self, media_types: &[&str], schema_name: &str, required: bool) -> Self {
        let mut content = json!({});
        for media_type in media_types {
            content[*media_type] = json!({"schema": schema(schema_name)});
        }
        self.value["requestBody"] = json!({"required": required, "content": content});
        self.problems(&[
            Kind::InvalidJson,
            Kind::RequestTimeout,
            Kind::ContentTooLarge,
            Kind::UnsupportedMediaType,
            Kind::ValidationFailed,
        ])
    }

    /// The answer when all is well.
    pub(super) fn answer(self, status: u16, description: &str, schema: Value) -> Self {
        let content = json!({"application/json": {"schema": schema}});
        self.response(status, json!({"description": description, "content": content}))
    }

    /// The answer when all is well and nothing is to be said.
    pub(super) fn empty_answer(self, status: u16, description: &str) -> Self {
        self.response(status, json!({"description": description}))
    }

    /// A header of the answer given before.
    pub(super) fn answer_header(mut self, status: u16, name: &str, description: &str) -> Self {
        let response = &mut self.value["responses"][status.to_string()];
        response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
        self
    }

    /// What can go wrong beyond what goes without saying.
    pub(super) fn problems(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    /// The finished description.
    pub(super) fn into_value(mut self) -> Value {
        for kind in self.problems {
            let status = kind.status();
            self.value["responses"][status.as_str()] = problems::reference(status);
        }
        self.value
    }

    fn parameter(mut self, parameter: Value) -> Self {
        let parameters = self.value["parameters"].as_array_mut().expect("every operation begins with a list");
        parameters.push(parameter);
        self
    }

    fn response(mut self, status: u16, response: Value) -> Self {
        self.value["responses"][status.to_string()] = response;
        self
    }
}
