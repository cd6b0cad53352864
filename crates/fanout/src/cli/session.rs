//! `fanout session`: lists and revokes console sessions.

use clap::{Args, Subcommand};
use domain::AccountName;
use pages::SESSION_LIMITS;
use runtime::UsageError;
use service::cli::print;
use settings::Settings;
use store::sessions::{SessionFilter, SessionRules};

use super::ready_database::ready_database;

#[derive(Subcommand)]
pub(super) enum SessionCommand {
    /// List the console sessions that are valid with these settings.
    List,
    /// Revoke sessions: one, those of an account, those of a person, or all. Their users have to sign in again.
    Revoke(RevokeSessions),
}

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(super) struct RevokeSessions {
    /// The session's id, from `session list`.
    #[arg(conflicts_with_all = ["account", "subject", "all"])]
    id: Option<String>,
    /// All sessions that act for this account.
    #[arg(long, conflicts_with = "all")]
    account: Option<AccountName>,
    /// All sessions of this person, as the CRM names them: the SSO token's `sub`.
    #[arg(long, conflicts_with = "all")]
    subject: Option<String>,
    /// All sessions.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(settings: &Settings, command: &SessionCommand) -> anyhow::Result<()> {
    match command {
        SessionCommand::List => list(settings).await,
        SessionCommand::Revoke(which) => revoke(settings, which).await,
    }
}

async fn list(settings: &Settings) -> anyhow::Result<()> {
    let database = ready_database(settings).await?;
    let vouchers = settings
        .sso
        .provider
        .as_ref()
        .map(|provider| provider.vouchers())
        .unwrap_or_default();
    let rules = SessionRules {
        limits: SESSION_LIMITS,
        vouchers,
    };
    let mut lines = String::from("ID\tACCOUNT\tROLE\tSIGNED IN\tLAST USED\tWHO\n");
    for session in database.sessions(&rules).await? {
        let columns = [
            session.id,
            session.account.to_string(),
            session.role.to_string(),
            session.created_at.to_string(),
            session.last_used_at.to_string(),
            session.who.to_string(),
        ];
        lines.push_str(&columns.join("\t"));
        lines.push('\n');
    }
    print(&lines)
}

async fn revoke(settings: &Settings, which: &RevokeSessions) -> anyhow::Result<()> {
    let database = ready_database(settings).await?;
    let RevokeSessions {
        id,
        account,
        subject,
        all: _,
    } = which;
    let filter = SessionFilter {
        id: id.clone(),
        account: account.clone(),
        subject: subject.clone(),
    };
    let ended = database.end_sessions(&filter).await?;
    if let (Some(id), true) = (id, ended.is_empty()) {
        return Err(UsageError(format!("there is no session {id}")).into());
    }
    let mut lines = format!("{} sessions ended\n", ended.values().sum::<u64>());
    for ((account, who), count) in ended {
        lines.push_str(&format!("{account}\t{who}\t{count}\n"));
    }
    print(&lines)
}
