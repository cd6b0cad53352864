//! Telling of every answered request, with labels from closed sets.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use runtime::metrics::{Label, Labels};

use crate::route::Route;

/// Is told of every answered request; `fanout` counts them in `http_server_request_duration_seconds`.
pub trait RequestObserver: Send + Sync + 'static {
    /// Called once for each answer, when its head is ready to be sent. Must not block.
    fn served(&self, request: &ServedRequest);
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedRequest {
    /// Its method.
    pub method: RequestMethod,
    /// The route that answered it.
    pub route: Route,
    /// The class of the answer's status.
    pub status: StatusClass,
    /// From the request's head to the answer's.
    pub duration: Duration,
}

impl ServedRequest {
    /// What it is counted under. What its route does not take is counted with what no route takes.
    pub fn labels(&self) -> RequestLabels {
        let Self { method, route, status, .. } = *self;
        if route.methods().contains(&method) {
            RequestLabels { method, route, status }
        } else {
            RequestLabels { method: RequestMethod::Other, route: Route::Unmatched, status }
        }
    }
}

/// A method, a route that takes it, and the class of an answer's status. There are no others, or most series would be
/// of pairs that never come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLabels {
    method: RequestMethod,
    route: Route,
    status: StatusClass,
}

impl RequestLabels {
    fn all() -> impl Iterator<Item = Self> {
        let pairs = Route::ALL.iter().flat_map(|route| route.methods().iter().map(move |method| (*method, *route)));
        pairs.flat_map(|(method, route)| {
            StatusClass::all().iter().map(move |status| Self { method, route, status: *status })
        })
    }
}

impl Labels for RequestLabels {
    fn names() -> Vec<&'static str> {
        vec![RequestMethod::NAME, Route::NAME, StatusClass::NAME]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        Self::all().map(|labels| vec![labels.method.value(), labels.route.value(), labels.status.value()]).collect()
    }

    fn index(self) -> usize {
        Self::all().position(|labels| labels == self).expect("all() gives every pair that labels() makes")
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

impl Label for Route {
    const NAME: &'static str = "route";

    fn all() -> &'static [Self] {
        Self::ALL
    }

    fn value(self) -> &'static str {
        self.template()
    }
}

/// The first digit of an answer's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
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
    use super::*;

    fn labels(method: RequestMethod, route: Route) -> RequestLabels {
        ServedRequest { method, route, status: StatusClass::ClientError, duration: Duration::ZERO }.labels()
    }

    #[test]
    fn every_request_is_counted_under_labels_that_exist() {
        let all = RequestLabels::combinations();
        for route in Route::ALL {
            for method in RequestMethod::all() {
                let [named_method, named_route, _] = all[labels(*method, *route).index()][..] else { unreachable!() };
                let taken = route.methods().contains(method);
                let expected = if taken { (method.value(), route.value()) } else { ("other", "unmatched") };
                assert_eq!((named_method, named_route), expected);
            }
        }
    }

    #[test]
    fn what_never_comes_has_no_series() {
        let pairs = Route::ALL.iter().map(|route| route.methods().len()).sum::<usize>();
        assert_eq!(RequestLabels::combinations().len(), pairs * StatusClass::all().len());
        assert!(pairs < 30, "{pairs}");
        assert_eq!(labels(RequestMethod::Post, Route::Unmatched), labels(RequestMethod::Get, Route::WebhookPause));
    }
}
