//! `aldgate revision`.

use std::{fmt, str::FromStr};

use clap::{Args, Subcommand};
use proto::admin::v1::{GetRevisionRequest, ListRevisionsRequest, Revision};

use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with revisions. They are not made or changed by hand: every change is one.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show one revision
    Get {
        /// Its number, or `head` for the newest
        revision: Which,
    },
    /// List revisions, newest first
    List(RecentArgs),
}

/// How far back to list.
#[derive(Debug, Args)]
pub(crate) struct RecentArgs {
    /// Stop after this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

/// Which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The newest.
    Head,
    /// The one with this number.
    Number(u64),
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Get { revision } => printer.one(&get(revision, session).await?),
        Verb::List(args) => {
            let mut revisions = session.revisions();
            let limit = ListArgs {
                limit: Some(args.limit),
            };
            let some = gather(&limit, async |page_size, page_token| {
                let request = ListRevisionsRequest {
                    page_size,
                    page_token,
                };
                let page = revisions.list_revisions(request).await?.into_inner();
                Ok((page.revisions, page.next_page_token))
            });
            printer.list(&some.await?)
        }
    }
}

/// One revision.
pub(super) async fn get(revision: Which, session: &Session) -> Result<Revision, Failure> {
    let name = format!("revisions/{revision}");
    let answer = session
        .revisions()
        .get_revision(GetRevisionRequest { name })
        .await?
        .into_inner();
    Ok(answer.revision.unwrap_or_default())
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "head" => Ok(Self::Head),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| "must be a number or `head`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_a_number_or_the_head() {
        assert_eq!("head".parse(), Ok(Which::Head));
        assert_eq!("17".parse(), Ok(Which::Number(17)));
        assert!("newest".parse::<Which>().is_err());
        assert_eq!(Which::Number(17).to_string(), "17");
    }
}
