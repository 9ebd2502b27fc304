//! What is sent for each line.

use proto::admin::v1::{Client, ClientTrust};

use super::*;
use crate::cmd::{Command, tests::command};

#[test]
fn create_sends_what_was_given() {
    let client = create(
        "aldgate client create ci --tenant acme --grant-type client_credentials --auth-method client_secret_post --role dev --display-name CI",
    );
    assert_eq!(client.grant_types, ["client_credentials"]);
    assert_eq!(client.token_endpoint_auth_method, "client_secret_post");
    assert_eq!(client.roles, ["dev"]);
    let client = create(
        "aldgate client create tv --tenant acme --auth-method none --grant-type device_code --grant-type refresh_token",
    );
    assert_eq!(
        client.grant_types,
        [
            "urn:ietf:params:oauth:grant-type:device_code",
            "refresh_token"
        ]
    );
    assert_eq!(client.token_endpoint_auth_method, "none");
}

#[test]
fn update_names_only_the_fields_that_were_given() {
    for (rest, paths) in [
        ("--trust blocked", vec!["trust"]),
        ("--jwks-uri https://c.test/jwks", vec!["jwks", "jwks_uri"]),
        (
            "--clear-redirect-uris --clear-roles",
            vec!["redirect_uris", "roles"],
        ),
    ] {
        let line = format!("aldgate client update ci --tenant acme {rest}");
        let Command::Client(Verb::Update(args)) = command(&line) else {
            panic!("not an update");
        };
        let request = request::update(&args).unwrap();
        assert_eq!(request.update_mask.unwrap().paths, paths, "{rest}");
        let client = request.client.unwrap();
        assert_eq!(client.name, "tenants/acme/clients/ci");
        if rest.contains("blocked") {
            assert_eq!(client.trust(), ClientTrust::Blocked);
        }
    }
    let Command::Client(Verb::Update(args)) = command("aldgate client update ci --tenant acme")
    else {
        panic!("not an update");
    };
    assert!(matches!(request::update(&args), Err(Failure::Usage(_))));
}

fn create(line: &str) -> Client {
    match command(line) {
        Command::Client(Verb::Create(args)) => {
            let request = request::create(&args).unwrap();
            assert_eq!(request.parent, "tenants/acme");
            request.client.unwrap()
        }
        other => panic!("not a create: {other:?}"),
    }
}
