//! One operation of the API: a method of a path, what answers it, and its description, piece by piece.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use serde_json::{Value, json};

use crate::openapi::problems;
use crate::openapi::schema::reference;
use crate::problem::Kind;
use crate::state::ApiState;

/// An operation of the API.
pub struct Operation {
    method: Method,
    path: &'static str,
    handlers: MethodRouter<ApiState>,
    waits_for_sender: bool,
    description: Value,
    problems: Vec<Kind>,
    /// The schema of its body, by name.
    body: Option<(&'static str, Value)>,
}

impl Operation {
    /// Reads.
    pub(crate) fn get<T: 'static>(path: &'static str, handler: impl Handler<T, ApiState>) -> Self {
        Self::new(Method::GET, path, get(handler))
    }

    /// Does something.
    pub(crate) fn post<T: 'static>(path: &'static str, handler: impl Handler<T, ApiState>) -> Self {
        Self::new(Method::POST, path, post(handler))
    }

    /// Replaces an object.
    pub(crate) fn put<T: 'static>(path: &'static str, handler: impl Handler<T, ApiState>) -> Self {
        Self::new(Method::PUT, path, put(handler))
    }

    /// Changes an object.
    pub(crate) fn patch<T: 'static>(path: &'static str, handler: impl Handler<T, ApiState>) -> Self {
        Self::new(Method::PATCH, path, patch(handler))
    }

    /// Deletes an object.
    pub(crate) fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, ApiState>) -> Self {
        Self::new(Method::DELETE, path, delete(handler))
    }

    fn new(method: Method, path: &'static str, handlers: MethodRouter<ApiState>) -> Self {
        let description = json!({"parameters": [], "responses": {}});
        Self {
            method,
            path,
            handlers,
            waits_for_sender: false,
            description,
            problems: Vec::new(),
            body: None,
        }
    }

    /// Its method; `HEAD` goes with `GET`.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Its path below the base path, with names in braces for what varies.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) const fn waits_for_sender(&self) -> bool {
        self.waits_for_sender
    }

    pub(crate) fn into_handlers(self) -> MethodRouter<ApiState> {
        self.handlers
    }

    /// Any valid token may do it, for its own account; a service token for the account that the request names.
    pub(crate) fn for_viewers(self, tag: &str, id: &str, summary: &str) -> Self {
        let account = json!({"$ref": "#/components/parameters/Account"});
        self.named(tag, id, summary).parameter(account).problems(&[
            Kind::BadRequest,
            Kind::AccountRequired,
            Kind::Unauthorized,
            Kind::Forbidden,
            Kind::TooManyRequests,
            Kind::Internal,
            Kind::Unavailable,
        ])
    }

    /// It takes an administrator's token.
    pub(crate) fn for_admins(self, tag: &str, id: &str, summary: &str) -> Self {
        self.for_viewers(tag, id, summary)
    }

    /// Anybody may do it.
    pub(crate) fn public(self, tag: &str, id: &str, summary: &str) -> Self {
        let mut public = self
            .named(tag, id, summary)
            .problems(&[Kind::Internal, Kind::Unavailable]);
        public.description["security"] = json!([]);
        public
    }

    fn named(mut self, tag: &str, id: &str, summary: &str) -> Self {
        self.description["tags"] = json!([tag]);
        self.description["operationId"] = id.into();
        self.description["summary"] = summary.into();
        self
    }

    /// It is answered when a sender has replied, and may take that much longer.
    pub(crate) fn waiting_for_sender(self) -> Self {
        Self {
            waits_for_sender: true,
            ..self
        }
    }

    /// More than the summary says.
    pub(crate) fn about(mut self, description: &str) -> Self {
        self.description["description"] = description.into();
        self
    }

    /// The `{id}` of the path.
    pub(crate) fn id(self, schema: &str) -> Self {
        let parameter = json!({"name": "id", "in": "path", "required": true, "schema": reference(schema)});
        self.parameter(parameter).problems(&[Kind::NotFound])
    }

    /// A query parameter.
    pub(crate) fn query(self, name: &str, description: &str, schema: Value) -> Self {
        let parameter = json!({"name": name, "in": "query", "description": description, "schema": schema});
        self.parameter(parameter).problems(&[Kind::ValidationFailed])
    }

    /// The two parameters of a list with pages.
    pub(crate) fn paginated(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "default": 25});
        self.query("limit", "Entries per page; more than 100 count as 100", limit)
            .query(
                "cursor",
                "`next_cursor` of the previous page",
                json!({"type": "string"}),
            )
            .problems(&[Kind::InvalidCursor])
    }

    /// A header of the request.
    pub(crate) fn header(self, name: &str, description: &str, schema: Value) -> Self {
        self.parameter(json!({"name": name, "in": "header", "description": description, "schema": schema}))
    }

    /// It may be sent again with the same key.
    pub(crate) fn idempotent_by_key(self) -> Self {
        let about = "Chosen by the client for this request. If the request is sent again within 24 hours, it gets the \
            same answer, with `Idempotent-Replayed: true`, and nothing is done twice. Only requests that were carried \
            out are remembered: a refused request is judged again.";
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        self.header("Idempotency-Key", about, key).problems(&[
            Kind::BadRequest,
            Kind::KeyInUse,
            Kind::KeyOfAnotherRequest,
        ])
    }

    /// A body in JSON, with its schema.
    pub(crate) fn body(self, name: &'static str, schema: Value) -> Self {
        self.body_as(&["application/json"], name, schema, true)
    }

    /// A body in JSON that may be left out.
    pub(crate) fn optional_body(self, name: &'static str, schema: Value) -> Self {
        self.body_as(&["application/json"], name, schema, false)
    }

    /// A body in one of these media types.
    pub(crate) fn body_as(mut self, media_types: &[&str], name: &'static str, schema: Value, required: bool) -> Self {
        let mut content = json!({});
        for media_type in media_types {
            content[*media_type] = json!({"schema": reference(name)});
        }
        self.description["requestBody"] = json!({"required": required, "content": content});
        self.body = Some((name, schema));
        self.problems(&[
            Kind::InvalidJson,
            Kind::RequestTimeout,
            Kind::ContentTooLarge,
            Kind::UnsupportedMediaType,
            Kind::ValidationFailed,
        ])
    }

    /// The answer when all is well.
    pub(crate) fn answer(self, status: u16, description: &str, schema: Value) -> Self {
        let content = json!({"application/json": {"schema": schema}});
        self.response(status, json!({"description": description, "content": content}))
    }

    /// The answer when all is well and nothing is to be said.
    pub(crate) fn empty_answer(self, status: u16, description: &str) -> Self {
        self.response(status, json!({"description": description}))
    }

    /// A header of the answer given before.
    pub(crate) fn answer_header(mut self, status: u16, name: &str, description: &str) -> Self {
        let response = &mut self.description["responses"][status.to_string()];
        response["headers"][name] = json!({"description": description, "schema": {"type": "string"}});
        self
    }

    /// What can go wrong beyond what goes without saying.
    pub(crate) fn problems(mut self, kinds: &[Kind]) -> Self {
        self.problems.extend(kinds);
        self
    }

    /// The finished description, and the schema of the body.
    pub(crate) fn into_description(mut self) -> (Value, Option<(&'static str, Value)>) {
        for kind in self.problems {
            let status = kind.status();
            self.description["responses"][status.as_str()] = problems::reference(status);
        }
        (self.description, self.body)
    }

    fn parameter(mut self, parameter: Value) -> Self {
        let parameters = self.description["parameters"]
            .as_array_mut()
            .expect("every operation begins with a list");
        parameters.push(parameter);
        self
    }

    fn response(mut self, status: u16, response: Value) -> Self {
        self.description["responses"][status.to_string()] = response;
        self
    }
}
