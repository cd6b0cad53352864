//! Telling of every answered request, with labels from closed sets.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use runtime::metrics::Label;

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
