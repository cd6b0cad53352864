//! The labels of `http_server_request_duration_seconds`, from closed sets.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use runtime::metrics::{Label, Labels};
use web::ServedRequest;

/// The route label of all pages, which the metric does not tell apart.
pub(crate) const CONSOLE: &str = "console";
/// The route label of paths that are no route, and of methods that a route does not take.
const UNMATCHED: &str = "unmatched";

/// Every route with a method that it takes. Only these pairs have series, to bound their number.
static ROUTES: LazyLock<Vec<(RequestMethod, &'static str)>> = LazyLock::new(|| {
    let api = api::operations()
        .into_iter()
        .map(|operation| (operation.method().into(), operation.path()));
    let others = [
        (RequestMethod::Get, CONSOLE),
        (RequestMethod::Post, CONSOLE),
        (RequestMethod::Other, UNMATCHED),
    ];
    api.chain(others).collect()
});

/// What a request is counted under: a method, a route that takes it, and the class of the response's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLabels {
    method: RequestMethod,
    route: &'static str,
    status: StatusClass,
}

impl RequestLabels {
    fn all() -> impl Iterator<Item = Self> {
        ROUTES.iter().flat_map(|(method, route)| {
            StatusClass::all().iter().map(move |status| Self {
                method: *method,
                route,
                status: *status,
            })
        })
    }
}

impl From<&ServedRequest<'_>> for RequestLabels {
    fn from(request: &ServedRequest<'_>) -> Self {
        let method = RequestMethod::from(request.method);
        let taken = ROUTES
            .iter()
            .find(|(its_method, route)| *its_method == method && *route == request.route);
        let (method, route) = taken.copied().unwrap_or((RequestMethod::Other, UNMATCHED));
        Self {
            method,
            route,
            status: request.status.into(),
        }
    }
}

impl Labels for RequestLabels {
    fn names() -> Vec<&'static str> {
        vec![RequestMethod::NAME, "route", StatusClass::NAME]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        Self::all()
            .map(|labels| vec![labels.method.value(), labels.route, labels.status.value()])
            .collect()
    }

    fn index(self) -> usize {
        Self::all()
            .position(|labels| labels == self)
            .expect("all() gives every pair that a request is counted under")
    }
}

/// A request's method as a label: those that routes take, and `other`, because a client may send any word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestMethod {
    /// `GET`, and `HEAD`, which is answered alike.
    Get,
    /// `POST`.
    Post,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// Anything else.
    Other,
}

impl From<&Method> for RequestMethod {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Get,
            Method::POST => Self::Post,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }
}

impl Label for RequestMethod {
    const NAME: &'static str = "method";

    fn all() -> &'static [Self] {
        &[Self::Get, Self::Post, Self::Patch, Self::Delete, Self::Other]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Other => "other",
        }
    }
}

/// The first digit of a response's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusClass {
    /// 200–299.
    Success,
    /// 300–399.
    Redirection,
    /// 400–499.
    ClientError,
    /// 500–599.
    ServerError,
}

impl From<StatusCode> for StatusClass {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            // An interim status never is an answer, so everything below 300 is a success.
            ..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }
}

impl Label for StatusClass {
    const NAME: &'static str = "status";

    fn all() -> &'static [Self] {
        &[Self::Success, Self::Redirection, Self::ClientError, Self::ServerError]
    }

    fn value(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn labels(method: &Method, route: &str) -> RequestLabels {
        let request = ServedRequest {
            method,
            route,
            status: StatusCode::NOT_FOUND,
            duration: Duration::ZERO,
        };
        RequestLabels::from(&request)
    }

    #[test]
    fn every_request_is_counted_under_labels_that_exist() {
        let all = RequestLabels::combinations();
        let methods = [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
            Method::PUT,
        ];
        for (_, route) in &*ROUTES {
            for method in &methods {
                let [named_method, named_route, _] = all[labels(method, route).index()][..] else {
                    unreachable!()
                };
                let label = RequestMethod::from(method);
                let taken = ROUTES.contains(&(label, route));
                let expected = if taken {
                    (label.value(), *route)
                } else {
                    ("other", UNMATCHED)
                };
                assert_eq!((named_method, named_route), expected);
            }
        }
    }

    #[test]
    fn pairs_that_never_come_have_no_series() {
        assert_eq!(
            RequestLabels::combinations().len(),
            ROUTES.len() * StatusClass::all().len()
        );
        assert!(ROUTES.len() < 30, "{}", ROUTES.len());
        let wrong_method = labels(&Method::GET, "/api/v1/webhooks/{id}/pause");
        assert_eq!(wrong_method, labels(&Method::POST, UNMATCHED));
    }
}
