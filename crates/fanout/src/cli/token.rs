//! `fanout token`: manages API tokens.

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::AccountName;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use runtime::UsageError;
use service::cli::print;
use settings::Settings;
use store::Database;
use store::bearer::Who;
use store::tokens::{NewToken, Role};
use uuid::Uuid;

use super::ready_database::ready_database;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it, once.
    Create(CreateToken),
    /// List all tokens.
    List,
    /// Revoke a token. Console sessions that were started with it end.
    Revoke {
        /// The token's id, from `token list`.
        id: Uuid,
    },
}

#[derive(Args)]
pub(super) struct CreateToken {
    /// Account the token acts for.
    #[arg(long, required_unless_present = "service", conflicts_with = "service")]
    account: Option<AccountName>,
    /// Create a service token: it acts for the account that each request names in the header X-Account, and cannot sign in
    /// to the console.
    #[arg(long)]
    service: bool,
    /// Role of the token; a service token has the role admin unless this names another.
    #[arg(long, required_unless_present = "service")]
    role: Option<RoleArgument>,
    /// Purpose of the token.
    #[arg(long, default_value = "")]
    name: String,
    /// Lifetime of the token, such as 90d or 12h. Without it the token is valid until it is revoked.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<Span>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleArgument {
    Admin,
    Viewer,
}

pub(super) async fn run(settings: &Settings, command: &TokenCommand) -> anyhow::Result<()> {
    let database = ready_database(settings).await?;
    match command {
        TokenCommand::Create(new) => create(&database, new).await,
        TokenCommand::List => list(&database).await,
        TokenCommand::Revoke { id } if database.revoke_token(&Who::Operator, *id).await? => print("revoked\n"),
        TokenCommand::Revoke { id } => Err(UsageError(format!("there is no token {id}")).into()),
    }
}

async fn create(database: &Database, new: &CreateToken) -> anyhow::Result<()> {
    let role = match new.role {
        Some(RoleArgument::Viewer) => Role::Viewer,
        Some(RoleArgument::Admin) | None => Role::Admin,
    };
    let expires_at = new
        .expires
        .map(|lifetime| end(database.clock().now(), lifetime))
        .transpose()?;
    let new = NewToken {
        account: new.account.as_ref(),
        role,
        name: &new.name,
        expires_at,
    };
    let created = database.create_token(&Who::Operator, &new).await?;
    print(&format!("{}\n", created.text.expose()))
}

async fn list(database: &Database) -> anyhow::Result<()> {
    let mut lines = String::from("ID\tACCOUNT\tROLE\tCREATED\tLAST USED\tEXPIRES\tREVOKED\tNAME\n");
    for token in database.tokens().await? {
        let columns = [
            token.id.to_string(),
            token
                .account
                .map_or_else(|| "service token".to_owned(), |account| account.to_string()),
            token.role.to_string(),
            token.created_at.to_string(),
            time(token.last_used_at),
            time(token.expires_at),
            time(token.revoked_at),
            token.name,
        ];
        lines.push_str(&columns.join("\t"));
        lines.push('\n');
    }
    print(&lines)
}

/// A timestamp in a list; a dash for none.
fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// A lifetime of at least a second, in jiff's friendly format.
fn lifetime(text: &str) -> Result<Span, String> {
    let refusal = || "must be a time such as 90d or 12h".to_owned();
    let span: Span = text.parse().map_err(|_| refusal())?;
    if span.is_positive() { Ok(span) } else { Err(refusal()) }
}

/// A day has 24 hours here, as in UTC.
fn end(now: Timestamp, lifetime: Span) -> anyhow::Result<Timestamp> {
    let end = now
        .to_zoned(TimeZone::UTC)
        .checked_add(lifetime)
        .context("--expires is too long")?;
    Ok(end.timestamp())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        new: CreateToken,
    }

    #[test]
    fn a_token_belongs_to_an_account_or_is_a_service_token() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.new);
        assert!(parse("create --account acme --role viewer").unwrap().account.is_some());
        for service in ["create --service", "create --service --role viewer --name crm"] {
            assert!(parse(service).unwrap().account.is_none());
        }
        for wrong in [
            "create",
            "create --role admin",
            "create --account acme",
            "create --service --account acme",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_lifetime_is_a_positive_time() {
        let now: Timestamp = "2026-11-23T06:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90d", "2027-02-21T06:00:00Z"),
            ("12h", "2026-11-23T18:00:00Z"),
            ("1y", "2027-11-23T06:00:00Z"),
        ] {
            assert_eq!(end(now, lifetime(text).unwrap()).unwrap().to_string(), expected);
        }
        for wrong in ["", "90", "-1d", "0d", "1d ago", "soon"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
        assert!(end(now, lifetime("9000y").unwrap()).is_err());
    }
}
