//! Decides whether a failed lookup is a local error (our name servers) or the failure of the name's own zone.
//!
//! A name server that cannot reach a zone responds like one that is cut off itself. So it is queried for names that it
//! resolved recently, and for any response at all; `domain` draws the conclusion.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::failing_hosts::{self, FailingHosts};
use hickory_resolver::proto::rr::Name;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::cache::{Answer, Family};
use super::name_servers::NameServers;
use crate::trouble::Trouble;

/// Number of recently resolved names that are queried again.
const WITNESSES: usize = 3;
/// How long a result of these queries is reused.
const GOOD_FOR: Duration = Duration::from_secs(5);

pub(super) struct Verdict {
    known: Mutex<Known>,
    /// Held during the queries, so that one caller makes them for all.
    asked: tokio::sync::Mutex<Option<(Instant, failing_hosts::NameServers)>>,
    /// Timeout of the queries.
    patience: Duration,
    trouble: Trouble,
}

#[derive(Default)]
struct Known {
    failing: FailingHosts,
    witnesses: VecDeque<(Name, Family)>,
    resolved: Option<Instant>,
}

impl Verdict {
    pub(super) fn new(patience: Duration) -> Self {
        let trouble = Trouble::new(
            "local error: names cannot be resolved",
            "local error over: names are resolved again",
        );
        Self {
            known: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
            patience,
            trouble,
        }
    }

    /// Whether names are resolved, as far as recent lookups show.
    pub(super) fn is_healthy(&self) -> bool {
        !self.trouble.is_there()
    }

    /// Records a response of a name server. Loopback addresses may be an answer of our own (RFC 6761 §6.3).
    pub(super) fn answered(&self, name: &Name, family: Family, answer: &Answer) {
        if answer.addresses.iter().all(|address| address.is_loopback()) {
            return;
        }
        let mut known = self.known();
        known.failing.succeeded();
        known.resolved = Some(Instant::now());
        if !known.witnesses.iter().any(|(witness, _)| witness == name) {
            known.witnesses.truncate(WITNESSES - 1);
            known.witnesses.push_front((name.clone(), family));
        }
        drop(known);
        self.trouble.is_over();
    }

    /// Whether the failed lookup of `host` is a local error.
    pub(super) async fn is_ours(&self, host: &str, servers: &Arc<NameServers>) -> bool {
        let they = self.ask(servers).await;
        let now = Instant::now().into_std();
        let mut known = self.known();
        known.failing.failed(host, now);
        let ours = they.are_at_fault(&known.failing, now);
        drop(known);
        if ours {
            self.trouble.is_noticed(&format!("{they:?}"));
        }
        ours
    }

    /// The state of the name servers, queried unless it is known.
    pub(super) async fn ask(&self, servers: &Arc<NameServers>) -> failing_hosts::NameServers {
        let mut asked = self.asked.lock().await;
        if let Some((at, they)) = *asked {
            let resolved_since = self.known().resolved.is_some_and(|resolved| resolved > at);
            if at.elapsed() < GOOD_FOR && !resolved_since {
                return they;
            }
        }
        let they = self.ask_now(servers).await;
        *asked = Some((Instant::now(), they));
        they
    }

    async fn ask_now(&self, servers: &Arc<NameServers>) -> failing_hosts::NameServers {
        let witnesses: Vec<_> = self.known().witnesses.iter().cloned().collect();
        let mut questions = JoinSet::new();
        for (name, family) in witnesses.clone() {
            let servers = servers.clone();
            let patience = self.patience;
            questions.spawn(async move {
                timeout(patience, servers.ask(&name, family))
                    .await
                    .is_ok_and(|it| it.is_ok())
            });
        }
        let is_there = timeout(self.patience, servers.answer_at_all());
        let resolved = async {
            while let Some(resolved) = questions.join_next().await {
                if resolved.unwrap_or(false) {
                    return true;
                }
            }
            false
        };
        let (resolved, is_there) = tokio::join!(resolved, is_there);
        if resolved {
            return failing_hosts::NameServers::Resolve;
        }
        let now = Instant::now().into_std();
        let mut known = self.known();
        for (name, _) in witnesses {
            known.failing.failed(name.to_ascii().trim_end_matches('.'), now);
        }
        if is_there.unwrap_or(false) {
            failing_hosts::NameServers::Answer
        } else {
            failing_hosts::NameServers::AreSilent
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
