//! The request headers of a webhook.

use std::collections::BTreeMap;

use domain::request_header::{MAX_REQUEST_HEADERS, MAX_REQUEST_HEADERS_BYTES};
use domain::{AuditAction, RequestHeader, RequestHeaderError, WebhookId};
use store::StoreError;
use store::bearer::Bearer;
use store::webhooks::EditOutcome;

use crate::error::AdminError;
use crate::field_error::FieldError;
use crate::service::{Admin, log_change};

/// The headers that somebody wants a webhook to have, all of them. Not `Debug`, for the values' sake.
#[derive(Default)]
pub struct HeadersForm {
    /// By name. Without a value, a sensitive header keeps the value that is stored.
    pub headers: Vec<(String, Option<String>)>,
    /// Names of headers that are sensitive beside those that are so by their names. One that has no value in `headers`
    /// keeps the one that is stored.
    pub sensitive: Vec<String>,
    /// What was wrong before the values could be looked at.
    pub errors: Vec<FieldError>,
}

impl HeadersForm {
    /// The headers, with the values of `former` ones that are kept.
    ///
    /// # Errors
    /// Everything that is wrong.
    fn into_headers(self, former: &[RequestHeader]) -> Result<Vec<RequestHeader>, Vec<FieldError>> {
        let mut errors = self.errors;
        let sensitive = |name: &str| self.sensitive.iter().any(|given| given.eq_ignore_ascii_case(name));
        let kept = |name: &str| {
            former
                .iter()
                .find(|header| header.is_sensitive() && header.name() == name)
        };
        let mut headers = BTreeMap::new();
        let mut add = |name: &str, value: Option<&str>, pointer: String| {
            let checked = RequestHeader::checked_name(name).and_then(|lower| match value {
                Some(value) => RequestHeader::new(&lower, value, sensitive(&lower)).and_then(with_value_if_sensitive),
                None => kept(&lower).cloned().ok_or(RequestHeaderError::Required),
            });
            match checked {
                Ok(header) if headers.contains_key(header.name()) => {
                    errors.push(FieldError::new(
                        pointer,
                        "duplicate_field",
                        "The header is given more than once",
                    ));
                }
                Ok(header) => drop(headers.insert(header.name().to_owned(), header)),
                Err(error) => errors.push(FieldError::new(pointer, error.code(), error.to_string())),
            }
        };
        for (name, value) in &self.headers {
            add(
                name,
                value.as_deref(),
                format!("/headers/{}", name.replace('~', "~0").replace('/', "~1")),
            );
        }
        let is_given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        for (index, name) in self.sensitive.iter().enumerate().filter(|(_, name)| !is_given(name)) {
            add(name, None, format!("/sensitive/{index}"));
        }
        let headers: Vec<_> = headers.into_values().collect();
        if headers.len() > MAX_REQUEST_HEADERS {
            let detail = format!("A webhook has at most {MAX_REQUEST_HEADERS} request headers");
            errors.push(FieldError::new("/headers", "too_long", detail));
        } else if headers.iter().map(RequestHeader::bytes).sum::<usize>() > MAX_REQUEST_HEADERS_BYTES {
            let detail = format!("Names and values together have at most {MAX_REQUEST_HEADERS_BYTES} bytes");
            errors.push(FieldError::new("/headers", "too_long", detail));
        }
        if errors.is_empty() { Ok(headers) } else { Err(errors) }
    }
}

/// An empty credential is a mistake, which nobody would see: the value is never shown.
fn with_value_if_sensitive(header: RequestHeader) -> Result<RequestHeader, RequestHeaderError> {
    if header.is_sensitive() && header.expose().is_empty() {
        return Err(RequestHeaderError::Required);
    }
    Ok(header)
}

impl Admin {
    /// The request headers of a webhook. Values of sensitive ones are not to be shown.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn request_headers(&self, by: &Bearer, id: WebhookId) -> Result<Vec<RequestHeader>, AdminError> {
        match self.database.request_headers(&by.account, id).await {
            Err(StoreError::Secret) => {
                tracing::error!(account = %by.account, webhook_id = %id, "request headers cannot be decrypted; shown as none");
                Ok(Vec::new())
            }
            headers => headers?.ok_or(AdminError::NotFound),
        }
    }

    /// Replaces the request headers of a webhook; with `if_version`, only if the webhook is still at that version.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Invalid`] and [`AdminError::VersionChanged`].
    pub async fn set_request_headers(
        &self,
        by: &Bearer,
        id: WebhookId,
        form: HeadersForm,
        if_version: Option<i64>,
    ) -> Result<Vec<RequestHeader>, AdminError> {
        let change = |present: &[RequestHeader]| form.into_headers(present);
        let outcome = self.database.change_request_headers(by, id, if_version, change).await?;
        let headers = match outcome {
            EditOutcome::Done(headers) => headers.map_err(AdminError::Invalid)?,
            EditOutcome::NotFound => return Err(AdminError::NotFound),
            EditOutcome::Stale => return Err(AdminError::VersionChanged),
        };
        log_change(by, id, AuditAction::Edited);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(headers: &[(&str, Option<&str>)], sensitive: &[&str]) -> HeadersForm {
        let owned = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        HeadersForm {
            headers: headers.iter().map(owned).collect(),
            sensitive: sensitive.iter().map(|name| (*name).to_owned()).collect(),
            errors: Vec::new(),
        }
    }

    fn refused(form: HeadersForm, former: &[RequestHeader]) -> Vec<(String, &'static str)> {
        let errors = form.into_headers(former).unwrap_err();
        errors.into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_sensitive_header_keeps_its_value_and_others_need_one() {
        let former = [
            RequestHeader::new("authorization", "Bearer former", false).unwrap(),
            RequestHeader::new("x-env", "prod", false).unwrap(),
        ];
        for form in [form(&[("Authorization", None)], &[]), form(&[], &["authorization"])] {
            let headers = form.into_headers(&former).unwrap();
            assert_eq!((headers.len(), headers[0].expose()), (1, "Bearer former"));
        }
        for empty in [
            form(&[("authorization", Some(""))], &[]),
            form(&[("x-env", Some(""))], &["x-env"]),
        ] {
            assert_eq!(refused(empty, &former)[0].1, "required");
        }
        assert_eq!(
            form(&[("x-env", Some(""))], &[]).into_headers(&former).unwrap()[0].expose(),
            ""
        );
        let replaced = form(&[("authorization", Some("Bearer new"))], &[])
            .into_headers(&former)
            .unwrap();
        assert_eq!(replaced[0].expose(), "Bearer new");
        assert_eq!(
            refused(form(&[("x-env", None), ("x-api-key", None)], &["x-other"]), &former),
            [
                ("/headers/x-env".to_owned(), "required"),
                ("/headers/x-api-key".to_owned(), "required"),
                ("/sensitive/0".to_owned(), "required")
            ]
        );
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mistakes = form(
            &[
                ("host", Some("x")),
                ("a b", Some("x")),
                ("x-a", Some("\r\n")),
                ("x-b", Some("1")),
                ("X-B", Some("2")),
            ],
            &[],
        );
        let codes: Vec<_> = refused(mistakes, &[]).into_iter().map(|(_, code)| code).collect();
        assert_eq!(
            codes,
            [
                "reserved_header",
                "invalid_header_name",
                "invalid_header_value",
                "duplicate_field"
            ]
        );
        let names: Vec<_> = (0..21).map(|number| format!("x-{number}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), Some("1"))).collect();
        assert_eq!(refused(form(&many, &[]), &[]), [("/headers".to_owned(), "too_long")]);
        let long = "v".repeat(4096);
        assert_eq!(
            refused(form(&[("x-a", Some(&long))], &[]), &[]),
            [("/headers".to_owned(), "too_long")]
        );
    }
}
