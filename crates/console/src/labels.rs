//! The labels of `http_server_request_duration_seconds`, from closed sets.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use runtime::metrics::Labels;
use strum::{IntoStaticStr, VariantArray};
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
            StatusClass::VARIANTS.iter().map(move |status| Self {
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
        vec!["method", "route", "status"]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        Self::all()
            .map(|labels| vec![labels.method.into(), labels.route, labels.status.into()])
            .collect()
    }

    fn index(self) -> usize {
        Self::all()
            .position(|labels| labels == self)
            .expect("all() gives every pair that a request is counted under")
    }
}

/// A request's method as a label: those that routes take, and `other`, because a client may send any word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RequestMethod {
    /// `GET`, and `HEAD`, which is answered alike.
    #[strum(serialize = "GET")]
    Get,
    /// `POST`.
    #[strum(serialize = "POST")]
    Post,
    /// `PUT`.
    #[strum(serialize = "PUT")]
    Put,
    /// `PATCH`.
    #[strum(serialize = "PATCH")]
    Patch,
    /// `DELETE`.
    #[strum(serialize = "DELETE")]
    Delete,
    /// Anything else.
    Other,
}

impl From<&Method> for RequestMethod {
    fn from(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Get,
            Method::POST => Self::Post,
            Method::PUT => Self::Put,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ => Self::Other,
        }
    }
}

/// The first digit of a response's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray)]
enum StatusClass {
    /// 200–299.
    #[strum(serialize = "2xx")]
    Success,
    /// 300–399.
    #[strum(serialize = "3xx")]
    Redirection,
    /// 400–499.
    #[strum(serialize = "4xx")]
    ClientError,
    /// 500–599.
    #[strum(serialize = "5xx")]
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
            Method::OPTIONS,
        ];
        for (_, route) in &*ROUTES {
            for method in &methods {
                let [named_method, named_route, _] = all[labels(method, route).index()][..] else {
                    unreachable!()
                };
                let label = RequestMethod::from(method);
                let taken = ROUTES.contains(&(label, route));
                let expected = if taken {
                    (label.into(), *route)
                } else {
                    ("other", UNMATCHED)
                };
                assert_eq!((named_method, named_route), expected);
            }
        }
    }

    #[test]
    fn the_method_of_each_operation_is_a_label() {
        for operation in api::operations() {
            let labels = labels(operation.method(), operation.path());
            assert_eq!(<&str>::from(labels.method), operation.method().as_str());
            assert_eq!(labels.route, operation.path());
        }
    }

    #[test]
    fn pairs_that_never_come_have_no_series() {
        assert_eq!(
            RequestLabels::combinations().len(),
            ROUTES.len() * StatusClass::VARIANTS.len()
        );
        assert!(ROUTES.len() < 48, "{}", ROUTES.len());
        let wrong_method = labels(&Method::GET, "/api/v1/webhooks/{id}/pause");
        assert_eq!(wrong_method, labels(&Method::POST, UNMATCHED));
    }
}
