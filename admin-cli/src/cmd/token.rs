//! `aldgate token`: admin tokens. They are no config, so there is nothing to wait for.

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    admin::v1::{
        CreateTokenRequest, CreateTokenResponse, DeleteTokenRequest, ListTokensRequest, Token,
        TokenRole,
    },
    id::TokenUid,
    name::Slug,
};
use serde::Serialize;

use super::tenant_name;
use crate::{args::ListArgs, connect::Session, failure::Failure, output::Printer, page::gather};

/// What to do with admin tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create an admin token; it is shown this once
    Create(CreateArgs),
    /// List all admin tokens, without their secrets
    List(ListArgs),
    /// Delete an admin token; it is refused from the next call on
    Delete {
        /// The token, as `token list` names it
        name: TokenUid,
    },
}

/// What a new token is like.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// What it may do
    #[arg(long, value_enum)]
    role: Role,
    /// Confine it to this tenant; otherwise it is good for the whole installation
    #[arg(long)]
    tenant: Option<Slug>,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Everything within its scope
    Admin,
    /// Read within its scope, change nothing
    Viewer,
}

pub(super) async fn run(verb: Verb, session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut tokens = session.tokens();
    match verb {
        Verb::Create(args) => {
            let answer = tokens
                .create_token(create_request(&args))
                .await?
                .into_inner();
            let created = Created::of(&answer);
            printer.facts(&created, &created.facts())?;
            printer.note("The token is shown this once; only its hash is kept.");
            Ok(())
        }
        Verb::List(args) => {
            let all = gather(&args, async |page_size, page_token| {
                let request = ListTokensRequest {
                    page_size,
                    page_token,
                };
                let page = tokens.list_tokens(request).await?.into_inner();
                Ok((page.tokens, page.next_page_token))
            });
            printer.list(&all.await?)
        }
        Verb::Delete { name } => {
            let name = format!("tokens/{name}");
            tokens
                .delete_token(DeleteTokenRequest { name: name.clone() })
                .await?;
            printer.gone(&name)
        }
    }
}

fn create_request(args: &CreateArgs) -> CreateTokenRequest {
    let role = match args.role {
        Role::Admin => TokenRole::Admin,
        Role::Viewer => TokenRole::Viewer,
    };
    CreateTokenRequest {
        token: Some(Token {
            display_name: args.display_name.clone().unwrap_or_default(),
            tenant: args.tenant.as_ref().map(tenant_name).unwrap_or_default(),
            role: role.into(),
            ..Token::default()
        }),
    }
}

/// A new token as scripts read it.
#[derive(Serialize)]
struct Created<'a> {
    token: &'a str,
    name: String,
    /// Empty for a platform token.
    tenant: String,
}

impl<'a> Created<'a> {
    fn of(answer: &'a CreateTokenResponse) -> Self {
        let token = answer.token.clone().unwrap_or_default();
        Self {
            token: &answer.secret,
            name: token.name,
            tenant: token.tenant,
        }
    }

    fn facts(&self) -> [(&'static str, String); 3] {
        [
            ("token", self.token.to_owned()),
            ("name", self.name.clone()),
            ("tenant", self.tenant.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::{Command, tests::command};

    #[test]
    fn a_tenant_confines_the_token() {
        let platform = create("aldgate token create --role admin");
        assert_eq!(
            (platform.role(), platform.tenant.as_str()),
            (TokenRole::Admin, "")
        );
        let confined = create("aldgate token create --role viewer --tenant acme");
        assert_eq!(
            (confined.role(), confined.tenant.as_str()),
            (TokenRole::Viewer, "tenants/acme")
        );
    }

    #[test]
    fn a_new_token_has_a_documented_shape() {
        let answer = CreateTokenResponse {
            token: Some(Token {
                name: "tokens/0190b7c2-6f00-7abc-8def-0123456789ab".into(),
                ..Token::default()
            }),
            secret: "aldp_x".into(),
        };
        insta::assert_json_snapshot!(Created::of(&answer), @r#"
        {
          "token": "aldp_x",
          "name": "tokens/0190b7c2-6f00-7abc-8def-0123456789ab",
          "tenant": ""
        }
        "#);
    }

    fn create(line: &str) -> Token {
        match command(line) {
            Command::Token(Verb::Create(args)) => create_request(&args).token.unwrap(),
            other => panic!("not a create: {other:?}"),
        }
    }
}
