//! What a browser noticed on a page: requests, their sizes, and its complaints.

use std::collections::HashMap;

use serde_json::Value;

/// Said when a page is left without a click in it, as tests do; it concerns the back button only.
const SKIPPABLE: &str = "NavigationEntryMarkedSkippable";

/// Of one page, since it was opened.
#[derive(Default)]
pub(super) struct EventLog {
    /// Requested addresses, the response's status and the received bytes.
    requests: HashMap<String, Request>,
    complaints: Vec<String>,
}

#[derive(Default)]
struct Request {
    url: String,
    status: u64,
    /// As soon as all of it has come; of what was kept from before, none.
    bytes: Option<u64>,
    failure: Option<String>,
}

impl EventLog {
    /// Takes one event of the protocol in.
    pub(super) fn add(&mut self, method: &str, params: &Value) {
        let id = params["requestId"].as_str().unwrap_or_default().to_owned();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match method {
            "Network.requestWillBeSent" => self.requests.entry(id).or_default().url = text(&params["request"]["url"]),
            "Network.responseReceived" => self.of_request(&id, |request| {
                request.status = params["response"]["status"].as_u64().unwrap_or_default();
            }),
            "Network.loadingFinished" => self.of_request(&id, |request| {
                request.bytes = Some(params["encodedDataLength"].as_f64().unwrap_or_default() as u64);
            }),
            // A page that is left cancels what it had asked for, to keep itself up to date for instance.
            "Network.loadingFailed" if params["canceled"] == true => drop(self.requests.remove(&id)),
            "Network.loadingFailed" => self.of_request(&id, |request| {
                request.failure = Some(text(&params["errorText"]));
            }),
            "Runtime.exceptionThrown" => self.complaints.push(params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "warning" => {
                self.complaints.push(params["args"].to_string());
            }
            // A status above 400 is no complaint here: a form with mistakes is answered with 422.
            "Log.entryAdded" if params["entry"]["source"] != "network" => {
                self.complaints.push(params["entry"].to_string());
            }
            "Audits.issueAdded" if !params["issue"].to_string().contains(SKIPPABLE) => {
                self.complaints.push(params["issue"].to_string())
            }
            _ => {}
        }
    }

    /// A request that began before the log was cleared is not recorded: its address is unknown.
    fn of_request(&mut self, id: &str, record: impl FnOnce(&mut Request)) {
        if let Some(request) = self.requests.get_mut(id) {
            record(request);
        }
    }

    /// Everything that must not have happened: a request to anybody but `origin`, one that failed, an error of a script,
    /// content that the policy forbids.
    pub(super) fn problems(&self, origin: &str) -> Vec<String> {
        let is_ours = |url: &str| {
            url.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'))
                || url.starts_with("data:")
                || url == "about:blank"
        };
        let of_request = |request: &Request| {
            let Request {
                url, status, failure, ..
            } = request;
            match failure {
                Some(failure) => Some(format!("{url}: {failure}")),
                None if !is_ours(url) => Some(format!("{url} is not ours")),
                None if *status >= 500 => Some(format!("{url}: {status}")),
                None => None,
            }
        };
        self.requests
            .values()
            .filter_map(of_request)
            .chain(self.complaints.iter().cloned())
            .collect()
    }

    /// Bytes that came over the network, heads of answers included.
    pub(super) fn bytes(&self) -> u64 {
        self.requests.values().filter_map(|request| request.bytes).sum()
    }

    /// Whether everything that was asked for has come.
    pub(super) fn is_quiet(&self) -> bool {
        self.requests
            .values()
            .all(|request| request.bytes.is_some() || request.failure.is_some() || request.url.starts_with("data:"))
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
